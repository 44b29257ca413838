//! Records of this pallet; no storage access.

use crate::Config;
use blyan_primitives::{randomness::RelayNumber, HoldoutRef, ModelId, SealingRules};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	traits::{fungible, ConstU32},
	BoundedVec,
};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_core::H256;
use sp_io::hashing::blake2_256;

/// Blocks between the notice of a leak and its report. An author that sees a report in the pool would have to keep it out of so many
/// blocks in a row, all of them its own or those of accomplices, before a copy with a notice of its own may be included.
pub const LEAK_NOTICE: u32 = 10;

/// Most chunks that a candidate may have to convince on.
pub const LOOKS_MAX: u32 = 8;
/// Most attestations that a chunk's bytes may need.
pub const ATTESTATIONS_MAX: u32 = 16;

/// Amounts of the runtime's currency.
pub type BalanceOf<T> =
	<<T as Config>::Currency as fungible::Inspect<<T as frame_system::Config>::AccountId>>::Balance;
/// Money that was taken from a keeper.
pub type CreditOf<T> = fungible::Credit<<T as frame_system::Config>::AccountId, <T as Config>::Currency>;
/// A keeper of the runtime.
pub type KeeperRecordOf<T> = KeeperRecord<BalanceOf<T>, BlockNumberFor<T>>;
/// A chunk of the runtime.
pub type ChunkRecordOf<T> = ChunkRecord<BalanceOf<T>, BlockNumberFor<T>>;
/// A round of the runtime.
pub type RoundRecordOf<T> =
	RoundRecord<<T as frame_system::Config>::AccountId, BalanceOf<T>, BlockNumberFor<T>>;

/// A notice of a leak of the runtime.
pub type LeakNoticeOf<T> = LeakNotice<BalanceOf<T>, BlockNumberFor<T>>;

/// Hash by which an account announces the report of a leaked chunk. It hides the chunk, since the salt is a secret, and serves no other account.
pub fn leak_notice<AccountId: Encode>(
	genesis: &H256,
	reporter: &AccountId,
	bytes: &H256,
	salt: &H256,
) -> H256 {
	H256(blake2_256(&(b"blyan/leak", genesis, reporter, bytes, salt).encode()))
}

/// Notice of a leak that is to be reported.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct LeakNotice<Balance, BlockNumber> {
	/// The [`leak_notice`].
	pub hash: H256,
	/// Block in which it was given. The report comes [`LEAK_NOTICE`] blocks later, or after that.
	pub announced_at: BlockNumber,
	/// Deposit on hold for it.
	pub deposit: Balance,
}

/// Penalty of the runtime that is held.
pub type HeldPenaltyOf<T> = HeldPenalty<<T as frame_system::Config>::AccountId, BalanceOf<T>>;

/// Penalty that rests on a score which can still be disputed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct HeldPenalty<AccountId, Balance> {
	/// The keeper.
	pub keeper: AccountId,
	/// Digest of the verdict that it rests on.
	pub digest: H256,
	/// Amount, on hold of the keeper beside its bond.
	pub amount: Balance,
}

/// An account that keeps sealed chunks.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct KeeperRecord<Balance, BlockNumber> {
	/// Bond on hold, without the deposits of chunks.
	pub bond: Balance,
	/// Its chunks that are sealed, or in a round that is not closed.
	pub chunks: u32,
	/// Faults so far.
	pub faults: u32,
	/// First moment of working time in which it may be appointed again.
	pub suspended_until: BlockNumber,
	/// Block in which it joined, or raised its bond the last time. It is in no draw whose seed was named by then: the seed could be
	/// known, and a bond made that wins.
	pub bonded_at: BlockNumber,
}

/// A sealed chunk.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct ChunkRecord<Balance, BlockNumber> {
	/// Hash that its bytes and salt open: see [`blyan_primitives::chunk_commitment`].
	pub commitment: H256,
	/// Block in which the keeper committed to it.
	pub committed_at: BlockNumber,
	/// Deposit on hold for it.
	pub deposit: Balance,
	/// Number of its sequences, as the model's rules were then.
	pub sequences: u32,
	/// Bytes or token ids of a sequence, as the model's rules were then.
	pub sequence_len: u16,
	/// Moment of working time from which it can be taken back; none while its keeper has given no notice.
	pub free_at: Option<BlockNumber>,
}

impl<Balance, BlockNumber> ChunkRecord<Balance, BlockNumber> {
	/// Reports whether it may be appointed under the rules, were it old enough: it has their shape, and its keeper does not want it back.
	pub fn fits(&self, rules: &SealingRules) -> bool {
		let is_shaped = self.sequences == rules.sequences && self.sequence_len == rules.sequence_len;
		is_shaped && self.free_at.is_none()
	}

	/// Rules of the chunk's own time, which say nothing about losses.
	pub fn shape(&self) -> SealingRules {
		SealingRules {
			sequences: self.sequences,
			sequence_len: self.sequence_len,
			loss_min: 0,
			loss_max: u32::MAX,
		}
	}
}

/// Search for the chunks that one submission is measured on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct RoundRecord<AccountId, Balance, BlockNumber> {
	/// The submission's model.
	pub model: ModelId,
	/// The submission's miner: neither it nor its relatives are appointed.
	pub miner: AccountId,
	/// Chunks are older than this block: the one in which the candidate became known, or the last in which too few such chunks were left.
	pub chunks_before: BlockNumber,
	/// Keepers on whose chunks the candidate has convinced, and must again on one more.
	pub looked: BoundedVec<AccountId, ConstU32<LOOKS_MAX>>,
	/// Appointments since the last chunk that came to none.
	pub tries: u32,
	/// State of the chunk that is next.
	pub phase: Phase<AccountId, Balance, BlockNumber>,
}

/// State of a round.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub enum Phase<AccountId, Balance, BlockNumber> {
	/// Waits for the seed that appoints a keeper.
	Drawing {
		/// Names the seed.
		appointment: RelayNumber,
		/// Block in which it was named.
		named_at: BlockNumber,
	},
	/// The keeper is to open its chunk.
	Revealing {
		/// The keeper.
		keeper: AccountId,
		/// The chunk.
		chunk: ChunkRecord<Balance, BlockNumber>,
		/// Last moment of working time for that.
		until: BlockNumber,
	},
	/// Operators are to have the chunk's bytes.
	Attesting {
		/// The keeper.
		keeper: AccountId,
		/// Its deposit for the chunk.
		deposit: Balance,
		/// The chunk.
		holdout: HoldoutRef,
		/// Operators that have its bytes.
		attested: BoundedVec<AccountId, ConstU32<ATTESTATIONS_MAX>>,
		/// Last moment of working time for that.
		until: BlockNumber,
	},
	/// The submission is measured on this chunk.
	Ready {
		/// The keeper.
		keeper: AccountId,
		/// The chunk.
		holdout: HoldoutRef,
		/// No earlier appointment may draw committee and sample.
		draw: RelayNumber,
	},
	/// There are too few keepers, or too many were silent.
	Starved {
		/// Moment of working time in which it is tried again.
		until: BlockNumber,
	},
}

impl<AccountId, Balance, BlockNumber> Phase<AccountId, Balance, BlockNumber> {
	/// Keeper whose chunk is next, and the part of its deposit that is on hold for it.
	pub fn keeper(&self) -> Option<(&AccountId, Option<&Balance>)> {
		match self {
			Self::Drawing { .. } | Self::Starved { .. } => None,
			Self::Revealing { keeper, chunk, .. } => Some((keeper, Some(&chunk.deposit))),
			Self::Attesting { keeper, deposit, .. } => Some((keeper, Some(deposit))),
			Self::Ready { keeper, .. } => Some((keeper, None)),
		}
	}

	/// Chunk that was revealed.
	pub fn revealed(&self) -> Option<&HoldoutRef> {
		match self {
			Self::Attesting { holdout, .. } | Self::Ready { holdout, .. } => Some(holdout),
			Self::Drawing { .. } | Self::Revealing { .. } | Self::Starved { .. } => None,
		}
	}

	/// Reports whether the submission can be measured.
	pub fn is_ready(&self) -> bool {
		matches!(self, Self::Ready { .. })
	}
}

/// Fault of a keeper.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub enum Fault {
	/// It did not open its chunk in time.
	Silent,
	/// It opened its chunk, and operators did not get the bytes in time.
	Withheld,
	/// The model's loss on the chunk is outside of what text has.
	Unsound,
	/// The chunk's opening was known before it was appointed.
	Leaked,
}
