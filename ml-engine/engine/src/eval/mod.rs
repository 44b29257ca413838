//! Exact evaluation: losses of whole models, and commitments to every value on the way.
//!
//! Sequences are taken in groups of about a thousand tokens, each group one batch of matrix products on one
//! thread. Between groups the evaluator calls a [`Checkpoint`], where serving pre-empts it and where a job is cancelled.
//!
//! A job commits to its traces: the output of every operator is hashed as [`blyan_exact::Program`] lays it out.
//! Baseline and candidate share the work and the hashes of everything in front of the candidate's slot, and within
//! its layer those of every token that does not choose it.
//!
//! Jobs are about models of either definition. This module computes those of the first; jobs about models of the second go to
//! [`blyan_open_model::evaluate`], loaded from the same blobs.

mod device;
mod finding;
pub mod forward;
mod job;
mod kv_cache;
mod mixture;
mod opening;
mod recorder;
mod routing;
mod scratch;
mod second;
mod speed;
#[cfg(test)]
mod tests;
mod trace;
mod workspace;

pub use device::LossDevice;
pub use finding::{Finding, Need};
pub use job::{computation, evaluate_job, positions, JobLimits};
pub use recorder::Recorder;
pub(crate) use second::open_model_weights;
pub use trace::{Output, Outputs, Roots};

use crate::{
	kernel::Kernel,
	model::{ExpertWeights, Model},
};
use blyan_exact::{
	tree::{sum_root, Item},
	Hash, Program, SlotIndex,
};
use blyan_primitives::{EngineError, EvaluationOutcome};
use forward::{KvCache, Workspace};
use parking_lot::Mutex;
use rayon::prelude::*;
use second::SecondEvaluator;
use sp_core::H256;
use std::sync::Arc;
use workspace::Workspaces;

/// Tokens that share one batch.
const GROUP_TOKENS: usize = 1_024;

/// Callback between groups, with the number of sequences finished since the last call: blocks to pause, returns an
/// error to stop.
pub type Checkpoint<'a> = &'a (dyn Fn(u32) -> Result<(), EngineError> + Sync);

/// Checkpoint that never pauses and never stops.
pub fn never_stop(_: u32) -> Result<(), EngineError> {
	Ok(())
}

/// Evaluator of models: one kernel on its own threads, and a device if there is one.
#[derive(Debug)]
pub struct Evaluator {
	kernel: Kernel,
	pool: rayon::ThreadPool,
	/// Memory of finished passes, for the next.
	workspaces: Workspaces,
	device: Option<Arc<dyn LossDevice>>,
	/// Evaluator of models of the second definition, since the first job about one.
	second: Mutex<Option<Arc<SecondEvaluator>>>,
}

/// Candidate expert for a slot.
#[derive(Clone, Debug)]
pub struct Candidate {
	/// The slot.
	pub slot: SlotIndex,
	/// The expert.
	pub weights: Arc<ExpertWeights>,
}

impl Candidate {
	/// Returns the model with this expert in its slot.
	pub fn put_into(&self, model: &Model) -> Result<Model, EngineError> {
		let SlotIndex { layer, expert } = self.slot;
		let changed = model.with_expert(layer, expert, self.weights.clone());
		changed.ok_or(EngineError::CandidateInvalid)
	}
}

impl Evaluator {
	/// Starts `threads` workers (0 means one per core) that use `kernel`.
	pub fn new(kernel: Kernel, threads: usize) -> Result<Self, EngineError> {
		let pool = rayon::ThreadPoolBuilder::new()
			.num_threads(threads)
			.thread_name(|index| format!("blyan-eval-{index}"))
			.build();
		let pool = pool.map_err(|error| {
			log::error!("cannot start evaluation threads: {error}");
			EngineError::Internal
		})?;
		Ok(Self { kernel, pool, workspaces: Workspaces::default(), device: None, second: Mutex::default() })
	}

	/// Uses `device` for losses. Traces stay on the processor.
	pub fn with_device(self, device: Arc<dyn LossDevice>) -> Self {
		Self { device: Some(device), ..self }
	}

	/// Returns the kernel in use.
	pub fn kernel(&self) -> Kernel {
		self.kernel
	}

	/// Returns the evaluator of models of the second definition.
	fn second(&self) -> Result<Arc<SecondEvaluator>, EngineError> {
		let mut second = self.second.lock();
		if let Some(started) = second.as_ref() {
			return Ok(started.clone());
		}
		// Started by a thread of the pool, so that its threads have the same priority.
		let start = || SecondEvaluator::new(self.kernel, self.pool.current_num_threads());
		let started = Arc::new(self.pool.install(start)?);
		*second = Some(started.clone());
		Ok(started)
	}

	/// Returns the bits, Q16, that the model needs for each sequence. All have one length, from 1 to the context.
	pub fn losses(
		&self,
		model: &Model,
		sequences: &[&[u8]],
		checkpoint: Checkpoint<'_>,
	) -> Result<Vec<u64>, EngineError> {
		ensure_one_length(model, sequences)?;
		let mut losses = match &self.device {
			Some(device) => device.losses(model, sequences, checkpoint)?,
			None => Vec::new(),
		};
		// Whatever the device has left.
		let rest = &sequences[losses.len()..];
		let groups = self
			.in_groups(model, rest, checkpoint, true, |group, work| self.run(model, group, work, &mut ()))?;
		losses.extend(groups.concat());
		Ok(losses)
	}

	/// Returns the losses of the model as it is and with the candidate, for each sequence.
	///
	/// Both share the work up to the candidate's slot.
	pub fn paired_losses(
		&self,
		model: &Model,
		candidate: &Candidate,
		sequences: &[&[u8]],
		checkpoint: Checkpoint<'_>,
	) -> Result<Vec<(u64, u64)>, EngineError> {
		let changed = candidate.put_into(model)?;
		ensure_one_length(model, sequences)?;
		let mut losses = match &self.device {
			Some(device) => device.paired_losses(model, &changed, candidate, sequences, checkpoint)?,
			None => Vec::new(),
		};
		let rest = &sequences[losses.len()..];
		let groups = self.in_groups(model, rest, checkpoint, true, |group, work| {
			let [(baseline, ()), (candidate, ())] =
				self.run_paired([model, &changed], candidate, group, work, ())?;
			Ok(baseline.into_iter().zip(candidate).collect::<Vec<_>>())
		})?;
		losses.extend(groups.concat());
		Ok(losses)
	}

	/// Computes the items of a job over these sequences of a holdout, in this order: paired losses with commitments to both
	/// traces.
	pub fn items(
		&self,
		model: &Model,
		candidate: &Candidate,
		indices: &[u32],
		sequences: &[&[u8]],
		checkpoint: Checkpoint<'_>,
	) -> Result<Vec<Item>, EngineError> {
		let changed = candidate.put_into(model)?;
		let groups = self.in_groups(model, sequences, checkpoint, false, |group, work| {
			let roots = Roots::new(self.kernel, program(model, group)?, group.len());
			let [baseline, candidate] = self
				.run_paired([model, &changed], candidate, group, work, roots)?
				.map(|(losses, roots)| losses.into_iter().zip(roots.traces()).collect::<Vec<(u64, Hash)>>());
			let pairs = baseline.into_iter().zip(candidate);
			Ok(pairs
				.map(|((baseline, baseline_trace), (candidate, candidate_trace))| Item {
					sequence: 0,
					baseline,
					candidate,
					baseline_trace,
					candidate_trace,
				})
				.collect::<Vec<_>>())
		})?;
		let items = groups.concat().into_iter().zip(indices);
		Ok(items.map(|(item, &sequence)| Item { sequence, ..item }).collect())
	}

	/// Returns the loss and operator roots of one sequence.
	pub fn operator_roots(&self, model: &Model, sequence: &[u8]) -> Result<(u64, Vec<Hash>), EngineError> {
		let mut roots = Roots::new(self.kernel, program(model, &[sequence])?, 1);
		let losses = self.run(model, &[sequence], self.workspaces.take(1).get(), &mut roots)?;
		Ok((losses.iter().sum(), roots.operators(0)))
	}

	/// Returns the output of the operator at a place in the program for one sequence; [`EngineError::JobMalformed`] if there
	/// is no such operator.
	pub fn operator_output(
		&self,
		model: &Model,
		sequence: &[u8],
		operator: usize,
	) -> Result<Vec<u8>, EngineError> {
		let program = program(model, &[sequence])?;
		let mut output = Output::new(&program, operator).ok_or(EngineError::JobMalformed)?;
		self.run(model, &[sequence], self.workspaces.take(1).get(), &mut output)?;
		Ok(output.into_bytes())
	}

	/// Returns the loss of one sequence and the outputs of all operators, in the order of the program.
	pub fn outputs(&self, model: &Model, sequence: &[u8]) -> Result<(u64, Vec<Vec<u8>>), EngineError> {
		let mut outputs = Outputs::new(program(model, &[sequence])?);
		let losses = self.run(model, &[sequence], self.workspaces.take(1).get(), &mut outputs)?;
		Ok((losses.iter().sum(), outputs.into_bytes()))
	}

	/// Computes the losses of a group of sequences.
	fn run(
		&self,
		model: &Model,
		group: &[&[u8]],
		work: &mut Workspace,
		recorder: &mut impl Recorder,
	) -> Result<Vec<u64>, EngineError> {
		let (mut stream, mut caches) = start(self.kernel, model, group, work, recorder);
		let layers = 0..model.trunk().layers.len();
		forward::layers(self.kernel, model, layers, &mut stream, &mut caches, work, recorder)?;
		let losses = forward::losses(self.kernel, model.trunk(), &stream, group, work, recorder);
		work.end(stream, caches);
		Ok(losses)
	}

	/// Computes the losses of a group of sequences without and with the candidate, and returns the recorder of each.
	fn run_paired<R: Recorder + Clone>(
		&self,
		[model, changed]: [&Model; 2],
		candidate: &Candidate,
		group: &[&[u8]],
		work: &mut Workspace,
		mut recorder: R,
	) -> Result<[(Vec<u64>, R); 2], EngineError> {
		let (kernel, trunk) = (self.kernel, model.trunk());
		let slot @ (at, _) = (usize::from(candidate.slot.layer), usize::from(candidate.slot.expert));
		let (mut stream, mut caches) = start(self.kernel, model, group, work, &mut recorder);
		forward::layers(kernel, model, 0..at, &mut stream, &mut caches, work, &mut recorder)?;
		caches.iter_mut().for_each(KvCache::clear);
		forward::attention(kernel, trunk, at, &mut stream, &mut caches, work, &mut recorder);
		let mut routed = std::mem::take(&mut work.routed);
		let mut outputs = std::mem::take(&mut work.expert_outputs);
		routed.route(kernel, trunk, at, &stream, &mut work.scratches, &mut recorder);
		routed.apply_all(kernel, model, at, &mut work.scratches, &mut outputs, &mut recorder)?;
		// Only the tokens that go to the slot differ in it.
		let (mut other_outputs, mut other_stream) = (work.spare_stream(), work.spare_stream());
		other_outputs.clone_from(&outputs);
		other_stream.clone_from(&stream);
		let mut other_recorder = recorder.clone();
		let weights = &candidate.weights;
		routed.apply_other(
			kernel,
			slot,
			weights,
			&mut work.scratches,
			&mut other_outputs,
			&mut other_recorder,
		);
		let mut finish = |model: &Model, mut stream: Vec<i32>, outputs: &[i32], mut recorder: R| {
			routed.mix(kernel, at, &mut stream, outputs, &mut work.scratches, &mut recorder);
			let rest = at + 1..trunk.layers.len();
			forward::layers(kernel, model, rest, &mut stream, &mut caches, work, &mut recorder)?;
			let losses = forward::losses(kernel, trunk, &stream, group, work, &mut recorder);
			work.keep_stream(stream);
			Ok((losses, recorder))
		};
		let other = finish(changed, other_stream, &other_outputs, other_recorder)?;
		let losses = [finish(model, stream, &outputs, recorder)?, other];
		work.end(other_outputs, caches);
		(work.routed, work.expert_outputs) = (routed, outputs);
		Ok(losses)
	}

	/// Runs `work` over groups of sequences on all threads, in order of the sequences.
	///
	/// Threads that would have no sequence help with those of others if groups `may_split`.
	fn in_groups<T: Send>(
		&self,
		model: &Model,
		sequences: &[&[u8]],
		checkpoint: Checkpoint<'_>,
		may_split: bool,
		work: impl Fn(&[&[u8]], &mut Workspace) -> Result<T, EngineError> + Sync,
	) -> Result<Vec<T>, EngineError> {
		let Some(first) = sequences.first() else { return Ok(Vec::new()) };
		let len = first.len();
		ensure_one_length(model, sequences)?;
		// Every thread gets something to do before a group grows past one sequence.
		let threads = self.pool.current_num_threads();
		let share = sequences.len().div_ceil(threads);
		let group = (GROUP_TOKENS / len).clamp(1, share);
		let may_split = may_split && forward::is_worth_sharing(model, len);
		let threads_per_group = if may_split { threads / sequences.len() } else { 1 };
		checkpoint(0)?;
		self.pool.install(|| {
			sequences
				.par_chunks(group)
				.map_init(
					|| self.workspaces.take(threads_per_group),
					|workspace, group| {
						checkpoint(0)?;
						let result = work(group, workspace.get())?;
						checkpoint(group.len() as u32)?;
						Ok(result)
					},
				)
				.collect()
		})
	}
}

/// Embeds a group of sequences behind their begin-of-sequence tokens.
fn start(
	kernel: Kernel,
	model: &Model,
	group: &[&[u8]],
	work: &mut Workspace,
	recorder: &mut impl Recorder,
) -> (Vec<i32>, Vec<KvCache>) {
	let len = group.first().map_or(0, |bytes| bytes.len());
	let tokens = group
		.iter()
		.flat_map(|bytes| std::iter::once(0).chain(bytes.iter().take(len.saturating_sub(1)).copied()));
	let (mut stream, caches) = work.begin(model.config(), group.len(), len);
	forward::embed(kernel, model.trunk(), tokens, &mut stream, recorder);
	(stream, caches)
}

/// Refuses sequences of several lengths, or of one outside the context.
fn ensure_one_length(model: &Model, sequences: &[&[u8]]) -> Result<(), EngineError> {
	let len = sequences.first().map_or(1, |bytes| bytes.len());
	let fits = (1..=usize::from(model.config().context)).contains(&len);
	if fits && sequences.iter().all(|bytes| bytes.len() == len) {
		Ok(())
	} else {
		Err(EngineError::JobMalformed)
	}
}

/// Returns the program of sequences as long as the first of a group.
fn program(model: &Model, group: &[&[u8]]) -> Result<Program, EngineError> {
	let len = group.first().map_or(0, |bytes| bytes.len());
	let program = u16::try_from(len).ok().and_then(|len| Program::new(*model.config(), len));
	program.ok_or(EngineError::JobMalformed)
}

/// Computes the exact outcome over a drawn sample from its items in the order of the draw, each of so many predicted
/// [`positions`].
pub fn outcome(items: &[Item], positions: u16) -> EvaluationOutcome {
	let root = sum_root(items);
	// Losses are below 2^40, samples below 2^20: sums below 2^60, squares of differences below 2^100.
	EvaluationOutcome {
		baseline_loss: root.totals.baseline,
		candidate_loss: root.totals.candidate,
		sum_diff: root.totals.baseline as i64 - root.totals.candidate as i64,
		sum_diff_sq: root.totals.squares,
		sequences: items.len() as u32,
		bytes: items.len() as u64 * u64::from(positions),
		job_root: H256(root.hash),
	}
}
