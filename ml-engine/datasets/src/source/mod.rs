//! Readers: whatever people bring, as a stream of texts in bounded memory.
//!
//! ```text
//! arguments ── inventory ──> files, descriptions, licence       (walks, hashes, sorts by hash)
//! a file ───── rows ───────> Row { number, content, notes }     (JSON lines, CSV, TSV, Parquet, text; gzip, zstd)
//! ```
//!
//! A row that cannot be used is a row all the same, with its [`Reason`]: so every line of every file is counted.

pub mod convert;
pub mod croissant;
mod front_matter;
pub mod inventory;
mod jsonl;
mod licence_file;
mod limits;
mod lines;
mod packed;
mod parquet;
mod row;
mod table;
mod text;

pub use limits::Limits;
pub use row::{Layout, RawText};

use crate::{Error, Note, Reason};
use inventory::{Kind, SourceFile};
use packed::Refusal;
use std::path::Path;

/// One row, line, or stretch of text of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
	/// Its number in the file, from 1.
	pub number: u64,
	/// The text, or why there is none.
	pub content: Result<RawText, Reason>,
	/// Repairs that were made.
	pub notes: Vec<Note>,
}

impl Row {
	fn text(number: u64, text: RawText) -> Self {
		Self { number, content: Ok(text), notes: Vec::new() }
	}

	fn left_out(number: u64, reason: Reason) -> Self {
		Self { number, content: Err(reason), notes: Vec::new() }
	}
}

/// Rows of one file. After an error there are no more.
pub type Rows = Box<dyn Iterator<Item = Result<Row, Error>>>;

/// Opens a file. A file that cannot be read at all is one row that says why.
///
/// # Errors
///
/// [`Error::Io`] if the disk fails; faults of the file's contents are rows.
pub fn rows(file: &SourceFile, layout: &Layout, limits: &Limits) -> Result<Rows, Error> {
	let path = file.path.as_path();
	if file.kind == Kind::Parquet {
		return parquet::rows(path, layout, limits);
	}
	let opened = match packed::open(path, limits) {
		Ok(opened) => opened,
		Err(refused) => {
			let row = refuse(path, refused, 1)?;
			return Ok(Box::new(std::iter::once(Ok(row))));
		}
	};
	let had_mark = opened.had_mark;
	let rows: Rows = match file.kind {
		Kind::JsonLines => Box::new(jsonl::JsonLines::new(path, opened, layout, limits)),
		Kind::Table { separator } => Box::new(table::Table::new(path, opened, layout, limits, separator)),
		_ => Box::new(text::Stretches::new(path, opened)),
	};
	Ok(match had_mark {
		true => Box::new(rows.enumerate().map(|(index, row)| match row {
			Ok(mut row) if index == 0 => {
				row.notes.push(Note::ByteOrderMark);
				Ok(row)
			}
			row => row,
		})),
		false => rows,
	})
}

/// A fault of the contents as a row, one of the disk as an error.
fn refuse(path: &Path, refused: Refusal, number: u64) -> Result<Row, Error> {
	match refused {
		Ok(reason) => Ok(Row::left_out(number, reason)),
		Err(source) => Err(Error::Io { path: path.into(), source }),
	}
}

#[cfg(test)]
mod tests;
