//! Weights of `pallet_audits`, measured by `scripts/weights` with `STEPS=10 REPEAT=6`.
//!
//! The node was built without optimisation on a machine that was busy: the times are several times what a
//! release build takes. Proof sizes and storage accesses do not depend on either.

#![cfg_attr(rustfmt, rustfmt_skip)]
#![allow(unused_parens)]
#![allow(unused_imports)]
#![allow(missing_docs)]

use frame_support::{traits::Get, weights::Weight};
use core::marker::PhantomData;

/// Weight functions for `pallet_audits`.
pub struct WeightInfo<T>(PhantomData<T>);
impl<T: frame_system::Config> pallet_audits::WeightInfo for WeightInfo<T> {
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `Audits::Enrolments` (r:1 w:1)
	/// Proof: `Audits::Enrolments` (`max_values`: None, `max_size`: Some(129), added: 2604, mode: `MaxEncodedLen`)
	/// Storage: `RelayRandomness::Newest` (r:1 w:0)
	/// Proof: `RelayRandomness::Newest` (`max_values`: Some(1), `max_size`: Some(12), added: 507, mode: `MaxEncodedLen`)
	/// Storage: `RelayRandomness::MixParentHash` (r:1 w:0)
	/// Proof: `RelayRandomness::MixParentHash` (`max_values`: Some(1), `max_size`: Some(1), added: 496, mode: `MaxEncodedLen`)
	fn enrol() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `1768`
		//  Estimated: `3590`
		// Minimum execution time: 413_444_000 picoseconds.
		Weight::from_parts(545_701_000, 0)
			.saturating_add(Weight::from_parts(0, 3590))
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `Audits::Enrolments` (r:1 w:0)
	/// Proof: `Audits::Enrolments` (`max_values`: None, `max_size`: Some(129), added: 2604, mode: `MaxEncodedLen`)
	/// Storage: `System::BlockHash` (r:1 w:0)
	/// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
	fn authorize_enrol() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `1794`
		//  Estimated: `3590`
		// Minimum execution time: 352_043_000 picoseconds.
		Weight::from_parts(381_457_000, 0)
			.saturating_add(Weight::from_parts(0, 3590))
			.saturating_add(T::DbWeight::get().reads(3))
	}
	/// Storage: `Audits::Audits` (r:1 w:1)
	/// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(1866), added: 4341, mode: `MaxEncodedLen`)
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:1 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	/// Storage: `Audits::Agenda` (r:1 w:1)
	/// Proof: `Audits::Agenda` (`max_values`: Some(1), `max_size`: Some(3074), added: 3569, mode: `MaxEncodedLen`)
	fn present() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `4757`
		//  Estimated: `5331`
		// Minimum execution time: 515_797_000 picoseconds.
		Weight::from_parts(628_844_000, 0)
			.saturating_add(Weight::from_parts(0, 5331))
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().writes(2))
	}
	/// Storage: `Audits::Audits` (r:1 w:0)
	/// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(1866), added: 4341, mode: `MaxEncodedLen`)
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `System::BlockHash` (r:1 w:0)
	/// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:1 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	fn authorize_present() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `1775`
		//  Estimated: `5331`
		// Minimum execution time: 402_498_000 picoseconds.
		Weight::from_parts(439_023_000, 0)
			.saturating_add(Weight::from_parts(0, 5331))
			.saturating_add(T::DbWeight::get().reads(4))
	}
	/// Storage: `Audits::Audits` (r:1 w:1)
	/// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(1866), added: 4341, mode: `MaxEncodedLen`)
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `Audits::Agenda` (r:1 w:1)
	/// Proof: `Audits::Agenda` (`max_values`: Some(1), `max_size`: Some(3074), added: 3569, mode: `MaxEncodedLen`)
	fn vote() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `4958`
		//  Estimated: `5331`
		// Minimum execution time: 498_551_000 picoseconds.
		Weight::from_parts(540_233_000, 0)
			.saturating_add(Weight::from_parts(0, 5331))
			.saturating_add(T::DbWeight::get().reads(3))
			.saturating_add(T::DbWeight::get().writes(2))
	}
	/// Storage: `Audits::Audits` (r:1 w:0)
	/// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(1866), added: 4341, mode: `MaxEncodedLen`)
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `System::BlockHash` (r:1 w:0)
	/// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:1 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	fn authorize_vote() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `2056`
		//  Estimated: `5331`
		// Minimum execution time: 404_591_000 picoseconds.
		Weight::from_parts(475_547_000, 0)
			.saturating_add(Weight::from_parts(0, 5331))
			.saturating_add(T::DbWeight::get().reads(4))
	}
	/// Storage: `Audits::Audits` (r:1 w:1)
	/// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(1866), added: 4341, mode: `MaxEncodedLen`)
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `Audits::Enrolments` (r:0 w:1)
	/// Proof: `Audits::Enrolments` (`max_values`: None, `max_size`: Some(129), added: 2604, mode: `MaxEncodedLen`)
	/// Storage: `RelayRandomness::Newest` (r:1 w:0)
	/// Proof: `RelayRandomness::Newest` (`max_values`: Some(1), `max_size`: Some(12), added: 507, mode: `MaxEncodedLen`)
	/// Storage: `RelayRandomness::MixParentHash` (r:1 w:0)
	/// Proof: `RelayRandomness::MixParentHash` (`max_values`: Some(1), `max_size`: Some(1), added: 496, mode: `MaxEncodedLen`)
	fn reveal_setter() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `2157`
		//  Estimated: `5331`
		// Minimum execution time: 500_064_000 picoseconds.
		Weight::from_parts(719_800_000, 0)
			.saturating_add(Weight::from_parts(0, 5331))
			.saturating_add(T::DbWeight::get().reads(4))
			.saturating_add(T::DbWeight::get().writes(2))
	}
	/// Storage: `Audits::Audits` (r:1 w:0)
	/// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(1866), added: 4341, mode: `MaxEncodedLen`)
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `System::BlockHash` (r:1 w:0)
	/// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:1 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	fn authorize_reveal_setter() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `2149`
		//  Estimated: `5331`
		// Minimum execution time: 436_830_000 picoseconds.
		Weight::from_parts(509_367_000, 0)
			.saturating_add(Weight::from_parts(0, 5331))
			.saturating_add(T::DbWeight::get().reads(4))
	}
	/// Storage: `Audits::Audits` (r:1 w:1)
	/// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(1866), added: 4341, mode: `MaxEncodedLen`)
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	fn reveal_vote() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `2064`
		//  Estimated: `5331`
		// Minimum execution time: 455_877_000 picoseconds.
		Weight::from_parts(492_772_000, 0)
			.saturating_add(Weight::from_parts(0, 5331))
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	/// Storage: `Audits::Audits` (r:1 w:0)
	/// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(1866), added: 4341, mode: `MaxEncodedLen`)
	/// Storage: `Operators::KeyOwners` (r:1 w:0)
	/// Proof: `Operators::KeyOwners` (`max_values`: None, `max_size`: Some(80), added: 2555, mode: `MaxEncodedLen`)
	/// Storage: `System::BlockHash` (r:1 w:0)
	/// Proof: `System::BlockHash` (`max_values`: None, `max_size`: Some(44), added: 2519, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:1 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	fn authorize_reveal_vote() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `2055`
		//  Estimated: `5331`
		// Minimum execution time: 458_341_000 picoseconds.
		Weight::from_parts(493_354_000, 0)
			.saturating_add(Weight::from_parts(0, 5331))
			.saturating_add(T::DbWeight::get().reads(4))
	}
	/// Storage: `Audits::Enrolments` (r:1 w:1)
	/// Proof: `Audits::Enrolments` (`max_values`: None, `max_size`: Some(129), added: 2604, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Operators` (r:1 w:0)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	fn forget() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `413`
		//  Estimated: `3691`
		// Minimum execution time: 225_355_000 picoseconds.
		Weight::from_parts(272_695_000, 0)
			.saturating_add(Weight::from_parts(0, 3691))
			.saturating_add(T::DbWeight::get().reads(2))
			.saturating_add(T::DbWeight::get().writes(1))
	}
	/// Storage: `Audits::Agenda` (r:1 w:1)
	/// Proof: `Audits::Agenda` (`max_values`: Some(1), `max_size`: Some(3074), added: 3569, mode: `MaxEncodedLen`)
	/// Storage: `Audits::NextAudit` (r:1 w:1)
	/// Proof: `Audits::NextAudit` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:5 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Operators` (r:104 w:0)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	/// Storage: `Identity::SuperOf` (r:103 w:0)
	/// Proof: `Identity::SuperOf` (`max_values`: None, `max_size`: Some(114), added: 2589, mode: `MaxEncodedLen`)
	/// Storage: `Audits::Enrolments` (r:103 w:1)
	/// Proof: `Audits::Enrolments` (`max_values`: None, `max_size`: Some(129), added: 2604, mode: `MaxEncodedLen`)
	/// Storage: `Experts::ModelCount` (r:1 w:0)
	/// Proof: `Experts::ModelCount` (`max_values`: Some(1), `max_size`: Some(4), added: 499, mode: `MaxEncodedLen`)
	/// Storage: `ProofOfLearning::Holdouts` (r:1 w:0)
	/// Proof: `ProofOfLearning::Holdouts` (`max_values`: None, `max_size`: Some(86), added: 2561, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Models` (r:1 w:0)
	/// Proof: `Experts::Models` (`max_values`: None, `max_size`: Some(206), added: 2681, mode: `MaxEncodedLen`)
	/// Storage: `Experts::Heads` (r:2 w:0)
	/// Proof: `Experts::Heads` (`max_values`: None, `max_size`: Some(87), added: 2562, mode: `MaxEncodedLen`)
	/// Storage: `Experts::HeadTree` (r:1 w:0)
	/// Proof: `Experts::HeadTree` (`max_values`: None, `max_size`: Some(57), added: 2532, mode: `MaxEncodedLen`)
	/// Storage: `Audits::Audits` (r:0 w:1)
	/// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(1866), added: 4341, mode: `MaxEncodedLen`)
	/// Storage: `RelayRandomness::Newest` (r:1 w:0)
	/// Proof: `RelayRandomness::Newest` (`max_values`: Some(1), `max_size`: Some(12), added: 507, mode: `MaxEncodedLen`)
	/// Storage: `RelayRandomness::Seeds` (r:20 w:0)
	/// Proof: `RelayRandomness::Seeds` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
	/// Storage: `RelayRandomness::MixParentHash` (r:1 w:0)
	/// Proof: `RelayRandomness::MixParentHash` (`max_values`: Some(1), `max_size`: Some(1), added: 496, mode: `MaxEncodedLen`)
	fn open() -> Weight {
		// Twenty-two reads, those of an appointed seed, are reckoned and not measured: a benchmark's chain has none.
		// Proof Size summary in bytes:
		//  Measured:  `38153`
		//  Estimated: `332354`
		// Minimum execution time: 13_642_904_000 picoseconds.
		Weight::from_parts(17_283_365_000, 0)
			.saturating_add(Weight::from_parts(0, 332354))
			.saturating_add(T::DbWeight::get().reads(345))
			.saturating_add(T::DbWeight::get().writes(4))
	}
	/// Storage: `Parameters::Parameters` (r:2 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::Envelopes` (r:1 w:1)
	/// Proof: `Ledger::Envelopes` (`max_values`: Some(1), `max_size`: Some(80), added: 575, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:8 w:8)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::Paid` (r:1 w:1)
	/// Proof: `Ledger::Paid` (`max_values`: Some(1), `max_size`: Some(80), added: 575, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::JournalHead` (r:1 w:1)
	/// Proof: `Ledger::JournalHead` (`max_values`: Some(1), `max_size`: Some(40), added: 535, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Operators` (r:7 w:7)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	/// Storage: `Audits::Agenda` (r:1 w:1)
	/// Proof: `Audits::Agenda` (`max_values`: Some(1), `max_size`: Some(3074), added: 3569, mode: `MaxEncodedLen`)
	/// Storage: `Audits::Enrolments` (r:1 w:1)
	/// Proof: `Audits::Enrolments` (`max_values`: None, `max_size`: Some(129), added: 2604, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::Journal` (r:0 w:8)
	/// Proof: `Ledger::Journal` (`max_values`: None, `max_size`: Some(69), added: 2544, mode: `MaxEncodedLen`)
	/// Storage: `Audits::Audits` (r:0 w:1)
	/// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(1866), added: 4341, mode: `MaxEncodedLen`)
	fn step_paying() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `8948`
		//  Estimated: `21814`
		// Minimum execution time: 4_436_553_000 picoseconds.
		Weight::from_parts(5_332_584_000, 0)
			.saturating_add(Weight::from_parts(0, 21814))
			.saturating_add(T::DbWeight::get().reads(22))
			.saturating_add(T::DbWeight::get().writes(29))
	}
	/// Storage: `Slashing::Fingerprints` (r:7 w:7)
	/// Proof: `Slashing::Fingerprints` (`max_values`: None, `max_size`: Some(40), added: 2515, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::PendingOf` (r:7 w:7)
	/// Proof: `Slashing::PendingOf` (`max_values`: None, `max_size`: Some(177), added: 2652, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::NextOffence` (r:1 w:1)
	/// Proof: `Slashing::NextOffence` (`max_values`: Some(1), `max_size`: Some(8), added: 503, mode: `MaxEncodedLen`)
	/// Storage: `Operators::PendingOffences` (r:7 w:7)
	/// Proof: `Operators::PendingOffences` (`max_values`: None, `max_size`: Some(52), added: 2527, mode: `MaxEncodedLen`)
	/// Storage: `Operators::Operators` (r:7 w:7)
	/// Proof: `Operators::Operators` (`max_values`: None, `max_size`: Some(226), added: 2701, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:1 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::Envelopes` (r:1 w:1)
	/// Proof: `Ledger::Envelopes` (`max_values`: Some(1), `max_size`: Some(80), added: 575, mode: `MaxEncodedLen`)
	/// Storage: `System::Account` (r:1 w:1)
	/// Proof: `System::Account` (`max_values`: None, `max_size`: Some(128), added: 2603, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::Paid` (r:1 w:1)
	/// Proof: `Ledger::Paid` (`max_values`: Some(1), `max_size`: Some(80), added: 575, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::JournalHead` (r:1 w:1)
	/// Proof: `Ledger::JournalHead` (`max_values`: Some(1), `max_size`: Some(40), added: 535, mode: `MaxEncodedLen`)
	/// Storage: `Audits::Agenda` (r:1 w:1)
	/// Proof: `Audits::Agenda` (`max_values`: Some(1), `max_size`: Some(3074), added: 3569, mode: `MaxEncodedLen`)
	/// Storage: `Audits::Enrolments` (r:1 w:1)
	/// Proof: `Audits::Enrolments` (`max_values`: None, `max_size`: Some(129), added: 2604, mode: `MaxEncodedLen`)
	/// Storage: `Ledger::Journal` (r:0 w:1)
	/// Proof: `Ledger::Journal` (`max_values`: None, `max_size`: Some(69), added: 2544, mode: `MaxEncodedLen`)
	/// Storage: `Audits::Audits` (r:0 w:1)
	/// Proof: `Audits::Audits` (`max_values`: None, `max_size`: Some(1866), added: 4341, mode: `MaxEncodedLen`)
	/// Storage: `Slashing::OffenceRecords` (r:0 w:7)
	/// Proof: `Slashing::OffenceRecords` (`max_values`: None, `max_size`: Some(174), added: 2649, mode: `MaxEncodedLen`)
	fn step_reporting() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `7463`
		//  Estimated: `19897`
		// Minimum execution time: 3_333_815_000 picoseconds.
		Weight::from_parts(3_438_800_000, 0)
			.saturating_add(Weight::from_parts(0, 19897))
			.saturating_add(T::DbWeight::get().reads(36))
			.saturating_add(T::DbWeight::get().writes(44))
	}
	/// Storage: `Audits::Agenda` (r:1 w:0)
	/// Proof: `Audits::Agenda` (`max_values`: Some(1), `max_size`: Some(3074), added: 3569, mode: `MaxEncodedLen`)
	/// Storage: `Parameters::Parameters` (r:1 w:0)
	/// Proof: `Parameters::Parameters` (`max_values`: None, `max_size`: Some(36), added: 2511, mode: `MaxEncodedLen`)
	/// Storage: `Audits::Round` (r:1 w:0)
	/// Proof: `Audits::Round` (`max_values`: Some(1), `max_size`: Some(12), added: 507, mode: `MaxEncodedLen`)
	/// Storage: `RelayRandomness::Newest` (r:1 w:0)
	/// Proof: `RelayRandomness::Newest` (`max_values`: Some(1), `max_size`: Some(12), added: 507, mode: `MaxEncodedLen`)
	/// Storage: `RelayRandomness::MixParentHash` (r:1 w:0)
	/// Proof: `RelayRandomness::MixParentHash` (`max_values`: Some(1), `max_size`: Some(1), added: 496, mode: `MaxEncodedLen`)
	/// Storage: `Audits::Appointments` (r:1 w:1)
	/// Proof: `Audits::Appointments` (`max_values`: Some(1), `max_size`: Some(1026), added: 1521, mode: `MaxEncodedLen`)
	/// Storage: `RelayRandomness::Seeds` (r:1 w:0)
	/// Proof: `RelayRandomness::Seeds` (`max_values`: None, `max_size`: Some(48), added: 2523, mode: `MaxEncodedLen`)
	fn idle() -> Weight {
		// Proof Size summary in bytes:
		//  Measured:  `3266`
		//  Estimated: `7082`
		// Minimum execution time: 194_439_000 picoseconds.
		Weight::from_parts(239_566_000, 0)
			.saturating_add(Weight::from_parts(0, 7082))
			.saturating_add(T::DbWeight::get().reads(7))
			.saturating_add(T::DbWeight::get().writes(2))
	}
}
