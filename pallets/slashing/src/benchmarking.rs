//! Worst cases of every call, and of what happens without being asked.
//!
//! As much as can be is pending against the offender; the ring of decided offences is full, so that deciding one
//! forgets another; the offence is one whose penalty bans, and it was reported by an account that is paid.

use crate::{
	fingerprint, BalanceOf, Call, ClosedCount, ClosedRing, Config, Event, Fingerprints, HoldReason, NextDue,
	NextOffence, Offence, OffenceId, OffenceOf, OffenceRecords, Pallet, State, Strikes,
};
use alloc::vec::Vec;
use blyan_primitives::traits::{Appeals, Contested, OffenceKind, OperatorStakes};
use codec::Encode;
use frame_benchmarking::{account, v2::*};
use frame_support::{
	pallet_prelude::*,
	traits::{
		fungible::{Inspect, InspectHold, Mutate},
		EnsureOrigin, Hooks,
	},
	BoundedVec,
};
use frame_system::RawOrigin;
use sp_core::H256;
use sp_runtime::{
	traits::{One, Saturating, Zero},
	Perbill,
};

fn assert_last_event<T: Config>(event: Event<T>) {
	let event: <T as frame_system::Config>::RuntimeEvent = event.into();
	frame_system::Pallet::<T>::assert_last_event(event);
}

fn evidence(number: u32) -> H256 {
	H256(sp_io::hashing::blake2_256(&number.encode()))
}

/// Gives `who` the bond of an appeal, and something to live on.
fn endow<T: Config>(who: &T::AccountId) {
	let bond = T::AppealBond::get().saturating_add(T::Currency::minimum_balance());
	let _ = T::Currency::mint_into(who, bond.saturating_mul(2u32.into()));
}

/// A decided offence in every place of the ring.
fn fill_ring<T: Config>() {
	let offender: T::AccountId = account("decided", 0, 0);
	for place in 0..T::MaxClosed::get() {
		let id = NextOffence::<T>::mutate(|next| {
			let id = *next;
			*next = next.saturating_add(1);
			id
		});
		let offence: OffenceOf<T> = Offence {
			offender: offender.clone(),
			kind: OffenceKind::RevealMissed,
			evidence: evidence(place),
			contested: None,
			reporter: None,
			at: Zero::zero(),
			applies_at: Zero::zero(),
			state: State::Pardoned { at: Zero::zero() },
		};
		Fingerprints::<T>::insert(offence.fingerprint(), id);
		OffenceRecords::<T>::insert(id, offence);
		ClosedRing::<T>::insert(place, id);
	}
	ClosedCount::<T>::put(u64::from(T::MaxClosed::get()));
	NextDue::<T>::put(NextOffence::<T>::get());
}

/// An operator against whom as much is pending as can be, the last of which bans it, and the first of that.
fn accused<T: Config>() -> (T::AccountId, OffenceId) {
	fill_ring::<T>();
	let offender = T::Stakes::ensure_staked_for_benchmark();
	endow::<T>(&offender);
	let reporter: T::AccountId = account("reporter", 0, 0);
	let _ = T::Currency::mint_into(&reporter, T::Currency::minimum_balance());
	let first = NextOffence::<T>::get();
	for number in 0..T::MaxPending::get() {
		let (kind, evidence) = (OffenceKind::FalseScore, evidence(number));
		Pallet::<T>::do_report(&offender, kind, evidence, Some(&reporter), None)
			.expect("there is room for so many; qed");
	}
	let mut strikes = BoundedVec::new();
	for _ in 1..T::StrikesMax::get() {
		let _ = strikes.try_push(frame_system::Pallet::<T>::block_number());
	}
	Strikes::<T>::insert(&offender, strikes);
	(offender, first)
}

/// Lets the time for appeals pass.
fn wait<T: Config>() {
	let now = frame_system::Pallet::<T>::block_number();
	frame_system::Pallet::<T>::set_block_number(now.saturating_add(T::AppealWindow::get()));
}

fn assert_applied<T: Config>(id: OffenceId) {
	let state = OffenceRecords::<T>::get(id).map(|offence| offence.state);
	assert!(matches!(state, Some(State::Applied { share, .. }) if share == Perbill::one()));
}

#[benchmarks]
mod benchmarks {
	use super::*;

	// The worst case: one place is left, and the offence is grave.
	#[benchmark]
	fn report() -> Result<(), BenchmarkError> {
		let (offender, first) = accused::<T>();
		Pallet::<T>::do_pardon(first)?;
		let origin = T::ReportOrigin::try_successful_origin().map_err(|_| "somebody may report")?;
		let (kind, evidence, offence) = (OffenceKind::Equivocation, evidence(0), NextOffence::<T>::get());

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, offender.clone(), kind, evidence, None);

		assert_eq!(Fingerprints::<T>::get(fingerprint(&offender, kind, evidence)), Some(offence));
		Ok(())
	}

	// The worst case: the appeal opens a dispute, where there is somebody to open it with.
	#[benchmark]
	fn appeal() -> Result<(), BenchmarkError> {
		let (mut offender, mut offence) = accused::<T>();
		let mut contested = None;
		if let Some((appellant, subject)) = T::Appeals::ensure_appealable_for_benchmark() {
			endow::<T>(&appellant);
			contested = Some(Contested { subject, executed: false });
			(offender, offence) = (appellant, NextOffence::<T>::get());
			let kind = OffenceKind::VerificationFailed;
			Pallet::<T>::do_report(&offender, kind, evidence(u32::MAX), None, contested)?;
		}

		#[extrinsic_call]
		_(RawOrigin::Signed(offender.clone()), offence);

		assert_last_event::<T>(Event::Appealed { offence, is_computed: contested.is_some() });
		Ok(())
	}

	// The worst case: an appeal that nobody judged, so that its bond is taken as well.
	#[benchmark]
	fn apply() -> Result<(), BenchmarkError> {
		let (offender, offence) = accused::<T>();
		Pallet::<T>::do_appeal(&offender, offence)?;
		let later = frame_system::Pallet::<T>::block_number()
			.saturating_add(T::JudgementWindow::get())
			.saturating_add(T::AppealWindow::get())
			.saturating_add(One::one());
		frame_system::Pallet::<T>::set_block_number(later);
		let strikes: Vec<_> = Strikes::<T>::get(&offender).iter().map(|_| later).collect();
		Strikes::<T>::insert(&offender, BoundedVec::truncate_from(strikes));
		let caller: T::AccountId = whitelisted_caller();

		#[extrinsic_call]
		_(RawOrigin::Signed(caller), offence);

		assert_applied::<T>(offence);
		Ok(())
	}

	// The worst case: appealed, and everything else that is pending is read to see whether the offender may return.
	#[benchmark]
	fn pardon() -> Result<(), BenchmarkError> {
		let (offender, offence) = accused::<T>();
		Pallet::<T>::do_appeal(&offender, offence)?;
		let origin = T::JudgeOrigin::try_successful_origin().map_err(|_| "somebody may judge")?;

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, offence);

		assert_last_event::<T>(Event::OffencePardoned { offence });
		Ok(())
	}

	#[benchmark]
	fn uphold() -> Result<(), BenchmarkError> {
		let (offender, offence) = accused::<T>();
		Pallet::<T>::do_appeal(&offender, offence)?;
		let origin = T::JudgeOrigin::try_successful_origin().map_err(|_| "somebody may judge")?;

		#[extrinsic_call]
		_(origin as T::RuntimeOrigin, offence);

		assert_applied::<T>(offence);
		assert_eq!(
			T::Currency::balance_on_hold(&HoldReason::Appeal.into(), &offender),
			BalanceOf::<T>::zero()
		);
		Ok(())
	}

	#[benchmark]
	fn idle() {
		let (_, first) = accused::<T>();
		// Weight for the look at the queue, and for nothing in it.
		let remaining = <T::WeightInfo as crate::WeightInfo>::idle();

		#[block]
		{
			Pallet::<T>::on_idle(frame_system::Pallet::<T>::block_number(), remaining);
		}

		assert_eq!(NextDue::<T>::get(), first);
	}

	#[benchmark]
	fn apply_next() {
		let (_, first) = accused::<T>();
		wait::<T>();
		let offence = OffenceRecords::<T>::get(first).expect("it was reported; qed");

		#[block]
		{
			Pallet::<T>::close_applied(first, offence);
		}

		assert_applied::<T>(first);
	}

	impl_benchmark_test_suite!(Pallet, crate::tests::mock::ExtBuilder.build(), crate::tests::mock::Test);
}
