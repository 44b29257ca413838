//! Neighbours that every pallet with money or deadlines has.

use frame_support::traits::{Imbalance, OnUnbalanced};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::traits::{BlockNumberProvider, Saturating};

mod memory {
	frame_support::parameter_types! {
		/// Money that was slashed.
		pub static Slashed: u128 = 0;
		/// Blocks so far in which transactions were barred.
		pub static Barred: u32 = 0;
	}
}

pub use memory::{Barred, Slashed};

/// Counts slashed money and burns it.
pub struct Gallows;
impl<Amount: Imbalance<u128>> OnUnbalanced<Amount> for Gallows {
	fn on_nonzero_unbalanced(amount: Amount) {
		Slashed::mutate(|slashed| *slashed += amount.peek());
	}
}

/// Counts the blocks in which transactions were admitted.
pub struct Stopwatch<T>(core::marker::PhantomData<T>);
impl<T: frame_system::Config> BlockNumberProvider for Stopwatch<T> {
	type BlockNumber = BlockNumberFor<T>;
	fn current_block_number() -> BlockNumberFor<T> {
		frame_system::Pallet::<T>::block_number().saturating_sub(Barred::get().into())
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn set_block_number(block: BlockNumberFor<T>) {
		frame_system::Pallet::<T>::set_block_number(block);
	}
}
