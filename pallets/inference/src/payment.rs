//! Money: put on hold, released, paid out.

use crate::{Balance, Config, Error, HoldReason, Pallet};
use blyan_primitives::traits::Servers;
use frame_support::{
	ensure,
	traits::{
		fungible::{BalancedHold, InspectHold, MutateHold},
		tokens::{Fortitude, Precision, Restriction},
		Get, OnUnbalanced,
	},
};

impl<T: Config> Pallet<T> {
	/// Changes what `who` has on hold from `held` to `wanted`.
	pub(crate) fn set_hold(
		reason: HoldReason,
		who: &T::AccountId,
		held: Balance,
		wanted: Balance,
	) -> Result<(), Error<T>> {
		if let Some(more) = wanted.checked_sub(held).filter(|more| *more > 0) {
			return T::Currency::hold(&reason.into(), who, more).map_err(|_| Error::FundsMissing);
		}
		if let Some(less) = held.checked_sub(wanted).filter(|less| *less > 0) {
			T::Currency::release(&reason.into(), who, less, Precision::Exact)
				.map_err(|_| Error::<T>::HoldMissing)?;
		}
		Ok(())
	}

	/// Pays `amount` that `payer` has on hold to `operator`, less the network's share, and returns that share.
	///
	/// The share is rounded up, so that no part of a payment escapes it by being small. An operator whose account cannot take the
	/// rest, because it is gone and the rest is below the existential deposit, loses that to the share. Nothing is taken of a payer
	/// that is frozen: what it owes is paid when it is free again.
	pub(crate) fn pay(
		reason: HoldReason,
		payer: &T::AccountId,
		operator: &T::AccountId,
		amount: Balance,
	) -> Result<Balance, Error<T>> {
		Self::ensure_free(payer, amount)?;
		let share = T::NetworkShare::get().mul_ceil(amount).min(amount);
		let rest = amount.saturating_sub(share);
		Self::take_share(reason, payer, share);
		let paid = T::Currency::transfer_on_hold(
			&reason.into(),
			payer,
			operator,
			rest,
			Precision::Exact,
			Restriction::Free,
			Fortitude::Polite,
		);
		if paid.is_ok() {
			T::Servers::note_income(operator, rest);
			return Ok(share);
		}
		Self::take_share(reason, payer, rest);
		Ok(amount)
	}

	/// Refuses to move `amount` that `payer` has on hold while a freeze keeps it there.
	pub(crate) fn ensure_free(payer: &T::AccountId, amount: Balance) -> Result<(), Error<T>> {
		let able = T::Currency::reducible_total_balance_on_hold(payer, Fortitude::Polite);
		ensure!(amount <= able, Error::<T>::PayerFrozen);
		Ok(())
	}

	fn take_share(reason: HoldReason, payer: &T::AccountId, amount: Balance) {
		if amount > 0 {
			let (credit, _missing) = T::Currency::slash(&reason.into(), payer, amount);
			T::OnShare::on_unbalanced(credit);
		}
	}
}
