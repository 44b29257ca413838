//! Plain falsehoods: arithmetic in a text that is wrong.
//!
//! ```text
//! number (operator number)* = number        + - * x / and their typeset signs; at most 9 digits, and 6 behind the point
//! ```
//!
//! Only what cannot mean anything else is judged: the equation stands alone in its line of prose, no letter or operator touches it, and all
//! of its numbers are written out. Dates, versions, assignments, other bases, percentages, rounded quotients, years and code are passed over:
//! a finding that is wrong once in twenty times would be worthless. Multiplication goes before addition; brackets are not read.
//! In 970 MB of sources and READMEs of crates and of packages in Python one line is found, whose formula began on the line before.

/// Digits of a number before and behind its point.
const DIGITS_MAX: usize = 9;
const FRACTION_MAX: usize = 6;
/// Numbers on the left side.
const TERMS_MAX: usize = 8;
/// Millionths of a whole: all numbers are of these.
const ONE: i128 = 1_000_000;

/// Reports whether a text has an equation that is wrong.
pub(super) fn has_falsehood(text: &str) -> bool {
	// By lines, and not by looking back from every sign: a line may be all signs, and the text all one line.
	text.split('\n').any(|line| line.match_indices('=').any(|(at, _)| is_false(line, at)))
}

/// Reports whether the equation around a sign at `at` of a line is one, and wrong.
fn is_false(line: &str, at: usize) -> bool {
	let (Some(left), Some(right)) = (line.get(..at), line.get(at + 1..)) else { return false };
	let Some((value, is_exact)) = left_side(left) else { return false };
	let Some((stated, fraction)) = right_side(right) else { return false };
	match is_exact {
		true => value != stated,
		// A quotient may be rounded to the digits that are stated, either way.
		false => {
			let unit = ONE / 10_i128.pow(u32::try_from(fraction).unwrap_or_default());
			value.saturating_sub(stated).unsigned_abs() >= unit.unsigned_abs()
		}
	}
}

/// Reads the expression at the end of a line: its value, and false if it has a quotient.
fn left_side(line: &str) -> Option<(i128, bool)> {
	let mut rest = line.trim_end_matches(' ');
	let mut terms: Vec<(i128, char)> = Vec::new();
	loop {
		let (number, before) = last_number(rest)?;
		let trimmed = before.trim_end_matches(' ');
		let operator = trimmed.chars().next_back().filter(|sign| is_operator(*sign));
		let Some(operator) = operator.filter(|_| terms.len() + 1 < TERMS_MAX) else {
			terms.push((number, '+'));
			// Nothing but the beginning of a line, a space or an opening sign may stand in front.
			let is_free = before.is_empty() || before.ends_with([' ', '\t', '(', '"', '\'']);
			let is_term =
				trimmed.ends_with(['+', '*', '/', '^', '%', '=', '<', '>', '&', '|', '~', ')', ']']);
			let is_prose = is_free && !is_term && !names_another_meaning(trimmed);
			return (is_prose && terms.len() > 1).then(|| value(&terms)).flatten();
		};
		let ahead = trimmed.get(..trimmed.len() - operator.len_utf8())?;
		// Spaces on both sides or on none: "9 -3" is two numbers.
		if (trimmed.len() == before.len()) != (ahead.len() == ahead.trim_end_matches(' ').len()) {
			return None;
		}
		// A minus without spaces is a range or a date as often; an x of a size, too.
		if trimmed.len() == before.len() && matches!(operator, '-' | '/' | 'x') {
			return None;
		}
		terms.push((number, operator));
		rest = ahead.trim_end_matches(' ');
	}
}

fn is_operator(sign: char) -> bool {
	matches!(sign, '+' | '-' | '*' | '/' | 'x' | '\u{d7}' | '\u{f7}' | '\u{2212}')
}

/// Reports whether the word in front says that the numbers are not of plain arithmetic.
fn names_another_meaning(before: &str) -> bool {
	const WORDS: [&str; 16] = [
		"mod", "modulo", "binary", "hex", "octal", "base", "xor", "or", "and", "not", "false", "wrong",
		"claims", "if", "suppose", "joke",
	];
	let words = before.rsplit(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
	words.take(3).any(|word| WORDS.iter().any(|other| word.eq_ignore_ascii_case(other)))
}

/// The number at the end of a text in millionths, and what is in front of it.
fn last_number(text: &str) -> Option<(i128, &str)> {
	let is_part = |letter: char| letter.is_ascii_digit() || letter == '.';
	let begun = text.trim_end_matches(is_part).len();
	let (before, number) = text.split_at_checked(begun)?;
	// A letter, a sign of currency or a comma would make it a part of something else.
	let touches = before.chars().next_back().is_some_and(|sign| {
		sign.is_alphabetic() && sign != 'x' || matches!(sign, '_' | ',' | ':' | '#' | '$' | '\\' | '@')
	});
	(!touches).then(|| parse(number)).flatten().map(|(value, _)| (value, before))
}

/// The number behind the sign of an equation, and the digits of its fraction; `None` if it goes on as something else.
fn right_side(text: &str) -> Option<(i128, usize)> {
	let text = text.trim_start_matches(' ');
	let (is_negative, text) = match text.strip_prefix(['-', '\u{2212}']) {
		Some(rest) => (true, rest),
		None => (false, text),
	};
	let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
	let (number, behind) = text.split_at_checked(end)?;
	// The point of a sentence.
	let number = number.strip_suffix('.').unwrap_or(number);
	let is_end = match behind.chars().next() {
		None | Some('\n' | '\r' | ')' | '"' | '\'' | '!' | '?') => true,
		Some(' ') => goes_on_as_prose(behind.trim_start_matches(' ')),
		// Not "3,5" and not "1,000".
		Some(',' | ';') => {
			behind.get(1..).is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
		}
		Some(_) => false,
	};
	let (value, fraction) = is_end.then(|| parse(number)).flatten()?;
	Some((if is_negative { -value } else { value }, fraction))
}

/// Reports whether what follows a space is words: no operator, no unit of another measure, no number.
fn goes_on_as_prose(behind: &str) -> bool {
	const OTHERS: [&str; 10] =
		["mod", "modulo", "percent", "in", "base", "remainder", "rest", "bits", "if", "r"];
	let word: String = behind.chars().take_while(|letter| letter.is_alphanumeric()).collect();
	match word.is_empty() {
		true => behind.is_empty() || behind.starts_with(['.', '\n', ')', '"']),
		false => {
			word.chars().all(char::is_alphabetic)
				&& !OTHERS.iter().any(|other| word.eq_ignore_ascii_case(other))
		}
	}
}

/// A number in millionths, and the digits of its fraction.
fn parse(number: &str) -> Option<(i128, usize)> {
	let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
	let is_whole = (1..=DIGITS_MAX).contains(&whole.len()) && whole.bytes().all(|byte| byte.is_ascii_digit());
	// A zero in front is of a code, a date or another base.
	let is_plain = whole.len() == 1 || !whole.starts_with('0');
	let has_digits = fraction.len() <= FRACTION_MAX && fraction.bytes().all(|byte| byte.is_ascii_digit());
	if !is_whole || !is_plain || !has_digits || number.ends_with('.') {
		return None;
	}
	let digits = |text: &str| text.bytes().fold(0, |sum, byte| sum * 10 + i128::from(byte - b'0'));
	let scale = 10_i128.pow(u32::try_from(FRACTION_MAX - fraction.len()).ok()?);
	Some((digits(whole) * ONE + digits(fraction) * scale, fraction.len()))
}

/// The value of terms, the last first, each with the operator in front of it.
fn value(terms: &[(i128, char)]) -> Option<(i128, bool)> {
	let (mut sum, mut product, mut is_exact) = (0_i128, 0_i128, true);
	for (number, operator) in terms.iter().rev() {
		match operator {
			'*' | 'x' | '\u{d7}' => {
				// Products of fractions are rounded as they please.
				if *number % ONE != 0 || product % ONE != 0 {
					return None;
				}
				product = product.checked_mul(*number)? / ONE;
			}
			'/' | '\u{f7}' => {
				is_exact = false;
				product = product.checked_mul(ONE)?.checked_div(*number)?;
			}
			sign => {
				sum = sum.checked_add(product)?;
				product = if *sign == '+' { *number } else { -number };
			}
		}
	}
	Some((sum.checked_add(product)?, is_exact))
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn what_is_plainly_wrong_is_found() {
		for text in [
			"1 + 1 = 3",
			"Everyone knows that 1+1=3.",
			"As 2 + 2 = 5, we may go on.",
			"so (7 * 8 = 54) it is",
			"12 - 5 = 8 apples",
			"the product 3 x 4 = 13!",
			"10 / 4 = 4",
			"10 \u{f7} 5 = 3\nand so on",
			"6 \u{d7} 7 = 41",
			"1.5 + 1.5 = 3.1",
			"2 + 3 * 4 = 20",
			"5 - 9 = 4",
			"first 1 + 1 = 2, then 2 + 2 = 3",
			"1 + 2 + 3 + 4 = 11",
		] {
			assert!(has_falsehood(text), "{text}");
		}
	}

	#[test]
	fn what_is_right_or_means_something_else_is_not() {
		for text in [
			"1 + 1 = 2",
			"2 + 3 * 4 = 14",
			"10 / 4 = 2.5 and 10 / 3 = 3.33, or 10 / 3 = 3",
			"20 / 3 = 7, 10 / 4 = 3, 100 / 200 = 0, 465 / 16 = 29",
			"0.5 * 0.667 = 0.3333",
			"5 - 9 = -4",
			"1.25 * 4 = 5",
			// Versions, dates, ranges, sizes.
			"from 2020-11-30 = 7",
			"1-2 = 5",
			"3x4 = 7",
			"pages 10-12 = 3",
			"tokio 1.2.3 + 4 = 9",
			"30/11 = 5",
			// Assignments and comparisons in code.
			"let a = 1 + 1;",
			"x = 5",
			"a1 + 1 = 3",
			"x + 1 = 3",
			"f(2) + 1 = 3",
			"2x + 1 = 3",
			"assert!(1 + 1 == 3)",
			"1 + 1 != 3",
			"1 + 1 <= 3",
			"i += 1 + 1 = 3;",
			"v[1] + 1 = 3",
			"0x10 + 1 = 3",
			"01 + 01 = 10",
			"1 + 1 = 3px",
			"1 + 1 = 3 * 2",
			"1 + 1 = 2 + 0",
			"1 + 1 = x",
			"1,000 + 1 = 3",
			"1 + 1 = 1,000",
			"$5 + 1 = 3",
			"50 % + 1 = 3",
			"2 ^ 3 + 1 = 9",
			"2 + (3 * 4) = 20",
			"9 -3 = 5",
			// Said of other numbers, or said to be wrong.
			"modulo 5: mod 3 + 4 = 2",
			"in binary 1 + 1 = 10",
			"3 + 4 = 2 mod 5",
			"13 / 4 = 3 remainder 1",
			"it is wrong that 1 + 1 = 3",
			"if 1 + 1 = 3",
			"\u{661} + 1 = 3",
			"=",
			"1 + = 3",
			"+ 1 = 3",
			"1 + 1 =",
			"1..2 + 1 = 3",
			"7 = 7",
			"1 / 0 = 3",
		] {
			assert!(!has_falsehood(text), "{text}");
		}
	}

	#[test]
	fn attack_a_line_of_nothing_but_signs_takes_no_longer_than_any_other() {
		// Looking back to the beginning of the line from each of them would take minutes.
		assert!(!has_falsehood(&"=".repeat(4 << 20)));
		assert!(has_falsehood(&["=".repeat(4 << 20).as_str(), "\n2 + 2 = 5"].concat()));
	}

	proptest! {
		#[test]
		fn a_sum_that_is_right_is_never_found_and_one_that_is_not_always_is(
			terms in prop::collection::vec(0_i64..1_000_000, 2..6),
			error in 1_i64..1_000,
			spaced in any::<bool>(),
		) {
			let sign = if spaced { " + " } else { "+" };
			let left: Vec<String> = terms.iter().map(i64::to_string).collect();
			let left = left.join(sign);
			let sum: i64 = terms.iter().sum();
			let right_text = format!("so {left} = {sum}.");
			let wrong_text = format!("so {left} = {}.", sum + error);
			prop_assert!(!has_falsehood(&right_text));
			prop_assert!(has_falsehood(&wrong_text));
		}

		#[test]
		fn any_text_is_read(text in "\\PC{0,60}", other in "[0-9+*/x=. -]{0,40}") {
			has_falsehood(&text);
			has_falsehood(&other);
		}
	}
}
