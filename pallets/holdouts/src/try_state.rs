//! Invariants of this pallet's storage, one function each.

use crate::{
	Active, BalanceOf, Chunks, Config, HeldPenalties, HoldReason, Keepers, LeakNotices, Pallet, Phase,
	Revealed, Rounds,
};
use alloc::collections::{BTreeMap, BTreeSet};
use frame_support::{
	ensure,
	traits::{fungible::InspectHold, Get},
};
use sp_runtime::{
	traits::{SaturatedConversion, Saturating, Zero},
	TryRuntimeError,
};

impl<T: Config> Pallet<T> {
	/// Checks everything below.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_keepers()?;
		Self::check_rounds()?;
		Self::check_active()?;
		Self::check_leak_notices()
	}

	/// Keepers have the chunks that they count, and on hold what is written.
	fn check_keepers() -> Result<(), TryRuntimeError> {
		let mut counted: BTreeMap<T::AccountId, u32> = BTreeMap::new();
		let mut deposits: BTreeMap<T::AccountId, BalanceOf<T>> = BTreeMap::new();
		for (_, keeper, chunks) in Chunks::<T>::iter() {
			ensure!(!chunks.is_empty(), "an entry without chunks");
			ensure!(chunks.is_sorted_by_key(|chunk| chunk.committed_at), "a younger chunk stands first");
			for chunk in &chunks {
				counted.entry(keeper.clone()).or_default().saturating_inc();
				let sum = deposits.entry(keeper.clone()).or_insert_with(Zero::zero);
				*sum = chunk.deposit.saturating_add(*sum);
			}
		}
		for round in Rounds::<T>::iter_values() {
			for keeper in &round.looked {
				counted.entry(keeper.clone()).or_default().saturating_inc();
			}
			if let Some((keeper, deposit)) = round.phase.keeper() {
				counted.entry(keeper.clone()).or_default().saturating_inc();
				if let Some(deposit) = deposit {
					let sum = deposits.entry(keeper.clone()).or_insert_with(Zero::zero);
					*sum = deposit.saturating_add(*sum);
				}
			}
		}
		let mut penalties = Self::held_penalties();
		for (keeper, record) in Keepers::<T>::iter() {
			ensure!(
				counted.remove(&keeper).unwrap_or(0) == record.chunks,
				"a keeper's chunks are miscounted"
			);
			let bond = T::Currency::balance_on_hold(&HoldReason::KeeperBond.into(), &keeper);
			let penalty = penalties.remove(&keeper).unwrap_or_else(Zero::zero);
			ensure!(bond == record.bond.saturating_add(penalty), "a keeper's bond is not what is on hold");
			let deposit = deposits.remove(&keeper).unwrap_or_else(Zero::zero);
			let on_hold = T::Currency::balance_on_hold(&HoldReason::Chunk.into(), &keeper);
			ensure!(deposit == on_hold, "a keeper's deposits are not what is on hold");
		}
		for (keeper, penalty) in penalties {
			let on_hold = T::Currency::balance_on_hold(&HoldReason::KeeperBond.into(), &keeper);
			ensure!(on_hold == penalty, "the penalty of an account that left is not what is on hold");
		}
		ensure!(counted.is_empty(), "a chunk is of an account that is not a keeper");
		ensure!(Keepers::<T>::count() <= T::MaxKeepers::get(), "there are too many keepers");
		Ok(())
	}

	/// Penalties that are held, of each account together.
	fn held_penalties() -> BTreeMap<T::AccountId, BalanceOf<T>> {
		let mut penalties = BTreeMap::new();
		for held in HeldPenalties::<T>::iter_values() {
			let sum: &mut BalanceOf<T> = penalties.entry(held.keeper).or_insert_with(Zero::zero);
			*sum = sum.saturating_add(held.amount);
		}
		penalties
	}

	/// A keeper has one look at a submission, and what was opened is remembered.
	fn check_rounds() -> Result<(), TryRuntimeError> {
		for (submission, round) in Rounds::<T>::iter() {
			let next = round.phase.keeper().map(|(keeper, _)| keeper);
			let keepers: BTreeSet<_> = round.looked.iter().chain(next).collect();
			let looks = round.looked.len().saturating_add(usize::from(next.is_some()));
			ensure!(keepers.len() == looks, "a keeper looks twice");
			ensure!(!keepers.contains(&&round.miner), "a miner judges itself");
			let hash = round.phase.revealed().map(|holdout| holdout.blob.hash);
			ensure!(
				hash.is_none_or(|hash| Revealed::<T>::get(hash) == Some(submission)),
				"an open chunk is not remembered"
			);
		}
		Ok(())
	}

	/// Accounts have on hold what is written for their notices.
	fn check_leak_notices() -> Result<(), TryRuntimeError> {
		for (reporter, notice) in LeakNotices::<T>::iter() {
			let on_hold = T::Currency::balance_on_hold(&HoldReason::LeakNotice.into(), &reporter);
			ensure!(on_hold == notice.deposit, "the deposit of a notice is not what is on hold");
		}
		Ok(())
	}

	/// The rounds that wait are those whose chunk is not ready, each once.
	fn check_active() -> Result<(), TryRuntimeError> {
		let active = Active::<T>::get();
		let listed: BTreeSet<_> = active.iter().copied().collect();
		ensure!(listed.len() == active.len(), "a round waits twice");
		let waiting: BTreeSet<_> = Rounds::<T>::iter()
			.filter(|(_, round)| !matches!(round.phase, Phase::Ready { .. }))
			.map(|(submission, _)| submission)
			.collect();
		ensure!(listed == waiting, "the list of waiting rounds is wrong");
		let most: usize = T::MaxActive::get().saturated_into();
		ensure!(listed.len() <= most, "too many rounds wait");
		Ok(())
	}
}
