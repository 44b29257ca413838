//! Calls that are certain to fail.

use crate::{Call, Config, Pallet, Reviews};
use blyan_primitives::Refusal;

impl<T: Config> Pallet<T> {
	/// Returns why a signed call is certain to fail, whatever comes before it.
	///
	/// Between the opening of a review and its draw lie blocks, so where there is none nothing can be sealed, opened or proven in the next one.
	pub fn refusal(call: &Call<T>) -> Option<Refusal> {
		match call {
			Call::seal { dataset, .. }
			| Call::reveal { dataset, .. }
			| Call::report_leak { dataset, .. }
			| Call::advance { dataset } => (!Reviews::<T>::contains_key(dataset)).then_some(Refusal::Unknown),
			_ => None,
		}
	}
}
