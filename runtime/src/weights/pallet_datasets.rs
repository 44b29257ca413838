//! Weights of `pallet_datasets`.
//!
//! Estimates: reads and writes counted by hand from the code's worst cases, times taken from measured calls of the same shape in
//! the neighbours' files, proofs rounded up. `scripts/weights` replaces this file by measured figures.

#![cfg_attr(rustfmt, rustfmt_skip)]

use core::marker::PhantomData;
use frame_support::{traits::Get, weights::Weight};

/// Weight functions for `pallet_datasets`.
pub struct WeightInfo<T>(PhantomData<T>);

impl<T: frame_system::Config> pallet_datasets::WeightInfo for WeightInfo<T> {
	/// `offer`, with `b` blobs.
	fn offer(b: u32) -> Weight {
		Weight::from_parts(400_000_000, 31_000)
			.saturating_add(T::DbWeight::get().reads_writes(9, 10))
			.saturating_add(Weight::from_parts(2_000_000, 2_600).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().reads_writes(1, 1).saturating_mul(b.into()))
	}
	/// `name_blobs`, with `b` blobs.
	fn name_blobs(b: u32) -> Weight {
		Weight::from_parts(150_000_000, 13_000)
			.saturating_add(T::DbWeight::get().reads_writes(3, 3))
			.saturating_add(Weight::from_parts(2_000_000, 2_600).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().reads_writes(1, 1).saturating_mul(b.into()))
	}
	/// `begin_audit`.
	fn begin_audit() -> Weight {
		Weight::from_parts(250_000_000, 31_000)
			.saturating_add(T::DbWeight::get().reads_writes(9, 6))
	}
	/// `seal`.
	fn seal() -> Weight {
		Weight::from_parts(250_000_000, 28_000)
			.saturating_add(T::DbWeight::get().reads_writes(8, 5))
	}
	/// Checks before a `seal`.
	fn authorize_seal() -> Weight {
		Weight::from_parts(300_000_000, 16_000)
			.saturating_add(T::DbWeight::get().reads_writes(4, 0))
	}
	/// `reveal`.
	fn reveal() -> Weight {
		Weight::from_parts(270_000_000, 28_000)
			.saturating_add(T::DbWeight::get().reads_writes(8, 5))
	}
	/// Checks before a `reveal`.
	fn authorize_reveal() -> Weight {
		Weight::from_parts(320_000_000, 16_000)
			.saturating_add(T::DbWeight::get().reads_writes(4, 0))
	}
	/// `vote`.
	fn vote() -> Weight {
		Weight::from_parts(300_000_000, 22_000)
			.saturating_add(T::DbWeight::get().reads_writes(6, 2))
	}
	/// `appeal`.
	fn appeal() -> Weight {
		Weight::from_parts(300_000_000, 43_000)
			.saturating_add(T::DbWeight::get().reads_writes(13, 8))
	}
	/// `withdraw`, from a vote.
	fn withdraw() -> Weight {
		Weight::from_parts(350_000_000, 46_000)
			.saturating_add(T::DbWeight::get().reads_writes(14, 10))
	}
	/// `quarantine`.
	fn quarantine() -> Weight {
		Weight::from_parts(250_000_000, 36_000)
			.saturating_add(T::DbWeight::get().reads_writes(9, 8))
	}
	/// `declare_manifest`, with `d` datasets.
	fn declare_manifest(d: u32) -> Weight {
		Weight::from_parts(250_000_000, 28_000)
			.saturating_add(T::DbWeight::get().reads_writes(8, 1))
			.saturating_add(Weight::from_parts(8_000_000, 6_000).saturating_mul(d.into()))
			.saturating_add(T::DbWeight::get().reads_writes(2, 2).saturating_mul(d.into()))
	}
	/// The costliest step. A draw reads every operator; the end of an audit makes a list of voters of them and pays a committee.
	fn step() -> Weight {
		Weight::from_parts(4_000_000_000, 900_000)
			.saturating_add(T::DbWeight::get().reads_writes(600, 100))
			// What backs operators came after the measurement: counted.
			.saturating_add(Weight::from_parts(400_000_000, 51_000))
			.saturating_add(T::DbWeight::get().reads_writes(17, 16))
	}
	/// A moment of the agenda in which nothing is due.
	fn idle() -> Weight {
		Weight::from_parts(30_000_000, 10_000)
			.saturating_add(T::DbWeight::get().reads_writes(2, 1))
	}
}
