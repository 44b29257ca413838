//! A text as runs of letters and digits, for finding numbers that are written in groups.

use crate::Finding;

/// A find, and the runs of letters and digits that it is made of.
pub(super) type Found = (Finding, usize);

/// A text's bytes and the runs of ASCII letters and digits in it.
pub(super) struct Scan<'a> {
	/// The text.
	pub bytes: &'a [u8],
	words: Vec<(usize, usize)>,
}

/// Bytes in front of a number in which a word says what the number is.
const CONTEXT_BYTES: usize = 40;

impl<'a> Scan<'a> {
	/// Finds the runs.
	pub fn new(text: &'a str) -> Self {
		let bytes = text.as_bytes();
		let mut words = Vec::with_capacity(bytes.len() / 5);
		let mut begun = None;
		for (at, byte) in bytes.iter().enumerate() {
			match (byte.is_ascii_alphanumeric(), begun) {
				(true, None) => begun = Some(at),
				(false, Some(start)) => {
					words.push((start, at));
					begun = None;
				}
				_ => {}
			}
		}
		words.extend(begun.map(|start| (start, bytes.len())));
		Self { bytes, words }
	}

	/// Runs there are.
	pub fn len(&self) -> usize {
		self.words.len()
	}

	/// A run; empty behind the last.
	pub fn word(&self, index: usize) -> &'a [u8] {
		self.words.get(index).and_then(|(start, end)| self.bytes.get(*start..*end)).unwrap_or_default()
	}

	/// Where a run begins.
	pub fn start(&self, index: usize) -> usize {
		self.words.get(index).map_or(self.bytes.len(), |(start, _)| *start)
	}

	fn end(&self, index: usize) -> usize {
		self.words.get(index).map_or(self.bytes.len(), |(_, end)| *end)
	}

	/// The single byte between a run and the next, if there is exactly one.
	pub fn separator(&self, index: usize) -> Option<u8> {
		let end = self.end(index);
		(index + 1 < self.len() && self.start(index + 1) == end + 1)
			.then(|| self.bytes.get(end).copied())
			.flatten()
	}

	/// The byte in front of a run.
	pub fn before(&self, index: usize) -> Option<u8> {
		self.start(index).checked_sub(1).and_then(|at| self.bytes.get(at)).copied()
	}

	/// Reports whether the runs from `first` to `last` stand alone: no part of a longer number, name or path. A comma is between
	/// numbers behind four digits and more: groups of thousands have three.
	pub fn is_alone(&self, first: usize, last: usize) -> bool {
		let is_free_before = !self.before(first).is_some_and(|byte| b"._-/#".contains(&byte));
		let end = self.end(last);
		let (next, after) = (self.bytes.get(end), self.bytes.get(end + 1));
		let goes_on = match next {
			Some(b'_') => true,
			Some(b',') => self.word(last).len() < 4 && after.is_some_and(u8::is_ascii_digit),
			Some(b'.' | b'-' | b'/') => after.is_some_and(u8::is_ascii_alphanumeric),
			_ => false,
		};
		is_free_before && !goes_on
	}

	/// Counts the groups, two at most on either side, by which those from `first` to `last` are part of a row of groups of the
	/// same length, as a table of four-digit numbers is.
	fn beside(&self, first: usize, last: usize) -> usize {
		let separator = self.separator(first);
		let is_like = |index: usize, edge: usize| {
			let word = self.word(index);
			word.len() == self.word(edge).len() && word.len() > 2 && word.iter().any(u8::is_ascii_digit)
		};
		let precedes = |index: &Option<usize>| {
			index.is_some_and(|index| self.separator(index) == separator && is_like(index, first))
		};
		let follows = |index: &usize| self.separator(*index) == separator && is_like(index + 1, last);
		let before = (1..=2).map(|back| first.checked_sub(back)).take_while(precedes).count();
		before + (last..last + 2).take_while(follows).count()
	}

	/// Digits of the runs from `first` on, if they are all digits, of these lengths, and between them is one of
	/// `separators`, the same each time. None of a row of more groups.
	pub fn groups(&self, first: usize, lengths: &[usize], separators: &[u8]) -> Option<Vec<u8>> {
		self.groups_beside(first, lengths, separators, 0)
	}

	/// The same, with at most `beside` more groups of their length in the row: the date behind a payment number is one.
	pub fn groups_beside(
		&self,
		first: usize,
		lengths: &[usize],
		separators: &[u8],
		beside: usize,
	) -> Option<Vec<u8>> {
		let mut digits = Vec::with_capacity(20);
		let used = self.separator(first);
		for (offset, length) in lengths.iter().enumerate() {
			let word = self.word(first + offset);
			if word.len() != *length || !word.iter().all(u8::is_ascii_digit) {
				return None;
			}
			let is_last = offset + 1 == lengths.len();
			let separator = self.separator(first + offset);
			if !is_last && (separator != used || !separator.is_some_and(|byte| separators.contains(&byte))) {
				return None;
			}
			digits.extend(word.iter().map(|byte| byte - b'0'));
		}
		let last = first + lengths.len() - 1;
		let is_whole = self.is_alone(first, last) && (first == last || self.beside(first, last) <= beside);
		is_whole.then_some(digits)
	}

	/// Reports whether one of these words, in small letters, stands within a few bytes in front of a run.
	pub fn is_named(&self, index: usize, words: &[&str]) -> bool {
		self.named_at(index, words).is_some()
	}

	/// Where the last of these words stands, in the few bytes in front of a run.
	pub fn named_at(&self, index: usize, words: &[&str]) -> Option<usize> {
		let start = self.start(index);
		let window = self.bytes.get(start.saturating_sub(CONTEXT_BYTES)..start).unwrap_or_default();
		let window = window.to_ascii_lowercase();
		let is_letter =
			|at: Option<usize>| at.and_then(|at| window.get(at)).is_some_and(u8::is_ascii_alphabetic);
		let last = |word: &&str| {
			window
				.windows(word.len())
				.enumerate()
				.filter(|(_, part)| *part == word.as_bytes())
				.filter(|(at, _)| !is_letter(at.checked_sub(1)) && !is_letter(Some(at + word.len())))
				.map(|(at, _)| at)
				.next_back()
		};
		words.iter().filter_map(last).max()
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn groups_are_read_if_they_stand_alone_with_one_separator() {
		let groups = |text: &str, lengths: &[usize]| {
			let scan = Scan::new(text);
			(0..scan.len()).find_map(|index| scan.groups(index, lengths, b" -"))
		};
		assert_eq!(groups("no 12-34.", &[2, 2]), Some(vec![1, 2, 3, 4]));
		for text in ["12-34-5", "x.12-34", "12-34_", "12 34-", "12  34", "1a-34", "12/34", "12-34,5"] {
			let found = groups(text, &[2, 2]);
			assert_eq!(found.is_some(), text == "12 34-", "{text}");
		}
		assert_eq!(groups("1 2-3", &[1, 1, 1]), None);
		// A field of a table of commas ends at its comma, and a row of many groups is not one number.
		assert_eq!(groups("a,1234-5678,9", &[4, 4]), Some(vec![1, 2, 3, 4, 5, 6, 7, 8]));
		for text in ["1234 5678 9012", "1234 5678 9012 3456"] {
			assert_eq!(groups(text, &[4, 4]), None, "{text}");
		}
		assert!(groups("1234 5678 90", &[4, 4]).is_some());
		let scan = Scan::new("1234 5678 9012 3456");
		let beside = |first, count| scan.groups_beside(first, &[4, 4], b" ", count).is_some();
		assert_eq!([beside(0, 1), beside(0, 2), beside(1, 1), beside(2, 1)], [false, true, false, false]);
		assert!(beside(1, 2) && Scan::new("12 1234 5678 9012").groups_beside(1, &[4, 4], b" ", 1).is_some());
	}

	#[test]
	fn a_name_is_a_word_that_begins_in_front_of_the_number() {
		let scan = Scan::new("call Tel. 12, intel 34");
		assert!(scan.is_named(2, &["tel"]));
		assert!(!Scan::new("intel 34").is_named(1, &["tel"]));
		assert!(!Scan::new("teller 34").is_named(1, &["tel"]));
		assert!(!Scan::new("34 tel").is_named(0, &["tel"]));
		let at = |words: &[&str]| Scan::new("tel ip tel 34").named_at(3, words);
		assert_eq!([at(&["tel"]), at(&["ip"]), at(&["fax"])], [Some(7), Some(4), None]);
	}
}
