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
	/// `execute`, of the costliest block of the first definition.
	fn execute() -> Weight;
	/// The same, of the second definition and its longest program.
	fn execute_second() -> Weight;
	/// Checks before an `execute_authorized` enters the pool, and again in the block; of the costliest block of the first definition.
	fn authorize_execute() -> Weight;
	/// The same, of the second definition and its longest program.
	fn authorize_execute_second() -> Weight;
	/// `claim_timeout`.
	fn claim_timeout() -> Weight;
	/// Checks before a `claim_timeout` enters the pool, and again in the block.
	fn authorize_claim_timeout() -> Weight;
	/// `settle`.
	fn settle() -> Weight;
	/// Checks before a `settle` enters the pool, and again in the block.
	fn authorize_settle() -> Weight;
	/// `prove_blob`; `b` bytes of blob, under the first definition.
	fn prove_blob(b: u32) -> Weight;
	/// The same, under the second definition.
	fn prove_blob_second(b: u32) -> Weight;
	/// Checks before a `prove_blob_authorized` enters the pool, and again in the block; `b` bytes of blob, under the first definition.
	fn authorize_prove_blob(b: u32) -> Weight;
	/// The same, under the second definition.
	fn authorize_prove_blob_second(b: u32) -> Weight;
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

	/// `execute`, of the costliest block of either definition.
	fn execute_max() -> Weight {
		Self::execute().max(Self::execute_second())
	}
	/// Checks before an `execute_authorized`, of the costliest block of either definition.
	fn authorize_execute_max() -> Weight {
		Self::authorize_execute().max(Self::authorize_execute_second())
	}
	/// `prove_blob`, under either definition.
	fn prove_blob_max(b: u32) -> Weight {
		Self::prove_blob(b).max(Self::prove_blob_second(b))
	}
	/// Checks before a `prove_blob_authorized`, under either definition.
	fn authorize_prove_blob_max(b: u32) -> Weight {
		Self::authorize_prove_blob(b).max(Self::authorize_prove_blob_second(b))
	}
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
	fn execute_second() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn authorize_execute() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn authorize_execute_second() -> Weight {
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
	fn prove_blob_second(_: u32) -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn authorize_prove_blob(_: u32) -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn authorize_prove_blob_second(_: u32) -> Weight {
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
