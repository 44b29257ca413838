//! The stakes of operators as those who punish see them.

use crate::{
	reputation, BalanceOf, Banned, BannedUntil, Config, CreditOf, Event, HoldReason, OperatorRecordOf,
	Pallet, PendingOffences,
};
use blyan_primitives::traits::{BackedOperators, Backing, OffenceKind, Offences, OperatorStakes};
use frame_support::traits::{fungible::BalancedHold, Get, Imbalance};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::{
	traits::{Saturating, Zero},
	Perbill, SaturatedConversion,
};

impl<T: Config> OperatorStakes<T::AccountId, BalanceOf<T>> for Pallet<T> {
	type Credit = CreditOf<T>;

	fn stake(who: &T::AccountId) -> Option<BalanceOf<T>> {
		Self::record_of(who).map(|record| record.stake)
	}

	fn note_pending(who: &T::AccountId) {
		PendingOffences::<T>::mutate(who, |pending| *pending = pending.saturating_add(1));
	}

	fn note_settled(who: &T::AccountId) {
		PendingOffences::<T>::mutate_exists(who, |pending| {
			*pending = pending.and_then(|count| count.checked_sub(1)).filter(|count| *count > 0);
		});
	}

	/// A stake below what is needed means quarantine until it is topped up. The same share of what backs the operator is taken, and
	/// goes to the treasury without passing here: no reporter has a part in it.
	fn slash(who: &T::AccountId, share: Perbill) -> CreditOf<T> {
		let Some(mut record) = Self::record_of(who) else { return CreditOf::<T>::zero() };
		let amount = share.mul_floor(record.stake);
		let (credit, _) = T::Currency::slash(&HoldReason::Stake.into(), who, amount);
		let taken = credit.peek();
		record.stake = record.stake.saturating_sub(taken);
		T::Backing::slash(who, share);
		Self::lower_weight(who, &mut record);
		Self::deposit_event(Event::Slashed { who: who.clone(), amount: taken, stake: record.stake });
		if record.stake < Self::required_stake(&record) {
			Self::quarantine_until(who, &mut record, frame_system::Pallet::<T>::block_number());
		}
		Self::mutate_known(who, |known| *known = record);
		credit
	}

	fn quarantine(who: &T::AccountId) {
		let now = frame_system::Pallet::<T>::block_number();
		let until = now.saturating_add(T::QuarantinePeriod::get());
		Self::mutate_known(who, |record| Self::quarantine_until(who, record, until));
	}

	/// An operator whose stake has become too low stays in quarantine, but need not wait; one that missed too many seals, or is banned
	/// for a time, stays and waits.
	fn release(who: &T::AccountId) {
		let now = frame_system::Pallet::<T>::block_number();
		Self::mutate_known(who, |record| {
			if record.quarantined_until.is_none() || record.is_chilled() || Self::is_banned_for_now(who) {
				return;
			}
			if record.stake < Self::required_stake(record) {
				record.quarantined_until = Some(now);
			} else {
				record.quarantined_until = None;
				Self::deposit_event(Event::QuarantineEnded { who: who.clone() });
			}
		});
	}

	/// What is left of the stake, and the bond, can be withdrawn after the unbonding period.
	fn ban(who: &T::AccountId) {
		Banned::<T>::insert(who, ());
		Self::deposit_event(Event::Banned { who: who.clone() });
		Self::mutate_known(who, |record| {
			if record.withdrawable_at.is_none() {
				Self::start_exit(who, record);
			}
		});
	}

	/// Its registration stays, so that it can come back, and so does its stake, so that it can still be taken.
	fn ban_for(who: &T::AccountId, blocks: u32) {
		let until = frame_system::Pallet::<T>::block_number().saturating_add(blocks.into());
		let until = BannedUntil::<T>::get(who).map_or(until, |earlier| earlier.max(until));
		BannedUntil::<T>::insert(who, until);
		Self::deposit_event(Event::BannedUntil { who: who.clone(), until });
		Self::mutate_known(who, |record| Self::quarantine_until(who, record, until));
	}

	fn note_offence(who: &T::AccountId, kind: OffenceKind) {
		Self::mutate_known(who, |record| {
			reputation::note_offence(&mut record.measures, kind);
			if reputation::voids_work(kind) {
				record.verified = 0;
			}
		});
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_staked_for_benchmark() -> T::AccountId {
		let who = crate::benchmarking::register_staked::<T>();
		T::Backing::ensure_backed_for_benchmark(&who);
		who
	}
}

impl<T: Config> BackedOperators<T::AccountId> for Pallet<T> {
	fn own_stake(who: &T::AccountId) -> Option<u128> {
		Self::record_of(who).map(|record| record.stake.saturated_into())
	}

	fn is_staying(who: &T::AccountId) -> bool {
		crate::Operators::<T>::get(who).is_some_and(|record| record.withdrawable_at.is_none())
	}

	fn is_accused(who: &T::AccountId) -> bool {
		PendingOffences::<T>::get(who) > 0 && T::Offences::is_gravely_accused(who)
	}

	fn note_backing_fell(who: &T::AccountId) {
		Self::mutate_known(who, |record| Self::lower_weight(who, record));
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_operator_for_benchmark() -> T::AccountId {
		crate::benchmarking::register_staked::<T>()
	}
}

impl<T: Config> Pallet<T> {
	/// Keeps an operator out of draws until `until` at least; never shortens a quarantine.
	pub(crate) fn quarantine_until(
		who: &T::AccountId,
		record: &mut OperatorRecordOf<T>,
		until: BlockNumberFor<T>,
	) {
		let until = record.quarantined_until.unwrap_or_else(Zero::zero).max(until);
		if record.quarantined_until != Some(until) {
			record.quarantined_until = Some(until);
			Self::deposit_event(Event::Quarantined { who: who.clone(), until });
		}
	}
}
