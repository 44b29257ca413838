//! The invariants of the storage, one function each.

use crate::{
	BalanceOf, ClosedCount, ClosedRing, Computed, Config, Fingerprints, HoldReason, NextDue, NextOffence,
	OffenceRecords, Pallet, PendingOf, State, Strikes,
};
use alloc::collections::{BTreeMap, BTreeSet};
use frame_support::{
	ensure,
	traits::{fungible::InspectHold, Get},
};
use sp_runtime::{traits::Saturating, TryRuntimeError};

impl<T: Config> Pallet<T> {
	/// Checks every invariant.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_pending_are_listed()?;
		Self::check_closed_are_in_the_ring()?;
		Self::check_fingerprints_are_unique()?;
		Self::check_queue_passes_nothing_open()?;
		Self::check_appeals_are_bonded()?;
		Self::check_strikes_are_bounded()
	}

	/// The pending offences of an offender are those in its list.
	fn check_pending_are_listed() -> Result<(), TryRuntimeError> {
		let mut listed = BTreeSet::new();
		for (offender, ids) in PendingOf::<T>::iter() {
			ensure!(!ids.is_empty(), "a list of pending offences is empty and still there");
			for id in ids {
				let offence = OffenceRecords::<T>::get(id).ok_or("a pending offence is unknown")?;
				ensure!(offence.offender == offender, "an offence stands in another offender's list");
				ensure!(offence.state.is_pending(), "a decided offence is listed as pending");
				ensure!(listed.insert(id), "an offence is pending twice");
			}
		}
		let pending = OffenceRecords::<T>::iter_values().filter(|offence| offence.state.is_pending()).count();
		ensure!(pending == listed.len(), "a pending offence stands in no list");
		Ok(())
	}

	/// The decided offences are those in the ring, which is not larger than it may be.
	fn check_closed_are_in_the_ring() -> Result<(), TryRuntimeError> {
		let mut ring = BTreeSet::new();
		for (place, id) in ClosedRing::<T>::iter() {
			ensure!(place < T::MaxClosed::get(), "the ring is too large");
			let offence = OffenceRecords::<T>::get(id).ok_or("the ring remembers what is forgotten")?;
			ensure!(!offence.state.is_pending(), "a pending offence is in the ring");
			ensure!(ring.insert(id), "an offence is in the ring twice");
		}
		let closed = OffenceRecords::<T>::iter_values().filter(|offence| !offence.state.is_pending()).count();
		ensure!(closed == ring.len(), "a decided offence is not in the ring");
		let expected = ClosedCount::<T>::get().min(T::MaxClosed::get().into());
		ensure!(ring.len() as u64 == expected, "the decisions are miscounted");
		Ok(())
	}

	/// Every offence has its fingerprint, and nothing else has one.
	fn check_fingerprints_are_unique() -> Result<(), TryRuntimeError> {
		let next = NextOffence::<T>::get();
		let mut count = 0u64;
		for (id, offence) in OffenceRecords::<T>::iter() {
			ensure!(id < next, "an offence is from the future");
			let known = Fingerprints::<T>::get(offence.fingerprint());
			ensure!(known == Some(id), "an offence is not known by its fingerprint");
			count = count.saturating_add(1);
		}
		ensure!(Fingerprints::<T>::iter().count() as u64 == count, "a fingerprint belongs to no offence");
		Ok(())
	}

	/// Nothing that waits for its application is before the head of the queue.
	fn check_queue_passes_nothing_open() -> Result<(), TryRuntimeError> {
		let head = NextDue::<T>::get();
		ensure!(head <= NextOffence::<T>::get(), "the queue is ahead of its offences");
		for (id, offence) in OffenceRecords::<T>::iter() {
			ensure!(id >= head || !matches!(offence.state, State::Open), "an open offence was passed by");
		}
		Ok(())
	}

	/// The bonds of appeals are on hold, and appeals that are computed are listed under their subject.
	fn check_appeals_are_bonded() -> Result<(), TryRuntimeError> {
		let mut bonds = BTreeMap::<T::AccountId, BalanceOf<T>>::new();
		let mut computed = BTreeSet::new();
		for (id, offence) in OffenceRecords::<T>::iter() {
			let State::Appealed(appeal) = offence.state else { continue };
			let sum = bonds.entry(offence.offender.clone()).or_default();
			*sum = sum.saturating_add(appeal.bond);
			if let Some(contested) = offence.contested.filter(|_| appeal.is_computed) {
				let waiting = Computed::<T>::get((offence.offender, contested.subject));
				ensure!(waiting.contains(&id), "an appeal waits for no dispute");
				computed.insert(id);
			}
		}
		for (offender, sum) in bonds {
			let held = T::Currency::balance_on_hold(&HoldReason::Appeal.into(), &offender);
			ensure!(held == sum, "the bond of an appeal is not on hold");
		}
		let listed: BTreeSet<_> = Computed::<T>::iter_values().flatten().collect();
		ensure!(listed == computed, "a dispute decides an offence that is not appealed");
		Ok(())
	}

	/// No operator has as many strikes as ban.
	fn check_strikes_are_bounded() -> Result<(), TryRuntimeError> {
		for strikes in Strikes::<T>::iter_values() {
			ensure!(!strikes.is_empty(), "an innocent account is listed");
			ensure!((strikes.len() as u64) < u64::from(T::StrikesMax::get()), "somebody escaped its ban");
		}
		Ok(())
	}
}
