//! Time of the windows: blocks in which transactions were admitted.

use crate::{Config, Pallet};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::traits::{BlockNumberProvider, Saturating};

impl<T: Config> Pallet<T> {
	/// The time that windows are in.
	pub(crate) fn now() -> BlockNumberFor<T> {
		T::WorkingTime::current_block_number()
	}

	/// The block of a working time, unless transactions are barred again before.
	pub(crate) fn block_at(time: BlockNumberFor<T>) -> BlockNumberFor<T> {
		let barred = frame_system::Pallet::<T>::block_number().saturating_sub(Self::now());
		time.saturating_add(barred)
	}
}
