//! A chain with balances and this pallet, and the words in which the stories are told.

use crate::{self as pallet_delegation, Balance, HoldReason};
use blyan_primitives::{
	traits::{BackedOperators, Backing},
	Millionths,
};
pub use blyan_support::mocks::{Barred, Stopwatch};
use frame_support::{
	assert_ok, derive_impl, parameter_types,
	traits::{
		fungible::{Inspect, InspectHold, Mutate},
		tokens::imbalance::ResolveTo,
		ConstU128, ConstU32, ConstU64,
	},
};
use sp_runtime::{BuildStorage, DispatchResult, Perbill};
use std::collections::{BTreeMap, BTreeSet};

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Balances: pallet_balances,
		Delegation: pallet_delegation,
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
	type ExistentialDeposit = ConstU128<ED>;
}

/// Existential deposit.
pub const ED: Balance = 10;
/// One coin.
pub const UNIT: Balance = 1_000_000;
/// Least backing.
pub const MIN: Balance = UNIT;
/// Deposit of an entry.
pub const DEPOSIT: Balance = 100;
/// Own stake of each operator.
pub const OWN: Balance = 100 * UNIT;
/// Blocks until what was taken out can be withdrawn.
pub const UNBONDING: u64 = 50;
/// Blocks until a raise is taken.
pub const NOTICE: u64 = 60;
/// Blocks in a period of income.
pub const PERIOD: u64 = 20;
/// Parts of a backing on their way out.
pub const CHUNKS: u32 = 3;
/// Highest commission.
pub const COMMISSION_MAX: Millionths = 500_000;
/// Highest step of a raise.
pub const STEP_MAX: Millionths = 50_000;

parameter_types! {
	pub const Treasury: u64 = TREASURY;
	/// Own stakes of the registered operators.
	pub static Stakes: BTreeMap<u64, Balance> = BTreeMap::new();
	/// Operators that are leaving.
	pub static Leaving: BTreeSet<u64> = BTreeSet::new();
	/// Operators against whom something is pending.
	pub static Accused: BTreeSet<u64> = BTreeSet::new();
	/// Operators whose backing fell.
	pub static Fell: Vec<u64> = vec![];
}

/// Operators, as their pallet keeps them.
pub struct Operators;
impl BackedOperators<u64> for Operators {
	fn own_stake(who: &u64) -> Option<Balance> {
		Stakes::get().get(who).copied()
	}
	fn is_staying(who: &u64) -> bool {
		Stakes::get().contains_key(who) && !Leaving::get().contains(who)
	}
	fn is_accused(who: &u64) -> bool {
		Accused::get().contains(who)
	}
	fn note_backing_fell(who: &u64) {
		Fell::mutate(|fell| fell.push(*who));
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_operator_for_benchmark() -> u64 {
		Stakes::mutate(|stakes| stakes.insert(OPERATOR, 1_000 * UNIT));
		OPERATOR
	}
}

impl pallet_delegation::Config for Test {
	type RuntimeHoldReason = RuntimeHoldReason;
	type Currency = Balances;
	type Operators = Operators;
	type OnSlash = ResolveTo<Treasury, Balances>;
	type WorkingTime = Stopwatch<Test>;
	type BackingMax = ConstU32<2>;
	type MinBacking = ConstU128<MIN>;
	type EntryDeposit = ConstU128<DEPOSIT>;
	type CommissionMax = ConstU32<COMMISSION_MAX>;
	type CommissionStepMax = ConstU32<STEP_MAX>;
	type CommissionNotice = ConstU64<NOTICE>;
	type UnbondingPeriod = ConstU64<UNBONDING>;
	type MaxChunks = ConstU32<CHUNKS>;
	type IncomePeriod = ConstU64<PERIOD>;
	type WeightInfo = ();
}

/// Holders.
pub const ALICE: u64 = 1;
pub const BOB: u64 = 2;
pub const CAROL: u64 = 3;
/// Operators.
pub const OPERATOR: u64 = 11;
pub const RIVAL: u64 = 12;
pub const TREASURY: u64 = 50;
/// Balance of each.
pub const RICHES: Balance = 1_000 * UNIT;

pub fn signed(who: u64) -> RuntimeOrigin {
	RuntimeOrigin::signed(who)
}

pub fn delegate(who: u64, amount: Balance) -> DispatchResult {
	Delegation::delegate(signed(who), OPERATOR, amount, COMMISSION_MAX)
}

pub fn undelegate(who: u64, amount: Balance) -> DispatchResult {
	Delegation::undelegate(signed(who), OPERATOR, amount)
}

pub fn withdraw(who: u64) -> DispatchResult {
	Delegation::withdraw_unbonded(signed(who), OPERATOR)
}

pub fn claim(who: u64) -> DispatchResult {
	Delegation::claim(signed(who), OPERATOR, who)
}

/// Pays an operator as its neighbours do: the coins first, then the note.
pub fn earn(operator: u64, amount: Balance) {
	assert_ok!(Balances::mint_into(&operator, amount));
	let own = Stakes::get().get(&operator).copied().unwrap_or(0);
	<Delegation as Backing<u64>>::share_income(&operator, own, amount);
}

/// Slashes an operator as the operators' pallet does: the same share of its own stake, which lives there.
pub fn slash(operator: u64, percent: u32) -> Balance {
	let share = Perbill::from_percent(percent);
	Stakes::mutate(|stakes| {
		if let Some(own) = stakes.get_mut(&operator) {
			*own -= share.mul_floor(*own);
		}
	});
	<Delegation as Backing<u64>>::slash(&operator, share)
}

pub fn pool() -> crate::PoolRecordOf<Test> {
	crate::Pools::<Test>::get(OPERATOR).unwrap()
}

/// Worth of what an account has behind the operator.
pub fn backing(who: u64) -> Balance {
	crate::Backings::<Test>::get(who, OPERATOR).map_or(0, |entry| pool().active.worth(entry.shares))
}

/// Income that an account can claim.
pub fn income(who: u64) -> Balance {
	crate::Backings::<Test>::get(who, OPERATOR).map_or(0, |entry| entry.income(pool().income_per_share))
}

pub fn held(reason: HoldReason, who: u64) -> Balance {
	Balances::balance_on_hold(&reason.into(), &who)
}

/// Everything that an account has, on hold or not.
pub fn wealth(who: u64) -> Balance {
	Balances::total_balance(&who)
}

pub fn wait(blocks: u64) {
	System::set_block_number(System::block_number() + blocks);
}

/// The events of this pallet since the last time they were taken.
pub fn take_events() -> Vec<crate::Event<Test>> {
	let events = System::read_events_for_pallet();
	System::reset_events();
	events
}

/// The world: two operators with a hundred coins each, of which the first takes backing for a tenth; three holders; block 1.
pub struct ExtBuilder;

impl ExtBuilder {
	pub fn build(self) -> sp_io::TestExternalities {
		let rich = [ALICE, BOB, CAROL, OPERATOR, RIVAL, TREASURY];
		let storage = RuntimeGenesisConfig {
			balances: pallet_balances::GenesisConfig {
				balances: rich.map(|who| (who, RICHES)).into(),
				..Default::default()
			},
			..Default::default()
		}
		.build_storage()
		.unwrap();
		let mut ext = sp_io::TestExternalities::new(storage);
		ext.execute_with(|| {
			System::set_block_number(1);
			Stakes::set([(OPERATOR, OWN), (RIVAL, OWN)].into());
			Leaving::set(BTreeSet::new());
			Accused::set(BTreeSet::new());
			Fell::set(vec![]);
			Barred::set(0);
			assert_ok!(Delegation::set_commission(signed(OPERATOR), 100_000));
			System::reset_events();
		});
		ext
	}

	pub fn build_and_check(self, story: impl FnOnce()) {
		self.build().execute_with(|| {
			story();
			Delegation::do_try_state().unwrap();
		})
	}
}
