//! The evaluation job: what the runtime asks of the native engine, and what comes back.

use crate::model::{wire, BlobRef, BlockRef, ExpertIndex, LayerIndex, ModelId};
use alloc::vec::Vec;
use blyan_exact::ModelConfig;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// Blake2b-256 of a job's SCALE encoding: equal jobs are one job.
pub type JobId = H256;

wire! {
	/// A committed set of test sequences, all of one length.
	///
	/// The blob is the sequences' bytes one after another, `sequences * sequence_len` bytes in all.
	#[derive(Copy, Hash, MaxEncodedLen)]
	pub struct HoldoutRef {
		/// Merkle root over the sequences (`blyan_exact::merkle`, one leaf a sequence).
		pub root: H256,
		/// The bytes.
		pub blob: BlobRef,
		/// Number of sequences.
		pub sequences: u32,
		/// Bytes in each sequence; at most the model's context.
		pub sequence_len: u16,
	}
}

wire! {
	/// Where the inputs of an evaluation are found: what its statement names by roots only.
	#[derive(Copy, MaxEncodedLen)]
	pub struct JobOrigin {
		/// The model.
		pub model: ModelId,
		/// Its generation at the draw: the baseline.
		pub generation: u32,
		/// Where the sample comes from.
		pub holdout: HoldoutRef,
	}
}

wire! {
	/// Evaluation job: "How much better is the model on this sample if this candidate fills that slot?"
	pub struct EvaluationJob {
		/// Version of the definition to compute by: `blyan_exact::DEFINITION`. An engine that implements another one refuses
		/// the job, so that no operator signs a score that is false under the chain's rules.
		pub definition: u32,
		/// The model, for logs; the fields below define it.
		pub model: ModelId,
		/// Architecture.
		pub config: ModelConfig,
		/// Everything that is not an expert.
		pub trunk: BlockRef,
		/// The baseline's experts in row-major order, `config.slots()` of them.
		pub heads: Vec<BlockRef>,
		/// Layer of the candidate's slot.
		pub layer: LayerIndex,
		/// Expert index of the candidate's slot.
		pub expert: ExpertIndex,
		/// The candidate.
		pub candidate: BlockRef,
		/// Where the sample comes from.
		pub holdout: HoldoutRef,
		/// Seed of the draw (see [`crate::draw_indices`]).
		pub seed: H256,
		/// Number of sequences to draw.
		pub sample: u32,
	}
}

impl EvaluationJob {
	/// The job's identifier: Blake2b-256 of its SCALE encoding.
	pub fn id(&self) -> JobId {
		H256(sp_crypto_hashing::blake2_256(&self.encode()))
	}
}

wire! {
	/// The exact result of a job. Two honest evaluators produce the same bytes.
	///
	/// Losses are bits in Q16 summed over a sequence's bytes; a sequence's difference is
	/// `baseline - candidate`, so positive means better.
	#[derive(Copy, Default, MaxEncodedLen)]
	pub struct EvaluationOutcome {
		/// Sum of the baseline's loss over the sample, bits in Q16.
		#[serde(with = "crate::json::decimal")]
		pub baseline_loss: u64,
		/// Sum of the candidate's loss over the sample, bits in Q16.
		#[serde(with = "crate::json::decimal")]
		pub candidate_loss: u64,
		/// Sum of the per-sequence differences, bits in Q16.
		#[serde(with = "crate::json::decimal")]
		pub sum_diff: i64,
		/// Sum of the squared per-sequence differences, Q32.
		#[serde(with = "crate::json::decimal")]
		pub sum_diff_sq: u128,
		/// Sequences evaluated.
		pub sequences: u32,
		/// Bytes predicted over the whole sample.
		pub bytes: u64,
		/// Merkle-sum root over (sequence index, baseline loss, candidate loss).
		pub job_root: H256,
	}
}

/// Where a job stands.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, Serialize, Deserialize,
)]
#[scale_info(capture_docs = "always")]
pub enum JobStatus {
	/// Waits for a worker.
	Queued,
	/// Sequences done so far, of how many.
	Running {
		/// Sequences evaluated so far, baseline and candidate both.
		done: u32,
		/// Sequences in the sample.
		total: u32,
	},
	/// Finished.
	Done(EvaluationOutcome),
	/// Ended without a result.
	Failed(EngineError),
}

/// Why the engine cannot do what it is asked.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, Serialize, Deserialize,
)]
#[scale_info(capture_docs = "always")]
pub enum EngineError {
	/// No engine in this context: only off-chain workers have one.
	NotAvailable,
	/// The queue is full; try again later.
	Busy,
	/// No job of that identifier is known; submit it (again).
	UnknownJob,
	/// A blob is not in the store yet; fetch or upload it and try again.
	BlobMissing(H256),
	/// A trunk, head or holdout of the model itself does not match its hash or root. The local store is damaged.
	BlobCorrupt(H256),
	/// The candidate's bytes are not a valid expert for the slot, on any machine.
	CandidateInvalid,
	/// The model exceeds what this engine accepts.
	ModelTooLarge,
	/// The job contradicts itself: wrong number of heads, slot out of range, empty or oversized sample.
	JobMalformed,
	/// The job was cancelled.
	Cancelled,
	/// The engine failed; its log says how.
	Internal,
	/// The job follows another version of the definition than this engine. Update the node.
	DefinitionUnknown,
}

impl EngineError {
	/// Reports whether the same job may succeed later on this machine.
	pub fn is_retryable(&self) -> bool {
		matches!(
			self,
			Self::Busy | Self::UnknownJob | Self::BlobMissing(_) | Self::Cancelled | Self::Internal
		)
	}
}
