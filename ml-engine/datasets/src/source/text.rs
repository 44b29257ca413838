//! Text and Markdown of any length, as stretches that end at paragraphs.

use super::{
	packed::{refusal, Contents, Opened},
	refuse, RawText, Row,
};
use crate::{filter, Error, Note, Reason};
use std::{
	io::Read,
	path::{Path, PathBuf},
};

/// Bytes of text that are held at once. A book is shorter; a longer text is handed on in stretches.
pub(super) const STRETCH_BYTES: usize = 1 << 20;

/// A text in stretches that make it up again.
pub(super) struct Stretches {
	path: PathBuf,
	contents: Contents,
	held: Vec<u8>,
	number: u64,
	is_over: bool,
	bytes: usize,
	/// Beginning of the file, once its first stretch was read.
	beginning: Option<String>,
}

impl Stretches {
	/// Reads an opened file.
	pub fn new(path: &Path, opened: Opened) -> Self {
		let contents = opened.contents;
		Self {
			path: path.into(),
			contents,
			held: Vec::new(),
			number: 0,
			is_over: false,
			bytes: STRETCH_BYTES,
			beginning: None,
		}
	}

	fn row(&mut self, bytes: Vec<u8>) -> Row {
		let Ok(text) = String::from_utf8(bytes) else {
			return Row::left_out(self.number, Reason::NotUtf8);
		};
		let mut notes = Vec::new();
		let text = match text.contains("\r\n") {
			true => {
				notes.push(Note::CarriageReturns);
				text.replace("\r\n", "\n")
			}
			false => text,
		};
		let beginning = self.beginning.clone();
		if self.number == 1 {
			self.beginning = Some(filter::beginning(&text));
		}
		Row { notes, ..Row::text(self.number, RawText { text, beginning, ..RawText::default() }) }
	}
}

/// Where a stretch of `held` ends: behind the last paragraph of its second half, else the last line, else the last whole
/// character; but in front of a key in PEM that would be cut, of which neither stretch would have enough to be recognised by.
fn end(held: &[u8]) -> usize {
	let half = held.len() / 2;
	let late = held.get(half..).unwrap_or_default();
	let behind = |mark: &[u8]| {
		let at = late.windows(mark.len()).rposition(|window| window == mark);
		at.map(|at| half + at + mark.len())
	};
	let character = || {
		// A character has four bytes at most, so one of the last four begins one.
		let begins = |byte: &u8| byte & 0xc0 != 0x80;
		let tail = held.len().saturating_sub(4);
		let begun = held.get(tail..).and_then(|last| last.iter().rposition(begins));
		begun.map(|at| tail + at).filter(|at| *at > 0)
	};
	let at = behind(b"\n\n")
		.or_else(|| behind(b"\n\r\n"))
		.or_else(|| behind(b"\n"))
		.or_else(character)
		.unwrap_or(held.len());
	let last = held.get(half..at).unwrap_or_default();
	let place = |mark: &[u8]| last.windows(mark.len()).rposition(|window| window == mark);
	match (place(b"-----BEGIN "), place(b"-----END ")) {
		(Some(begin), end) if end.is_none_or(|end| end < begin) && half + begin > 0 => half + begin,
		_ => at,
	}
}

impl Iterator for Stretches {
	type Item = Result<Row, Error>;

	fn next(&mut self) -> Option<Self::Item> {
		if self.is_over {
			return None;
		}
		self.number += 1;
		let wanted = self.bytes.saturating_sub(self.held.len());
		if let Err(error) = self.contents.by_ref().take(wanted as u64).read_to_end(&mut self.held) {
			self.is_over = true;
			return Some(refuse(&self.path, refusal(error), self.number));
		}
		let rest = match self.held.len() < self.bytes {
			true => {
				self.is_over = true;
				Vec::new()
			}
			false => {
				let at = end(&self.held);
				self.held.split_off(at)
			}
		};
		let bytes = std::mem::replace(&mut self.held, rest);
		match bytes.is_empty() && self.number > 1 {
			true => None,
			false => Some(Ok(self.row(bytes))),
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;
	use std::io::Cursor;

	fn rows(text: &str, bytes: usize) -> Vec<Row> {
		let contents = Box::new(Cursor::new(text.as_bytes().to_vec()));
		let opened = Opened { contents, had_mark: false };
		let stretches = Stretches { bytes, ..Stretches::new(Path::new("a.txt"), opened) };
		stretches.map(Result::unwrap).collect()
	}

	#[test]
	fn stretches_end_at_paragraphs_if_there_are_any() {
		let text = "one one one\n\ntwo two two\nthree\n\nfour four";
		let ends: Vec<String> = rows(text, 20).into_iter().map(|row| row.content.unwrap().text).collect();
		assert_eq!(ends[0], "one one one\n\n");
		assert_eq!(ends.concat(), text);
	}

	#[test]
	fn a_key_that_would_be_cut_begins_a_stretch() {
		// Put together here, so that no scanner takes this file for a leak.
		let line = |word: &str| format!("-----{word} PRIVATE KEY-----\n");
		let key = format!("{}\n{}\n{}", line("BEGIN"), "A".repeat(40), line("END"));
		let text = format!("{}{key}", "word ".repeat(14));
		let read: Vec<String> = rows(&text, 100).into_iter().map(|row| row.content.unwrap().text).collect();
		assert_eq!(read.concat(), text);
		assert_eq!(read[1], key);
	}

	#[test]
	fn an_empty_file_is_one_empty_row() {
		let read = rows("", 20);
		assert_eq!(read.len(), 1);
		assert_eq!(read[0].content.as_ref().unwrap().text, "");
	}

	proptest! {
		#[test]
		fn no_byte_of_a_text_is_lost(
			parts in prop::collection::vec("[a-z\u{e9}\u{1f980}]{0,9}(\n\n|\n| |)", 0..60),
			bytes in 8_usize..64,
		) {
			let text = parts.concat();
			let read: String = rows(&text, bytes).into_iter().map(|row| row.content.unwrap().text).collect();
			prop_assert_eq!(read, text);
		}
	}
}
