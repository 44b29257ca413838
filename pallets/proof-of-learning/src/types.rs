//! Records of this pallet and what they know about themselves; no storage access.

use crate::{
	math::{self, Rule},
	Config,
};
use blyan_primitives::{
	randomness::RelayNumber, BlockRef, DrawId, ExpertSlot, HoldoutRef, ModelBody, PartIndex, Statement,
	SubmissionId, Verdict, VersionIndex,
};
use blyan_runtime_api::{RejectReason, SubmissionOutcome};
use blyan_support::commit_reveal::{self, Commitment};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{
	traits::{fungible, Get},
	BoundedVec, CloneNoBound, DebugNoBound, EqNoBound, PartialEqNoBound,
};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use sp_core::H256;
use sp_io::hashing::blake2_256;

/// Bytes of the block of an expert of the first definition, at most: the largest, 512 x 2,048 twice, packs into half of that.
pub const FIRST_BLOCK_BYTES_MAX: u32 = 1024 * 1024;

/// Amounts of the runtime's currency.
pub type BalanceOf<T> =
	<<T as Config>::Currency as fungible::Inspect<<T as frame_system::Config>::AccountId>>::Balance;
/// Money taken from a bond, on its way to where slashes go.
pub type CreditOf<T> = fungible::Credit<<T as frame_system::Config>::AccountId, <T as Config>::Currency>;
/// A claim of the runtime.
pub type ClaimOf<T> = Claim<<T as frame_system::Config>::AccountId, BlockNumberFor<T>>;
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
/// A decision of the runtime.
pub type DecisionRecordOf<T> = DecisionRecord<
	<T as frame_system::Config>::AccountId,
	BalanceOf<T>,
	BlockNumberFor<T>,
	<T as Config>::MaxCommittee,
>;
/// A draw without decision of the runtime.
pub type InconclusiveRecordOf<T> = InconclusiveRecord<
	<T as frame_system::Config>::AccountId,
	BlockNumberFor<T>,
	<T as Config>::MaxCommittee,
>;
/// A closed submission of the runtime.
pub type ClosedRecordOf<T> = ClosedRecord<<T as frame_system::Config>::AccountId, BlockNumberFor<T>>;

/// What a miner claims, and when. It does not change while the submission lives.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
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
#[scale_info(capture_docs = "always")]
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
	/// What is on hold for it and comes back unless the miner lied.
	pub bond: Balance,
	/// What is on hold for those who judge it. It belongs to them from the first draw on.
	pub fee: Balance,
	/// The miner's attempt since its last acceptance, counted from one; sets the confidence that is asked for.
	pub attempt: u32,
	/// Operators that said they had its bytes before it was queued.
	pub attested: BoundedVec<AccountId, MaxCommittee>,
	/// Draws that came to no decision.
	pub redraws: u32,
	/// Members that had its bytes and sealed nothing in those draws: they are not drawn for it again while others are left.
	/// The latest only.
	pub absent: BoundedVec<AccountId, MaxCommittee>,
	/// Names the seed of its draw: made when it was queued, or came back.
	pub appointment: RelayNumber,
	/// Where it stands.
	pub phase: Phase<AccountId, BlockNumber, MaxCommittee>,
}

/// Where an open submission stands.
// It lives in storage, and in one variable at a time: nothing would be smaller in a box.
#[allow(clippy::large_enum_variant)]
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
#[scale_info(capture_docs = "always")]
#[scale_info(skip_type_params(MaxCommittee))]
pub enum Phase<AccountId, BlockNumber, MaxCommittee>
where
	AccountId: Clone + core::fmt::Debug + Eq,
	BlockNumber: Clone + core::fmt::Debug + Eq,
	MaxCommittee: Get<u32>,
{
	/// Its bytes are to be uploaded. It stands in no queue, so it holds up nobody, and takes its place by its number when
	/// enough operators have attested that they have them.
	Announced {
		/// Last block in which that may happen.
		until: BlockNumber,
	},
	/// Waits for its draw.
	Queued {
		/// Earliest block of the draw; moved up when the submission becomes the first of its queue.
		draw_from: BlockNumber,
	},
	/// A committee is at work.
	Evaluating(EvaluationRecord<AccountId, BlockNumber, MaxCommittee>),
}

/// Sequences that one part of a verdict is about.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub struct Sample {
	/// Where they come from.
	pub holdout: HoldoutRef,
	/// Seed of their draw.
	pub seed: H256,
	/// How many there are; never more than the holdout has.
	pub sequences: u32,
}

impl Sample {
	/// Names these very sequences.
	pub fn id(&self) -> H256 {
		H256(blake2_256(&self.encode()))
	}
}

/// What the draw fixed: everything that a score, and the judgement on it, depend on.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub struct Terms {
	/// Version of the model's definition by which it is computed: `ModelBody::definition` at the draw.
	pub definition: u32,
	/// Generation of the model: the baseline.
	pub generation: u32,
	/// Root of the baseline.
	pub model_root: H256,
	/// The sample that decides whether the model got better. Its seed also drew the committee.
	pub target: Sample,
	/// The sample on which it must not get worse, if the model has a guard holdout.
	pub guard: Option<Sample>,
	/// What an expert must show on this attempt.
	pub rule: Rule,
}

impl Terms {
	/// Names this draw of this candidate: no other one, of any submission on any fork, has the same name.
	pub fn draw_id(&self, slot: &ExpertSlot, candidate: &BlockRef) -> DrawId {
		H256(blake2_256(&(self, slot, candidate).encode()))
	}

	/// Whether engines and the chain still compute by the definition of the draw. `body` is that of the slot's model.
	pub fn is_current(&self, body: &ModelBody) -> bool {
		self.definition == body.definition()
	}

	/// The statement of one part: what the verdicts claim to have computed for this candidate. `None` if there is no such part.
	pub fn statement(
		&self,
		body: &ModelBody,
		slot: &ExpertSlot,
		candidate: &BlockRef,
		part: PartIndex,
	) -> Option<Statement> {
		let sample = self.part(part)?;
		Some(Statement::evaluation(
			self.definition,
			body,
			self.model_root,
			(slot.layer, slot.expert),
			candidate.tensor_root,
			&sample.holdout,
			(sample.seed, sample.sequences),
		))
	}

	/// The sample of one part of a verdict.
	pub fn part(&self, part: PartIndex) -> Option<&Sample> {
		match part {
			0 => Some(&self.target),
			1 => self.guard.as_ref(),
			_ => None,
		}
	}

	/// Whether the numbers of a verdict fit the samples and each other, and all parts are there. `body` is that of the slot's
	/// model.
	pub fn admits(&self, body: &ModelBody, verdict: &Verdict) -> bool {
		let Verdict::Scored(score) = verdict else { return true };
		let fits = |outcome, sample: &Sample| {
			math::is_consistent(outcome, sample.sequences, body.positions(&sample.holdout))
		};
		let is_guarded = match (&score.guard, &self.guard) {
			(Some(outcome), Some(sample)) => fits(outcome, sample),
			(None, None) => true,
			_ => false,
		};
		is_guarded && fits(&score.target, &self.target)
	}
}

/// An evaluation: its terms, and what the committee said since.
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
#[scale_info(capture_docs = "always")]
#[scale_info(skip_type_params(MaxCommittee))]
pub struct EvaluationRecord<AccountId, BlockNumber, MaxCommittee>
where
	AccountId: Clone + core::fmt::Debug + Eq,
	BlockNumber: Clone + core::fmt::Debug + Eq,
	MaxCommittee: Get<u32>,
{
	/// What the draw fixed.
	pub terms: Terms,
	/// Which committee may seal now.
	pub stage: Stage,
	/// Seals of that committee are accepted up to and including this block.
	pub seal_deadline: BlockNumber,
	/// Verdicts are accepted up to and including this block; moved up when all have sealed early.
	pub reveal_deadline: BlockNumber,
	/// Seats of the first committee; those behind them are the second one's.
	pub first: u32,
	/// The committees, in the order they were drawn.
	pub seats: BoundedVec<Seat<AccountId>, MaxCommittee>,
}

/// Which committee is at work.
///
/// Operators that find themselves alone in a committee could lie together, and nobody who computed the score would be
/// there to contradict. So they must seal, which binds them, before anybody can know who else will judge.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub enum Stage {
	/// The first one seals.
	First,
	/// The first one has sealed. The second one is about to be drawn from strangers.
	Between {
		/// Names the seed of that draw, which nobody could know when the last seal came.
		appointment: RelayNumber,
	},
	/// The last one there is seals; then all reveal.
	Last,
}

/// A member of a committee.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct Seat<AccountId> {
	/// The operator.
	pub operator: AccountId,
	/// What it had at stake when it was drawn, in the smallest unit: what a false verdict can cost it is a share of that.
	pub stake: u128,
	/// The hash of its finding, a salt and its account, once sealed.
	pub seal: Option<H256>,
	/// Its finding, once revealed.
	pub verdict: Option<Verdict>,
}

impl<AccountId: PartialEq> commit_reveal::Seat for Seat<AccountId> {
	type Member = AccountId;
	fn member(&self) -> &AccountId {
		&self.operator
	}
	fn commitment(&self) -> Commitment {
		match (self.seal, self.verdict) {
			(None, _) => Commitment::Waiting,
			(Some(seal), None) => Commitment::Committed(seal),
			(Some(_), Some(_)) => Commitment::Revealed,
		}
	}
}

impl<AccountId, BlockNumber, MaxCommittee> EvaluationRecord<AccountId, BlockNumber, MaxCommittee>
where
	AccountId: Clone + core::fmt::Debug + Eq,
	BlockNumber: Copy + core::fmt::Debug + Eq + PartialOrd,
	MaxCommittee: Get<u32>,
{
	/// The member's place in the committee.
	pub fn seat(&self, operator: &AccountId) -> Option<&Seat<AccountId>> {
		commit_reveal::seat_of(&self.seats, operator)
	}

	/// The first committee, and the second one.
	fn committees(&self) -> (&[Seat<AccountId>], &[Seat<AccountId>]) {
		let first = usize::try_from(self.first).unwrap_or(usize::MAX).min(self.seats.len());
		self.seats.split_at(first)
	}

	/// The seats whose turn it is to seal.
	pub fn sealing(&self) -> &[Seat<AccountId>] {
		match (self.stage, self.committees()) {
			(Stage::First, (first, _)) => first,
			(Stage::Between { .. }, _) => &[],
			(Stage::Last, (first, [])) => first,
			(Stage::Last, (_, second)) => second,
		}
	}

	/// Whether a member may seal now, its deadline apart.
	pub fn may_seal(&self, operator: &AccountId) -> bool {
		commit_reveal::seat_of(self.sealing(), operator).is_some()
	}

	/// Whether those whose turn it is have sealed, or had their time.
	fn is_sealed(&self, now: BlockNumber) -> bool {
		now > self.seal_deadline || commit_reveal::is_sealed(self.sealing())
	}

	/// Whether the second committee is to be drawn.
	pub fn awaits_second(&self, now: BlockNumber) -> bool {
		self.stage == Stage::First && self.is_sealed(now)
	}

	/// Whether seals may be opened: every member of the last committee has sealed, or the time for it is over.
	///
	/// Before that nobody learns anything, so nobody can copy; after it nobody can seal, so copying is too late.
	pub fn is_revealing(&self, now: BlockNumber) -> bool {
		self.stage == Stage::Last && self.is_sealed(now)
	}

	/// Whether the decision is due: all seals are open, or the time for it is over.
	pub fn is_due(&self, now: BlockNumber) -> bool {
		self.is_revealing(now) && (now > self.reveal_deadline || commit_reveal::is_open(&self.seats))
	}

	/// The verdict that two thirds of all seats share to the bit, one of the second committee among them if there is one:
	/// nothing joins a model before strangers had its bytes.
	pub fn agreed_verdict(&self) -> Option<Verdict> {
		// A committee is never larger than `MaxCommittee`, a u32.
		let count = |seats: usize| u32::try_from(seats).unwrap_or(u32::MAX);
		let needed = math::two_thirds(count(self.seats.len()));
		let (_, second) = self.committees();
		let revealed = || self.seats.iter().filter_map(|seat| seat.verdict);
		revealed().find(|verdict| {
			count(revealed().filter(|other| other == verdict).count()) >= needed
				&& (second.is_empty() || second.iter().any(|seat| seat.verdict.as_ref() == Some(verdict)))
		})
	}
}

/// A decision until it matures: while it can be disputed, nothing of value leaves.
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
#[scale_info(capture_docs = "always")]
#[scale_info(skip_type_params(MaxCommittee))]
pub struct DecisionRecord<AccountId, Balance, BlockNumber, MaxCommittee>
where
	AccountId: Clone + core::fmt::Debug + Eq,
	Balance: Clone + core::fmt::Debug + Eq,
	BlockNumber: Clone + core::fmt::Debug + Eq,
	MaxCommittee: Get<u32>,
{
	/// What was claimed.
	pub claim: Claim<AccountId, BlockNumber>,
	/// The miner's bond, still on hold: that of an expert that was accepted, or found invalid.
	pub bond: Balance,
	/// What the miner pays to those who agreed, on hold.
	pub fee: Balance,
	/// Attempts that the acceptance made the miner's record forget.
	pub forgiven: u32,
	/// What the draw fixed.
	pub terms: Terms,
	/// The committee, and what it revealed.
	pub seats: BoundedVec<Seat<AccountId>, MaxCommittee>,
	/// Hash of the verdict that decided; none without agreement.
	pub digest: Option<H256>,
	/// What was decided.
	pub outcome: SubmissionOutcome,
	/// The miner's reward, on hold.
	pub held: Balance,
	/// By how much the acceptance made the model's loss on its guard sample grow: see [`math::GuardLoss`].
	pub guard_change: i64,
	/// When it was decided.
	pub decided_at: BlockNumber,
	/// First block in which it matures, unless a dispute is open.
	pub matures_at: BlockNumber,
	/// Disputes that are open.
	pub disputes: u32,
	/// Whether the verdict that decided was proven wrong; without agreement, whether any was.
	pub refuted: bool,
}

impl<AccountId, Balance, BlockNumber, MaxCommittee>
	DecisionRecord<AccountId, Balance, BlockNumber, MaxCommittee>
where
	AccountId: Clone + core::fmt::Debug + Eq,
	Balance: Clone + core::fmt::Debug + Eq,
	BlockNumber: Copy + core::fmt::Debug + Eq + PartialOrd,
	MaxCommittee: Get<u32>,
{
	/// Names the draw that was decided.
	pub fn draw(&self) -> DrawId {
		self.terms.draw_id(&self.claim.slot, &self.claim.block)
	}

	/// Whether claims about it may be disputed.
	pub fn is_disputable(&self, now: BlockNumber) -> bool {
		now < self.matures_at || self.disputes > 0
	}

	/// Reports whether it rests on a refuted verdict, and is to be judged again: unless it was proven to be a copy.
	pub fn is_to_return(&self) -> bool {
		let is_judged_again = match self.outcome {
			SubmissionOutcome::Rejected(reason) => reason != RejectReason::Copied,
			_ => false,
		};
		self.refuted && is_judged_again
	}

	/// Members that sealed the verdict that decided.
	pub fn agreeing(&self) -> impl Iterator<Item = &AccountId> {
		let agrees = |seat: &&Seat<AccountId>| {
			self.digest.is_some()
				&& seat.seal.is_some()
				&& seat.verdict.map(|verdict| verdict.digest()) == self.digest
		};
		self.seats.iter().filter(agrees).map(|seat| &seat.operator)
	}
}

/// A draw that came to no decision, while the claims that were made in it can be disputed. The submission itself has been
/// drawn again.
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
#[scale_info(capture_docs = "always")]
#[scale_info(skip_type_params(MaxCommittee))]
pub struct InconclusiveRecord<AccountId, BlockNumber, MaxCommittee>
where
	AccountId: Clone + core::fmt::Debug + Eq,
	BlockNumber: Clone + core::fmt::Debug + Eq,
	MaxCommittee: Get<u32>,
{
	/// The submission.
	pub submission: SubmissionId,
	/// What was claimed.
	pub claim: Claim<AccountId, BlockNumber>,
	/// What the draw fixed.
	pub terms: Terms,
	/// The committees, and what they revealed.
	pub seats: BoundedVec<Seat<AccountId>, MaxCommittee>,
	/// First block in which it is forgotten, unless a dispute is open.
	pub until: BlockNumber,
	/// Disputes that are open.
	pub disputes: u32,
}

/// A closed submission.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct ClosedRecord<AccountId, BlockNumber> {
	/// What was claimed.
	pub claim: Claim<AccountId, BlockNumber>,
	/// Its last draw, if it had one: what operators signed about it.
	pub draw: Option<DrawId>,
	/// Hash of the verdict that decided it, and stood.
	pub digest: Option<H256>,
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

impl From<SubmissionOutcome> for Conduct {
	fn from(outcome: SubmissionOutcome) -> Self {
		use RejectReason::{Copied, Invalid, NotBetter, NotCertain, Regressed};
		match outcome {
			SubmissionOutcome::Accepted { .. } => Self::Success,
			SubmissionOutcome::Rejected(
				NotBetter { .. } | NotCertain { .. } | Regressed { .. } | Invalid | Copied,
			) => Self::Failure,
			_ => Self::Neutral,
		}
	}
}

/// Quota, trust and budget of a miner.
#[derive(
	Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub struct MinerRecord {
	/// Submissions open now.
	pub open: u32,
	/// Whether the miner has earned the larger quota and the lighter proof of work.
	pub trusted: bool,
	/// Acceptances since the last failure.
	pub successes_in_a_row: u32,
	/// Failures since the last acceptance.
	pub failures_in_a_row: u32,
	/// The day that the next field counts.
	pub day: u32,
	/// Submissions made on that day.
	pub uploads: u32,
	/// Submissions made since the last acceptance, to whatever slot: they share one budget of alpha.
	pub attempts: u32,
}

impl MinerRecord {
	/// Forgets yesterday's uploads, and no attempts.
	pub fn turn_to(&mut self, day: u32) {
		if self.day != day {
			self.day = day;
			self.uploads = 0;
		}
	}

	/// Counts one more upload and returns which attempt it is.
	pub fn note_attempt(&mut self) -> u32 {
		self.uploads = self.uploads.saturating_add(1);
		self.attempts = self.attempts.saturating_add(1);
		self.attempts
	}

	/// Draws the consequences of a decision that stands. Returns the new trust level if it changed.
	pub fn note_conduct(&mut self, conduct: Conduct, trust_after: u32, distrust_after: u32) -> Option<bool> {
		let before = self.trusted;
		match conduct {
			Conduct::Success => {
				self.failures_in_a_row = 0;
				self.successes_in_a_row = self.successes_in_a_row.saturating_add(1);
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
