//! Weights of this pallet: estimates from the storage each step touches, until measured on the chain's
//! reference machine.

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

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

/// Weights with the runtime's own database costs.
pub struct SubstrateWeight<T>(PhantomData<T>);

impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
	fn submit() -> Weight {
		Weight::from_parts(120_000_000, 20_000).saturating_add(T::DbWeight::get().reads_writes(12, 9))
	}
	fn report_score() -> Weight {
		Weight::from_parts(40_000_000, 8_000).saturating_add(T::DbWeight::get().reads_writes(3, 1))
	}
	fn authorize_report_score() -> Weight {
		Weight::from_parts(90_000_000, 8_000).saturating_add(T::DbWeight::get().reads(4))
	}
	fn register_holdout() -> Weight {
		Weight::from_parts(20_000_000, 6_000).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	fn withdraw() -> Weight {
		Weight::from_parts(100_000_000, 20_000).saturating_add(T::DbWeight::get().reads_writes(10, 12))
	}
	fn draw() -> Weight {
		Weight::from_parts(300_000_000, 60_000).saturating_add(T::DbWeight::get().reads_writes(120, 13))
	}
	fn decide() -> Weight {
		Weight::from_parts(400_000_000, 60_000).saturating_add(T::DbWeight::get().reads_writes(50, 45))
	}
	fn idle() -> Weight {
		Weight::from_parts(5_000_000, 2_000).saturating_add(T::DbWeight::get().reads(1))
	}
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
