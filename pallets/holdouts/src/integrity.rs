//! Constants that must agree with each other, as `integrity_test` checks them.

use crate::{Config, Pallet, ATTESTATIONS_MAX, LEAK_NOTICE, LOOKS_MAX};
use frame_support::traits::Get;
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::traits::Zero;

impl<T: Config> Pallet<T> {
	/// Panics if constants of the configuration contradict each other.
	pub(crate) fn check_config() {
		assert!((1..=LOOKS_MAX).contains(&T::Looks::get()), "as many looks as are asked for are remembered");
		assert!(
			T::MinAttestations::get() <= ATTESTATIONS_MAX,
			"as many attestations as are needed are remembered"
		);
		assert!(T::MaxKeepers::get() >= T::MinKeepers::get(), "a keeper can be appointed");
		assert!(T::MinKeepers::get() >= T::Looks::get(), "every look has a keeper of its own");
		assert!(T::MaxChunks::get() > 0 && T::MaxActive::get() > 0, "the bounds leave room for one");
		assert!(T::StepsPerBlock::get() > 0, "rounds end");
		assert!(!T::MinBond::get().is_zero(), "a keeper has something to lose");
		assert!(
			T::Notice::get() > BlockNumberFor::<T>::from(LEAK_NOTICE),
			"a leak that was announced before its keeper gave notice can be reported"
		);
	}
}
