//! Weights of `pallet_holdouts`: estimates, counted by hand until `scripts/weights` measures them.

#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(missing_docs)]

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Weight functions for `pallet_holdouts`.
pub struct WeightInfo<T>(PhantomData<T>);
impl<T: frame_system::Config> pallet_holdouts::WeightInfo for WeightInfo<T> {
	// The model's record; its rules.
	fn seal_model() -> Weight {
		// Most of it: one block of each operator of an architecture is planned, to see that all can be disputed.
		Weight::from_parts(5_000_000_000, 0)
			.saturating_add(Weight::from_parts(0, 40_000))
			.saturating_add(T::DbWeight::get().reads_writes(3, 1))
	}
	// A keeper, their number, the account and its holds.
	fn join() -> Weight {
		Weight::from_parts(120_000_000, 0)
			.saturating_add(Weight::from_parts(0, 10_000))
			.saturating_add(T::DbWeight::get().reads_writes(4, 4))
	}
	fn leave() -> Weight {
		Weight::from_parts(120_000_000, 0)
			.saturating_add(Weight::from_parts(0, 10_000))
			.saturating_add(T::DbWeight::get().reads_writes(4, 4))
	}
	// The rules, a keeper and all its chunks of 6 KiB, the account and its holds.
	fn commit() -> Weight {
		Weight::from_parts(160_000_000, 0)
			.saturating_add(Weight::from_parts(0, 20_000))
			.saturating_add(T::DbWeight::get().reads_writes(5, 4))
	}
	fn withdraw() -> Weight {
		Weight::from_parts(160_000_000, 0)
			.saturating_add(Weight::from_parts(0, 20_000))
			.saturating_add(T::DbWeight::get().reads_writes(4, 4))
	}
	// A round, the time, the model and its architecture, the hash of the bytes, and each byte hashed twice: as a blob, and as a leaf of a sequence; the leaves are sorted.
	fn reveal(b: u32, ) -> Weight {
		Weight::from_parts(250_000_000, 0)
			.saturating_add(Weight::from_parts(0, 50_000))
			.saturating_add(Weight::from_parts(20_000, 0).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().reads_writes(6, 2))
	}
	// A round, the list of those that wait, the operator of a key, and the owners of as many operators as may attest.
	fn attest() -> Weight {
		Weight::from_parts(400_000_000, 0)
			.saturating_add(Weight::from_parts(0, 120_000))
			.saturating_add(T::DbWeight::get().reads_writes(44, 6))
	}
	fn authorize_attest() -> Weight {
		Weight::from_parts(400_000_000, 0)
			.saturating_add(Weight::from_parts(0, 120_000))
			.saturating_add(T::DbWeight::get().reads(40))
	}
	// A notice, a keeper and its chunks, three holds, three accounts.
	fn report_leak() -> Weight {
		Weight::from_parts(350_000_000, 0)
			.saturating_add(Weight::from_parts(0, 36_000))
			.saturating_add(T::DbWeight::get().reads_writes(11, 9))
	}
	// A notice, a hold, an account.
	fn announce_leak() -> Weight {
		Weight::from_parts(80_000_000, 0)
			.saturating_add(Weight::from_parts(0, 8_000))
			.saturating_add(T::DbWeight::get().reads_writes(4, 3))
	}
	// As `commit`.
	fn commit_under() -> Weight {
		Weight::from_parts(160_000_000, 0)
			.saturating_add(Weight::from_parts(0, 20_000))
			.saturating_add(T::DbWeight::get().reads_writes(5, 4))
	}
	// A round, its rules, the seed, the list; a penalty or an appointment. Each keeper: its record, its chunks of 6 KiB, its owner.
	fn step(k: u32, ) -> Weight {
		Weight::from_parts(400_000_000, 0)
			.saturating_add(Weight::from_parts(0, 40_000))
			.saturating_add(Weight::from_parts(40_000_000, 12_000).saturating_mul(k.into()))
			.saturating_add(T::DbWeight::get().reads_writes(12, 9))
			.saturating_add(T::DbWeight::get().reads(4).saturating_mul(k.into()))
	}
	// The list of those that wait.
	fn idle() -> Weight {
		Weight::from_parts(20_000_000, 0)
			.saturating_add(Weight::from_parts(0, 5_000))
			.saturating_add(T::DbWeight::get().reads(2))
	}
}
