//! What `pallet_proof_of_learning` asks to be weighed.
//!
//! A runtime brings measured figures (`scripts/weights`); `()` serves tests.

use frame_support::weights::Weight;

/// Weights this pallet needs.
pub trait WeightInfo {
	/// `submit`.
	fn submit() -> Weight;
	/// `commit_score`.
	fn commit_score() -> Weight;
	/// Checks before a `commit_score` enters the pool, and again in the block.
	fn authorize_commit_score() -> Weight;
	/// `reveal_score`.
	fn reveal_score() -> Weight;
	/// Checks before a `reveal_score` enters the pool, and again in the block.
	fn authorize_reveal_score() -> Weight;
	/// `register_holdout`.
	fn register_holdout() -> Weight;
	/// `register_guard`.
	fn register_guard() -> Weight;
	/// `withdraw`.
	fn withdraw() -> Weight;
	/// The draw of one committee.
	fn draw() -> Weight;
	/// The decision of one submission.
	fn decide() -> Weight;
	/// A decision that matures.
	fn settle() -> Weight;
	/// What a refuted verdict costs whoever reports it: an acceptance is reversed, or a submission returns.
	fn refute() -> Weight;
	/// A block in which nothing is due.
	fn idle() -> Weight;
	/// `commit`, with as many expired commitments as an account may have.
	fn commit() -> Weight;
	/// One commitment that expires without being asked.
	fn expire_commitment() -> Weight;
	/// `report_copy`.
	fn report_copy() -> Weight;
	/// `report_open_copy`, by the bytes that are shown of each expert.
	fn report_open_copy(bytes: u32) -> Weight;
}

/// For mocks.
impl WeightInfo for () {
	fn submit() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn commit_score() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn authorize_commit_score() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn reveal_score() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn authorize_reveal_score() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn register_holdout() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn register_guard() -> Weight {
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
	fn settle() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn refute() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn idle() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn commit() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn expire_commitment() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn report_copy() -> Weight {
		Weight::from_parts(1_000, 0)
	}
	fn report_open_copy(_bytes: u32) -> Weight {
		Weight::from_parts(1_000, 0)
	}
}
