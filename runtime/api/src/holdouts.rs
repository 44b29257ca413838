//! Sealed holdouts: keepers, their chunks, and the chunks that submissions are measured on.

use crate::{AccountId, Balance, BlockNumber};
use alloc::vec::Vec;
use blyan_primitives::{HoldoutRef, ModelId, SealingRules, SubmissionId};
use codec::{Decode, Encode};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;

macro_rules! answer {
	($(#[$meta:meta])* pub $($rest:tt)*) => {
		$(#[$meta])*
		#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
		#[scale_info(capture_docs = "always")]
		pub $($rest)*
	};
}

answer! {
	/// An account that keeps sealed chunks.
	pub struct KeeperInfo {
		/// The account.
		pub keeper: AccountId,
		/// Its bond.
		#[serde(with = "blyan_primitives::json::decimal")]
		pub bond: Balance,
		/// Its chunks that are sealed, or in a round that is not closed.
		pub chunks: u32,
		/// Faults so far.
		pub faults: u32,
		/// First moment of working time in which it may be appointed again.
		pub suspended_until: BlockNumber,
	}
}

answer! {
	/// A sealed chunk.
	pub struct ChunkInfo {
		/// Its commitment.
		pub commitment: H256,
		/// Block in which the keeper committed to it.
		pub committed_at: BlockNumber,
		/// Number of its sequences.
		pub sequences: u32,
		/// Bytes, or token ids, of a sequence.
		pub sequence_len: u16,
	}
}

answer! {
	/// Search for the chunk that a submission is measured on.
	pub struct RoundInfo {
		/// The submission.
		pub submission: SubmissionId,
		/// Its model.
		pub model: ModelId,
		/// Chunks that the candidate has convinced on.
		pub looks: u32,
		/// State of the chunk that is next.
		pub phase: RoundPhase,
	}
}

answer! {
	/// State of a round.
	pub enum RoundPhase {
		/// Waits for the seed that appoints a keeper.
		Drawing,
		/// The keeper is to open its chunk.
		Revealing {
			/// The keeper.
			keeper: AccountId,
			/// The chunk's commitment.
			commitment: H256,
			/// Last moment of working time for that.
			until: BlockNumber,
		},
		/// Operators are to have the chunk's bytes.
		Attesting {
			/// The keeper.
			keeper: AccountId,
			/// The chunk.
			holdout: HoldoutRef,
			/// Operators that have its bytes.
			attested: u32,
			/// Operators that must have them.
			needed: u32,
			/// Last moment of working time for that.
			until: BlockNumber,
		},
		/// The submission is measured on this chunk.
		Ready {
			/// The keeper.
			keeper: AccountId,
			/// The chunk.
			holdout: HoldoutRef,
		},
		/// There are too few keepers, or too many were silent.
		Starved {
			/// Moment of working time in which it is tried again.
			until: BlockNumber,
		},
	}
}

answer! {
	/// Terms on which accounts keep chunks.
	pub struct KeepingTerms {
		/// Working time now.
		pub now: BlockNumber,
		/// Least bond.
		#[serde(with = "blyan_primitives::json::decimal")]
		pub bond_min: Balance,
		/// Deposit of a chunk.
		#[serde(with = "blyan_primitives::json::decimal")]
		pub deposit: Balance,
		/// Most sealed chunks of a keeper for a model.
		pub chunks_max: u32,
		/// Chunks on which a candidate must convince.
		pub looks: u32,
		/// Blocks in which an appointed keeper must open its chunk.
		pub reveal_window: BlockNumber,
		/// Blocks in which operators must have its bytes.
		pub attest_window: BlockNumber,
	}
}

sp_api::decl_runtime_apis! {
	/// Sealed holdouts.
	#[api_version(1)]
	pub trait HoldoutsApi {
		/// Returns the rules of a model whose candidates are measured on sealed chunks.
		fn sealing(model: ModelId) -> Option<SealingRules>;
		/// Returns all keepers.
		fn keepers() -> Vec<KeeperInfo>;
		/// Returns a keeper's sealed chunks for a model, the oldest first.
		fn chunks(keeper: AccountId, model: ModelId) -> Vec<ChunkInfo>;
		/// Returns the rounds of submissions that are not closed for good, by number.
		fn rounds() -> Vec<RoundInfo>;
		/// Returns the terms on which accounts keep chunks.
		fn keeping_terms() -> KeepingTerms;
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_primitives::BlobRef;

	#[test]
	fn answers_round_trip_through_json_and_scale() {
		let blob = BlobRef { hash: H256([2; 32]), size: 12 };
		let holdout = HoldoutRef { root: H256([1; 32]), blob, sequences: 3, sequence_len: 4 };
		let keeper = AccountId::new([7; 32]);
		for phase in [
			RoundPhase::Drawing,
			RoundPhase::Revealing { keeper: keeper.clone(), commitment: H256([3; 32]), until: 9 },
			RoundPhase::Attesting { keeper: keeper.clone(), holdout, attested: 1, needed: 2, until: 9 },
			RoundPhase::Ready { keeper, holdout },
			RoundPhase::Starved { until: 9 },
		] {
			let info = RoundInfo { submission: 5, model: 0, looks: 1, phase };
			let json = serde_json::to_string(&info).unwrap();
			assert_eq!(serde_json::from_str::<RoundInfo>(&json).unwrap(), info);
			assert_eq!(RoundInfo::decode(&mut &info.encode()[..]).unwrap(), info);
		}
	}
}
