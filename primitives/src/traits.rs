//! How pallets reach their neighbours. The runtime wires them; each has a trivial `()` implementation.

use crate::{BlockRef, ExpertHead, ExpertSlot, ModelConfig, ModelId, ModelInfo, OperatorId, VersionIndex};
use alloc::vec::Vec;
use sp_runtime::DispatchError;

/// Models and their experts, as `proof-of-learning` sees them.
pub trait ExpertRegistry<AccountId> {
	/// The model with its current heads.
	fn model(id: ModelId) -> Option<ModelInfo>;
	/// The current expert of a slot.
	fn head(slot: ExpertSlot) -> Option<ExpertHead>;
	/// The model's architecture, without its heads.
	fn config(id: ModelId) -> Option<ModelConfig> {
		Self::model(id).map(|model| model.config)
	}
	/// Experts promoted in the model so far: equal generations are equal models.
	fn generation(id: ModelId) -> Option<u32> {
		Self::model(id).map(|model| model.generation)
	}
	/// Makes `block` the new head of `slot`; fails if `parent` is no longer the head.
	fn promote(
		slot: ExpertSlot,
		parent: VersionIndex,
		owner: &AccountId,
		block: BlockRef,
	) -> Result<VersionIndex, DispatchError>;
	/// Makes the world in which a benchmark of `promote` has something to promote.
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_model_for_benchmark() -> ExpertSlot;
}

/// Operators, as `proof-of-learning` sees them.
pub trait OperatorSet<AccountId> {
	/// Operators that may be drawn now, each with its weight (reputation), in a deterministic order.
	fn eligible() -> Vec<(AccountId, u32)>;
	/// The operator a session key belongs to.
	fn owner_of(key: &OperatorId) -> Option<AccountId>;
	/// The session key of an operator.
	fn key_of(who: &AccountId) -> Option<OperatorId>;
	/// Notes that `who` reported with the majority (`true`), or against it or not at all (`false`).
	fn note_report(who: &AccountId, with_majority: bool);
	/// Makes `count` eligible operators for a benchmark and returns them with their keys.
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_operators_for_benchmark(count: u32) -> Vec<(AccountId, OperatorId)>;
}

/// The purse that learning is paid from. Nothing is minted anywhere else.
pub trait Rewards<AccountId, Balance> {
	/// Pays a miner for an accepted expert. `improvement` and `delta` in the same unit; the ledger's
	/// formula is base x improvement / delta, capped. Returns what was paid (0 if the envelope is empty).
	fn pay_learning(who: &AccountId, improvement: u64, delta: u64) -> Balance;
	/// Pays one committee member for one report that agreed with the decision.
	fn pay_validation(who: &AccountId) -> Balance;
}

impl<AccountId, Balance: Default> Rewards<AccountId, Balance> for () {
	fn pay_learning(_: &AccountId, _: u64, _: u64) -> Balance {
		Balance::default()
	}
	fn pay_validation(_: &AccountId) -> Balance {
		Balance::default()
	}
}

/// Who may be told that a blob is expected: the node accepts uploads only for announced hashes.
pub trait BlobAnnouncements {
	/// Whether some registration or open submission names this blob, and its size.
	fn announced(hash: &sp_core::H256) -> Option<u32>;
}

impl BlobAnnouncements for () {
	fn announced(_: &sp_core::H256) -> Option<u32> {
		None
	}
}
