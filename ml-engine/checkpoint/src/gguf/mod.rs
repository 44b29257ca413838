//! GGUF files, versions 2 and 3.
//!
//! ```text
//! "GGUF"  version u32  tensors u64  entries u64
//! entries   key: text, type u32, value           text: length u64, UTF-8 bytes
//!           array: type u32, count u64, values
//! tensors   name: text, dimensions u32, that many u64 (columns first), type u32, offset u64
//! padding to general.alignment (32 unless stated)
//! data      tensors at their offsets, each a multiple of the alignment
//! ```
//!
//! Integers are little-endian. A count or a length is compared with the bytes that are left before anything follows
//! it; entries stay in the file and are read again when they are asked for. `candle-core` reads this format as well,
//! but allocates what a length claims, keeps the last of two equal keys and loads whole tensors; and it brings a
//! tensor library with it.

mod config;
mod cursor;
mod names;
mod value;

pub(crate) use config::{architecture, tokenizer};
pub(crate) use names::{locate, PASSIVE};
pub use value::Value;

use crate::{
	bytes::Bytes,
	encoding::{Encoding, SUPPORTED_IN_GGUF},
	error::CheckpointError,
	weight::Weight,
};
use cursor::Cursor;
use std::{collections::BTreeMap, ops::Range, path::Path};

/// Key of the alignment.
const ALIGNMENT_KEY: &str = "general.alignment";
/// Alignment without that key.
const ALIGNMENT: u64 = 32;
const ALIGNMENT_RANGE: Range<u64> = 8..(1 << 20) + 1;
/// Fewest bytes of an entry: an empty key, its type, one byte of a value.
const ENTRY_BYTES_MIN: u64 = 13;
/// Fewest bytes of a tensor's record: an empty name, one dimension, its type, its offset.
const TENSOR_BYTES_MIN: u64 = 32;

/// A tensor of a file: its shape, and where its bytes are.
#[derive(Clone, Debug)]
pub struct TensorInfo {
	/// Dimensions, columns first.
	pub dimensions: Vec<u64>,
	/// Encoding of the elements.
	pub encoding: Encoding,
	range: Range<usize>,
}

/// A GGUF file whose directory has been checked.
#[derive(Debug)]
pub struct Gguf {
	bytes: Bytes,
	version: u32,
	entries: BTreeMap<String, Value>,
	tensors: BTreeMap<String, TensorInfo>,
}

/// A tensor as its record has it.
struct Record {
	name: String,
	dimensions: Vec<u64>,
	kind: u32,
	offset: u64,
}

impl Gguf {
	/// Maps a file and checks its directory.
	pub fn open(path: &Path) -> Result<Self, CheckpointError> {
		Self::new(Bytes::map(path)?)
	}

	/// Checks a file that is held in memory.
	pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, CheckpointError> {
		Self::new(Bytes::Owned(bytes))
	}

	fn new(bytes: Bytes) -> Result<Self, CheckpointError> {
		let mut cursor = Cursor::new(&bytes);
		let magic = bytes.get(..4).unwrap_or(&bytes);
		if magic != b"GGUF" {
			return Err(CheckpointError::NotGguf { found: magic.to_vec() });
		}
		cursor.take(4, "the magic")?;
		let version = cursor.u32("the version")?;
		if !(2..=3).contains(&version) {
			return Err(CheckpointError::Version { found: version });
		}
		let tensor_count = cursor.u64("the number of tensors")?;
		let entry_count = cursor.u64("the number of keys")?;
		cursor.ensure_count("keys", entry_count, ENTRY_BYTES_MIN)?;
		cursor.ensure_count("tensors", tensor_count, TENSOR_BYTES_MIN)?;
		let entries = entries(&mut cursor, entry_count)?;
		cursor.ensure_count("tensors", tensor_count, TENSOR_BYTES_MIN)?;
		let records = records(&mut cursor, tensor_count)?;
		let alignment = match entries.get(ALIGNMENT_KEY) {
			Some(value) => value.unsigned(ALIGNMENT_KEY)?,
			None => ALIGNMENT,
		};
		if !alignment.is_power_of_two() || !ALIGNMENT_RANGE.contains(&alignment) {
			return Err(CheckpointError::Alignment { alignment });
		}
		let data = (cursor.position() as u64).next_multiple_of(alignment);
		let tensors = placed(records, data, alignment, bytes.len() as u64)?;
		Ok(Self { bytes, version, entries, tensors })
	}

	/// Version of the format.
	pub fn version(&self) -> u32 {
		self.version
	}

	/// Names and shapes of all tensors, in the order of names.
	pub fn tensors(&self) -> impl Iterator<Item = (&str, &TensorInfo)> {
		self.tensors.iter().map(|(name, info)| (name.as_str(), info))
	}

	/// Shape of a tensor.
	pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
		self.tensors.get(name)
	}

	/// Matrix `index` of a tensor of two or three dimensions; a vector is one row.
	///
	/// `None` if there is no such tensor or matrix.
	pub fn matrix(&self, name: &str, index: usize) -> Option<Weight<'_>> {
		let range = self.matrix_range(name, index)?;
		let info = self.tensors.get(name)?;
		let dimension = |at: usize| info.dimensions.get(at).map_or(1, |d| *d as usize);
		Some(Weight::new(&self.bytes[range], info.encoding, dimension(1), dimension(0)))
	}

	/// Gives the memory of a matrix back to the system; its bytes are read from the file again when they are wanted.
	pub(crate) fn release(&self, name: &str, index: usize) {
		if let Some(range) = self.matrix_range(name, index) {
			self.bytes.release(range);
		}
	}

	/// Bytes of matrix `index` of a tensor.
	fn matrix_range(&self, name: &str, index: usize) -> Option<Range<usize>> {
		let info = self.tensors.get(name)?;
		let dimension = |at: usize| info.dimensions.get(at).map_or(1, |d| *d as usize);
		let matrices = dimension(2);
		if index >= matrices || dimension(3) != 1 {
			return None;
		}
		let len = info.range.len() / matrices;
		let start = info.range.start + index * len;
		Some(start..start + len)
	}

	/// Keys and values, in the order of keys.
	pub fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
		self.entries.iter().map(|(key, value)| (key.as_str(), value))
	}

	/// A number that is not negative. `None` without the key.
	pub fn unsigned(&self, key: &str) -> Result<Option<u64>, CheckpointError> {
		self.entries.get(key).map(|value| value.unsigned(key)).transpose()
	}

	/// A floating-point number. `None` without the key.
	pub fn float(&self, key: &str) -> Result<Option<f64>, CheckpointError> {
		self.entries.get(key).map(|value| value.float(key)).transpose()
	}

	/// True or false. `None` without the key.
	pub fn boolean(&self, key: &str) -> Result<Option<bool>, CheckpointError> {
		self.entries.get(key).map(|value| value.boolean(key)).transpose()
	}

	/// A text. `None` without the key.
	pub fn text(&self, key: &str) -> Result<Option<&str>, CheckpointError> {
		self.entries.get(key).map(|value| value.text(key, &self.bytes)).transpose()
	}

	/// A list of texts. `None` without the key.
	pub fn texts(&self, key: &str) -> Result<Option<Vec<String>>, CheckpointError> {
		self.entries.get(key).map(|value| value.texts(key, &self.bytes)).transpose()
	}

	/// A list of floating-point numbers. `None` without the key.
	pub fn floats(&self, key: &str) -> Result<Option<Vec<f32>>, CheckpointError> {
		self.entries.get(key).map(|value| value.floats(key, &self.bytes)).transpose()
	}

	/// A list of integers of 32 bits. `None` without the key.
	pub fn integers(&self, key: &str) -> Result<Option<Vec<i32>>, CheckpointError> {
		self.entries.get(key).map(|value| value.integers(key, &self.bytes)).transpose()
	}
}

fn entries(cursor: &mut Cursor<'_>, count: u64) -> Result<BTreeMap<String, Value>, CheckpointError> {
	let mut entries = BTreeMap::new();
	for _ in 0..count {
		let key = cursor.text("a key")?.to_owned();
		let value = Value::read(cursor, &key)?;
		if entries.contains_key(&key) {
			return Err(CheckpointError::DuplicateKey { key });
		}
		entries.insert(key, value);
	}
	Ok(entries)
}

fn records(cursor: &mut Cursor<'_>, count: u64) -> Result<Vec<Record>, CheckpointError> {
	let mut records = Vec::new();
	for _ in 0..count {
		let name = cursor.text("a tensor's name")?.to_owned();
		let dimensions = cursor.u32("a tensor's number of dimensions")?;
		if !(1..=4).contains(&dimensions) {
			return Err(CheckpointError::Dimensions { tensor: name, count: dimensions.into() });
		}
		let dimensions = (0..dimensions).map(|_| cursor.u64("a dimension")).collect::<Result<Vec<_>, _>>()?;
		let kind = cursor.u32("a tensor's type")?;
		let offset = cursor.u64("a tensor's offset")?;
		records.push(Record { name, dimensions, kind, offset });
	}
	Ok(records)
}

/// Places the tensors in a file whose data begins at `data`.
fn placed(
	records: Vec<Record>,
	data: u64,
	alignment: u64,
	len: u64,
) -> Result<BTreeMap<String, TensorInfo>, CheckpointError> {
	let mut tensors = BTreeMap::new();
	for Record { name, dimensions, kind, offset } in records {
		if dimensions.contains(&0) {
			return Err(CheckpointError::ZeroDimension { tensor: name, shape: dimensions });
		}
		let encoding = Encoding::of_ggml(kind).ok_or_else(|| CheckpointError::UnknownType {
			tensor: name.clone(),
			kind: kind.to_string(),
			supported: SUPPORTED_IN_GGUF,
		})?;
		let (columns, group) = (dimensions[0], encoding.group() as u64);
		if !columns.is_multiple_of(group) {
			return Err(CheckpointError::PartialGroup { tensor: name, columns, group });
		}
		if !offset.is_multiple_of(alignment) {
			return Err(CheckpointError::Misaligned { tensor: name, offset, alignment });
		}
		let rows = dimensions[1..].iter().try_fold(1_u64, |rows, d| rows.checked_mul(*d));
		let bytes = encoding.row_bytes(columns).zip(rows).and_then(|(row, rows)| row.checked_mul(rows));
		let Some(needed) = bytes else {
			return Err(CheckpointError::Overflow { tensor: name, shape: dimensions });
		};
		let start = data.saturating_add(offset);
		if start.checked_add(needed).is_none_or(|end| end > len) {
			let what = format!("the tensor {name:?}");
			return Err(CheckpointError::PastTheEnd { what, at: start, needed, len });
		}
		// Both fit in the address space, because the file does.
		let range = start as usize..(start + needed) as usize;
		let info = TensorInfo { dimensions, encoding, range };
		if tensors.insert(name.clone(), info).is_some() {
			return Err(CheckpointError::DuplicateTensor { name });
		}
	}
	ensure_apart(&tensors)?;
	Ok(tensors)
}

fn ensure_apart(tensors: &BTreeMap<String, TensorInfo>) -> Result<(), CheckpointError> {
	let mut by_start: Vec<_> = tensors.iter().map(|(name, info)| (&info.range, name)).collect();
	by_start.sort_by_key(|(range, _)| range.start);
	match by_start.windows(2).find(|pair| pair[0].0.end > pair[1].0.start) {
		Some(pair) => Err(CheckpointError::Overlap { first: pair[0].1.clone(), second: pair[1].1.clone() }),
		None => Ok(()),
	}
}
