//! The evaluation job: what the runtime asks of the native engine, and what comes back.

use crate::architecture::record_id;
use crate::model::{blocks_root, wire, BlobRef, BlockRef, ExpertIndex, LayerIndex, ModelBody, ModelId};
use alloc::vec::Vec;
use blyan_exact::{definition2::Architecture, ModelConfig};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// Most sequences of a holdout of the second definition.
pub const HOLDOUT_SEQUENCES_MAX: u32 = 1 << 20;
/// Bytes in front of the token ids of a holdout of the second definition.
pub(crate) const HOLDOUT_HEADER_BYTES: u64 = 96;

/// Blake2b-256 of a job's SCALE encoding: equal jobs are one job.
pub type JobId = H256;

wire! {
	/// A committed set of test sequences, all of one length.
	///
	/// Under the first definition a sequence is bytes, and the blob is the sequences one after another. Under the second it is token
	/// ids of four bytes each, and the blob is a holdout file: a header, the ids, and the bytes of text that each sequence stands for
	/// (`docs/definition-2.md`). [`ModelBody::holdout_bytes`] is the length of either.
	#[derive(Copy, Hash, MaxEncodedLen)]
	pub struct HoldoutRef {
		/// Merkle root over the sequences (`blyan_exact::merkle`, one leaf a sequence).
		pub root: H256,
		/// The bytes.
		pub blob: BlobRef,
		/// Number of sequences.
		pub sequences: u32,
		/// Bytes in each sequence, at most the model's context; or token ids, at most one more than the context.
		pub sequence_len: u16,
	}
}

impl ModelBody {
	/// Predicted positions of each sequence of a holdout for the model: the bytes of a sequence under the first definition; under
	/// the second one less than its token ids, the first of which is context only.
	pub fn positions(&self, holdout: &HoldoutRef) -> u16 {
		match self {
			Self::First { .. } => holdout.sequence_len,
			Self::Second { .. } => holdout.sequence_len.saturating_sub(1),
		}
	}

	/// Bytes that the blob of a holdout for the model has. Under the second definition: a header of 96 bytes, four bytes an id, and
	/// a count of four bytes a sequence.
	pub fn holdout_bytes(&self, holdout: &HoldoutRef) -> u64 {
		let (sequences, len) = (u64::from(holdout.sequences), u64::from(holdout.sequence_len));
		match self {
			Self::First { .. } => sequences.saturating_mul(len),
			Self::Second { .. } => {
				let sequence = len.saturating_add(1).saturating_mul(4);
				sequences.saturating_mul(sequence).saturating_add(HOLDOUT_HEADER_BYTES)
			}
		}
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
		/// Version of the definition to compute by: `blyan_exact::DEFINITION`, or `blyan_exact::definition2::REVISION` of a model of the
		/// second. An engine that implements another one refuses the job, so that no operator signs a score that is false under the
		/// chain's rules.
		pub definition: u32,
		/// The model, for logs; the fields below define it.
		pub model: ModelId,
		/// Architecture and everything that is not an expert.
		#[serde(flatten)]
		pub body: JobBody,
		/// The baseline's experts in row-major order, one a slot.
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

/// Architecture of a job's model, and everything of it that is not an expert.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, Serialize, Deserialize,
)]
#[scale_info(capture_docs = "always")]
#[serde(untagged)]
pub enum JobBody {
	/// Model of the first definition.
	First {
		/// Architecture.
		config: ModelConfig,
		/// Everything that is not an expert.
		trunk: BlockRef,
	},
	/// Model of the second definition.
	Second {
		/// Record of the architecture: `Architecture::to_bytes`. In JSON: hexadecimal digits behind `0x`.
		#[serde(with = "sp_core::bytes")]
		architecture: Vec<u8>,
		/// Embedding, layers and head, in the order of `Architecture::parts`.
		parts: Vec<BlockRef>,
	},
}

impl JobBody {
	/// The part of the body that the chain keeps.
	pub fn model_body(&self) -> ModelBody {
		match self {
			Self::First { config, trunk } => ModelBody::First { config: *config, trunk: *trunk },
			Self::Second { architecture, parts } => ModelBody::Second {
				// The record is hashed as it stands: one that is not canonical is refused wherever it is decoded.
				architecture: record_id(architecture),
				parts: blocks_root(parts),
			},
		}
	}

	/// Architecture of a model of the second definition; `None` under the first, and if the record does not decode.
	pub fn architecture(&self) -> Option<Architecture> {
		match self {
			Self::First { .. } => None,
			Self::Second { architecture, .. } => Architecture::from_bytes(architecture).ok(),
		}
	}
}

impl EvaluationJob {
	/// Architecture of a model of the first definition.
	pub fn config(&self) -> Option<&ModelConfig> {
		match &self.body {
			JobBody::First { config, .. } => Some(config),
			JobBody::Second { .. } => None,
		}
	}

	/// The job's identifier: Blake2b-256 of its SCALE encoding.
	pub fn id(&self) -> JobId {
		H256(sp_crypto_hashing::blake2_256(&self.encode()))
	}
}

wire! {
	/// The exact result of a job. Two honest evaluators produce the same bytes.
	///
	/// Losses are bits in Q16 summed over a sequence's predicted positions; a sequence's difference is
	/// `baseline - candidate`, so positive means better. A position is a byte under the first definition and a token under the second.
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
		/// Positions predicted over the whole sample: bytes under the first definition, tokens under the second.
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
	/// A trunk, part, head or holdout of the model itself does not match its hash or root. The local store is damaged.
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
