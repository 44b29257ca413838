//! The local engine as a judge of an answer: how many of its tokens the model would not have chosen, and the opening of every number on the way.

use crate::{
	failure::{Failure, Kind, Outcome},
	local_model::LocalModel,
	referee::{Openings, Place},
};
use blyan_exact::{
	definition2::{
		step::{self, sequence_bytes},
		Answer, Architecture, Program,
	},
	merkle,
	tree::{sum_root, SumNode},
};
use blyan_open_model::{
	evaluate::{AnswerCheck, DirectoryFiles, EvaluateError, Evaluator, ModelRoots, Opened, Traces},
	manifest::Manifest,
	Directory, GenerationRecord, Weights,
};
use blyan_primitives::{
	is_disputable_answer, BlockWitness, Computation, EvaluationOutcome, Opening, PartIndex, Query,
	SignedReceipt,
};
use sp_core::H256;
use std::{
	ops::ControlFlow,
	path::Path,
	sync::{Arc, Mutex, PoisonError},
};

/// Callback in front of every layer of every piece: a check that others wait for gives way in it. Openings of a game do not.
pub type Wait = Arc<dyn Fn() + Send + Sync>;

/// Gives way to nothing.
pub fn never_wait() -> Wait {
	Arc::new(|| {})
}

/// A model on this machine, ready for checks of its answers.
pub struct AnswerModel {
	directory: Directory,
	manifest: Manifest,
	architecture: Arc<Architecture>,
	weights: Arc<Weights>,
	roots: ModelRoots,
	evaluator: Evaluator,
	/// The one for openings, of all cores: a game has a clock of an hour, in which an answer may have to be computed twice.
	hurried: Evaluator,
}

impl AnswerModel {
	/// Takes a model that is loaded from this directory. `threads`: those for outcomes, which have hours; all cores if absent.
	pub fn of(dir: &Path, model: &LocalModel, threads: Option<usize>) -> Outcome<Self> {
		let mut parts = Vec::with_capacity(model.manifest.parts.len());
		for part in &model.manifest.parts {
			parts.push(part.hash()?);
		}
		let experts = parts.split_off(model.architecture.parts().len().min(parts.len()));
		Ok(Self {
			directory: Directory::new(dir),
			manifest: model.manifest.clone(),
			architecture: model.architecture.clone(),
			weights: model.runner.weights().clone(),
			roots: ModelRoots { parts, experts },
			evaluator: Evaluator::on_this_machine(threads)?,
			hurried: Evaluator::on_this_machine(None)?,
		})
	}

	/// Loads the model in a directory.
	pub fn open(dir: &Path, threads: Option<usize>) -> Outcome<Self> {
		Self::of(dir, &LocalModel::open(dir, threads)?, threads)
	}

	/// Root of the model, in hexadecimal digits.
	pub fn root(&self) -> &str {
		&self.manifest.model_root
	}
}

/// Results so far, for the next question.
#[derive(Default)]
struct Found {
	traces: Option<Arc<Traces>>,
	/// Output of the operator that was asked for last: a game asks for one after another.
	output: Option<(usize, Arc<Opened>)>,
}

/// An answer, and a model to compute it with.
pub struct AnswerReferee {
	model: Arc<AnswerModel>,
	ids: Vec<u32>,
	answer: Answer,
	program: Computation,
	wait: Wait,
	found: Mutex<Found>,
}

impl AnswerReferee {
	/// Takes the record of an answer of this model.
	pub fn new(model: Arc<AnswerModel>, record: &GenerationRecord, wait: Wait) -> Outcome<Self> {
		record.ensure_about(&model.manifest)?;
		let Some((ids, answer)) = record.choices() else {
			return Err(Failure::new("the record has no answer")
				.kind(Kind::Undecided)
				.next("name another one"));
		};
		let positions = u32::try_from(ids.len())?.saturating_sub(1);
		let program = Program::answer_check(&model.architecture, positions, answer)
			.map_err(|error| Failure::new(format!("the answer cannot be checked: {error}")))?;
		let program = Computation::Second(program);
		Ok(Self { model, ids, answer, program, wait, found: Mutex::default() })
	}

	/// Root over the ids that the model read and chose, which a receipt names.
	pub fn tokens_root(&self) -> H256 {
		H256(merkle::root(&[merkle::leaf(&sequence_bytes(&self.ids))]))
	}

	/// Refuses an answer that is too long for a game.
	pub fn ensure_disputable(&self) -> Outcome<()> {
		match is_disputable_answer(&self.model.architecture, u32::try_from(self.ids.len())?) {
			true => Ok(()),
			false => {
				Err(Failure::new("the answer is too long for a game, so the chain takes no challenge of it")
					.kind(Kind::Undecided)
					.next("compute it again with: blyan audit replay; and pay that operator no more"))
			}
		}
	}

	/// Refuses a receipt that is about another answer.
	pub fn ensure_about(&self, signed: &SignedReceipt) -> Outcome<()> {
		match signed.receipt.tokens_root == self.tokens_root() {
			true => Ok(()),
			false => Err(Failure::new("the receipt is not about the tokens beside it").kind(Kind::Undecided)),
		}
	}

	/// Computes the outcome of checking the answer. Both of its losses count the tokens that the model would not have chosen.
	pub fn outcome(&self) -> Outcome<EvaluationOutcome> {
		let traces = self.traces()?;
		let SumNode { hash, totals } = sum_root(&[traces.item]);
		Ok(EvaluationOutcome {
			baseline_loss: totals.baseline,
			candidate_loss: totals.candidate,
			sequences: 1,
			bytes: (self.ids.len() as u64).saturating_sub(1),
			job_root: H256(hash),
			..EvaluationOutcome::default()
		})
	}

	/// Does something with the check of the answer. Openings give way to nothing: a clock runs.
	fn check<T>(
		&self,
		is_opening: bool,
		work: impl FnOnce(AnswerCheck<'_>) -> Result<T, EvaluateError>,
	) -> Outcome<T> {
		let checkpoint = || {
			if !is_opening {
				(self.wait)();
			}
			ControlFlow::Continue(())
		};
		let model = &self.model;
		Ok(work(AnswerCheck {
			evaluator: if is_opening { &model.hurried } else { &model.evaluator },
			architecture: &model.architecture,
			weights: &model.weights,
			ids: &self.ids,
			answer: self.answer,
			checkpoint: &checkpoint,
		})?)
	}

	fn traces(&self) -> Outcome<Arc<Traces>> {
		let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
		if let Some(traces) = &found.traces {
			return Ok(traces.clone());
		}
		let traces = Arc::new(self.check(false, |check| check.traces())?);
		found.traces = Some(traces.clone());
		Ok(traces)
	}

	fn output(&self, operator: u16) -> Outcome<Arc<Opened>> {
		let operator = usize::from(operator);
		let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
		if let Some((_, opened)) = found.output.as_ref().filter(|(of, _)| *of == operator) {
			return Ok(opened.clone());
		}
		let opened = Arc::new(self.check(true, |check| check.output(operator))?);
		found.output = Some((operator, opened.clone()));
		Ok(opened)
	}

	fn witness(&self, place: step::Place) -> Outcome<Opening> {
		let model = &self.model;
		let files = DirectoryFiles::new(&model.directory, &model.architecture, None);
		let found = self.check(true, |check| check.witness(place, (&files, &model.roots)));
		match (found, files.failure()) {
			(Ok(witness), _) => Ok(Opening::Witness(BlockWitness::Second(witness))),
			(Err(_), Some(error)) => Err(error.into()),
			(Err(failure), None) => Err(failure),
		}
	}
}

impl Openings for AnswerReferee {
	fn open(&self, _: PartIndex, query: &Query) -> Outcome<Opening> {
		let hashes = match *query {
			Query::Item { item: 0 } => {
				let traces = self.traces()?;
				return Ok(Opening::Item {
					item: traces.item,
					baseline: traces.baseline.clone(),
					candidate: traces.candidate.clone(),
				});
			}
			// Both traces of an answer are the same.
			Query::Rows { item: 0, operator, level, index, .. } => {
				self.output(operator)?.rows(level.into(), index as usize)
			}
			Query::Blocks { item: 0, operator, row, .. } => self.output(operator)?.blocks(row as usize, 1, 0),
			Query::BlockNodes { item: 0, operator, row, level, index, .. } => {
				self.output(operator)?.blocks(row as usize, level.into(), index as usize)
			}
			Query::Witness { item: 0, operator, row, block, .. } => {
				let place =
					step::Place { operator: operator.into(), row: row as usize, block: block as usize };
				return self.witness(place);
			}
			_ => Vec::new(),
		};
		match hashes.is_empty() {
			true => Err(Failure::new(format!("the check of the answer has no {query:?}"))),
			false => Ok(Opening::Hashes(hashes)),
		}
	}

	fn place(&self, _: PartIndex, query: &Query) -> Option<Place> {
		Place::of_answer(&self.program, query)
	}
}

#[cfg(test)]
mod tests;
