//! Records of this pallet and what they know about themselves; no storage access.

use crate::Config;
use blyan_primitives::{BlockRef, ExpertSlot, HoldoutRef, Verdict, VersionIndex};
use blyan_runtime_api::SubmissionOutcome;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	traits::{fungible, Get},
	BoundedVec, CloneNoBound, DebugNoBound, DefaultNoBound, EqNoBound, PartialEqNoBound,
};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_core::H256;

/// Amounts of the runtime's currency.
pub type BalanceOf<T> =
	<<T as Config>::Currency as fungible::Inspect<<T as frame_system::Config>::AccountId>>::Balance;
/// Money taken from a bond, on its way to where slashes go.
pub type CreditOf<T> = fungible::Credit<<T as frame_system::Config>::AccountId, <T as Config>::Currency>;
/// A submission of the runtime.
pub type SubmissionRecordOf<T> = SubmissionRecord<
	<T as frame_system::Config>::AccountId,
	BalanceOf<T>,
	BlockNumberFor<T>,
	<T as Config>::MaxCommittee,
>;
/// An evaluation of the runtime.
pub type EvaluationRecordOf<T> =
	EvaluationRecord<<T as frame_system::Config>::AccountId, BlockNumberFor<T>, <T as Config>::MaxCommittee>;
/// A closed submission of the runtime.
pub type ClosedRecordOf<T> = ClosedRecord<<T as frame_system::Config>::AccountId, BlockNumberFor<T>>;
/// A miner of the runtime.
pub type MinerRecordOf<T> = MinerRecord<<T as Config>::MaxUploadsPerDay>;

/// What a miner claims, and when. It does not change while the submission lives.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Claim<AccountId, BlockNumber> {
	/// Who submitted it.
	pub miner: AccountId,
	/// The slot it is for.
	pub slot: ExpertSlot,
	/// Version of the head it was trained from.
	pub parent: VersionIndex,
	/// Its tensors.
	pub block: BlockRef,
	/// Hash of the training manifest.
	pub manifest: H256,
	/// When it was submitted.
	pub submitted_at: BlockNumber,
}

/// An open submission.
#[derive(
	CloneNoBound,
	DebugNoBound,
	PartialEqNoBound,
	EqNoBound,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
#[scale_info(skip_type_params(MaxCommittee))]
pub struct SubmissionRecord<AccountId, Balance, BlockNumber, MaxCommittee>
where
	AccountId: Clone + core::fmt::Debug + Eq,
	Balance: Clone + core::fmt::Debug + Eq,
	BlockNumber: Clone + core::fmt::Debug + Eq,
	MaxCommittee: Get<u32>,
{
	/// What is claimed.
	pub claim: Claim<AccountId, BlockNumber>,
	/// What is on hold for it.
	pub bond: Balance,
	/// The miner's attempt at this slot today, counted from one; sets the confidence that is asked for.
	pub attempt: u32,
	/// Where it stands.
	pub phase: Phase<AccountId, BlockNumber, MaxCommittee>,
}

/// Where an open submission stands.
#[derive(
	CloneNoBound,
	DebugNoBound,
	PartialEqNoBound,
	EqNoBound,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
#[scale_info(skip_type_params(MaxCommittee))]
pub enum Phase<AccountId, BlockNumber, MaxCommittee>
where
	AccountId: Clone + core::fmt::Debug + Eq,
	BlockNumber: Clone + core::fmt::Debug + Eq,
	MaxCommittee: Get<u32>,
{
	/// Waits for its draw.
	Queued {
		/// Earliest block of the draw; moved up when the submission becomes the first of its queue.
		draw_from: BlockNumber,
	},
	/// A committee is at work.
	Evaluating(EvaluationRecord<AccountId, BlockNumber, MaxCommittee>),
}

/// What was fixed by the draw, and what was reported since.
#[derive(
	CloneNoBound,
	DebugNoBound,
	PartialEqNoBound,
	EqNoBound,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
#[scale_info(skip_type_params(MaxCommittee))]
pub struct EvaluationRecord<AccountId, BlockNumber, MaxCommittee>
where
	AccountId: Clone + core::fmt::Debug + Eq,
	BlockNumber: Clone + core::fmt::Debug + Eq,
	MaxCommittee: Get<u32>,
{
	/// Seed of the committee and of the sample.
	pub seed: H256,
	/// Where the sample comes from.
	pub holdout: HoldoutRef,
	/// Sequences in the sample; never more than the holdout has.
	pub sample: u32,
	/// Generation of the model at the draw: the baseline.
	pub generation: u32,
	/// Required mean improvement in bits per byte, Q16.
	pub delta: u32,
	/// Required standard errors of a first attempt, in thousandths.
	pub z_milli: u32,
	/// Reports are accepted up to and including this block.
	pub deadline: BlockNumber,
	/// The committee, in the order it was drawn.
	pub seats: BoundedVec<Seat<AccountId>, MaxCommittee>,
}

/// A member of a committee.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct Seat<AccountId> {
	/// The operator.
	pub operator: AccountId,
	/// Its finding, once reported.
	pub verdict: Option<Verdict>,
}

impl<AccountId, BlockNumber, MaxCommittee> EvaluationRecord<AccountId, BlockNumber, MaxCommittee>
where
	AccountId: Clone + core::fmt::Debug + Eq,
	BlockNumber: Clone + core::fmt::Debug + Eq + PartialOrd,
	MaxCommittee: Get<u32>,
{
	/// The member's place in the committee.
	pub fn seat(&self, operator: &AccountId) -> Option<&Seat<AccountId>> {
		self.seats.iter().find(|seat| seat.operator == *operator)
	}

	/// Whether every member has reported.
	pub fn is_complete(&self) -> bool {
		self.seats.iter().all(|seat| seat.verdict.is_some())
	}

	/// Whether the decision is due: everything is said, or the time for it is over.
	pub fn is_due(&self, now: BlockNumber) -> bool {
		self.is_complete() || now > self.deadline
	}
}

/// A closed submission.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
pub struct ClosedRecord<AccountId, BlockNumber> {
	/// What was claimed.
	pub claim: Claim<AccountId, BlockNumber>,
	/// How it ended.
	pub outcome: SubmissionOutcome,
	/// When it ended.
	pub closed_at: BlockNumber,
}

/// What a decision says about the miner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduct {
	/// An accepted expert.
	Success,
	/// An expert that was measured and not accepted, or was none.
	Failure,
	/// Nothing that the miner is to blame or to praise for.
	Neutral,
}

/// Quota and trust of a miner.
#[derive(
	CloneNoBound,
	DebugNoBound,
	DefaultNoBound,
	PartialEqNoBound,
	EqNoBound,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
#[scale_info(skip_type_params(MaxUploads))]
pub struct MinerRecord<MaxUploads: Get<u32>> {
	/// Submissions open now.
	pub open: u32,
	/// Whether the miner has earned the larger quota and the lighter proof of work.
	pub trusted: bool,
	/// Acceptances since the last failure.
	pub successes_in_a_row: u32,
	/// Failures since the last acceptance.
	pub failures_in_a_row: u32,
	/// The day that the fields below count.
	pub day: u32,
	/// Submissions made on that day.
	pub uploads: u32,
	/// Slots tried on that day, with the attempts since the last acceptance.
	pub attempts: BoundedVec<(ExpertSlot, u32), MaxUploads>,
}

impl<MaxUploads: Get<u32>> MinerRecord<MaxUploads> {
	/// Forgets yesterday.
	pub fn turn_to(&mut self, day: u32) {
		if self.day != day {
			self.day = day;
			self.uploads = 0;
			self.attempts = BoundedVec::new();
		}
	}

	/// Counts one more upload for `slot` and returns which attempt it is.
	///
	/// A day has no more uploads than the list has places; were it full all the same, the attempt
	/// counts as the last possible one.
	pub fn note_attempt(&mut self, slot: ExpertSlot) -> u32 {
		self.uploads = self.uploads.saturating_add(1);
		if let Some((_, count)) = self.attempts.iter_mut().find(|(tried, _)| *tried == slot) {
			*count = count.saturating_add(1);
			return *count;
		}
		match self.attempts.try_push((slot, 1)) {
			Ok(()) => 1,
			Err(_) => MaxUploads::get(),
		}
	}

	/// Draws the consequences of a decision. Returns the new trust level if it changed.
	pub fn note_conduct(
		&mut self,
		slot: ExpertSlot,
		conduct: Conduct,
		trust_after: u32,
		distrust_after: u32,
	) -> Option<bool> {
		let before = self.trusted;
		match conduct {
			Conduct::Success => {
				self.failures_in_a_row = 0;
				self.successes_in_a_row = self.successes_in_a_row.saturating_add(1);
				self.attempts.retain(|(tried, _)| *tried != slot);
				self.trusted |= self.successes_in_a_row >= trust_after;
			}
			Conduct::Failure => {
				self.successes_in_a_row = 0;
				self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
				self.trusted &= self.failures_in_a_row < distrust_after;
			}
			Conduct::Neutral => {}
		}
		(self.trusted != before).then_some(self.trusted)
	}
}
