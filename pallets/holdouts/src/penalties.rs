//! Penalties of keepers, and leaked chunks.

use crate::{
	leak_notice, BalanceOf, ChunkRecordOf, Config, CreditOf, Error, Event, Fault, HeldPenalties, HeldPenalty,
	HoldReason, Keepers, LeakNotice, LeakNotices, Pallet, LEAK_NOTICE, LOG_TARGET,
};
use blyan_primitives::{chunk_commitment, ChunkScore, DrawId, ModelId};
use blyan_support::genesis_hash;
use frame_support::{
	ensure,
	traits::{
		fungible::{Balanced, BalancedHold, MutateHold},
		Get, Imbalance, OnUnbalanced,
	},
};
use sp_core::H256;
use sp_runtime::{
	traits::{Saturating, Zero},
	DispatchResult,
};

impl<T: Config> Pallet<T> {
	/// Takes a share of a keeper's bond, and the deposit of the chunk that its fault is about, and lets it not be appointed for a while.
	/// The chunk is not the keeper's any more.
	pub(crate) fn penalise(keeper: &T::AccountId, fault: Fault, deposit: BalanceOf<T>) {
		T::OnSlash::on_unbalanced(Self::take_penalty(keeper, fault, deposit));
	}

	/// [`Pallet::penalise`] that returns what was taken.
	fn take_penalty(keeper: &T::AccountId, fault: Fault, deposit: BalanceOf<T>) -> CreditOf<T> {
		let mut taken = if deposit.is_zero() {
			CreditOf::<T>::zero()
		} else {
			T::Currency::slash(&HoldReason::Chunk.into(), keeper, deposit).0
		};
		let share = Self::note_fault(keeper);
		if !share.is_zero() {
			taken = taken.merge(T::Currency::slash(&HoldReason::KeeperBond.into(), keeper, share).0);
		}
		let (keeper, amount) = (keeper.clone(), taken.peek());
		Self::deposit_event(Event::KeeperPenalised { keeper, fault, amount });
		taken
	}

	/// Counts a fault of a keeper, whose chunk is not its own any more. Returns what that costs: it is no part of the bond from now on,
	/// and on hold still.
	fn note_fault(keeper: &T::AccountId) -> BalanceOf<T> {
		let Some(mut record) = Keepers::<T>::get(keeper) else { return Zero::zero() };
		let share = T::Penalty::get().mul_ceil(record.bond).min(record.bond);
		record.bond = record.bond.saturating_sub(share);
		record.faults = record.faults.saturating_add(1);
		record.chunks = record.chunks.saturating_sub(1);
		record.suspended_until = Self::now().saturating_add(T::Suspension::get());
		Keepers::<T>::insert(keeper, record);
		share
	}

	/// Holds the penalty for a chunk that is no text until its score cannot be disputed any more. Its deposit returned when its bytes
	/// were there.
	pub(crate) fn hold_penalty(keeper: T::AccountId, score: &ChunkScore) {
		let amount = Self::note_fault(&keeper);
		let held = HeldPenalty { keeper: keeper.clone(), digest: score.digest, amount };
		HeldPenalties::<T>::insert(score.draw, held);
		Self::deposit_event(Event::KeeperPenalised { keeper, fault: Fault::Unsound, amount });
	}

	/// Takes the penalty that rests on a draw's score, which stands.
	pub(crate) fn collect_penalty(draw: DrawId) {
		let Some(HeldPenalty { keeper, amount, .. }) = HeldPenalties::<T>::take(draw) else { return };
		let (credit, missing) = T::Currency::slash(&HoldReason::KeeperBond.into(), &keeper, amount);
		if !missing.is_zero() {
			log::error!(target: LOG_TARGET, "penalty of keeper {keeper:?}: {missing:?} of {amount:?} is missing");
		}
		let amount = credit.peek();
		T::OnSlash::on_unbalanced(credit);
		Self::deposit_event(Event::PenaltyCollected { keeper, draw, amount });
	}

	/// Returns the penalty that rests on a draw's score, which fell. Not into the bond: one that grows when a seed is known wins draws.
	pub(crate) fn return_penalty(draw: DrawId, digest: H256) {
		let rests_on_it = |held: &HeldPenalty<_, _>| held.digest == digest;
		let Some(held) = HeldPenalties::<T>::get(draw).filter(rests_on_it) else { return };
		HeldPenalties::<T>::remove(draw);
		let HeldPenalty { keeper, amount, .. } = held;
		Self::release(HoldReason::KeeperBond, &keeper, amount);
		Keepers::<T>::mutate(&keeper, |record| {
			if let Some(record) = record {
				record.faults = record.faults.saturating_sub(1);
			}
		});
		Self::deposit_event(Event::PenaltyReturned { keeper, draw, amount });
	}

	/// Gives a notice of a leak, in the place of an earlier one, or takes it back.
	pub(crate) fn do_announce_leak(reporter: T::AccountId, notice: Option<H256>) -> DispatchResult {
		let known = LeakNotices::<T>::get(&reporter);
		let Some(hash) = notice else {
			let known = known.ok_or(Error::<T>::LeakNotAnnounced)?;
			LeakNotices::<T>::remove(&reporter);
			Self::release(HoldReason::LeakNotice, &reporter, known.deposit);
			Self::deposit_event(Event::LeakNoticeWithdrawn { reporter });
			return Ok(());
		};
		let deposit = match known {
			Some(known) => known.deposit,
			None => {
				let deposit = T::ChunkDeposit::get();
				T::Currency::hold(&HoldReason::LeakNotice.into(), &reporter, deposit)?;
				deposit
			}
		};
		let announced_at = frame_system::Pallet::<T>::block_number();
		LeakNotices::<T>::insert(&reporter, LeakNotice { hash, announced_at, deposit });
		Self::deposit_event(Event::LeakAnnounced { reporter });
		Ok(())
	}

	/// Refuses a report that its account did not announce [`LEAK_NOTICE`] blocks ago: one that was copied from the pool was not.
	fn ensure_announced(
		reporter: &T::AccountId,
		bytes: &H256,
		salt: &H256,
	) -> Result<BalanceOf<T>, Error<T>> {
		let notice = LeakNotices::<T>::get(reporter).ok_or(Error::<T>::LeakNotAnnounced)?;
		let expected = leak_notice(&genesis_hash::<T>(), reporter, bytes, salt);
		ensure!(notice.hash == expected, Error::<T>::LeakNotAnnounced);
		let now = frame_system::Pallet::<T>::block_number();
		let open_from = notice.announced_at.saturating_add(LEAK_NOTICE.into());
		ensure!(open_from <= now, Error::<T>::LeakNoticeTooNew);
		Ok(notice.deposit)
	}

	/// A keeper that sells a chunk must show its salt, or the buyer could not know that it is the one: so the buyer can report it.
	pub(crate) fn do_report_leak(
		reporter: &T::AccountId,
		keeper: &T::AccountId,
		model: ModelId,
		bytes: H256,
		salt: H256,
	) -> DispatchResult {
		let deposit = Self::ensure_announced(reporter, &bytes, &salt)?;
		let commitment = chunk_commitment(&genesis_hash::<T>(), keeper, model, &bytes, &salt);
		let is_meant = |chunk: &ChunkRecordOf<T>| chunk.commitment == commitment;
		let chunk = Self::take_chunk(model, keeper, is_meant).ok_or(Error::<T>::ChunkUnknown)?;
		LeakNotices::<T>::remove(reporter);
		Self::release(HoldReason::LeakNotice, reporter, deposit);
		let taken = Self::take_penalty(keeper, Fault::Leaked, chunk.deposit);
		let share = T::ReporterShare::get().mul_floor(taken.peek());
		let (bounty, rest) = taken.split(share);
		T::OnSlash::on_unbalanced(rest);
		if let Err(unpaid) = T::Currency::resolve(reporter, bounty) {
			// An account too small to receive it.
			T::OnSlash::on_unbalanced(unpaid);
		}
		Ok(())
	}
}
