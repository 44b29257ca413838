//! The operators as the neighbours see them.

use crate::{reputation, Config, KeyOwners, Operators, Pallet};
use alloc::vec::Vec;
use blyan_primitives::{
	traits::{EligibleOperator, OperatorSet, Service},
	OperatorId,
};
use frame_support::traits::Get;
use sp_runtime::traits::{Convert, SaturatedConversion};

impl<T: Config> OperatorSet<T::AccountId> for Pallet<T> {
	/// Ordered by account, so that the order says nothing about how the map is stored.
	fn eligible() -> Vec<EligibleOperator<T::AccountId>> {
		let period = Self::period();
		let mut eligible: Vec<_> = Operators::<T>::iter()
			.filter(|(_, record)| record.is_eligible(period))
			.map(|(account, record)| EligibleOperator {
				weight: record.reputation(),
				owner: T::OwnerOf::convert(account.clone()),
				hardware: record.profile.hardware,
				stake: record.stake.saturated_into(),
				account,
			})
			.collect();
		eligible.sort_by(|a, b| a.account.cmp(&b.account));
		eligible
	}

	fn owner_of(key: &OperatorId) -> Option<T::AccountId> {
		KeyOwners::<T>::get(key)
	}

	fn key_of(who: &T::AccountId) -> Option<OperatorId> {
		Operators::<T>::get(who).map(|record| record.key)
	}

	/// Whoever withdrew in the meantime has no reputation left to change.
	fn note_service(who: &T::AccountId, service: Service) {
		let step = T::MeasureStep::get();
		Self::mutate_known(who, |record| {
			reputation::note_service(&mut record.measures, service, step);
		});
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_operators_for_benchmark(count: u32) -> Vec<(T::AccountId, OperatorId)> {
		crate::benchmarking::register_operators::<T>(count)
	}
}
