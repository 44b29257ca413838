//! Errors of the safetensors import and export.

use super::{FILE_BYTES_MAX, HEADER_BYTES_MAX};
use crate::{block::BlockError, quantise::QuantiseError};
use blyan_exact::ConfigError;
use safetensors::{Dtype, SafeTensorError};

/// Reason why a safetensors file is not a block, or a block cannot be written as one.
#[derive(Debug, thiserror::Error)]
pub enum SafetensorsError {
	/// The block cannot be read.
	#[error(transparent)]
	Block(#[from] BlockError),
	/// The file is longer than any that holds a block.
	#[error("the file has {0} bytes; at most {FILE_BYTES_MAX} are imported")]
	TooLarge(u64),
	/// The header says that it is longer than any that describes a block.
	#[error("the header says that it has {0} bytes; at most {HEADER_BYTES_MAX} are read")]
	HeaderTooLarge(u64),
	/// It is not a safetensors file.
	#[error("not a valid safetensors file: {0}")]
	Format(#[from] SafeTensorError),
	/// The metadata is not what it should be.
	#[error("the metadata `blyan` is not understood: {0}. For an expert it may be left out")]
	Metadata(#[from] serde_json::Error),
	/// Nothing says what the file holds.
	#[error(
		"nothing says what this file holds: an expert has the tensors `up` [d_ff, d_model], `gain` [d_ff] and `down` \
		[d_model, d_ff]; a trunk needs the metadata `blyan` = {{\"kind\": \"trunk\", \"config\": {{..}}}}"
	)]
	Unknown,
	/// It holds something else than was asked for.
	#[error("the file holds {found}, and {expected} is needed")]
	Other {
		/// Content of the file.
		found: String,
		/// Content that is needed.
		expected: String,
	},
	/// The widths are out of bounds.
	#[error("no model has this shape: {0}")]
	Config(#[from] ConfigError),
	/// A tensor is not there.
	#[error("tensor `{name}` is missing: add it with shape {expected:?}")]
	Missing {
		/// Its name.
		name: String,
		/// Its shape.
		expected: Vec<usize>,
	},
	/// There is a tensor that no block has.
	#[error("tensor `{name}` has no place in it; the tensors are {expected}. Remove or rename it")]
	Unexpected {
		/// Its name.
		name: String,
		/// Names there may be.
		expected: String,
	},
	/// A tensor has another shape.
	#[error("tensor `{name}` has shape {found:?}, expected {expected:?}")]
	Shape {
		/// Its name.
		name: String,
		/// Its shape.
		found: Vec<usize>,
		/// Shape that is needed.
		expected: Vec<usize>,
	},
	/// A tensor has a type that it cannot have.
	#[error("tensor `{name}` is of type {found}, expected {expected}")]
	Type {
		/// Its name.
		name: String,
		/// Its type.
		found: Dtype,
		/// Types that are accepted.
		expected: &'static str,
	},
	/// Ternary weights are not ternary.
	#[error(
		"tensor `{name}` holds {value} at {at:?}: an I8 weight here is -1, 0 or 1. Save the floats instead, and the \
		import rounds them"
	)]
	NotTernary {
		/// Name of the tensor.
		name: String,
		/// The weight.
		value: i8,
		/// Row and column.
		at: [usize; 2],
	},
	/// A number is infinite or none.
	#[error(
		"tensor `{name}` holds {value} as number {at}, counted from 0: only finite numbers can be rounded"
	)]
	NotFinite {
		/// Name of the tensor.
		name: String,
		/// The number.
		value: f32,
		/// Its place, row by row.
		at: usize,
	},
	/// A scale is out of range.
	#[error("tensor `{name}` is {value}: a scale is at least 0 and below 4096")]
	Scale {
		/// Name of the tensor.
		name: String,
		/// The scale.
		value: f64,
	},
	/// Integers without a scale.
	#[error("tensor `{name}` is missing: `{of}` holds integers, whose real value it says (F64 or F32, one number)")]
	ScaleMissing {
		/// Name of the scale.
		name: String,
		/// Name of the tensor it belongs to.
		of: String,
	},
	/// Floats with a scale.
	#[error("tensor `{name}` contradicts `{of}`, which holds floats and so brings its own scale: remove one of them")]
	ScaleBesideFloats {
		/// Name of the scale.
		name: String,
		/// Name of the tensor it belongs to.
		of: String,
	},
	/// The floats cannot be rounded.
	#[error(transparent)]
	Rounding(#[from] QuantiseError),
}
