//! Weight functions of `pallet_slashing`.
//!
//! A runtime brings measured figures (`scripts/weights`); `()` serves tests.

#![allow(missing_docs)]

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// Weight functions needed for `pallet_slashing`.
pub trait WeightInfo {
	fn report() -> Weight;
	fn appeal() -> Weight;
	fn apply() -> Weight;
	fn pardon() -> Weight;
	fn uphold() -> Weight;
	/// A block in which nothing is due.
	fn idle() -> Weight;
	/// One offence that is due.
	fn apply_next() -> Weight;
}

/// An upper estimate, for mocks.
fn estimate(micros: u64, reads: u64, writes: u64) -> Weight {
	Weight::from_parts(micros.saturating_mul(1_000_000), 8_192)
		.saturating_add(RocksDbWeight::get().reads_writes(reads, writes))
}

// Upper estimates from counting storage accesses, for mocks.
impl WeightInfo for () {
	fn report() -> Weight {
		estimate(60, 6, 6)
	}
	fn appeal() -> Weight {
		estimate(100, 8, 6)
	}
	fn apply() -> Weight {
		estimate(240, 22, 21)
	}
	fn pardon() -> Weight {
		estimate(120, 42, 10)
	}
	fn uphold() -> Weight {
		estimate(240, 22, 21)
	}
	fn idle() -> Weight {
		estimate(5, 2, 0)
	}
	fn apply_next() -> Weight {
		estimate(240, 22, 21)
	}
}
