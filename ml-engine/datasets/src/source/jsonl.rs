//! JSON lines: one object a line.

use super::{
	lines::{next_line, Line},
	packed::{refusal, Contents, Opened},
	refuse,
	row::{text_of, Fields},
	Layout, Limits, Row,
};
use crate::{Error, Reason};
use std::path::{Path, PathBuf};

/// Rows of a file of JSON lines. Blank lines are none.
pub(super) struct JsonLines {
	path: PathBuf,
	contents: Contents,
	layout: Layout,
	line_bytes_max: usize,
	number: u64,
	is_over: bool,
}

impl JsonLines {
	/// Reads an opened file.
	pub fn new(path: &Path, opened: Opened, layout: &Layout, limits: &Limits) -> Self {
		Self {
			path: path.into(),
			contents: opened.contents,
			layout: layout.clone(),
			line_bytes_max: limits.row_bytes_max,
			number: 0,
			is_over: false,
		}
	}

	fn parse(&self, line: Vec<u8>) -> Row {
		let content = match String::from_utf8(line) {
			Err(_) => Err(Reason::NotUtf8),
			Ok(line) => match serde_json::from_str::<Fields>(&line) {
				Err(_) => Err(Reason::Malformed),
				Ok(fields) => text_of(&fields, &self.layout).ok_or(Reason::NoText),
			},
		};
		Row { number: self.number, content, notes: Vec::new() }
	}
}

impl Iterator for JsonLines {
	type Item = Result<Row, Error>;

	fn next(&mut self) -> Option<Self::Item> {
		while !self.is_over {
			self.number += 1;
			match next_line(&mut self.contents, self.line_bytes_max) {
				Ok(None) => break,
				Ok(Some(Line::TooLong)) => return Some(Ok(Row::left_out(self.number, Reason::LineTooLong))),
				Ok(Some(Line::Bytes(line))) if line.trim_ascii().is_empty() => {}
				Ok(Some(Line::Bytes(line))) => return Some(Ok(self.parse(line))),
				Err(error) => {
					self.is_over = true;
					return Some(refuse(&self.path, refusal(error), self.number));
				}
			}
		}
		None
	}
}
