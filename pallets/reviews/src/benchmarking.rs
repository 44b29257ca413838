//! Benchmarks of the calls.

use crate::*;
use alloc::vec::Vec;
use blyan_primitives::DatasetRef;
use frame_benchmarking::v2::*;
use frame_support::{
	traits::{
		fungible::{InspectHold, Mutate},
		Get,
	},
	BoundedVec,
};
use frame_system::RawOrigin;
use sp_core::H256;
use sp_runtime::traits::{Bounded, SaturatedConversion};

const DATASET: DatasetRef = DatasetRef { dataset: 0, version: 0 };

/// An account with money that is a reviewer.
fn reviewer<T: Config>(number: u32) -> T::AccountId
where
	T::Currency: Mutate<T::AccountId>,
{
	let who: T::AccountId = account("reviewer", number, 0);
	fund::<T>(&who);
	Pallet::<T>::do_join(who.clone()).expect("it has money; qed");
	who
}

fn fund<T: Config>(who: &T::AccountId)
where
	T::Currency: Mutate<T::AccountId>,
{
	let amount = T::Bond::get().saturating_mul(100);
	T::Currency::mint_into(who, amount).expect("an account takes money; qed");
}

/// A review with every seat taken by a reviewer, in this step, none of which has said anything.
fn full_review<T: Config>(step: Step) -> Vec<T::AccountId>
where
	T::Currency: Mutate<T::AccountId>,
{
	let seated: Vec<T::AccountId> = (0..T::Seats::get()).map(reviewer::<T>).collect();
	for who in &seated {
		Reviewers::<T>::mutate(who, |entry| {
			if let Some(record) = entry {
				record.seats = 1;
			}
		});
	}
	let seat = |who: &T::AccountId| Seat { who: who.clone(), state: SeatState::Waiting };
	let review = ReviewRecord {
		creator: account("creator", 0, 0),
		records: u64::MAX,
		opened_at: Pallet::<T>::now(),
		appointment: 0,
		draw: H256::repeat_byte(1),
		step,
		until: Bounded::max_value(),
		picks: BoundedVec::truncate_from((0..u64::from(RECORDS_MAX)).collect()),
		seats: BoundedVec::truncate_from(seated.iter().map(seat).collect()),
		refused: None,
	};
	Reviews::<T>::insert(DATASET, review);
	Open::<T>::put(BoundedVec::truncate_from(Vec::from([DATASET])));
	seated
}

fn answers() -> Answers {
	BoundedVec::truncate_from((0..RECORDS_MAX).map(|_| Answer::Refuse(RecordReason::Safety)).collect())
}

/// Puts a seat into a state.
fn set<T: Config>(who: &T::AccountId, state: SeatState) {
	Reviews::<T>::mutate(DATASET, |entry| {
		let seats = entry.iter_mut().flat_map(|review| review.seats.iter_mut());
		for seat in seats.filter(|seat| seat.who == *who) {
			seat.state = state.clone();
		}
	});
}

fn sealed<T: Config>(who: &T::AccountId) -> SeatState {
	SeatState::Sealed(seal(DATASET, &H256::repeat_byte(1), &answers(), &H256::zero(), who))
}

#[benchmarks(where T::Currency: Mutate<T::AccountId>)]
mod benchmarks {
	use super::*;

	#[benchmark]
	fn join() {
		let who: T::AccountId = whitelisted_caller();
		fund::<T>(&who);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()));

		assert!(Reviewers::<T>::contains_key(&who));
	}

	// The worst case: another reviewer moves to the place.
	#[benchmark]
	fn leave() {
		let who = reviewer::<T>(0);
		reviewer::<T>(1);

		#[extrinsic_call]
		_(RawOrigin::Signed(who.clone()));

		assert!(!Reviewers::<T>::contains_key(&who));
	}

	#[benchmark]
	fn seal() {
		let seated = full_review::<T>(Step::Sealing);
		let who = seated.last().expect("there is a seat; qed").clone();

		#[extrinsic_call]
		_(RawOrigin::Signed(who), DATASET, H256::zero());

		let review = Reviews::<T>::get(DATASET).expect("it is open; qed");
		assert!(review.seats.iter().any(|seat| seat.state == SeatState::Sealed(H256::zero())));
	}

	#[benchmark]
	fn reveal() {
		let seated = full_review::<T>(Step::Revealing);
		let who = seated.last().expect("there is a seat; qed").clone();
		set::<T>(&who, sealed::<T>(&who));

		#[extrinsic_call]
		_(RawOrigin::Signed(who), DATASET, answers(), H256::zero());

		let review = Reviews::<T>::get(DATASET).expect("it is open; qed");
		assert!(review.seats.iter().any(|seat| seat.state == SeatState::Revealed(answers())));
	}

	#[benchmark]
	fn report_leak() {
		let seated = full_review::<T>(Step::Sealing);
		let who = seated.first().expect("there is a seat; qed").clone();
		set::<T>(&who, sealed::<T>(&who));
		let by: T::AccountId = whitelisted_caller();
		fund::<T>(&by);
		fund::<T>(&T::Treasury::get());

		#[extrinsic_call]
		_(RawOrigin::Signed(by), DATASET, who.clone(), answers(), H256::zero());

		assert_eq!(T::Currency::balance_on_hold(&HoldReason::Bond.into(), &who), 0);
	}

	// The worst case: every seat is opened, judged and paid.
	#[benchmark]
	fn step() {
		let seated = full_review::<T>(Step::Revealing);
		for who in &seated {
			set::<T>(who, SeatState::Revealed(answers()));
		}
		let paid: u32 = seated.len().saturated_into();

		#[block]
		{
			Pallet::<T>::do_advance(DATASET).expect("it is open; qed");
		}

		assert!(paid > 0 && Pallet::<T>::refused(DATASET).is_some());
	}

	impl_benchmark_test_suite!(Pallet, crate::tests::mock::new_ext(), crate::tests::mock::Test);
}
