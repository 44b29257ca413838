//! Calls that are certain to fail.

use crate::{Call, Config, Pallet};
use blyan_primitives::Refusal;
use frame_support::traits::Get;

impl<T: Config> Pallet<T> {
	/// Returns why a call of `who` is certain to fail, whatever comes before it.
	pub fn refusal(who: &T::AccountId, call: &Call<T>) -> Option<Refusal> {
		let is_sound = match call {
			Call::delegate { operator, amount, .. } => Self::ensure_sound(who, operator, *amount).is_ok(),
			Call::undelegate { amount, .. } => *amount > 0,
			Call::set_commission { commission } => *commission <= T::CommissionMax::get(),
			_ => true,
		};
		(!is_sound).then_some(Refusal::Malformed)
	}
}
