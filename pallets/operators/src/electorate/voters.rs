//! Operators that may vote: see `blyan_primitives::voting`.

use crate::{Banned, Config, OperatorRecordOf, Operators, Pallet, PendingOffences};
use alloc::vec::Vec;
use blyan_primitives::voting::{Elector, Voters};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::traits::{Saturating, Zero};

impl<T: Config> Voters<T::AccountId, BlockNumberFor<T>> for Pallet<T> {
	/// Nor does a quarantine without an offence: two thirds of the voices can impose one by emergency, and would be nine tenths of
	/// those who are left. Silence alone takes no vote away: an outage, or an attack on the network between operators, would else decide who the
	/// majority is. Operators of the first block are of any age.
	fn electors(age: BlockNumberFor<T>) -> Vec<Elector<T::AccountId>> {
		let now = frame_system::Pallet::<T>::block_number();
		let mut electors: Vec<_> = Operators::<T>::iter()
			.filter(|(operator, record)| {
				let is_old =
					record.registered_at.is_zero() || record.registered_at.saturating_add(age) <= now;
				is_old
					&& record.withdrawable_at.is_none()
					&& !Self::is_convicted(operator, record)
					&& record.reputation() > 0
			})
			.map(|(operator, record)| {
				let voice = record.owner(now).unwrap_or(&operator).clone();
				Elector { operator, voice }
			})
			.collect();
		electors.sort();
		electors
	}

	fn stands(operator: &T::AccountId) -> bool {
		!Banned::<T>::contains_key(operator) && Self::record_of(operator).is_some()
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_electors_for_benchmark(count: u32) -> Vec<T::AccountId> {
		let mut electors = Vec::new();
		for (who, _) in crate::benchmarking::register_operators::<T>(count) {
			Self::mutate_known(&who, |record| record.registered_at = Zero::zero());
			electors.push(who);
		}
		electors
	}
}

impl<T: Config> Pallet<T> {
	/// Reports whether an operator is in quarantine for an offence: one that is pending, one for which it is banned for a time, or one
	/// that has cost it stake which it has not made up for.
	fn is_convicted(who: &T::AccountId, record: &OperatorRecordOf<T>) -> bool {
		record.quarantined_until.is_some()
			&& (PendingOffences::<T>::get(who) > 0
				|| Self::is_banned_for_now(who)
				|| record.stake < Self::required_stake(record))
	}
}
