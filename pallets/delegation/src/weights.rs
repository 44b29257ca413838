//! Weights that `pallet_delegation` asks for.
//!
//! A runtime brings measured figures (`scripts/weights`); `()` serves tests.

#![allow(missing_docs)]

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// Weight functions needed for `pallet_delegation`.
pub trait WeightInfo {
	fn delegate() -> Weight;
	fn undelegate() -> Weight;
	fn withdraw_unbonded() -> Weight;
	fn claim() -> Weight;
	fn set_commission() -> Weight;
	fn close() -> Weight;
}

/// An upper estimate, with the proof of as many entries as are read.
fn estimate(micros: u64, reads: u64, writes: u64) -> Weight {
	let proof = reads.saturating_mul(3_000);
	Weight::from_parts(micros.saturating_mul(1_000_000), proof)
		.saturating_add(RocksDbWeight::get().reads_writes(reads, writes))
}

// Upper estimates from counting storage accesses. Two accounts with their holds are four entries, an operator's record and what is
// pending against it are two or three.
impl WeightInfo for () {
	// Pool, entry, record (counted and not), pending offences, their list and sixteen of them, accounts and holds of both.
	fn delegate() -> Weight {
		estimate(200, 27, 6)
	}
	// Pool, entry, records of operators with a place and without, account and hold of the backer.
	fn undelegate() -> Weight {
		estimate(120, 8, 6)
	}
	// Pool, entry, pending offences, their list and sixteen of them, accounts and holds of both, dust and deposits.
	fn withdraw_unbonded() -> Weight {
		estimate(210, 25, 6)
	}
	fn claim() -> Weight {
		estimate(160, 7, 6)
	}
	fn set_commission() -> Weight {
		estimate(70, 5, 3)
	}
	fn close() -> Weight {
		estimate(80, 4, 3)
	}
}
