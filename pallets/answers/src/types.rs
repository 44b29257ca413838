//! Records. No storage access.

use blyan_primitives::{
	AnswerStatement, ArchitectureId, EvaluationOutcome, Score, SignedReceipt, Statement, Verdict,
};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::traits::fungible::Inspect;
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;

/// Money of a runtime.
pub type BalanceOf<T> =
	<<T as crate::Config>::Currency as Inspect<<T as frame_system::Config>::AccountId>>::Balance;
/// [`ChallengeRecord`] of a runtime.
pub type ChallengeRecordOf<T> =
	ChallengeRecord<<T as frame_system::Config>::AccountId, BalanceOf<T>, BlockNumberFor<T>>;
/// [`RootRecord`] of a runtime.
pub type RootRecordOf<T> = RootRecord<BlockNumberFor<T>>;

/// A challenged receipt.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct ChallengeRecord<AccountId, Balance, BlockNumber> {
	/// The receipt.
	pub signed: SignedReceipt,
	/// Statement that the receipt makes.
	pub statement: AnswerStatement,
	/// Operator that answers for its key.
	pub operator: AccountId,
	/// Account that challenged it.
	pub challenger: AccountId,
	/// Outcome that the challenger computed.
	pub outcome: EvaluationOutcome,
	/// Bond of the challenger, on hold by this pallet until a game begins.
	pub bond: Balance,
	/// Stage of the challenge.
	pub phase: Phase<BlockNumber>,
}

impl<AccountId, Balance, BlockNumber> ChallengeRecord<AccountId, Balance, BlockNumber> {
	/// Statement, as disputes know it.
	pub fn stated(&self) -> Statement {
		Statement::Answer(self.statement)
	}
}

/// Stage of a challenge.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub enum Phase<BlockNumber> {
	/// The operator has to defend its answer.
	Open {
		/// Working time from which on it has not.
		until: BlockNumber,
	},
	/// The operator was silent. It may still defend, and the bond waits for that.
	Silent {
		/// Working time from which on it may not.
		until: BlockNumber,
	},
	/// The operator committed to a trace without a miss, which is a claim now.
	Defended {
		/// The outcome that it claims.
		outcome: EvaluationOutcome,
		/// Last working time in which another game may begin.
		until: BlockNumber,
		/// Games and demands that are open about it.
		games: u32,
	},
}

/// Root of a model that receipts can be about.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub struct RootRecord<BlockNumber> {
	/// Architecture of the model.
	pub architecture: ArchitectureId,
	/// Models that have this root now.
	pub models: u32,
	/// Last working time in which receipts about it can be challenged, once no model has it.
	pub until: Option<BlockNumber>,
}

/// Things that become due, each line in the order of time.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub enum Line {
	/// Challenges that were not defended.
	Defence,
	/// Silent operators that may not defend any more.
	Late,
	/// Claims that may not be disputed any more.
	Dispute,
	/// Roots that no receipt can be challenged about any more.
	Root,
}

impl Line {
	/// All lines.
	pub const ALL: [Self; 4] = [Self::Defence, Self::Late, Self::Dispute, Self::Root];
}

/// Returns the verdict that an outcome about an answer stands for, as disputes know it.
pub fn verdict(outcome: EvaluationOutcome) -> Verdict {
	Verdict::Scored(Score { target: outcome, guard: None })
}
