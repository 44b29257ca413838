//! Ends of submissions: bonds and fees go where they belong, and a note stays for a while.

use crate::{
	Announced, BalanceOf, ClaimOf, ClosedCount, ClosedRecord, ClosedRing, ClosedSubmissions, Config, Event,
	HoldReason, Miners, OpenBlobs, OpenRoots, OpenSubmissions, Pallet, Phase, Retrials, SubmissionRecordOf,
	LOG_TARGET,
};
use blyan_primitives::{
	traits::{ExpertRegistry, SealedHoldouts},
	DrawId, SubmissionId,
};
use blyan_runtime_api::{ExpiryReason, SubmissionOutcome};
use frame_support::traits::{
	fungible::{BalancedHold, MutateHold},
	tokens::Precision,
	Get, OnUnbalanced,
};
use sp_core::H256;
use sp_runtime::traits::{SaturatedConversion, Saturating, Zero};

impl<T: Config> Pallet<T> {
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
		T::SealedHoldouts::note_closed(submission);
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
}
