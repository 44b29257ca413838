//! Weight functions of `pallet_experts`.
//!
//! A runtime brings measured figures (`scripts/weights`); `()` serves tests.

#![allow(missing_docs)]

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// Weight functions needed for `pallet_experts`.
pub trait WeightInfo {
	fn register_model(h: u32) -> Weight;
	fn register_open_model(p: u32, h: u32) -> Weight;
	fn forget() -> Weight;
}

// Upper estimates from counting storage accesses and signatures, for mocks.
impl WeightInfo for () {
	fn register_model(h: u32) -> Weight {
		Weight::from_parts(30_000_000, 3_600)
			.saturating_add(Weight::from_parts(15_000_000, 2_600).saturating_mul(h.into()))
			.saturating_add(RocksDbWeight::get().reads_writes(2, 3))
			.saturating_add(RocksDbWeight::get().reads_writes(1, 3).saturating_mul(h.into()))
	}
	fn register_open_model(p: u32, h: u32) -> Weight {
		Weight::from_parts(60_000_000, 15_000)
			.saturating_add(Weight::from_parts(15_000_000, 2_600).saturating_mul(p.into()))
			.saturating_add(Weight::from_parts(15_000_000, 2_600).saturating_mul(h.into()))
			.saturating_add(RocksDbWeight::get().reads_writes(2, 5))
			.saturating_add(RocksDbWeight::get().reads_writes(1, 1).saturating_mul(p.into()))
			.saturating_add(RocksDbWeight::get().reads_writes(1, 5).saturating_mul(h.into()))
	}
	fn forget() -> Weight {
		Weight::from_parts(20_000_000, 20_000).saturating_add(RocksDbWeight::get().reads_writes(5, 4))
	}
}
