//! Benchmarks of the calls and of the end of an era.

use crate::{Budget, Call, Config, Envelope, Envelopes, Event, Pallet, Year};
use frame_benchmarking::v2::*;
use frame_support::traits::{
	fungible::{Inspect, Mutate},
	EnsureOrigin, Get,
};
use frame_system::RawOrigin;

#[benchmarks]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn set_budget() -> Result<(), BenchmarkError> {
		let origin = T::BudgetOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;
		let budget = Budget { inflation: T::InflationMax::get(), ..Default::default() };

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, budget);

		let event: <T as frame_system::Config>::RuntimeEvent = Event::<T>::BudgetSet { budget }.into();
		frame_system::Pallet::<T>::assert_last_event(event);
		Ok(())
	}

	#[benchmark]
	fn fund() {
		let who: T::AccountId = whitelisted_caller();
		let amount = T::Currency::minimum_balance().saturating_mul(10);
		let _ = T::Currency::mint_into(&who, amount.saturating_mul(2));

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), Envelope::Learning, amount);

		let event: <T as frame_system::Config>::RuntimeEvent =
			Event::<T>::EnvelopeFunded { who, envelope: Envelope::Learning, amount }.into();
		frame_system::Pallet::<T>::assert_last_event(event);
	}

	// The worst case: a year begins, coins are emitted, the treasury is paid into a new account.
	#[benchmark]
	fn end_era() {
		let holder: T::AccountId = account("holder", 0, 0);
		let missing = (T::SupplyCap::get() / 2).saturating_sub(T::Currency::total_issuance());
		let _ = T::Currency::mint_into(&holder, missing);
		Year::<T>::kill();

		#[block]
		{
			Pallet::<T>::end_era(T::EraLength::get());
		}

		assert!(Year::<T>::get().is_some_and(|year| year.emitted > 0));
		assert_eq!(Envelopes::<T>::get().treasury, 0);
	}

	impl_benchmark_test_suite!(
		Pallet,
		crate::tests::mock::ExtBuilder::default().build(),
		crate::tests::mock::Test
	);
}
