//! Evaluator: sequences of a holdout on the threads of this machine.

use super::{
	candidate::Candidate,
	error::EvaluateError,
	holdout::Holdout,
	means::{Buffers, Checkpoint, Means},
	pass::Pass,
	plan::Plan,
	recorder::Recorder,
	roots::Roots,
	tensors::Tensors,
};
use crate::run::Weights;
use blyan_exact::{
	definition2::{Architecture, Program},
	tree::{sum_root, trace_root, Item, SumNode},
};
use blyan_kernel::Kernel;
use rayon::prelude::*;
use std::ops::ControlFlow;

/// A model, and the candidate for one of its slots.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
	/// Architecture of the model.
	pub architecture: &'a Architecture,
	/// Its weights.
	pub weights: &'a Weights,
	/// The candidate. Without one, both sides are the model as it is.
	pub candidate: Option<&'a Candidate>,
}

/// Losses of one sequence, bits in Q16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Losses {
	/// Index of the sequence in the holdout.
	pub sequence: u32,
	/// Loss of the model as it is.
	pub baseline: u64,
	/// Loss of the model with the candidate.
	pub candidate: u64,
}

/// Result of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
	/// Root over the sequences: its hash binds everything that was computed, its totals are the score.
	pub root: SumNode,
	/// Sequences.
	pub sequences: u32,
	/// Bytes of text that the predicted tokens stand for.
	pub text_bytes: u64,
}

/// Checkpoint that never pauses and never stops.
pub fn never_stop() -> ControlFlow<()> {
	ControlFlow::Continue(())
}

/// Computes the outcome of an evaluation from its items, in the order of the draw.
pub fn outcome<B: AsRef<[u8]>>(holdout: &Holdout<B>, items: &[Item]) -> Result<Outcome, EvaluateError> {
	let bytes = |item: &Item| holdout.text_bytes(item.sequence).ok_or(no_sequence(holdout, item.sequence));
	let text_bytes = items.iter().map(|item| bytes(item).map(u64::from)).sum::<Result<u64, _>>()?;
	// Samples are below 2^32, as sequences are.
	Ok(Outcome { root: sum_root(items), sequences: items.len() as u32, text_bytes })
}

pub(super) fn no_sequence<B: AsRef<[u8]>>(holdout: &Holdout<B>, index: u32) -> EvaluateError {
	EvaluateError::Sequence { index, sequences: holdout.sequences() }
}

/// Evaluator of models on threads of its own.
pub struct Evaluator {
	kernel: Kernel,
	pool: rayon::ThreadPool,
}

impl Evaluator {
	/// Starts `threads` threads that use `kernel`.
	pub fn new(kernel: Kernel, threads: usize) -> Result<Self, EvaluateError> {
		let threads = threads.max(1);
		let pool = rayon::ThreadPoolBuilder::new()
			.num_threads(threads)
			.thread_name(|index| format!("evaluate-{index}"))
			.build()
			.map_err(|error| EvaluateError::Threads { threads, reason: error.to_string() })?;
		Ok(Self { kernel, pool })
	}

	/// Starts as many threads as this machine has cores, or another number, with the best kernel.
	pub fn on_this_machine(threads: Option<usize>) -> Result<Self, EvaluateError> {
		let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get());
		Self::new(Kernel::best(), threads.unwrap_or_else(cores))
	}

	/// Returns the kernel in use.
	pub fn kernel(&self) -> Kernel {
		self.kernel
	}

	/// Computes the losses of some sequences of a holdout, in this order.
	///
	/// `finished` receives each as soon as it is there, in any order and from any thread.
	pub fn losses<B: AsRef<[u8]> + Sync>(
		&self,
		subject: Subject<'_>,
		holdout: &Holdout<B>,
		indices: &[u32],
		checkpoint: Checkpoint<'_>,
		finished: &(dyn Fn(&Losses) + Sync),
	) -> Result<Vec<Losses>, EvaluateError> {
		self.each(subject, holdout, indices, |plan, means, buffers, (sequence, ids)| {
			let pass = Pass::new(plan, tensors(subject), means, buffers, ids, ());
			let ((), [baseline, candidate]) = pass.run(plan.steps().len(), checkpoint)?;
			let losses = Losses { sequence, baseline, candidate };
			finished(&losses);
			Ok(losses)
		})
	}

	/// Computes the items of some sequences of a holdout, in this order: losses, and commitments to both traces.
	///
	/// `finished` receives each as soon as it is there, in any order and from any thread: a caller that is interrupted asks
	/// for the rest only.
	pub fn items<B: AsRef<[u8]> + Sync>(
		&self,
		subject: Subject<'_>,
		holdout: &Holdout<B>,
		indices: &[u32],
		checkpoint: Checkpoint<'_>,
		finished: &(dyn Fn(&Item) + Sync),
	) -> Result<Vec<Item>, EvaluateError> {
		self.each(subject, holdout, indices, |plan, means, buffers, (sequence, ids)| {
			let pass = Pass::new(
				plan,
				tensors(subject),
				means,
				buffers,
				ids,
				Roots::new(means.kernel, plan.program()),
			);
			let (roots, losses) = pass.run(plan.steps().len(), checkpoint)?;
			let item = item(sequence, losses, &roots.finish(losses));
			finished(&item);
			Ok(item)
		})
	}

	/// Runs `work` over sequences on all threads. Threads that would have no sequence help with those of others.
	fn each<B: AsRef<[u8]> + Sync, T: Send>(
		&self,
		subject: Subject<'_>,
		holdout: &Holdout<B>,
		indices: &[u32],
		work: impl Fn(&Plan, Means, &mut Buffers, (u32, &[u32])) -> Result<T, EvaluateError> + Sync,
	) -> Result<Vec<T>, EvaluateError> {
		let plan = plan(subject, holdout)?;
		if let Some(index) = indices.iter().find(|index| **index >= holdout.sequences()) {
			return Err(no_sequence(holdout, *index));
		}
		let means = self.means(indices.len());
		self.pool.install(|| {
			indices
				.par_iter()
				.with_max_len(1)
				.map_init(Buffers::default, |buffers, index| {
					let ids = holdout.ids(*index).ok_or(no_sequence(holdout, *index))?;
					work(&plan, means, buffers, (*index, &ids))
				})
				.collect()
		})
	}

	fn means(&self, sequences: usize) -> Means {
		let threads = self.pool.current_num_threads() / sequences.max(1);
		Means { kernel: self.kernel, threads: threads.max(1) }
	}

	/// Takes one sequence through the first `steps` steps, on all threads.
	pub(super) fn one<R: Recorder + Send>(
		&self,
		subject: Subject<'_>,
		plan: &Plan,
		(ids, steps): (&[u32], usize),
		recorder: R,
		checkpoint: Checkpoint<'_>,
	) -> Result<(R, [u64; 2]), EvaluateError> {
		let (means, mut buffers) = (self.means(1), Buffers::default());
		let run =
			|| Pass::new(plan, tensors(subject), means, &mut buffers, ids, recorder).run(steps, checkpoint);
		self.pool.install(run)
	}
}

fn tensors(subject: Subject<'_>) -> Tensors<'_> {
	Tensors { weights: subject.weights, candidate: subject.candidate }
}

/// Returns the plan of a holdout's sequences. Refuses a holdout of another vocabulary.
pub(super) fn plan<B: AsRef<[u8]>>(
	subject: Subject<'_>,
	holdout: &Holdout<B>,
) -> Result<Plan, EvaluateError> {
	let (holdout_vocabulary, model) = (holdout.vocabulary(), subject.architecture.vocabulary);
	if holdout_vocabulary > model {
		return Err(EvaluateError::Vocabulary { holdout: holdout_vocabulary, model });
	}
	Ok(Plan::new(Program::new(subject.architecture, holdout.positions())?))
}

pub(super) fn item(
	sequence: u32,
	[baseline, candidate]: [u64; 2],
	[one, other]: &[Vec<blyan_exact::Hash>; 2],
) -> Item {
	let (baseline_trace, candidate_trace) = (trace_root(one), trace_root(other));
	Item { sequence, baseline, candidate, baseline_trace, candidate_trace }
}
