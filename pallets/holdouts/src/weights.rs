//! Weights that `pallet_holdouts` asks for.
//!
//! A runtime brings measured figures (`scripts/weights`); `()` serves tests.

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// Weights this pallet needs.
pub trait WeightInfo {
	/// `seal_model`.
	fn seal_model() -> Weight;
	/// `join`.
	fn join() -> Weight;
	/// `leave`.
	fn leave() -> Weight;
	/// `commit`.
	fn commit() -> Weight;
	/// `withdraw`.
	fn withdraw() -> Weight;
	/// `reveal`, of `b` bytes.
	fn reveal(b: u32) -> Weight;
	/// `attest`.
	fn attest() -> Weight;
	/// Checks before an `attest` enters the pool, and again in the block.
	fn authorize_attest() -> Weight;
	/// `report_leak`.
	fn report_leak() -> Weight;
	/// `announce_leak`.
	fn announce_leak() -> Weight;
	/// `commit_under`.
	fn commit_under() -> Weight;
	/// The costliest step of a round: the draw among `k` keepers, or a penalty.
	fn step(k: u32) -> Weight;
	/// A block in which no round moves.
	fn idle() -> Weight;
}

/// Upper estimates from counted accesses, for mocks.
impl WeightInfo for () {
	fn seal_model() -> Weight {
		estimate(3, 1).saturating_add(Weight::from_parts(5_000_000_000, 0))
	}
	fn join() -> Weight {
		estimate(4, 3)
	}
	fn leave() -> Weight {
		estimate(4, 3)
	}
	fn commit() -> Weight {
		estimate(6, 4)
	}
	fn withdraw() -> Weight {
		estimate(5, 4)
	}
	fn reveal(b: u32) -> Weight {
		estimate(6, 3).saturating_add(Weight::from_parts(20_000, 0).saturating_mul(b.into()))
	}
	fn attest() -> Weight {
		estimate(26, 6)
	}
	fn authorize_attest() -> Weight {
		estimate(25, 0)
	}
	fn report_leak() -> Weight {
		estimate(9, 9)
	}
	fn announce_leak() -> Weight {
		estimate(4, 3)
	}
	fn commit_under() -> Weight {
		estimate(6, 4)
	}
	fn step(k: u32) -> Weight {
		estimate(12, 9).saturating_add(estimate(4, 0).saturating_mul(k.into()))
	}
	fn idle() -> Weight {
		estimate(1, 0)
	}
}

fn estimate(reads: u64, writes: u64) -> Weight {
	Weight::from_parts(60_000_000, 20_000).saturating_add(RocksDbWeight::get().reads_writes(reads, writes))
}
