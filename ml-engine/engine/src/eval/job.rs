//! From an evaluation job, all hashes, to its outcome.

use super::{outcome, Candidate, Checkpoint, Evaluator};
use crate::model::{LoadError, ModelStore};
use blyan_exact::merkle;
use blyan_primitives::{draw_indices, EngineError, EvaluationJob, EvaluationOutcome, HoldoutRef};

/// What this engine accepts. A job beyond it fails at once, so one job can never take a node down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobLimits {
	/// Bytes of a model's blocks, trunk and experts together.
	pub model_bytes_max: u64,
	/// Sequences of one sample.
	pub sample_max: u32,
	/// Bytes of a holdout.
	pub holdout_bytes_max: u32,
}

impl Default for JobLimits {
	fn default() -> Self {
		Self { model_bytes_max: 1 << 30, sample_max: 1 << 16, holdout_bytes_max: 64 << 20 }
	}
}

impl JobLimits {
	/// Refuses jobs that contradict themselves or ask for more than this engine gives. Touches no blob.
	pub fn check(&self, job: &EvaluationJob) -> Result<(), EngineError> {
		let HoldoutRef { blob, sequences, sequence_len, .. } = job.holdout;
		let config = &job.config;
		let malformed = config.validate().is_err()
			|| job.heads.len() as u64 != u64::from(config.slots())
			|| config.slot_index(job.layer, job.expert).is_none()
			|| !(1..=config.context).contains(&sequence_len)
			|| u64::from(blob.size) != u64::from(sequences) * u64::from(sequence_len)
			|| !(1..=sequences).contains(&job.sample)
			|| job.sample > self.sample_max
			|| blob.size > self.holdout_bytes_max;
		if malformed {
			return Err(EngineError::JobMalformed);
		}
		let heads: u64 = job.heads.iter().map(|head| u64::from(head.blob.size)).sum();
		if u64::from(job.trunk.blob.size) + heads > self.model_bytes_max {
			return Err(EngineError::ModelTooLarge);
		}
		Ok(())
	}
}

/// Evaluates a job's baseline and candidate over its drawn sample.
pub fn evaluate_job(
	job: &EvaluationJob,
	limits: &JobLimits,
	store: &ModelStore,
	evaluator: &Evaluator,
	checkpoint: Checkpoint<'_>,
) -> Result<EvaluationOutcome, EngineError> {
	limits.check(job)?;
	let holdout = load_holdout(store, &job.holdout)?;
	let model = store.load(&job.config, &job.trunk, &job.heads).map_err(|error| error.as_engine_error())?;
	let weights = store.load_expert(&job.config, &job.candidate).map_err(|error| match error {
		// The blob that the submission names is here, and it is no expert for the slot.
		LoadError::Block { .. } | LoadError::TensorRoot { .. } | LoadError::BlobSize { .. } => {
			log::info!("the candidate is invalid: {error}");
			EngineError::CandidateInvalid
		}
		// A damaged copy says nothing about the candidate. It was dropped, so a good one can be fetched.
		LoadError::BlobCorrupt(hash) => EngineError::BlobMissing(hash),
		other => other.as_engine_error(),
	})?;
	let candidate = Candidate { layer: job.layer, expert: job.expert, weights };
	let indices = draw_indices(&job.seed, job.holdout.sequences, job.sample);
	let len = usize::from(job.holdout.sequence_len);
	let sequences: Vec<&[u8]> =
		indices.iter().map(|&index| &holdout[index as usize * len..(index as usize + 1) * len]).collect();
	let items = evaluator.items(&model, &candidate, &indices, &sequences, checkpoint)?;
	Ok(outcome(&items, job.holdout.sequence_len))
}

/// A holdout's bytes, checked against blob hash and Merkle root.
fn load_holdout(store: &ModelStore, holdout: &HoldoutRef) -> Result<Vec<u8>, EngineError> {
	let hash = holdout.blob.hash;
	let bytes = store.blobs().get(&hash).map_err(|error| LoadError::from(error).as_engine_error())?;
	let is_sound = bytes.len() == holdout.blob.size as usize
		&& merkle::root_of(bytes.chunks_exact(usize::from(holdout.sequence_len))) == holdout.root.0;
	if is_sound {
		Ok(bytes)
	} else {
		Err(EngineError::BlobCorrupt(hash))
	}
}
