//! A chain with balances and this pallet, and the words in which the stories are told.

use crate::{self as pallet_ledger, Balance, EnvelopeAmounts, GenesisConfig};
use frame_support::{
	derive_impl, parameter_types,
	traits::{fungible::Credit, tokens::imbalance::ResolveTo, ConstU128, ConstU32, ConstU64, Hooks},
};
use frame_system::EnsureRoot;
use sp_runtime::{BuildStorage, Permill};

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Balances: pallet_balances,
		Ledger: pallet_ledger,
	}
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = frame_system::mocking::MockBlock<Test>;
	type AccountData = pallet_balances::AccountData<Balance>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
	type AccountStore = System;
	type Balance = Balance;
	type ExistentialDeposit = ConstU128<10>;
}

pub const ALICE: u64 = 1;
pub const BOB: u64 = 2;
pub const TREASURY: u64 = 90;
pub const COLLECTOR: u64 = 91;
pub const CAP: Balance = 2_000_000;
/// Total balance of the scenarios' accounts.
pub const ISSUANCE: Balance = 1_000_000;

parameter_types! {
	pub const Treasury: u64 = TREASURY;
	pub const Collector: u64 = COLLECTOR;
	pub const FeeBurn: Permill = Permill::from_percent(1);
}

impl pallet_ledger::Config for Test {
	type Currency = Balances;
	type BudgetOrigin = EnsureRoot<u64>;
	type SupplyCap = ConstU128<CAP>;
	type InflationMax = ConstU32<100_000>;
	type BlocksPerYear = ConstU64<100>;
	type EraLength = ConstU64<10>;
	type LearningBase = ConstU128<1_000>;
	type LearningMultipleMax = ConstU32<5>;
	type ValidationReward = ConstU128<100>;
	type TreasuryAccount = Treasury;
	type FeeBurn = FeeBurn;
	type FeeRecipient = ResolveTo<Collector, Balances>;
	type JournalLength = ConstU32<4>;
	type WeightInfo = ();
}

/// Coins in flight.
pub type TestCredit = Credit<u64, Balances>;

/// The world: by default Alice holds all coins, and learning and validation have a budget.
pub struct ExtBuilder {
	genesis: GenesisConfig<Test>,
	issuance: Balance,
}

impl Default for ExtBuilder {
	fn default() -> Self {
		let envelopes = EnvelopeAmounts { learning: 20_000, validation: 1_000, ..EnvelopeAmounts::default() };
		Self { genesis: GenesisConfig { envelopes, ..Default::default() }, issuance: ISSUANCE }
	}
}

impl ExtBuilder {
	pub fn envelopes(mut self, envelopes: EnvelopeAmounts) -> Self {
		self.genesis.envelopes = envelopes;
		self
	}

	pub fn genesis(mut self, genesis: GenesisConfig<Test>) -> Self {
		self.genesis = genesis;
		self
	}

	pub fn issuance(mut self, issuance: Balance) -> Self {
		self.issuance = issuance;
		self
	}

	pub fn build(self) -> sp_io::TestExternalities {
		let storage = RuntimeGenesisConfig {
			balances: pallet_balances::GenesisConfig {
				balances: vec![(ALICE, self.issuance)],
				..Default::default()
			},
			ledger: self.genesis,
			..Default::default()
		}
		.build_storage()
		.unwrap();
		let mut ext = sp_io::TestExternalities::new(storage);
		ext.execute_with(|| System::set_block_number(1));
		ext
	}

	pub fn build_and_check(self, story: impl FnOnce()) {
		self.build().execute_with(|| {
			story();
			Ledger::do_try_state().unwrap();
		})
	}
}

/// Runs every block up to and including `last`.
pub fn run_to(last: u64) {
	while System::block_number() < last {
		let now = System::block_number() + 1;
		System::set_block_number(now);
		Ledger::on_initialize(now);
	}
}

pub fn issuance() -> Balance {
	Balances::total_issuance()
}

/// The events of this pallet since the last time they were taken.
pub fn take_events() -> Vec<crate::Event<Test>> {
	let events = System::read_events_for_pallet();
	System::reset_events();
	events
}
