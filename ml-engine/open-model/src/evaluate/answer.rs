//! Checks of answers: which choices the model would not have made, commitments to every number on the way, and their openings.
//!
//! An answer is one sequence, the ids that a model read and then those that it chose, and its program
//! ([`Program::answer_check`]) ends with the number of misses in the place of the loss. Everything else is that of an evaluation
//! without a candidate: both traces are the same.

use super::{
	batch::Side,
	error::EvaluateError,
	evaluator::{item, Evaluator, Subject},
	kept::Kept,
	means::Checkpoint,
	opening::{ModelRoots, Opened, Traces},
	plan::Plan,
	roots::Roots,
};
use crate::run::Weights;
use blyan_exact::definition2::{
	step::{PartFiles, Place, Prover, Witness},
	Answer, Architecture, Program, Trace,
};
use std::collections::BTreeMap;

/// Check of one answer.
#[derive(Clone, Copy)]
pub struct AnswerCheck<'a> {
	/// Evaluator on whose threads it is computed.
	pub evaluator: &'a Evaluator,
	/// Architecture of the model.
	pub architecture: &'a Architecture,
	/// Its weights.
	pub weights: &'a Weights,
	/// Ids that the model read, then those that it chose.
	pub ids: &'a [u32],
	/// First position that was chosen, and the settings.
	pub answer: Answer,
	/// Callback in front of every layer of every piece.
	pub checkpoint: Checkpoint<'a>,
}

impl AnswerCheck<'_> {
	/// Computes the item of the answer, whose losses count the misses, and the roots of all operators.
	pub fn traces(&self) -> Result<Traces, EvaluateError> {
		let plan = self.plan()?;
		let recorder = Roots::new(self.evaluator.kernel(), plan.program());
		let all = plan.steps().len();
		let (recorder, misses) =
			self.evaluator.one(self.subject(), &plan, (self.ids, all), recorder, self.checkpoint)?;
		let roots = recorder.finish(misses);
		let item = item(0, misses, &roots);
		let [baseline, candidate] = roots;
		Ok(Traces { item, baseline, candidate })
	}

	/// Computes the output of an operator.
	pub fn output(&self, operator: usize) -> Result<Opened, EvaluateError> {
		let plan = self.plan()?;
		let none = EvaluateError::Place { operator, row: 0, block: 0 };
		let shape = plan.program().operator(operator).ok_or(none.clone())?.shape;
		let mut outputs = self.outputs(&plan, &[operator])?;
		Ok(Opened { shape, bytes: outputs.remove(&operator).ok_or(none)? })
	}

	/// Computes everything that computing one block reads, with proofs.
	pub fn witness(
		&self,
		place: Place,
		(files, roots): (&dyn PartFiles, &ModelRoots),
	) -> Result<Witness, EvaluateError> {
		let plan = self.plan()?;
		let Place { operator, row, block } = place;
		let listed = plan.program().operator(operator);
		let listed = listed.filter(|listed| row < listed.shape.rows && block < listed.shape.blocks());
		let inputs = &listed.ok_or(EvaluateError::Place { operator, row, block })?.inputs;
		let outputs = self.outputs(&plan, inputs)?;
		let trace = Trace::of_some(plan.program().clone(), outputs);
		let prover = Prover {
			trace: &trace,
			files,
			parts: &roots.parts,
			experts: &roots.experts,
			candidate: None,
			holdout: self.ids,
			sequence: 0,
		};
		prover.record(place).map_err(|_| EvaluateError::Files { operator })
	}

	fn subject(&self) -> Subject<'_> {
		Subject { architecture: self.architecture, weights: self.weights, candidate: None }
	}

	fn plan(&self) -> Result<Plan, EvaluateError> {
		let (ids, vocabulary) = (self.ids.len(), self.architecture.vocabulary);
		let largest = self.ids.iter().copied().max().unwrap_or(0);
		let positions = u32::try_from(ids).ok().and_then(|ids| ids.checked_sub(1));
		let positions = positions.filter(|positions| *positions > 0 && largest < vocabulary);
		let positions = positions.ok_or(EvaluateError::Answer { ids, largest, vocabulary })?;
		Ok(Plan::new(Program::answer_check(self.architecture, positions, self.answer)?))
	}

	fn outputs(&self, plan: &Plan, operators: &[usize]) -> Result<BTreeMap<usize, Vec<u8>>, EvaluateError> {
		let steps = plan.steps_to(operators.iter().copied());
		let recorder = Kept::new(plan.program(), Side::Baseline, operators);
		let (recorder, misses) =
			self.evaluator.one(self.subject(), plan, (self.ids, steps), recorder, self.checkpoint)?;
		Ok(recorder.finish(misses))
	}
}
