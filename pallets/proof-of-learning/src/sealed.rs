//! Sealed holdouts: what a submission waits for before its draw, and the looks after the first one.
//!
//! ```text
//!  first in the queue        chunk is ready       committee agrees
//!  |-------------------------|--------------------|--- not convincing  -> decided, as on a public holdout
//!  request: keepers are      a seed is named,     |--- convincing, on the last chunk -> decided
//!  asked for a chunk         then the draw        |--- convincing, and there are more  -> set aside, next chunk
//!                                                 '--- losses are not those of text -> set aside, next chunk
//! ```
//!
//! A candidate must convince on each chunk by itself. Were the chunks of several keepers mixed into one sample, one keeper that shows
//! its chunk to a miner would be enough: what is learned by heart there outweighs the others in every mean.

use crate::{
	math::Judgement, BalanceOf, Config, EvaluationRecordOf, Event, Holdouts, OpenSubmissions, Pallet, Phase,
	SubmissionRecordOf, Terms, WeightInfo,
};
use alloc::vec::Vec;
use blyan_primitives::{
	randomness::RelayNumber,
	traits::{ExpertRegistry, SealedHoldouts},
	ChunkScore, HoldoutRef, Look, SealedHoldout, SubmissionId, Verdict,
};
use frame_support::{traits::Get, weights::Weight};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::traits::{CheckedDiv, SaturatedConversion, Zero};

/// Reads and writes of one question about sealed sequences, one score that is noted with the penalty that may follow, and the end of
/// one round with the payment of its keepers, at most: a round, its rules, the list of those that wait, a seed's name; of three keepers
/// each its record, account and reward; the last one's holds and its chunks; the rounds at the front of a queue.
const READS: u64 = 40;
const WRITES: u64 = 20;
/// Bytes of the proof for it: the chunks of one keeper are 6 KiB, the list of rounds 2 KiB.
const PROOF_BYTES: u64 = 60_000;

impl<T: Config> Pallet<T> {
	/// Sequences that a submission is measured on.
	pub(crate) fn sealed_holdout(submission: SubmissionId, record: &SubmissionRecordOf<T>) -> SealedHoldout {
		let claim = &record.claim;
		// Not the block of its commitment, which hides it and may be older than any chunk but those of some keepers: their friend would
		// only have to wait.
		T::SealedHoldouts::request(submission, claim.slot.model, &claim.miner, claim.submitted_at)
	}

	/// Sequences that the target sample of a submission is drawn from, if they are there.
	pub(crate) fn target_holdout(
		submission: SubmissionId,
		record: &SubmissionRecordOf<T>,
	) -> Option<HoldoutRef> {
		match Self::sealed_holdout(submission, record) {
			SealedHoldout::Ready { holdout, .. } => Some(holdout),
			SealedHoldout::Public => Holdouts::<T>::get(record.claim.slot.model),
			SealedHoldout::Asked | SealedHoldout::Waiting => None,
		}
	}

	/// Weight of what sealed holdouts add to a draw, a decision or the end of a submission.
	pub(crate) fn sealed_weight() -> Weight {
		T::DbWeight::get().reads_writes(READS, WRITES).saturating_add(Weight::from_parts(0, PROOF_BYTES))
	}

	/// Weight of taking a submission out of its queue for good.
	pub(crate) fn withdrawal_weight() -> Weight {
		T::WeightInfo::withdraw().saturating_add(Self::sealed_weight())
	}

	/// Has a submission be drawn with the seed that was named when its chunk was there.
	pub(crate) fn await_sealed_draw(
		submission: SubmissionId,
		record: SubmissionRecordOf<T>,
		draw: RelayNumber,
		now: BlockNumberFor<T>,
	) {
		// The window for the draw begins here: waiting for keepers is no fault of the miner's.
		let phase = Phase::Queued { draw_from: now };
		let record = SubmissionRecordOf::<T> { appointment: draw, phase, ..record };
		OpenSubmissions::<T>::insert(submission, record);
	}

	/// Notes an agreed score, and reports whether the submission is measured once more before anything is decided.
	pub(crate) fn wants_look(
		submission: SubmissionId,
		record: &SubmissionRecordOf<T>,
		terms: &Terms,
		verdict: &Verdict,
	) -> bool {
		let Verdict::Scored(score) = verdict else { return false };
		let (slot, parent) = (record.claim.slot, record.claim.parent);
		if !Self::is_current(slot, parent) || T::Experts::generation(slot.model) != Some(terms.generation) {
			return false;
		}
		let convinces = matches!(Self::judge(slot.model, score, terms), Judgement::Accept(_));
		let target = &score.target;
		let score = ChunkScore {
			draw: terms.draw_id(&slot, &record.claim.block),
			digest: verdict.digest(),
			baseline_loss: target.baseline_loss,
			positions: target.bytes,
			convinces,
		};
		T::SealedHoldouts::note_measured(submission, &score) != Look::Last
	}

	/// Has a submission wait for its next chunk. The members that agreed are paid; the claims can be disputed like those of any draw
	/// that decided nothing.
	pub(crate) fn look_again(
		submission: SubmissionId,
		mut record: SubmissionRecordOf<T>,
		evaluation: EvaluationRecordOf<T>,
		agreed: &Verdict,
	) {
		let now = Self::now();
		let redraw = record.redraws;
		record.fee = Self::pay_look(submission, &record, &evaluation, agreed);
		let draw = Self::set_aside(submission, &record, evaluation, now);
		Self::restart(submission, record, now);
		Self::deposit_event(Event::Redrawn { submission, draw, redraw });
	}

	/// Pays half of what is left of the fee to those who agreed; the other half is for the looks to come. Returns what is left.
	fn pay_look(
		submission: SubmissionId,
		record: &SubmissionRecordOf<T>,
		evaluation: &EvaluationRecordOf<T>,
		agreed: &Verdict,
	) -> BalanceOf<T> {
		let agreeing: Vec<_> = evaluation
			.seats
			.iter()
			.filter(|seat| seat.verdict.as_ref() == Some(agreed))
			.map(|seat| seat.operator.clone())
			.collect();
		let members: u32 = agreeing.len().saturated_into();
		let shares: BalanceOf<T> = members.saturating_mul(2).into();
		let each = record.fee.checked_div(&shares).unwrap_or_else(Zero::zero);
		if each.is_zero() {
			return record.fee;
		}
		let rest = Self::share_fee(&record.claim.miner, record.fee, each, agreeing.iter());
		Self::deposit_event(Event::FeePaid { submission, each, members });
		rest
	}
}
