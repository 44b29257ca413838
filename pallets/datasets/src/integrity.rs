//! Constants that must agree with each other, as `integrity_test` checks them.

use crate::{agenda::PROBES, Config, Pallet};
use blyan_primitives::{MILLIONTHS, VOTER_PATH_MAX};
use frame_support::traits::Get;

impl<T: Config> Pallet<T> {
	/// Panics if constants of the configuration contradict each other.
	pub(crate) fn check_config() {
		assert!(T::MaxRescans::get() > 0, "datasets in use are examined again");
		assert!(T::MaxSeats::get() > 0 && T::StepsPerBlock::get() > 0, "audits take place and end");
		assert!(
			T::PowWindow::get() <= <T as frame_system::Config>::BlockHashCount::get(),
			"the system remembers the blocks that a proof of work may name"
		);
		// What is not open any more became so by at most `StepsPerBlock` steps a block, so it is spread out already.
		assert!(
			T::MaxDue::get().saturating_mul(PROBES)
				> T::MaxOpen::get().saturating_mul(2).saturating_add(T::MaxRescans::get()),
			"the agenda has room for all open datasets and rescans at one moment"
		);
		assert!(
			u64::from(T::MaxVoters::get()) <= 1u64 << VOTER_PATH_MAX.min(63),
			"a proof reaches from every voter to the root"
		);
		assert!(
			T::RejectedFor::get() >= T::AppealWindow::get(),
			"a rejection is remembered while it may be appealed"
		);
		assert!(
			T::ParticipationMin::get() <= MILLIONTHS && T::QuorumMin::get() <= MILLIONTHS,
			"a share is at most the whole"
		);
	}
}
