//! Sections of a file as the tensors of the definition, in place.

use super::{
	check::{slice, Fault},
	layout::{Layout, Placed},
};
use crate::definition2::{
	adapter::Codes,
	execution::integers,
	matrix::Matrix,
	model::{Gain, PartTensors, View},
	real::Real,
	tensors::{Name, TensorShape},
};
use alloc::vec::Vec;

/// Gains of a norm, in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GainTensor {
	/// Entries.
	pub gains: Vec<i32>,
	/// Value of one unit.
	pub scale: Real,
}

/// File of a part, opened: its header is that of the shape. Whether its tiles hold what the root says is another
/// question ([`Layout::check`]).
#[derive(Clone, Copy, Debug)]
pub struct PartView<'a> {
	layout: &'a Layout,
	file: &'a [u8],
}

impl<'a> PartView<'a> {
	/// Refuses files of another length or shape, in constant time.
	pub fn new(layout: &'a Layout, file: &'a [u8]) -> Result<Self, Fault> {
		layout.check_header(file)?;
		Ok(Self { layout, file })
	}

	/// Returns the layout.
	pub fn layout(&self) -> &'a Layout {
		self.layout
	}

	/// Returns the bytes of the file.
	pub fn file(&self) -> &'a [u8] {
		self.file
	}

	/// Returns the bytes of a tensor; `None` if parts of this shape have none of that name.
	pub fn bytes(&self, name: Name) -> Option<&'a [u8]> {
		slice(self.file, &self.layout.section(name)?.range)
	}

	/// Returns the scale of a tensor; `None` too if it is not a scale.
	pub fn scale(&self, name: Name) -> Option<Real> {
		self.layout.scale(self.file, name).map(|scale| scale.scale)
	}

	/// Returns a matrix; `None` if the tensor is absent or not a matrix.
	pub fn matrix(&self, name: Name) -> Option<Matrix<'a>> {
		let TensorShape::Matrix { rows, cols, kind } = self.layout.section(name)?.shape else { return None };
		let scale = self.layout.scale(self.file, name)?;
		Some(Matrix { kind, rows, cols, scale: scale.scale, peak: scale.peak, bytes: self.bytes(name)? })
	}

	/// Returns a matrix of an adapter; `None` if the tensor is absent, not codes, or its shift is out of bounds.
	pub fn codes(&self, name: Name) -> Option<Codes<'a>> {
		let TensorShape::Codes { rows, cols } = self.layout.section(name)?.shape else { return None };
		let shift = u8::try_from(self.layout.scale(self.file, name)?.peak).ok()?;
		Some(Codes { rows, cols, bytes: self.bytes(name)?, shift }).filter(|_| shift <= name.shift_max())
	}

	/// Returns the gains of a norm; `None` if the tensor is absent or not gains.
	pub fn gains(&self, name: Name) -> Option<GainTensor> {
		let TensorShape::Gain(_) = self.layout.section(name)?.shape else { return None };
		Some(GainTensor { gains: integers(self.bytes(name)?), scale: self.scale(name)? })
	}

	/// Returns biases; `None` if the tensor is absent or not biases.
	pub fn biases(&self, name: Name) -> Option<Vec<i32>> {
		let TensorShape::Bias(_) = self.layout.section(name)?.shape else { return None };
		Some(integers(self.bytes(name)?))
	}

	/// Returns the frequencies of the rotation.
	pub fn frequencies(&self) -> Option<Vec<u64>> {
		self.bytes(Name::Frequencies).map(turns)
	}
}

fn turns(bytes: &[u8]) -> Vec<u64> {
	bytes.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect()
}

/// Entries of a vector, read out of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Vector {
	Integers(Vec<i32>),
	Frequencies(Vec<u64>),
}

/// File of a part as tensors of a model: matrices lie in the file, gains, biases and frequencies are read out of it.
#[derive(Clone, Debug)]
pub struct LoadedPart<'a> {
	view: PartView<'a>,
	vectors: Vec<Option<Vector>>,
}

impl<'a> LoadedPart<'a> {
	/// Reads the vectors of a file.
	pub fn new(view: PartView<'a>) -> Self {
		let vector = |section: &Placed| {
			let bytes = slice(view.file, &section.range)?;
			match section.shape {
				TensorShape::Gain(_) | TensorShape::Bias(_) => Some(Vector::Integers(integers(bytes))),
				TensorShape::Frequencies(_) => Some(Vector::Frequencies(turns(bytes))),
				TensorShape::Matrix { .. } | TensorShape::Scale | TensorShape::Codes { .. } => None,
			}
		};
		Self { view, vectors: view.layout.sections().iter().map(vector).collect() }
	}

	/// Borrows the tensors; `None` if a scale is not valid.
	pub fn tensors(&self) -> Option<PartTensors<'_>> {
		let sections = self.view.layout.sections().iter().zip(&self.vectors);
		let tensors = sections.map(|(section, vector)| {
			let name = section.name;
			let view = match (section.shape, vector) {
				(TensorShape::Gain(_), Some(Vector::Integers(values))) => {
					View::Gain(Gain { values, scale: self.view.scale(name)? })
				}
				(TensorShape::Bias(_), Some(Vector::Integers(values))) => View::Bias(values),
				(TensorShape::Frequencies(_), Some(Vector::Frequencies(values))) => View::Frequencies(values),
				(TensorShape::Scale, _) => View::Scale(self.view.scale(name)?),
				(TensorShape::Codes { .. }, _) => View::Codes(self.view.codes(name)?),
				_ => View::Matrix(self.view.matrix(name)?),
			};
			Some((name, view))
		});
		tensors.collect::<Option<_>>().map(PartTensors)
	}
}
