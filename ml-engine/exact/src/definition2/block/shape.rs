//! Shape of a part: its kind, and the tensors in the order of the file.

use crate::definition2::{
	architecture::{Architecture, WeightKind},
	tensors::{Name, Part, TensorShape},
};
use alloc::vec::Vec;
use core::fmt;

/// Sections of a part, at most.
pub const SECTIONS_MAX: usize = 26;
/// Bytes of a section's entry in the table of sections.
pub const ENTRY_BYTES: usize = 16;
/// Rows of a matrix, at most: the largest vocabulary.
pub const ROWS_MAX: usize = 262_144;
/// Columns of a matrix and entries of a vector, at most.
pub const COLUMNS_MAX: usize = 65_536;

/// Kind of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartKind {
	/// Embedding and the frequencies of the rotation.
	Embedding,
	/// One layer but its routed experts.
	Layer,
	/// One routed expert: it fits every slot of its shape.
	Expert,
	/// Output norm, and the matrix in front of the logits unless it is the embedding.
	Head,
}

impl PartKind {
	/// All kinds, by the byte that names them.
	pub const ALL: [Self; 4] = [Self::Embedding, Self::Layer, Self::Expert, Self::Head];

	/// Returns the kind of a part.
	pub fn of(part: Part) -> Self {
		match part {
			Part::Embedding => Self::Embedding,
			Part::Layer(_) => Self::Layer,
			Part::Expert { .. } => Self::Expert,
			Part::Head => Self::Head,
		}
	}

	/// Returns the byte that names the kind.
	pub fn to_byte(self) -> u8 {
		self as u8
	}
}

/// Names of tensors, by the byte that stands for them.
const NAMES: [Name; 27] = [
	Name::Embedding,
	Name::Frequencies,
	Name::AttentionGain,
	Name::Query,
	Name::QueryBias,
	Name::Key,
	Name::KeyBias,
	Name::Value,
	Name::ValueBias,
	Name::QueryGain,
	Name::KeyGain,
	Name::OutputGain,
	Name::Output,
	Name::FeedForwardGain,
	Name::Router,
	Name::Gate,
	Name::Up,
	Name::HiddenGain,
	Name::Down,
	Name::HeadGain,
	Name::Head,
	Name::GateIn,
	Name::GateOut,
	Name::UpIn,
	Name::UpOut,
	Name::DownIn,
	Name::DownOut,
];

/// Encodings of weights, by the byte that stands for them.
const WEIGHTS: [WeightKind; 4] =
	[WeightKind::Ternary, WeightKind::Int8, WeightKind::Int4By32, WeightKind::Int4By64];

/// Returns the place of an entry of one of the tables above. Every name and every encoding is in them.
fn place<T: PartialEq>(table: &[T], entry: &T) -> u8 {
	table.iter().position(|other| other == entry).unwrap_or(usize::from(u8::MAX)) as u8
}

/// Returns the bytes of a tensor in a file, without padding.
pub fn tensor_bytes(shape: &TensorShape) -> u64 {
	match *shape {
		// At most 2^18 * 2^17.
		TensorShape::Matrix { rows, cols, kind } => rows as u64 * kind.row_bytes(cols) as u64,
		TensorShape::Gain(len) | TensorShape::Bias(len) => 4 * len as u64,
		TensorShape::Frequencies(len) => 8 * len as u64,
		TensorShape::Scale => 0,
		// At most 2^16 * 2^16.
		TensorShape::Codes { rows, cols } => rows as u64 * cols as u64,
	}
}

/// Returns whether dimensions are within the bounds of the definition.
fn is_valid(shape: &TensorShape) -> bool {
	match *shape {
		TensorShape::Matrix { rows, cols, kind } => {
			// Groups are of 32 or 64 columns, and four ternary weights share a byte.
			let unit = kind.group().unwrap_or(if kind == WeightKind::Ternary { 4 } else { 1 });
			(1..=ROWS_MAX).contains(&rows) && (1..=COLUMNS_MAX).contains(&cols) && cols.is_multiple_of(unit)
		}
		TensorShape::Gain(len) | TensorShape::Bias(len) | TensorShape::Frequencies(len) => {
			(1..=COLUMNS_MAX).contains(&len)
		}
		TensorShape::Scale => true,
		TensorShape::Codes { rows, cols } => {
			(1..=COLUMNS_MAX).contains(&rows) && (1..=COLUMNS_MAX).contains(&cols)
		}
	}
}

/// One section of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
	/// Tensor.
	pub name: Name,
	/// Its kind and dimensions.
	pub shape: TensorShape,
}

impl Section {
	/// Returns the entry of the table of sections: name, kind, two zeros, rows and columns, four zeros.
	pub fn to_bytes(&self) -> [u8; ENTRY_BYTES] {
		let (kind, rows, columns) = match self.shape {
			TensorShape::Matrix { rows, cols, kind } => (place(&WEIGHTS, &kind), rows, cols),
			TensorShape::Gain(len) => (16, 1, len),
			TensorShape::Bias(len) => (17, 1, len),
			TensorShape::Frequencies(len) => (18, 1, len),
			TensorShape::Scale => (19, 0, 0),
			TensorShape::Codes { rows, cols } => (20, rows, cols),
		};
		let mut bytes = [0; ENTRY_BYTES];
		bytes[0] = place(&NAMES, &self.name);
		bytes[1] = kind;
		// At most 2^18, in shapes that are valid.
		bytes[4..8].copy_from_slice(&(rows as u32).to_le_bytes());
		bytes[8..12].copy_from_slice(&(columns as u32).to_le_bytes());
		bytes
	}

	/// Reads an entry; refuses every other byte string.
	pub fn from_bytes(bytes: &[u8; ENTRY_BYTES]) -> Option<Self> {
		let [name, kind, 0, 0, a, b, c, d, e, f, g, h, 0, 0, 0, 0] = *bytes else { return None };
		let rows = u32::from_le_bytes([a, b, c, d]) as usize;
		let cols = u32::from_le_bytes([e, f, g, h]) as usize;
		let shape = match (kind, rows) {
			(16, 1) => TensorShape::Gain(cols),
			(17, 1) => TensorShape::Bias(cols),
			(18, 1) => TensorShape::Frequencies(cols),
			(19, 0) if cols == 0 => TensorShape::Scale,
			(20, rows) => TensorShape::Codes { rows, cols },
			_ => TensorShape::Matrix { kind: *WEIGHTS.get(usize::from(kind))?, rows, cols },
		};
		Some(Self { name: *NAMES.get(usize::from(name))?, shape })
	}
}

/// Shape of a part: two parts of one shape have files of one length and one layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartShape {
	/// Kind.
	pub kind: PartKind,
	/// Tensors, in the order of [`Architecture::tensors`].
	pub sections: Vec<Section>,
}

/// Reason why a shape is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShapeError {
	/// There are no sections, or more than [`SECTIONS_MAX`].
	Count(usize),
	/// A tensor comes twice.
	Twice(Name),
	/// A dimension is zero, above its bound, or does not fit the encoding of the weights.
	Dimensions(Name),
}

impl fmt::Display for ShapeError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Count(count) => write!(f, "a part has 1 to {SECTIONS_MAX} sections, not {count}"),
			Self::Twice(name) => write!(f, "section {name:?} comes twice"),
			Self::Dimensions(name) => write!(
				f,
				"section {name:?} has a dimension that is zero, out of bounds or not a multiple of its group"
			),
		}
	}
}

impl core::error::Error for ShapeError {}

impl PartShape {
	/// Returns the shape of a part of a model; `None` if the model has no such part.
	pub fn of(architecture: &Architecture, part: Part) -> Option<Self> {
		let tensors = architecture.tensors(part);
		if tensors.is_empty() {
			return None;
		}
		let sections = tensors.into_iter().map(|(name, shape)| Section { name, shape }).collect();
		Some(Self { kind: PartKind::of(part), sections })
	}

	/// Checks number, names and dimensions of the sections.
	pub fn validate(&self) -> Result<(), ShapeError> {
		if self.sections.is_empty() || self.sections.len() > SECTIONS_MAX {
			return Err(ShapeError::Count(self.sections.len()));
		}
		for (index, section) in self.sections.iter().enumerate() {
			if self.index(section.name) != Some(index) {
				return Err(ShapeError::Twice(section.name));
			}
			if !is_valid(&section.shape) {
				return Err(ShapeError::Dimensions(section.name));
			}
		}
		Ok(())
	}

	/// Returns the place of a tensor among the sections.
	pub fn index(&self, name: Name) -> Option<usize> {
		self.sections.iter().position(|section| section.name == name)
	}
}
