//! Lines of a file as UTF-8, in bounded memory.

use super::{collector::is_utf16, DatasetError};
use std::{
	fs::File,
	io::{BufRead, BufReader, Read},
	path::{Path, PathBuf},
};

/// Longest line that is read: no document is that large.
pub(super) const LINE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The byte order mark in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The lines of a file that are not blank, and their numbers from 1.
///
/// A byte order mark at the beginning is left out. A line that cannot be read is an error with its number; the lines
/// after it can be.
pub(super) struct Lines {
	path: PathBuf,
	file: BufReader<File>,
	line: usize,
	bytes_max: usize,
}

impl Lines {
	/// Opens a file.
	pub fn open(path: &Path) -> Result<Self, DatasetError> {
		let file = File::open(path).map_err(|source| DatasetError::Io { path: path.into(), source })?;
		Ok(Self { path: path.into(), file: BufReader::new(file), line: 0, bytes_max: LINE_BYTES_MAX })
	}

	/// A refusal of a line.
	pub fn refuse(&self, line: usize, reason: impl ToString) -> DatasetError {
		DatasetError::Line { path: self.path.clone(), line, reason: reason.to_string() }
	}

	/// A refusal of a line that is not the JSON it should be.
	pub fn refuse_json(&self, line: usize, error: &serde_json::Error) -> DatasetError {
		// To its reader every line is the first one.
		let place = format!(" at line {} column {}", error.line(), error.column());
		self.refuse(line, error.to_string().replace(&place, &format!(" at column {}", error.column())))
	}

	fn read(&mut self) -> std::io::Result<Option<Result<String, String>>> {
		let mut bytes = Vec::new();
		let limit = self.bytes_max as u64 + 1;
		if self.file.by_ref().take(limit).read_until(b'\n', &mut bytes)? == 0 {
			return Ok(None);
		}
		if bytes.len() > self.bytes_max && !bytes.ends_with(b"\n") {
			self.skip_line()?;
			return Ok(Some(Err(format!("the line is longer than {} bytes", self.bytes_max))));
		}
		if self.line == 1 {
			if is_utf16(&bytes) {
				return Ok(Some(Err("the file is UTF-16; convert it: iconv -f UTF-16 -t UTF-8".into())));
			}
			if bytes.starts_with(BYTE_ORDER_MARK) {
				bytes.drain(..BYTE_ORDER_MARK.len());
			}
		}
		Ok(Some(String::from_utf8(bytes).map_err(|error| {
			let at = error.utf8_error().valid_up_to();
			format!("byte {} of the line, 0x{:02x}, is not UTF-8", at + 1, error.as_bytes()[at])
		})))
	}

	/// Goes on behind the end of the line without keeping any of it.
	fn skip_line(&mut self) -> std::io::Result<()> {
		loop {
			let buffer = self.file.fill_buf()?;
			let end = buffer.iter().position(|byte| *byte == b'\n');
			let (used, is_over) =
				(end.map_or(buffer.len(), |end| end + 1), end.is_some() || buffer.is_empty());
			self.file.consume(used);
			if is_over {
				return Ok(());
			}
		}
	}
}

impl Iterator for Lines {
	type Item = Result<(usize, String), DatasetError>;

	fn next(&mut self) -> Option<Self::Item> {
		loop {
			self.line += 1;
			return match self.read() {
				Ok(None) => None,
				Ok(Some(Ok(line))) if line.trim().is_empty() => continue,
				Ok(Some(Ok(line))) => Some(Ok((self.line, line))),
				Ok(Some(Err(reason))) => Some(Err(self.refuse(self.line, reason))),
				Err(source) => Some(Err(DatasetError::Io { path: self.path.clone(), source })),
			};
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn lines(bytes: &[u8], bytes_max: usize) -> Vec<Result<(usize, String), String>> {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("a.jsonl");
		std::fs::write(&path, bytes).unwrap();
		let lines = Lines { bytes_max, ..Lines::open(&path).unwrap() };
		lines.map(|line| line.map_err(|error| error.to_string())).collect()
	}

	#[test]
	fn lines_are_read_with_any_ending_and_without_byte_order_mark() {
		let wanted = [Ok((1, "a".to_string())), Ok((3, "b".to_string()))];
		for text in ["a\n\nb\n", "a\n\nb", "\u{feff}a\r\n\r\nb\r\n"] {
			let read = lines(text.as_bytes(), 100);
			let trimmed: Vec<_> = read
				.into_iter()
				.map(|line| line.map(|(at, line)| (at, line.trim_end().to_string())))
				.collect();
			assert_eq!(trimmed, wanted, "{text:?}");
		}
		assert!(lines(b"", 100).is_empty());
	}

	#[test]
	fn a_long_line_is_named_and_the_next_is_read() {
		let text = format!("short\n{}\nshort again\n", "x".repeat(100_000));
		let read = lines(text.as_bytes(), 1_000);
		assert_eq!(
			(read[0].clone(), read[2].clone()),
			(Ok((1, "short\n".into())), Ok((3, "short again\n".into())))
		);
		assert!(read[1]
			.as_ref()
			.is_err_and(|error| error.contains("line 2: the line is longer than 1000 bytes")));
	}

	#[test]
	fn bytes_that_are_not_utf8_are_named_by_line_and_byte() {
		let read = lines(b"one\ntwo \xff\nthree", 100);
		assert!(read[1].as_ref().is_err_and(|error| error.contains("line 2: byte 5 of the line, 0xff")));
		assert_eq!(read[2], Ok((3, "three".into())));
		let utf16 = lines(b"\xff\xfe{\0\"\0", 100);
		assert!(utf16[0].as_ref().is_err_and(|error| error.contains("line 1: the file is UTF-16")));
	}
}
