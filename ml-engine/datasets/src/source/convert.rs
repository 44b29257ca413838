//! Conversion of a table into JSON lines, row by row: no filter, no licence, nothing made up.
//!
//! The readers of this crate take such lines in: `blyan dataset create` makes a dataset of them.

use super::{
	packed,
	row::{text_of, Fields, Instruction},
	table::Records,
	Layout, Limits,
};
use crate::{Error, Reason, Tally};
use serde_json::{json, Value};
use std::{
	io::{self, Write},
	path::Path,
};

/// Shape of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
	/// `{"text": ..}`: task, context and answer are paragraphs of one text.
	Text,
	/// `{"instruction": .., "input": .., "output": ..}`.
	Instruction,
}

/// Outcome of a conversion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Converted {
	/// Lines that were written.
	pub written: u64,
	/// Rows that were not, by reason.
	pub tally: Tally,
}

/// Converts a table, plain or compressed, whose first row names the columns. `with_category` keeps a column of that name.
///
/// # Errors
///
/// [`Error::Io`] if the disk fails, or `out` does; a row that cannot be read is counted.
pub fn convert(
	path: &Path,
	separator: u8,
	shape: Shape,
	with_category: bool,
	limits: &Limits,
	out: &mut impl Write,
) -> Result<Converted, Error> {
	let mut converted = Converted::default();
	let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
	let opened = match packed::open(path, limits) {
		Ok(opened) => opened,
		Err(refused) => {
			let reason = refused.map_err(Error::io(path))?;
			converted.tally.leave_out(reason, || name);
			return Ok(converted);
		}
	};
	let layout = Layout { text_field: None, with_category };
	for record in Records::new(path, opened, limits, separator) {
		let (number, fields) = record?;
		converted.tally.counts.read += 1;
		match fields.and_then(|fields| line(&fields, shape, &layout).ok_or(Reason::NoText)) {
			Ok(line) => {
				write(out, &line).map_err(Error::io("the converted file"))?;
				converted.written += 1;
			}
			Err(reason) => converted.tally.leave_out(reason, || format!("{name}, {number}")),
		}
	}
	Ok(converted)
}

fn write(out: &mut impl Write, line: &Value) -> io::Result<()> {
	serde_json::to_writer(&mut *out, line)?;
	out.write_all(b"\n")
}

/// A row as an object; `None` if it has no text.
fn line(fields: &Fields, shape: Shape, layout: &Layout) -> Option<Value> {
	let raw = text_of(fields, layout)?;
	let mut line = match shape {
		Shape::Text => json!({ "text": raw.text }),
		Shape::Instruction => {
			let read = Instruction::of(fields)?;
			let category = read.category.filter(|_| layout.with_category);
			serde_json::to_value(Instruction { category, ..read }).ok()?
		}
	};
	// What a row says of itself comes along.
	for (name, value) in [("license", raw.licence), ("language", raw.language)] {
		if let Some(value) = value {
			line[name] = value.into();
		}
	}
	Some(line)
}

#[cfg(test)]
mod tests {
	use super::*;

	fn lines(table: &str, shape: Shape, with_category: bool) -> (Vec<Value>, Tally) {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("a.csv");
		std::fs::write(&path, table).unwrap();
		let mut out = Vec::new();
		let converted = convert(&path, b',', shape, with_category, &Limits::default(), &mut out).unwrap();
		let lines: Vec<Value> =
			String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
		assert_eq!(lines.len() as u64, converted.written);
		(lines, converted.tally)
	}

	const TABLE: &str = "instruction,context,response,category,license\n\
		Say it,\"with a line\nend\",Done,chat,MIT\n\
		Without an answer\n\
		Too,many,cells,in,this,row\n";

	#[test]
	fn a_table_becomes_texts_or_instructions_and_what_does_not_is_counted() {
		let (texts, tally) = lines(TABLE, Shape::Text, true);
		assert_eq!(
			texts,
			[json!({ "text": "chat\n\nSay it\n\nwith a line\nend\n\nDone", "license": "MIT" })]
		);
		assert_eq!((tally.counts.read, tally.counts.left_out_for(Reason::NoText)), (3, 1));
		assert_eq!(tally.counts.left_out_for(Reason::Malformed), 1);
		assert_eq!(tally.first[&Reason::NoText], "a.csv, 3");
		let (instructions, _) = lines(TABLE, Shape::Instruction, false);
		let wanted = json!({ "instruction": "Say it", "input": "with a line\nend", "output": "Done", "license": "MIT" });
		assert_eq!(instructions, [wanted]);
		assert_eq!(lines(TABLE, Shape::Instruction, true).0[0]["category"], "chat");
	}

	#[test]
	fn a_table_of_texts_has_no_instructions() {
		let table = "text\nSome words\n";
		assert_eq!(lines(table, Shape::Text, true).0, [json!({ "text": "Some words" })]);
		let (none, tally) = lines(table, Shape::Instruction, true);
		assert!(none.is_empty());
		assert_eq!(tally.to_string(), "1 without a text (a.csv, 2)");
	}
}
