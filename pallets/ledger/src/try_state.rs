//! The invariants of the storage, one function each.

use crate::{math, Advance, Budgets, Config, Credited, Envelopes, Journal, JournalHead, Paid, Pallet, Year};
use frame_support::{
	ensure,
	traits::{fungible::Inspect, Get},
};
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// Checks every invariant.
	pub(crate) fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_promises_fit_under_the_cap()?;
		Self::check_envelopes_reconcile()?;
		Self::check_budget_is_valid()?;
		Self::check_year_keeps_its_limit()?;
		Self::check_journal_is_contiguous()
	}

	/// Issuance and promises together never exceed the cap.
	fn check_promises_fit_under_the_cap() -> Result<(), TryRuntimeError> {
		let promised = Envelopes::<T>::get().total().ok_or("the envelopes have no sum")?;
		let total = T::Currency::total_issuance().checked_add(promised);
		ensure!(total.is_some_and(|total| total <= T::SupplyCap::get()), "the promises exceed the cap");
		Ok(())
	}

	/// Everything put into each envelope is still there or was paid out.
	fn check_envelopes_reconcile() -> Result<(), TryRuntimeError> {
		let accounted = Envelopes::<T>::get().checked_add(&Paid::<T>::get());
		ensure!(accounted == Some(Credited::<T>::get()), "an envelope does not reconcile");
		Ok(())
	}

	/// The budget is one that `set_budget` accepts.
	fn check_budget_is_valid() -> Result<(), TryRuntimeError> {
		ensure!(Budgets::<T>::get().is_valid(T::InflationMax::get()), "the budget is invalid");
		Ok(())
	}

	/// The year has emitted at most what the highest inflation allows, with what genesis gave in advance.
	fn check_year_keeps_its_limit() -> Result<(), TryRuntimeError> {
		if let Some(year) = Year::<T>::get() {
			let limit = math::year_limit(year.issuance, T::InflationMax::get());
			let limit = limit.saturating_sub(Advance::<T>::get());
			ensure!(year.emitted <= limit, "the year has emitted too much");
		}
		Ok(())
	}

	/// The journal holds the newest entries without a gap, and nothing else.
	fn check_journal_is_contiguous() -> Result<(), TryRuntimeError> {
		let entries = JournalHead::<T>::get().entries;
		let oldest = entries.saturating_sub(T::JournalLength::get().into());
		ensure!((oldest..entries).all(Journal::<T>::contains_key), "the journal has a gap");
		let kept = Journal::<T>::iter_keys().count() as u64;
		ensure!(kept == entries.saturating_sub(oldest), "the journal keeps an entry too many");
		Ok(())
	}
}
