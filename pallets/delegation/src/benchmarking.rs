//! Worst cases of the calls.
//!
//! Every account exists, income waits to be settled, and a backing has as many parts on their way out as it may.

use crate::{Backings, Balance, Call, Config, Event, Pallet, Pools};
use blyan_primitives::traits::{BackedOperators, Backing};
use frame_benchmarking::{account, v2::*};
use frame_support::traits::{
	fungible::{Inspect, Mutate},
	Get,
};
use frame_system::RawOrigin;
use sp_runtime::traits::Saturating;

fn assert_last_event<T: Config>(event: Event<T>) {
	let event: <T as frame_system::Config>::RuntimeEvent = event.into();
	frame_system::Pallet::<T>::assert_last_event(event);
}

/// Gives `who` enough for a hundred backings.
fn endow<T: Config>(who: &T::AccountId) {
	let amount = T::MinBacking::get()
		.saturating_add(T::EntryDeposit::get())
		.saturating_add(T::Currency::minimum_balance())
		.saturating_mul(100);
	let _ = T::Currency::mint_into(who, amount);
}

/// Lets `operator` take backing, and gives it a backer: what any payment to it, and any slash, costs at the worst.
pub(crate) fn back<T: Config>(operator: &T::AccountId) -> T::AccountId {
	let backer: T::AccountId = account("backer", 0, 0);
	endow::<T>(operator);
	endow::<T>(&backer);
	// A benchmark that has called this before has both already.
	let _ = Pallet::<T>::do_set_commission(operator, 0);
	let _ = Pallet::<T>::do_delegate(&backer, operator, T::MinBacking::get(), 0);
	backer
}

/// A backed operator and its backer, with income that was not settled.
fn backed<T: Config>() -> (T::AccountId, T::AccountId) {
	let operator = T::Operators::ensure_operator_for_benchmark();
	let backer = back::<T>(&operator);
	let own = T::Operators::own_stake(&operator).unwrap_or(0);
	<Pallet<T> as Backing<T::AccountId>>::share_income(&operator, own, T::MinBacking::get());
	(operator, backer)
}

/// Goes to the block in which everything that was taken out is ready.
fn wait<T: Config>() {
	let now = frame_system::Pallet::<T>::block_number();
	frame_system::Pallet::<T>::set_block_number(now.saturating_add(T::UnbondingPeriod::get()));
}

fn worth<T: Config>(backer: &T::AccountId, operator: &T::AccountId) -> Balance {
	match (Pools::<T>::get(operator), Backings::<T>::get(backer, operator)) {
		(Some(pool), Some(entry)) => pool.active.worth(entry.shares),
		_ => 0,
	}
}

#[benchmarks]
mod benchmarks {
	use super::*;

	// The worst case: another backer is there, and this one is new.
	#[benchmark]
	fn delegate() {
		let (operator, _) = backed::<T>();
		let backer: T::AccountId = whitelisted_caller();
		endow::<T>(&backer);
		let amount = T::MinBacking::get();

		#[extrinsic_call]
		_(RawOrigin::Signed(backer.clone()), operator.clone(), amount, 0);

		assert_eq!(worth::<T>(&backer, &operator), amount);
	}

	// The worst case: all but one of the parts are on their way already.
	#[benchmark]
	fn undelegate() -> Result<(), BenchmarkError> {
		let (operator, backer) = backed::<T>();
		let amount = T::MinBacking::get();
		for _ in 0..T::MaxChunks::get() {
			Pallet::<T>::do_delegate(&backer, &operator, amount, 0)?;
		}
		for _ in 1..T::MaxChunks::get() {
			Pallet::<T>::do_undelegate(&backer, &operator, amount)?;
		}

		#[extrinsic_call]
		_(RawOrigin::Signed(backer.clone()), operator.clone(), amount);

		let entry = Backings::<T>::get(&backer, &operator).ok_or(BenchmarkError::Stop("no entry"))?;
		assert_eq!(entry.unbonding.len() as u32, T::MaxChunks::get());
		Ok(())
	}

	// The worst case: the last backer leaves a closed pool, and dust.
	#[benchmark]
	fn withdraw_unbonded() -> Result<(), BenchmarkError> {
		let (operator, backer) = backed::<T>();
		Pallet::<T>::do_claim(&backer, &operator)?;
		let amount = worth::<T>(&backer, &operator);
		Pallet::<T>::do_undelegate(&backer, &operator, amount)?;
		Pallet::<T>::do_close(&operator)?;
		wait::<T>();

		#[extrinsic_call]
		_(RawOrigin::Signed(backer.clone()), operator.clone());

		assert!(!Backings::<T>::contains_key(&backer, &operator));
		Ok(())
	}

	// The worst case: the last claim on a closed pool.
	#[benchmark]
	fn claim() -> Result<(), BenchmarkError> {
		let (operator, backer) = backed::<T>();
		let amount = worth::<T>(&backer, &operator);
		Pallet::<T>::do_undelegate(&backer, &operator, amount)?;
		Pallet::<T>::do_close(&operator)?;
		wait::<T>();
		Pallet::<T>::do_withdraw_unbonded(&backer, &operator)?;
		let caller: T::AccountId = whitelisted_caller();

		#[extrinsic_call]
		_(RawOrigin::Signed(caller), operator.clone(), backer.clone());

		assert!(!Backings::<T>::contains_key(&backer, &operator));
		Ok(())
	}

	// The worst case: a raise, with backers.
	#[benchmark]
	fn set_commission() {
		let (operator, _) = backed::<T>();
		let commission = T::CommissionStepMax::get().min(T::CommissionMax::get());

		#[extrinsic_call]
		_(RawOrigin::Signed(operator.clone()), commission);

		assert!(Pools::<T>::get(operator).is_some_and(|pool| pool.raise.is_some()));
	}

	// The worst case: nothing is left of the pool.
	#[benchmark]
	fn close() -> Result<(), BenchmarkError> {
		let operator = T::Operators::ensure_operator_for_benchmark();
		endow::<T>(&operator);
		Pallet::<T>::do_set_commission(&operator, 0)?;

		#[extrinsic_call]
		_(RawOrigin::Signed(operator.clone()));

		assert_last_event::<T>(Event::Closed { operator });
		Ok(())
	}

	impl_benchmark_test_suite!(Pallet, crate::tests::mock::ExtBuilder.build(), crate::tests::mock::Test);
}
