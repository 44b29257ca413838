//! What `pallet_operators` asks to be weighed.
//!
//! A runtime brings measured figures (`scripts/weights`); `()` serves tests.

#![allow(missing_docs)]

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// Weight functions needed for `pallet_operators`.
pub trait WeightInfo {
	fn register() -> Weight;
	fn update_capabilities() -> Weight;
	fn rotate_key() -> Weight;
	fn heartbeat() -> Weight;
	fn authorize_heartbeat() -> Weight;
	fn exit() -> Weight;
	fn withdraw() -> Weight;
}

// Upper estimates from counting storage accesses and signatures, for mocks.
impl WeightInfo for () {
	fn register() -> Weight {
		Weight::from_parts(120_000_000, 3_908).saturating_add(RocksDbWeight::get().reads_writes(5, 6))
	}
	fn update_capabilities() -> Weight {
		Weight::from_parts(50_000_000, 3_908).saturating_add(RocksDbWeight::get().reads_writes(3, 3))
	}
	fn rotate_key() -> Weight {
		Weight::from_parts(90_000_000, 3_545).saturating_add(RocksDbWeight::get().reads_writes(3, 3))
	}
	fn heartbeat() -> Weight {
		Weight::from_parts(25_000_000, 3_545).saturating_add(RocksDbWeight::get().reads_writes(2, 1))
	}
	fn authorize_heartbeat() -> Weight {
		Weight::from_parts(70_000_000, 3_545).saturating_add(RocksDbWeight::get().reads_writes(3, 0))
	}
	fn exit() -> Weight {
		Weight::from_parts(20_000_000, 3_545).saturating_add(RocksDbWeight::get().reads_writes(1, 1))
	}
	fn withdraw() -> Weight {
		Weight::from_parts(60_000_000, 3_908).saturating_add(RocksDbWeight::get().reads_writes(4, 5))
	}
}
