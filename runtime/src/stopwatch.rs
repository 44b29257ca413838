//! Working time: the blocks in which transactions were admitted, counted.
//!
//! While a migration of several blocks is under way the chain takes inherents only. Operators can neither move in disputes nor
//! answer to offences then, so whatever costs them stake if they are late is timed by this clock, which stands still as long.
//! Safe mode does not count: it lets the calls pass whose absence would cost their maker a stake. And where the relay chain
//! takes no blocks there are none, so no clock that counts blocks runs.

pub use pallet::*;

use frame_support::{migrations::MultiStepMigrator, pallet_prelude::*};
use frame_system::pallet_prelude::*;
use sp_runtime::traits::{BlockNumberProvider, One, Saturating};

#[frame_support::pallet]
pub mod pallet {
	use super::*;

	#[pallet::config]
	pub trait Config: frame_system::Config {}

	#[pallet::pallet]
	pub struct Pallet<T>(_);

	/// Blocks so far in which transactions were barred.
	#[pallet::storage]
	pub type Barred<T: Config> = StorageValue<_, BlockNumberFor<T>, ValueQuery>;

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		/// The executive asks the same question right after all of these hooks.
		fn on_initialize(_: BlockNumberFor<T>) -> Weight {
			// The migrator's cursor, and this counter.
			let db = T::DbWeight::get();
			if !T::MultiBlockMigrator::ongoing() {
				return db.reads(1);
			}
			Barred::<T>::mutate(|barred| *barred = barred.saturating_add(One::one()));
			db.reads_writes(2, 1)
		}
	}
}

impl<T: Config> BlockNumberProvider for Pallet<T> {
	type BlockNumber = BlockNumberFor<T>;

	fn current_block_number() -> BlockNumberFor<T> {
		frame_system::Pallet::<T>::block_number().saturating_sub(Barred::<T>::get())
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn set_block_number(block: BlockNumberFor<T>) {
		frame_system::Pallet::<T>::set_block_number(block);
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{Runtime, System};
	use pallet_migrations::{Cursor, MigrationCursor};

	#[test]
	fn working_time_stands_still_while_a_migration_bars_transactions() {
		sp_io::TestExternalities::default().execute_with(|| {
			for number in 1..=10 {
				System::set_block_number(number);
				match number {
					4 => Cursor::<Runtime>::put(MigrationCursor::Stuck),
					7 => Cursor::<Runtime>::kill(),
					_ => {}
				}
				Pallet::<Runtime>::on_initialize(number);
				// Blocks 4, 5 and 6 took no transactions.
				let expected = number - number.saturating_sub(3).min(3);
				assert_eq!(Pallet::<Runtime>::current_block_number(), expected);
			}
		});
	}
}
