//! Values of a GGUF file's keys. Texts and arrays stay in the file.

use super::cursor::Cursor;
use crate::error::CheckpointError;
use std::ops::Range;

/// Number of the type of texts.
const TEXT: u32 = 8;
/// Number of the type of arrays.
const ARRAY: u32 = 9;

/// Value of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
	/// An integer of any width and sign.
	Integer(i128),
	/// A floating-point number.
	Float(f64),
	/// True or false.
	Boolean(bool),
	/// A text: its bytes in the file.
	Text(Range<usize>),
	/// An array: type and number of its elements, their bytes in the file.
	Array {
		/// Type of an element.
		kind: u32,
		/// Number of elements.
		count: u64,
		/// Bytes of the elements.
		range: Range<usize>,
	},
}

/// Bytes of a value of a type, `None` for texts, arrays and unknown types.
fn width(kind: u32) -> Option<u64> {
	match kind {
		0 | 1 | 7 => Some(1),
		2 | 3 => Some(2),
		4..=6 => Some(4),
		10..=12 => Some(8),
		_ => None,
	}
}

fn scalar(kind: u32, bytes: &[u8]) -> Value {
	let mut wide = [0; 8];
	wide[..bytes.len()].copy_from_slice(bytes);
	let unsigned = u64::from_le_bytes(wide);
	// Shifts the sign of a narrower number to the top and back.
	let shift = 64 - 8 * bytes.len() as u32;
	let signed = (unsigned << shift) as i64 >> shift;
	match kind {
		1 | 3 | 5 | 11 => Value::Integer(signed.into()),
		6 => Value::Float(decimal(f32::from_bits(unsigned as u32))),
		12 => Value::Float(f64::from_bits(unsigned)),
		7 => Value::Boolean(unsigned != 0),
		_ => Value::Integer(unsigned.into()),
	}
}

/// The shortest decimal number that is nearest to `value`: 1e-5 where a converter wrote 1e-5, so that a model has the same
/// description in both formats.
fn decimal(value: f32) -> f64 {
	value.to_string().parse().unwrap_or(value.into())
}

impl Value {
	/// Reads a type and a value of it.
	pub(super) fn read(cursor: &mut Cursor<'_>, key: &str) -> Result<Self, CheckpointError> {
		match cursor.u32("the type of a value")? {
			TEXT => {
				let text = cursor.text("the text of a key")?;
				Ok(Self::Text(cursor.position() - text.len()..cursor.position()))
			}
			ARRAY => Self::read_array(cursor, key),
			kind => match width(kind) {
				Some(width) => Ok(scalar(kind, cursor.take(width, "the value of a key")?)),
				None => Err(CheckpointError::UnknownValueType { key: key.to_owned(), kind }),
			},
		}
	}

	fn read_array(cursor: &mut Cursor<'_>, key: &str) -> Result<Self, CheckpointError> {
		let kind = cursor.u32("the type of an array")?;
		let count = cursor.u64("the length of an array")?;
		let start = cursor.position();
		match (kind, width(kind)) {
			(TEXT, _) => {
				cursor.ensure_count("texts", count, 8)?;
				for _ in 0..count {
					cursor.text("a text of an array")?;
				}
			}
			(ARRAY, _) => return Err(CheckpointError::NestedArray { key: key.to_owned() }),
			(_, Some(width)) => {
				cursor.ensure_count("elements of an array", count, width)?;
				cursor.take(count * width, "an array")?;
			}
			(_, None) => return Err(CheckpointError::UnknownValueType { key: key.to_owned(), kind }),
		}
		Ok(Self::Array { kind, count, range: start..cursor.position() })
	}

	fn refuse<T>(&self, key: &str, expected: &str) -> Result<T, CheckpointError> {
		let value = match self {
			Self::Text(_) => "a text".into(),
			Self::Array { kind, count, .. } => format!("an array of {count} elements of the type {kind}"),
			value => format!("{value:?}"),
		};
		Err(CheckpointError::bad_value(key, value, expected))
	}

	/// Number of elements of an array, `None` of anything else.
	pub(super) fn len(&self) -> Option<u64> {
		match self {
			Self::Array { count, .. } => Some(*count),
			_ => None,
		}
	}

	/// A number that is not negative.
	pub(super) fn unsigned(&self, key: &str) -> Result<u64, CheckpointError> {
		match self {
			Self::Integer(value) => u64::try_from(*value).or_else(|_| self.refuse(key, "a number from 0")),
			_ => self.refuse(key, "a number from 0"),
		}
	}

	/// A floating-point number.
	pub(super) fn float(&self, key: &str) -> Result<f64, CheckpointError> {
		match self {
			Self::Float(value) => Ok(*value),
			_ => self.refuse(key, "a floating-point number"),
		}
	}

	/// True or false.
	pub(super) fn boolean(&self, key: &str) -> Result<bool, CheckpointError> {
		match self {
			Self::Boolean(value) => Ok(*value),
			_ => self.refuse(key, "true or false"),
		}
	}

	/// A text.
	pub(super) fn text<'a>(&self, key: &str, file: &'a [u8]) -> Result<&'a str, CheckpointError> {
		match self {
			Self::Text(range) => std::str::from_utf8(&file[range.clone()])
				.map_err(|error| CheckpointError::NotUtf8 { what: format!("{key} ({error})") }),
			_ => self.refuse(key, "a text"),
		}
	}

	/// A list of texts.
	pub(super) fn texts(&self, key: &str, file: &[u8]) -> Result<Vec<String>, CheckpointError> {
		match self {
			Self::Array { kind: TEXT, count, range } => {
				let mut cursor = Cursor::new(&file[range.clone()]);
				(0..*count).map(|_| cursor.text(key).map(str::to_owned)).collect()
			}
			_ => self.refuse(key, "an array of texts"),
		}
	}

	/// A list of floating-point numbers.
	pub(super) fn floats(&self, key: &str, file: &[u8]) -> Result<Vec<f32>, CheckpointError> {
		match self {
			Self::Array { kind: 6, range, .. } => {
				let elements = file[range.clone()].chunks_exact(4);
				Ok(elements.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
			}
			_ => self.refuse(key, "an array of single-precision numbers"),
		}
	}

	/// A list of integers of 32 bits.
	pub(super) fn integers(&self, key: &str, file: &[u8]) -> Result<Vec<i32>, CheckpointError> {
		match self {
			Self::Array { kind: 4 | 5, range, .. } => {
				let elements = file[range.clone()].chunks_exact(4);
				Ok(elements.map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
			}
			_ => self.refuse(key, "an array of integers of 32 bits"),
		}
	}
}
