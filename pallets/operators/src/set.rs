//! The operators as the neighbours see them.

use crate::{Config, KeyOwners, Operators, Pallet, REPUTATION_MAX};
use alloc::vec::Vec;
use blyan_primitives::{traits::OperatorSet, OperatorId};
use frame_support::traits::Get;

impl<T: Config> OperatorSet<T::AccountId> for Pallet<T> {
	/// Ordered by account, so that the order says nothing about how the map is stored.
	fn eligible() -> Vec<(T::AccountId, u32)> {
		let period = Self::period();
		let mut eligible: Vec<_> = Operators::<T>::iter()
			.filter(|(_, record)| record.is_eligible(period))
			.map(|(who, record)| (who, record.reputation))
			.collect();
		eligible.sort();
		eligible
	}

	fn owner_of(key: &OperatorId) -> Option<T::AccountId> {
		KeyOwners::<T>::get(key)
	}

	fn key_of(who: &T::AccountId) -> Option<OperatorId> {
		Operators::<T>::get(who).map(|record| record.key)
	}

	fn note_report(who: &T::AccountId, with_majority: bool) {
		let step = T::ReputationStep::get();
		// Whoever withdrew in the meantime has no reputation left to lose.
		Operators::<T>::mutate(who, |entry| {
			if let Some(record) = entry {
				record.reputation = if with_majority {
					record.reputation.saturating_add(step).min(REPUTATION_MAX)
				} else {
					record.reputation.saturating_sub(step)
				};
			}
		});
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_operators_for_benchmark(count: u32) -> Vec<(T::AccountId, OperatorId)> {
		crate::benchmarking::register_operators::<T>(count)
	}
}
