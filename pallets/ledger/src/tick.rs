//! `on_initialize` work: the end of an era.

use crate::{
	math, Advance, Balance, Budgets, Config, Credited, Envelope, Envelopes, Error, Event, Pallet, Year,
	YearRecord, YearRecordOf,
};
use frame_support::traits::{fungible::Inspect, Get};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::{
	traits::{CheckedDiv, Saturating},
	DispatchResult, SaturatedConversion,
};

impl<T: Config> Pallet<T> {
	/// Reports whether `now` is the last block of an era: those whose number `EraLength` divides.
	pub(crate) fn is_end_of_era(now: BlockNumberFor<T>) -> bool {
		let now: u64 = now.saturated_into();
		now.checked_rem(T::EraLength::get().saturated_into()) == Some(0)
	}

	/// Divides the era's emission among the envelopes and pays the treasury's.
	///
	/// An era without emission, at the cap for example, leaves no event.
	pub(crate) fn end_era(now: BlockNumberFor<T>) {
		let mut year = Self::current_year(now);
		let budget = Budgets::<T>::get();
		let limit = math::year_limit(year.issuance, budget.inflation).saturating_sub(Advance::<T>::get());
		let eras = T::BlocksPerYear::get().checked_div(&T::EraLength::get()).unwrap_or_default();
		let emission = math::era_emission(limit, eras.saturated_into(), year.emitted, Self::headroom());

		let amounts = math::divide(emission, &budget.shares);
		let envelopes = Envelopes::<T>::get().checked_add(&amounts);
		let credited = Credited::<T>::get().checked_add(&amounts);
		if let (Some(envelopes), Some(credited), Some(emitted @ 1..)) = (envelopes, credited, amounts.total())
		{
			Envelopes::<T>::put(envelopes);
			Credited::<T>::put(credited);
			year.emitted = year.emitted.saturating_add(emitted);
			Self::deposit_event(Event::EraEmitted { amounts });
		}
		Year::<T>::put(year);
		Self::pay(Envelope::Treasury, &T::TreasuryAccount::get(), Balance::MAX);
	}

	/// Puts so much of what the current year will emit into an envelope at once: the rest of the year emits as much less.
	///
	/// Neither the budget's inflation nor the supply cap is exceeded, so no one who can call this makes coins.
	pub fn advance(envelope: Envelope, amount: Balance) -> DispatchResult {
		let mut year = Self::current_year(frame_system::Pallet::<T>::block_number());
		let inflation = Budgets::<T>::get().inflation;
		let limit = math::year_limit(year.issuance, inflation).saturating_sub(Advance::<T>::get());
		let emitted = year.emitted.checked_add(amount).filter(|emitted| *emitted <= limit);
		let emitted = emitted.filter(|_| amount <= Self::headroom()).ok_or(Error::<T>::YearExhausted)?;
		let envelopes = Envelopes::<T>::get().increased(envelope, amount).ok_or(Error::<T>::Overflow)?;
		let credited = Credited::<T>::get().increased(envelope, amount).ok_or(Error::<T>::Overflow)?;
		year.emitted = emitted;
		Year::<T>::put(year);
		Envelopes::<T>::put(envelopes);
		Credited::<T>::put(credited);
		Self::deposit_event(Event::EmissionAdvanced { envelope, amount });
		Ok(())
	}

	/// Returns the year that `now` lies in; a new one if the last one is over.
	fn current_year(now: BlockNumberFor<T>) -> YearRecordOf<T> {
		if let Some(year) = Year::<T>::get() {
			if now.saturating_sub(year.started_at) < T::BlocksPerYear::get() {
				return year;
			}
			Advance::<T>::kill();
		}
		YearRecord { started_at: now, issuance: T::Currency::total_issuance(), emitted: 0 }
	}

	/// Returns the amount that may still be promised: the cap less what exists and what is promised already.
	fn headroom() -> Balance {
		let promised = Envelopes::<T>::get().total().unwrap_or(Balance::MAX);
		T::SupplyCap::get().saturating_sub(T::Currency::total_issuance()).saturating_sub(promised)
	}
}
