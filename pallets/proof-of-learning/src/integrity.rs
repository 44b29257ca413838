//! Constants that must agree with each other, as `integrity_test` checks them.

use crate::{Config, Pallet};
use blyan_primitives::TILE_BYTES_MAX;
use frame_support::traits::Get;

impl<T: Config> Pallet<T> {
	/// Panics if constants of the configuration contradict each other.
	pub(crate) fn check_config() {
		assert!(T::MaxCommittee::get() > 1, "there is room for both committees");
		assert!(
			T::MinAttestations::get() <= T::MaxCommittee::get(),
			"as many attestations as are needed are remembered"
		);
		assert!(T::MaxOpen::get() > 0 && T::MaxClosed::get() > 0, "the bounds leave room for one");
		assert_eq!(TILE_BYTES_MAX as usize, blyan_exact::block::TILE_BYTES, "a whole tile is evidence");
		assert!(T::MaxMaturing::get() > 0, "somebody may be judged");
		assert!(T::MaxUploadsPerDay::get() > 0, "somebody may upload");
		assert!(T::ModelsPerBlock::get() > 0, "queues advance");
		assert!(
			T::PowWindow::get() <= <T as frame_system::Config>::BlockHashCount::get(),
			"the system remembers the blocks that a proof of work may name"
		);
		assert!(
			T::CommitLifetime::get() > T::CommitAge::get(),
			"a commitment can be opened before it expires"
		);
		assert!(T::BlocksPerDay::get() > 0u32.into(), "quotas are counted in days, and a day is not empty");
	}
}
