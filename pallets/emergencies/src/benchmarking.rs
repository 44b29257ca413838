//! Benchmarks of the calls, of the costliest action, and of its end.

use crate::*;
use alloc::{vec, vec::Vec};
use blyan_primitives::voting::Electorates;
use frame_benchmarking::v2::*;
use frame_support::{
	assert_ok,
	traits::{EnsureOrigin, Get},
	BoundedVec,
};
use frame_system::RawOrigin;
use sp_runtime::traits::Saturating;

fn voters<T: Config>() -> Vec<T::AccountId> {
	T::Electorates::ensure_electorate_for_benchmark(T::MaxVoices::get())
}

fn freeze<T: Config>() -> ActionOf<T> {
	let accounts: Vec<T::AccountId> = (0..ACCOUNTS_MAX).map(|index| account("frozen", index, 0)).collect();
	Action::FreezeAccounts { accounts: BoundedVec::truncate_from(accounts) }
}

fn words() -> Justification {
	BoundedVec::truncate_from(vec![b'x'; JUSTIFICATION_MAX as usize])
}

#[benchmarks]
mod benchmarks {
	use super::*;

	// The worst case: an expired proposal of the same author gives way.
	#[benchmark]
	fn propose() -> Result<(), BenchmarkError> {
		let who = voters::<T>().first().cloned().ok_or(BenchmarkError::Weightless)?;
		Pallet::<T>::do_propose(&who, Kind::EconomicAttack, freeze::<T>(), words())?;
		let later = frame_system::Pallet::<T>::block_number()
			.saturating_add(T::Day::get())
			.saturating_add(1u32.into());
		frame_system::Pallet::<T>::set_block_number(later);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), Kind::EconomicAttack, freeze::<T>(), words());

		assert_eq!(ProposedBy::<T>::get(&who), Some(1));
		Ok(())
	}

	// The worst case without enacting: one voice before the last.
	#[benchmark]
	fn support() -> Result<(), BenchmarkError> {
		let voters = voters::<T>();
		let author = voters.first().cloned().ok_or(BenchmarkError::Weightless)?;
		Pallet::<T>::do_propose(&author, Kind::EconomicAttack, freeze::<T>(), words())?;
		let needed = Proposals::<T>::get(0).map_or(0, |record| record.needed);
		for who in voters.iter().skip(1).take((needed as usize).saturating_sub(3)) {
			Pallet::<T>::do_support(who, 0)?;
		}
		let last = voters.last().cloned().ok_or(BenchmarkError::Weightless)?;

		#[extrinsic_call]
		_(RawOrigin::Signed(last), 0);

		assert_eq!(Supporters::<T>::get(0).len() as u32, needed.saturating_sub(1));
		Ok(())
	}

	#[benchmark]
	fn enact() -> Result<(), BenchmarkError> {
		let voters = voters::<T>();
		let author = voters.first().cloned().ok_or(BenchmarkError::Weightless)?;
		Pallet::<T>::do_propose(&author, Kind::EconomicAttack, freeze::<T>(), words())?;
		let record = Proposals::<T>::get(0).ok_or(BenchmarkError::Weightless)?;

		#[block]
		{
			assert_ok!(Pallet::<T>::enact(0, record));
		}

		assert_eq!(Frozen::<T>::iter().count() as u32, ACCOUNTS_MAX);
		Ok(())
	}

	#[benchmark]
	fn close() -> Result<(), BenchmarkError> {
		let who = voters::<T>().first().cloned().ok_or(BenchmarkError::Weightless)?;
		Pallet::<T>::do_propose(&who, Kind::EconomicAttack, freeze::<T>(), words())?;
		let later = frame_system::Pallet::<T>::block_number()
			.saturating_add(T::Day::get())
			.saturating_add(1u32.into());
		frame_system::Pallet::<T>::set_block_number(later);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), 0);

		assert!(!ProposedBy::<T>::contains_key(&who));
		Ok(())
	}

	#[benchmark]
	fn pause_call() -> Result<(), BenchmarkError> {
		let origin = T::PauseOrigin::try_successful_origin().map_err(|_| BenchmarkError::Weightless)?;
		let name = |text: &str| BoundedVec::truncate_from(text.as_bytes().to_vec());

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, name("Balances"), name("transfer_keep_alive"), 1u32.into());

		assert!(Active::<T>::contains_key(0));
		Ok(())
	}

	#[benchmark]
	fn end_measure() -> Result<(), BenchmarkError> {
		let who = voters::<T>().first().cloned().ok_or(BenchmarkError::Weightless)?;
		Pallet::<T>::do_propose(&who, Kind::EconomicAttack, freeze::<T>(), words())?;
		let record = Proposals::<T>::get(0).ok_or(BenchmarkError::Weightless)?;
		Pallet::<T>::enact(0, record)?;
		let ends_at = Active::<T>::get(0).map(|active| active.ends_at).ok_or(BenchmarkError::Weightless)?;

		#[block]
		{
			Pallet::<T>::end_due(ends_at);
		}

		assert!(!Active::<T>::contains_key(0));
		Ok(())
	}
}
