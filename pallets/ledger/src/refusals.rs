//! Calls that are certain to fail.

use crate::{Call, Config, Pallet};
use blyan_primitives::Refusal;

impl<T: Config> Pallet<T> {
	/// Returns why a call is certain to fail, whatever comes before it.
	pub fn refusal(call: &Call<T>) -> Option<Refusal> {
		match call {
			Call::fund { amount, .. } => Self::ensure_amount(*amount).err().map(|_| Refusal::Malformed),
			_ => None,
		}
	}
}
