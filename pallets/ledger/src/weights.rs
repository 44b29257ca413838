//! Weight functions of `pallet_ledger`.
//!
//! A runtime brings measured figures (`scripts/weights`); `()` serves tests.

#![allow(missing_docs)]

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// Weight functions needed for `pallet_ledger`.
pub trait WeightInfo {
	fn set_budget() -> Weight;
	fn fund() -> Weight;
	fn end_era() -> Weight;
}

// Upper estimates from counting storage accesses and signatures, for mocks.
impl WeightInfo for () {
	fn set_budget() -> Weight {
		Weight::from_parts(10_000_000, 0).saturating_add(RocksDbWeight::get().writes(1))
	}
	fn fund() -> Weight {
		Weight::from_parts(60_000_000, 3_593).saturating_add(RocksDbWeight::get().reads_writes(3, 3))
	}
	fn end_era() -> Weight {
		Weight::from_parts(90_000_000, 3_593).saturating_add(RocksDbWeight::get().reads_writes(7, 8))
	}
}
