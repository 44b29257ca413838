//! Weights of `pallet_proof_of_learning`, measured by `scripts/weights` with `STEPS=10 REPEAT=6`.
//!
//! The node was built without optimisation on a machine that was busy: the times are several times what a
//! release build takes. Proof sizes and storage accesses do not depend on either. Where "estimated" stands, a figure is to
//! be measured with the next run.

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
	/// Proof: `Experts::Blobs` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenRoots` (r:1 w:1)
	/// Proof: `ProofOfLearning::OpenRoots` (`max_values`: None, `max_size`: Some(56), added: 2531, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenBlobs` (r:1 w:1)
	/// Proof: `ProofOfLearning::OpenBlobs` (`max_values`: None, `max_size`: Some(56), added: 2531, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::CounterForOpenSubmissions` (r:1 w:1)
	/// Proof: `ProofOfLearning::CounterForOpenSubmissions` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Miners` (r:1 w:1)
	/// Proof: `ProofOfLearning::Miners` (`max_values`: None, `max_size`: Some(73), added: 2548, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:4 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	/// Storage: `System::BlockHash` (r:1 w:0)
	/// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:1 w:1)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::NextSubmission` (r:1 w:1)
	/// Proof: `ProofOfLearning::NextSubmission` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenSubmissions` (r:1 w:1)
	/// Proof: `ProofOfLearning::OpenSubmissions` (`max_values`: None, `max_size`: Some(4246), added: 6721, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Queues` (r:1 w:1)
	/// Proof: `ProofOfLearning::Queues` (`max_values`: None, `max_size`: Some(2062), added: 4537, mode: `MaxEncodedLen`)
	// Estimated, on top of what was measured: two reads of parameters, a read and a write of `Commitments`, a write of
	// `CommitmentQueue`, a read of `FirstCommitments` for the tensors and one for the bytes, a write, and a hash.
	fn submit() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `8363`
		//  Estimated: `11034`
		// Minimum execution time: 1_474_641_000 picoseconds.
		Weight::from_parts(1_566_017_000, 0)
			.saturating_add(Weight::from_parts(400_000_000, 0))
			.saturating_add(Weight::from_parts(0, 11034))
			.saturating_add(Weight::from_parts(0, 14_000))
			.saturating_add(T::DbWeight::get().reads(21))
			.saturating_add(T::DbWeight::get().writes(12))
			// Estimated, on top of what was measured: the model's body, and the record of its architecture, decoded.
			.saturating_add(Weight::from_parts(200_000_000, 8_500))
			.saturating_add(T::DbWeight::get().reads(2))
	}
	/// Storage: `ProofOfLearning::OpenSubmissions` (r:1 w:1)
	/// Proof: `ProofOfLearning::OpenSubmissions` (`max_values`: None, `max_size`: Some(4246), added: 6721, mode: `MaxEncodedLen`)
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:1 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	fn commit_score() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `3376`
		//  Estimated: `7711`
		// Minimum execution time: 553_433_000 picoseconds.
		Weight::from_parts(622_996_000, 0)
			.saturating_add(Weight::from_parts(0, 7711))
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	/// Storage: `ProofOfLearning::OpenSubmissions` (r:1 w:0)
	/// Proof: `ProofOfLearning::OpenSubmissions` (`max_values`: None, `max_size`: Some(4246), added: 6721, mode: `MaxEncodedLen`)
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `System::BlockHash` (r:1 w:0)
	/// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:1 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	fn authorize_commit_score() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `3464`
		//  Estimated: `7711`
		// Minimum execution time: 438_221_000 picoseconds.
		Weight::from_parts(512_001_000, 0)
			.saturating_add(Weight::from_parts(0, 7711))
			.saturating_add(T::DbWeight::get().reads(4))
	}
	/// Storage: `ProofOfLearning::OpenSubmissions` (r:1 w:1)
	/// Proof: `ProofOfLearning::OpenSubmissions` (`max_values`: None, `max_size`: Some(4246), added: 6721, mode: `MaxEncodedLen`)
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	fn reveal_score() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `5921`
		//  Estimated: `7711`
		// Minimum execution time: 628_203_000 picoseconds.
		Weight::from_parts(664_808_000, 0)
			.saturating_add(Weight::from_parts(0, 7711))
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(1))
			// Estimated, on top of what was measured: the model's body.
			.saturating_add(Weight::from_parts(20_000_000, 2_700))
			.saturating_add(T::DbWeight::get().reads(1))
	}
	/// Storage: `ProofOfLearning::OpenSubmissions` (r:1 w:0)
	/// Proof: `ProofOfLearning::OpenSubmissions` (`max_values`: None, `max_size`: Some(4246), added: 6721, mode: `MaxEncodedLen`)
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `System::BlockHash` (r:1 w:0)
	/// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:1 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	fn authorize_reveal_score() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `6046`
		//  Estimated: `7711`
		// Minimum execution time: 445_862_000 picoseconds.
		Weight::from_parts(489_117_000, 0)
			.saturating_add(Weight::from_parts(0, 7711))
			.saturating_add(T::DbWeight::get().reads(4))
			// Estimated, on top of what was measured: the model's body.
			.saturating_add(Weight::from_parts(20_000_000, 2_700))
			.saturating_add(T::DbWeight::get().reads(1))
	}
	/// Storage: `Experts::Models` (r:1 w:0)
	/// Proof: `Experts::Models` (`max_values`: None, `max_size`: Some(206), added: 2681, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Holdouts` (r:0 w:1)
	/// Proof: `ProofOfLearning::Holdouts` (`max_values`: None, `max_size`: Some(86), added: 2561, mode: `MaxEncodedLen`)
	fn register_holdout() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `479`
		//  Estimated: `3671`
		// Minimum execution time: 301_969_000 picoseconds.
		Weight::from_parts(353_556_000, 0)
			.saturating_add(Weight::from_parts(0, 3671))
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
			// Estimated, on top of what was measured: the record of an architecture, decoded, and the sizes of its witnesses, for which
			// one block of each operator of some different layers is computed.
			.saturating_add(Weight::from_parts(100_000_000_000, 5_800))
			.saturating_add(T::DbWeight::get().reads(1))
	}
	/// Storage: `Experts::Models` (r:1 w:0)
	/// Proof: `Experts::Models` (`max_values`: None, `max_size`: Some(206), added: 2681, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::GuardHoldouts` (r:0 w:1)
	/// Proof: `ProofOfLearning::GuardHoldouts` (`max_values`: None, `max_size`: Some(86), added: 2561, mode: `MaxEncodedLen`)
	fn register_guard() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `479`
		//  Estimated: `3671`
		// Minimum execution time: 305_494_000 picoseconds.
		Weight::from_parts(333_446_000, 0)
			.saturating_add(Weight::from_parts(0, 3671))
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
			// Estimated, on top of what was measured: the record of an architecture, decoded, and the sizes of its witnesses, for which
			// one block of each operator of some different layers is computed.
			.saturating_add(Weight::from_parts(100_000_000_000, 5_800))
			.saturating_add(T::DbWeight::get().reads(1))
	}
	/// Storage: `ProofOfLearning::OpenSubmissions` (r:2 w:2)
	/// Proof: `ProofOfLearning::OpenSubmissions` (`max_values`: None, `max_size`: Some(4246), added: 6721, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::CounterForOpenSubmissions` (r:1 w:1)
	/// Proof: `ProofOfLearning::CounterForOpenSubmissions` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Miners` (r:1 w:1)
	/// Proof: `ProofOfLearning::Miners` (`max_values`: None, `max_size`: Some(73), added: 2548, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Queues` (r:1 w:1)
	/// Proof: `ProofOfLearning::Queues` (`max_values`: None, `max_size`: Some(2062), added: 4537, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:1 w:1)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
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
	// Estimated, on top of what was measured: a read and a write of `FirstCommitments`, and a read of `ClosedSubmissions`,
	// for the oldest submission that gives way.
	// Also a read and a write of `Retrials`.
	fn withdraw() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `6582`
		//  Estimated: `14432`
		// Minimum execution time: 1_233_814_000 picoseconds.
		Weight::from_parts(1_314_653_000, 0)
			.saturating_add(Weight::from_parts(100_000_000, 0))
			.saturating_add(Weight::from_parts(0, 14432))
			.saturating_add(Weight::from_parts(0, 5_300))
			.saturating_add(T::DbWeight::get().reads(11))
			.saturating_add(T::DbWeight::get().writes(14))
			.saturating_add(T::DbWeight::get().reads_writes(1, 1))
	}
	/// Storage: `Experts::Heads` (r:1 w:0)
	/// Proof: `Experts::Heads` (`max_values`: None, `max_size`: Some(87), added: 2562, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Holdouts` (r:1 w:0)
	/// Proof: `ProofOfLearning::Holdouts` (`max_values`: None, `max_size`: Some(86), added: 2561, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Models` (r:1 w:0)
	/// Proof: `Experts::Models` (`max_values`: None, `max_size`: Some(206), added: 2681, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Operators` (r:104 w:0)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	/// Storage: `Identity::SuperOf` (r:103 w:0)
	/// Proof: `Identity::SuperOf` (`max_values`: None, `max_size`: Some(114), added: 2589, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:9 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	/// Storage: `Experts::HeadTree` (r:1 w:0)
	/// Proof: `Experts::HeadTree` (`max_values`: None, `max_size`: Some(57), added: 2532, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::GuardHoldouts` (r:1 w:0)
	/// Proof: `ProofOfLearning::GuardHoldouts` (`max_values`: None, `max_size`: Some(86), added: 2561, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenSubmissions` (r:1 w:1)
	/// Proof: `ProofOfLearning::OpenSubmissions` (`max_values`: None, `max_size`: Some(4246), added: 6721, mode: `MaxEncodedLen`)
	fn draw() -> Weight {
		// As measured when a draw read all operators and their identities. Now it reads one list of 256 operators, those that
		// it draws, and the next submission in the queue, which is written: fewer reads, and one write more, which is
		// estimated.
		// Proof Size summary in bytes:
		//  Measured:  `27678`
		//  Estimated: `320000`
		// Minimum execution time: 10_058_578_000 picoseconds.
		Weight::from_parts(12_374_309_000, 0)
			.saturating_add(Weight::from_parts(0, 281894))
			.saturating_add(T::DbWeight::get().reads(222))
			.saturating_add(T::DbWeight::get().writes(2))
			// Estimated, on top of what was measured: the model's body, and the record of its architecture, decoded.
			.saturating_add(Weight::from_parts(200_000_000, 8_500))
			.saturating_add(T::DbWeight::get().reads(2))
	}
	/// Storage: `ProofOfLearning::OpenSubmissions` (r:2 w:2)
	/// Proof: `ProofOfLearning::OpenSubmissions` (`max_values`: None, `max_size`: Some(4246), added: 6721, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Queues` (r:1 w:1)
	/// Proof: `ProofOfLearning::Queues` (`max_values`: None, `max_size`: Some(2062), added: 4537, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::CounterForDecisions` (r:1 w:1)
	/// Proof: `ProofOfLearning::CounterForDecisions` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Heads` (r:1 w:1)
	/// Proof: `Experts::Heads` (`max_values`: None, `max_size`: Some(87), added: 2562, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Models` (r:1 w:1)
	/// Proof: `Experts::Models` (`max_values`: None, `max_size`: Some(206), added: 2681, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Blobs` (r:2 w:2)
	/// Proof: `Experts::Blobs` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
	/// Storage: `Experts::HeadTree` (r:9 w:10)
	/// Proof: `Experts::HeadTree` (`max_values`: None, `max_size`: Some(57), added: 2532, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::CounterForOpenSubmissions` (r:1 w:1)
	/// Proof: `ProofOfLearning::CounterForOpenSubmissions` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Miners` (r:1 w:1)
	/// Proof: `ProofOfLearning::Miners` (`max_values`: None, `max_size`: Some(73), added: 2548, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:1 w:1)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:3 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::Envelopes` (r:1 w:1)
	/// Proof: `Ledger::Envelopes` (`max_values`: Some(1), `max_size`: Some(80), added: 575, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::Paid` (r:1 w:1)
	/// Proof: `Ledger::Paid` (`max_values`: Some(1), `max_size`: Some(80), added: 575, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::JournalHead` (r:1 w:1)
	/// Proof: `Ledger::JournalHead` (`max_values`: Some(1), `max_size`: Some(40), added: 535, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Decisions` (r:1 w:1)
	/// Proof: `ProofOfLearning::Decisions` (`max_values`: None, `max_size`: Some(4324), added: 6799, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Maturing` (r:1 w:1)
	/// Proof: `ProofOfLearning::Maturing` (`max_values`: Some(1), `max_size`: Some(3074), added: 3569, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Versions` (r:0 w:1)
	/// Proof: `Experts::Versions` (`max_values`: None, `max_size`: Some(230), added: 2705, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::Journal` (r:0 w:1)
	/// Proof: `Ledger::Journal` (`max_values`: None, `max_size`: Some(69), added: 2544, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenRoots` (r:0 w:1)
	/// Proof: `ProofOfLearning::OpenRoots` (`max_values`: None, `max_size`: Some(56), added: 2531, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::OpenBlobs` (r:0 w:1)
	/// Proof: `ProofOfLearning::OpenBlobs` (`max_values`: None, `max_size`: Some(56), added: 2531, mode: `MaxEncodedLen`)
	// Estimated, on top of what was measured: a write of `Retrials`.
	fn decide() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `22042`
		//  Estimated: `23778`
		// Minimum execution time: 3_902_128_000 picoseconds.
		Weight::from_parts(4_199_871_000, 0)
			.saturating_add(Weight::from_parts(0, 23778))
			.saturating_add(T::DbWeight::get().reads(29))
			.saturating_add(T::DbWeight::get().writes(31))
			.saturating_add(T::DbWeight::get().reads_writes(0, 1))
			// Estimated, on top of what was measured: the model's body, and the record of its architecture, decoded.
			.saturating_add(Weight::from_parts(200_000_000, 8_500))
			.saturating_add(T::DbWeight::get().reads(2))
			// What backs operators came after the measurement: counted.
			.saturating_add(Weight::from_parts(800_000_000, 99_000))
			.saturating_add(T::DbWeight::get().reads_writes(33, 32))
	}
	/// Storage: `ProofOfLearning::Decisions` (r:1 w:1)
	/// Proof: `ProofOfLearning::Decisions` (`max_values`: None, `max_size`: Some(4324), added: 6799, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::CounterForDecisions` (r:1 w:1)
	/// Proof: `ProofOfLearning::CounterForDecisions` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Maturing` (r:1 w:1)
	/// Proof: `ProofOfLearning::Maturing` (`max_values`: Some(1), `max_size`: Some(3074), added: 3569, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:17 w:17)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Operators` (r:120 w:16)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:3 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::Envelopes` (r:1 w:1)
	/// Proof: `Ledger::Envelopes` (`max_values`: Some(1), `max_size`: Some(80), added: 575, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::Paid` (r:1 w:1)
	/// Proof: `Ledger::Paid` (`max_values`: Some(1), `max_size`: Some(80), added: 575, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::JournalHead` (r:1 w:1)
	/// Proof: `Ledger::JournalHead` (`max_values`: Some(1), `max_size`: Some(40), added: 535, mode: `MaxEncodedLen`)
	/// Storage: `Identity::SuperOf` (r:119 w:0)
	/// Proof: `Identity::SuperOf` (`max_values`: None, `max_size`: Some(114), added: 2589, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Miners` (r:1 w:1)
	/// Proof: `ProofOfLearning::Miners` (`max_values`: None, `max_size`: Some(73), added: 2548, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::ClosedCount` (r:1 w:1)
	/// Proof: `ProofOfLearning::ClosedCount` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::ClosedRing` (r:1 w:1)
	/// Proof: `ProofOfLearning::ClosedRing` (`max_values`: None, `max_size`: Some(20), added: 2495, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::Journal` (r:0 w:16)
	/// Proof: `Ledger::Journal` (`max_values`: None, `max_size`: Some(69), added: 2544, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::ClosedSubmissions` (r:0 w:2)
	/// Proof: `ProofOfLearning::ClosedSubmissions` (`max_values`: None, `max_size`: Some(196), added: 2671, mode: `MaxEncodedLen`)
	fn settle() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `42269`
		//  Estimated: `325110`
		// Minimum execution time: 19_362_344_000 picoseconds.
		Weight::from_parts(20_686_873_000, 0)
			.saturating_add(Weight::from_parts(0, 325110))
			.saturating_add(T::DbWeight::get().reads(269))
			.saturating_add(T::DbWeight::get().writes(61))
			// What backs operators came after the measurement: counted.
			.saturating_add(Weight::from_parts(800_000_000, 99_000))
			.saturating_add(T::DbWeight::get().reads_writes(33, 32))
	}
	/// Storage: `ProofOfLearning::Decisions` (r:1 w:1)
	/// Proof: `ProofOfLearning::Decisions` (`max_values`: None, `max_size`: Some(4324), added: 6799, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Models` (r:1 w:1)
	/// Proof: `Experts::Models` (`max_values`: None, `max_size`: Some(206), added: 2681, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Heads` (r:1 w:1)
	/// Proof: `Experts::Heads` (`max_values`: None, `max_size`: Some(87), added: 2562, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Versions` (r:1 w:1)
	/// Proof: `Experts::Versions` (`max_values`: None, `max_size`: Some(230), added: 2705, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Blobs` (r:2 w:2)
	/// Proof: `Experts::Blobs` (`max_values`: None, `max_size`: Some(60), added: 2535, mode: `MaxEncodedLen`)
	/// Storage: `Experts::HeadTree` (r:9 w:10)
	/// Proof: `Experts::HeadTree` (`max_values`: None, `max_size`: Some(57), added: 2532, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Miners` (r:1 w:1)
	/// Proof: `ProofOfLearning::Miners` (`max_values`: None, `max_size`: Some(73), added: 2548, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:2 w:2)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Maturing` (r:1 w:1)
	/// Proof: `ProofOfLearning::Maturing` (`max_values`: Some(1), `max_size`: Some(3074), added: 3569, mode: `MaxEncodedLen`)
	// Estimated, on top of what was measured: the return to the queue, with `OpenSubmissions`, its counter, `Queues`,
	// `BusyModels`, `OpenRoots`, `OpenBlobs`, `Retrials`, the counter of `Decisions` and the generation that is released.
	fn refute() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `19810`
		//  Estimated: `23778`
		// Minimum execution time: 2_648_756_000 picoseconds.
		Weight::from_parts(2_775_555_000, 0)
			.saturating_add(Weight::from_parts(0, 23778))
			.saturating_add(T::DbWeight::get().reads(20))
			.saturating_add(T::DbWeight::get().writes(21))
			.saturating_add(T::DbWeight::get().reads_writes(9, 9))
			// Estimated, on top of what was measured: the record of an architecture, decoded, where a head returns.
			.saturating_add(Weight::from_parts(200_000_000, 5_800))
			.saturating_add(T::DbWeight::get().reads(1))
	}
	/// Storage: `ProofOfLearning::BusyModels` (r:1 w:0)
	/// Proof: `ProofOfLearning::BusyModels` (`max_values`: Some(1), `max_size`: Some(1026), added: 1521, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Maturing` (r:1 w:0)
	/// Proof: `ProofOfLearning::Maturing` (`max_values`: Some(1), `max_size`: Some(3074), added: 3569, mode: `MaxEncodedLen`)
	fn idle() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `3345`
		//  Estimated: `4559`
		// Minimum execution time: 92_968_000 picoseconds.
		Weight::from_parts(102_432_000, 0)
			.saturating_add(Weight::from_parts(0, 4559))
			.saturating_add(T::DbWeight::get().reads(2))
	}
	// Estimated from `submit` and `withdraw`: reads and writes of `Commitments`, `CommitmentQueueEnds`, the account, its
	// holds and the treasury, three parameters, a place in the queue, and eight places that are left.
	fn commit() -> Weight {
		Weight::from_parts(900_000_000, 0)
			.saturating_add(Weight::from_parts(0, 20_000))
			.saturating_add(T::DbWeight::get().reads(8))
			.saturating_add(T::DbWeight::get().writes(14))
	}
	// Estimated from `withdraw`: `CommitmentQueueEnds`, the place, the account's `Commitments`, its holds, its account and
	// the treasury, and two parameters.
	fn expire_commitment() -> Weight {
		Weight::from_parts(500_000_000, 0)
			.saturating_add(Weight::from_parts(0, 16_000))
			.saturating_add(T::DbWeight::get().reads(8))
			.saturating_add(T::DbWeight::get().writes(6))
	}
	fn report_open_copy(bytes: u32) -> Weight {
		// Estimated: `report_copy`, whose four tiles are more than the rest of this one's reads, and of each byte that is shown of an expert
		// ten products with at most 64 others, at 1.5 ns each, and four hashes of it, at 4 ns each. One more read: the architecture.
		Self::report_copy()
			.saturating_add(Weight::from_parts(1_000_000, 0).saturating_mul(u64::from(bytes)))
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(Weight::from_parts(0, 70_000))
	}
	fn report_copy() -> Weight {
		// Estimated: the paths of four tiles as in `supply_tile` of disputes, the comparison of 2^18 weights, and the larger
		// of both endings: an acceptance that is reversed, or a submission that leaves its queue.
		Weight::from_parts(4 * 1_580_000_000 + 6_000_000_000, 46_000)
			.saturating_add(T::DbWeight::get().reads_writes(14, 4))
			.saturating_add(Self::refute().max(Self::withdraw()))
			// What backs operators came after the measurement: counted.
			.saturating_add(Weight::from_parts(800_000_000, 99_000))
			.saturating_add(T::DbWeight::get().reads_writes(33, 32))
	}
}
