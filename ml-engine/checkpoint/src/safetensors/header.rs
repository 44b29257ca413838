//! Header of a safetensors file.
//!
//! The records are the `safetensors` crate's. Its own check of the whole file adds up offsets that may overflow, keeps the
//! last of two equal names, and does not say where a file is wrong, so the checks are here.

use crate::{encoding::Encoding, error::CheckpointError};
use safetensors::{tensor::TensorInfo as Record, Dtype};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use std::{collections::BTreeMap, fmt, ops::Range};

/// Types of elements that are read.
pub(crate) const SUPPORTED: &str = "F32, F16, BF16, and U8 of BitNet's packing";
/// Length of the header's length.
const PREFIX: usize = 8;
/// Longest header, which is the format's own limit.
const HEADER_BYTES_MAX: u64 = 100_000_000;

/// Shape of a tensor, and where its bytes are.
#[derive(Clone, Debug)]
pub(crate) struct TensorInfo {
	/// Dimensions, rows first.
	pub shape: Vec<u64>,
	/// Encoding of the elements.
	pub encoding: Encoding,
	/// Bytes in the file.
	pub range: Range<usize>,
}

/// Checked header of a file.
#[derive(Debug)]
pub(crate) struct Header {
	/// Tensors by name.
	pub tensors: BTreeMap<String, TensorInfo>,
}

/// An entry of the header.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Entry {
	Tensor(Record),
	/// `__metadata__`, free text.
	Other(serde::de::IgnoredAny),
}

/// Entries in the order of the file, of which two may have the same name.
struct Entries(Vec<(String, Entry)>);

impl<'de> Deserialize<'de> for Entries {
	fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
		struct All;
		impl<'de> Visitor<'de> for All {
			type Value = Entries;

			fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
				f.write_str("a map of tensors")
			}

			fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
				let mut entries = Vec::new();
				while let Some(entry) = map.next_entry()? {
					entries.push(entry);
				}
				Ok(Entries(entries))
			}
		}
		deserializer.deserialize_map(All)
	}
}

impl Header {
	/// Checks the header of a file.
	pub(crate) fn read(bytes: &[u8], file: &str) -> Result<Self, CheckpointError> {
		let len = bytes.len() as u64;
		let past = |what: &str, at: u64, needed: u64| CheckpointError::PastTheEnd {
			what: format!("{what} of {file}"),
			at,
			needed,
			len,
		};
		let prefix = bytes.first_chunk::<PREFIX>().ok_or_else(|| past("the length", 0, PREFIX as u64))?;
		let header_len = u64::from_le_bytes(*prefix);
		if header_len > HEADER_BYTES_MAX || header_len > len - PREFIX as u64 {
			return Err(past("the header", PREFIX as u64, header_len));
		}
		let data = PREFIX + header_len as usize;
		let entries: Entries = serde_json::from_slice(&bytes[PREFIX..data])
			.map_err(|error| CheckpointError::Json { file: format!("the header of {file}"), error })?;
		let mut tensors = BTreeMap::new();
		for (name, entry) in entries.0 {
			let Entry::Tensor(record) = entry else {
				if name == "__metadata__" {
					continue;
				}
				return Err(CheckpointError::UnknownType {
					tensor: name,
					kind: "malformed or unknown".into(),
					supported: SUPPORTED,
				});
			};
			let info = placed(&name, record, data, bytes.len())?;
			if tensors.insert(name.clone(), info).is_some() {
				return Err(CheckpointError::DuplicateTensor { name });
			}
		}
		ensure_apart(&tensors)?;
		Ok(Self { tensors })
	}
}

fn placed(name: &str, record: Record, data: usize, len: usize) -> Result<TensorInfo, CheckpointError> {
	let shape: Vec<u64> = record.shape.iter().map(|d| *d as u64).collect();
	let tensor = name.to_owned();
	let encoding = match record.dtype {
		Dtype::F32 => Encoding::F32,
		Dtype::F16 => Encoding::F16,
		Dtype::BF16 => Encoding::Bf16,
		Dtype::U8 => Encoding::Ternary,
		other => {
			let kind = format!("{other:?}");
			return Err(CheckpointError::UnknownType { tensor, kind, supported: SUPPORTED });
		}
	};
	if shape.is_empty() || shape.len() > 4 {
		return Err(CheckpointError::Dimensions { tensor, count: shape.len() as u64 });
	}
	if shape.contains(&0) {
		return Err(CheckpointError::ZeroDimension { tensor, shape });
	}
	let elements = shape.iter().try_fold(1_u64, |product, d| product.checked_mul(*d));
	let Some(bytes) = elements.and_then(|elements| encoding.row_bytes(elements)) else {
		return Err(CheckpointError::Overflow { tensor, shape });
	};
	let (start, end) = record.data_offsets;
	if end < start || (end - start) as u64 != bytes {
		let expected = format!("{bytes} bytes by its shape {shape:?}");
		return Err(CheckpointError::bad_value(
			format!("data_offsets of {tensor}"),
			format!("{start} to {end}"),
			expected,
		));
	}
	match data.checked_add(end).filter(|end| *end <= len) {
		Some(end) => Ok(TensorInfo { shape, encoding, range: data + start..end }),
		None => Err(CheckpointError::PastTheEnd {
			what: format!("the tensor {name:?}"),
			at: data.saturating_add(start) as u64,
			needed: bytes,
			len: len as u64,
		}),
	}
}

fn ensure_apart(tensors: &BTreeMap<String, TensorInfo>) -> Result<(), CheckpointError> {
	let mut by_start: Vec<_> = tensors.iter().map(|(name, info)| (&info.range, name)).collect();
	by_start.sort_by_key(|(range, _)| range.start);
	match by_start.windows(2).find(|pair| pair[0].0.end > pair[1].0.start) {
		Some(pair) => Err(CheckpointError::Overlap { first: pair[0].1.clone(), second: pair[1].1.clone() }),
		None => Ok(()),
	}
}
