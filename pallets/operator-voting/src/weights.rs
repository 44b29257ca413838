//! Weights that `pallet_operator_voting` asks for.
//!
//! A runtime brings measured figures (`scripts/weights`); `()` serves tests, and estimates where nothing is measured yet.

#![allow(missing_docs)]

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// Weight functions needed for `pallet_operator_voting`.
pub trait WeightInfo {
	fn vote() -> Weight;
	fn cleanup_poll(n: u32) -> Weight;
	fn strike() -> Weight;
	fn renew_electorate() -> Weight;
	fn follow_poll() -> Weight;
	fn count_poll() -> Weight;
}

// Upper estimates from counting storage accesses: an electorate has 17 KB, and a voice may have 256 operators. An alarm of the
// scheduler is set again with each vote: two agendas and two lookups.
impl WeightInfo for () {
	fn vote() -> Weight {
		Weight::from_parts(150_000_000, 300_000).saturating_add(RocksDbWeight::get().reads_writes(12, 8))
	}
	fn cleanup_poll(n: u32) -> Weight {
		Weight::from_parts(30_000_000, 5_000)
			.saturating_add(Weight::from_parts(2_000_000, 2_600).saturating_mul(n.into()))
			.saturating_add(RocksDbWeight::get().reads_writes(3, 0))
			.saturating_add(RocksDbWeight::get().reads_writes(1, 1).saturating_mul(n.into()))
	}
	// Each of 256 operators of one voice is looked up.
	fn strike() -> Weight {
		Weight::from_parts(800_000_000, 1_200_000).saturating_add(RocksDbWeight::get().reads_writes(520, 6))
	}
	// All operators are read, and all members replaced.
	fn renew_electorate() -> Weight {
		Weight::from_parts(2_000_000_000, 900_000).saturating_add(RocksDbWeight::get().reads_writes(270, 520))
	}
	// The poll, its place among those that are watched, and where the next look begins.
	fn follow_poll() -> Weight {
		Weight::from_parts(30_000_000, 10_000).saturating_add(RocksDbWeight::get().reads_writes(3, 3))
	}
	// 256 votes are read, the electorate, and what all operators did before.
	fn count_poll() -> Weight {
		Weight::from_parts(1_000_000_000, 750_000).saturating_add(RocksDbWeight::get().reads_writes(262, 3))
	}
}
