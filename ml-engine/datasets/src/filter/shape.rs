//! Shape of a text: length, characters, lines. Integers only.

use crate::Reason;
use std::collections::HashSet;
use xxhash_rust::xxh3::xxh3_64;

/// Lines beyond this, in bytes, are paragraphs or the work of programs.
const LINE_BYTES_MAX: usize = 1_000;
/// Lines, and words, below which repetition is no sign of anything.
const REPEATED_LINES_MIN: usize = 20;
const REPEATED_WORDS_MIN: usize = 100;

/// Characters of a text, counted by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kinds {
	all: usize,
	spaces: usize,
	letters: usize,
	controls: usize,
	nuls: usize,
	replaced: usize,
	/// Pairs that UTF-8 read as Latin-1 gives, such as "\u{c3}\u{a9}".
	twice_encoded: usize,
}

/// The first reason for which a text's shape is refused.
pub(super) fn judge(text: &str, bytes_min: usize) -> Option<Reason> {
	if text.trim().len() < bytes_min {
		return Some(Reason::TooShort);
	}
	let kinds = count(text);
	let visible = kinds.all - kinds.spaces;
	if kinds.nuls > 0 {
		Some(Reason::Nul)
	} else if kinds.controls * 200 > kinds.all {
		Some(Reason::ControlCharacters)
	} else if kinds.replaced * 100 > kinds.all || kinds.twice_encoded * 50 > kinds.all {
		Some(Reason::EncodingDamaged)
	} else if kinds.letters * 4 < visible {
		Some(Reason::FewLetters)
	} else if text.len() > LINE_BYTES_MAX && text.lines().any(is_table) {
		Some(Reason::Unbroken)
	} else if is_repetitive(text) {
		Some(Reason::Repetitive)
	} else {
		None
	}
}

fn count(text: &str) -> Kinds {
	let mut kinds = Kinds::default();
	let mut last = ' ';
	for character in text.chars() {
		kinds.all += 1;
		match character {
			'a'..='z' | 'A'..='Z' => kinds.letters += 1,
			' ' | '\n' | '\t' | '\r' => kinds.spaces += 1,
			'\0' => kinds.nuls += 1,
			'\u{c}' => {}
			'\u{fffd}' => kinds.replaced += 1,
			'\u{80}'..='\u{bf}' if matches!(last, '\u{c2}' | '\u{c3}') => kinds.twice_encoded += 1,
			character if character.is_ascii() => kinds.controls += usize::from(character.is_ascii_control()),
			character if character.is_control() => kinds.controls += 1,
			character if character.is_alphabetic() => kinds.letters += 1,
			character => kinds.spaces += usize::from(character.is_whitespace()),
		}
		last = character;
	}
	kinds
}

/// Reports whether a line is one that only programs write: long, and not words.
fn is_table(line: &str) -> bool {
	if line.len() <= LINE_BYTES_MAX {
		return false;
	}
	let letters = line.bytes().filter(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii()).count();
	let is_unbroken = line.split(|c: char| !c.is_ascii_graphic()).any(|run| run.len() > LINE_BYTES_MAX);
	is_unbroken || letters * 2 < line.len()
}

/// Reports whether a text says the same over and over: a fifth of its lines are distinct, or a twentieth of its words.
fn is_repetitive(text: &str) -> bool {
	let (mut lines, mut line_count) = (HashSet::new(), 0);
	for line in text.lines().map(str::trim).filter(|line| line.len() > 3) {
		line_count += 1;
		lines.insert(xxh3_64(line.as_bytes()));
	}
	if line_count >= REPEATED_LINES_MIN && lines.len() * 5 < line_count {
		return true;
	}
	let (mut words, mut word_count) = (HashSet::new(), 0);
	for word in text.split_whitespace().take(REPEATED_WORDS_MIN * 4) {
		word_count += 1;
		words.insert(xxh3_64(word.as_bytes()));
	}
	word_count >= REPEATED_WORDS_MIN && words.len() * 20 < word_count
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn every_reason_of_shape_has_its_text() {
		let prose = "Some words that people wrote, one after another. ";
		for (text, wanted) in [
			(prose.repeat(2), None),
			("fn main() { println!(\"hello, world\"); }".to_string(), None),
			("\u{6587}\u{5b57}\u{3068}\u{8a00}\u{8449}\u{3002}".repeat(5), None),
			(" short ".to_string(), Some(Reason::TooShort)),
			(format!("{prose}\0"), Some(Reason::Nul)),
			(format!("{prose}\u{1}\u{2}\u{1b}"), Some(Reason::ControlCharacters)),
			(format!("{prose}\u{fffd}\u{fffd}"), Some(Reason::EncodingDamaged)),
			(
				"Caf\u{c3}\u{a9} und T\u{c3}\u{bc}r und Stra\u{c3}\u{9f}e".to_string(),
				Some(Reason::EncodingDamaged),
			),
			("12 34 56 -- 78 == 90 ++ 11".to_string(), Some(Reason::FewLetters)),
			(format!("let x = \"{}\";", "QUJDREVG".repeat(200)), Some(Reason::Unbroken)),
			(prose.repeat(40), Some(Reason::Repetitive)),
			("the same line again\n".repeat(30), Some(Reason::Repetitive)),
		] {
			assert_eq!(judge(&text, 20), wanted, "{text}");
		}
	}

	#[test]
	fn a_paragraph_on_one_line_is_prose() {
		let paragraph: String = (0..300).map(|n| format!("word{n} follows ")).collect();
		assert!(paragraph.len() > LINE_BYTES_MAX);
		assert_eq!(judge(&paragraph, 20), None);
	}
}
