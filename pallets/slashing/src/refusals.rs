//! Calls that are certain to fail.

use crate::{Call, Config, Error, NextOffence, OffenceId, Pallet};
use blyan_primitives::Refusal;

impl<T: Config> Pallet<T> {
	/// Returns why a call of `who` is certain to fail, whatever comes before it.
	///
	/// An offence never changes its offender, one that is decided or appealed is never open again, and the time for appeals
	/// does not come back.
	pub fn refusal(who: &T::AccountId, call: &Call<T>) -> Option<Refusal> {
		match call {
			Call::appeal { offence } => Self::verdict(*offence, Self::appealable(who, *offence).err()?),
			Call::apply { offence } => Self::verdict(*offence, Self::applicable(*offence).err()?),
			_ => None,
		}
	}

	/// Returns the meaning of an error for good, if it has one.
	fn verdict(offence: OffenceId, error: Error<T>) -> Option<Refusal> {
		match error {
			Error::UnknownOffence => Refusal::of_missing(offence, NextOffence::<T>::get()),
			Error::NotOffender => Some(Refusal::NotAllowed),
			Error::Decided | Error::AlreadyAppealed | Error::TooLateToAppeal | Error::AlreadyExecuted => {
				Some(Refusal::Over)
			}
			_ => None,
		}
	}
}
