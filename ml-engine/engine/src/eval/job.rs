//! From an evaluation job, all hashes, to its items.

use super::{second, Candidate, Checkpoint, Evaluator};
use crate::model::{LoadError, Model, ModelStore};
use blyan_exact::{
	definition2::{self, Architecture},
	merkle,
	tree::Item,
	ModelConfig, Program, SlotIndex,
};
use blyan_primitives::{
	draw_indices,
	evolution::{BenchmarkJob, BenchmarkModel, TASKS_MAX},
	BlockRef, Computation, EngineError, EvaluationJob, HoldoutRef, JobBody, TraceIndex,
};
use std::sync::Arc;

/// Limits of the jobs that this engine accepts. A job beyond it fails at once, so one job can never take a node down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobLimits {
	/// Bytes of a model's blocks, trunk and experts together.
	pub model_bytes_max: u64,
	/// Bytes of the parts of a model of the second definition, experts included. Its weights take about as much memory.
	pub open_model_bytes_max: u64,
	/// Sequences of one sample.
	pub sample_max: u32,
	/// Bytes of a holdout.
	pub holdout_bytes_max: u32,
	/// Bytes of a tokenizer.
	pub tokenizer_bytes_max: u32,
}

impl Default for JobLimits {
	fn default() -> Self {
		Self {
			model_bytes_max: 1 << 30,
			open_model_bytes_max: 2 << 30,
			sample_max: 1 << 16,
			holdout_bytes_max: 64 << 20,
			tokenizer_bytes_max: 64 << 20,
		}
	}
}

impl JobLimits {
	/// Refuses jobs that contradict themselves or ask for more than this engine gives. Touches no blob.
	pub fn check(&self, job: &EvaluationJob) -> Result<(), EngineError> {
		match &job.body {
			JobBody::First { config, trunk } => self.check_first(job, config, trunk),
			JobBody::Second { architecture, parts } => self.check_second(job, architecture, parts),
		}
	}

	fn check_first(
		&self,
		job: &EvaluationJob,
		config: &ModelConfig,
		trunk: &BlockRef,
	) -> Result<(), EngineError> {
		if job.definition != blyan_exact::DEFINITION {
			return Err(EngineError::DefinitionUnknown);
		}
		let HoldoutRef { blob, sequences, sequence_len, .. } = job.holdout;
		let malformed = config.validate().is_err()
			|| job.heads.len() as u64 != u64::from(config.slots())
			|| config.slot_index(job.layer, job.expert).is_none()
			|| !(1..=config.context).contains(&sequence_len)
			|| u64::from(blob.size) != u64::from(sequences) * u64::from(sequence_len)
			|| self.has_malformed_sample(job);
		if malformed {
			return Err(EngineError::JobMalformed);
		}
		ensure_size(std::slice::from_ref(trunk), &job.heads, self.model_bytes_max)
	}

	fn check_second(
		&self,
		job: &EvaluationJob,
		record: &[u8],
		parts: &[BlockRef],
	) -> Result<(), EngineError> {
		if job.definition != definition2::REVISION {
			return Err(EngineError::DefinitionUnknown);
		}
		let architecture = second::architecture(record).ok_or(EngineError::JobMalformed)?;
		let HoldoutRef { sequences, sequence_len, .. } = job.holdout;
		let slots = architecture.routing(job.layer).map_or(0, |routing| routing.experts);
		let positions = u32::from(sequence_len).saturating_sub(1);
		let malformed = parts.len() != architecture.layers.len() + 2
			|| job.heads.len() as u64 != u64::from(architecture.experts())
			|| job.expert >= slots
			|| !(1..=architecture.context).contains(&positions)
			|| u64::from(job.holdout.blob.size) != second::holdout_bytes(sequences, sequence_len)
			|| self.has_malformed_sample(job);
		if malformed {
			return Err(EngineError::JobMalformed);
		}
		ensure_size(parts, &job.heads, self.open_model_bytes_max)
	}

	/// Refuses comparisons of models that contradict themselves or ask for more than this engine gives. Touches no blob.
	pub fn check_benchmark(&self, job: &BenchmarkJob) -> Result<(), EngineError> {
		if job.definition != definition2::REVISION || job.rules != BenchmarkJob::RULES {
			return Err(EngineError::DefinitionUnknown);
		}
		let mut names: Vec<_> = job.suites.iter().map(|choice| choice.suite).collect();
		names.sort_unstable();
		names.dedup();
		let malformed = names.is_empty()
			|| names.len() != job.suites.len()
			|| job.suites.iter().any(|choice| !(1..=TASKS_MAX).contains(&choice.tasks))
			|| job.tokenizer.blob.size > self.tokenizer_bytes_max;
		if malformed {
			return Err(EngineError::JobMalformed);
		}
		[&job.base, &job.candidate].into_iter().try_for_each(|model| self.check_measured(model))
	}

	fn check_measured(&self, model: &BenchmarkModel) -> Result<(), EngineError> {
		// Models of the first definition have bytes for tokens and contexts that no suite fits.
		let JobBody::Second { architecture, parts } = &model.body else {
			return Err(EngineError::JobMalformed);
		};
		let architecture = second::architecture(architecture).ok_or(EngineError::JobMalformed)?;
		let malformed = parts.len() != architecture.layers.len() + 2
			|| model.heads.len() as u64 != u64::from(architecture.experts());
		if malformed {
			return Err(EngineError::JobMalformed);
		}
		ensure_size(parts, &model.heads, self.open_model_bytes_max)
	}

	fn has_malformed_sample(&self, job: &EvaluationJob) -> bool {
		!(1..=job.holdout.sequences).contains(&job.sample)
			|| job.sample > self.sample_max
			|| job.holdout.blob.size > self.holdout_bytes_max
	}
}

/// Refuses models of more bytes than the engine takes.
fn ensure_size(fixed: &[BlockRef], heads: &[BlockRef], bytes_max: u64) -> Result<(), EngineError> {
	let bytes: u64 = fixed.iter().chain(heads).map(|block| u64::from(block.blob.size)).sum();
	match bytes > bytes_max {
		true => Err(EngineError::ModelTooLarge),
		false => Ok(()),
	}
}

/// Returns the operators of every trace of a job; `None` if the job is out of bounds or its record is not an architecture's.
pub fn computation(job: &EvaluationJob) -> Option<Computation> {
	match &job.body {
		JobBody::First { config, .. } => {
			Program::new(*config, job.holdout.sequence_len).map(Computation::First)
		}
		JobBody::Second { architecture, .. } => {
			let architecture: Architecture = second::architecture(architecture)?;
			let program = definition2::Program::new(&architecture, positions(job).into()).ok()?;
			Some(Computation::Second(program))
		}
	}
}

/// Returns the predicted positions of a sequence: its bytes, or under the second definition its token ids but the first.
pub fn positions(job: &EvaluationJob) -> u16 {
	match job.body {
		JobBody::First { .. } => job.holdout.sequence_len,
		JobBody::Second { .. } => job.holdout.sequence_len.saturating_sub(1),
	}
}

/// Evaluates a job's baseline and candidate over its drawn sample: one item a sequence, in the order of the draw.
/// [`super::outcome`] makes the job's outcome of them.
pub fn evaluate_job(
	job: &EvaluationJob,
	limits: &JobLimits,
	store: &ModelStore,
	evaluator: &Evaluator,
	checkpoint: Checkpoint<'_>,
) -> Result<Vec<Item>, EngineError> {
	limits.check(job)?;
	match &job.body {
		JobBody::First { .. } => Subject::load(job, store)?.items(evaluator, checkpoint),
		JobBody::Second { .. } => second::evaluate_job(job, store, evaluator, checkpoint),
	}
}

/// Everything that a job of the first definition is about, verified.
pub(super) struct Subject {
	/// The baseline.
	pub(super) model: Arc<Model>,
	/// Candidate expert for a slot.
	pub(super) candidate: Candidate,
	/// Indices of the drawn sequences.
	indices: Vec<u32>,
	/// The holdout's bytes, and those of each sequence.
	holdout: Vec<u8>,
	sequence_len: usize,
}

impl Subject {
	/// Loads what a job names that [`JobLimits::check`] has passed.
	pub(super) fn load(job: &EvaluationJob, store: &ModelStore) -> Result<Self, EngineError> {
		let JobBody::First { config, trunk } = &job.body else { return Err(EngineError::Internal) };
		let holdout = load_holdout(store, &job.holdout)?;
		let model = store.load(config, trunk, &job.heads).map_err(|error| error.as_engine_error())?;
		let weights = store.load_expert(config, &job.candidate).map_err(|error| match error {
			// The blob that the submission names is here, and it is not an expert for the slot.
			LoadError::Block { .. } | LoadError::TensorRoot { .. } | LoadError::BlobSize { .. } => {
				log::info!("the candidate is invalid: {error}");
				EngineError::CandidateInvalid
			}
			// A damaged copy says nothing about the candidate. It was dropped, so a good one can be fetched.
			LoadError::BlobCorrupt(hash) => EngineError::BlobMissing(hash),
			other => other.as_engine_error(),
		})?;
		Ok(Self {
			model,
			candidate: Candidate { slot: SlotIndex { layer: job.layer, expert: job.expert }, weights },
			indices: draw_indices(&job.seed, job.holdout.sequences, job.sample),
			holdout,
			sequence_len: usize::from(job.holdout.sequence_len),
		})
	}

	fn bytes(&self, index: u32) -> &[u8] {
		&self.holdout[index as usize * self.sequence_len..][..self.sequence_len]
	}

	/// Returns the sequence of an item: its index in the holdout, and its bytes.
	pub(super) fn sequence(&self, item: u32) -> Option<(u32, &[u8])> {
		let index = *self.indices.get(item as usize)?;
		Some((index, self.bytes(index)))
	}

	/// Returns the holdout's bytes.
	pub(super) fn holdout(&self) -> &[u8] {
		&self.holdout
	}

	/// Returns the model with the candidate.
	pub(super) fn changed(&self) -> Result<Model, EngineError> {
		self.candidate.put_into(&self.model)
	}

	/// Returns the model of the baseline's trace, 0, or of the candidate's.
	pub(super) fn traced(&self, trace: TraceIndex) -> Result<Model, EngineError> {
		if trace == 0 {
			Ok((*self.model).clone())
		} else {
			self.changed()
		}
	}

	/// Computes all items.
	pub(super) fn items(
		&self,
		evaluator: &Evaluator,
		checkpoint: Checkpoint<'_>,
	) -> Result<Vec<Item>, EngineError> {
		let sequences: Vec<&[u8]> = self.indices.iter().map(|&index| self.bytes(index)).collect();
		evaluator.items(&self.model, &self.candidate, &self.indices, &sequences, checkpoint)
	}
}

/// Loads a holdout's bytes, checked against blob hash and Merkle root.
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
