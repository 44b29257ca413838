//! Bodies of the calls.

use crate::{
	Balance, Budget, Budgets, Config, Credited, Envelope, EnvelopeAmounts, Envelopes, Error, Event, Pallet,
};
use frame_support::{
	ensure,
	traits::{
		fungible::Mutate,
		tokens::{Fortitude, Precision, Preservation},
		Get,
	},
};
use sp_runtime::DispatchResult;

impl<T: Config> Pallet<T> {
	/// Sets inflation and shares. See [`Pallet::set_budget`].
	pub fn do_set_budget(budget: Budget) -> DispatchResult {
		ensure!(budget.is_valid(T::InflationMax::get()), Error::<T>::BudgetInvalid);
		Budgets::<T>::put(budget);
		Self::deposit_event(Event::BudgetSet { budget });
		Ok(())
	}

	/// Burns coins of `who` and adds as much to `envelope`. See [`Pallet::fund`].
	pub fn do_fund(who: &T::AccountId, envelope: Envelope, amount: Balance) -> DispatchResult {
		Self::ensure_amount(amount)?;
		T::Currency::burn_from(who, amount, Preservation::Preserve, Precision::Exact, Fortitude::Polite)?;
		let increased = |amounts: EnvelopeAmounts| amounts.increased(envelope, amount);
		Envelopes::<T>::put(increased(Envelopes::<T>::get()).ok_or(Error::<T>::Overflow)?);
		Credited::<T>::put(increased(Credited::<T>::get()).ok_or(Error::<T>::Overflow)?);
		Self::deposit_event(Event::EnvelopeFunded { who: who.clone(), envelope, amount });
		Ok(())
	}

	/// Refuses to fund with nothing.
	pub(crate) fn ensure_amount(amount: Balance) -> Result<(), Error<T>> {
		ensure!(amount > 0, Error::<T>::AmountZero);
		Ok(())
	}
}
