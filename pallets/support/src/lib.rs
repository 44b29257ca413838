#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
	not(test),
	deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::float_arithmetic)
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::traits::Zero;

pub mod commit_reveal;
pub mod message;
// The feature is on wherever the pallets' tests are built, and the rest is part of the runtime even then.
#[allow(clippy::arithmetic_side_effects)]
#[cfg(any(test, feature = "mocks"))]
pub mod mocks;
pub mod sampling;
pub mod worker;

/// Hash of block zero, which names the network in what is signed, so that it means nothing elsewhere.
pub fn genesis_hash<T: frame_system::Config>() -> T::Hash {
	frame_system::Pallet::<T>::block_hash(BlockNumberFor::<T>::zero())
}
