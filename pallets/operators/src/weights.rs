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
	fn top_up() -> Weight;
	fn return_to_duty() -> Weight;
	fn report_silence() -> Weight;
	fn challenge_hardware() -> Weight;
	fn answer_hardware() -> Weight;
	fn authorize_answer_hardware() -> Weight;
	fn settle_hardware() -> Weight;
	fn declare_owner() -> Weight;
	fn accept_operator() -> Weight;
	fn dissolve_ownership() -> Weight;
	fn outbid() -> Weight;
	/// A copy of all operators for draws.
	fn renew_electorate() -> Weight;
	/// The sweep, without the visits.
	fn sweep() -> Weight;
	/// One operator of the sweep.
	fn visit() -> Weight;
}

/// An upper estimate, for mocks.
fn estimate(micros: u64, reads: u64, writes: u64) -> Weight {
	Weight::from_parts(micros.saturating_mul(1_000_000), 4_096)
		.saturating_add(RocksDbWeight::get().reads_writes(reads, writes))
}

// Upper estimates from counting storage accesses and signatures, for mocks.
impl WeightInfo for () {
	fn register() -> Weight {
		estimate(150, 15, 13)
	}
	fn update_capabilities() -> Weight {
		estimate(65, 7, 6)
	}
	fn rotate_key() -> Weight {
		estimate(110, 6, 5)
	}
	fn heartbeat() -> Weight {
		estimate(35, 4, 2)
	}
	fn authorize_heartbeat() -> Weight {
		estimate(70, 3, 0)
	}
	fn exit() -> Weight {
		estimate(23, 1, 2)
	}
	fn withdraw() -> Weight {
		estimate(125, 14, 14)
	}
	fn top_up() -> Weight {
		estimate(50, 3, 3)
	}
	fn return_to_duty() -> Weight {
		estimate(25, 2, 1)
	}
	fn report_silence() -> Weight {
		estimate(90, 13, 10)
	}
	fn challenge_hardware() -> Weight {
		estimate(60, 4, 3)
	}
	fn answer_hardware() -> Weight {
		estimate(115, 13, 12)
	}
	fn authorize_answer_hardware() -> Weight {
		estimate(80, 4, 0)
	}
	fn settle_hardware() -> Weight {
		estimate(115, 13, 12)
	}
	fn declare_owner() -> Weight {
		estimate(30, 3, 2)
	}
	fn accept_operator() -> Weight {
		estimate(30, 4, 2)
	}
	fn dissolve_ownership() -> Weight {
		estimate(25, 1, 1)
	}
	fn outbid() -> Weight {
		estimate(620, 64, 23)
	}
	fn renew_electorate() -> Weight {
		estimate(600, 260, 2)
	}
	fn sweep() -> Weight {
		estimate(5, 3, 1)
	}
	fn visit() -> Weight {
		estimate(185, 27, 23)
	}
}
