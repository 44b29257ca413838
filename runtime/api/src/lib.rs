//! The questions outsiders may ask the runtime: what the model is, how submissions fare, who operates.
//!
//! Clients and the node's RPC depend on this crate and never on a pallet. The records carry concrete types,
//! so that they turn into JSON as they are.
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

pub mod datasets;
pub mod delegation;
pub mod disputes;
pub mod evolution;
pub mod governance;
pub mod holdouts;
mod operators;
mod records;
pub mod serving;
mod versions;

pub use operators::{OffenceInfo, OffenceState, OperatorInfo};
pub use records::{
	ActiveEvaluation, CommitmentInfo, CommitteeSeat, DecidedSubmission, EvaluationStage, ExpiryReason,
	RejectReason, SubmissionInfo, SubmissionOutcome, SubmissionState, SubmissionTerms,
};

pub use versions::{ApiVersion, Misfit, APIS};

use alloc::vec::Vec;
use blyan_primitives::{
	ArchitectureId, EvaluationJob, ExpertHead, ExpertSlot, HoldoutRef, ModelId, ModelInfo, OfferId,
	PartIndex, RequestId, ServingKey, SessionId, SubmissionId, Verdict,
};
use serving::{CostQuote, OfferInfo, RequestInfo, SessionInfo, UsageInfo, UserInfo};
use sp_core::H256;

/// Account identifier of the chain.
pub type AccountId = sp_runtime::AccountId32;
/// Amount of the smallest unit of BLY.
pub type Balance = u128;
/// Number of a block.
pub type BlockNumber = u32;

sp_api::decl_runtime_apis! {
	/// Models, and the blobs the chain has announced.
	#[api_version(2)]
	pub trait ModelsApi {
		/// One model with the current expert of every slot.
		fn model(id: ModelId) -> Option<ModelInfo>;
		/// The same, of a runtime whose models all follow the first definition.
		#[changed_in(2)]
		fn model(id: ModelId) -> Option<blyan_primitives::legacy::Model>;
		/// Identifiers of all models, ascending.
		fn models() -> Vec<ModelId>;
		/// The current expert of a slot.
		fn head(slot: ExpertSlot) -> Option<ExpertHead>;
		/// Size in bytes of a blob that a model, a holdout or an open submission names; `None` if nothing does.
		fn blob_announced(hash: H256) -> Option<u32>;
		/// The test sequences that candidates for a model are measured on.
		fn holdout(model: ModelId) -> Option<HoldoutRef>;
		/// The mixed-domain sequences on which candidates for a model must not be worse.
		fn guard_holdout(model: ModelId) -> Option<HoldoutRef>;
		/// Record of an architecture of the second definition (`Architecture::to_bytes`); `None` if no model has it.
		fn architecture(id: ArchitectureId) -> Option<Vec<u8>>;
	}

	/// Submissions: open ones, and the most recently closed.
	#[api_version(3)]
	pub trait LearningApi {
		/// Known submissions with an identifier in `start..start + count`, ascending. At most 100 identifiers
		/// are looked at in one question.
		fn submissions(start: SubmissionId, count: u32) -> Vec<SubmissionInfo>;
		/// One submission; `None` if it never existed or was closed long ago.
		fn submission(id: SubmissionId) -> Option<SubmissionInfo>;
		/// Submissions ever made, which is also the next identifier.
		fn submission_count() -> SubmissionId;
		/// Identifiers of all submissions that are not decided, ascending.
		fn open_submissions() -> Vec<SubmissionId>;
		/// Returns the terms on which the chain takes this miner's next submission.
		fn terms(miner: AccountId) -> SubmissionTerms;
		/// Returns the job that a committee computes, or computed, for one part of its verdicts (0: target, 1: guard), so that any
		/// client can do it again; `None` before the draw, after the decision has matured, and if there is no such part.
		fn job(submission: SubmissionId, part: PartIndex) -> Option<EvaluationJob>;
		/// The same, of a runtime whose models all follow the first definition.
		#[changed_in(3)]
		fn job(submission: SubmissionId, part: PartIndex) -> Option<blyan_primitives::legacy::Job>;
		/// Returns the verdicts revealed about a submission, in the order of the seats.
		fn verdicts(submission: SubmissionId) -> Vec<(AccountId, Verdict)>;
		/// Commitments of an account that have neither been opened nor expired, the oldest first.
		fn commitments(miner: AccountId) -> Vec<CommitmentInfo>;
	}

	/// Operators.
	#[api_version(2)]
	pub trait OperatorsApi {
		/// Every registered operator.
		fn operators() -> Vec<OperatorInfo>;
		/// Returns the price of the next registration besides the stake; `withdraw` gives it back.
		fn registration_price() -> Balance;
	}

	/// Offences.
	#[api_version(3)]
	pub trait SlashingApi {
		/// The open offences of an account and the most recently closed, by number.
		fn offences(who: AccountId) -> Vec<OffenceInfo>;
	}

	/// Serving.
	#[api_version(2)]
	pub trait ServingApi {
		/// Price of one byte of prompt or answer.
		fn price_per_byte() -> Balance;
		/// Offers with a number in `start..start + count`, ascending. At most 100 numbers are looked at in one question.
		fn offers(start: OfferId, count: u32) -> Vec<OfferInfo>;
		/// Offers ever made, which is also the next number.
		fn offer_count() -> OfferId;
		/// One offer; `None` if it was withdrawn or never made.
		fn offer(id: OfferId) -> Option<OfferInfo>;
		/// The operator that a serving key answers for, or answered for while its stake still does.
		fn operator_of_key(key: ServingKey) -> Option<AccountId>;
		/// One request; `None` if it was forgotten or never made.
		fn request(id: RequestId) -> Option<RequestInfo>;
		/// The request that a payer made with an idempotency key.
		fn request_by_key(payer: AccountId, key: H256) -> Option<RequestInfo>;
		/// One session; `None` if it is over or was never opened.
		fn session(id: SessionId) -> Option<SessionInfo>;
		/// Record of a user.
		fn user(who: AccountId) -> UserInfo;
		/// Usage of a registered model, by operator.
		fn usage(model: ModelId) -> Vec<UsageInfo>;
		/// Usage of a model that is not registered, by operator.
		fn usage_of_root(model_root: H256) -> Vec<UsageInfo>;
		/// Price of a request for one payer; `None` if there is no such offer, or the price overflows.
		fn cost(payer: AccountId, offer: OfferId, prompt_tokens: u32, max_answer_tokens: u32) -> Option<CostQuote>;
	}
}
