//! Typed reading of inputs, each number held against its bound.

use super::{evidence::Inputs, layout_of};
use crate::{
	definition2::{
		block::Placed,
		execution::integers,
		linear::{linear, LOGIT_MAX, PROJECTION_MAX, RESIDUAL_MAX},
		matrix::Matrix,
		model::{Gain, GAIN_MAX},
		program::{Kind, Operator, Program, Shape, Source},
		quantise::Activations,
		real::Real,
		routing::{choices_from_bytes, Choice},
		tensors::{Name, Part, TensorShape},
	},
	step::{Place, StepError},
};
use alloc::vec::Vec;
use core::ops::Range;

/// One block on its way.
pub(super) struct Step<'a, I> {
	pub(super) program: &'a Program,
	pub(super) inputs: &'a mut I,
	pub(super) place: Place,
	pub(super) operator: &'a Operator,
}

/// Gains of a norm, read.
pub(super) struct OwnedGain {
	values: Vec<i32>,
	scale: Real,
}

impl OwnedGain {
	pub(super) fn view(&self) -> Gain<'_> {
		Gain { values: &self.values, scale: self.scale }
	}
}

/// Rows of a matrix, read.
pub(super) struct Rows {
	bytes: Vec<u8>,
	shape: TensorShape,
	count: usize,
	scale: Real,
	peak: u32,
}

impl Rows {
	/// Returns the rows as a matrix.
	pub(super) fn view(&self) -> Result<Matrix<'_>, StepError> {
		let TensorShape::Matrix { kind, cols, .. } = self.shape else { return Err(StepError::NoSuchPlace) };
		Ok(Matrix { kind, rows: self.count, cols, bytes: &self.bytes, scale: self.scale, peak: self.peak })
	}
}

/// Returns the bound of the integers that an operator of this kind writes; zero if it writes others.
pub(super) fn bound_of(kind: Kind) -> i32 {
	match kind {
		Kind::Embed | Kind::LinearAdd { .. } | Kind::Mix { .. } => RESIDUAL_MAX,
		Kind::Linear { bound, .. } | Kind::AdaptedLinear { bound, .. } => bound,
		Kind::Attention => PROJECTION_MAX,
		Kind::LogitPeaks => LOGIT_MAX,
		_ => 0,
	}
}

impl<I: Inputs> Step<'_, I> {
	/// Returns the columns of this block, four bytes each.
	pub(super) fn columns(&self) -> Range<usize> {
		self.entries(4)
	}

	/// Returns the entries of so many bytes of this block.
	pub(super) fn entries(&self, bytes: usize) -> Range<usize> {
		let Shape { row_bytes, block_bytes, .. } = self.operator.shape;
		let start = self.place.block * block_bytes;
		start / bytes..(start + block_bytes).min(row_bytes) / bytes
	}

	/// Returns the place of an input among the operators.
	fn earlier(&self, input: usize) -> Result<usize, StepError> {
		let index = *self.operator.inputs.get(input).ok_or(StepError::NoSuchPlace)?;
		if index < self.place.operator {
			Ok(index)
		} else {
			Err(StepError::NoSuchPlace)
		}
	}

	pub(super) fn input(&self, input: usize) -> Result<&Operator, StepError> {
		self.program.operator(self.earlier(input)?).ok_or(StepError::NoSuchPlace)
	}

	/// Returns the shape of an input.
	pub(super) fn shape_of(&self, input: usize) -> Result<Shape, StepError> {
		self.input(input).map(|operator| operator.shape)
	}

	/// Reads some blocks of a row of an input.
	pub(super) fn some_blocks(
		&mut self,
		input: usize,
		row: usize,
		blocks: Range<usize>,
	) -> Result<Vec<u8>, StepError> {
		let operator = self.earlier(input)?;
		self.inputs.blocks(operator, row, blocks)
	}

	/// Reads all blocks of a row of an input.
	pub(super) fn whole_row(&mut self, input: usize, row: usize) -> Result<Vec<u8>, StepError> {
		let blocks = self.shape_of(input)?.blocks();
		self.some_blocks(input, row, 0..blocks)
	}

	/// Reads all rows of an input.
	pub(super) fn output(&mut self, input: usize) -> Result<Vec<u8>, StepError> {
		let operator = self.earlier(input)?;
		self.inputs.output(operator)
	}

	/// Reads this row's integers of an input.
	pub(super) fn integers(&mut self, input: usize) -> Result<Vec<i32>, StepError> {
		self.integers_at(input, self.place.row)
	}

	/// Reads a row of integers of an input.
	pub(super) fn integers_at(&mut self, input: usize, row: usize) -> Result<Vec<i32>, StepError> {
		let bound = bound_of(self.input(input)?.kind);
		bounded(&self.whole_row(input, row)?, bound)
	}

	/// Reads a range of columns of a row of integers of an input.
	pub(super) fn some_columns(
		&mut self,
		input: usize,
		row: usize,
		columns: Range<usize>,
	) -> Result<Vec<i32>, StepError> {
		let Operator { kind, shape, .. } = *self.input(input)?;
		let width = shape.block_bytes / 4;
		let blocks = columns.start / width..columns.end.div_ceil(width);
		let first = blocks.start * width;
		let entries = bounded(&self.some_blocks(input, row, blocks)?, bound_of(kind))?;
		let wanted = entries.get(columns.start - first..columns.end - first);
		wanted.map(<[i32]>::to_vec).ok_or(StepError::NoSuchPlace)
	}

	/// Reads the choices of this row's token.
	pub(super) fn choices(&mut self, input: usize) -> Result<Vec<Choice>, StepError> {
		let Kind::Route { experts, .. } = self.input(input)?.kind else { return Err(StepError::NoSuchPlace) };
		let bytes = self.whole_row(input, self.place.row)?;
		choices_from_bytes(&bytes, experts).ok_or(StepError::InputImpossible)
	}

	/// Reads a token id of the sequence.
	pub(super) fn token(&mut self, index: usize) -> Result<u32, StepError> {
		let id = *self.inputs.sequence()?.get(index).ok_or(StepError::NoSuchPlace)?;
		if id < self.program.architecture().vocabulary {
			Ok(id)
		} else {
			// The sequence is not one of this model's, and no score over it is right.
			Err(StepError::InputImpossible)
		}
	}

	/// Returns the part that a tensor of this operator is of, and its name.
	pub(super) fn tensor(&mut self, index: usize) -> Result<(Part, Name), StepError> {
		let (source, name) = *self.operator.tensors.get(index).ok_or(StepError::NoSuchPlace)?;
		let part = match source {
			Source::Part(part) => part,
			Source::Chosen { layer, rank } => {
				let route = self.operator.inputs.len().checked_sub(1).ok_or(StepError::NoSuchPlace)?;
				let choices = self.choices(route)?;
				let choice = choices.get(usize::from(rank)).ok_or(StepError::NoSuchPlace)?;
				// Experts are below 1,024.
				Part::Expert { layer, expert: choice.expert as u16 }
			}
		};
		Ok((part, name))
	}

	pub(super) fn section(&self, part: Part, name: Name) -> Result<Placed, StepError> {
		layout_of(self.program, part)?.section(name).cloned().ok_or(StepError::NoSuchPlace)
	}

	/// Reads the gains of this operator's norm: its first tensor.
	pub(super) fn gain(&mut self) -> Result<OwnedGain, StepError> {
		let (part, name) = self.tensor(0)?;
		let range = self.section(part, name)?.range;
		let values = integers(&self.inputs.tensor(part, range)?);
		let scale = self.inputs.scale(part, name)?;
		if scale.peak != 0 || !within(&values, GAIN_MAX) {
			return Err(StepError::TensorInvalid);
		}
		Ok(OwnedGain { values, scale: scale.scale })
	}

	/// Reads the biases of some outputs: this operator's second tensor.
	pub(super) fn biases(&mut self, outputs: Range<usize>) -> Result<Vec<i32>, StepError> {
		let (part, name) = self.tensor(1)?;
		let start = self.section(part, name)?.range.start;
		let range = start + 4 * outputs.start as u64..start + 4 * outputs.end as u64;
		let biases = integers(&self.inputs.tensor(part, range)?);
		if within(&biases, PROJECTION_MAX) {
			Ok(biases)
		} else {
			Err(StepError::TensorInvalid)
		}
	}

	/// Reads the frequencies of the rotation.
	pub(super) fn frequencies(&mut self) -> Result<Vec<u64>, StepError> {
		let range = self.section(Part::Embedding, Name::Frequencies)?.range;
		let bytes = self.inputs.tensor(Part::Embedding, range)?;
		Ok(bytes.as_chunks().0.iter().map(|turn| u64::from_le_bytes(*turn)).collect())
	}

	/// Reads rows of this operator's matrix, its first tensor, and its scale.
	///
	/// A head without a matrix of its own is the embedding under another scale.
	pub(super) fn matrix(&mut self, rows: Range<usize>) -> Result<Rows, StepError> {
		let (part, name) = self.tensor(0)?;
		let is_tied = self.section(part, name)?.shape == TensorShape::Scale;
		let source = if is_tied { (Part::Embedding, Name::Embedding) } else { (part, name) };
		let Placed { shape, range, .. } = self.section(source.0, source.1)?;
		let TensorShape::Matrix { kind, cols, .. } = shape else { return Err(StepError::NoSuchPlace) };
		let stride = kind.row_bytes(cols) as u64;
		let wanted = range.start + rows.start as u64 * stride..range.start + rows.end as u64 * stride;
		if wanted.end > range.end {
			return Err(StepError::NoSuchPlace);
		}
		let bytes = self.inputs.tensor(source.0, wanted)?;
		let stored = self.inputs.scale(source.0, source.1)?;
		let scale = if is_tied { self.inputs.scale(part, name)?.scale } else { stored.scale };
		let rows = Rows { bytes, shape, count: rows.len(), scale, peak: stored.peak };
		rows.view()?.validate().map_err(|_| StepError::TensorInvalid)?;
		Ok(rows)
	}

	/// Reads this row's activations: the first input.
	pub(super) fn activations(&mut self, width: u8) -> Result<Activations, StepError> {
		let bytes = self.whole_row(0, self.place.row)?;
		Activations::from_bytes(&bytes, width).ok_or(StepError::InputImpossible)
	}

	/// Computes this block's columns of the product of the first input with the matrix.
	pub(super) fn product(&mut self, width: u8, fraction: u8, bound: i32) -> Result<Vec<i32>, StepError> {
		let input = self.activations(width)?;
		let rows = self.matrix(self.columns())?;
		Ok(linear(&input, width, &rows.view()?, fraction, bound))
	}
}

/// Returns whether no integer exceeds a bound in magnitude.
fn within(integers: &[i32], bound: i32) -> bool {
	integers.iter().all(|x| x.unsigned_abs() <= bound.unsigned_abs())
}

/// Decodes integers of at most `bound` in magnitude.
fn bounded(bytes: &[u8], bound: i32) -> Result<Vec<i32>, StepError> {
	let integers = integers(bytes);
	if within(&integers, bound) {
		Ok(integers)
	} else {
		Err(StepError::InputImpossible)
	}
}
