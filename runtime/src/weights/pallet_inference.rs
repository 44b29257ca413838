//! Weights of `pallet_inference`, **estimated**: storage accesses counted by hand, times by comparison with measured calls of the
//! neighbours. `scripts/weights` replaces them.
//!
//! A signature of sr25519 is taken for 60 microseconds natively and, since calls may check it twice (plain and wrapped), for 150 here.

#![allow(missing_docs)]

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Weight functions for `pallet_inference`.
pub struct WeightInfo<T>(PhantomData<T>);
impl<T: frame_system::Config> pallet_inference::WeightInfo for WeightInfo<T> {
	fn make_offer() -> Weight {
		Weight::from_parts(400_000_000, 93_300).saturating_add(T::DbWeight::get().reads_writes(34, 8))
	}
	fn change_offer() -> Weight {
		Weight::from_parts(400_000_000, 96_000).saturating_add(T::DbWeight::get().reads_writes(35, 8))
	}
	fn withdraw_offer() -> Weight {
		Weight::from_parts(90_000_000, 9_600).saturating_add(T::DbWeight::get().reads_writes(3, 4))
	}
	fn close_offers() -> Weight {
		Weight::from_parts(500_000_000, 168_900).saturating_add(T::DbWeight::get().reads_writes(62, 62))
	}
	fn request() -> Weight {
		Weight::from_parts(220_000_000, 33_900).saturating_add(T::DbWeight::get().reads_writes(12, 8))
	}
	fn authorise() -> Weight {
		Weight::from_parts(200_000_000, 28_500).saturating_add(T::DbWeight::get().reads_writes(10, 5))
	}
	fn authorise_quote() -> Weight {
		Weight::from_parts(360_000_000, 36_600).saturating_add(T::DbWeight::get().reads_writes(13, 9))
	}
	fn capture() -> Weight {
		Weight::from_parts(300_000_000, 25_800).saturating_add(T::DbWeight::get().reads_writes(9, 6))
	}
	fn credit() -> Weight {
		Weight::from_parts(260_000_000, 31_200).saturating_add(T::DbWeight::get().reads_writes(11, 8))
			// What backs operators came after the measurement: counted.
			.saturating_add(Weight::from_parts(60_000_000, 12_000))
			.saturating_add(T::DbWeight::get().reads_writes(4, 2))
	}
	fn cancel() -> Weight {
		Weight::from_parts(160_000_000, 17_700).saturating_add(T::DbWeight::get().reads_writes(6, 5))
	}
	fn decline() -> Weight {
		Weight::from_parts(160_000_000, 17_700).saturating_add(T::DbWeight::get().reads_writes(6, 5))
	}
	fn reverse() -> Weight {
		Weight::from_parts(150_000_000, 15_000).saturating_add(T::DbWeight::get().reads_writes(5, 4))
	}
	fn expire() -> Weight {
		Weight::from_parts(160_000_000, 17_700).saturating_add(T::DbWeight::get().reads_writes(6, 5))
	}
	fn open_session() -> Weight {
		Weight::from_parts(180_000_000, 23_100).saturating_add(T::DbWeight::get().reads_writes(8, 5))
	}
	fn top_up() -> Weight {
		Weight::from_parts(130_000_000, 9_600).saturating_add(T::DbWeight::get().reads_writes(3, 3))
	}
	fn settle() -> Weight {
		Weight::from_parts(380_000_000, 23_100).saturating_add(T::DbWeight::get().reads_writes(8, 6))
			// What backs operators came after the measurement: counted.
			.saturating_add(Weight::from_parts(60_000_000, 12_000))
			.saturating_add(T::DbWeight::get().reads_writes(4, 2))
	}
	fn close_session() -> Weight {
		Weight::from_parts(60_000_000, 6_900).saturating_add(T::DbWeight::get().reads_writes(2, 1))
	}
	fn finish_session() -> Weight {
		Weight::from_parts(140_000_000, 15_000).saturating_add(T::DbWeight::get().reads_writes(5, 4))
	}
	fn release_session() -> Weight {
		Weight::from_parts(140_000_000, 15_000).saturating_add(T::DbWeight::get().reads_writes(5, 4))
	}
	fn toggle_privacy() -> Weight {
		Weight::from_parts(40_000_000, 4_200).saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	// The numbers between which the sweep walks.
	fn sweep() -> Weight {
		Weight::from_parts(20_000_000, 9_600).saturating_add(T::DbWeight::get().reads_writes(3, 2))
	}
	// One request in the worst case: it is paid.
	fn sweep_request() -> Weight {
		Weight::from_parts(280_000_000, 33_900).saturating_add(T::DbWeight::get().reads_writes(12, 9))
			// What backs operators came after the measurement: counted.
			.saturating_add(Weight::from_parts(60_000_000, 12_000))
			.saturating_add(T::DbWeight::get().reads_writes(4, 2))
	}
}
