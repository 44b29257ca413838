//! Weights that `pallet_reviews` asks for.
//!
//! A runtime brings measured figures (`scripts/weights`); `()` has upper estimates.

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// Weight functions needed for `pallet_reviews`.
pub trait WeightInfo {
	/// `join`.
	fn join() -> Weight;
	/// `leave`.
	fn leave() -> Weight;
	/// `seal`.
	fn seal() -> Weight;
	/// `reveal`.
	fn reveal() -> Weight;
	/// `report_leak`.
	fn report_leak() -> Weight;
	/// The costliest step of a review: a draw, or the end that pays.
	fn step() -> Weight;
}

// Estimated from counting storage accesses, with every seat taken.
impl WeightInfo for () {
	fn join() -> Weight {
		Weight::from_parts(60_000_000, 4_000).saturating_add(RocksDbWeight::get().reads_writes(5, 5))
	}
	fn leave() -> Weight {
		Weight::from_parts(70_000_000, 6_000).saturating_add(RocksDbWeight::get().reads_writes(7, 7))
	}
	fn seal() -> Weight {
		Weight::from_parts(40_000_000, 8_000).saturating_add(RocksDbWeight::get().reads_writes(2, 1))
	}
	fn reveal() -> Weight {
		Weight::from_parts(50_000_000, 8_000).saturating_add(RocksDbWeight::get().reads_writes(2, 1))
	}
	fn report_leak() -> Weight {
		Weight::from_parts(150_000_000, 16_000).saturating_add(RocksDbWeight::get().reads_writes(12, 12))
	}
	fn step() -> Weight {
		Weight::from_parts(900_000_000, 200_000).saturating_add(RocksDbWeight::get().reads_writes(240, 200))
	}
}
