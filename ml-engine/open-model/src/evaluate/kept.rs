//! Outputs of single operators, kept whole: what openings and witnesses are made of.

use super::{
	batch::Side,
	recorder::{Recorder, RowPlace},
};
use blyan_exact::definition2::Program;
use std::collections::BTreeMap;

/// Recorder that keeps the outputs of some operators of one side for one sequence.
#[derive(Debug)]
pub struct Kept<'a> {
	program: &'a Program,
	side: Side,
	outputs: BTreeMap<usize, Vec<u8>>,
	/// Positions so far, of operators whose rows are heads.
	positions: BTreeMap<usize, usize>,
}

impl<'a> Kept<'a> {
	/// Creates a recorder of these operators.
	pub fn new(program: &'a Program, side: Side, operators: &[usize]) -> Self {
		let output = |operator: &usize| {
			let shape = program.operator(*operator)?.shape;
			Some((*operator, vec![0; shape.rows * shape.row_bytes]))
		};
		let outputs = operators.iter().filter_map(output).collect();
		Self { program, side, outputs, positions: BTreeMap::new() }
	}

	/// Returns the outputs by operator, rows one after another. `losses`: each side's total, which is an output too.
	pub fn finish(mut self, losses: [u64; 2]) -> BTreeMap<usize, Vec<u8>> {
		let total = self.program.operators().len() - 1;
		if let Some(output) = self.outputs.get_mut(&total) {
			*output = losses[usize::from(self.side == Side::Candidate)].to_le_bytes().to_vec();
		}
		self.outputs
	}

	fn put(&mut self, side: Side, places: &[RowPlace], bytes: &[u8]) {
		let row_bytes = bytes.len() / places.len().max(1);
		for (place, row) in places.iter().zip(bytes.chunks_exact(row_bytes.max(1))) {
			let Some(output) = self.outputs.get_mut(&place.operator).filter(|_| place.side == side) else {
				continue;
			};
			output[place.position * row_bytes..][..row_bytes].copy_from_slice(row);
		}
	}
}

impl Recorder for Kept<'_> {
	const IS_ACTIVE: bool = true;

	fn rows(&mut self, places: &[RowPlace], bytes: &[u8]) {
		self.put(Side::Baseline, places, bytes);
		if self.side == Side::Candidate {
			self.put(Side::Candidate, places, bytes);
		}
	}

	fn heads(&mut self, operator: usize, baseline: &[u8], candidate: Option<&[u8]>) {
		let Some(output) = self.outputs.get_mut(&operator) else { return };
		let Some(shape) = self.program.operator(operator).map(|operator| operator.shape) else { return };
		let entry = shape.row_bytes / self.program.positions();
		let first = self.positions.entry(operator).or_default();
		let entries = candidate.filter(|_| self.side == Side::Candidate).unwrap_or(baseline);
		for (position, heads) in entries.chunks_exact(shape.rows * entry).enumerate() {
			for (head, bytes) in heads.chunks_exact(entry).enumerate() {
				let at = head * shape.row_bytes + (*first + position) * entry;
				output[at..at + entry].copy_from_slice(bytes);
			}
		}
		*first += entries.len() / (shape.rows * entry);
	}
}
