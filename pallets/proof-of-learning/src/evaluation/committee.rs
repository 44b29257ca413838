//! Committees: who may judge, and what a draw fixes.

use crate::{
	draw::draw_present, math::Rule, Claim, Config, EvaluationRecord, EvaluationRecordOf, Event,
	OpenSubmissions, Pallet, Phase, Queues, Seat, Stage, SubmissionRecordOf, Terms, LOG_TARGET,
};
use alloc::vec::Vec;
use blyan_primitives::{
	randomness::AppointedRandomness,
	traits::{EligibleOperator, ExpertRegistry, OperatorSet},
	ExpertSlot, ModelId, SubmissionId, VersionIndex,
};
use blyan_runtime_api::{ExpiryReason, RejectReason, SubmissionOutcome};
use codec::Encode;
use frame_support::{traits::Get, BoundedVec};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::traits::{SaturatedConversion, Saturating};

/// Why a committee is not drawn yet.
pub(crate) enum Undrawn {
	/// Something that comes by itself is missing: the seed, a holdout, the model.
	Waiting,
	/// Of the operators that the appointment takes there are too few, or their list is not kept any more.
	NoElectorate,
}

impl<T: Config> Pallet<T> {
	/// Draws the committee, or closes a submission that became stale or waited too long for its draw.
	///
	/// `randomness` is the seed that was named when it was queued, once there is one. Returns whether anything happened.
	pub(crate) fn draw_with(
		submission: SubmissionId,
		mut record: SubmissionRecordOf<T>,
		now: BlockNumberFor<T>,
		last_chance: BlockNumberFor<T>,
		randomness: Option<H256>,
	) -> bool {
		let claim = &record.claim;
		if !Self::is_current(claim.slot, claim.parent) {
			let (miner, slot, reason) = (claim.miner.clone(), claim.slot, RejectReason::Stale);
			Self::close(submission, record, SubmissionOutcome::Rejected(reason));
			Self::deposit_event(Event::Rejected { submission, miner, slot, reason });
			return true;
		}
		let evaluation = match Self::committee_for(submission, &record, now, randomness) {
			Ok(evaluation) => evaluation,
			Err(_) if now > last_chance => {
				Self::expire(submission, record, ExpiryReason::NoCommittee);
				return true;
			}
			Err(Undrawn::Waiting) => return false,
			Err(Undrawn::NoElectorate) => {
				// Others may be there by the next appointment. The list of those who are not on this one is of no use to any of them.
				record.appointment = T::Randomness::appoint();
				OpenSubmissions::<T>::insert(submission, record);
				return true;
			}
		};
		Self::deposit_event(Event::CommitteeDrawn {
			submission,
			committee: evaluation.seats.iter().map(|seat| seat.operator.clone()).collect(),
			seed: evaluation.terms.target.seed,
			sample: evaluation.terms.target.sequences,
			seal_deadline: Self::block_at(evaluation.seal_deadline),
			reveal_deadline: Self::block_at(evaluation.reveal_deadline),
		});
		let model = record.claim.slot.model;
		record.phase = Phase::Evaluating(evaluation);
		OpenSubmissions::<T>::insert(submission, record);
		Self::appoint_next(model);
		true
	}

	/// Whether `parent` is still the head of `slot`.
	pub(crate) fn is_current(slot: ExpertSlot, parent: VersionIndex) -> bool {
		T::Experts::head(slot).is_some_and(|head| head.version == parent)
	}

	/// Repeats the appointment of the next in a queue, now that the first is drawn: so it takes a list of operators that is
	/// no older than an evaluation, however long it waited.
	fn appoint_next(model: ModelId) {
		let Some(next) = Queues::<T>::get(model).get(1).copied() else { return };
		OpenSubmissions::<T>::mutate(next, |record| {
			if let Some(record) =
				record.as_mut().filter(|record| matches!(record.phase, Phase::Queued { .. }))
			{
				record.appointment = T::Randomness::appoint();
			}
		});
	}

	/// Everything the draw fixes, or why there is none yet.
	fn committee_for(
		submission: SubmissionId,
		record: &SubmissionRecordOf<T>,
		now: BlockNumberFor<T>,
		randomness: Option<H256>,
	) -> Result<EvaluationRecordOf<T>, Undrawn> {
		let Claim { slot, miner, .. } = &record.claim;
		let holdout = Self::target_holdout(submission, record).ok_or(Undrawn::Waiting)?;
		let generation = T::Experts::generation(slot.model).ok_or(Undrawn::Waiting)?;
		let model_root = T::Experts::model_root(slot.model).ok_or(Undrawn::Waiting)?;
		let definition = T::Experts::body(slot.model).ok_or(Undrawn::Waiting)?.definition();
		let Some(randomness) = randomness else {
			log::debug!(target: LOG_TARGET, "submission {submission} waits for the seed of its draw");
			return Err(Undrawn::Waiting);
		};
		let seed = H256(blake2_256(&(randomness, submission).encode()));
		let electorate = T::Operators::electorate(record.appointment).ok_or(Undrawn::NoElectorate)?;
		let eligible = Self::judges_of(submission, miner, electorate).ok_or(Undrawn::NoElectorate)?;
		let size = T::CommitteeSize::get().min(T::MaxCommittee::get());
		let least = T::MinCommittee::get().max(1);
		let draw = |candidates| {
			draw_present(&seed, candidates, size, T::MaxSeatsPerOwner::get(), T::Operators::is_eligible)
		};
		// Those who sealed nothing the last time are left out, where enough others are there.
		let diligent = eligible.iter().filter(|operator| !record.absent.contains(&operator.account));
		let mut members = draw(diligent.cloned().collect());
		if members.len().saturated_into::<u32>() < least {
			members = draw(eligible.clone());
		}
		let first = members.len().saturated_into::<u32>();
		if first < least {
			log::debug!(target: LOG_TARGET, "submission {submission} waits for {least} eligible operators");
			return Err(Undrawn::NoElectorate);
		}
		let has_strangers = Self::strangers(&eligible, &members).next().is_some();
		let seats = Self::seats(&eligible, members);
		let guard = Self::guard_sample(slot.model);
		let seal_deadline = now.saturating_add(T::SealWindow::get());
		// From here to the last dispute about it the baseline must be computable, however often the heads move.
		if !T::Experts::keep(slot.model, generation) {
			log::warn!(target: LOG_TARGET, "submission {submission} waits: too many generations are kept");
			return Err(Undrawn::Waiting);
		}
		Ok(EvaluationRecord {
			terms: Terms {
				definition,
				generation,
				model_root,
				target: Self::sample(holdout, seed),
				guard,
				rule: Rule {
					delta: T::Delta::get(),
					alpha: T::Alpha::get(),
					attempt: record.attempt,
					guard_tolerance: T::GuardTolerance::get(),
					guard_left: Self::guard_left(slot.model, guard.as_ref()),
				},
			},
			// Where everybody sits in the first committee there is no second one.
			stage: if has_strangers && T::SecondCommitteeSize::get() > 0 {
				Stage::First
			} else {
				Stage::Last
			},
			seal_deadline,
			reveal_deadline: seal_deadline.saturating_add(T::RevealWindow::get()),
			first,
			seats: BoundedVec::truncate_from(seats),
		})
	}

	/// Those of an electorate that may judge a miner's submission; `None` if they have too little of all stake.
	///
	/// The miner's own operators may not. Nobody else can keep an operator out of a committee, and whoever owns much of
	/// all stake cannot choose its judges by submitting itself.
	pub(crate) fn judges_of(
		submission: SubmissionId,
		miner: &T::AccountId,
		mut eligible: Vec<EligibleOperator<T::AccountId>>,
	) -> Option<Vec<EligibleOperator<T::AccountId>>> {
		let stake = |operators: &[EligibleOperator<T::AccountId>]| {
			operators.iter().fold(0u128, |sum, operator| sum.saturating_add(operator.stake))
		};
		let quorum = T::QuorumStake::get().mul_ceil(stake(&eligible));
		eligible.retain(|operator| operator.account != *miner && operator.owner != *miner);
		if stake(&eligible) < quorum {
			log::debug!(target: LOG_TARGET, "submission {submission} waits for unrelated operators with more stake");
			return None;
		}
		Some(eligible)
	}

	/// Empty seats for `members`, with the stake that each has among `eligible`, and no more than it has now.
	pub(crate) fn seats(
		eligible: &[EligibleOperator<T::AccountId>],
		members: Vec<T::AccountId>,
	) -> Vec<Seat<T::AccountId>> {
		let stake = |member: &T::AccountId| {
			let drawn = eligible.iter().find(|operator| operator.account == *member);
			let present = T::Operators::present(member).map_or(0, |operator| operator.stake);
			drawn.map_or(0, |operator| operator.stake).min(present)
		};
		let seat = |operator| Seat { stake: stake(&operator), operator, seal: None, verdict: None };
		members.into_iter().map(seat).collect()
	}
}
