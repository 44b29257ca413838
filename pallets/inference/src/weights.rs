//! Weights that `pallet_inference` asks for.
//!
//! A runtime brings measured figures (`scripts/weights`); `()` serves tests.

#![allow(missing_docs)]

use frame_support::weights::{constants::RocksDbWeight, Weight};

/// Weight functions needed for `pallet_inference`.
pub trait WeightInfo {
	fn make_offer() -> Weight;
	fn change_offer() -> Weight;
	fn withdraw_offer() -> Weight;
	fn close_offers() -> Weight;
	fn request() -> Weight;
	fn authorise() -> Weight;
	fn authorise_quote() -> Weight;
	fn capture() -> Weight;
	fn credit() -> Weight;
	fn cancel() -> Weight;
	fn decline() -> Weight;
	fn reverse() -> Weight;
	fn expire() -> Weight;
	fn open_session() -> Weight;
	fn top_up() -> Weight;
	fn settle() -> Weight;
	fn close_session() -> Weight;
	fn finish_session() -> Weight;
	fn release_session() -> Weight;
	fn toggle_privacy() -> Weight;
	fn sweep() -> Weight;
	fn sweep_request() -> Weight;
}

// Upper estimates from counting storage accesses, for mocks.
impl WeightInfo for () {
	fn make_offer() -> Weight {
		Weight::from_parts(400_000_000, 93_300).saturating_add(RocksDbWeight::get().reads_writes(34, 8))
	}
	fn change_offer() -> Weight {
		Weight::from_parts(400_000_000, 96_000).saturating_add(RocksDbWeight::get().reads_writes(35, 8))
	}
	fn withdraw_offer() -> Weight {
		Weight::from_parts(90_000_000, 9_600).saturating_add(RocksDbWeight::get().reads_writes(3, 4))
	}
	fn close_offers() -> Weight {
		Weight::from_parts(500_000_000, 168_900).saturating_add(RocksDbWeight::get().reads_writes(62, 62))
	}
	fn request() -> Weight {
		Weight::from_parts(220_000_000, 33_900).saturating_add(RocksDbWeight::get().reads_writes(12, 8))
	}
	fn authorise() -> Weight {
		Weight::from_parts(200_000_000, 28_500).saturating_add(RocksDbWeight::get().reads_writes(10, 5))
	}
	fn authorise_quote() -> Weight {
		Weight::from_parts(360_000_000, 36_600).saturating_add(RocksDbWeight::get().reads_writes(13, 9))
	}
	fn capture() -> Weight {
		Weight::from_parts(300_000_000, 25_800).saturating_add(RocksDbWeight::get().reads_writes(9, 6))
	}
	fn credit() -> Weight {
		Weight::from_parts(260_000_000, 31_200).saturating_add(RocksDbWeight::get().reads_writes(11, 8))
	}
	fn cancel() -> Weight {
		Weight::from_parts(160_000_000, 17_700).saturating_add(RocksDbWeight::get().reads_writes(6, 5))
	}
	fn decline() -> Weight {
		Weight::from_parts(160_000_000, 17_700).saturating_add(RocksDbWeight::get().reads_writes(6, 5))
	}
	fn reverse() -> Weight {
		Weight::from_parts(150_000_000, 15_000).saturating_add(RocksDbWeight::get().reads_writes(5, 4))
	}
	fn expire() -> Weight {
		Weight::from_parts(160_000_000, 17_700).saturating_add(RocksDbWeight::get().reads_writes(6, 5))
	}
	fn open_session() -> Weight {
		Weight::from_parts(180_000_000, 23_100).saturating_add(RocksDbWeight::get().reads_writes(8, 5))
	}
	fn top_up() -> Weight {
		Weight::from_parts(130_000_000, 9_600).saturating_add(RocksDbWeight::get().reads_writes(3, 3))
	}
	fn settle() -> Weight {
		Weight::from_parts(380_000_000, 23_100).saturating_add(RocksDbWeight::get().reads_writes(8, 6))
	}
	fn close_session() -> Weight {
		Weight::from_parts(60_000_000, 6_900).saturating_add(RocksDbWeight::get().reads_writes(2, 1))
	}
	fn finish_session() -> Weight {
		Weight::from_parts(140_000_000, 15_000).saturating_add(RocksDbWeight::get().reads_writes(5, 4))
	}
	fn release_session() -> Weight {
		Weight::from_parts(140_000_000, 15_000).saturating_add(RocksDbWeight::get().reads_writes(5, 4))
	}
	fn toggle_privacy() -> Weight {
		Weight::from_parts(40_000_000, 4_200).saturating_add(RocksDbWeight::get().reads_writes(1, 1))
	}
	fn sweep() -> Weight {
		Weight::from_parts(20_000_000, 9_600).saturating_add(RocksDbWeight::get().reads_writes(3, 2))
	}
	fn sweep_request() -> Weight {
		Weight::from_parts(280_000_000, 33_900).saturating_add(RocksDbWeight::get().reads_writes(12, 9))
	}
}
