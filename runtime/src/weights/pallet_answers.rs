//! Weights of `pallet_answers`: estimates, counted by hand until `scripts/weights` measures them.
//!
//! Every call may make the judge list the longest program, or run it over zeros, which the figures of `pallet_disputes` stand for.

#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(missing_docs)]

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Weight functions for `pallet_answers`.
pub struct WeightInfo<T>(PhantomData<T>);
impl<T: frame_system::Config> pallet_answers::WeightInfo for WeightInfo<T> {
	// A signature, the architecture's record of up to 6 KiB, two programs, the sizes of one block of each operator of each different layer, the
	// commitment, the account and its holds.
	fn challenge() -> Weight {
		Weight::from_parts(60_000_000_000, 0)
			.saturating_add(Weight::from_parts(0, 40_000))
			.saturating_add(T::DbWeight::get().reads_writes(14, 10))
	}
	// Both holds, an offence that is taken back, and a challenge in a dispute.
	fn defend() -> Weight {
		<crate::weights::pallet_disputes::WeightInfo<T> as pallet_disputes::WeightInfo>::challenge()
			.saturating_add(Weight::from_parts(500_000_000, 40_000))
			.saturating_add(T::DbWeight::get().reads_writes(20, 16))
	}
	// A model's record and root, two roots, the line.
	fn look_at_model() -> Weight {
		Weight::from_parts(150_000_000, 0)
			.saturating_add(Weight::from_parts(0, 20_000))
			.saturating_add(T::DbWeight::get().reads_writes(10, 6))
	}
	// A line, a challenge, an offence and its stake, what was charged, and a bond.
	fn due() -> Weight {
		Weight::from_parts(1_000_000_000, 0)
			.saturating_add(Weight::from_parts(0, 50_000))
			.saturating_add(T::DbWeight::get().reads_writes(24, 20))
	}
}
