//! The invariants of the storage, one function each.

use crate::{
	reputation, standing::VERIFIED_MAX, BalanceOf, Banned, Capabilities, Challenges, Config, Displaced,
	ElectorateDates, Electorates, FreeIndices, HardwareOwners, HoldReason, KeyOwners, NextIndex, Opened,
	OperatorRecordOf, Operators, Owned, Ownership, Pallet, PendingOffences, RetiredKeys, RetiredOf, Silences,
	UidSlots, REPUTATION_MAX,
};
use alloc::collections::{BTreeMap, BTreeSet};
use blyan_primitives::Measures;
use frame_support::{
	ensure,
	traits::{fungible::InspectHold, Get},
};
use sp_runtime::{traits::Saturating, TryRuntimeError};

impl<T: Config> Pallet<T> {
	/// Checks every invariant.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_operators_are_counted()?;
		Self::check_displaced_operators_are_leaving()?;
		Self::check_keys_belong_to_operators()?;
		Self::check_retired_keys_are_listed()?;
		Self::check_owners_are_counted()?;
		Self::check_hardware_belongs_to_operators()?;
		Self::check_indices_are_held_once()?;
		Self::check_stakes_and_bonds_are_on_hold()?;
		Self::check_challenges_are_bonded()?;
		Self::check_electorates_are_dated()?;
		Self::check_silences_are_operators()?;
		Self::check_records_are_in_range()
	}

	/// Only operators that are not leaving are silent.
	fn check_silences_are_operators() -> Result<(), TryRuntimeError> {
		for who in Silences::<T>::iter_keys() {
			let is_staying = Operators::<T>::get(who).is_some_and(|record| record.withdrawable_at.is_none());
			ensure!(is_staying, "the silence of no operator is kept");
		}
		Ok(())
	}

	/// The least that any record lets capabilities need.
	fn least_stake(record: &OperatorRecordOf<T>) -> BalanceOf<T> {
		Self::required_by(record.profile.capabilities, VERIFIED_MAX, 0)
	}

	/// There are as many operators as the counter says, and not more than there is room for.
	fn check_operators_are_counted() -> Result<(), TryRuntimeError> {
		let count = Operators::<T>::count();
		ensure!(Operators::<T>::iter().count() as u64 == u64::from(count), "operators are miscounted");
		ensure!(count <= T::MaxOperators::get(), "there are too many operators");
		Ok(())
	}

	/// Every record, of operators with a place and without.
	fn records() -> impl Iterator<Item = (T::AccountId, OperatorRecordOf<T>)> {
		Operators::<T>::iter().chain(Displaced::<T>::iter())
	}

	/// A displaced operator is leaving and holds no place.
	fn check_displaced_operators_are_leaving() -> Result<(), TryRuntimeError> {
		for (who, record) in Displaced::<T>::iter() {
			ensure!(!Operators::<T>::contains_key(who), "a displaced operator has a place");
			ensure!(record.withdrawable_at.is_some(), "a displaced operator is not leaving");
		}
		Ok(())
	}

	/// Every retired key is listed by the operator that had it, is no operator's key now, and is listed once.
	fn check_retired_keys_are_listed() -> Result<(), TryRuntimeError> {
		let mut listed = 0u64;
		for (who, keys) in RetiredOf::<T>::iter() {
			ensure!(Self::record_of(&who).is_some(), "keys of nobody are remembered");
			ensure!(!keys.is_empty(), "an empty list of keys is kept");
			for key in keys {
				listed = listed.saturating_add(1);
				let holder = RetiredKeys::<T>::get(&key).map(|retired| retired.who);
				ensure!(holder.as_ref() == Some(&who), "a listed key is not retired, or somebody else's");
				ensure!(!KeyOwners::<T>::contains_key(key), "a retired key is in use");
			}
		}
		ensure!(RetiredKeys::<T>::iter().count() as u64 == listed, "a retired key is not listed");
		Ok(())
	}

	/// Owners are counted, and belong to no other account.
	fn check_owners_are_counted() -> Result<(), TryRuntimeError> {
		let now = frame_system::Pallet::<T>::block_number();
		let mut owned = BTreeMap::<T::AccountId, u32>::new();
		for (who, record) in Self::records() {
			if let Some(Ownership::Accepted { owner } | Ownership::Ending { owner, .. }) = record.ownership {
				ensure!(owner != who, "an operator is its own owner");
				let count = owned.entry(owner).or_default();
				*count = count.saturating_add(1);
			}
		}
		for (owner, count) in &owned {
			ensure!(Owned::<T>::get(owner) == *count, "the operators of an owner are miscounted");
			let belongs = Self::record_of(owner).is_some_and(|record| record.owner(now).is_some());
			ensure!(!belongs, "an owner belongs to another account");
		}
		ensure!(Owned::<T>::iter().count() == owned.len(), "an account without operators is counted");
		Ok(())
	}

	/// Every operator owns its key, and no other account owns one.
	fn check_keys_belong_to_operators() -> Result<(), TryRuntimeError> {
		let mut records = 0u64;
		for (who, record) in Self::records() {
			records = records.saturating_add(1);
			ensure!(KeyOwners::<T>::get(&record.key) == Some(who), "an operator does not own its key");
		}
		let keys = KeyOwners::<T>::iter().count() as u64;
		ensure!(keys == records, "a key belongs to no operator");
		Ok(())
	}

	/// Every operator owns the hardware it commits to; who owns some otherwise is banned.
	fn check_hardware_belongs_to_operators() -> Result<(), TryRuntimeError> {
		for (who, record) in Self::records() {
			let hardware = record.profile.hardware;
			ensure!(
				hardware.is_zero() || HardwareOwners::<T>::get(hardware) == Some(who),
				"an operator does not own its hardware"
			);
		}
		for (hardware, who) in HardwareOwners::<T>::iter() {
			let committed = Self::record_of(&who).is_some_and(|record| record.profile.hardware == hardware);
			ensure!(committed || Banned::<T>::contains_key(&who), "hardware belongs to nobody");
		}
		for who in Opened::<T>::iter_keys() {
			ensure!(Self::record_of(&who).is_some(), "components are remembered of nobody");
		}
		Ok(())
	}

	/// Every index has one holder or is free, and the holder has that number.
	fn check_indices_are_held_once() -> Result<(), TryRuntimeError> {
		let free: BTreeSet<u32> = FreeIndices::<T>::get().into_iter().collect();
		ensure!(free.len() == FreeIndices::<T>::decode_len().unwrap_or(0), "an index is free twice");
		let next = NextIndex::<T>::get();
		ensure!(next <= T::MaxOperators::get(), "there are more indices than operators can be");
		let mut holders = 0u32;
		for (index, slot) in UidSlots::<T>::iter() {
			ensure!(index < next, "an index is in use before its time");
			ensure!(slot.holder.is_none() == free.contains(&index), "an index is neither held nor free");
			let Some(who) = slot.holder else { continue };
			holders = holders.saturating_add(1);
			let uid = Operators::<T>::get(who).map(|record| (record.uid.index, record.uid.generation));
			ensure!(uid == Some((index, slot.generation)), "a holder has another number");
		}
		ensure!(holders == Operators::<T>::count(), "an operator holds no index");
		ensure!(UidSlots::<T>::iter().count() as u64 == u64::from(next), "an index was forgotten");
		Ok(())
	}

	/// What a record calls stake and bond is what the currency holds.
	fn check_stakes_and_bonds_are_on_hold() -> Result<(), TryRuntimeError> {
		for (who, record) in Self::records() {
			let held = |reason: HoldReason| T::Currency::balance_on_hold(&reason.into(), &who);
			ensure!(held(HoldReason::Stake) == record.stake, "a stake is not on hold");
			ensure!(held(HoldReason::Registration) == record.bond, "a registration bond is not on hold");
		}
		Ok(())
	}

	/// Only operators that commit to hardware are challenged, and the challengers' bonds are on hold.
	fn check_challenges_are_bonded() -> Result<(), TryRuntimeError> {
		let mut bonds = BTreeMap::<T::AccountId, BalanceOf<T>>::new();
		for (who, challenge) in Challenges::<T>::iter() {
			let is_committed =
				Operators::<T>::get(who).is_some_and(|record| !record.profile.hardware.is_zero());
			ensure!(is_committed, "somebody without hardware is challenged");
			let sum = bonds.entry(challenge.challenger).or_default();
			*sum = sum.saturating_add(challenge.bond);
		}
		for (challenger, sum) in bonds {
			let held = T::Currency::balance_on_hold(&HoldReason::HardwareChallenge.into(), &challenger);
			ensure!(held == sum, "the bond of a challenge is not on hold");
		}
		Ok(())
	}

	/// Every electorate has its date, in the order in which they were taken, and is ordered by account.
	fn check_electorates_are_dated() -> Result<(), TryRuntimeError> {
		let dates = ElectorateDates::<T>::get();
		let mut last = None;
		for date in &dates {
			let at = Some((date.appointment, date.taken_at));
			ensure!(last <= at, "electorates are out of order");
			last = at;
			let electors = Electorates::<T>::get(date.place).ok_or("an electorate is missing")?;
			let accounts: BTreeSet<_> = electors.iter().map(|elector| &elector.account).collect();
			ensure!(accounts.len() == electors.len(), "an operator is in an electorate twice");
			ensure!(
				electors.iter().map(|elector| &elector.account).eq(accounts),
				"an electorate is unordered"
			);
		}
		let places: BTreeSet<_> = dates.iter().map(|date| date.place).collect();
		ensure!(Electorates::<T>::iter_keys().count() == places.len(), "an electorate has no date");
		ensure!(places.len() == dates.len(), "two electorates share a place");
		Ok(())
	}

	/// Profiles are valid, reputations on the scale, none was heard in the future, and a banned operator is leaving.
	fn check_records_are_in_range() -> Result<(), TryRuntimeError> {
		for (who, record) in Self::records() {
			let profile = record.profile;
			let is_valid = profile.capabilities.is_valid()
				&& profile.capabilities.contains(Capabilities::of(profile.role))
				&& profile.region.is_valid();
			ensure!(is_valid, "a profile is invalid");
			ensure!(record.verified <= VERIFIED_MAX, "more work counts than can");
			let Measures { uptime, proof_success, lineage, slash_free, job_completion, violations } =
				record.measures;
			let all = [uptime, proof_success, lineage, slash_free, job_completion, violations];
			ensure!(all.iter().all(|measure| *measure <= REPUTATION_MAX), "a measure is off the scale");
			ensure!(
				reputation::reputation(&record.measures) <= REPUTATION_MAX,
				"a reputation is off the scale"
			);
			ensure!(record.heard_in <= Self::period(), "an operator was heard in the future");
			let may_stay = !Banned::<T>::contains_key(&who) || record.withdrawable_at.is_some();
			ensure!(may_stay, "a banned operator stays");
			// What its record asks for besides keeps it out of draws, and is no reason for a quarantine.
			ensure!(
				record.stake >= Self::least_stake(&record) || record.quarantined_until.is_some(),
				"an operator with too low a stake may be drawn"
			);
		}
		for (_, pending) in PendingOffences::<T>::iter() {
			ensure!(pending > 0, "nothing is pending and still counted");
		}
		Ok(())
	}
}
