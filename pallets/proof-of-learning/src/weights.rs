//! What `pallet_proof_of_learning` asks to be weighed.
//!
//! A runtime brings measured figures (`scripts/weights`); `()` serves tests.

use frame_support::weights::Weight;

/// Weights this pallet needs.
pub trait WeightInfo {
	/// `submit`.
	fn submit() -> Weight;
	/// `report_score`.
	fn report_score() -> Weight;
	/// Checks before a `report_score` enters the pool, and again in the block.
	fn authorize_report_score() -> Weight;
	/// `register_holdout`.
	fn register_holdout() -> Weight;
	/// `withdraw`.
	fn withdraw() -> Weight;
	/// The draw of one committee.
	fn draw() -> Weight;
	/// The decision of one submission.
	fn decide() -> Weight;
	/// A block in which nothing is due.
	fn idle() -> Weight;
}

/// For mocks.
impl WeightInfo for () {
	fn submit() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn report_score() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn authorize_report_score() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn register_holdout() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn withdraw() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn draw() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn decide() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn idle() -> Weight {
		Weight::from_parts(1_000, 0)
	}
}
