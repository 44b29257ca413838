//! Bodies of the calls.

use crate::{
	BackingRecord, BackingRecordOf, Backings, Balance, Chunk, Config, Error, Event, HoldReason, Pallet,
	PoolRecord, PoolRecordOf, Pools, Raise, RecentIncome,
};
use blyan_primitives::{
	traits::{BackedOperators, Backing},
	Millionths,
};
use frame_support::{
	ensure,
	traits::{
		fungible::{Inspect, MutateHold},
		tokens::{Fortitude, Precision, Preservation, Restriction},
		Get,
	},
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::{
	traits::{BlockNumberProvider, Saturating},
	DispatchResult,
};

impl<T: Config> Pallet<T> {
	/// Backs an operator. See [`Pallet::delegate`].
	pub fn do_delegate(
		backer: &T::AccountId,
		operator: &T::AccountId,
		amount: Balance,
		commission_max: Millionths,
	) -> DispatchResult {
		Self::ensure_sound(backer, operator, amount)?;
		let mut pool = Pools::<T>::get(operator).filter(|pool| pool.is_open).ok_or(Error::<T>::NotOpen)?;
		// Without backers any commission is taken at once, even just before the first one comes.
		ensure!(pool.highest_commission() <= commission_max, Error::<T>::CommissionAboveAccepted);
		ensure!(T::Operators::is_staying(operator), Error::<T>::NotStaying);
		// What is decided later would cost a newcomer what was done before it came.
		ensure!(!T::Operators::is_accused(operator), Error::<T>::OffencePending);
		ensure!(!pool.is_lost(), Error::<T>::PoolLost);
		ensure!(!Self::is_frozen(operator), Error::<T>::OperatorFrozen);
		let own = T::Operators::own_stake(operator).unwrap_or(0);
		let backed = pool.active.coins.saturating_add(amount);
		ensure!(backed <= <Self as Backing<T::AccountId>>::most(own), Error::<T>::BackingFull);

		let mut entry = match Backings::<T>::get(backer, operator) {
			Some(entry) => entry,
			None => Self::new_entry(backer, &mut pool)?,
		};
		entry.settle(pool.income_per_share);
		T::Currency::transfer_and_hold(
			&HoldReason::Backing.into(),
			backer,
			operator,
			amount,
			Precision::Exact,
			Preservation::Preserve,
			Fortitude::Polite,
		)?;
		let (active, issued) = pool.active.put(amount).ok_or(Error::<T>::Overflow)?;
		pool.active = active;
		entry.shares = entry.shares.checked_add(issued).ok_or(Error::<T>::Overflow)?;
		Pools::<T>::insert(operator, pool);
		Backings::<T>::insert(backer, operator, entry);
		Self::deposit_event(Event::Delegated {
			backer: backer.clone(),
			operator: operator.clone(),
			amount,
			backed,
		});
		Ok(())
	}

	/// Reports whether a freeze keeps coins of `operator` where they are.
	///
	/// A freeze counts what is on hold first. So whatever came to be on hold of a frozen account would set as much of its free coins
	/// free, and accomplices would get the rest back.
	pub(crate) fn is_frozen(operator: &T::AccountId) -> bool {
		let movable = |force| T::Currency::reducible_balance(operator, Preservation::Expendable, force);
		movable(Fortitude::Polite) < movable(Fortitude::Force)
	}

	/// Refuses a backing that no pool could take.
	pub(crate) fn ensure_sound(
		backer: &T::AccountId,
		operator: &T::AccountId,
		amount: Balance,
	) -> Result<(), Error<T>> {
		ensure!(backer != operator, Error::<T>::OwnOperator);
		ensure!(amount >= T::MinBacking::get(), Error::<T>::TooLittle);
		Ok(())
	}

	/// Takes the deposit of a new entry and counts it.
	fn new_entry(
		backer: &T::AccountId,
		pool: &mut PoolRecordOf<T>,
	) -> Result<BackingRecordOf<T>, sp_runtime::DispatchError> {
		let deposit = T::EntryDeposit::get();
		T::Currency::hold(&HoldReason::Deposit.into(), backer, deposit)?;
		pool.backers = pool.backers.checked_add(1).ok_or(Error::<T>::Overflow)?;
		Ok(BackingRecord::new(deposit, pool.income_per_share))
	}

	/// Takes backing out. See [`Pallet::undelegate`].
	pub fn do_undelegate(backer: &T::AccountId, operator: &T::AccountId, amount: Balance) -> DispatchResult {
		ensure!(amount > 0, Error::<T>::TooLittle);
		let (mut pool, mut entry) = Self::entry_of(backer, operator)?;
		ensure!(entry.shares > 0, Error::<T>::NotBacking);
		entry.settle(pool.income_per_share);
		let worth = pool.active.worth(entry.shares);
		let is_whole = worth.saturating_sub(amount) < T::MinBacking::get();
		let (shares, coins) = if is_whole {
			(entry.shares, worth)
		} else {
			(pool.active.shares_for(amount, entry.shares), amount)
		};
		pool.active = pool.active.take(shares, coins).ok_or(Error::<T>::Overflow)?;
		entry.shares = entry.shares.saturating_sub(shares);
		let ready_at = Self::ready_at(operator);
		if coins > 0 {
			let (unbonding, issued) = pool.unbonding.put(coins).ok_or(Error::<T>::PoolLost)?;
			pool.unbonding = unbonding;
			let chunk = Chunk { shares: issued, ready_at };
			entry.unbonding.try_push(chunk).map_err(|_| Error::<T>::TooManyChunks)?;
		}
		Self::store(backer, operator, pool, entry)?;
		T::Operators::note_backing_fell(operator);
		Self::deposit_event(Event::Undelegated {
			backer: backer.clone(),
			operator: operator.clone(),
			amount: coins,
			ready_at,
		});
		Ok(())
	}

	/// First block in which what is taken out now can be withdrawn: at once, when the operator has withdrawn its own stake, which waits
	/// for all that it can be slashed for.
	fn ready_at(operator: &T::AccountId) -> BlockNumberFor<T> {
		let now = frame_system::Pallet::<T>::block_number();
		match T::Operators::own_stake(operator) {
			Some(_) => now.saturating_add(T::UnbondingPeriod::get()),
			None => now,
		}
	}

	/// Gives back what has waited. See [`Pallet::withdraw_unbonded`].
	pub fn do_withdraw_unbonded(backer: &T::AccountId, operator: &T::AccountId) -> DispatchResult {
		let (mut pool, mut entry) = Self::entry_of(backer, operator)?;
		ensure!(!T::Operators::is_accused(operator), Error::<T>::OffencePending);
		let now = frame_system::Pallet::<T>::block_number();
		let all = entry.unbonding_shares();
		entry.unbonding.retain(|chunk| chunk.ready_at > now);
		let shares = all.saturating_sub(entry.unbonding_shares());
		ensure!(shares > 0, Error::<T>::NothingReady);
		let amount = pool.unbonding.worth(shares);
		pool.unbonding = pool.unbonding.take(shares, amount).ok_or(Error::<T>::Overflow)?;
		Self::pay_out(HoldReason::Backing, operator, backer, amount)?;
		Self::store(backer, operator, pool, entry)?;
		Self::deposit_event(Event::Withdrawn { backer: backer.clone(), operator: operator.clone(), amount });
		Ok(())
	}

	/// Pays income out, and clears what is lost. See [`Pallet::claim`].
	pub fn do_claim(backer: &T::AccountId, operator: &T::AccountId) -> DispatchResult {
		let (mut pool, mut entry) = Self::entry_of(backer, operator)?;
		entry.settle(pool.income_per_share);
		let amount = core::mem::take(&mut entry.owed);
		let was_cleared = Self::clear_lost(&mut pool, &mut entry)?;
		ensure!(amount > 0 || was_cleared, Error::<T>::NothingToClaim);
		pool.unclaimed = pool.unclaimed.checked_sub(amount).ok_or(Error::<T>::Overflow)?;
		Self::pay_out(HoldReason::Income, operator, backer, amount)?;
		Self::store(backer, operator, pool, entry)?;
		Self::deposit_event(Event::Claimed { backer: backer.clone(), operator: operator.clone(), amount });
		Ok(())
	}

	/// Gives up the shares of an entry that are shares of nothing any more. Returns whether there were any.
	fn clear_lost(pool: &mut PoolRecordOf<T>, entry: &mut BackingRecordOf<T>) -> Result<bool, Error<T>> {
		let mut was_cleared = false;
		if pool.active.is_lost() && entry.shares > 0 {
			let shares = core::mem::take(&mut entry.shares);
			pool.active = pool.active.take(shares, 0).ok_or(Error::<T>::Overflow)?;
			was_cleared = true;
		}
		if pool.unbonding.is_lost() && !entry.unbonding.is_empty() {
			let shares = entry.unbonding_shares();
			entry.unbonding.retain(|_| false);
			pool.unbonding = pool.unbonding.take(shares, 0).ok_or(Error::<T>::Overflow)?;
			was_cleared = true;
		}
		Ok(was_cleared)
	}

	/// Sets the commission. See [`Pallet::set_commission`].
	pub fn do_set_commission(operator: &T::AccountId, commission: Millionths) -> DispatchResult {
		ensure!(commission <= T::CommissionMax::get(), Error::<T>::CommissionTooHigh);
		ensure!(T::Operators::is_staying(operator), Error::<T>::NotStaying);
		let now = T::WorkingTime::current_block_number();
		let mut pool = match Pools::<T>::get(operator) {
			Some(pool) => pool,
			None => Self::new_pool(operator)?,
		};
		pool.settle_raise(now);
		pool.is_open = true;
		let mut effective_at = None;
		if pool.backers == 0 || commission <= pool.commission {
			pool.commission = commission;
			pool.raise = None;
		} else {
			let step = commission.saturating_sub(pool.commission);
			ensure!(step <= T::CommissionStepMax::get(), Error::<T>::StepTooHigh);
			let from = now.saturating_add(T::CommissionNotice::get());
			pool.raise = Some(Raise { commission, from });
			effective_at = Some(Self::block_at(from));
		}
		Pools::<T>::insert(operator, pool);
		Self::deposit_event(Event::CommissionSet { operator: operator.clone(), commission, effective_at });
		Ok(())
	}

	/// Takes the deposit of a new pool.
	fn new_pool(operator: &T::AccountId) -> Result<PoolRecordOf<T>, sp_runtime::DispatchError> {
		let deposit = T::EntryDeposit::get();
		T::Currency::hold(&HoldReason::Deposit.into(), operator, deposit)?;
		let since = frame_system::Pallet::<T>::block_number();
		Ok(PoolRecord {
			is_open: true,
			commission: 0,
			raise: None,
			deposit,
			backers: 0,
			active: Default::default(),
			unbonding: Default::default(),
			income_per_share: 0,
			unclaimed: 0,
			recent: RecentIncome { since, current: 0, last: 0 },
		})
	}

	/// Takes no more backing. See [`Pallet::close`].
	pub fn do_close(operator: &T::AccountId) -> DispatchResult {
		let mut pool = Pools::<T>::get(operator).filter(|pool| pool.is_open).ok_or(Error::<T>::NotOpen)?;
		pool.is_open = false;
		Self::store_pool(operator, pool)?;
		Self::deposit_event(Event::Closed { operator: operator.clone() });
		Ok(())
	}

	/// Pool and entry of a backer.
	pub(crate) fn entry_of(
		backer: &T::AccountId,
		operator: &T::AccountId,
	) -> Result<(PoolRecordOf<T>, BackingRecordOf<T>), Error<T>> {
		let entry = Backings::<T>::get(backer, operator).ok_or(Error::<T>::NotBacking)?;
		let pool = Pools::<T>::get(operator).ok_or(Error::<T>::NotBacking)?;
		Ok((pool, entry))
	}

	/// Moves what is on hold of an operator for its backers to one of them. A freeze of the operator's account keeps its own
	/// coins, and not theirs.
	fn pay_out(
		reason: HoldReason,
		operator: &T::AccountId,
		backer: &T::AccountId,
		amount: Balance,
	) -> DispatchResult {
		if amount == 0 {
			return Ok(());
		}
		T::Currency::transfer_on_hold(
			&reason.into(),
			operator,
			backer,
			amount,
			Precision::Exact,
			Restriction::Free,
			Fortitude::Force,
		)?;
		Ok(())
	}

	/// Writes pool and entry, or forgets the entry if nothing is left of it.
	fn store(
		backer: &T::AccountId,
		operator: &T::AccountId,
		mut pool: PoolRecordOf<T>,
		entry: BackingRecordOf<T>,
	) -> DispatchResult {
		if entry.is_empty() {
			let reason = HoldReason::Deposit.into();
			T::Currency::release(&reason, backer, entry.deposit, Precision::BestEffort)?;
			Backings::<T>::remove(backer, operator);
			pool.backers = pool.backers.saturating_sub(1);
		} else {
			Backings::<T>::insert(backer, operator, entry);
		}
		Self::store_pool(operator, pool)
	}

	/// Writes a pool. With the last backer gone, the dust of its income is the operator's, and a closed pool is forgotten.
	fn store_pool(operator: &T::AccountId, mut pool: PoolRecordOf<T>) -> DispatchResult {
		if pool.backers > 0 {
			Pools::<T>::insert(operator, pool);
			return Ok(());
		}
		let dust = core::mem::take(&mut pool.unclaimed);
		if dust > 0 {
			T::Currency::release(&HoldReason::Income.into(), operator, dust, Precision::BestEffort)?;
		}
		if pool.is_open {
			Pools::<T>::insert(operator, pool);
		} else {
			let reason = HoldReason::Deposit.into();
			T::Currency::release(&reason, operator, pool.deposit, Precision::BestEffort)?;
			Pools::<T>::remove(operator);
		}
		Ok(())
	}

	/// Block in which working time reaches `time`, if no migration bars transactions until then.
	pub(crate) fn block_at(time: BlockNumberFor<T>) -> BlockNumberFor<T> {
		let barred =
			frame_system::Pallet::<T>::block_number().saturating_sub(T::WorkingTime::current_block_number());
		time.saturating_add(barred)
	}
}
