//! Weights of `pallet_disputes`, measured by `scripts/weights` with `STEPS=10 REPEAT=6`.
//!
//! The node was built without optimisation on a machine that was busy: the times are several times what a
//! release build takes. Proof sizes and storage accesses do not depend on either.

#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(unused_parens)]
#![allow(unused_imports)]
#![allow(missing_docs)]

use frame_support::{traits::Get, weights::Weight};
use core::marker::PhantomData;

/// Weight functions for `pallet_disputes`.
pub struct WeightInfo<T>(PhantomData<T>);
impl<T: frame_system::Config> pallet_disputes::WeightInfo for WeightInfo<T> {
	// Counted by hand until the next measurement: the commitment, the account, its holds.
	fn commit() -> Weight {
		Weight::from_parts(120_000_000, 0)
			.saturating_add(Weight::from_parts(0, 9_000))
			.saturating_add(T::DbWeight::get().reads_writes(4, 3))
	}
	// As above.
	fn withdraw_commitment() -> Weight {
		Weight::from_parts(120_000_000, 0)
			.saturating_add(Weight::from_parts(0, 9_000))
			.saturating_add(T::DbWeight::get().reads_writes(4, 3))
	}
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
	/// Storage: `Parameters::Parameters` (r:2 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:1 w:1)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
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
	fn challenge() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `1833`
		//  Estimated: `7789`
		// Minimum execution time: 1_732_735_000 picoseconds.
		Weight::from_parts(1_813_686_000, 0)
			.saturating_add(Weight::from_parts(0, 7789))
			.saturating_add(T::DbWeight::get().reads(16))
			.saturating_add(T::DbWeight::get().writes(11))
			// Estimated: the loads of both claims, the stopwatch.
			.saturating_add(Weight::from_parts(0, 2600))
			.saturating_add(T::DbWeight::get().reads_writes(3, 2))
			// Estimated: the longest program of the second definition, from its architecture, for each part and verdict.
			.saturating_add(Weight::from_parts(24_000_000_000, 5_800))
			.saturating_add(T::DbWeight::get().reads(1))
	}
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
	fn confront() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `1610`
		//  Estimated: `7789`
		// Minimum execution time: 1_186_673_000 picoseconds.
		Weight::from_parts(1_268_956_000, 0)
			.saturating_add(Weight::from_parts(0, 7789))
			.saturating_add(T::DbWeight::get().reads(13))
			.saturating_add(T::DbWeight::get().writes(9))
			// Estimated: the loads of both claims, the stopwatch.
			.saturating_add(Weight::from_parts(0, 2600))
			.saturating_add(T::DbWeight::get().reads_writes(3, 2))
			// Estimated: the longest program of the second definition, from its architecture, for each part and verdict.
			.saturating_add(Weight::from_parts(24_000_000_000, 5_800))
			.saturating_add(T::DbWeight::get().reads(1))
	}
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Decisions` (r:1 w:0)
	/// Proof: `ProofOfLearning::Decisions` (`max_values`: None, `max_size`: Some(4324), added: 6799, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::NoExpert` (r:1 w:0)
	/// Proof: `Disputes::NoExpert` (`max_values`: None, `max_size`: Some(17), added: 2492, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Refuted` (r:2 w:0)
	/// Proof: `Disputes::Refuted` (`max_values`: None, `max_size`: Some(236), added: 2711, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Pairs` (r:1 w:0)
	/// Proof: `Disputes::Pairs` (`max_values`: None, `max_size`: Some(105), added: 2580, mode: `MaxEncodedLen`)
	/// Storage: `System::BlockHash` (r:1 w:0)
	/// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:1 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	fn authorize_confront() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `1599`
		//  Estimated: `7789`
		// Minimum execution time: 646_480_000 picoseconds.
		Weight::from_parts(664_307_000, 0)
			.saturating_add(Weight::from_parts(0, 7789))
			.saturating_add(T::DbWeight::get().reads(8))
			// Estimated: the longest program of the second definition, from its architecture, for each part.
			.saturating_add(Weight::from_parts(8_000_000_000, 5_800))
			.saturating_add(T::DbWeight::get().reads(1))
	}
	/// Storage: `Disputes::Games` (r:1 w:1)
	/// Proof: `Disputes::Games` (`max_values`: None, `max_size`: Some(4034), added: 6509, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Posted` (r:1 w:1)
	/// Proof: `Disputes::Posted` (`max_values`: None, `max_size`: Some(41428), added: 43903, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Agreed` (r:0 w:1)
	/// Proof: `Disputes::Agreed` (`max_values`: None, `max_size`: Some(20658), added: 23133, mode: `MaxEncodedLen`)
	fn descend() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `45539`
		//  Estimated: `44893`
		// Minimum execution time: 1_655_229_000 picoseconds.
		Weight::from_parts(1_753_236_000, 0)
			.saturating_add(Weight::from_parts(0, 44893))
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(3))
			// Estimated: the loads of both claims, the stopwatch.
			.saturating_add(Weight::from_parts(0, 2600))
			.saturating_add(T::DbWeight::get().reads_writes(3, 0))
			// Estimated: the longest program of the second definition, from its architecture, and its lists of 4,096 operators.
			.saturating_add(Weight::from_parts(14_000_000_000, 226_664))
			.saturating_add(T::DbWeight::get().reads(1))
	}
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Games` (r:1 w:0)
	/// Proof: `Disputes::Games` (`max_values`: None, `max_size`: Some(4034), added: 6509, mode: `MaxEncodedLen`)
	/// Storage: `System::BlockHash` (r:1 w:0)
	/// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:1 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	fn authorize_descend() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `4601`
		//  Estimated: `7499`
		// Minimum execution time: 1_479_058_000 picoseconds.
		Weight::from_parts(1_552_657_000, 0)
			.saturating_add(Weight::from_parts(0, 7499))
			.saturating_add(T::DbWeight::get().reads(4))
			// Estimated: the loads of both claims, the stopwatch.
			.saturating_add(Weight::from_parts(0, 2600))
			.saturating_add(T::DbWeight::get().reads_writes(3, 0))
			// Estimated: the longest program of the second definition, from its architecture, and its lists of 4,096 operators.
			.saturating_add(Weight::from_parts(14_000_000_000, 5_800))
			.saturating_add(T::DbWeight::get().reads(1))
	}
	/// Storage: `Disputes::Games` (r:1 w:1)
	/// Proof: `Disputes::Games` (`max_values`: None, `max_size`: Some(4034), added: 6509, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Agreed` (r:1 w:1)
	/// Proof: `Disputes::Agreed` (`max_values`: None, `max_size`: Some(20658), added: 23133, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::NoExpert` (r:1 w:0)
	/// Proof: `Disputes::NoExpert` (`max_values`: None, `max_size`: Some(17), added: 2492, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Refuted` (r:2 w:1)
	/// Proof: `Disputes::Refuted` (`max_values`: None, `max_size`: Some(236), added: 2711, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::CounterForGames` (r:1 w:1)
	/// Proof: `Disputes::CounterForGames` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Subjects` (r:1 w:1)
	/// Proof: `Disputes::Subjects` (`max_values`: None, `max_size`: Some(21), added: 2496, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Decisions` (r:1 w:1)
	/// Proof: `ProofOfLearning::Decisions` (`max_values`: None, `max_size`: Some(4324), added: 6799, mode: `MaxEncodedLen`)
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
	/// Storage: `Slashing::Computed` (r:64 w:0)
	/// Proof: `Slashing::Computed` (`max_values`: None, `max_size`: Some(186), added: 2661, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:18 w:18)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:2 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::EndedCount` (r:1 w:1)
	/// Proof: `Disputes::EndedCount` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::EndedRing` (r:1 w:1)
	/// Proof: `Disputes::EndedRing` (`max_values`: None, `max_size`: Some(20), added: 2495, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Heads` (r:1 w:0)
	/// Proof: `Experts::Heads` (`max_values`: None, `max_size`: Some(87), added: 2562, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::CounterForOpenSubmissions` (r:1 w:1)
	/// Proof: `ProofOfLearning::CounterForOpenSubmissions` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenRoots` (r:1 w:1)
	/// Proof: `ProofOfLearning::OpenRoots` (`max_values`: None, `max_size`: Some(56), added: 2531, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenBlobs` (r:1 w:1)
	/// Proof: `ProofOfLearning::OpenBlobs` (`max_values`: None, `max_size`: Some(56), added: 2531, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Queues` (r:1 w:1)
	/// Proof: `ProofOfLearning::Queues` (`max_values`: None, `max_size`: Some(2062), added: 4537, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::BusyModels` (r:1 w:1)
	/// Proof: `ProofOfLearning::BusyModels` (`max_values`: Some(1), `max_size`: Some(1026), added: 1521, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::CounterForDecisions` (r:1 w:1)
	/// Proof: `ProofOfLearning::CounterForDecisions` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Maturing` (r:1 w:1)
	/// Proof: `ProofOfLearning::Maturing` (`max_values`: Some(1), `max_size`: Some(3074), added: 3569, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Miners` (r:1 w:1)
	/// Proof: `ProofOfLearning::Miners` (`max_values`: None, `max_size`: Some(73), added: 2548, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenSubmissions` (r:1 w:1)
	/// Proof: `ProofOfLearning::OpenSubmissions` (`max_values`: None, `max_size`: Some(4246), added: 6721, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Posted` (r:0 w:1)
	/// Proof: `Disputes::Posted` (`max_values`: None, `max_size`: Some(41428), added: 43903, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Pairs` (r:0 w:1)
	/// Proof: `Disputes::Pairs` (`max_values`: None, `max_size`: Some(105), added: 2580, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Ended` (r:0 w:2)
	/// Proof: `Disputes::Ended` (`max_values`: None, `max_size`: Some(97), added: 2572, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::OffenceRecords` (r:0 w:1)
	/// Proof: `Slashing::OffenceRecords` (`max_values`: None, `max_size`: Some(174), added: 2649, mode: `MaxEncodedLen`)
	fn execute() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `9469`
		//  Estimated: `171294`
		// Minimum execution time: 9_257_467_000 picoseconds.
		Weight::from_parts(9_573_317_000, 0)
			.saturating_add(Weight::from_parts(0, 171294))
			.saturating_add(T::DbWeight::get().reads(110))
			.saturating_add(T::DbWeight::get().writes(46))
			// Estimated: a case of the largest size, the loads of both claims, the stopwatch.
			.saturating_add(Weight::from_parts(0, 22500))
			.saturating_add(T::DbWeight::get().reads_writes(6, 4))
			// Estimated: the list of agreed roots, which may have 4,096.
			.saturating_add(Weight::from_parts(1_000_000_000, 110_436))
	}
	// Estimated until the next measurement: as above, with the longest program and a hidden layer of 32,000 columns.
	fn execute_second() -> Weight {
		<Self as pallet_disputes::WeightInfo>::execute()
			.saturating_add(Weight::from_parts(30_000_000_000, 5_800))
			.saturating_add(T::DbWeight::get().reads(1))
	}
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Games` (r:1 w:0)
	/// Proof: `Disputes::Games` (`max_values`: None, `max_size`: Some(4034), added: 6509, mode: `MaxEncodedLen`)
	/// Storage: `System::BlockHash` (r:1 w:0)
	/// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Agreed` (r:1 w:0)
	/// Proof: `Disputes::Agreed` (`max_values`: None, `max_size`: Some(20658), added: 23133, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:1 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	fn authorize_execute() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `5096`
		//  Estimated: `24123`
		// Minimum execution time: 1_939_963_000 picoseconds.
		Weight::from_parts(2_064_197_000, 0)
			.saturating_add(Weight::from_parts(0, 24123))
			.saturating_add(T::DbWeight::get().reads(5))
			// Estimated: the list of agreed roots, which may have 4,096.
			.saturating_add(Weight::from_parts(1_000_000_000, 110_436))
	}
	// Estimated until the next measurement: as above, with the longest program and a hidden layer of 32,000 columns.
	fn authorize_execute_second() -> Weight {
		<Self as pallet_disputes::WeightInfo>::authorize_execute()
			.saturating_add(Weight::from_parts(30_000_000_000, 5_800))
			.saturating_add(T::DbWeight::get().reads(1))
	}
	/// Storage: `Disputes::Games` (r:1 w:1)
	/// Proof: `Disputes::Games` (`max_values`: None, `max_size`: Some(4034), added: 6509, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::NoExpert` (r:1 w:0)
	/// Proof: `Disputes::NoExpert` (`max_values`: None, `max_size`: Some(17), added: 2492, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Refuted` (r:2 w:1)
	/// Proof: `Disputes::Refuted` (`max_values`: None, `max_size`: Some(236), added: 2711, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::CounterForGames` (r:1 w:1)
	/// Proof: `Disputes::CounterForGames` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Subjects` (r:1 w:1)
	/// Proof: `Disputes::Subjects` (`max_values`: None, `max_size`: Some(21), added: 2496, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Decisions` (r:1 w:1)
	/// Proof: `ProofOfLearning::Decisions` (`max_values`: None, `max_size`: Some(4324), added: 6799, mode: `MaxEncodedLen`)
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
	/// Storage: `Slashing::Computed` (r:64 w:0)
	/// Proof: `Slashing::Computed` (`max_values`: None, `max_size`: Some(186), added: 2661, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:17 w:17)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:2 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::EndedCount` (r:1 w:1)
	/// Proof: `Disputes::EndedCount` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::EndedRing` (r:1 w:1)
	/// Proof: `Disputes::EndedRing` (`max_values`: None, `max_size`: Some(20), added: 2495, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Heads` (r:1 w:0)
	/// Proof: `Experts::Heads` (`max_values`: None, `max_size`: Some(87), added: 2562, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::CounterForOpenSubmissions` (r:1 w:1)
	/// Proof: `ProofOfLearning::CounterForOpenSubmissions` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenRoots` (r:1 w:1)
	/// Proof: `ProofOfLearning::OpenRoots` (`max_values`: None, `max_size`: Some(56), added: 2531, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenBlobs` (r:1 w:1)
	/// Proof: `ProofOfLearning::OpenBlobs` (`max_values`: None, `max_size`: Some(56), added: 2531, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Queues` (r:1 w:1)
	/// Proof: `ProofOfLearning::Queues` (`max_values`: None, `max_size`: Some(2062), added: 4537, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::BusyModels` (r:1 w:1)
	/// Proof: `ProofOfLearning::BusyModels` (`max_values`: Some(1), `max_size`: Some(1026), added: 1521, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::CounterForDecisions` (r:1 w:1)
	/// Proof: `ProofOfLearning::CounterForDecisions` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Maturing` (r:1 w:1)
	/// Proof: `ProofOfLearning::Maturing` (`max_values`: Some(1), `max_size`: Some(3074), added: 3569, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Miners` (r:1 w:1)
	/// Proof: `ProofOfLearning::Miners` (`max_values`: None, `max_size`: Some(73), added: 2548, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenSubmissions` (r:1 w:1)
	/// Proof: `ProofOfLearning::OpenSubmissions` (`max_values`: None, `max_size`: Some(4246), added: 6721, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Agreed` (r:0 w:1)
	/// Proof: `Disputes::Agreed` (`max_values`: None, `max_size`: Some(20658), added: 23133, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Posted` (r:0 w:1)
	/// Proof: `Disputes::Posted` (`max_values`: None, `max_size`: Some(41428), added: 43903, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Pairs` (r:0 w:1)
	/// Proof: `Disputes::Pairs` (`max_values`: None, `max_size`: Some(105), added: 2580, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Ended` (r:0 w:2)
	/// Proof: `Disputes::Ended` (`max_values`: None, `max_size`: Some(97), added: 2572, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::OffenceRecords` (r:0 w:1)
	/// Proof: `Slashing::OffenceRecords` (`max_values`: None, `max_size`: Some(174), added: 2649, mode: `MaxEncodedLen`)
	fn claim_timeout() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `9070`
		//  Estimated: `171294`
		// Minimum execution time: 7_612_423_000 picoseconds.
		Weight::from_parts(7_848_884_000, 0)
			.saturating_add(Weight::from_parts(0, 171294))
			.saturating_add(T::DbWeight::get().reads(108))
			.saturating_add(T::DbWeight::get().writes(45))
			// Estimated: a case of the largest size, the loads of both claims, the stopwatch.
			.saturating_add(Weight::from_parts(0, 22500))
			.saturating_add(T::DbWeight::get().reads_writes(6, 4))
	}
	/// Storage: `Disputes::Games` (r:1 w:0)
	/// Proof: `Disputes::Games` (`max_values`: None, `max_size`: Some(4034), added: 6509, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:1 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	fn authorize_claim_timeout() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `4194`
		//  Estimated: `7499`
		// Minimum execution time: 163_553_000 picoseconds.
		Weight::from_parts(179_797_000, 0)
			.saturating_add(Weight::from_parts(0, 7499))
			.saturating_add(T::DbWeight::get().reads(2))
			// Estimated: the loads of both claims, the stopwatch.
			.saturating_add(Weight::from_parts(0, 2600))
			.saturating_add(T::DbWeight::get().reads_writes(3, 0))
	}
	/// Storage: `Disputes::Games` (r:1 w:1)
	/// Proof: `Disputes::Games` (`max_values`: None, `max_size`: Some(4034), added: 6509, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::NoExpert` (r:1 w:0)
	/// Proof: `Disputes::NoExpert` (`max_values`: None, `max_size`: Some(17), added: 2492, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Refuted` (r:2 w:1)
	/// Proof: `Disputes::Refuted` (`max_values`: None, `max_size`: Some(236), added: 2711, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::CounterForGames` (r:1 w:1)
	/// Proof: `Disputes::CounterForGames` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::Computed` (r:64 w:0)
	/// Proof: `Slashing::Computed` (`max_values`: None, `max_size`: Some(186), added: 2661, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:17 w:17)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:1 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::EndedCount` (r:1 w:1)
	/// Proof: `Disputes::EndedCount` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::EndedRing` (r:1 w:1)
	/// Proof: `Disputes::EndedRing` (`max_values`: None, `max_size`: Some(20), added: 2495, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Subjects` (r:1 w:1)
	/// Proof: `Disputes::Subjects` (`max_values`: None, `max_size`: Some(21), added: 2496, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Decisions` (r:1 w:1)
	/// Proof: `ProofOfLearning::Decisions` (`max_values`: None, `max_size`: Some(4324), added: 6799, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Maturing` (r:1 w:1)
	/// Proof: `ProofOfLearning::Maturing` (`max_values`: Some(1), `max_size`: Some(3074), added: 3569, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Agreed` (r:0 w:1)
	/// Proof: `Disputes::Agreed` (`max_values`: None, `max_size`: Some(20658), added: 23133, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Posted` (r:0 w:1)
	/// Proof: `Disputes::Posted` (`max_values`: None, `max_size`: Some(41428), added: 43903, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Pairs` (r:0 w:1)
	/// Proof: `Disputes::Pairs` (`max_values`: None, `max_size`: Some(105), added: 2580, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Ended` (r:0 w:2)
	/// Proof: `Disputes::Ended` (`max_values`: None, `max_size`: Some(97), added: 2572, mode: `MaxEncodedLen`)
	fn settle() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `7205`
		//  Estimated: `171294`
		// Minimum execution time: 6_744_243_000 picoseconds.
		Weight::from_parts(6_981_314_000, 0)
			.saturating_add(Weight::from_parts(0, 171294))
			.saturating_add(T::DbWeight::get().reads(93))
			.saturating_add(T::DbWeight::get().writes(31))
			// Estimated: a case of the largest size, the loads of both claims, the stopwatch.
			.saturating_add(Weight::from_parts(0, 22500))
			.saturating_add(T::DbWeight::get().reads_writes(6, 4))
	}
	/// Storage: `Disputes::Games` (r:1 w:0)
	/// Proof: `Disputes::Games` (`max_values`: None, `max_size`: Some(4034), added: 6509, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::NoExpert` (r:1 w:0)
	/// Proof: `Disputes::NoExpert` (`max_values`: None, `max_size`: Some(17), added: 2492, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Refuted` (r:2 w:0)
	/// Proof: `Disputes::Refuted` (`max_values`: None, `max_size`: Some(236), added: 2711, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:1 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	fn authorize_settle() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `4286`
		//  Estimated: `7499`
		// Minimum execution time: 333_045_000 picoseconds.
		Weight::from_parts(341_397_000, 0)
			.saturating_add(Weight::from_parts(0, 7499))
			.saturating_add(T::DbWeight::get().reads(5))
	}
	/// Storage: `Disputes::Subjects` (r:1 w:1)
	/// Proof: `Disputes::Subjects` (`max_values`: None, `max_size`: Some(21), added: 2496, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Queue` (r:1 w:1)
	/// Proof: `Disputes::Queue` (`max_values`: Some(1), `max_size`: Some(16), added: 511, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Refuted` (r:2 w:2)
	/// Proof: `Disputes::Refuted` (`max_values`: None, `max_size`: Some(236), added: 2711, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Decisions` (r:1 w:1)
	/// Proof: `ProofOfLearning::Decisions` (`max_values`: None, `max_size`: Some(4324), added: 6799, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Heads` (r:1 w:0)
	/// Proof: `Experts::Heads` (`max_values`: None, `max_size`: Some(87), added: 2562, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::CounterForOpenSubmissions` (r:1 w:1)
	/// Proof: `ProofOfLearning::CounterForOpenSubmissions` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenRoots` (r:1 w:1)
	/// Proof: `ProofOfLearning::OpenRoots` (`max_values`: None, `max_size`: Some(56), added: 2531, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenBlobs` (r:1 w:1)
	/// Proof: `ProofOfLearning::OpenBlobs` (`max_values`: None, `max_size`: Some(56), added: 2531, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Queues` (r:1 w:1)
	/// Proof: `ProofOfLearning::Queues` (`max_values`: None, `max_size`: Some(2062), added: 4537, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::BusyModels` (r:1 w:1)
	/// Proof: `ProofOfLearning::BusyModels` (`max_values`: Some(1), `max_size`: Some(1026), added: 1521, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::CounterForDecisions` (r:1 w:1)
	/// Proof: `ProofOfLearning::CounterForDecisions` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Maturing` (r:1 w:1)
	/// Proof: `ProofOfLearning::Maturing` (`max_values`: Some(1), `max_size`: Some(3074), added: 3569, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Miners` (r:1 w:1)
	/// Proof: `ProofOfLearning::Miners` (`max_values`: None, `max_size`: Some(73), added: 2548, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:1 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenSubmissions` (r:1 w:1)
	/// Proof: `ProofOfLearning::OpenSubmissions` (`max_values`: None, `max_size`: Some(4246), added: 6721, mode: `MaxEncodedLen`)
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
	/// Storage: `Disputes::Queued` (r:0 w:1)
	/// Proof: `Disputes::Queued` (`max_values`: None, `max_size`: Some(25), added: 2500, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::NoExpert` (r:0 w:1)
	/// Proof: `Disputes::NoExpert` (`max_values`: None, `max_size`: Some(17), added: 2492, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::OffenceRecords` (r:0 w:1)
	/// Proof: `Slashing::OffenceRecords` (`max_values`: None, `max_size`: Some(174), added: 2649, mode: `MaxEncodedLen`)
	/// The range of component `b` is `[1, 1048576]`.
	fn prove_blob(b: u32, ) -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `3018`
		//  Estimated: `7789`
		// Minimum execution time: 1_578_896_000 picoseconds.
		Weight::from_parts(2_910_033_139, 0)
			.saturating_add(Weight::from_parts(0, 7789))
			// Standard Error: 1_529
			.saturating_add(Weight::from_parts(9_063, 0).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().reads(21))
			.saturating_add(T::DbWeight::get().writes(22))
			// Estimated: a case of the largest size, the loads of both claims, the stopwatch.
			.saturating_add(Weight::from_parts(0, 22500))
			.saturating_add(T::DbWeight::get().reads_writes(6, 4))
	}
	// Estimated until the next measurement: as above, with the architecture, and a check of each group of weights.
	fn prove_blob_second(b: u32, ) -> Weight {
		<Self as pallet_disputes::WeightInfo>::prove_blob(b)
			.saturating_add(Weight::from_parts(1_000_000_000, 5_800))
			.saturating_add(Weight::from_parts(3_000, 0).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().reads(1))
	}
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `System::BlockHash` (r:1 w:0)
	/// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Decisions` (r:1 w:0)
	/// Proof: `ProofOfLearning::Decisions` (`max_values`: None, `max_size`: Some(4324), added: 6799, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::NoExpert` (r:1 w:0)
	/// Proof: `Disputes::NoExpert` (`max_values`: None, `max_size`: Some(17), added: 2492, mode: `MaxEncodedLen`)
	/// The range of component `b` is `[1, 1048576]`.
	fn authorize_prove_blob(b: u32, ) -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `1595`
		//  Estimated: `7789`
		// Minimum execution time: 428_677_000 picoseconds.
		Weight::from_parts(5_060_155_665, 0)
			.saturating_add(Weight::from_parts(0, 7789))
			// Standard Error: 1_798
			.saturating_add(Weight::from_parts(5_765, 0).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().reads(4))
	}
	// Estimated until the next measurement: as above, with the architecture, and a check of each group of weights.
	fn authorize_prove_blob_second(b: u32, ) -> Weight {
		<Self as pallet_disputes::WeightInfo>::authorize_prove_blob(b)
			.saturating_add(Weight::from_parts(1_000_000_000, 5_800))
			.saturating_add(Weight::from_parts(3_000, 0).saturating_mul(b.into()))
			.saturating_add(T::DbWeight::get().reads(1))
	}
	/// Storage: `ProofOfLearning::Decisions` (r:1 w:1)
	/// Proof: `ProofOfLearning::Decisions` (`max_values`: None, `max_size`: Some(4324), added: 6799, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::NoExpert` (r:1 w:0)
	/// Proof: `Disputes::NoExpert` (`max_values`: None, `max_size`: Some(17), added: 2492, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Refuted` (r:1 w:0)
	/// Proof: `Disputes::Refuted` (`max_values`: None, `max_size`: Some(236), added: 2711, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Models` (r:1 w:0)
	/// Proof: `Experts::Models` (`max_values`: None, `max_size`: Some(206), added: 2681, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Demands` (r:1 w:1)
	/// Proof: `Disputes::Demands` (`max_values`: None, `max_size`: Some(121), added: 2596, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:2 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:1 w:1)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Subjects` (r:1 w:1)
	/// Proof: `Disputes::Subjects` (`max_values`: None, `max_size`: Some(21), added: 2496, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Queue` (r:1 w:1)
	/// Proof: `Disputes::Queue` (`max_values`: Some(1), `max_size`: Some(16), added: 511, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Maturing` (r:1 w:1)
	/// Proof: `ProofOfLearning::Maturing` (`max_values`: Some(1), `max_size`: Some(3074), added: 3569, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Queued` (r:0 w:1)
	/// Proof: `Disputes::Queued` (`max_values`: None, `max_size`: Some(25), added: 2500, mode: `MaxEncodedLen`)
	fn demand_tile() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `1833`
		//  Estimated: `7789`
		// Minimum execution time: 1_367_061_000 picoseconds.
		Weight::from_parts(1_444_026_000, 0)
			.saturating_add(Weight::from_parts(0, 7789))
			.saturating_add(T::DbWeight::get().reads(12))
			.saturating_add(T::DbWeight::get().writes(8))
			// Estimated: a case of the largest size, the stopwatch.
			.saturating_add(Weight::from_parts(0, 22500))
			.saturating_add(T::DbWeight::get().reads_writes(3, 2))
			// Estimated: the longest program of the second definition, from its architecture, for each part.
			.saturating_add(Weight::from_parts(8_000_000_000, 5_800))
			.saturating_add(T::DbWeight::get().reads(1))
	}
	// Estimated: `authorize_confront`, a read each of the operator, the demands, the architecture and the stopwatch, and
	// one for each tile of a candidate, of which some operator has demanded one: at most 256 of 16 MiB, and as many operators.
	fn authorize_demand_tile() -> Weight {
		Weight::from_parts(800_000_000, 0)
			.saturating_add(Weight::from_parts(0, 110_000))
			.saturating_add(T::DbWeight::get().reads(270))
			// Estimated: the longest program of the second definition, from its architecture, for each part.
			.saturating_add(Weight::from_parts(8_000_000_000, 5_800))
			.saturating_add(T::DbWeight::get().reads(1))
	}
	/// Storage: `ProofOfLearning::Decisions` (r:1 w:1)
	/// Proof: `ProofOfLearning::Decisions` (`max_values`: None, `max_size`: Some(4324), added: 6799, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Models` (r:1 w:0)
	/// Proof: `Experts::Models` (`max_values`: None, `max_size`: Some(206), added: 2681, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Demands` (r:1 w:1)
	/// Proof: `Disputes::Demands` (`max_values`: None, `max_size`: Some(121), added: 2596, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:2 w:2)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Subjects` (r:1 w:1)
	/// Proof: `Disputes::Subjects` (`max_values`: None, `max_size`: Some(21), added: 2496, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Maturing` (r:1 w:1)
	/// Proof: `ProofOfLearning::Maturing` (`max_values`: Some(1), `max_size`: Some(3074), added: 3569, mode: `MaxEncodedLen`)
	fn supply_tile() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `2186`
		//  Estimated: `7789`
		// Minimum execution time: 1_512_908_000 picoseconds.
		Weight::from_parts(1_579_087_000, 0)
			.saturating_add(Weight::from_parts(0, 7789))
			.saturating_add(T::DbWeight::get().reads(8))
			.saturating_add(T::DbWeight::get().writes(7))
			// Estimated: a case of the largest size, the stopwatch.
			.saturating_add(Weight::from_parts(0, 22500))
			.saturating_add(T::DbWeight::get().reads_writes(3, 2))
			// Estimated: the architecture of the second definition.
			.saturating_add(Weight::from_parts(500_000_000, 5_800))
			.saturating_add(T::DbWeight::get().reads(1))
	}
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Demands` (r:1 w:0)
	/// Proof: `Disputes::Demands` (`max_values`: None, `max_size`: Some(121), added: 2596, mode: `MaxEncodedLen`)
	/// Storage: `System::BlockHash` (r:1 w:0)
	/// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Decisions` (r:1 w:0)
	/// Proof: `ProofOfLearning::Decisions` (`max_values`: None, `max_size`: Some(4324), added: 6799, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Models` (r:1 w:0)
	/// Proof: `Experts::Models` (`max_values`: None, `max_size`: Some(206), added: 2681, mode: `MaxEncodedLen`)
	fn authorize_supply_tile() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `2314`
		//  Estimated: `7789`
		// Minimum execution time: 1_445_248_000 picoseconds.
		Weight::from_parts(1_481_492_000, 0)
			.saturating_add(Weight::from_parts(0, 7789))
			.saturating_add(T::DbWeight::get().reads(5))
			// Estimated: the architecture of the second definition.
			.saturating_add(Weight::from_parts(500_000_000, 5_800))
			.saturating_add(T::DbWeight::get().reads(1))
	}
	/// Storage: `Disputes::Demands` (r:1 w:1)
	/// Proof: `Disputes::Demands` (`max_values`: None, `max_size`: Some(121), added: 2596, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Refuted` (r:1 w:1)
	/// Proof: `Disputes::Refuted` (`max_values`: None, `max_size`: Some(236), added: 2711, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::NoExpert` (r:1 w:0)
	/// Proof: `Disputes::NoExpert` (`max_values`: None, `max_size`: Some(17), added: 2492, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:1 w:1)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Decisions` (r:1 w:1)
	/// Proof: `ProofOfLearning::Decisions` (`max_values`: None, `max_size`: Some(4324), added: 6799, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Subjects` (r:1 w:1)
	/// Proof: `Disputes::Subjects` (`max_values`: None, `max_size`: Some(21), added: 2496, mode: `MaxEncodedLen`)
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
	/// Storage: `Experts::Heads` (r:1 w:0)
	/// Proof: `Experts::Heads` (`max_values`: None, `max_size`: Some(87), added: 2562, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::CounterForOpenSubmissions` (r:1 w:1)
	/// Proof: `ProofOfLearning::CounterForOpenSubmissions` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenRoots` (r:1 w:1)
	/// Proof: `ProofOfLearning::OpenRoots` (`max_values`: None, `max_size`: Some(56), added: 2531, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenBlobs` (r:1 w:1)
	/// Proof: `ProofOfLearning::OpenBlobs` (`max_values`: None, `max_size`: Some(56), added: 2531, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Queues` (r:1 w:1)
	/// Proof: `ProofOfLearning::Queues` (`max_values`: None, `max_size`: Some(2062), added: 4537, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::BusyModels` (r:1 w:1)
	/// Proof: `ProofOfLearning::BusyModels` (`max_values`: Some(1), `max_size`: Some(1026), added: 1521, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::CounterForDecisions` (r:1 w:1)
	/// Proof: `ProofOfLearning::CounterForDecisions` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Maturing` (r:1 w:1)
	/// Proof: `ProofOfLearning::Maturing` (`max_values`: Some(1), `max_size`: Some(3074), added: 3569, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Miners` (r:1 w:1)
	/// Proof: `ProofOfLearning::Miners` (`max_values`: None, `max_size`: Some(73), added: 2548, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:1 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenSubmissions` (r:1 w:1)
	/// Proof: `ProofOfLearning::OpenSubmissions` (`max_values`: None, `max_size`: Some(4246), added: 6721, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::OffenceRecords` (r:0 w:1)
	/// Proof: `Slashing::OffenceRecords` (`max_values`: None, `max_size`: Some(174), added: 2649, mode: `MaxEncodedLen`)
	fn close_demand() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `3559`
		//  Estimated: `7789`
		// Minimum execution time: 2_110_015_000 picoseconds.
		Weight::from_parts(2_277_184_000, 0)
			.saturating_add(Weight::from_parts(0, 7789))
			.saturating_add(T::DbWeight::get().reads(23))
			.saturating_add(T::DbWeight::get().writes(21))
			// Estimated: a case of the largest size, the loads of both claims, the stopwatch.
			.saturating_add(Weight::from_parts(0, 22500))
			.saturating_add(T::DbWeight::get().reads_writes(6, 4))
	}
	/// Storage: `Disputes::Demands` (r:1 w:0)
	/// Proof: `Disputes::Demands` (`max_values`: None, `max_size`: Some(121), added: 2596, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Refuted` (r:1 w:0)
	/// Proof: `Disputes::Refuted` (`max_values`: None, `max_size`: Some(236), added: 2711, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::NoExpert` (r:1 w:0)
	/// Proof: `Disputes::NoExpert` (`max_values`: None, `max_size`: Some(17), added: 2492, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:1 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	fn authorize_close_demand() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `258`
		//  Estimated: `3701`
		// Minimum execution time: 221_680_000 picoseconds.
		Weight::from_parts(243_492_000, 0)
			.saturating_add(Weight::from_parts(0, 3701))
			.saturating_add(T::DbWeight::get().reads(4))
	}
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `System::BlockHash` (r:1 w:0)
	/// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
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
	fn report_equivocation() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `720`
		//  Estimated: `3691`
		// Minimum execution time: 710_375_000 picoseconds.
		Weight::from_parts(820_519_000, 0)
			.saturating_add(Weight::from_parts(0, 3691))
			.saturating_add(T::DbWeight::get().reads(7))
			.saturating_add(T::DbWeight::get().writes(6))
	}
	/// Storage: `Disputes::Queue` (r:1 w:1)
	/// Proof: `Disputes::Queue` (`max_values`: Some(1), `max_size`: Some(16), added: 511, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Queued` (r:1 w:1)
	/// Proof: `Disputes::Queued` (`max_values`: None, `max_size`: Some(25), added: 2500, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Subjects` (r:1 w:1)
	/// Proof: `Disputes::Subjects` (`max_values`: None, `max_size`: Some(21), added: 2496, mode: `MaxEncodedLen`)
	/// Storage: `Audits::Audits` (r:1 w:0)
	/// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(1866), added: 4341, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::Refuted` (r:16 w:16)
	/// Proof: `Disputes::Refuted` (`max_values`: None, `max_size`: Some(236), added: 2711, mode: `MaxEncodedLen`)
	/// Storage: `Disputes::NoExpert` (r:0 w:1)
	/// Proof: `Disputes::NoExpert` (`max_values`: None, `max_size`: Some(17), added: 2492, mode: `MaxEncodedLen`)
	fn sweep() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `1106`
		//  Estimated: `44366`
		// Minimum execution time: 319_394_000 picoseconds.
		Weight::from_parts(348_117_000, 0)
			.saturating_add(Weight::from_parts(0, 44366))
			.saturating_add(T::DbWeight::get().reads(20))
			.saturating_add(T::DbWeight::get().writes(20))
			// Estimated: whether there is a case, operators' demands.
			.saturating_add(Weight::from_parts(0, 43000))
			.saturating_add(T::DbWeight::get().reads_writes(18, 16))
	}
}
