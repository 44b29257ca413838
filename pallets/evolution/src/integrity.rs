//! Constants that must agree with each other, as `integrity_test` checks them.

use crate::{Config, Pallet};
use blyan_primitives::{evolution::TASKS_MAX, MILLIONTHS};
use frame_support::traits::Get;

impl<T: Config> Pallet<T> {
	/// Panics if constants of the configuration contradict each other.
	pub(crate) fn check_config() {
		assert!(T::MaxSeats::get() > 1, "one evaluator alone never decides");
		assert!(
			T::MaxProposals::get() > 0 && T::MaxHistory::get() > 0,
			"epochs have proposals and are remembered"
		);
		let tasks = T::TasksMin::get()..=T::TasksMax::get();
		assert!(!tasks.is_empty() && *tasks.start() > 0, "a suite can have as many tasks as it must have");
		assert!(*tasks.end() <= TASKS_MAX, "engines take as many tasks");
		assert!(
			T::EndorsementsMin::get() <= MILLIONTHS / 3,
			"a proposal can be endorsed by as many as it needs: a third at most, and all others may measure it"
		);
	}
}
