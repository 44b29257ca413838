//! Toxic language by a short list of terms with severities, in English and a few words of other languages.
//!
//! The list finds the plain cases: threats, slurs, abuse. It is no classifier, and says nothing of irony or of languages that it
//! does not have; a model judges after it. One term of severity 3 is enough. Below that the sum of severities decides, against
//! the length: novels curse.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

/// Severity and term a line, ROT13.
const LIST: &str = include_str!("toxic.txt");
/// Sum of severities below which a text is not toxic, if none is of the worst.
const SUM_MIN: u64 = 2;
/// A text is toxic if it has a severity of one for every so many words.
const WORDS_PER_SEVERITY: u64 = 25;

/// The list, ready for matching.
pub(super) struct Toxic {
	terms: AhoCorasick,
	severities: Vec<u64>,
}

impl Toxic {
	/// Reads the list.
	pub fn new() -> Self {
		let entries =
			LIST.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '));
		let (severities, terms): (Vec<u64>, Vec<String>) = entries
			.map(|(severity, term)| (severity.parse::<u64>().unwrap_or_default(), rot13(term)))
			.unzip();
		let terms = AhoCorasick::builder()
			.ascii_case_insensitive(true)
			.kind(Some(AhoCorasickKind::DFA))
			.match_kind(MatchKind::LeftmostLongest)
			.build(&terms)
			.expect("a constant that the tests build; qed");
		Self { terms, severities }
	}

	/// Reports whether a text is toxic.
	pub fn is_toxic(&self, text: &str) -> bool {
		let bytes = text.as_bytes();
		let mut sum = 0;
		for found in self.terms.find_iter(text) {
			let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
			let before = found.start().checked_sub(1).and_then(|at| bytes.get(at));
			if before.is_some_and(is_letter) || bytes.get(found.end()).is_some_and(is_letter) {
				continue;
			}
			let severity = self.severities.get(found.pattern().as_usize()).copied().unwrap_or_default();
			if severity >= 3 {
				return true;
			}
			sum += severity;
		}
		// Words are counted only for texts that have a term at all.
		sum >= SUM_MIN && {
			let words = u64::try_from(text.split_whitespace().count()).unwrap_or(u64::MAX);
			sum.saturating_mul(WORDS_PER_SEVERITY) >= words
		}
	}
}

fn rot13(term: &str) -> String {
	let turn = |letter: char, first: u8| {
		let value = u8::try_from(letter).map_or(0, |letter| letter - first);
		char::from(first + (value + 13) % 26)
	};
	term.chars()
		.map(|letter| match letter {
			'a'..='z' => turn(letter, b'a'),
			'A'..='Z' => turn(letter, b'A'),
			letter => letter,
		})
		.collect()
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn threats_and_abuse_are_toxic_and_words_that_contain_them_are_not() {
		let toxic = Toxic::new();
		for text in ["Go and xvyy lbhefrys now, please.", "Lbh vqvbg", "shpx lbh, and your dog", "LBH ZBEBA!"]
		{
			assert!(toxic.is_toxic(&plain(text)), "{text}");
		}
		for text in [
			"Kill the process yourself with SIGTERM.",
			"The Scunthorpe problem: assess the class, grasp the method, and pass.",
			"The idiot by Dostoevsky is a long novel about a good man among bad ones.",
			"unspicy chinking of logs",
		] {
			assert!(!toxic.is_toxic(text), "{text}");
		}
	}

	/// Turns only the words that are hidden.
	fn plain(text: &str) -> String {
		const HIDDEN: [&str; 8] = ["xvyy", "lbhefrys", "Lbh", "vqvbg", "shpx", "lbh", "LBH", "ZBEBA"];
		let words = text.split_inclusive(|letter: char| !letter.is_alphabetic());
		words
			.map(|word| {
				let bare = word.trim_end_matches(|letter: char| !letter.is_alphabetic());
				match HIDDEN.contains(&bare) {
					true => rot13(word),
					false => word.to_string(),
				}
			})
			.collect()
	}

	#[test]
	fn a_novel_may_curse_and_a_short_text_may_not() {
		let toxic = Toxic::new();
		let curse = rot13("shpxvat ohyyfuvg");
		assert!(toxic.is_toxic(&curse));
		assert!(!toxic.is_toxic(&format!("{curse} {}", "and so they went on ".repeat(100))));
	}

	#[test]
	fn the_list_is_read_whole() {
		let toxic = Toxic::new();
		assert_eq!(toxic.severities.len(), LIST.lines().count() - 1);
		assert!(toxic.severities.iter().all(|severity| (1..=3).contains(severity)));
		assert_eq!(rot13(&rot13("Any text, 1!")), "Any text, 1!");
	}
}
