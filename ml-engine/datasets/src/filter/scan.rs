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

	/// Reports whether the runs from `first` to `last` stand alone: no part of a longer number, name or path.
	pub fn is_alone(&self, first: usize, last: usize) -> bool {
		let is_free_before = !self.before(first).is_some_and(|byte| b"._-/#".contains(&byte));
		let end = self.end(last);
		let (next, after) = (self.bytes.get(end), self.bytes.get(end + 1));
		let goes_on = match next {
			Some(b'_') => true,
			Some(b'.' | b',' | b'-' | b'/') => after.is_some_and(u8::is_ascii_alphanumeric),
			_ => false,
		};
		is_free_before && !goes_on
	}

	/// Digits of the runs from `first` on, if they are all digits, of these lengths, and between them is one of
	/// `separators`, the same each time.
	pub fn groups(&self, first: usize, lengths: &[usize], separators: &[u8]) -> Option<Vec<u8>> {
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
		self.is_alone(first, first + lengths.len() - 1).then_some(digits)
	}

	/// Reports whether one of these words, in small letters, stands within a few bytes in front of a run.
	pub fn is_named(&self, index: usize, words: &[&str]) -> bool {
		let start = self.start(index);
		let window = self.bytes.get(start.saturating_sub(CONTEXT_BYTES)..start).unwrap_or_default();
		let window = window.to_ascii_lowercase();
		words.iter().any(|word| {
			let is_letter =
				|at: Option<usize>| at.and_then(|at| window.get(at)).is_some_and(u8::is_ascii_alphabetic);
			window
				.windows(word.len())
				.enumerate()
				.filter(|(_, part)| *part == word.as_bytes())
				.any(|(at, _)| !is_letter(at.checked_sub(1)) && !is_letter(Some(at + word.len())))
		})
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
		for text in ["12-34-5", "x.12-34", "12-34_", "12 34-", "12  34", "1a-34", "12/34"] {
			let found = groups(text, &[2, 2]);
			assert_eq!(found.is_some(), text == "12 34-", "{text}");
		}
		assert_eq!(groups("1 2-3", &[1, 1, 1]), None);
	}

	#[test]
	fn a_name_is_a_word_that_begins_in_front_of_the_number() {
		let scan = Scan::new("call Tel. 12, intel 34");
		assert!(scan.is_named(2, &["tel"]));
		assert!(!Scan::new("intel 34").is_named(1, &["tel"]));
		assert!(!Scan::new("teller 34").is_named(1, &["tel"]));
		assert!(!Scan::new("34 tel").is_named(0, &["tel"]));
	}
}
