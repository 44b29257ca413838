//! Weights that `pallet_answers` asks for.
//!
//! A runtime brings measured figures (`scripts/weights`); `()` serves tests.

#![allow(missing_docs)]

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// Weight functions needed for `pallet_answers`.
pub trait WeightInfo {
	fn challenge() -> Weight;
	fn defend() -> Weight;
	fn look_at_model() -> Weight;
	fn due() -> Weight;
}

// Upper estimates from counting storage accesses, for mocks.
impl WeightInfo for () {
	fn challenge() -> Weight {
		Weight::from_parts(50_000_000_000, 20_000).saturating_add(RocksDbWeight::get().reads_writes(9, 7))
	}
	fn defend() -> Weight {
		Weight::from_parts(2_000_000_000, 30_000).saturating_add(RocksDbWeight::get().reads_writes(22, 18))
	}
	fn look_at_model() -> Weight {
		Weight::from_parts(40_000_000, 10_000).saturating_add(RocksDbWeight::get().reads_writes(8, 6))
	}
	fn due() -> Weight {
		Weight::from_parts(60_000_000, 20_000).saturating_add(RocksDbWeight::get().reads_writes(14, 12))
	}
}
