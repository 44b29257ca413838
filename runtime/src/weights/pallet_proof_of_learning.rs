//! Weights of `pallet_proof_of_learning`, measured by `scripts/weights` with `STEPS=10 REPEAT=8`.
//!
//! The node was built without optimisation on a machine that was busy: the times are several times what a
//! release build takes. Proof sizes and storage accesses do not depend on either.

#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(unused_parens)]
#![allow(unused_imports)]
#![allow(missing_docs)]

use frame_support::{traits::Get, weights::Weight};
use core::marker::PhantomData;

/// Weight functions for `pallet_proof_of_learning`.
pub struct WeightInfo<T>(PhantomData<T>);
impl<T: frame_system::Config> pallet_proof_of_learning::WeightInfo for WeightInfo<T> {
	/// Storage: `Experts::Heads` (r:1 w:0)
	/// Proof: `Experts::Heads` (`max_values`: None, `max_size`: Some(87), added: 2562, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Blobs` (r:1 w:0)
	/// Proof: `Experts::Blobs` (`max_values`: None, `max_size`: Some(56), added: 2531, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenRoots` (r:1 w:1)
	/// Proof: `ProofOfLearning::OpenRoots` (`max_values`: None, `max_size`: Some(56), added: 2531, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenBlobs` (r:1 w:1)
	/// Proof: `ProofOfLearning::OpenBlobs` (`max_values`: None, `max_size`: Some(56), added: 2531, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::CounterForOpenSubmissions` (r:1 w:1)
	/// Proof: `ProofOfLearning::CounterForOpenSubmissions` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Miners` (r:1 w:1)
	/// Proof: `ProofOfLearning::Miners` (`max_values`: None, `max_size`: Some(2887), added: 5362, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:4 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	/// Storage: `System::BlockHash` (r:1 w:0)
	/// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:1 w:1)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(157), added: 2632, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::NextSubmission` (r:1 w:1)
	/// Proof: `ProofOfLearning::NextSubmission` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenSubmissions` (r:1 w:1)
	/// Proof: `ProofOfLearning::OpenSubmissions` (`max_values`: None, `max_size`: Some(2199), added: 4674, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Queues` (r:1 w:1)
	/// Proof: `ProofOfLearning::Queues` (`max_values`: None, `max_size`: Some(2062), added: 4537, mode: `MaxEncodedLen`)
	fn submit() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `11193`
		//  Estimated: `11034`
		// Minimum execution time: 1_499_148_000 picoseconds.
		Weight::from_parts(1_557_995_000, 0)
			.saturating_add(Weight::from_parts(0, 11034))
			.saturating_add(T::DbWeight::get().reads(16))
			.saturating_add(T::DbWeight::get().writes(9))
	}
	/// Storage: `ProofOfLearning::OpenSubmissions` (r:1 w:1)
	/// Proof: `ProofOfLearning::OpenSubmissions` (`max_values`: None, `max_size`: Some(2199), added: 4674, mode: `MaxEncodedLen`)
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	fn report_score() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `3816`
		//  Estimated: `5664`
		// Minimum execution time: 475_627_000 picoseconds.
		Weight::from_parts(483_789_000, 0)
			.saturating_add(Weight::from_parts(0, 5664))
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	/// Storage: `ProofOfLearning::OpenSubmissions` (r:1 w:0)
	/// Proof: `ProofOfLearning::OpenSubmissions` (`max_values`: None, `max_size`: Some(2199), added: 4674, mode: `MaxEncodedLen`)
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `System::BlockHash` (r:1 w:0)
	/// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:1 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	fn authorize_report_score() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `2631`
		//  Estimated: `5664`
		// Minimum execution time: 386_895_000 picoseconds.
		Weight::from_parts(416_338_000, 0)
			.saturating_add(Weight::from_parts(0, 5664))
			.saturating_add(T::DbWeight::get().reads(4))
	}
	/// Storage: `Experts::Models` (r:1 w:0)
	/// Proof: `Experts::Models` (`max_values`: None, `max_size`: Some(206), added: 2681, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Holdouts` (r:0 w:1)
	/// Proof: `ProofOfLearning::Holdouts` (`max_values`: None, `max_size`: Some(86), added: 2561, mode: `MaxEncodedLen`)
	fn register_holdout() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `441`
		//  Estimated: `3671`
		// Minimum execution time: 280_057_000 picoseconds.
		Weight::from_parts(304_323_000, 0)
			.saturating_add(Weight::from_parts(0, 3671))
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	/// Storage: `ProofOfLearning::OpenSubmissions` (r:2 w:2)
	/// Proof: `ProofOfLearning::OpenSubmissions` (`max_values`: None, `max_size`: Some(2199), added: 4674, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:1 w:1)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(157), added: 2632, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::CounterForOpenSubmissions` (r:1 w:1)
	/// Proof: `ProofOfLearning::CounterForOpenSubmissions` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Miners` (r:1 w:1)
	/// Proof: `ProofOfLearning::Miners` (`max_values`: None, `max_size`: Some(2887), added: 5362, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Queues` (r:1 w:1)
	/// Proof: `ProofOfLearning::Queues` (`max_values`: None, `max_size`: Some(2062), added: 4537, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::ClosedCount` (r:1 w:1)
	/// Proof: `ProofOfLearning::ClosedCount` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::ClosedRing` (r:1 w:1)
	/// Proof: `ProofOfLearning::ClosedRing` (`max_values`: None, `max_size`: Some(20), added: 2495, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::ClosedSubmissions` (r:0 w:2)
	/// Proof: `ProofOfLearning::ClosedSubmissions` (`max_values`: None, `max_size`: Some(196), added: 2671, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenRoots` (r:0 w:1)
	/// Proof: `ProofOfLearning::OpenRoots` (`max_values`: None, `max_size`: Some(56), added: 2531, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenBlobs` (r:0 w:1)
	/// Proof: `ProofOfLearning::OpenBlobs` (`max_values`: None, `max_size`: Some(56), added: 2531, mode: `MaxEncodedLen`)
	fn withdraw() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `9273`
		//  Estimated: `10338`
		// Minimum execution time: 1_267_163_000 picoseconds.
		Weight::from_parts(1_380_271_000, 0)
			.saturating_add(Weight::from_parts(0, 10338))
			.saturating_add(T::DbWeight::get().reads(9))
			.saturating_add(T::DbWeight::get().writes(13))
	}
	/// Storage: `Experts::Heads` (r:1 w:0)
	/// Proof: `Experts::Heads` (`max_values`: None, `max_size`: Some(87), added: 2562, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Holdouts` (r:1 w:0)
	/// Proof: `ProofOfLearning::Holdouts` (`max_values`: None, `max_size`: Some(86), added: 2561, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Models` (r:1 w:0)
	/// Proof: `Experts::Models` (`max_values`: None, `max_size`: Some(206), added: 2681, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Operators` (r:104 w:0)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(152), added: 2627, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:6 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenSubmissions` (r:1 w:1)
	/// Proof: `ProofOfLearning::OpenSubmissions` (`max_values`: None, `max_size`: Some(2199), added: 4674, mode: `MaxEncodedLen`)
	fn draw() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `19047`
		//  Estimated: `274198`
		// Minimum execution time: 6_412_430_000 picoseconds.
		Weight::from_parts(6_627_259_000, 0)
			.saturating_add(Weight::from_parts(0, 274198))
			.saturating_add(T::DbWeight::get().reads(114))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	/// Storage: `ProofOfLearning::OpenSubmissions` (r:2 w:2)
	/// Proof: `ProofOfLearning::OpenSubmissions` (`max_values`: None, `max_size`: Some(2199), added: 4674, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Queues` (r:1 w:1)
	/// Proof: `ProofOfLearning::Queues` (`max_values`: None, `max_size`: Some(2062), added: 4537, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Operators` (r:16 w:16)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(152), added: 2627, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:5 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::Envelopes` (r:1 w:1)
	/// Proof: `Ledger::Envelopes` (`max_values`: Some(1), `max_size`: Some(80), added: 575, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:17 w:17)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::Paid` (r:1 w:1)
	/// Proof: `Ledger::Paid` (`max_values`: Some(1), `max_size`: Some(80), added: 575, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::JournalHead` (r:1 w:1)
	/// Proof: `Ledger::JournalHead` (`max_values`: Some(1), `max_size`: Some(40), added: 535, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Heads` (r:1 w:1)
	/// Proof: `Experts::Heads` (`max_values`: None, `max_size`: Some(87), added: 2562, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Models` (r:1 w:1)
	/// Proof: `Experts::Models` (`max_values`: None, `max_size`: Some(206), added: 2681, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Blobs` (r:2 w:2)
	/// Proof: `Experts::Blobs` (`max_values`: None, `max_size`: Some(56), added: 2531, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(157), added: 2632, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::CounterForOpenSubmissions` (r:1 w:1)
	/// Proof: `ProofOfLearning::CounterForOpenSubmissions` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Miners` (r:1 w:1)
	/// Proof: `ProofOfLearning::Miners` (`max_values`: None, `max_size`: Some(2887), added: 5362, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::ClosedCount` (r:1 w:1)
	/// Proof: `ProofOfLearning::ClosedCount` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::ClosedRing` (r:1 w:1)
	/// Proof: `ProofOfLearning::ClosedRing` (`max_values`: None, `max_size`: Some(20), added: 2495, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Versions` (r:0 w:1)
	/// Proof: `Experts::Versions` (`max_values`: None, `max_size`: Some(230), added: 2705, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::Journal` (r:0 w:17)
	/// Proof: `Ledger::Journal` (`max_values`: None, `max_size`: Some(69), added: 2544, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::ClosedSubmissions` (r:0 w:2)
	/// Proof: `ProofOfLearning::ClosedSubmissions` (`max_values`: None, `max_size`: Some(196), added: 2671, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenRoots` (r:0 w:1)
	/// Proof: `ProofOfLearning::OpenRoots` (`max_values`: None, `max_size`: Some(56), added: 2531, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenBlobs` (r:0 w:1)
	/// Proof: `ProofOfLearning::OpenBlobs` (`max_values`: None, `max_size`: Some(56), added: 2531, mode: `MaxEncodedLen`)
	fn decide() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `18954`
		//  Estimated: `45241`
		// Minimum execution time: 9_842_978_000 picoseconds.
		Weight::from_parts(10_174_440_000, 0)
			.saturating_add(Weight::from_parts(0, 45241))
			.saturating_add(T::DbWeight::get().reads(53))
			.saturating_add(T::DbWeight::get().writes(70))
	}
	/// Storage: `ProofOfLearning::BusyModels` (r:1 w:0)
	/// Proof: `ProofOfLearning::BusyModels` (`max_values`: Some(1), `max_size`: Some(1026), added: 1521, mode: `MaxEncodedLen`)
	fn idle() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `225`
		//  Estimated: `2511`
		// Minimum execution time: 59_529_000 picoseconds.
		Weight::from_parts(61_782_000, 0)
			.saturating_add(Weight::from_parts(0, 2511))
			.saturating_add(T::DbWeight::get().reads(1))
	}
}
