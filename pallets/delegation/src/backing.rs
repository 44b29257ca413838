//! Backings as the operators' pallet sees them: weight, slashes, income.

use crate::{pot, Balance, Config, Event, HoldReason, Pallet, Pools, LOG_TARGET};
use blyan_primitives::traits::Backing;
use frame_support::traits::{
	fungible::{BalancedHold, MutateHold},
	Get, OnUnbalanced,
};
use sp_runtime::{traits::BlockNumberProvider, Perbill};

impl<T: Config> Backing<T::AccountId> for Pallet<T> {
	fn counted(operator: &T::AccountId, own: Balance) -> Balance {
		Pools::<T>::get(operator).map_or(0, |pool| pool.active.coins.min(Self::most(own)))
	}

	fn most(own: Balance) -> Balance {
		own.saturating_mul(T::BackingMax::get().into())
	}

	/// The same share of what is active and of what is on its way out, for every backer: no loop over backers.
	///
	/// All of it goes to the treasury. Had a reporter a share in it, an operator could have an accomplice report it, and gain more
	/// of its backers' coins than it loses of its own.
	fn slash(operator: &T::AccountId, share: Perbill) -> Balance {
		let Some(mut pool) = Pools::<T>::get(operator) else { return 0 };
		let (active, from_active) = pool.active.cut(share);
		let (unbonding, from_unbonding) = pool.unbonding.cut(share);
		let amount = from_active.saturating_add(from_unbonding);
		if amount == 0 {
			return 0;
		}
		let (credit, missing) = T::Currency::slash(&HoldReason::Backing.into(), operator, amount);
		if missing > 0 {
			log::error!(target: LOG_TARGET, "{missing} of what backs {operator:?} was not on hold");
		}
		T::OnSlash::on_unbalanced(credit);
		pool.active = active;
		pool.unbonding = unbonding;
		Pools::<T>::insert(operator, pool);
		Self::deposit_event(Event::BackingSlashed {
			operator: operator.clone(),
			active: from_active,
			unbonding: from_unbonding,
		});
		amount
	}

	/// Puts the backers' part aside and raises the income by share. No loop over backers either: each finds its part when it claims.
	///
	/// Nothing is put aside while the operator is frozen: it would set as much of what is frozen free. See [`Pallet::is_frozen`].
	fn share_income(operator: &T::AccountId, own: Balance, amount: Balance) {
		let Some(mut pool) = Pools::<T>::get(operator) else { return };
		let now = frame_system::Pallet::<T>::block_number();
		pool.recent.roll(now, T::IncomePeriod::get());
		pool.settle_raise(T::WorkingTime::current_block_number());
		let backed = pool.active.coins.min(Self::most(own));
		let part = pot::backers_part(amount, own, backed, pool.commission);
		let Some((growth, aside)) = pot::spread(part, pool.active.shares) else { return };
		let Some(income_per_share) = pool.income_per_share.checked_add(growth) else { return };
		if aside == 0 || Self::is_frozen(operator) {
			return;
		}
		// It has just been paid, so it is there; if it is not, it stays the operator's.
		if T::Currency::hold(&HoldReason::Income.into(), operator, aside).is_err() {
			log::error!(target: LOG_TARGET, "an income of {amount} could not be shared by {operator:?}");
			return;
		}
		pool.income_per_share = income_per_share;
		pool.unclaimed = pool.unclaimed.saturating_add(aside);
		pool.recent.current = pool.recent.current.saturating_add(aside);
		Pools::<T>::insert(operator, pool);
		Self::deposit_event(Event::IncomeShared { operator: operator.clone(), amount: aside });
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_backed_for_benchmark(operator: &T::AccountId) {
		crate::benchmarking::back::<T>(operator);
	}
}
