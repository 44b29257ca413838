//! Weights that `pallet_emergencies` asks for.
//!
//! A runtime brings measured figures (`scripts/weights`); `()` serves tests, and estimates where nothing is measured yet.

#![allow(missing_docs)]

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// Weight functions needed for `pallet_emergencies`.
pub trait WeightInfo {
	fn propose() -> Weight;
	fn support() -> Weight;
	fn enact() -> Weight;
	fn close() -> Weight;
	fn pause_call() -> Weight;
	fn end_measure() -> Weight;
}

// Upper estimates from counting storage accesses: an electorate has 17 KB, and a proposal's voices 8 KB. The costliest action is
// to freeze 32 accounts: the account, its freezes and locks each.
impl WeightInfo for () {
	fn propose() -> Weight {
		Weight::from_parts(100_000_000, 60_000).saturating_add(RocksDbWeight::get().reads_writes(9, 6))
	}
	fn support() -> Weight {
		Weight::from_parts(80_000_000, 60_000).saturating_add(RocksDbWeight::get().reads_writes(5, 1))
	}
	fn enact() -> Weight {
		Weight::from_parts(1_500_000_000, 260_000).saturating_add(RocksDbWeight::get().reads_writes(140, 140))
	}
	fn close() -> Weight {
		Weight::from_parts(30_000_000, 16_000).saturating_add(RocksDbWeight::get().reads_writes(1, 3))
	}
	fn pause_call() -> Weight {
		Weight::from_parts(50_000_000, 8_000).saturating_add(RocksDbWeight::get().reads_writes(4, 4))
	}
	fn end_measure() -> Weight {
		Weight::from_parts(1_500_000_000, 260_000).saturating_add(RocksDbWeight::get().reads_writes(140, 140))
	}
}
