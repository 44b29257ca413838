//! Answers out of texts: the last of the worked steps, a boxed expression, or the first number.
//!
//! Rules for GSM8K are those of lm-evaluation-harness 0.4.13 (`gsm8k.yaml`), without a regular expression: what its
//! patterns find, the scanners here find.

use serde::{Deserialize, Serialize};

/// Place of an answer in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extraction {
	/// Number behind the first `#### ` that has one: GSM8K, strict.
	Hashes,
	/// Last number of the text: GSM8K, flexible.
	LastNumber,
	/// First integer of the text.
	FirstInteger,
	/// Contents of the last `\boxed{}`: MATH.
	Boxed,
}

impl Extraction {
	/// Finds the answer of a text, normalised; `None` if there is none.
	pub fn find(self, text: &str) -> Option<String> {
		let found = match self {
			Self::Hashes => behind_hashes(text),
			Self::LastNumber => last_number(text),
			Self::FirstInteger => first_integer(text),
			Self::Boxed => boxed(text),
		};
		found.map(|answer| self.normalise(answer))
	}

	/// Writes an answer in the form in which two are compared.
	pub fn normalise(self, answer: &str) -> String {
		match self {
			Self::Boxed => expression(answer),
			_ => number(answer),
		}
	}
}

/// `#### (\-?[0-9\.\,]+)`, the first match.
fn behind_hashes(text: &str) -> Option<&str> {
	const MARK: &str = "#### ";
	text.match_indices(MARK).find_map(|(at, _)| {
		let rest = text.get(at + MARK.len()..)?;
		run(rest, |c| c.is_ascii_digit() || matches!(c, '.' | ','), 1)
	})
}

/// `(-?[$0-9.,]{2,})|(-?[0-9]+)`, the last match.
fn last_number(text: &str) -> Option<&str> {
	let (mut rest, mut last) = (text, None);
	while let Some(first) = rest.chars().next() {
		let long = run(rest, |c| c.is_ascii_digit() || matches!(c, '$' | '.' | ','), 2);
		match long.or_else(|| run(rest, |c| c.is_ascii_digit(), 1)) {
			Some(found) => {
				last = Some(found);
				rest = rest.get(found.len()..)?;
			}
			None => rest = rest.get(first.len_utf8()..)?,
		}
	}
	last
}

fn first_integer(text: &str) -> Option<&str> {
	text.char_indices().find_map(|(at, _)| run(text.get(at..)?, |c| c.is_ascii_digit(), 1))
}

/// Takes a sign, if there is one, and at least `least` characters of a kind from the beginning of a text.
fn run(text: &str, is_of_kind: impl Fn(char) -> bool, least: usize) -> Option<&str> {
	let unsigned = text.strip_prefix('-').unwrap_or(text);
	let length = unsigned.find(|c| !is_of_kind(c)).unwrap_or(unsigned.len());
	// All kinds are ASCII: characters are bytes.
	let signed = length + text.len() - unsigned.len();
	(length >= least).then(|| text.get(..signed)).flatten()
}

/// Contents of the last `\boxed{}` whose braces are balanced up to its end.
fn boxed(text: &str) -> Option<&str> {
	const MARK: &str = "\\boxed{";
	let start = text.rfind(MARK)? + MARK.len();
	let inner = text.get(start..)?;
	let mut depth = 1u32;
	for (at, c) in inner.char_indices() {
		match c {
			'{' => depth += 1,
			'}' => depth -= 1,
			_ => {}
		}
		if depth == 0 {
			return inner.get(..at);
		}
	}
	None
}

/// GSM8K's form: all up to the last `#### ` removed, then commas and dollars, then a full stop at the end.
fn number(answer: &str) -> String {
	let answer = answer.rsplit_once("#### ").map_or(answer, |(_, behind)| behind);
	let plain: String = answer.chars().filter(|c| !matches!(c, ',' | '$')).collect();
	plain.strip_suffix('.').unwrap_or(&plain).to_lowercase()
}

/// Form of an expression of LaTeX: without spaces, sizes of brackets, units in `\text{}`, dollars and percent signs.
fn expression(answer: &str) -> String {
	let mut plain = answer.trim().trim_end_matches('.').to_owned();
	for (long, short) in [
		("\\left", ""),
		("\\right", ""),
		("\\!", ""),
		("\\,", ""),
		("\\ ", ""),
		("\\$", ""),
		("\\%", ""),
		("%", ""),
	] {
		plain = plain.replace(long, short);
	}
	plain = plain.replace("dfrac", "frac").replace("tfrac", "frac");
	// A unit stands behind a number; a text alone is the answer itself.
	if let Some((value, _)) = plain.split_once("\\text{").filter(|(value, _)| !value.trim().is_empty()) {
		plain = value.to_owned();
	}
	plain.retain(|c| !c.is_whitespace() && c != '$');
	plain
}

#[cfg(test)]
mod tests {
	use super::*;

	fn found(extraction: Extraction, text: &str) -> Option<String> {
		extraction.find(text)
	}

	#[test]
	fn the_strict_rule_reads_behind_the_first_hashes_with_a_number() {
		let strict = |text| found(Extraction::Hashes, text);
		assert_eq!(strict("so 48/2=24\n#### 1,024.").as_deref(), Some("1024"));
		assert_eq!(strict("#### none\n#### -7 apples #### 8").as_deref(), Some("-7"));
		assert_eq!(strict("the answer is 72"), None);
		assert_eq!(strict("####72"), None);
	}

	#[test]
	fn the_flexible_rule_reads_the_last_number_with_its_separators() {
		let flexible = |text| found(Extraction::LastNumber, text);
		assert_eq!(flexible("It costs $1,200.50 for 7 days.").as_deref(), Some("7"));
		assert_eq!(flexible("7 days cost $1,200.50.").as_deref(), Some("1200.50"));
		assert_eq!(flexible("from 3 to -12").as_deref(), Some("-12"));
		assert_eq!(flexible("é nothing"), None);
	}

	#[test]
	fn the_first_integer_is_read_with_its_sign() {
		assert_eq!(found(Extraction::FirstInteger, " -42\n7").as_deref(), Some("-42"));
		assert_eq!(found(Extraction::FirstInteger, "x"), None);
	}

	#[test]
	fn a_boxed_expression_is_read_with_its_inner_braces_and_in_one_form() {
		let boxed = |text| found(Extraction::Boxed, text);
		assert_eq!(boxed("so \\boxed{1} or \\boxed{\\dfrac{1}{2}}.").as_deref(), Some("\\frac{1}{2}"));
		assert_eq!(boxed("\\boxed{ \\left( 1, 2 \\right) }").as_deref(), Some("(1,2)"));
		assert_eq!(boxed("\\boxed{10 \\text{ cm}}").as_deref(), Some("10"));
		assert_eq!(boxed("\\boxed{\\text{yes}}").as_deref(), Some("\\text{yes}"));
		assert_eq!(boxed("\\boxed{1"), None);
	}
}
