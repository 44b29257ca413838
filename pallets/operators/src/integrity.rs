//! Constants that must agree with each other, as `integrity_test` checks them.

use crate::{Config, Pallet};
use frame_support::traits::Get;
use sp_runtime::traits::Zero;

impl<T: Config> Pallet<T> {
	/// Panics if constants of the configuration contradict each other.
	pub(crate) fn check_config() {
		assert!(T::MaxOperators::get() > 0, "there is room for an operator");
		assert!(!T::HeartbeatPeriod::get().is_zero(), "a period has blocks");
		assert!(
			T::SilencePeriod::get() >= T::HeartbeatPeriod::get(),
			"a missed heartbeat is a warning before it is an offence"
		);
		assert!(
			T::UnbondingPeriod::get() > T::LongestDispute::get(),
			"a stake outlives every dispute about its operator's work"
		);
		assert!(
			T::RegistrationFactorMilli::get() >= 1_000,
			"a registration never makes the next one cheaper"
		);
		assert!(!T::RegistrationHalfLife::get().is_zero(), "bonds halve after some time");
		assert!(!T::HardwareWindow::get().is_zero(), "there is time for an answer");
		assert!(T::SweepPerBlock::get() > 0, "the sweep advances");
		assert!(T::ElectoratesKept::get() > 0, "draws have someone to take");
	}
}
