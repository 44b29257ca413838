//! What becomes of a decision: it matures, or what it rests on is refuted.
//!
//! ```text
//!             ChallengeWindow over, no dispute open
//!  decided ------------------------------------------> matured: rewards released, committee paid, bond settled
//!     |
//!     | refuted              head reverted and reward taken, if it was accepted;
//!                            when no dispute is open any more -> back to the queue, if it still can be judged;
//!                            otherwise -----------------------> matured: nobody is paid
//! ```
//!
//! A bond answers for what its miner said: that the bytes are an expert, and no copy. How good it is the committee said, and
//! answers for with its stakes. So a refuted acceptance takes no bond: a coalition that signs one could otherwise take bonds
//! of miners that know nothing of it. The bond stays on hold until the expert has been judged again.

use crate::{
	BalanceOf, Conduct, Config, DecisionRecordOf, Decisions, Event, HoldReason, Maturing, Miners, OpenBlobs,
	OpenRoots, OpenSubmissions, Pallet, Phase, Retrials, SubmissionRecord, WeightInfo, LOG_TARGET,
};
use blyan_primitives::{
	randomness::AppointedRandomness,
	traits::{ExpertRegistry, OperatorSet, Rewards, SealedHoldouts, Service},
	SubmissionId, VersionIndex,
};
use blyan_runtime_api::{RejectReason, SubmissionOutcome};
use frame_support::{
	traits::{
		fungible::{BalancedHold, MutateHold},
		tokens::{Fortitude, Precision, Restriction},
		Get, Imbalance, OnUnbalanced,
	},
	weights::{Weight, WeightMeter},
	BoundedVec,
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::traits::{CheckedDiv, SaturatedConversion, Saturating, Zero};

impl<T: Config> Pallet<T> {
	/// Settles decisions that are due, the earliest first, as far as `remaining` allows.
	pub(crate) fn settle_due(now: BlockNumberFor<T>, remaining: Weight) -> Weight {
		let mut meter = WeightMeter::with_limit(remaining);
		let step = T::WeightInfo::settle().saturating_add(Self::sealed_weight());
		// The list itself was paid for with the queues: `idle` counts it.
		for (submission, matures_at) in Maturing::<T>::get() {
			if matures_at > now || meter.try_consume(step).is_err() {
				break;
			}
			if let Some(decision) = Decisions::<T>::get(submission) {
				Self::mature(submission, decision);
			}
		}
		meter.consumed()
	}

	/// Ends a decision for good: what it earned is paid, what it cost is taken.
	pub(crate) fn mature(submission: SubmissionId, decision: DecisionRecordOf<T>) {
		Decisions::<T>::remove(submission);
		Maturing::<T>::mutate(|maturing| maturing.retain(|(id, _)| *id != submission));
		T::Experts::release(decision.claim.slot.model, decision.terms.generation);
		let miner = &decision.claim.miner;
		if !decision.held.is_zero() {
			let reason = HoldReason::Reward.into();
			let released = T::Currency::release(&reason, miner, decision.held, Precision::BestEffort);
			if released != Ok(decision.held) {
				log::error!(target: LOG_TARGET, "reward of submission {submission}: released {released:?}");
			}
			let (miner, amount) = (miner.clone(), decision.held);
			Self::deposit_event(Event::RewardReleased { submission, miner, amount });
		}
		if decision.outcome == SubmissionOutcome::Rejected(RejectReason::Invalid) {
			Self::slash_bond(submission, miner, decision.bond);
		} else {
			Self::release_bond(submission, miner, decision.bond);
		}
		if !decision.refuted && decision.digest.is_some() {
			Self::pay_committee(submission, &decision);
		} else {
			// Committee after committee worked, and there is no verdict to pay for. Were the fee returned, bytes that are shown
			// to a few would keep a model busy for nothing.
			Self::forfeit_fee(submission, miner, decision.fee);
		}
		let conduct = Conduct::from(decision.outcome);
		if conduct == Conduct::Success {
			for operator in T::Operators::eligible() {
				if operator.owner == *miner {
					T::Operators::note_service(&operator.account, Service::LineageGrown);
				}
			}
		}
		Self::deposit_event(Event::Matured { submission });
		Self::note_conduct(miner, conduct);
		let draw = Some(decision.draw());
		let digest = decision.digest.filter(|_| !decision.refuted);
		Self::remember(submission, decision.claim, draw, digest, decision.outcome);
	}

	/// Pays the members whose verdict decided, and stands, and the keepers of the sealed chunks that it was measured on: the miner's
	/// fee in equal parts and, for an expert that joined the model, a part of the emission. Operators and keepers could otherwise have
	/// refused experts of their own judged for money that is minted.
	fn pay_committee(submission: SubmissionId, decision: &DecisionRecordOf<T>) {
		let miner = &decision.claim.miner;
		let keepers = T::SealedHoldouts::keepers(submission);
		let members: u32 = decision.agreeing().count().saturating_add(keepers.len()).saturated_into();
		let each = decision.fee.checked_div(&members.into()).unwrap_or_else(Zero::zero);
		let is_accepted = matches!(decision.outcome, SubmissionOutcome::Accepted { .. });
		for operator in decision.agreeing() {
			T::Operators::note_service(operator, Service::ReportAgreed);
			let amount =
				if is_accepted { T::Rewards::pay_validation(operator) } else { BalanceOf::<T>::zero() };
			if !amount.is_zero() {
				T::Operators::note_income(operator, amount.saturated_into());
				Self::deposit_event(Event::ValidatorPaid { submission, operator: operator.clone(), amount });
			}
		}
		let mut rest = Self::share_fee(miner, decision.fee, each, decision.agreeing());
		// Those who back an operator risk nothing for what it keeps beside, so they have no part in that.
		for keeper in &keepers {
			let amount =
				if is_accepted { T::Rewards::pay_validation(keeper) } else { BalanceOf::<T>::zero() };
			if !amount.is_zero() {
				Self::deposit_event(Event::ValidatorPaid { submission, operator: keeper.clone(), amount });
			}
			if Self::pay_fee(miner, keeper, each) {
				rest = rest.saturating_sub(each);
			}
		}
		// What the division left, and what an account was too small to receive.
		Self::forfeit_fee(submission, miner, rest);
		if !each.is_zero() {
			Self::deposit_event(Event::FeePaid { submission, each, members });
		}
	}

	/// Pays `each` of a fee that is on hold to each of `members`. Returns what is left.
	pub(crate) fn share_fee<'a>(
		miner: &T::AccountId,
		fee: BalanceOf<T>,
		each: BalanceOf<T>,
		members: impl Iterator<Item = &'a T::AccountId>,
	) -> BalanceOf<T>
	where
		T::AccountId: 'a,
	{
		let mut rest = fee;
		for operator in members {
			if Self::pay_fee(miner, operator, each) {
				rest = rest.saturating_sub(each);
				T::Operators::note_income(operator, each.saturated_into());
			}
		}
		rest
	}

	/// Pays a part of a fee that is on hold of the miner. `false` if the account is too small to receive it.
	fn pay_fee(miner: &T::AccountId, to: &T::AccountId, amount: BalanceOf<T>) -> bool {
		let paid = T::Currency::transfer_on_hold(
			&HoldReason::SubmissionBond.into(),
			miner,
			to,
			amount,
			Precision::Exact,
			Restriction::Free,
			Fortitude::Force,
		);
		paid.is_ok()
	}

	/// Puts a decision into the list of those that mature by themselves.
	pub(crate) fn await_maturity(submission: SubmissionId, matures_at: BlockNumberFor<T>) {
		let inserted = Maturing::<T>::mutate(|maturing| {
			let place = maturing.partition_point(|(_, at)| *at <= matures_at);
			maturing.try_insert(place, (submission, matures_at))
		});
		if inserted.is_err() {
			// The list has room for as many as there may be decisions; `settle` would still reach this one.
			log::error!(target: LOG_TARGET, "submission {submission} will not mature by itself");
		}
	}

	/// Takes the bond of a miner whose bytes were no expert.
	fn slash_bond(submission: SubmissionId, miner: &T::AccountId, bond: BalanceOf<T>) {
		if bond.is_zero() {
			return;
		}
		let (credit, missing) = T::Currency::slash(&HoldReason::SubmissionBond.into(), miner, bond);
		T::OnSlash::on_unbalanced(credit);
		let amount = bond.saturating_sub(missing);
		Self::deposit_event(Event::BondSlashed { submission, miner: miner.clone(), amount });
	}

	/// Keeps a decision open while a dispute about it lasts.
	pub(crate) fn do_note_opened(submission: SubmissionId) {
		Decisions::<T>::mutate(submission, |decision| {
			if let Some(decision) = decision {
				decision.disputes = decision.disputes.saturating_add(1);
			}
		});
		Maturing::<T>::mutate(|maturing| maturing.retain(|(id, _)| *id != submission));
	}

	/// Lets a decision mature, or a submission return, after the last dispute about it.
	pub(crate) fn do_note_closed(submission: SubmissionId) {
		let Some(mut decision) = Decisions::<T>::get(submission) else { return };
		if decision.disputes.is_zero() {
			return;
		}
		decision.disputes = decision.disputes.saturating_sub(1);
		if decision.disputes > 0 {
			Decisions::<T>::insert(submission, decision);
		} else {
			Self::conclude(submission, decision);
		}
	}

	/// Draws the consequences of a verdict that was proven wrong.
	///
	/// Without agreement any lie is reason to judge again; otherwise only the verdict that decided matters.
	pub(crate) fn do_refute(submission: SubmissionId, digest: H256) {
		let Some(mut decision) = Decisions::<T>::get(submission) else { return };
		if decision.refuted || decision.digest.is_some_and(|decisive| decisive != digest) {
			return;
		}
		decision.refuted = true;
		let (reverted_to, cancelled) = match decision.outcome {
			SubmissionOutcome::Accepted { version, .. } => {
				let taken = Self::cancel(&mut decision, version, RejectReason::Refuted);
				// The parent's tensors are the head again, under a new number: that is what it is judged against.
				decision.claim.parent = taken.0.unwrap_or(decision.claim.parent);
				taken
			}
			_ => (None, Zero::zero()),
		};
		Self::deposit_event(Event::DecisionRefuted { submission, digest, reverted_to, cancelled });
		if decision.disputes.is_zero() {
			Self::conclude(submission, decision);
		} else {
			Decisions::<T>::insert(submission, decision);
		}
	}

	/// Reverses an acceptance for `reason`: the head is reverted if it still is this version, the reward taken, and the
	/// attempts count again. Returns the new head and what was taken.
	pub(crate) fn cancel(
		decision: &mut DecisionRecordOf<T>,
		version: VersionIndex,
		reason: RejectReason,
	) -> (Option<VersionIndex>, BalanceOf<T>) {
		let slot = decision.claim.slot;
		let reverted = T::Experts::revert(slot, version);
		if let Err(error) = reverted {
			log::info!(target: LOG_TARGET, "version {version} of {slot:?} stays: {error:?}");
		}
		decision.outcome = SubmissionOutcome::Rejected(reason);
		Self::forget_guard(decision, reverted.is_ok());
		let miner = &decision.claim.miner;
		// The attempts that the acceptance forgave have been made after all.
		let forgiven = core::mem::take(&mut decision.forgiven);
		Miners::<T>::mutate(miner, |record| {
			record.attempts = record.attempts.saturating_add(forgiven);
		});
		let held = core::mem::take(&mut decision.held);
		let (credit, _) = T::Currency::slash(&HoldReason::Reward.into(), miner, held);
		let cancelled = credit.peek();
		// Burned, and its envelope's again: it was paid for nothing.
		drop(credit);
		T::Rewards::refund_learning(cancelled);
		(reverted.ok(), cancelled)
	}

	/// What a decision without open disputes turns to: its queue, or maturity.
	fn conclude(submission: SubmissionId, mut decision: DecisionRecordOf<T>) {
		if decision.is_to_return() {
			match Self::return_to_queue(submission, &decision) {
				Ok(()) => return,
				// An acceptance stays refuted, whatever is in the way.
				Err(_) if decision.outcome == SubmissionOutcome::Rejected(RejectReason::Refuted) => {}
				Err(reason) => decision.outcome = SubmissionOutcome::Rejected(reason),
			}
		}
		let matures_at = decision.matures_at;
		Maturing::<T>::mutate(|maturing| maturing.retain(|(id, _)| *id != submission));
		Decisions::<T>::insert(submission, decision);
		Self::await_maturity(submission, matures_at);
	}

	/// Opens a decided submission again, at the place in its queue that it had, and under its old number, or says why not.
	fn return_to_queue(submission: SubmissionId, decision: &DecisionRecordOf<T>) -> Result<(), RejectReason> {
		let claim = decision.claim.clone();
		let block = claim.block;
		if !Self::is_current(claim.slot, claim.parent) {
			return Err(RejectReason::Stale);
		}
		// The same tensors may have been submitted again in the meantime; then they are judged there.
		let has_room = OpenSubmissions::<T>::count() < T::MaxOpen::get()
			&& !OpenRoots::<T>::contains_key(block.tensor_root)
			&& !OpenBlobs::<T>::contains_key(block.blob.hash);
		if !has_room || Self::enqueue_first(claim.slot.model, submission).is_err() {
			return Err(RejectReason::Refuted);
		}
		let now = Self::now();
		let miner = claim.miner.clone();
		Decisions::<T>::remove(submission);
		Maturing::<T>::mutate(|maturing| maturing.retain(|(id, _)| *id != submission));
		T::Experts::release(claim.slot.model, decision.terms.generation);
		OpenRoots::<T>::insert(block.tensor_root, submission);
		OpenBlobs::<T>::insert(block.blob.hash, submission);
		if decision.outcome == SubmissionOutcome::Rejected(RejectReason::Refuted) {
			Retrials::<T>::insert(submission, ());
		}
		Miners::<T>::mutate(&miner, |record| record.open = record.open.saturating_add(1));
		let record = SubmissionRecord {
			claim,
			bond: decision.bond,
			fee: decision.fee,
			attempt: decision.terms.rule.attempt,
			attested: BoundedVec::new(),
			redraws: 0,
			absent: BoundedVec::new(),
			appointment: T::Randomness::appoint(),
			phase: Phase::Queued { draw_from: now.saturating_add(T::Delay::get()) },
		};
		OpenSubmissions::<T>::insert(submission, record);
		Self::deposit_event(Event::Returned { submission, miner });
		Ok(())
	}
}
