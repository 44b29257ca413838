//! A chain with balances and this pallet, and the words in which the stories are told.

use crate::{
	self as pallet_operators, heartbeat_payload, possession_payload, Capabilities, GenesisConfig,
	OperatorProfile, PeriodIndex, Region, Role, TieredStake,
};
use blyan_primitives::{
	hardware_root,
	operator_key::Pair,
	randomness::{Appointed, AppointedRandomness, RelayNumber},
	traits::{Backing, OffenceKind, Offences},
	HardwareComponent, HardwareComponents, Measurement, OperatorId, OperatorSignature,
};
pub use blyan_support::mocks::Barred;
use blyan_support::mocks::{self, Machine, Pool, Stopwatch};
use frame_support::{
	parameter_types,
	traits::{ConstU128, ConstU32, ConstU64, Contains},
};
use sp_core::{Pair as _, H256};
use sp_runtime::{traits::BlakeTwo256, BuildStorage, Perbill, Permill};

/// What the worker submits.
pub type Extrinsic = sp_runtime::testing::TestXt<RuntimeCall, frame_system::AuthorizeCall<Test>>;
type Block = sp_runtime::generic::Block<sp_runtime::generic::Header<u64, BlakeTwo256>, Extrinsic>;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Balances: pallet_balances,
		Operators: pallet_operators,
	}
);

blyan_support::configure_chain!(Test, Block, u64, with_balances);

/// One coin.
pub const UNIT: u128 = 1_000;
/// The smallest registration bond.
pub const BASE: u128 = 64;
/// Blocks in which it halves.
pub const HALF_LIFE: u64 = 100;
/// What a hardware challenge takes.
pub const HARDWARE_BOND: u128 = 30;
/// Blocks in a period.
pub const PERIOD: u64 = 10;

/// What was reported: offender, kind, evidence, reporter.
pub type Report = (u64, OffenceKind, H256, Option<u64>);

parameter_types! {
	pub const MeasureStep: Permill = Permill::from_percent(20);
	/// What the dice show, and in which block they were thrown; never thrown yet if that is zero.
	pub static Seed: u8 = 0;
	pub static ThrownAt: u64 = 0;
	/// What was thrown for single appointments.
	pub static Throws: std::collections::BTreeMap<RelayNumber, u8> = Default::default();
	/// What was reported since the last look.
	pub static Reports: Vec<Report> = vec![];
	/// Operators whose committees have not finished.
	pub static Duties: Vec<u64> = vec![];
	/// Operators whose claims can be disputed.
	pub static Disputable: Vec<u64> = vec![];
	/// Coins of others behind each operator.
	pub static Backed: std::collections::BTreeMap<u64, u128> = Default::default();
	/// Incomes that were passed on: operator, own stake, amount.
	pub static Incomes: Vec<(u64, u128, u128)> = vec![];
}

/// The neighbour that keeps what others have behind an operator: up to twice its own stake counts.
pub struct Backers;
impl Backing<u64> for Backers {
	fn counted(operator: &u64, own: u128) -> u128 {
		Backed::get().get(operator).copied().unwrap_or(0).min(Self::most(own))
	}
	fn most(own: u128) -> u128 {
		2 * own
	}
	fn slash(operator: &u64, share: Perbill) -> u128 {
		let before = Self::counted(operator, u128::MAX / 2);
		let taken = share.mul_floor(before);
		if taken > 0 {
			Backed::mutate(|backed| backed.insert(*operator, before - taken));
		}
		taken
	}
	fn share_income(operator: &u64, own: u128, amount: u128) {
		Incomes::mutate(|incomes| incomes.push((*operator, own, amount)));
	}
}

/// The neighbours that keep claims.
pub struct OpenClaims;
impl Contains<u64> for OpenClaims {
	fn contains(who: &u64) -> bool {
		Disputable::get().contains(who)
	}
}

/// The neighbour that keeps offences.
pub struct Court;
impl Offences<u64> for Court {
	fn report(offender: &u64, kind: OffenceKind, evidence: H256, reporter: Option<&u64>) {
		Reports::mutate(|reports| reports.push((*offender, kind, evidence, reporter.copied())));
	}
}

/// Randomness as a test wants it: an appointment is the next block's number, and the dice were last thrown at
/// [`ThrownAt`].
pub struct Dice;
impl AppointedRandomness for Dice {
	fn appoint() -> RelayNumber {
		System::block_number() as RelayNumber + 1
	}
	fn seed_of(appointment: RelayNumber, _: &[u8]) -> Appointed {
		match Throws::get().get(&appointment) {
			Some(seed) => Appointed::Seed(H256::repeat_byte(*seed)),
			None if ThrownAt::get() >= appointment.into() => Appointed::Seed(H256::repeat_byte(Seed::get())),
			None => Appointed::Pending,
		}
	}
}

impl pallet_operators::Config for Test {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type RequiredStake = TieredStake<ConstU128<UNIT>>;
	type MaxOperators = ConstU32<4>;
	type HeartbeatPeriod = ConstU64<PERIOD>;
	type Backing = Backers;
	type WorkingTime = Stopwatch<Test>;
	type SilencePeriod = ConstU64<{ 2 * PERIOD }>;
	type Duties = Duties;
	type OpenClaims = OpenClaims;
	type OpenClaimsWeight = ();
	type Offences = Court;
	type Randomness = Dice;
	type UnbondingPeriod = ConstU64<50>;
	type LongestDispute = ConstU64<40>;
	type QuarantinePeriod = ConstU64<15>;
	type MeasureStep = MeasureStep;
	type RegistrationBase = ConstU128<BASE>;
	type RegistrationFactorMilli = ConstU32<2_000>;
	type RegistrationHalfLife = ConstU64<HALF_LIFE>;
	type HardwareBond = ConstU128<HARDWARE_BOND>;
	type HardwareWindow = ConstU64<5>;
	type ElectoratePeriod = ConstU64<3>;
	type ElectoratesKept = ConstU32<3>;
	type SweepPerBlock = ConstU32<2>;
	type HeartbeatPriority = ConstU64<7>;
	type WeightInfo = ();
}

blyan_support::create_authorized_transactions!(Test, RuntimeCall, Extrinsic);

pub const ALICE: u64 = 1;
pub const BOB: u64 = 2;
pub const CHARLIE: u64 = 3;
/// Has nothing.
pub const PAUPER: u64 = 99;
/// What the others have.
pub const RICHES: u128 = 1_000 * UNIT;
pub const GENESIS_HASH: H256 = H256::repeat_byte(0x9e);

/// The key pair that a name stands for.
pub fn pair(name: &str) -> Pair {
	Pair::from_string(&format!("//{name}"), None).unwrap()
}

pub fn key(name: &str) -> OperatorId {
	pair(name).public()
}

/// The proof that `who` may register the key.
pub fn proof(name: &str, who: u64) -> OperatorSignature {
	pair(name).sign(&possession_payload(&GENESIS_HASH, &who))
}

pub fn heartbeat_signature(name: &str, period: PeriodIndex) -> OperatorSignature {
	pair(name).sign(&heartbeat_payload(&GENESIS_HASH, period, &measurement()))
}

/// What every node here measures.
pub fn measurement() -> Measurement {
	Measurement {
		cpu_tokens_per_second: 2_000,
		gpu_tokens_per_second: 0,
		disk_gib: 100,
		bandwidth_mbit: 50,
		compute_units: 8,
	}
}

/// The machine of any account: eight components, or fewer with empty places.
pub fn machine(who: u64) -> HardwareComponents {
	core::array::from_fn(|index| HardwareComponent {
		identifier: H256::from_low_u64_be(100 * who + index as u64),
		salt: H256::from_low_u64_be(7_000 + index as u64),
	})
}

/// Sends the heartbeat of the current period.
pub fn hear(name: &str) {
	let period = Operators::period();
	let origin = frame_system::RawOrigin::Authorized.into();
	let signature = heartbeat_signature(name, period);
	frame_support::assert_ok!(Operators::heartbeat(origin, period, key(name), measurement(), signature));
}

pub fn profile(who: u64) -> OperatorProfile {
	OperatorProfile {
		role: Role::Evaluator,
		region: Region(*b"DE"),
		capabilities: Capabilities::EVALUATE,
		hardware: hardware_root(&machine(who)),
	}
}

pub fn signed(who: u64) -> RuntimeOrigin {
	RuntimeOrigin::signed(who)
}

/// Registers an operator as anybody would.
pub fn register(who: u64, name: &str) -> sp_runtime::DispatchResult {
	Operators::register(signed(who), profile(who), key(name), proof(name, who), RICHES)
}

/// Registers an operator with a stake of its choice, as anybody would.
pub fn outbid(who: u64, name: &str, stake: u128) -> sp_runtime::DispatchResult {
	Operators::outbid(signed(who), profile(who), key(name), proof(name, who), stake, RICHES)
		.map(|_| ())
		.map_err(|error| error.error)
}

/// The world: by default no operators, accounts 1 to 9 with money, block 1.
#[derive(Default)]
pub struct ExtBuilder {
	operators: Vec<(u64, OperatorId, u128)>,
	local_keys: Vec<&'static str>,
}

impl ExtBuilder {
	/// An operator from genesis on, with the stake of one coin.
	pub fn operator(mut self, who: u64, name: &str) -> Self {
		self.operators.push((who, key(name), UNIT));
		self
	}

	/// An operator from genesis on, with this stake.
	pub fn staked(mut self, who: u64, name: &str, stake: u128) -> Self {
		self.operators.push((who, key(name), stake));
		self
	}

	/// A key in this node's keystore.
	pub fn local_key(mut self, name: &'static str) -> Self {
		self.local_keys.push(name);
		self
	}

	pub fn build(self) -> sp_io::TestExternalities {
		self.build_with_pool().0
	}

	pub fn build_with_pool(self) -> (sp_io::TestExternalities, Pool) {
		let storage = RuntimeGenesisConfig {
			balances: pallet_balances::GenesisConfig {
				balances: (1..10).map(|who| (who, RICHES)).collect(),
				..Default::default()
			},
			operators: GenesisConfig { operators: self.operators },
			..Default::default()
		}
		.build_storage()
		.unwrap();
		let mut ext = mocks::first_block::<Test>(storage, GENESIS_HASH);

		let machine = Machine::with_engine(());
		self.local_keys.iter().for_each(|name| machine.add_key(&format!("//{name}")));
		machine.attach(&mut ext);
		let pool = Pool::of(&mut ext);

		Seed::set(0);
		ThrownAt::set(0);
		Throws::set(Default::default());
		Reports::set(vec![]);
		Duties::set(vec![]);
		Disputable::set(vec![]);
		Backed::set(Default::default());
		Incomes::set(vec![]);
		Barred::set(0);
		(ext, pool)
	}

	pub fn build_and_check(self, story: impl FnOnce()) {
		self.build().execute_with(|| {
			story();
			Operators::do_try_state().unwrap();
		})
	}
}

/// The events of this pallet since the last time they were taken.
pub fn take_events() -> Vec<crate::Event<Test>> {
	let events = System::read_events_for_pallet();
	System::reset_events();
	events
}
