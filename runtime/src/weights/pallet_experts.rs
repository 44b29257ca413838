//! Weights of `pallet_experts`, measured by `scripts/weights` with `STEPS=10 REPEAT=6`.
//!
//! The node was built without optimisation on a machine that was busy: the times are several times what a
//! release build takes. Proof sizes and storage accesses do not depend on either.

#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(unused_parens)]
#![allow(unused_imports)]
#![allow(missing_docs)]

use frame_support::{traits::Get, weights::Weight};
use core::marker::PhantomData;

/// Weight functions for `pallet_experts`.
pub struct WeightInfo<T>(PhantomData<T>);
impl<T: frame_system::Config> pallet_experts::WeightInfo for WeightInfo<T> {
	/// Storage: `Experts::ModelCount` (r:1 w:1)
	/// Proof: `Experts::ModelCount` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Blobs` (r:513 w:513)
	/// Proof: `Experts::Blobs` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Heads` (r:0 w:512)
	/// Proof: `Experts::Heads` (`max_values`: None, `max_size`: Some(87), added: 2562, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Versions` (r:0 w:512)
	/// Proof: `Experts::Versions` (`max_values`: None, `max_size`: Some(230), added: 2705, mode: `MaxEncodedLen`)
	/// Storage: `Experts::HeadTree` (r:0 w:1023)
	/// Proof: `Experts::HeadTree` (`max_values`: None, `max_size`: Some(57), added: 2532, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Models` (r:0 w:1)
	/// Proof: `Experts::Models` (`max_values`: None, `max_size`: Some(206), added: 2681, mode: `MaxEncodedLen`)
	/// The range of component `h` is `[1, 512]`.
	fn register_model(h: u32, ) -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `1586 + h * (1 ±0)`
		//  Estimated: `3525 + h * (2535 ±0)`
		// Minimum execution time: 346_044_000 picoseconds.
		Weight::from_parts(342_988_658, 0)
			.saturating_add(Weight::from_parts(0, 3525))
			// Standard Error: 368_351
			.saturating_add(Weight::from_parts(157_994_905, 0).saturating_mul(h.into()))
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().reads((1_u64).saturating_mul(h.into())))
			.saturating_add(T::DbWeight::get().writes(5))
			.saturating_add(T::DbWeight::get().writes((5_u64).saturating_mul(h.into())))
			.saturating_add(Weight::from_parts(0, 2535).saturating_mul(h.into()))
	}
	// Counted by hand until the next measurement: queue, its place, the version, the kept generations, the blob.
	fn forget() -> Weight {
		Weight::from_parts(60_000_000, 0)
			.saturating_add(Weight::from_parts(0, 23_000))
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().writes(4))
	}
}
