//! What happens without being asked: queues advance, committees are drawn, submissions close.

use crate::{
	draw::draw_present, math::Rule, Announced, BalanceOf, BusyModels, Claim, ClaimOf, ClosedCount,
	ClosedRecord, ClosedRing, ClosedSubmissions, Conduct, Config, Decisions, EvaluationRecord,
	EvaluationRecordOf, Event, HoldReason, Holdouts, Inconclusive, Miners, OpenBlobs, OpenRoots,
	OpenSubmissions, Pallet, Phase, Queues, Retrials, Seat, Stage, SubmissionRecordOf, Terms, WeightInfo,
	LOG_TARGET,
};
use alloc::vec::Vec;
use blyan_primitives::{
	randomness::{Appointed, AppointedRandomness},
	traits::{EligibleOperator, ExpertRegistry, OperatorSet},
	DrawId, ExpertSlot, ModelId, SubmissionId, VersionIndex,
};
use blyan_runtime_api::{ExpiryReason, RejectReason, SubmissionOutcome};
use codec::Encode;
use frame_support::{
	traits::{
		fungible::{BalancedHold, MutateHold},
		tokens::Precision,
		Get, OnUnbalanced,
	},
	weights::{Weight, WeightMeter},
	BoundedVec,
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::traits::{SaturatedConversion, Saturating, Zero};

/// Why a committee is not drawn yet.
enum Undrawn {
	/// Something that comes by itself is missing: the seed, a holdout, the model.
	Waiting,
	/// Of the operators that the appointment takes there are too few, or their list is not kept any more.
	NoElectorate,
}

impl<T: Config> Pallet<T> {
	/// Does what is due, the queues first, as far as `remaining` allows.
	pub(crate) fn do_on_idle(now: BlockNumberFor<T>, remaining: Weight) -> Weight {
		let queues = Self::advance_queues(now, remaining);
		if queues.is_zero() {
			// Not even looking was affordable.
			return queues;
		}
		let expired = Self::expire_announced(now, remaining.saturating_sub(queues));
		let queues = queues.saturating_add(expired);
		let settled = queues.saturating_add(Self::settle_due(now, remaining.saturating_sub(queues)));
		let forgotten = settled.saturating_add(Self::forget_due(now, remaining.saturating_sub(settled)));
		forgotten.saturating_add(Self::expire_commitments(now, remaining.saturating_sub(forgotten)))
	}

	/// Does what is due in up to `ModelsPerBlock` queues, as far as `remaining` allows.
	///
	/// Where more models are busy, each block starts after those of the block before.
	pub(crate) fn advance_queues(now: BlockNumberFor<T>, remaining: Weight) -> Weight {
		let mut meter = WeightMeter::with_limit(remaining);
		if meter.try_consume(T::WeightInfo::idle()).is_err() {
			return meter.consumed();
		}
		let busy = BusyModels::<T>::get();
		let per_block = T::ModelsPerBlock::get();
		let start = now.saturated_into::<u32>().saturating_mul(per_block);
		let start = start.checked_rem(busy.len().saturated_into()).unwrap_or(0);
		let in_turn = busy.iter().cycle().skip(start.saturated_into());
		let turns = busy.len().min(per_block.saturated_into());
		let models: Vec<ModelId> = in_turn.take(turns).copied().collect();
		let step = T::WeightInfo::draw().max(T::WeightInfo::decide());
		for model in models {
			if meter.try_consume(step).is_err() {
				break;
			}
			let first = Queues::<T>::get(model).first().copied();
			if let Some((submission, record)) =
				first.and_then(|id| OpenSubmissions::<T>::get(id).map(|record| (id, record)))
			{
				Self::advance(submission, record, now);
			}
		}
		meter.consumed()
	}

	/// Does what is due for the first submission of a queue. Returns whether anything was.
	pub(crate) fn advance(
		submission: SubmissionId,
		record: SubmissionRecordOf<T>,
		now: BlockNumberFor<T>,
	) -> bool {
		match &record.phase {
			Phase::Announced { .. } => false,
			Phase::Queued { draw_from } if now < *draw_from => false,
			Phase::Queued { draw_from } => {
				let last_chance = draw_from.saturating_add(T::DrawWindow::get());
				let seed = match T::Randomness::seed_of(record.appointment, b"blyan/draw") {
					Appointed::Seed(seed) => Some(seed),
					Appointed::Pending => None,
					Appointed::Missed => {
						// It waited longer than seeds are kept.
						let appointment = T::Randomness::appoint();
						OpenSubmissions::<T>::insert(
							submission,
							SubmissionRecordOf::<T> { appointment, ..record },
						);
						return true;
					}
				};
				Self::draw_with(submission, record, now, last_chance, seed)
			}
			Phase::Evaluating(evaluation) => match evaluation.stage {
				_ if !Self::is_computable(record.claim.slot.model, &evaluation.terms) => {
					// Engines and the chain compute by another definition now: what was sealed can be judged by none.
					T::Experts::release(record.claim.slot.model, evaluation.terms.generation);
					Self::restart(submission, record, now);
					true
				}
				Stage::First if !evaluation.awaits_second(now) => false,
				Stage::First => {
					Self::end_first(submission, record);
					true
				}
				Stage::Between { appointment } => Self::draw_second(submission, record, now, appointment),
				Stage::Last if !evaluation.is_due(now) => false,
				// What cannot be held open to disputes is not decided.
				Stage::Last if Self::open_to_disputes() >= T::MaxMaturing::get() => false,
				Stage::Last => {
					let evaluation = evaluation.clone();
					Self::decide(submission, record, evaluation);
					true
				}
			},
		}
	}

	/// Decisions, and draws without one, about which disputes may be open.
	fn open_to_disputes() -> u32 {
		Decisions::<T>::count().saturating_add(Inconclusive::<T>::count())
	}

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
			seal_deadline: evaluation.seal_deadline,
			reveal_deadline: evaluation.reveal_deadline,
		});
		let model = record.claim.slot.model;
		record.phase = Phase::Evaluating(evaluation);
		OpenSubmissions::<T>::insert(submission, record);
		Self::appoint_next(model);
		true
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
		let holdout = Holdouts::<T>::get(slot.model).ok_or(Undrawn::Waiting)?;
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

	/// Whether `parent` is still the head of `slot`.
	pub(crate) fn is_current(slot: ExpertSlot, parent: VersionIndex) -> bool {
		T::Experts::head(slot).is_some_and(|head| head.version == parent)
	}

	/// Closes a submission that nobody could judge.
	pub(crate) fn expire(submission: SubmissionId, record: SubmissionRecordOf<T>, reason: ExpiryReason) {
		let miner = record.claim.miner.clone();
		Self::close(submission, record, SubmissionOutcome::Expired(reason));
		Self::deposit_event(Event::Expired { submission, miner, reason });
	}

	/// Closes an open submission about which there is nothing to dispute. Its bond returns, and what of its fee is left.
	pub(crate) fn close(submission: SubmissionId, record: SubmissionRecordOf<T>, outcome: SubmissionOutcome) {
		Self::leave(submission, &record.claim);
		Self::release_bond(submission, &record.claim.miner, record.bond.saturating_add(record.fee));
		let draw = match &record.phase {
			Phase::Evaluating(evaluation) => {
				T::Experts::release(record.claim.slot.model, evaluation.terms.generation);
				Some(evaluation.terms.draw_id(&record.claim.slot, &record.claim.block))
			}
			Phase::Announced { .. } | Phase::Queued { .. } => None,
		};
		Self::remember(submission, record.claim, draw, None, outcome);
	}

	/// Takes a submission out of the open ones, their indices and its queue.
	pub(crate) fn leave(submission: SubmissionId, claim: &ClaimOf<T>) {
		OpenSubmissions::<T>::remove(submission);
		Retrials::<T>::remove(submission);
		OpenRoots::<T>::remove(claim.block.tensor_root);
		OpenBlobs::<T>::remove(claim.block.blob.hash);
		Miners::<T>::mutate(&claim.miner, |miner| miner.open = miner.open.saturating_sub(1));
		Announced::<T>::mutate(|announced| announced.retain(|(id, _)| *id != submission));
		Self::dequeue(claim.slot.model, submission);
	}

	/// Returns a bond to its miner.
	pub(crate) fn release_bond(submission: SubmissionId, miner: &T::AccountId, bond: BalanceOf<T>) {
		if bond.is_zero() {
			return;
		}
		let reason = HoldReason::SubmissionBond.into();
		// Nothing else takes from this hold, so it is whole; if it were not, the rest is all there is.
		let released = T::Currency::release(&reason, miner, bond, Precision::BestEffort);
		if released != Ok(bond) {
			log::error!(target: LOG_TARGET, "bond of submission {submission}: released {released:?}");
		}
	}

	/// Takes the fee of an evaluation that paid nobody.
	pub(crate) fn forfeit_fee(submission: SubmissionId, miner: &T::AccountId, fee: BalanceOf<T>) {
		if fee.is_zero() {
			return;
		}
		let (credit, missing) = T::Currency::slash(&HoldReason::SubmissionBond.into(), miner, fee);
		if !missing.is_zero() {
			log::error!(target: LOG_TARGET, "fee of submission {submission}: {missing:?} of {fee:?} is missing");
		}
		T::OnSlash::on_unbalanced(credit);
	}

	/// Notes how a submission ended; the oldest such note gives way.
	pub(crate) fn remember(
		submission: SubmissionId,
		claim: ClaimOf<T>,
		draw: Option<DrawId>,
		digest: Option<H256>,
		outcome: SubmissionOutcome,
	) {
		let closed_at = frame_system::Pallet::<T>::block_number();
		let closed = ClosedCount::<T>::mutate(|count| {
			let closed = *count;
			*count = count.saturating_add(1);
			closed
		});
		let place = closed.checked_rem(T::MaxClosed::get().into()).unwrap_or(0).saturated_into::<u32>();
		if let Some(oldest) = ClosedRing::<T>::get(place) {
			if let Some(record) = ClosedSubmissions::<T>::take(oldest) {
				Self::forget_first_commitment(record.claim.block.tensor_root, oldest);
			}
		}
		ClosedRing::<T>::insert(place, submission);
		ClosedSubmissions::<T>::insert(submission, ClosedRecord { claim, draw, digest, outcome, closed_at });
	}

	/// Takes a submission out of its queue; the next one's draw is due from now on, if its delay is over.
	fn dequeue(model: ModelId, submission: SubmissionId) {
		let mut queue = Queues::<T>::get(model);
		let was_first = queue.first() == Some(&submission);
		queue.retain(|id| *id != submission);
		let Some(next) = queue.first().copied() else {
			Queues::<T>::remove(model);
			BusyModels::<T>::mutate(|busy| busy.retain(|id| *id != model));
			return;
		};
		Queues::<T>::insert(model, queue);
		if was_first {
			let now = frame_system::Pallet::<T>::block_number();
			OpenSubmissions::<T>::mutate(next, |record| {
				if let Some(Phase::Queued { draw_from }) = record.as_mut().map(|record| &mut record.phase) {
					*draw_from = now.max(*draw_from);
				}
			});
		}
	}

	/// Lets a decision count for or against its miner.
	pub(crate) fn note_conduct(miner: &T::AccountId, conduct: Conduct) {
		let mut record = Self::miner_today(miner);
		let change = record.note_conduct(conduct, T::TrustAfter::get(), T::DistrustAfter::get());
		Miners::<T>::insert(miner, record);
		if let Some(trusted) = change {
			Self::deposit_event(Event::TrustChanged { miner: miner.clone(), trusted });
		}
	}
}
