//! Weights of `pallet_ledger`, measured by `scripts/weights` with `STEPS=10 REPEAT=6`.
//!
//! The node was built without optimisation on a machine that was busy: the times are several times what a
//! release build takes. Proof sizes and storage accesses do not depend on either.

#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(unused_parens)]
#![allow(unused_imports)]
#![allow(missing_docs)]

use frame_support::{traits::Get, weights::Weight};
use core::marker::PhantomData;

/// Weight functions for `pallet_ledger`.
pub struct WeightInfo<T>(PhantomData<T>);
impl<T: frame_system::Config> pallet_ledger::WeightInfo for WeightInfo<T> {
	/// Storage: `Ledger::Budgets` (r:0 w:1)
	/// Proof: `Ledger::Budgets` (`max_values`: Some(1), `max_size`: Some(24), added: 519, mode: `MaxEncodedLen`)
	fn set_budget() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `0`
		//  Estimated: `0`
		// Minimum execution time: 83_194_000 picoseconds.
		Weight::from_parts(101_461_000, 0)
			.saturating_add(Weight::from_parts(0, 0))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	/// Storage: `Ledger::Envelopes` (r:1 w:1)
	/// Proof: `Ledger::Envelopes` (`max_values`: Some(1), `max_size`: Some(80), added: 575, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::Credited` (r:1 w:1)
	/// Proof: `Ledger::Credited` (`max_values`: Some(1), `max_size`: Some(80), added: 575, mode: `MaxEncodedLen`)
	fn fund() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `197`
		//  Estimated: `1565`
		// Minimum execution time: 393_394_000 picoseconds.
		Weight::from_parts(421_256_000, 0)
			.saturating_add(Weight::from_parts(0, 1565))
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(2))
	}
	/// Storage: `Ledger::Year` (r:1 w:1)
	/// Proof: `Ledger::Year` (`max_values`: Some(1), `max_size`: Some(36), added: 531, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::Advance` (r:1 w:1), added to what was measured
	/// Proof: `Ledger::Advance` (`max_values`: Some(1), `max_size`: Some(16), added: 511, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::Budgets` (r:1 w:0)
	/// Proof: `Ledger::Budgets` (`max_values`: Some(1), `max_size`: Some(24), added: 519, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::Envelopes` (r:1 w:1)
	/// Proof: `Ledger::Envelopes` (`max_values`: Some(1), `max_size`: Some(80), added: 575, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::Credited` (r:1 w:1)
	/// Proof: `Ledger::Credited` (`max_values`: Some(1), `max_size`: Some(80), added: 575, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:1 w:1)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::Paid` (r:1 w:1)
	/// Proof: `Ledger::Paid` (`max_values`: Some(1), `max_size`: Some(80), added: 575, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::JournalHead` (r:1 w:1)
	/// Proof: `Ledger::JournalHead` (`max_values`: Some(1), `max_size`: Some(40), added: 535, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::Journal` (r:0 w:1)
	/// Proof: `Ledger::Journal` (`max_values`: None, `max_size`: Some(69), added: 2544, mode: `MaxEncodedLen`)
	fn end_era() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `310`
		//  Estimated: `3593`
		// Minimum execution time: 540_113_000 picoseconds.
		Weight::from_parts(562_296_000, 0)
			.saturating_add(Weight::from_parts(0, 3593))
			.saturating_add(T::DbWeight::get().reads(8))
			.saturating_add(T::DbWeight::get().writes(8))
	}
}
