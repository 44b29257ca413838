//! Openings of what an evaluation commits to, computed again from model, candidate and holdout alone.
//!
//! A dispute descends from a score to one block: over the tree of the items, which follows from the items themselves
//! ([`blyan_exact::tree`]); the operator roots of one sequence's traces; the rows and the blocks of one operator's output; and
//! the witness of one block. Each of the last three takes the time of one sequence, and one output answers all questions
//! about its operator.

use super::{
	batch::Side,
	error::EvaluateError,
	evaluator::{item, no_sequence, plan, Evaluator, Subject},
	holdout::Holdout,
	kept::Kept,
	means::Checkpoint,
	plan::Plan,
	roots,
};
use blyan_exact::{
	definition2::{
		program::Shape,
		step::{CandidateSlot, PartFiles, Place, Prover, Witness},
		Part, Trace,
	},
	tree::{self, Item},
	Hash,
};
use std::collections::BTreeMap;

/// Both traces of one sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traces {
	/// Leaf of the tree of items.
	pub item: Item,
	/// Roots of the operators' outputs in the baseline's trace, in the order of the program.
	pub baseline: Vec<Hash>,
	/// The same of the candidate's trace.
	pub candidate: Vec<Hash>,
}

/// Output of one operator for one sequence: opens its trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
	/// Shape of the output.
	pub shape: Shape,
	/// Rows, one after another.
	pub bytes: Vec<u8>,
}

impl Opened {
	/// Returns the hashes of the children of a node of the tree over the rows; levels count from the leaves, 1 being the
	/// lowest with children. Empty if there is no such node.
	pub fn rows(&self, level: u32, index: usize) -> Vec<Hash> {
		let rows = self.shape.row_hashes(&self.bytes);
		let children = tree::children(rows.len(), level, index);
		let below = tree::level(&rows, level.saturating_sub(1));
		below.get(children).unwrap_or_default().to_vec()
	}

	/// Returns the hashes of the children of a node of the tree over a row's blocks, as [`Self::rows`] does; empty if there
	/// is no such row or node.
	pub fn blocks(&self, row: usize, level: u32, index: usize) -> Vec<Hash> {
		let Some(row) = self.bytes.chunks_exact(self.shape.row_bytes).nth(row) else { return Vec::new() };
		let blocks = self.shape.block_hashes(row);
		let children = tree::children(blocks.len(), level, index);
		let below = tree::level(&blocks, level.saturating_sub(1));
		below.get(children).unwrap_or_default().to_vec()
	}

	/// Returns the root of the output: what a trace lists for the operator.
	pub fn root(&self) -> Hash {
		self.shape.root(&self.bytes)
	}
}

/// Tensor roots of a model's parts, in the order of their trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRoots {
	/// Of all parts but the experts.
	pub parts: Vec<Hash>,
	/// Of the experts, layer by layer.
	pub experts: Vec<Hash>,
}

/// Computes openings of an evaluation again.
#[derive(Clone, Copy)]
pub struct Opener<'a, B> {
	/// Evaluator on whose threads they are computed.
	pub evaluator: &'a Evaluator,
	/// Model and candidate.
	pub subject: Subject<'a>,
	/// Holdout of the sequences.
	pub holdout: &'a Holdout<B>,
	/// Callback in front of every layer of every piece.
	pub checkpoint: Checkpoint<'a>,
}

impl<B: AsRef<[u8]>> Opener<'_, B> {
	/// Computes both traces of a sequence of the holdout.
	pub fn traces(&self, sequence: u32) -> Result<Traces, EvaluateError> {
		let (plan, ids) = self.begin(sequence)?;
		let recorder = roots::Roots::new(self.evaluator.kernel(), plan.program());
		let all = plan.steps().len();
		let (recorder, losses) =
			self.evaluator.one(self.subject, &plan, (&ids, all), recorder, self.checkpoint)?;
		let roots = recorder.finish(losses);
		let item = item(sequence, losses, &roots);
		let [baseline, candidate] = roots;
		Ok(Traces { item, baseline, candidate })
	}

	/// Computes the output of an operator of one trace of a sequence.
	pub fn output(&self, sequence: u32, side: Side, operator: usize) -> Result<Opened, EvaluateError> {
		let (plan, ids) = self.begin(sequence)?;
		let none = EvaluateError::Place { operator, row: 0, block: 0 };
		let shape = plan.program().operator(operator).ok_or(none.clone())?.shape;
		let mut outputs = self.outputs(&plan, &ids, side, &[operator])?;
		Ok(Opened { shape, bytes: outputs.remove(&operator).ok_or(none)? })
	}

	/// Computes everything that computing one block of one trace reads, with proofs.
	///
	/// `files` are those of the parts in that trace, the candidate's in its slot; `roots` are the baseline's.
	pub fn witness(
		&self,
		sequence: u32,
		side: Side,
		place: Place,
		(files, roots): (&dyn PartFiles, &ModelRoots),
	) -> Result<Witness, EvaluateError> {
		let (plan, ids) = self.begin(sequence)?;
		let Place { operator, row, block } = place;
		let listed = plan.program().operator(operator);
		let is_there = |shape: Shape| row < shape.rows && block < shape.blocks();
		let operator = listed.filter(|listed| is_there(listed.shape)).ok_or(EvaluateError::Place {
			operator,
			row,
			block,
		})?;
		let outputs = self.outputs(&plan, &ids, side, &operator.inputs)?;
		let trace = Trace::of_some(plan.program().clone(), outputs);
		let prover = Prover {
			trace: &trace,
			files,
			parts: &roots.parts,
			experts: &roots.experts,
			candidate: self.slot().filter(|_| side == Side::Candidate),
			holdout: &self.holdout.all_ids(),
			sequence,
		};
		prover.record(place).map_err(|_| EvaluateError::Files { operator: place.operator })
	}

	fn slot(&self) -> Option<CandidateSlot> {
		let candidate = self.subject.candidate?;
		let Part::Expert { layer, expert } = candidate.part() else { return None };
		Some(CandidateSlot { layer, expert, tensor_root: candidate.tensor_root() })
	}

	fn begin(&self, sequence: u32) -> Result<(Plan, Vec<u32>), EvaluateError> {
		let ids = self.holdout.ids(sequence).ok_or(no_sequence(self.holdout, sequence))?;
		Ok((plan(self.subject, self.holdout)?, ids))
	}

	fn outputs(
		&self,
		plan: &Plan,
		ids: &[u32],
		side: Side,
		operators: &[usize],
	) -> Result<BTreeMap<usize, Vec<u8>>, EvaluateError> {
		let steps = plan.steps_to(operators.iter().copied());
		let recorder = Kept::new(plan.program(), side, operators);
		let (recorder, losses) =
			self.evaluator.one(self.subject, plan, (ids, steps), recorder, self.checkpoint)?;
		Ok(recorder.finish(losses))
	}
}
