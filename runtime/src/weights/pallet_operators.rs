//! Weights of `pallet_operators`, measured by `scripts/weights` with `STEPS=10 REPEAT=6`.
//!
//! The node was built without optimisation on a machine that was busy: the times are several times what a
//! release build takes. Proof sizes and storage accesses do not depend on either. What says "estimated" is to be measured with
//! the next run.

#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(unused_parens)]
#![allow(unused_imports)]
#![allow(missing_docs)]

use frame_support::{traits::Get, weights::Weight};
use core::marker::PhantomData;

/// Weight functions for `pallet_operators`.
pub struct WeightInfo<T>(PhantomData<T>);
impl<T: frame_system::Config> pallet_operators::WeightInfo for WeightInfo<T> {
	/// Storage: `System::BlockHash` (r:1 w:0)
	/// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
	/// Storage: `Operators::LastPrice` (r:1 w:1)
	/// Proof: `Operators::LastPrice` (`max_values`: Some(1), `max_size`: Some(20), added: 515, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Banned` (r:1 w:0)
	/// Proof: `Operators::Banned` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Operators` (r:1 w:1)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	/// Storage: `Operators::CounterForOperators` (r:1 w:1)
	/// Proof: `Operators::CounterForOperators` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `Operators::KeyOwners` (r:1 w:1)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `Operators::PendingOffences` (r:1 w:0)
	/// Proof: `Operators::PendingOffences` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Challenges` (r:1 w:0)
	/// Proof: `Operators::Challenges` (`max_values`: None, `max_size`: Some(110), added: 2585, mode: `MaxEncodedLen`)
	/// Storage: `Operators::HardwareOwners` (r:1 w:2)
	/// Proof: `Operators::HardwareOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
	/// Storage: `Operators::FreeIndices` (r:1 w:1)
	/// Proof: `Operators::FreeIndices` (`max_values`: Some(1), `max_size`: Some(1026), added: 1521, mode: `MaxEncodedLen`)
	/// Storage: `Operators::UidSlots` (r:1 w:1)
	/// Proof: `Operators::UidSlots` (`max_values`: None, `max_size`: Some(49), added: 2524, mode: `MaxEncodedLen`)
	fn register() -> Weight {
		// Estimated: as measured, plus a read of `Displaced` and one of `RetiredKeys`.
		// Proof Size summary in bytes:
		//  Measured:  `743`
		//  Estimated: `3730`
		// Minimum execution time: 1_622_942_000 picoseconds.
		Weight::from_parts(1_822_419_000, 0)
			.saturating_add(Weight::from_parts(0, 8930))
			.saturating_add(T::DbWeight::get().reads(14))
			.saturating_add(T::DbWeight::get().writes(9))
	}
	/// Storage: `Operators::Operators` (r:1 w:1)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Challenges` (r:1 w:0)
	/// Proof: `Operators::Challenges` (`max_values`: None, `max_size`: Some(110), added: 2585, mode: `MaxEncodedLen`)
	/// Storage: `Operators::HardwareOwners` (r:1 w:2)
	/// Proof: `Operators::HardwareOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
	fn update_capabilities() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `675`
		//  Estimated: `3730`
		// Minimum execution time: 841_962_000 picoseconds.
		Weight::from_parts(944_384_000, 0)
			.saturating_add(Weight::from_parts(0, 3730))
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().writes(4))
	}
	/// Storage: `Operators::Operators` (r:1 w:1)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	/// Storage: `Operators::KeyOwners` (r:1 w:2)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `System::BlockHash` (r:1 w:0)
	/// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
	fn rotate_key() -> Weight {
		// Estimated: as measured, plus `RetiredOf` and eight entries of `RetiredKeys` that are forgotten or written.
		// Proof Size summary in bytes:
		//  Measured:  `667`
		//  Estimated: `3691`
		// Minimum execution time: 459_513_000 picoseconds.
		Weight::from_parts(856_467_000, 0)
			.saturating_add(Weight::from_parts(0, 27691))
			.saturating_add(T::DbWeight::get().reads(12))
			.saturating_add(T::DbWeight::get().writes(13))
	}
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Operators` (r:1 w:1)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	fn heartbeat() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `666`
		//  Estimated: `3691`
		// Minimum execution time: 286_516_000 picoseconds.
		Weight::from_parts(356_379_000, 0)
			.saturating_add(Weight::from_parts(0, 3691))
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Operators` (r:1 w:0)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	/// Storage: `System::BlockHash` (r:1 w:0)
	/// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
	fn authorize_heartbeat() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `720`
		//  Estimated: `3691`
		// Minimum execution time: 267_898_000 picoseconds.
		Weight::from_parts(304_633_000, 0)
			.saturating_add(Weight::from_parts(0, 3691))
			.saturating_add(T::DbWeight::get().reads(3))
	}
	/// Storage: `Operators::Operators` (r:1 w:1)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	fn exit() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `492`
		//  Estimated: `3691`
		// Minimum execution time: 226_627_000 picoseconds.
		Weight::from_parts(286_225_000, 0)
			.saturating_add(Weight::from_parts(0, 3691))
			.saturating_add(T::DbWeight::get().reads(1))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	/// Storage: `Operators::Operators` (r:1 w:1)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	/// Storage: `Operators::PendingOffences` (r:1 w:0)
	/// Proof: `Operators::PendingOffences` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Challenges` (r:1 w:0)
	/// Proof: `Operators::Challenges` (`max_values`: None, `max_size`: Some(110), added: 2585, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Banned` (r:1 w:0)
	/// Proof: `Operators::Banned` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
	/// Storage: `Operators::FreeIndices` (r:1 w:1)
	/// Proof: `Operators::FreeIndices` (`max_values`: Some(1), `max_size`: Some(1026), added: 1521, mode: `MaxEncodedLen`)
	/// Storage: `Operators::CounterForOperators` (r:1 w:1)
	/// Proof: `Operators::CounterForOperators` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `Operators::KeyOwners` (r:0 w:1)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `Operators::HardwareOwners` (r:0 w:1)
	/// Proof: `Operators::HardwareOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Opened` (r:0 w:1)
	/// Proof: `Operators::Opened` (`max_values`: None, `max_size`: Some(312), added: 2787, mode: `MaxEncodedLen`)
	/// Storage: `Operators::UidSlots` (r:0 w:1)
	/// Proof: `Operators::UidSlots` (`max_values`: None, `max_size`: Some(49), added: 2524, mode: `MaxEncodedLen`)
	fn withdraw() -> Weight {
		// Estimated: as measured, plus `Displaced`, `Owned`, `RetiredOf`, and eight entries of `RetiredKeys` that are removed.
		// Proof Size summary in bytes:
		//  Measured:  `722`
		//  Estimated: `3730`
		// Minimum execution time: 1_230_819_000 picoseconds.
		Weight::from_parts(1_665_419_000, 0)
			.saturating_add(Weight::from_parts(0, 15730))
			.saturating_add(T::DbWeight::get().reads(11))
			.saturating_add(T::DbWeight::get().writes(19))
	}
	/// Storage: `Operators::Operators` (r:1 w:1)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
	fn top_up() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `675`
		//  Estimated: `3730`
		// Minimum execution time: 751_026_000 picoseconds.
		Weight::from_parts(851_726_000, 0)
			.saturating_add(Weight::from_parts(0, 3730))
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(2))
	}
	/// Storage: `Operators::Operators` (r:1 w:1)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	/// Storage: `Operators::PendingOffences` (r:1 w:0)
	/// Proof: `Operators::PendingOffences` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
	fn return_to_duty() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `496`
		//  Estimated: `3691`
		// Minimum execution time: 255_810_000 picoseconds.
		Weight::from_parts(311_053_000, 0)
			.saturating_add(Weight::from_parts(0, 3691))
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	/// Storage: `Operators::Operators` (r:1 w:1)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::Fingerprints` (r:1 w:1)
	/// Proof: `Slashing::Fingerprints` (`max_values`: None, `max_size`: Some(40), added: 2515, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::PendingOf` (r:1 w:1)
	/// Proof: `Slashing::PendingOf` (`max_values`: None, `max_size`: Some(177), added: 2652, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::NextOffence` (r:1 w:1)
	/// Proof: `Slashing::NextOffence` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
	/// Storage: `Operators::PendingOffences` (r:1 w:1)
	/// Proof: `Operators::PendingOffences` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::OffenceRecords` (r:0 w:1)
	/// Proof: `Slashing::OffenceRecords` (`max_values`: None, `max_size`: Some(174), added: 2649, mode: `MaxEncodedLen`)
	fn report_silence() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `496`
		//  Estimated: `3691`
		// Minimum execution time: 480_354_000 picoseconds.
		Weight::from_parts(562_777_000, 0)
			.saturating_add(Weight::from_parts(0, 3691))
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().writes(6))
	}
	/// Storage: `Operators::Operators` (r:1 w:0)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Challenges` (r:1 w:1)
	/// Proof: `Operators::Challenges` (`max_values`: None, `max_size`: Some(110), added: 2585, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
	/// Storage: `RelayRandomness::Newest` (r:1 w:0)
	/// Proof: `RelayRandomness::Newest` (`max_values`: Some(1), `max_size`: Some(12), added: 507, mode: `MaxEncodedLen`)
	/// Storage: `RelayRandomness::MixParentHash` (r:1 w:0)
	/// Proof: `RelayRandomness::MixParentHash` (`max_values`: Some(1), `max_size`: Some(1), added: 496, mode: `MaxEncodedLen`)
	fn challenge_hardware() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `681`
		//  Estimated: `3730`
		// Minimum execution time: 773_680_000 picoseconds.
		Weight::from_parts(868_601_000, 0)
			.saturating_add(Weight::from_parts(0, 3730))
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().writes(2))
	}
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Operators` (r:1 w:1)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Challenges` (r:1 w:1)
	/// Proof: `Operators::Challenges` (`max_values`: None, `max_size`: Some(110), added: 2585, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Opened` (r:1 w:0)
	/// Proof: `Operators::Opened` (`max_values`: None, `max_size`: Some(312), added: 2787, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:1 w:1)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::Fingerprints` (r:1 w:1)
	/// Proof: `Slashing::Fingerprints` (`max_values`: None, `max_size`: Some(40), added: 2515, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::PendingOf` (r:1 w:1)
	/// Proof: `Slashing::PendingOf` (`max_values`: None, `max_size`: Some(177), added: 2652, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::NextOffence` (r:1 w:1)
	/// Proof: `Slashing::NextOffence` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
	/// Storage: `Operators::PendingOffences` (r:1 w:1)
	/// Proof: `Operators::PendingOffences` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::OffenceRecords` (r:0 w:1)
	/// Proof: `Slashing::OffenceRecords` (`max_values`: None, `max_size`: Some(174), added: 2649, mode: `MaxEncodedLen`)
	fn answer_hardware() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `1439`
		//  Estimated: `3777`
		// Minimum execution time: 1_103_529_000 picoseconds.
		Weight::from_parts(1_216_227_000, 0)
			.saturating_add(Weight::from_parts(0, 3777))
			.saturating_add(T::DbWeight::get().reads(10))
			.saturating_add(T::DbWeight::get().writes(9))
	}
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Challenges` (r:1 w:0)
	/// Proof: `Operators::Challenges` (`max_values`: None, `max_size`: Some(110), added: 2585, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Operators` (r:1 w:0)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	/// Storage: `System::BlockHash` (r:1 w:0)
	/// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
	fn authorize_answer_hardware() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `886`
		//  Estimated: `3691`
		// Minimum execution time: 327_537_000 picoseconds.
		Weight::from_parts(403_750_000, 0)
			.saturating_add(Weight::from_parts(0, 3691))
			.saturating_add(T::DbWeight::get().reads(4))
	}
	/// Storage: `Operators::Challenges` (r:1 w:1)
	/// Proof: `Operators::Challenges` (`max_values`: None, `max_size`: Some(110), added: 2585, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:1 w:1)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
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
	/// Storage: `RelayRandomness::Newest` (r:1 w:0)
	/// Proof: `RelayRandomness::Newest` (`max_values`: Some(1), `max_size`: Some(12), added: 507, mode: `MaxEncodedLen`)
	/// Storage: `RelayRandomness::Seeds` (r:20 w:0)
	/// Proof: `RelayRandomness::Seeds` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
	/// Storage: `RelayRandomness::MixParentHash` (r:1 w:0)
	/// Proof: `RelayRandomness::MixParentHash` (`max_values`: Some(1), `max_size`: Some(1), added: 496, mode: `MaxEncodedLen`)
	fn settle_hardware() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `954`
		//  Estimated: `54190`
		// Minimum execution time: 926_256_000 picoseconds.
		Weight::from_parts(1_016_621_000, 0)
			.saturating_add(Weight::from_parts(0, 54190))
			.saturating_add(T::DbWeight::get().reads(30))
			.saturating_add(T::DbWeight::get().writes(9))
	}
	// Estimated from `return_to_duty`, with a read and a write of `Operators`, one of `Owned` and one of `Displaced`, and an
	// ownership that ends.
	fn declare_owner() -> Weight {
		Weight::from_parts(450_000_000, 0)
			.saturating_add(Weight::from_parts(0, 9_000))
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().writes(2))
	}
	// Estimated from `return_to_duty`, with two reads of `Operators`, two of `Owned`, one of `Displaced`, and two writes.
	fn accept_operator() -> Weight {
		Weight::from_parts(450_000_000, 0)
			.saturating_add(Weight::from_parts(0, 12_000))
			.saturating_add(T::DbWeight::get().reads(5))
			.saturating_add(T::DbWeight::get().writes(2))
	}
	// Estimated from `exit`: one read and one write of `Operators`, and a read of `Displaced`.
	fn dissolve_ownership() -> Weight {
		Weight::from_parts(311_053_000, 0)
			.saturating_add(Weight::from_parts(0, 6_400))
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	// Estimated from `register` and `withdraw` for what is written, and from the 104 operators that the draw of
	// `pallet_proof_of_learning` reads for what is read: 256 operators with their offences and challenges, and the
	// committees of 256 models and 256 audits, by the largest size that each entry may have. What is above `register` is
	// refunded where there was room.
	fn outbid() -> Weight {
		Weight::from_parts(20_000_000_000, 0)
			.saturating_add(Weight::from_parts(0, 5_000_000))
			.saturating_add(T::DbWeight::get().reads(1_600))
			.saturating_add(T::DbWeight::get().writes(14))
	}
	/// Storage: `Operators::Operators` (r:257 w:0)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	/// Storage: `Operators::ElectorateDates` (r:1 w:1)
	/// Storage: `Operators::Electorates` (r:0 w:1)
	/// Storage: `RelayRandomness::Newest` (r:1 w:0)
	fn renew_electorate() -> Weight {
		// Estimated: all operators are read, as by `pallet_proof_of_learning::draw` when it was measured, at 256 instead of 103.
		Weight::from_parts(14_000_000_000, 0)
			.saturating_add(Weight::from_parts(0, 700_000))
			.saturating_add(T::DbWeight::get().reads(262))
			.saturating_add(T::DbWeight::get().writes(2))
	}
	/// Storage: `Operators::NextIndex` (r:1 w:0)
	/// Proof: `Operators::NextIndex` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `Operators::SweepCursor` (r:1 w:1)
	/// Proof: `Operators::SweepCursor` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	fn sweep() -> Weight {
		// Estimated: as measured, plus a read of `ElectorateDates`.
		// Proof Size summary in bytes:
		//  Measured:  `197`
		//  Estimated: `1489`
		// Minimum execution time: 67_250_000 picoseconds.
		Weight::from_parts(76_474_000, 0)
			.saturating_add(Weight::from_parts(0, 4275))
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	/// Storage: `Operators::UidSlots` (r:1 w:0)
	/// Proof: `Operators::UidSlots` (`max_values`: None, `max_size`: Some(49), added: 2524, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Operators` (r:1 w:1)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::Fingerprints` (r:2 w:2)
	/// Proof: `Slashing::Fingerprints` (`max_values`: None, `max_size`: Some(40), added: 2515, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::PendingOf` (r:1 w:1)
	/// Proof: `Slashing::PendingOf` (`max_values`: None, `max_size`: Some(177), added: 2652, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::NextOffence` (r:1 w:1)
	/// Proof: `Slashing::NextOffence` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
	/// Storage: `Operators::PendingOffences` (r:1 w:1)
	/// Proof: `Operators::PendingOffences` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Challenges` (r:1 w:1)
	/// Proof: `Operators::Challenges` (`max_values`: None, `max_size`: Some(110), added: 2585, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:1 w:1)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Balances::Holds` (r:1 w:1)
	/// Proof: `Balances::Holds` (`max_values`: None, `max_size`: Some(265), added: 2740, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::OffenceRecords` (r:0 w:2)
	/// Proof: `Slashing::OffenceRecords` (`max_values`: None, `max_size`: Some(174), added: 2649, mode: `MaxEncodedLen`)
	/// Storage: `RelayRandomness::Newest` (r:1 w:0)
	/// Proof: `RelayRandomness::Newest` (`max_values`: Some(1), `max_size`: Some(12), added: 507, mode: `MaxEncodedLen`)
	/// Storage: `RelayRandomness::Seeds` (r:20 w:0)
	/// Proof: `RelayRandomness::Seeds` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
	/// Storage: `RelayRandomness::MixParentHash` (r:1 w:0)
	/// Proof: `RelayRandomness::MixParentHash` (`max_values`: Some(1), `max_size`: Some(1), added: 496, mode: `MaxEncodedLen`)
	fn visit() -> Weight {
		// Estimated: as measured, plus an ownership that ends (`Owned`), `RetiredOf`, and eight entries of `RetiredKeys` that are forgotten.
		// Proof Size summary in bytes:
		//  Measured:  `1072`
		//  Estimated: `56480`
		// Minimum execution time: 1_179_123_000 picoseconds.
		Weight::from_parts(1_646_352_000, 0)
			.saturating_add(Weight::from_parts(0, 86480))
			.saturating_add(T::DbWeight::get().reads(42))
			.saturating_add(T::DbWeight::get().writes(22))
	}
}
