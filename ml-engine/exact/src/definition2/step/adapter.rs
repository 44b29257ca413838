//! Blocks of adapters: the sums that the first matrix comes to, and what the second one makes of them.

use super::{
	evidence::Inputs,
	read::{Rows, Step},
};
use crate::{
	definition2::{
		adapter::{low_rank, low_rank_bytes, low_rank_from_bytes, Correction, OwnedCodes, LOW_RANK_BYTES},
		execution::integer_bytes,
		linear::adapted_linear,
		tensors::{Name, Part, TensorShape},
	},
	step::StepError,
};
use alloc::vec::Vec;
use core::ops::Range;

impl<I: Inputs> Step<'_, I> {
	/// Computes this block's sums of the first matrix.
	pub(super) fn low_rank(&mut self, width: u8) -> Result<Vec<u8>, StepError> {
		let input = self.activations(width)?;
		let (part, name) = self.tensor(0)?;
		let codes = self.codes(part, name, self.entries(LOW_RANK_BYTES))?;
		Ok(low_rank_bytes(&low_rank(&codes.view(), &input.values)))
	}

	/// Computes this block's columns of the product of the first input with the matrix and its adapter.
	pub(super) fn adapted(&mut self, width: u8, fraction: u8, bound: i32) -> Result<Vec<u8>, StepError> {
		let input = self.activations(width)?;
		let sums = self.whole_row(1, self.place.row)?;
		let sums = low_rank_from_bytes(&sums).ok_or(StepError::InputImpossible)?;
		let rows: Rows = self.matrix(self.columns())?;
		let (part, name) = self.tensor(1)?;
		let output = self.codes(part, name, self.columns())?;
		let shift = self.shift(part)?;
		let correction = Correction { output: output.view(), sums: &sums, shift };
		let y = adapted_linear(&input, width, &rows.view()?, &correction, fraction, bound);
		Ok(integer_bytes(&y))
	}

	/// Reads rows of a matrix of an adapter. There are no codes that one must not hold.
	fn codes(&mut self, part: Part, name: Name, rows: Range<usize>) -> Result<OwnedCodes, StepError> {
		let section = self.section(part, name)?;
		let TensorShape::Codes { cols, .. } = section.shape else { return Err(StepError::NoSuchPlace) };
		let at = |row: usize| section.range.start + row as u64 * cols as u64;
		let wanted = at(rows.start)..at(rows.end);
		if wanted.end > section.range.end {
			return Err(StepError::NoSuchPlace);
		}
		let bytes = self.inputs.tensor(part, wanted)?;
		Ok(OwnedCodes { rows: rows.len(), cols, bytes, shift: 0 })
	}

	/// Reads the shift of this operator's adapter, which stands at its first matrix: the third tensor.
	fn shift(&mut self, part: Part) -> Result<u8, StepError> {
		let &(_, name) = self.operator.tensors.get(2).ok_or(StepError::NoSuchPlace)?;
		let stored = self.inputs.scale(part, name)?;
		if !stored.scale.is_zero() || stored.peak > name.shift_max().into() {
			return Err(StepError::TensorInvalid);
		}
		// At most 12.
		Ok(stored.peak as u8)
	}
}
