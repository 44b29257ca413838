//! Benchmarks of the calls, and of a new electorate.

use crate::{
	Call, ClassOf, Config, Event, NewestElectorate, NextPoll, Pallet, Participations, PollIndexOf, Voting,
	Watched,
};
use alloc::vec::Vec;
use blyan_primitives::voting::{Electorates, Voters};
use frame_benchmarking::v2::*;
use frame_support::{
	traits::{Get, Polling},
	weights::Weight,
};
use frame_system::RawOrigin;

/// A poll of an electorate as large as it may be.
fn poll<T: Config>() -> Result<(PollIndexOf<T>, Vec<T::AccountId>), BenchmarkError> {
	let voters =
		<Pallet<T> as Electorates<T::AccountId>>::ensure_electorate_for_benchmark(T::MaxOperators::get());
	let class: ClassOf<T> = T::Polls::classes().into_iter().next().ok_or(BenchmarkError::Weightless)?;
	let poll = T::Polls::create_ongoing(class).map_err(|()| BenchmarkError::Weightless)?;
	Ok((poll, voters))
}

#[benchmarks]
mod benchmarks {
	use super::*;

	// The worst case: the vote is replaced, and the last of the electors casts it.
	#[benchmark]
	fn vote() -> Result<(), BenchmarkError> {
		let (poll, voters) = poll::<T>()?;
		let who = voters.last().cloned().ok_or(BenchmarkError::Weightless)?;
		Pallet::<T>::do_vote(&who, poll, false)?;

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()), poll, true);

		assert_eq!(Voting::<T>::get(poll, &who), Some(true.into()));
		Ok(())
	}

	// Its votes are counted already: counting them is added to the weight of the call.
	#[benchmark]
	fn cleanup_poll(n: Linear<1, 100>) -> Result<(), BenchmarkError> {
		let (poll, voters) = poll::<T>()?;
		for who in voters.iter().take(n as usize) {
			Pallet::<T>::do_vote(who, poll, true)?;
		}
		T::Polls::end_ongoing(poll, false).map_err(|()| BenchmarkError::Weightless)?;
		let caller: T::AccountId = whitelisted_caller();

		#[extrinsic_call]
		_(RawOrigin::Signed(caller), poll, n);

		assert_eq!(Voting::<T>::iter_prefix(poll).count(), 0);
		Ok(())
	}

	// A refusal takes as long: no operator of the voice stands only if the chain forgot it, which a benchmark cannot arrange. The
	// longest walk is one over an electorate whose last elector is asked for.
	#[benchmark]
	fn strike() -> Result<(), BenchmarkError> {
		let (poll, voters) = poll::<T>()?;
		let voice = voters.last().cloned().ok_or(BenchmarkError::Weightless)?;
		Pallet::<T>::do_vote(&voice, poll, true)?;
		assert!(T::Voters::stands(&voice));

		#[block]
		{
			assert!(Pallet::<T>::do_strike(poll, &voice).is_err());
		}

		Ok(())
	}

	#[benchmark]
	fn renew_electorate() {
		T::Voters::ensure_electors_for_benchmark(T::MaxOperators::get());

		#[block]
		{
			Pallet::<T>::take_electorate(frame_system::Pallet::<T>::block_number());
		}

		let electorate = NewestElectorate::<T>::get().unwrap_or_default();
		let voices = crate::Electorates::<T>::get(electorate).map(|record| record.voices).unwrap_or_default();
		let event: <T as frame_system::Config>::RuntimeEvent =
			Event::<T>::ElectorateTaken { electorate, voices }.into();
		frame_system::Pallet::<T>::assert_last_event(event);
	}

	// A poll that is new is noted, and looked at in the same block.
	#[benchmark]
	fn follow_poll() -> Result<(), BenchmarkError> {
		let (poll, _) = poll::<T>()?;
		NextPoll::<T>::put(poll);

		#[block]
		{
			Pallet::<T>::follow_polls(Weight::MAX);
		}

		assert!(Watched::<T>::contains_key(poll));
		Ok(())
	}

	// Every voice of the largest electorate voted.
	#[benchmark]
	fn count_poll() -> Result<(), BenchmarkError> {
		let (poll, voters) = poll::<T>()?;
		Pallet::<T>::watch(poll);
		for who in &voters {
			Pallet::<T>::do_vote(who, poll, true)?;
		}
		T::Polls::end_ongoing(poll, true).map_err(|()| BenchmarkError::Weightless)?;

		#[block]
		{
			Pallet::<T>::count_poll(poll);
		}

		assert!(!Watched::<T>::contains_key(poll));
		assert!(!Participations::<T>::get().is_empty());
		Ok(())
	}
}
