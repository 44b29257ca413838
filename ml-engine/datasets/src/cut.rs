//! Long texts as several documents.

/// Where a text is cut best; the first is the best of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Boundary {
	/// After an empty line.
	Paragraph,
	/// After a line.
	Line,
	/// After a sentence.
	Sentence,
	/// After white space.
	Word,
	/// Between two characters.
	Character,
}

/// Shortest limit that leaves room to choose a boundary.
const LIMIT_MIN: usize = 64;

/// Cuts a text into pieces of at most `bytes_max` bytes (64 at least), at paragraphs where there are any, else at
/// lines, sentences, words, and in the last resort between two characters.
///
/// The pieces are of similar length and make up the text again, one after another.
pub fn pieces(text: &str, bytes_max: usize) -> Vec<&str> {
	let bytes_max = bytes_max.max(LIMIT_MIN);
	let mut pieces = Vec::new();
	let mut rest = text;
	while rest.len() > bytes_max {
		let (piece, after) = rest.split_at(place(rest, bytes_max));
		pieces.push(piece);
		rest = after;
	}
	if !rest.is_empty() {
		pieces.push(rest);
	}
	pieces
}

/// Where to end the first piece of a text that is longer than `bytes_max`.
fn place(text: &str, bytes_max: usize) -> usize {
	// Equal shares: a cut at the limit would leave a last piece of any length.
	let ideal = text.len() / text.len().div_ceil(bytes_max);
	let low = boundary_before(text, ideal / 2);
	let high = bytes_max.min(text.len() - ideal / 2);
	let mut best = (Boundary::Character, 0, boundary_before(text, ideal));
	let mut before = [None, text[..low].chars().next_back()];
	for (at, next) in text[low..].char_indices() {
		let at = low + at;
		if at > high {
			break;
		}
		let boundary = match before {
			[Some('\n'), Some('\n')] => Boundary::Paragraph,
			[_, Some('\n')] => Boundary::Line,
			[Some('.' | '!' | '?' | '\u{2026}'), Some(' ')] => Boundary::Sentence,
			// Chinese and Japanese sentences end without a space.
			[_, Some('\u{3002}' | '\u{ff01}' | '\u{ff1f}')] => Boundary::Sentence,
			[_, Some(last)] if last.is_whitespace() => Boundary::Word,
			_ => Boundary::Character,
		};
		if boundary < Boundary::Character && at > 0 {
			best = best.min((boundary, at.abs_diff(ideal), at));
		}
		before = [before[1], Some(next)];
	}
	best.2
}

/// The last place at or before `at` that is not inside a character.
fn boundary_before(text: &str, at: usize) -> usize {
	(0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn pieces_ends_at_the_best_boundary_there_is() {
		let ends = |text: &str| pieces(text, 100).first().copied().map(str::to_owned).unwrap();
		let text = format!(
			"{} {}. {}\n{}\n\n{}",
			"a".repeat(60),
			"b".repeat(5),
			"c".repeat(5),
			"d".repeat(6),
			"e".repeat(80)
		);
		assert!(ends(&text).ends_with("d\n\n"));
		assert!(ends(&text.replace("\n\n", "--")).ends_with("c\n"));
		assert!(ends(&text.replace('\n', "-")).ends_with("b. "));
		assert!(ends(&text.replace(['\n', '.'], "-")).ends_with(' '));
		assert_eq!(ends(&"f".repeat(160)).len(), 80);
		assert!(ends(&"\u{6587}\u{3002}".repeat(30)).ends_with('\u{3002}'));
	}

	#[test]
	fn pieces_leaves_a_short_text_whole_and_nothing_empty() {
		assert!(pieces("", 100).is_empty());
		assert_eq!(pieces("short", 100), ["short"]);
	}

	proptest! {
		#[test]
		fn pieces_make_up_the_text_and_none_is_too_long_or_a_stub(
			words in prop::collection::vec("[a-z\u{e9}\u{1f980}\u{6587}]{1,40}(\n\n|\n|\\. | |\u{3002}|)", 0..120),
			bytes_max in 64_usize..400,
		) {
			let text = words.concat();
			let pieces = pieces(&text, bytes_max);
			prop_assert_eq!(pieces.concat(), text.clone());
			for piece in &pieces {
				prop_assert!(piece.len() <= bytes_max);
				// A quarter, less a character that may not be cut.
				prop_assert!(text.len() <= bytes_max || piece.len() + 4 >= bytes_max / 4, "{}", piece.len());
			}
		}
	}
}
