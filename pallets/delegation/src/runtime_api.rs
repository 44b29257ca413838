//! Runtime API implementation.

use crate::{pot::Pot, BackingRecordOf, Backings, Balance, Config, Pallet, PoolRecordOf, Pools};
use alloc::vec::Vec;
use blyan_primitives::traits::{BackedOperators, Backing};
use blyan_runtime_api::{
	delegation::{BackingInfo, CommissionRaise, PoolInfo, UnbondingPart},
	AccountId,
};
use frame_support::traits::Get;
use sp_runtime::{traits::BlockNumberProvider, SaturatedConversion};

impl<T: Config<AccountId = AccountId>> Pallet<T> {
	/// Every pool, ordered by operator.
	pub fn pool_infos() -> Vec<PoolInfo> {
		let mut infos: Vec<_> =
			Pools::<T>::iter().map(|(operator, pool)| Self::describe(operator, pool)).collect();
		infos.sort_by(|one, other| one.operator.cmp(&other.operator));
		infos
	}

	/// One pool.
	pub fn pool_info(operator: AccountId) -> Option<PoolInfo> {
		let pool = Pools::<T>::get(&operator)?;
		Some(Self::describe(operator, pool))
	}

	fn describe(operator: AccountId, mut pool: PoolRecordOf<T>) -> PoolInfo {
		pool.settle_raise(T::WorkingTime::current_block_number());
		pool.recent.roll(frame_system::Pallet::<T>::block_number(), T::IncomePeriod::get());
		let own = T::Operators::own_stake(&operator).unwrap_or(0);
		let open = pool.is_open
			&& !pool.is_lost()
			&& !Self::is_frozen(&operator)
			&& T::Operators::is_staying(&operator)
			&& !T::Operators::is_accused(&operator);
		PoolInfo {
			open,
			own,
			backed: pool.active.coins,
			unbonding: pool.unbonding.coins,
			room: <Self as Backing<AccountId>>::most(own).saturating_sub(pool.active.coins),
			backers: pool.backers,
			commission: pool.commission,
			raise: pool.raise.map(|raise| CommissionRaise {
				commission: raise.commission,
				from: Self::block_at(raise.from).saturated_into(),
			}),
			last_income: pool.recent.last,
			current_income: pool.recent.current,
			period_start: pool.recent.since.saturated_into(),
			period: T::IncomePeriod::get().saturated_into(),
			operator,
		}
	}

	/// Backings of an account, ordered by operator.
	pub fn backing_infos(backer: &AccountId) -> Vec<BackingInfo> {
		let mut infos: Vec<_> = Backings::<T>::iter_prefix(backer)
			.filter_map(|(operator, entry)| {
				let pool = Pools::<T>::get(&operator)?;
				Some(Self::describe_entry(operator, &pool, &entry))
			})
			.collect();
		infos.sort_by(|one, other| one.operator.cmp(&other.operator));
		infos
	}

	fn describe_entry(
		operator: AccountId,
		pool: &PoolRecordOf<T>,
		entry: &BackingRecordOf<T>,
	) -> BackingInfo {
		let unbonding = entry.unbonding.iter().map(|chunk| UnbondingPart {
			amount: pool.unbonding.worth(chunk.shares),
			ready_at: chunk.ready_at.saturated_into(),
		});
		BackingInfo {
			operator,
			amount: pool.active.worth(entry.shares),
			income: entry.income(pool.income_per_share),
			unbonding: unbonding.collect(),
			deposit: entry.deposit,
		}
	}

	/// Income of `amount` more in a period like the last full one.
	pub fn projected_income(operator: AccountId, amount: Balance) -> Option<Balance> {
		let info = Self::pool_info(operator).filter(|info| info.open)?;
		// As if it were shares of one planck each.
		let all = info.backed.saturating_add(amount);
		Some(Pot { coins: info.last_income, shares: all }.worth(amount))
	}
}
