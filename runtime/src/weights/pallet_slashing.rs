//! Weights of `pallet_slashing`, measured by `scripts/weights` with `STEPS=10 REPEAT=6`.
//!
//! The node was built without optimisation on a machine that was busy: the times are several times what a
//! release build takes. Proof sizes and storage accesses do not depend on either.

#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(unused_parens)]
#![allow(unused_imports)]
#![allow(missing_docs)]

use frame_support::{traits::Get, weights::Weight};
use core::marker::PhantomData;

/// Weight functions for `pallet_slashing`.
pub struct WeightInfo<T>(PhantomData<T>);
impl<T: frame_system::Config> pallet_slashing::WeightInfo for WeightInfo<T> {
	/// Storage: `Slashing::Fingerprints` (r:1 w:1)
	/// Proof: `Slashing::Fingerprints` (`max_values`: None, `max_size`: Some(40), added: 2515, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::PendingOf` (r:1 w:1)
	/// Proof: `Slashing::PendingOf` (`max_values`: None, `max_size`: Some(177), added: 2652, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::NextOffence` (r:1 w:1)
	/// Proof: `Slashing::NextOffence` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
	/// Storage: `Operators::PendingOffences` (r:1 w:1)
	/// Proof: `Operators::PendingOffences` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Operators` (r:1 w:1)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::OffenceRecords` (r:0 w:1)
	/// Proof: `Slashing::OffenceRecords` (`max_values`: None, `max_size`: Some(174), added: 2649, mode: `MaxEncodedLen`)
	fn report() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `2026`
		//  Estimated: `3691`
		// Minimum execution time: 640_111_000 picoseconds.
		Weight::from_parts(742_703_000, 0)
			.saturating_add(Weight::from_parts(0, 3691))
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().writes(6))
			// Estimated: a case of the largest size, the stopwatch.
			.saturating_add(Weight::from_parts(0, 22500))
			.saturating_add(T::DbWeight::get().reads_writes(2, 1))
	}
	/// Storage: `Slashing::OffenceRecords` (r:1 w:1)
	/// Proof: `Slashing::OffenceRecords` (`max_values`: None, `max_size`: Some(174), added: 2649, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:1 w:1)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::Computed` (r:1 w:1)
	/// Proof: `Slashing::Computed` (`max_values`: None, `max_size`: Some(186), added: 2661, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Decisions` (r:1 w:1)
	/// Proof: `ProofOfLearning::Decisions` (`max_values`: None, `max_size`: Some(4324), added: 6799, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::NoExpert` (r:1 w:0)
	/// Proof: `Disputes::NoExpert` (`max_values`: None, `max_size`: Some(17), added: 2492, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Refuted` (r:2 w:0)
	/// Proof: `Disputes::Refuted` (`max_values`: None, `max_size`: Some(236), added: 2711, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Pairs` (r:1 w:1)
	/// Proof: `Disputes::Pairs` (`max_values`: None, `max_size`: Some(105), added: 2580, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Models` (r:1 w:0)
	/// Proof: `Experts::Models` (`max_values`: None, `max_size`: Some(206), added: 2681, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:1 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::NextGame` (r:1 w:1)
	/// Proof: `Disputes::NextGame` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Games` (r:1 w:1)
	/// Proof: `Disputes::Games` (`max_values`: None, `max_size`: Some(4034), added: 6509, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::CounterForGames` (r:1 w:1)
	/// Proof: `Disputes::CounterForGames` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Subjects` (r:1 w:1)
	/// Proof: `Disputes::Subjects` (`max_values`: None, `max_size`: Some(21), added: 2496, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Queue` (r:1 w:1)
	/// Proof: `Disputes::Queue` (`max_values`: Some(1), `max_size`: Some(16), added: 511, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Maturing` (r:1 w:1)
	/// Proof: `ProofOfLearning::Maturing` (`max_values`: Some(1), `max_size`: Some(3074), added: 3569, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Queued` (r:0 w:1)
	/// Proof: `Disputes::Queued` (`max_values`: None, `max_size`: Some(25), added: 2500, mode: `MaxEncodedLen`)
	fn appeal() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `3361`
		//  Estimated: `7789`
		// Minimum execution time: 1_952_952_000 picoseconds.
		Weight::from_parts(6_970_198_000, 0)
			.saturating_add(Weight::from_parts(0, 7789))
			.saturating_add(T::DbWeight::get().reads(17))
			.saturating_add(T::DbWeight::get().writes(13))
			// Estimated: a case of the largest size, the stopwatch.
			.saturating_add(Weight::from_parts(0, 22500))
			.saturating_add(T::DbWeight::get().reads_writes(2, 1))
	}
	/// Storage: `Slashing::OffenceRecords` (r:2 w:2)
	/// Proof: `Slashing::OffenceRecords` (`max_values`: None, `max_size`: Some(174), added: 2649, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:3 w:3)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::Strikes` (r:1 w:1)
	/// Proof: `Slashing::Strikes` (`max_values`: None, `max_size`: Some(61), added: 2536, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Operators` (r:1 w:1)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::PendingOf` (r:1 w:1)
	/// Proof: `Slashing::PendingOf` (`max_values`: None, `max_size`: Some(177), added: 2652, mode: `MaxEncodedLen`)
	/// Storage: `Operators::PendingOffences` (r:1 w:1)
	/// Proof: `Operators::PendingOffences` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::ClosedCount` (r:1 w:1)
	/// Proof: `Slashing::ClosedCount` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::ClosedRing` (r:1 w:1)
	/// Proof: `Slashing::ClosedRing` (`max_values`: None, `max_size`: Some(20), added: 2495, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Banned` (r:0 w:1)
	/// Proof: `Operators::Banned` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::Fingerprints` (r:0 w:1)
	/// Proof: `Slashing::Fingerprints` (`max_values`: None, `max_size`: Some(40), added: 2515, mode: `MaxEncodedLen`)
	fn apply() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `4506`
		//  Estimated: `8799`
		// Minimum execution time: 2_110_226_000 picoseconds.
		Weight::from_parts(6_431_708_000, 0)
			.saturating_add(Weight::from_parts(0, 8799))
			.saturating_add(T::DbWeight::get().reads(12))
			.saturating_add(T::DbWeight::get().writes(14))
			// Estimated: a case of the largest size, the stopwatch.
			.saturating_add(Weight::from_parts(0, 22500))
			.saturating_add(T::DbWeight::get().reads_writes(2, 1))
	}
	/// Storage: `Slashing::OffenceRecords` (r:3 w:2)
	/// Proof: `Slashing::OffenceRecords` (`max_values`: None, `max_size`: Some(174), added: 2649, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:1 w:1)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::PendingOf` (r:1 w:1)
	/// Proof: `Slashing::PendingOf` (`max_values`: None, `max_size`: Some(177), added: 2652, mode: `MaxEncodedLen`)
	/// Storage: `Operators::PendingOffences` (r:1 w:1)
	/// Proof: `Operators::PendingOffences` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::ClosedCount` (r:1 w:1)
	/// Proof: `Slashing::ClosedCount` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::ClosedRing` (r:1 w:1)
	/// Proof: `Slashing::ClosedRing` (`max_values`: None, `max_size`: Some(20), added: 2495, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::Fingerprints` (r:0 w:1)
	/// Proof: `Slashing::Fingerprints` (`max_values`: None, `max_size`: Some(40), added: 2515, mode: `MaxEncodedLen`)
	fn pardon() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `4781`
		//  Estimated: `8937`
		// Minimum execution time: 1_192_332_000 picoseconds.
		Weight::from_parts(1_312_260_000, 0)
			.saturating_add(Weight::from_parts(0, 8937))
			.saturating_add(T::DbWeight::get().reads(9))
			.saturating_add(T::DbWeight::get().writes(9))
			// Estimated: a case of the largest size, the stopwatch.
			.saturating_add(Weight::from_parts(0, 22500))
			.saturating_add(T::DbWeight::get().reads_writes(2, 1))
	}
	/// Storage: `Slashing::OffenceRecords` (r:2 w:2)
	/// Proof: `Slashing::OffenceRecords` (`max_values`: None, `max_size`: Some(174), added: 2649, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:3 w:3)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::Strikes` (r:1 w:1)
	/// Proof: `Slashing::Strikes` (`max_values`: None, `max_size`: Some(61), added: 2536, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Operators` (r:1 w:1)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::PendingOf` (r:1 w:1)
	/// Proof: `Slashing::PendingOf` (`max_values`: None, `max_size`: Some(177), added: 2652, mode: `MaxEncodedLen`)
	/// Storage: `Operators::PendingOffences` (r:1 w:1)
	/// Proof: `Operators::PendingOffences` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::ClosedCount` (r:1 w:1)
	/// Proof: `Slashing::ClosedCount` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::ClosedRing` (r:1 w:1)
	/// Proof: `Slashing::ClosedRing` (`max_values`: None, `max_size`: Some(20), added: 2495, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Banned` (r:0 w:1)
	/// Proof: `Operators::Banned` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::Fingerprints` (r:0 w:1)
	/// Proof: `Slashing::Fingerprints` (`max_values`: None, `max_size`: Some(40), added: 2515, mode: `MaxEncodedLen`)
	fn uphold() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `4506`
		//  Estimated: `8799`
		// Minimum execution time: 2_073_792_000 picoseconds.
		Weight::from_parts(2_321_290_000, 0)
			.saturating_add(Weight::from_parts(0, 8799))
			.saturating_add(T::DbWeight::get().reads(12))
			.saturating_add(T::DbWeight::get().writes(14))
			// Estimated: a case of the largest size, the stopwatch.
			.saturating_add(Weight::from_parts(0, 22500))
			.saturating_add(T::DbWeight::get().reads_writes(2, 1))
	}
	/// Storage: `Slashing::NextDue` (r:1 w:0)
	/// Proof: `Slashing::NextDue` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::NextOffence` (r:1 w:0)
	/// Proof: `Slashing::NextOffence` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
	fn idle() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `199`
		//  Estimated: `1493`
		// Minimum execution time: 81_411_000 picoseconds.
		Weight::from_parts(122_302_000, 0)
			.saturating_add(Weight::from_parts(0, 1493))
			.saturating_add(T::DbWeight::get().reads(2))
			// Estimated: the stopwatch.
			.saturating_add(Weight::from_parts(0, 500))
			.saturating_add(T::DbWeight::get().reads_writes(1, 0))
	}
	/// Storage: `Slashing::Strikes` (r:1 w:1)
	/// Proof: `Slashing::Strikes` (`max_values`: None, `max_size`: Some(61), added: 2536, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Operators` (r:1 w:1)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:3 w:3)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::PendingOf` (r:1 w:1)
	/// Proof: `Slashing::PendingOf` (`max_values`: None, `max_size`: Some(177), added: 2652, mode: `MaxEncodedLen`)
	/// Storage: `Operators::PendingOffences` (r:1 w:1)
	/// Proof: `Operators::PendingOffences` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::ClosedCount` (r:1 w:1)
	/// Proof: `Slashing::ClosedCount` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::ClosedRing` (r:1 w:1)
	/// Proof: `Slashing::ClosedRing` (`max_values`: None, `max_size`: Some(20), added: 2495, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::OffenceRecords` (r:1 w:2)
	/// Proof: `Slashing::OffenceRecords` (`max_values`: None, `max_size`: Some(174), added: 2649, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Banned` (r:0 w:1)
	/// Proof: `Operators::Banned` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::Fingerprints` (r:0 w:1)
	/// Proof: `Slashing::Fingerprints` (`max_values`: None, `max_size`: Some(40), added: 2515, mode: `MaxEncodedLen`)
	fn apply_next() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `3760`
		//  Estimated: `8799`
		// Minimum execution time: 1_543_754_000 picoseconds.
		Weight::from_parts(4_956_255_000, 0)
			.saturating_add(Weight::from_parts(0, 8799))
			.saturating_add(T::DbWeight::get().reads(11))
			.saturating_add(T::DbWeight::get().writes(14))
			// Estimated: a case of the largest size, the stopwatch.
			.saturating_add(Weight::from_parts(0, 22500))
			.saturating_add(T::DbWeight::get().reads_writes(2, 1))
	}
}
