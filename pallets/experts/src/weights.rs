//! Weights of `pallet_experts`.
//!
//! This file has the shape that `blyan-node benchmark pallet --pallet pallet_experts` writes and is replaced
//! by its output. Its present figures are upper estimates from counting storage accesses.

#![allow(missing_docs)]

use core::marker::PhantomData;
use frame_support::{
	traits::Get,
	weights::{constants::RocksDbWeight, Weight},
};

/// Weight functions needed for `pallet_experts`.
pub trait WeightInfo {
	fn register_model(h: u32) -> Weight;
}

/// Weights of `pallet_experts` on a runtime's database.
pub struct SubstrateWeight<T>(PhantomData<T>);
impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T> {
	/// The range of component `h` is `[1, 512]`.
	fn register_model(h: u32) -> Weight {
		Weight::from_parts(30_000_000, 3_600)
			.saturating_add(Weight::from_parts(15_000_000, 2_600).saturating_mul(h.into()))
			.saturating_add(T::DbWeight::get().reads_writes(2, 3))
			.saturating_add(T::DbWeight::get().reads_writes(1, 3).saturating_mul(h.into()))
	}
}

impl WeightInfo for () {
	fn register_model(h: u32) -> Weight {
		Weight::from_parts(30_000_000, 3_600)
			.saturating_add(Weight::from_parts(15_000_000, 2_600).saturating_mul(h.into()))
			.saturating_add(RocksDbWeight::get().reads_writes(2, 3))
			.saturating_add(RocksDbWeight::get().reads_writes(1, 3).saturating_mul(h.into()))
	}
}
