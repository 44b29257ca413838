//! A chain with balances, operators and this pallet, and the words in which the stories are told.

use crate::{self as pallet_slashing, OffenceId, UsualPenalties};
use blyan_primitives::{
	operator_key::Pair,
	randomness::{Appointed, AppointedRandomness, RelayNumber},
	traits::{Appeals, OffenceKind, Offences},
	OperatorId, Subject,
};
use blyan_support::mocks::Machine;
pub use blyan_support::mocks::{Barred, Stopwatch};
use frame_support::{
	assert_ok, derive_impl, parameter_types,
	traits::{
		fungible::{Inspect, InspectHold},
		tokens::imbalance::ResolveTo,
		ConstU128, ConstU32, ConstU64, Hooks,
	},
	weights::Weight,
};
use frame_system::EnsureRoot;
use pallet_operators::{possession_payload, OperatorProfile, TieredStake};
use sp_core::{Pair as _, H256};
use sp_runtime::{
	traits::{BlakeTwo256, Zero},
	BuildStorage, DispatchError, DispatchResult, Perbill, Permill,
};
use std::collections::BTreeMap;

type Extrinsic = sp_runtime::testing::TestXt<RuntimeCall, frame_system::AuthorizeCall<Test>>;
type Block = sp_runtime::generic::Block<sp_runtime::generic::Header<u64, BlakeTwo256>, Extrinsic>;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Balances: pallet_balances,
		Operators: pallet_operators,
		Slashing: pallet_slashing,
	}
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = Block;
	type AccountData = pallet_balances::AccountData<u128>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type AccountStore = System;
	type Balance = u128;
	type ExistentialDeposit = ConstU128<10>;
}

/// One coin.
pub const UNIT: u128 = 1_000;
/// Blocks in a heartbeat period.
pub const PERIOD: u64 = 10;
/// Blocks for an appeal.
pub const WINDOW: u64 = 20;
/// Blocks for a judgement.
pub const JUDGEMENT: u64 = 30;
/// Blocks until a stake is free.
pub const UNBONDING: u64 = 60;
/// Blocks for which a punishment counts.
pub const MEMORY: u64 = 1_000;
/// Bond of an appeal.
pub const BOND: u128 = 100;
/// Offences that are pending at most.
pub const PENDING: u32 = 6;
/// Decisions that are remembered.
pub const CLOSED: u32 = 5;

/// Randomness for which every appointment is the next block, known in the one after.
pub struct Dice;
impl AppointedRandomness for Dice {
	fn appoint() -> RelayNumber {
		System::block_number() as RelayNumber + 1
	}
	fn seed_of(appointment: RelayNumber, _: &[u8]) -> Appointed {
		if System::block_number() > appointment.into() {
			Appointed::Seed(H256::from_low_u64_be(appointment.into()))
		} else {
			Appointed::Pending
		}
	}
}

parameter_types! {
	pub const MeasureStep: Permill = Permill::from_percent(20);
	pub const ReporterShare: Perbill = Perbill::from_percent(20);
	pub const TreasuryAccount: u64 = TREASURY;
	/// The appeals that were opened: who, and about what.
	pub static Disputes: Vec<(u64, Subject)> = vec![];
	/// True while the nodes of Alice and Bob send heartbeats.
	pub static Online: bool = true;
	/// Undecided offences that can be computed again, by subject, as the neighbour counts them.
	pub static Cases: BTreeMap<Subject, u32> = BTreeMap::new();
	/// True if the neighbour opens disputes.
	pub static CanDispute: bool = true;
}

impl pallet_operators::Config for Test {
	type ElectoratePeriod = ConstU64<10>;
	type ElectoratesKept = ConstU32<4>;
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type RequiredStake = TieredStake<ConstU128<UNIT>>;
	type Backing = ();
	type WorkingTime = Stopwatch<Test>;
	type SilencePeriod = ConstU64<{ 2 * PERIOD }>;
	type Duties = ();
	type OpenClaims = frame_support::traits::Nothing;
	type OpenClaimsWeight = ();
	type Offences = Slashing;
	type Randomness = Dice;
	type MaxOperators = ConstU32<6>;
	type HeartbeatPeriod = ConstU64<PERIOD>;
	type UnbondingPeriod = ConstU64<UNBONDING>;
	type LongestDispute = ConstU64<{ WINDOW + JUDGEMENT }>;
	type QuarantinePeriod = ConstU64<40>;
	type MeasureStep = MeasureStep;
	type RegistrationBase = ConstU128<50>;
	type RegistrationFactorMilli = ConstU32<1_100>;
	type RegistrationHalfLife = ConstU64<100>;
	type HardwareBond = ConstU128<30>;
	type HardwareWindow = ConstU64<5>;
	type SweepPerBlock = ConstU32<3>;
	type HeartbeatPriority = ConstU64<7>;
	type WeightInfo = ();
}

/// The neighbour that has claims computed again.
pub struct Arbiter;
impl Appeals<u64> for Arbiter {
	fn appeal(appellant: &u64, subject: Subject) -> DispatchResult {
		if !CanDispute::get() {
			return Err(DispatchError::Unavailable);
		}
		Disputes::mutate(|disputes| disputes.push((*appellant, subject)));
		Ok(())
	}
	fn note_offence_opened(subject: Subject) {
		Cases::mutate(|cases| *cases.entry(subject).or_default() += 1);
	}
	fn note_offence_closed(subject: Subject) {
		Cases::mutate(|cases| *cases.get_mut(&subject).expect("it was opened") -= 1);
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_appealable_for_benchmark() -> Option<(u64, Subject)> {
		Some((77, Subject::Submission(1, H256::zero())))
	}
}

impl pallet_slashing::Config for Test {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type Stakes = Operators;
	type WorkingTime = Stopwatch<Test>;
	type Appeals = Arbiter;
	type OnSlash = ResolveTo<TreasuryAccount, Balances>;
	type ReportOrigin = EnsureRoot<u64>;
	type JudgeOrigin = EnsureRoot<u64>;
	type Penalties = UsualPenalties;
	// Bans are over before quarantines are, but for that of an equivocator.
	type BlocksPerDay = ConstU64<2>;
	type ReporterShare = ReporterShare;
	type AppealWindow = ConstU64<WINDOW>;
	type JudgementWindow = ConstU64<JUDGEMENT>;
	type AppealBond = ConstU128<BOND>;
	type StrikesMax = ConstU32<3>;
	type StrikeMemory = ConstU64<MEMORY>;
	type MaxPending = ConstU32<PENDING>;
	type MaxClosed = ConstU32<CLOSED>;
	type WeightInfo = ();
}

blyan_support::create_authorized_transactions!(Test, RuntimeCall, Extrinsic);

/// Operators.
pub const ALICE: u64 = 1;
pub const BOB: u64 = 2;
/// Reports what it sees.
pub const WATCHER: u64 = 5;
/// Has nothing.
pub const PAUPER: u64 = 99;
pub const TREASURY: u64 = 50;
/// Balance of the others.
pub const RICHES: u128 = 1_000 * UNIT;
pub const GENESIS_HASH: H256 = H256::repeat_byte(0x9e);

pub fn signed(who: u64) -> RuntimeOrigin {
	RuntimeOrigin::signed(who)
}

pub fn root() -> RuntimeOrigin {
	RuntimeOrigin::root()
}

fn pair(who: u64) -> Pair {
	Pair::from_string(&format!("//{who}"), None).unwrap()
}

pub fn key(who: u64) -> OperatorId {
	pair(who).public()
}

/// Registers a basic operator as anybody would.
pub fn register(who: u64) -> DispatchResult {
	let proof = pair(who).sign(&possession_payload(&GENESIS_HASH, &who));
	Operators::register(signed(who), OperatorProfile::default(), key(who), proof, RICHES)
}

/// Lets an operator be heard in the current period.
pub fn hear(who: u64) {
	let period = Operators::period();
	let signature = pair(who).sign(b"whatever: it was checked before");
	let origin = frame_system::RawOrigin::Authorized.into();
	assert_ok!(Operators::heartbeat(origin, period, key(who), Default::default(), signature));
}

pub fn evidence(number: u8) -> H256 {
	H256::repeat_byte(number)
}

/// Reports an offence of Alice as a neighbour does, with the watcher as reporter, and returns its number.
pub fn report(kind: OffenceKind, number: u8) -> OffenceId {
	report_of(ALICE, kind, number, Some(WATCHER))
}

/// Reports an offence as a neighbour does, and returns its number.
pub fn report_of(offender: u64, kind: OffenceKind, number: u8, reporter: Option<u64>) -> OffenceId {
	let id = crate::NextOffence::<Test>::get();
	<Slashing as Offences<u64>>::report(&offender, kind, evidence(number), reporter.as_ref());
	id
}

/// Reports whether a heartbeat of `who` would be accepted.
pub fn can_be_heard(who: u64) -> bool {
	let record = pallet_operators::Operators::<Test>::get(who);
	let period = Operators::period();
	record.is_some_and(|record| record.withdrawable_at.is_none() && record.heard_in < period)
}

/// Goes to `block`, with every block's idle time.
pub fn run_to(block: u64) {
	while System::block_number() < block {
		System::set_block_number(System::block_number() + 1);
		for who in [ALICE, BOB] {
			if Online::get() && can_be_heard(who) {
				hear(who);
			}
		}
		Slashing::on_idle(System::block_number(), Weight::MAX);
		Operators::on_idle(System::block_number(), Weight::MAX);
	}
}

/// Goes on by `blocks` blocks.
pub fn wait(blocks: u64) {
	run_to(System::block_number() + blocks);
}

pub fn stake(who: u64) -> u128 {
	Balances::balance_on_hold(&pallet_operators::HoldReason::Stake.into(), &who)
}

pub fn appeal_bond(who: u64) -> u128 {
	Balances::balance_on_hold(&crate::HoldReason::Appeal.into(), &who)
}

pub fn treasury() -> u128 {
	Balances::balance(&TREASURY)
}

pub fn state(id: OffenceId) -> crate::State<u128, u64> {
	crate::OffenceRecords::<Test>::get(id).unwrap().state
}

/// Reports whether `who` may be drawn.
pub fn is_eligible(who: u64) -> bool {
	use blyan_primitives::traits::OperatorSet;
	Operators::eligible().iter().any(|operator| operator.account == who)
}

/// The world: Alice and Bob are operators, accounts 1 to 9 have money, block 1.
pub struct ExtBuilder;

impl ExtBuilder {
	pub fn build(self) -> sp_io::TestExternalities {
		let mut balances: Vec<_> = (1..10).map(|who| (who, RICHES)).collect();
		balances.push((TREASURY, UNIT));
		let storage = RuntimeGenesisConfig {
			balances: pallet_balances::GenesisConfig { balances, ..Default::default() },
			operators: pallet_operators::GenesisConfig {
				operators: [ALICE, BOB].map(|who| (who, key(who), UNIT)).into(),
			},
			..Default::default()
		}
		.build_storage()
		.unwrap();
		let mut ext = sp_io::TestExternalities::new(storage);
		Machine::with_engine(()).attach(&mut ext);
		ext.execute_with(|| {
			Disputes::set(vec![]);
			Cases::set(BTreeMap::new());
			Barred::set(0);
			CanDispute::set(true);
			Online::set(true);
			System::set_block_number(1);
			frame_system::BlockHash::<Test>::insert(u64::zero(), GENESIS_HASH);
		});
		ext
	}

	pub fn build_and_check(self, story: impl FnOnce()) {
		self.build().execute_with(|| {
			story();
			check();
		})
	}
}

/// The invariants of both pallets, and what the neighbour that keeps cases was told.
pub fn check() {
	let pending = crate::OffenceRecords::<Test>::iter_values().filter(|offence| offence.state.is_pending());
	let mut cases: BTreeMap<Subject, u32> = BTreeMap::new();
	for subject in pending.filter_map(|offence| offence.contested?.computable()) {
		*cases.entry(subject).or_default() += 1;
	}
	assert_eq!(Cases::get().into_iter().filter(|(_, open)| *open > 0).collect::<BTreeMap<_, _>>(), cases);
	Slashing::do_try_state().unwrap();
	Operators::do_try_state().unwrap();
}

/// The events of this pallet since the last time they were taken.
pub fn take_events() -> Vec<crate::Event<Test>> {
	let events = System::read_events_for_pallet();
	System::reset_events();
	events
}
