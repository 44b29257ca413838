//! Parquet: rows of the columns that hold text, one row group after another.

use super::{
	row::{names, text_of, Fields},
	Layout, Limits, Row, Rows,
};
use crate::{Error, Reason};
use parquet::{
	file::{
		metadata::ParquetMetaData,
		reader::{FileReader, SerializedFileReader},
	},
	record::{reader::RowIter, Field, Row as Record},
	schema::types::Type,
};
use serde_json::Value;
use std::{
	fs::File,
	panic::{catch_unwind, AssertUnwindSafe},
	path::Path,
};

/// Rows that the reader decodes at once.
const BATCH_ROWS: usize = 256;

/// Opens a file. A file whose row groups are larger than the limits allow is refused by its metadata, before decoding.
pub(super) fn rows(path: &Path, layout: &Layout, limits: &Limits) -> Result<Rows, Error> {
	let file = File::open(path).map_err(Error::io(path))?;
	let packed = file.metadata().map_err(Error::io(path))?.len();
	Ok(match open(file, packed, layout, limits) {
		Ok(rows) => Box::new(rows.map(Ok)),
		Err(reason) => Box::new(std::iter::once(Ok(Row::left_out(1, reason)))),
	})
}

fn open(file: File, packed: u64, layout: &Layout, limits: &Limits) -> Result<ParquetRows, Reason> {
	// The library asserts on schemas that it does not expect; in files from strangers that is damage, not a bug of ours.
	let opened = catch_unwind(AssertUnwindSafe(|| {
		let reader = SerializedFileReader::new(file).map_err(|_| Reason::Damaged)?;
		check_size(reader.metadata(), packed, limits)?;
		let projection = projection(reader.metadata(), layout)?;
		let rows = RowIter::from_file_into(Box::new(reader)).project(Some(projection));
		Ok(rows.map_err(|_| Reason::Damaged)?.with_batch_size(BATCH_ROWS))
	}));
	let rows = opened.unwrap_or(Err(Reason::Damaged))?;
	let row_bytes_max = limits.row_bytes_max;
	Ok(ParquetRows { rows, layout: layout.clone(), row_bytes_max, number: 0, is_over: false })
}

fn check_size(metadata: &ParquetMetaData, packed: u64, limits: &Limits) -> Result<(), Reason> {
	let mut total = 0_u64;
	for group in metadata.row_groups() {
		let columns = group.columns().iter().map(|column| u64::try_from(column.uncompressed_size()));
		let bytes = columns.sum_of().ok_or(Reason::Damaged)?;
		if bytes > limits.row_group_bytes_max {
			return Err(Reason::Bomb);
		}
		total = total.saturating_add(bytes);
	}
	match limits.is_bomb(packed, total) {
		true => Err(Reason::Bomb),
		false => Ok(()),
	}
}

/// Sum of sizes, unless one is negative.
trait SumOf {
	fn sum_of(self) -> Option<u64>;
}

impl<E, I: Iterator<Item = Result<u64, E>>> SumOf for I {
	fn sum_of(mut self) -> Option<u64> {
		self.try_fold(0_u64, |sum, bytes| Some(sum.saturating_add(bytes.ok()?)))
	}
}

/// The schema of the columns that are read.
fn projection(metadata: &ParquetMetaData, layout: &Layout) -> Result<Type, Reason> {
	let root = metadata.file_metadata().schema_descr().root_schema();
	let wanted = names(layout);
	let fields: Vec<_> =
		root.get_fields().iter().filter(|field| wanted.contains(&field.name())).cloned().collect();
	if fields.is_empty() {
		return Err(Reason::NoText);
	}
	Type::group_type_builder(root.name()).with_fields(fields).build().map_err(|_| Reason::Damaged)
}

struct ParquetRows {
	rows: RowIter<'static>,
	layout: Layout,
	row_bytes_max: usize,
	number: u64,
	is_over: bool,
}

impl Iterator for ParquetRows {
	type Item = Row;

	fn next(&mut self) -> Option<Row> {
		if self.is_over {
			return None;
		}
		self.number += 1;
		// As above: pages from strangers.
		match catch_unwind(AssertUnwindSafe(|| self.rows.next())) {
			Ok(None) => None,
			Ok(Some(Ok(record))) => {
				let content = match text_of(&fields(record), &self.layout) {
					Some(raw) if raw.text.len() > self.row_bytes_max => Err(Reason::LineTooLong),
					raw => raw.ok_or(Reason::NoText),
				};
				Some(Row { number: self.number, content, notes: Vec::new() })
			}
			Ok(Some(Err(_))) | Err(_) => {
				self.is_over = true;
				Some(Row::left_out(self.number, Reason::Damaged))
			}
		}
	}
}

fn fields(record: Record) -> Fields {
	record.into_columns().into_iter().map(|(name, field)| (name, value(field))).collect()
}

/// Texts, lists and groups; numbers are never part of a text.
fn value(field: Field) -> Value {
	match field {
		Field::Str(text) => Value::String(text),
		// Columns without the annotation UTF8, as older writers leave them.
		Field::Bytes(bytes) => String::from_utf8(bytes.data().to_vec()).map_or(Value::Null, Value::String),
		Field::Group(record) => Value::Object(fields(record)),
		Field::ListInternal(list) => Value::Array(list.elements().iter().cloned().map(value).collect()),
		_ => Value::Null,
	}
}
