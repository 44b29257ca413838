//! The invariants of the storage, one function each.

use crate::{Config, HoldReason, KeyOwners, Operators, Pallet, REPUTATION_MAX};
use frame_support::{
	ensure,
	traits::{fungible::InspectHold, Get},
};
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// Checks every invariant.
	pub(crate) fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_operators_are_counted()?;
		Self::check_keys_belong_to_operators()?;
		Self::check_stakes_are_on_hold()?;
		Self::check_records_are_in_range()
	}

	/// There are as many operators as the counter says, and not more than there is room for.
	fn check_operators_are_counted() -> Result<(), TryRuntimeError> {
		let count = Operators::<T>::count();
		ensure!(Operators::<T>::iter().count() as u64 == u64::from(count), "operators are miscounted");
		ensure!(count <= T::MaxOperators::get(), "there are too many operators");
		Ok(())
	}

	/// Every operator owns its key, and nobody else owns one.
	fn check_keys_belong_to_operators() -> Result<(), TryRuntimeError> {
		for (who, record) in Operators::<T>::iter() {
			ensure!(KeyOwners::<T>::get(&record.key) == Some(who), "an operator does not own its key");
		}
		let keys = KeyOwners::<T>::iter().count() as u64;
		ensure!(keys == u64::from(Operators::<T>::count()), "a key belongs to no operator");
		Ok(())
	}

	/// What a record calls the stake is what the currency holds.
	fn check_stakes_are_on_hold() -> Result<(), TryRuntimeError> {
		for (who, record) in Operators::<T>::iter() {
			let held = T::Currency::balance_on_hold(&HoldReason::Stake.into(), &who);
			ensure!(held == record.stake, "a stake is not on hold");
		}
		Ok(())
	}

	/// Profiles are valid, reputations on the scale, and nobody was heard in the future.
	fn check_records_are_in_range() -> Result<(), TryRuntimeError> {
		for record in Operators::<T>::iter_values() {
			let is_valid = record.profile.capabilities.is_valid() && record.profile.region.is_valid();
			ensure!(is_valid, "a profile is invalid");
			ensure!(record.reputation <= REPUTATION_MAX, "a reputation is off the scale");
			ensure!(record.heard_in <= Self::period(), "an operator was heard in the future");
		}
		Ok(())
	}
}
