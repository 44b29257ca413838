//! Invariants of the storage, one function each.

use crate::{Config, HoldReason, Open, Pallet, Reviewers, Reviews, Roster, RosterSize, Step};
use alloc::{collections::BTreeSet, vec::Vec};
use frame_support::{ensure, traits::fungible::InspectHold};
use sp_runtime::{traits::SaturatedConversion, TryRuntimeError};

impl<T: Config> Pallet<T> {
	/// Checks every invariant.
	pub(crate) fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_roster()?;
		Self::check_bonds()?;
		Self::check_seats()?;
		Self::check_open()
	}

	/// The list has no gaps, and names those who have the right, each at its place.
	fn check_roster() -> Result<(), TryRuntimeError> {
		let size = RosterSize::<T>::get();
		ensure!(Roster::<T>::iter_keys().count().saturated_into::<u32>() == size, "the roster is miscounted");
		let with_right = Reviewers::<T>::iter_values().filter(|record| record.place.is_some()).count();
		ensure!(with_right.saturated_into::<u32>() == size, "reviewers and roster disagree");
		for (place, who) in Roster::<T>::iter() {
			let record = Reviewers::<T>::get(&who).ok_or("the roster names a stranger")?;
			ensure!(place < size && record.place == Some(place), "a reviewer is at another place");
		}
		Ok(())
	}

	/// Bonds are on hold.
	fn check_bonds() -> Result<(), TryRuntimeError> {
		for (who, record) in Reviewers::<T>::iter() {
			let held = T::Currency::balance_on_hold(&HoldReason::Bond.into(), &who);
			ensure!(held >= record.bond, "a bond is not on hold");
		}
		Ok(())
	}

	/// Seats are those of the reviews; no reviewer sits twice in one, and no contributor in its own.
	fn check_seats() -> Result<(), TryRuntimeError> {
		let mut all: Vec<T::AccountId> = Vec::new();
		for review in Reviews::<T>::iter_values() {
			let mut seated: Vec<_> = review.seats.iter().map(|seat| seat.who.clone()).collect();
			ensure!(!seated.contains(&review.creator), "a contributor reviews itself");
			seated.sort();
			all.extend(seated.iter().cloned());
			seated.dedup();
			ensure!(seated.len() == review.seats.len(), "a reviewer sits twice");
		}
		for (who, record) in Reviewers::<T>::iter() {
			let seats = all.iter().filter(|one| **one == who).count().saturated_into::<u32>();
			ensure!(record.seats == seats, "the seats of a reviewer are miscounted");
		}
		Ok(())
	}

	/// The open reviews are those that have not concluded.
	fn check_open() -> Result<(), TryRuntimeError> {
		let open: BTreeSet<_> = Open::<T>::get().into_iter().collect();
		let running: BTreeSet<_> = Reviews::<T>::iter()
			.filter(|(_, review)| review.step != Step::Concluded)
			.map(|(dataset, _)| dataset)
			.collect();
		ensure!(open == running, "open reviews are not those that run");
		Ok(())
	}
}
