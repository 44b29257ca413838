//! Weights of `pallet_ledger`.
//!
//! This file has the shape that `blyan-node benchmark pallet --pallet pallet_ledger` writes and is replaced
//! by its output. Its present figures are upper estimates from counting storage accesses.

#![allow(missing_docs)]

use core::marker::PhantomData;
use frame_support::{
	traits::Get,
	weights::{constants::RocksDbWeight, Weight},
};

/// Weight functions needed for `pallet_ledger`.
pub trait WeightInfo {
	fn set_budget() -> Weight;
	fn fund() -> Weight;
	fn end_era() -> Weight;
}

/// Weights of `pallet_ledger` on a runtime's database.
pub struct SubstrateWeight<T>(PhantomData<T>);
impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
	fn set_budget() -> Weight {
		Weight::from_parts(10_000_000, 0).saturating_add(T::DbWeight::get().writes(1))
	}
	fn fund() -> Weight {
		Weight::from_parts(60_000_000, 3_593).saturating_add(T::DbWeight::get().reads_writes(3, 3))
	}
	fn end_era() -> Weight {
		Weight::from_parts(90_000_000, 3_593).saturating_add(T::DbWeight::get().reads_writes(7, 8))
	}
}

impl WeightInfo for () {
	fn set_budget() -> Weight {
		Weight::from_parts(10_000_000, 0).saturating_add(RocksDbWeight::get().writes(1))
	}
	fn fund() -> Weight {
		Weight::from_parts(60_000_000, 3_593).saturating_add(RocksDbWeight::get().reads_writes(3, 3))
	}
	fn end_era() -> Weight {
		Weight::from_parts(90_000_000, 3_593).saturating_add(RocksDbWeight::get().reads_writes(7, 8))
	}
}
