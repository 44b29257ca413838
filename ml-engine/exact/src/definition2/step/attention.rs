//! Blocks of the heads: queries, keys, values, and what attention makes of them.

use super::{
	evidence::Inputs,
	read::{OwnedGain, Step},
};
use crate::{
	definition2::{
		architecture::QkNorm,
		attention::{attend, Past},
		execution::integer_bytes,
		heads::{normalise_heads, rotated_head, value_head, Head, STEP_MAX},
		linear::HEAD_MAX,
	},
	step::StepError,
};
use alloc::vec::Vec;
use core::ops::Range;

/// Norm of queries or keys, if there is one, and their rotation.
struct Turn {
	gain: Option<OwnedGain>,
	frequencies: Vec<u64>,
}

impl<I: Inputs> Step<'_, I> {
	fn head_size(&self) -> usize {
		self.program.architecture().head_size.into()
	}

	fn turn(&mut self) -> Result<Turn, StepError> {
		let gain = if self.operator.tensors.len() > 1 { Some(self.gain()?) } else { None };
		Ok(Turn { gain, frequencies: self.frequencies()? })
	}

	/// Reads one head of a query or key, normalises it as the model does, and rotates it.
	fn rotated(&mut self, turn: &Turn, head: usize, position: usize) -> Result<Vec<u8>, StepError> {
		let (size, kind) = (self.head_size(), self.program.architecture().qk_norm);
		let own = head * size..(head + 1) * size;
		let (mut row, own) = match kind {
			QkNorm::Whole => (self.integers_at(0, position)?, own),
			QkNorm::None | QkNorm::PerHead => (self.some_columns(0, position, own)?, 0..size),
		};
		if let Some(gain) = &turn.gain {
			normalise_heads(&mut row, kind, size, gain.view(), self.program.architecture().eps);
		}
		let head = row.get(own).ok_or(StepError::NoSuchPlace)?;
		// Positions are below 2^17.
		Ok(rotated_head(head, &turn.frequencies, position as u32).to_bytes())
	}

	pub(super) fn query_head(&mut self) -> Result<Vec<u8>, StepError> {
		let turn = self.turn()?;
		// A block is a head.
		self.rotated(&turn, self.place.block, self.place.row)
	}

	/// Returns the positions of this block, where a row is one head's entries.
	fn positions(&self) -> Range<usize> {
		let (shape, entry) = (self.operator.shape, Head::bytes(self.head_size()));
		let start = self.place.block * shape.block_bytes;
		start / entry..(start + shape.block_bytes).min(shape.row_bytes) / entry
	}

	pub(super) fn key_heads(&mut self) -> Result<Vec<u8>, StepError> {
		let turn = self.turn()?;
		let mut bytes = Vec::new();
		for position in self.positions() {
			bytes.extend(self.rotated(&turn, self.place.row, position)?);
		}
		Ok(bytes)
	}

	pub(super) fn value_heads(&mut self) -> Result<Vec<u8>, StepError> {
		let size = self.head_size();
		let columns = self.place.row * size..(self.place.row + 1) * size;
		let mut bytes = Vec::new();
		for position in self.positions() {
			let value = self.some_columns(0, position, columns.clone())?;
			bytes.extend(value_head(&value).to_bytes());
		}
		Ok(bytes)
	}

	pub(super) fn attention(&mut self) -> Result<Vec<u8>, StepError> {
		let architecture = self.program.architecture();
		let group = usize::from(architecture.heads / architecture.kv_heads);
		// A block is a head, and a block of the queries is one too.
		let (head, row) = (self.place.block, self.place.row);
		let query = self.some_blocks(0, row, head..head + 1)?;
		let query = Head::from_bytes(&query, HEAD_MAX).ok_or(StepError::InputImpossible)?;
		let (keys, key_maxima) = self.past(1, head / group, HEAD_MAX)?;
		let (values, value_steps) = self.past(2, head / group, STEP_MAX)?;
		let past = Past { keys: &keys, key_maxima: &key_maxima, values: &values, value_steps: &value_steps };
		Ok(integer_bytes(&attend(&query.values, query.scale, &past)))
	}

	/// Reads entries and scales of one key/value head, up to this row's position.
	fn past(&mut self, input: usize, head: usize, bound: i32) -> Result<(Vec<i8>, Vec<i32>), StepError> {
		let (shape, entry) = (self.shape_of(input)?, Head::bytes(self.head_size()));
		let positions = self.place.row + 1;
		let blocks = (positions * entry).div_ceil(shape.block_bytes);
		let bytes = self.some_blocks(input, head, 0..blocks)?;
		let (mut values, mut scales) = (Vec::new(), Vec::new());
		for entry in bytes.chunks_exact(entry).take(positions) {
			let head = Head::from_bytes(entry, bound).ok_or(StepError::InputImpossible)?;
			values.extend(head.values);
			scales.push(head.scale);
		}
		Ok((values, scales))
	}
}
