//! A chain with balances and this pallet, and the words in which the stories are told.

use crate::{self as pallet_reviews, *};
use blyan_primitives::{
	randomness::{Appointed, AppointedRandomness, RelayNumber},
	DatasetRef,
};
use codec::Encode;
use frame_support::{
	derive_impl, parameter_types,
	traits::{ConstU128, ConstU32, ConstU64, Get, Hooks},
	weights::Weight,
};
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::BuildStorage;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Balances: pallet_balances,
		ReviewsPallet: pallet_reviews,
	}
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = frame_system::mocking::MockBlock<Test>;
	type AccountData = pallet_balances::AccountData<u128>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type AccountStore = System;
	type Balance = u128;
	type ExistentialDeposit = ConstU128<1>;
}

impl pallet_reviews::Config for Test {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type Treasury = Treasury;
	type Rewards = Envelope;
	type Randomness = Dice;
	type WorkingTime = System;
	type Bond = ConstU128<BOND>;
	type Patience = ConstU64<PATIENCE>;
	type DrawWindow = ConstU64<20>;
	type SealWindow = ConstU64<20>;
	type RevealWindow = ConstU64<20>;
	type Seats = ConstU32<5>;
	type MinSeats = ConstU32<3>;
	type Records = ConstU32<10>;
	type Repute = Repute;
	type MaxReviews = ConstU32<4>;
	type MaxReviewers = ConstU32<64>;
	type StepsPerBlock = ConstU32<4>;
	type WeightInfo = ();
}

parameter_types! {
	pub static Paid: Vec<(u64, u32)> = Vec::new();
	pub const Treasury: u64 = TREASURY;
}

/// Bond of a reviewer.
pub const BOND: u128 = 100;
/// Balance of each account.
pub const RICHES: u128 = 1_000;
/// Blocks for which a reviewer has to be one.
pub const PATIENCE: u64 = 50;
/// The contributor.
pub const CREATOR: u64 = 500;
/// An account that reviews nothing.
pub const STRANGER: u64 = 501;
/// The treasury.
pub const TREASURY: u64 = 502;

pub struct Repute;
impl Get<ReputeRules> for Repute {
	fn get() -> ReputeRules {
		ReputeRules { accuracy_min: 800_000, judged_min: 6, judged_max: 100, missed_max: 3 }
	}
}

pub struct Envelope;
impl ReviewRewards<u64> for Envelope {
	fn pay_review(who: &u64, records: u32) -> Balance {
		Paid::mutate(|paid| paid.push((*who, records)));
		records.into()
	}
}

pub struct Dice;
impl AppointedRandomness for Dice {
	fn appoint() -> RelayNumber {
		System::block_number() as u32 + 2
	}
	fn seed_of(appointment: RelayNumber, subject: &[u8]) -> Appointed {
		if (System::block_number() as u32) < appointment {
			return Appointed::Pending;
		}
		Appointed::Seed(H256(blake2_256(&(subject, appointment).encode())))
	}
}

/// A chain in its first block, with rich accounts.
pub fn new_ext() -> sp_io::TestExternalities {
	let mut storage = frame_system::GenesisConfig::<Test>::default().build_storage().unwrap();
	let balances = (0..20).chain([CREATOR, STRANGER, TREASURY]).map(|who| (who, RICHES)).collect();
	pallet_balances::GenesisConfig::<Test> { balances, ..Default::default() }
		.assimilate_storage(&mut storage)
		.unwrap();
	let mut ext = sp_io::TestExternalities::new(storage);
	ext.execute_with(|| System::set_block_number(1));
	ext
}

/// Tells a story with so many reviewers who are so for long enough, and checks the invariants after it.
pub fn story(reviewers: u64, story: impl FnOnce()) {
	new_ext().execute_with(|| {
		(0..reviewers).for_each(join);
		run(PATIENCE);
		story();
		ReviewsPallet::do_try_state().unwrap();
	})
}

pub fn signed(who: u64) -> RuntimeOrigin {
	RuntimeOrigin::signed(who)
}

pub fn join(who: u64) {
	ReviewsPallet::join(signed(who)).unwrap();
}

pub fn run(blocks: u64) {
	for _ in 0..blocks {
		let now = System::block_number();
		ReviewsPallet::on_idle(now, Weight::MAX);
		System::set_block_number(now + 1);
	}
}

pub fn dataset(number: u32) -> DatasetRef {
	DatasetRef { dataset: number, version: 0 }
}

pub fn review(number: u32) -> ReviewOf<Test> {
	Reviews::<Test>::get(dataset(number)).unwrap()
}

pub fn reviewer(who: u64) -> ReviewerOf<Test> {
	Reviewers::<Test>::get(who).unwrap()
}

/// Opens a review and lets blocks pass until it is drawn. Returns who has a seat.
pub fn drawn(number: u32) -> Vec<u64> {
	ReviewsPallet::open(dataset(number), &CREATOR, 1_000);
	run(4);
	assert_eq!(review(number).step, Step::Sealing);
	review(number).seats.iter().map(|seat| seat.who).collect()
}

/// Answers that refuse the first records and keep the rest.
pub fn refusing(first: usize) -> Answers {
	let one = |place| {
		if place < first {
			Answer::Refuse(RecordReason::Quality)
		} else {
			Answer::Keep
		}
	};
	(0..10).map(one).collect::<Vec<_>>().try_into().unwrap()
}

pub fn salt(who: u64) -> H256 {
	H256::from_low_u64_be(who + 7)
}

pub fn seal_of(number: u32, who: u64, answers: &Answers) -> H256 {
	seal(dataset(number), &review(number).draw, answers, &salt(who), &who)
}

pub fn commit(number: u32, who: u64, answers: &Answers) {
	ReviewsPallet::seal(signed(who), dataset(number), seal_of(number, who, answers)).unwrap();
}

pub fn tell(number: u32, who: u64, answers: &Answers) {
	ReviewsPallet::reveal(signed(who), dataset(number), answers.clone(), salt(who)).unwrap();
}

/// Plays a whole review, in which every seat says what `of` says.
pub fn played(number: u32, of: impl Fn(u64) -> Answers) -> Vec<u64> {
	let seats = drawn(number);
	for who in &seats {
		commit(number, *who, &of(*who));
	}
	run(1);
	assert_eq!(review(number).step, Step::Revealing);
	for who in &seats {
		tell(number, *who, &of(*who));
	}
	run(1);
	assert_eq!(review(number).step, Step::Concluded);
	seats
}
