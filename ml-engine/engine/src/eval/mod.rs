//! Exact losses of whole models, fast.
//!
//! Sequences are taken in groups of about a thousand tokens, each group one batch of matrix products on one
//! thread. Between groups the evaluator asks its caller whether to go on, which is where serving pre-empts
//! it and where a job is cancelled.

pub mod forward;
mod job;
#[cfg(test)]
mod tests;

pub use job::{evaluate_job, JobLimits};

use crate::{
	kernel::Kernel,
	model::{ExpertWeights, Model},
};
use blyan_exact::merkle::{job_root, SequenceLosses};
use blyan_primitives::{EngineError, EvaluationOutcome, ExpertIndex, LayerIndex};
use forward::KeyValues;
use rayon::prelude::*;
use sp_core::H256;
use std::sync::Arc;

/// Tokens that share one batch.
const GROUP_TOKENS: usize = 1_024;

/// Asked between groups with the number of sequences finished since the last call: blocks to pause, an
/// error to stop.
pub type Checkpoint<'a> = &'a (dyn Fn(u32) -> Result<(), EngineError> + Sync);

/// A checkpoint that never pauses and never stops.
pub fn never_stop(_: u32) -> Result<(), EngineError> {
	Ok(())
}

/// Evaluates models with one kernel on its own threads.
#[derive(Debug)]
pub struct Evaluator {
	kernel: Kernel,
	pool: rayon::ThreadPool,
}

/// An expert that asks for a slot.
#[derive(Clone, Debug)]
pub struct Candidate {
	/// Layer of the slot.
	pub layer: LayerIndex,
	/// Expert index of the slot.
	pub expert: ExpertIndex,
	/// The expert.
	pub weights: Arc<ExpertWeights>,
}

impl Evaluator {
	/// `threads` workers (0 means one a core) that use `kernel`.
	pub fn new(kernel: Kernel, threads: usize) -> Result<Self, EngineError> {
		let pool = rayon::ThreadPoolBuilder::new()
			.num_threads(threads)
			.thread_name(|index| format!("blyan-eval-{index}"))
			.build();
		let pool = pool.map_err(|error| {
			log::error!("cannot start evaluation threads: {error}");
			EngineError::Internal
		})?;
		Ok(Self { kernel, pool })
	}

	/// The kernel in use.
	pub fn kernel(&self) -> Kernel {
		self.kernel
	}

	/// Bits, Q16, that the model needs for each sequence. All have one length, from 1 to the context.
	pub fn losses(
		&self,
		model: &Model,
		sequences: &[&[u8]],
		checkpoint: Checkpoint<'_>,
	) -> Result<Vec<u64>, EngineError> {
		let groups = self.in_groups(model, sequences, checkpoint, |group| {
			let (mut stream, mut pasts) = self.start(model, group);
			forward::layers(self.kernel, model, 0..model.trunk().layers.len(), &mut stream, &mut pasts);
			forward::losses(self.kernel, model.trunk(), &stream, group)
		})?;
		Ok(groups.concat())
	}

	/// Losses of the model as it is and with the candidate, for each sequence.
	///
	/// Both share the work up to the candidate's layer, attention of that layer included.
	pub fn paired_losses(
		&self,
		model: &Model,
		candidate: &Candidate,
		sequences: &[&[u8]],
		checkpoint: Checkpoint<'_>,
	) -> Result<Vec<(u64, u64)>, EngineError> {
		let changed = model
			.with_expert(candidate.layer, candidate.expert, candidate.weights.clone())
			.ok_or(EngineError::CandidateInvalid)?;
		let (kernel, trunk, config) = (self.kernel, model.trunk(), model.config());
		let at = usize::from(candidate.layer);
		let count = trunk.layers.len();
		let groups = self.in_groups(model, sequences, checkpoint, |group| {
			let (mut stream, mut pasts) = self.start(model, group);
			forward::layers(kernel, model, 0..at, &mut stream, &mut pasts);
			pasts.iter_mut().for_each(KeyValues::clear);
			forward::attention(kernel, trunk, &trunk.layers[at], &mut stream, &mut pasts);
			let finish = |model: &Model, mut stream: Vec<i32>, pasts: &mut Vec<KeyValues>| {
				forward::mixture(kernel, config, &trunk.layers[at], model.layer_experts(at), &mut stream);
				forward::layers(kernel, model, at + 1..count, &mut stream, pasts);
				forward::losses(kernel, trunk, &stream, group)
			};
			let candidate = finish(&changed, stream.clone(), &mut pasts);
			let baseline = finish(model, stream, &mut pasts);
			baseline.into_iter().zip(candidate).collect::<Vec<_>>()
		})?;
		Ok(groups.concat())
	}

	/// Embeds a group of sequences behind their begin-of-sequence tokens.
	fn start(&self, model: &Model, group: &[&[u8]]) -> (Vec<i32>, Vec<KeyValues>) {
		let len = group.first().map_or(0, |bytes| bytes.len());
		let tokens = group
			.iter()
			.flat_map(|bytes| std::iter::once(0).chain(bytes.iter().take(len.saturating_sub(1)).copied()));
		let stream = forward::embed(model.trunk(), tokens);
		(stream, vec![KeyValues::new(model.config(), len); group.len()])
	}

	/// Runs `work` over groups of sequences on all threads, in order of the sequences.
	fn in_groups<T: Send>(
		&self,
		model: &Model,
		sequences: &[&[u8]],
		checkpoint: Checkpoint<'_>,
		work: impl Fn(&[&[u8]]) -> T + Sync,
	) -> Result<Vec<T>, EngineError> {
		let Some(first) = sequences.first() else { return Ok(Vec::new()) };
		let len = first.len();
		let fits = (1..=usize::from(model.config().context)).contains(&len);
		if !fits || sequences.iter().any(|bytes| bytes.len() != len) {
			return Err(EngineError::JobMalformed);
		}
		// Every thread gets something to do before a group grows past one sequence.
		let share = sequences.len().div_ceil(self.pool.current_num_threads());
		let group = (GROUP_TOKENS / len).clamp(1, share);
		checkpoint(0)?;
		self.pool.install(|| {
			sequences
				.par_chunks(group)
				.map(|group| {
					checkpoint(0)?;
					let result = work(group);
					checkpoint(group.len() as u32)?;
					Ok(result)
				})
				.collect()
		})
	}
}

/// The exact result over a drawn sample: `indices` in the order of the draw, one pair of losses each.
pub fn outcome(indices: &[u32], losses: &[(u64, u64)], sequence_len: u16) -> EvaluationOutcome {
	let mut outcome = EvaluationOutcome {
		sequences: losses.len() as u32,
		bytes: losses.len() as u64 * u64::from(sequence_len),
		..EvaluationOutcome::default()
	};
	for &(baseline, candidate) in losses {
		// Losses are below 2^40, samples below 2^20: sums below 2^60, squares of differences below 2^100.
		let difference = baseline as i64 - candidate as i64;
		outcome.baseline_loss += baseline;
		outcome.candidate_loss += candidate;
		outcome.sum_diff += difference;
		outcome.sum_diff_sq += u128::from(difference.unsigned_abs()).pow(2);
	}
	let leaves: Vec<SequenceLosses> = indices
		.iter()
		.zip(losses)
		.map(|(&index, &(baseline, candidate))| SequenceLosses { index, baseline, candidate })
		.collect();
	outcome.job_root = H256(job_root(&leaves));
	outcome
}
