//! What `pallet_disputes` asks to be weighed.
//!
//! A runtime brings measured figures (`scripts/weights`); `()` serves tests.

use frame_support::weights::Weight;

/// Weights this pallet needs.
pub trait WeightInfo {
	/// `commit`.
	fn commit() -> Weight;
	/// `withdraw_commitment`.
	fn withdraw_commitment() -> Weight;
	/// `challenge`.
	fn challenge() -> Weight;
	/// `confront`.
	fn confront() -> Weight;
	/// Checks before a `confront` enters the pool, and again in the block.
	fn authorize_confront() -> Weight;
	/// `descend`.
	fn descend() -> Weight;
	/// Checks before a `descend_authorized` enters the pool, and again in the block.
	fn authorize_descend() -> Weight;
	/// `execute`, of the dearest block.
	fn execute() -> Weight;
	/// Checks before an `execute_authorized` enters the pool, and again in the block; of the dearest block.
	fn authorize_execute() -> Weight;
	/// `claim_timeout`.
	fn claim_timeout() -> Weight;
	/// Checks before a `claim_timeout` enters the pool, and again in the block.
	fn authorize_claim_timeout() -> Weight;
	/// `settle`.
	fn settle() -> Weight;
	/// Checks before a `settle` enters the pool, and again in the block.
	fn authorize_settle() -> Weight;
	/// `prove_blob`; `b` bytes of blob.
	fn prove_blob(b: u32) -> Weight;
	/// Checks before a `prove_blob_authorized` enters the pool, and again in the block; `b` bytes of blob.
	fn authorize_prove_blob(b: u32) -> Weight;
	/// `demand_tile`.
	fn demand_tile() -> Weight;
	/// Checks before a `demand_tile_authorized` enters the pool, and again in the block.
	fn authorize_demand_tile() -> Weight;
	/// `supply_tile`.
	fn supply_tile() -> Weight;
	/// Checks before a `supply_tile_authorized` enters the pool, and again in the block.
	fn authorize_supply_tile() -> Weight;
	/// `close_demand`.
	fn close_demand() -> Weight;
	/// Checks before a `close_demand` enters the pool, and again in the block.
	fn authorize_close_demand() -> Weight;
	/// `report_equivocation`.
	fn report_equivocation() -> Weight;
	/// A block's look at one subject that may be forgotten.
	fn sweep() -> Weight;
}

/// For mocks.
impl WeightInfo for () {
	fn commit() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn withdraw_commitment() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn challenge() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn confront() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn authorize_confront() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn descend() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn authorize_descend() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn execute() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn authorize_execute() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn claim_timeout() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn authorize_claim_timeout() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn settle() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn authorize_settle() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn prove_blob(_: u32) -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn authorize_prove_blob(_: u32) -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn demand_tile() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn authorize_demand_tile() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn supply_tile() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn authorize_supply_tile() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn close_demand() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn authorize_close_demand() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn report_equivocation() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn sweep() -> Weight {
		Weight::from_parts(1_000, 0)
	}
}
