//! The reference trace: every operator's output for one sequence, and the roots over them.

use super::{
	answer::Answer,
	execution::Execution,
	model::{Model, ModelError},
	program::{Kind, Program},
};
use crate::{hash::Hash, tree};
use alloc::{collections::BTreeMap, vec, vec::Vec};

/// Outputs of every operator of a program for one sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
	program: Program,
	outputs: Vec<Vec<u8>>,
	roots: Vec<Hash>,
	loss: u64,
}

impl Trace {
	/// Runs a model over a sequence of ids and keeps everything. The first id is context only: a sequence of n + 1 ids
	/// has n positions.
	pub fn of(model: &Model<'_>, ids: &[u32]) -> Result<Self, ModelError> {
		Self::run(Execution::new(model, model.positions(ids)?)?, ids)
	}

	/// Checks an answer, the ids that the model read and those that it chose, and keeps everything.
	pub fn of_answer(model: &Model<'_>, ids: &[u32], answer: Answer) -> Result<Self, ModelError> {
		let program = Program::answer_check(model.architecture(), model.positions(ids)?, answer)?;
		Self::run(Execution::of(model, program), ids)
	}

	fn run(mut execution: Execution<'_, '_>, ids: &[u32]) -> Result<Self, ModelError> {
		let operators = execution.program().operators().len();
		let mut outputs = vec![Vec::new(); operators];
		for pair in ids.windows(2) {
			let &[token, target] = pair else { break };
			execution.push_with_target(token, target)?;
			for (index, output) in outputs.iter_mut().enumerate() {
				output.extend_from_slice(execution.last(index));
			}
		}
		let losses = outputs.get(operators.saturating_sub(2)).map_or(&[][..], Vec::as_slice);
		// At most 131,072 losses below 2^32, or misses.
		let loss = losses.as_chunks().0.iter().map(|loss| u64::from_le_bytes(*loss)).sum();
		for (index, output) in outputs.iter_mut().enumerate() {
			output.extend(execution.heads(index).iter().flatten());
			if execution.program().operator(index).is_some_and(|operator| operator.kind == Kind::Total) {
				output.extend(u64::to_le_bytes(loss));
			}
		}
		Ok(Self::new(execution.program().clone(), outputs, loss))
	}

	/// Makes a trace of outputs that a faster path computed. Each must have the length its shape says.
	pub fn new(program: Program, outputs: Vec<Vec<u8>>, loss: u64) -> Self {
		let operators = program.operators().iter();
		let roots = operators.zip(&outputs).map(|(operator, output)| operator.shape.root(output)).collect();
		Self { program, outputs, roots, loss }
	}

	/// Makes a trace that holds the outputs of some operators only, by their places: enough for a prover of blocks that read
	/// no others. It has no roots and no loss.
	pub fn of_some(program: Program, mut outputs: BTreeMap<usize, Vec<u8>>) -> Self {
		let operators = 0..program.operators().len();
		let outputs = operators.map(|index| outputs.remove(&index).unwrap_or_default()).collect();
		Self { program, outputs, roots: Vec::new(), loss: 0 }
	}

	/// Returns the operators.
	pub fn program(&self) -> &Program {
		&self.program
	}

	/// Returns the roots of all operators' outputs, in order.
	pub fn operators(&self) -> &[Hash] {
		&self.roots
	}

	/// Returns the root that names the trace: the hash over [`Self::operators`].
	pub fn root(&self) -> Hash {
		tree::trace_root(&self.roots)
	}

	/// Returns the sequence's loss in bits, Q16; of an answer, the number of tokens that the model would not have chosen.
	pub fn loss(&self) -> u64 {
		self.loss
	}

	/// Returns an operator's output, rows one after another.
	pub fn output(&self, operator: usize) -> Option<&[u8]> {
		self.outputs.get(operator).map(Vec::as_slice)
	}

	/// Returns a row of an operator's output.
	pub fn row(&self, operator: usize, row: usize) -> Option<&[u8]> {
		let shape = self.program.operator(operator)?.shape;
		self.outputs.get(operator)?.chunks(shape.row_bytes).nth(row)
	}

	/// Changes a byte of an output and everything that hangs on it but later operators: a liar's trace, for tests of
	/// disputes.
	pub fn plant(&mut self, operator: usize, at: usize, byte: u8) {
		let Some(shape) = self.program.operator(operator).map(|operator| operator.shape) else { return };
		let Some(output) = self.outputs.get_mut(operator) else { return };
		let Some(place) = output.get_mut(at) else { return };
		*place = byte;
		self.roots[operator] = shape.root(output);
	}
}
