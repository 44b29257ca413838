//! Types and traits that cross the boundaries between pallets, engine, node and clients.
//!
//! Nothing here does work: records, identifiers, the signed payload of a score, and the small traits
//! through which pallets reach their neighbours. Only hashes and small structs appear; tensors never do, but for the tiles
//! by which a report proves a near copy.
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
	not(test),
	deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::float_arithmetic)
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

pub mod acceptance;
mod architecture;
mod backing;
mod claim;
mod commitment;
mod computation;
pub mod conduct;
mod copy;
mod dataset;
mod dataset_audit;
mod draw;
pub mod evolution;
mod finding;
mod holdout;
mod job;
pub mod json;
mod learning;
mod learning_reward;
pub mod legacy;
mod model;
mod open_copy;
mod operator;
mod pow;
pub mod randomness;
mod refusal;
mod score;
pub mod serving;
mod slots;
mod statement;
pub mod traits;
pub mod voting;

pub use architecture::{expert_bytes, is_disputable, is_disputable_answer, part_bytes, record_id};
pub use blyan_exact::{ModelConfig, DEFINITION};
pub use claim::{BlockWitness, Opening, PartIndex, Query, Subject, TileEvidence, TraceIndex};
pub use commitment::{commitment_hash, COMMITMENT_CONTEXT};
pub use computation::Computation;
pub use copy::{
	copy_report_payload, Comparand, Comparison, CopyEvidence, CopyFinding, CopyQuery, Original, TileProof,
	COPY_CONTEXT, NEURONS_MAX, TILE_BYTES_MAX, TILE_PATH_MAX,
};
pub use dataset::{
	voter_root, AuditFinding, AuditReport, Ballot, BlobChunk, DataSource, DatasetAuditMessage, DatasetId,
	DatasetOffer, DatasetReason, DatasetRef, DatasetShare, DatasetStage, DatasetTier, DatasetVersion,
	LanguageShare, Licence, LicenceFinding, Millionths, TrainingManifest, VoterProof, BLOBS_MAX,
	BLOBS_PER_CALL, DATASET_AUDIT_CONTEXT, LANGUAGES, LICENCE_BYTES_MAX, MANIFEST_DATASETS_MAX,
	MANIFEST_EPOCHS_MAX, MILLIONTHS, SAMPLE_BYTES_MAX, SOURCE_BYTES_MAX, TRAINING_MANIFEST_CONTEXT,
	VOTER_PATH_MAX,
};
pub use dataset_audit::{DatasetAuditJob, DatasetAuditStatus};
pub use draw::draw_indices;
pub use finding::{finding_hash, FINDING_CONTEXT};
pub use holdout::{chunk_commitment, ChunkScore, Look, SealedHoldout, SealingRules, CHUNK_CONTEXT};
pub use job::{
	EngineError, EvaluationJob, EvaluationOutcome, HoldoutRef, JobBody, JobId, JobOrigin, JobStatus,
	HOLDOUT_SEQUENCES_MAX,
};
pub use learning::{
	batch_leaf, is_gain_consistent, manifest_payload, BatchOrder, DatasetMix, Draw, MixError, PlannedDataset,
	TrainingLog, BATCH_BYTES_MAX, BATCH_LEAF_CONTEXT, BATCH_ORDER_CONTEXT, CHECKED_SHARE,
	MANIFEST_SIGNATURE_CONTEXT, TRAINING_LOG_CONTEXT, TURNS_MAX,
};
pub use learning_reward::{
	learning_reward, learning_score, size_multiplier, LearningFigures, REWARD_MIN, REWARD_OF_SCORE,
};
pub use model::{
	blocks_root, ArchitectureId, BlobRef, BlockRef, ExpertHead, ExpertIndex, ExpertSlot, LayerIndex,
	ModelBody, ModelId, ModelInfo, ModelVersion, VersionIndex,
};
pub use open_copy::{
	open_copy_report_payload, OpenComparison, OpenCopyEvidence, OpenCopyFinding, OpenCopyQuery, Projection,
	ShownAdapter, OPEN_COPY_CONTEXT, SHOWN_BYTES_MAX, SHOWN_LEAVES_MAX, SHOWN_SCALES_MAX,
};
pub use operator::{
	hardware_root, possession_payload, HardwareComponent, HardwareComponents, HardwareOpening, Measurement,
	Measures, OperatorUid, PerformanceTier, Region, Role, HARDWARE_COMPONENTS, HARDWARE_KEY, HARDWARE_PATH,
	MEASUREMENT_KEY, POSSESSION_CONTEXT, REGION_UNKNOWN, TIER_THRESHOLDS,
};
pub use pow::{leading_zero_bits, pow_hash, search_pow, PowStamp, POW_CONTEXT};
pub use refusal::{Refusal, FAR, LONG};
pub use score::{
	seal_hash, Attestation, DrawId, Score, ScoreReport, ScoreSeal, SubmissionId, Verdict,
	ATTESTATION_CONTEXT, SCORE_CONTEXT, SEAL_CONTEXT,
};
pub use serving::{
	AnswerEnd, OfferId, Prices, Quote, Receipt, RequestId, ServingKey, ServingSignature, SessionId,
	SignedReceipt, Voucher, RECEIPT_VERSION,
};
pub use slots::{ExpertShape, Slots};
pub use statement::{AnswerStatement, EvaluationStatement, Statement, TokenEvaluationStatement};

/// The operators' session key, key type `blya`: signs scores and heartbeats, nothing of value.
pub mod operator_key {
	use sp_application_crypto::{app_crypto, sr25519, KeyTypeId};

	/// Key type under which nodes keep the operator's key in their keystore.
	pub const KEY_TYPE: KeyTypeId = KeyTypeId(*b"blya");

	app_crypto!(sr25519, KEY_TYPE);
}

/// An audit's number, given out in order.
pub type AuditId = u64;
/// Public half of an operator's session key.
pub type OperatorId = operator_key::Public;
/// Signature by an operator's session key.
pub type OperatorSignature = operator_key::Signature;
