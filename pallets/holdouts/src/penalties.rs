//! Penalties of keepers, and leaked chunks.

use crate::{BalanceOf, ChunkRecordOf, Config, CreditOf, Error, Event, Fault, HoldReason, Keepers, Pallet};
use blyan_primitives::{chunk_commitment, ModelId};
use blyan_support::genesis_hash;
use frame_support::traits::{
	fungible::{Balanced, BalancedHold},
	Get, Imbalance, OnUnbalanced,
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
		if let Some(mut record) = Keepers::<T>::get(keeper) {
			let share = T::Penalty::get().mul_ceil(record.bond);
			if !share.is_zero() {
				let (credit, _) = T::Currency::slash(&HoldReason::KeeperBond.into(), keeper, share);
				record.bond = record.bond.saturating_sub(credit.peek());
				taken = taken.merge(credit);
			}
			record.faults = record.faults.saturating_add(1);
			record.chunks = record.chunks.saturating_sub(1);
			record.suspended_until = Self::now().saturating_add(T::Suspension::get());
			Keepers::<T>::insert(keeper, record);
		}
		let (keeper, amount) = (keeper.clone(), taken.peek());
		Self::deposit_event(Event::KeeperPenalised { keeper, fault, amount });
		taken
	}

	/// A keeper that sells a chunk must show its salt, or the buyer could not know that it is the one: so the buyer can report it.
	pub(crate) fn do_report_leak(
		reporter: &T::AccountId,
		keeper: &T::AccountId,
		model: ModelId,
		bytes: H256,
		salt: H256,
	) -> DispatchResult {
		let commitment = chunk_commitment(&genesis_hash::<T>(), keeper, model, &bytes, &salt);
		let is_meant = |chunk: &ChunkRecordOf<T>| chunk.commitment == commitment;
		let chunk = Self::take_chunk(model, keeper, is_meant).ok_or(Error::<T>::ChunkUnknown)?;
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
