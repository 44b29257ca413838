//! The invariants of the storage, one function each.

use crate::{Backings, Balance, Config, HoldReason, Pallet, Pools};
use alloc::collections::BTreeMap;
use frame_support::{
	ensure,
	traits::{fungible::InspectHold, Get},
};
use sp_runtime::TryRuntimeError;

/// Sums over the entries of one pool.
#[derive(Default)]
struct Sums {
	backers: u32,
	active: u128,
	unbonding: u128,
	income: Balance,
}

impl<T: Config> Pallet<T> {
	/// Checks every invariant.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_pools_are_the_sums_of_their_entries()?;
		Self::check_backings_and_income_are_on_hold()?;
		Self::check_deposits_are_on_hold()?;
		Self::check_terms_are_in_range()
	}

	/// Shares and backers of a pool are those of its entries, and what these can claim is put aside.
	fn check_pools_are_the_sums_of_their_entries() -> Result<(), TryRuntimeError> {
		let mut sums = BTreeMap::<T::AccountId, Sums>::new();
		for (backer, operator, entry) in Backings::<T>::iter() {
			let pool = Pools::<T>::get(&operator).ok_or("a backing belongs to no pool")?;
			ensure!(backer != operator, "an operator backs itself");
			ensure!(!entry.is_empty(), "an empty entry is kept");
			ensure!(entry.income_per_share <= pool.income_per_share, "income was counted before it came");
			let sum = sums.entry(operator).or_default();
			sum.backers = sum.backers.saturating_add(1);
			sum.active = sum.active.saturating_add(entry.shares);
			sum.unbonding = sum.unbonding.saturating_add(entry.unbonding_shares());
			sum.income = sum.income.saturating_add(entry.income(pool.income_per_share));
		}
		for (operator, pool) in Pools::<T>::iter() {
			let sum = sums.remove(&operator).unwrap_or_default();
			ensure!(pool.backers == sum.backers, "backers are miscounted");
			ensure!(pool.active.shares == sum.active, "active shares are miscounted");
			ensure!(pool.unbonding.shares == sum.unbonding, "unbonding shares are miscounted");
			ensure!(sum.income <= pool.unclaimed, "more income can be claimed than is put aside");
			for pot in [pool.active, pool.unbonding] {
				ensure!(pot.coins <= pot.shares, "a share is worth more than it was bought for");
			}
			ensure!(pool.backers > 0 || pool.unclaimed == 0, "income of an empty pool is put aside");
			ensure!(pool.backers > 0 || pool.is_open, "an empty pool that takes no backing is kept");
		}
		Ok(())
	}

	/// The backing of an operator, and the income of its backers, is on hold on its account.
	fn check_backings_and_income_are_on_hold() -> Result<(), TryRuntimeError> {
		for (operator, pool) in Pools::<T>::iter() {
			let held = |reason: HoldReason| T::Currency::balance_on_hold(&reason.into(), &operator);
			let coins = pool.active.coins.saturating_add(pool.unbonding.coins);
			ensure!(held(HoldReason::Backing) == coins, "what backs an operator is not on hold");
			ensure!(held(HoldReason::Income) == pool.unclaimed, "the income of backers is not on hold");
		}
		Ok(())
	}

	/// The deposits of an account, as a backer and as an operator, are on hold.
	fn check_deposits_are_on_hold() -> Result<(), TryRuntimeError> {
		let mut deposits = BTreeMap::<T::AccountId, Balance>::new();
		let entries = Backings::<T>::iter().map(|(backer, _, entry)| (backer, entry.deposit));
		let pools = Pools::<T>::iter().map(|(operator, pool)| (operator, pool.deposit));
		for (who, deposit) in entries.chain(pools) {
			let sum = deposits.entry(who).or_default();
			*sum = sum.saturating_add(deposit);
		}
		for (who, sum) in deposits {
			let held = T::Currency::balance_on_hold(&HoldReason::Deposit.into(), &who);
			ensure!(held == sum, "a deposit is not on hold");
		}
		Ok(())
	}

	/// Commissions are as high as they may be, and a raise is one.
	fn check_terms_are_in_range() -> Result<(), TryRuntimeError> {
		for pool in Pools::<T>::iter_values() {
			ensure!(pool.commission <= T::CommissionMax::get(), "a commission is too high");
			if let Some(raise) = pool.raise {
				ensure!(raise.commission <= T::CommissionMax::get(), "a raise is too high");
				ensure!(raise.commission > pool.commission, "a raise lowers the commission");
			}
		}
		Ok(())
	}
}
