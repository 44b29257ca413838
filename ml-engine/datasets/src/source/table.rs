//! Tables of comma- or tab-separated values whose first row names the columns.

use super::{
	limits::RowGuard,
	packed::{refusal, Contents, Opened},
	refuse,
	row::{text_of, Fields},
	Layout, Limits, Row,
};
use crate::{Error, Reason};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Rows of a table as fields by the names of its columns.
pub(super) struct Records {
	path: PathBuf,
	reader: csv::Reader<RowGuard<Contents>>,
	names: Option<Vec<String>>,
	number: u64,
	is_over: bool,
}

impl Records {
	/// Reads an opened file.
	pub fn new(path: &Path, opened: Opened, limits: &Limits, separator: u8) -> Self {
		let guard = RowGuard::new(opened.contents, limits.row_bytes_max);
		let reader = csv::ReaderBuilder::new()
			.delimiter(separator)
			.has_headers(false)
			.flexible(true)
			.from_reader(guard);
		Self { path: path.into(), reader, names: None, number: 0, is_over: false }
	}

	/// The next row of cells; `None` at the end of the file.
	fn cells(&mut self) -> Option<Result<Result<Vec<String>, Reason>, Error>> {
		let mut record = csv::ByteRecord::new();
		let is_read = self.reader.read_byte_record(&mut record);
		self.reader.get_mut().reset();
		match is_read {
			Ok(false) => None,
			Ok(true) => {
				let cells = record.iter().map(|cell| String::from_utf8(cell.to_vec()));
				Some(Ok(cells.collect::<Result<_, _>>().map_err(|_| Reason::NotUtf8)))
			}
			Err(error) => {
				// The reader cannot find the next row behind a fault: the rest is one row that is left out.
				self.is_over = true;
				let refused = match error.into_kind() {
					csv::ErrorKind::Io(error) => refusal(error),
					_ => Ok(Reason::Malformed),
				};
				match refuse(&self.path, refused, self.number) {
					Ok(row) => Some(Ok(Err(row.content.err().unwrap_or(Reason::Malformed)))),
					Err(error) => Some(Err(error)),
				}
			}
		}
	}

	fn fields(names: &[String], cells: Vec<String>) -> Result<Fields, Reason> {
		match cells.len() > names.len() {
			true => Err(Reason::Malformed),
			false => Ok(names.iter().cloned().zip(cells.into_iter().map(Value::String)).collect()),
		}
	}
}

impl Iterator for Records {
	/// Number of the row, and its fields or why it has none.
	type Item = Result<(u64, Result<Fields, Reason>), Error>;

	fn next(&mut self) -> Option<Self::Item> {
		while !self.is_over {
			self.number += 1;
			let cells = match self.cells()? {
				Ok(Ok(cells)) => cells,
				Ok(Err(reason)) => {
					// Without the names of the columns, which would be taken from the next row, no row can be read.
					self.is_over |= self.names.is_none();
					return Some(Ok((self.number, Err(reason))));
				}
				Err(error) => return Some(Err(error)),
			};
			let Some(names) = &self.names else {
				// The first row names the columns.
				self.names = Some(cells.into_iter().map(|name| name.trim().to_string()).collect());
				continue;
			};
			return Some(Ok((self.number, Self::fields(names, cells))));
		}
		None
	}
}

/// Rows of a table as texts.
pub(super) struct Table {
	records: Records,
	layout: Layout,
}

impl Table {
	/// Reads an opened file.
	pub fn new(path: &Path, opened: Opened, layout: &Layout, limits: &Limits, separator: u8) -> Self {
		Self { records: Records::new(path, opened, limits, separator), layout: layout.clone() }
	}
}

impl Iterator for Table {
	type Item = Result<Row, Error>;

	fn next(&mut self) -> Option<Self::Item> {
		let (number, fields) = match self.records.next()? {
			Ok(record) => record,
			Err(error) => return Some(Err(error)),
		};
		let content = fields.and_then(|fields| text_of(&fields, &self.layout).ok_or(Reason::NoText));
		Some(Ok(Row { number, content, notes: Vec::new() }))
	}
}
