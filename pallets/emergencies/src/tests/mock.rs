//! A chain with balances and this pallet, and the words in which the stories are told.

use crate::{self as pallet_emergencies, Accounts, Action, ActionOf, CallName, Kind, Measures, ProposalId};
use blyan_primitives::{
	voting::{ElectorateId, Electorates},
	ExpertSlot, ModelId, VersionIndex,
};
use frame_support::{
	derive_impl,
	dispatch::DispatchResultWithPostInfo,
	parameter_types,
	traits::{ConstU128, ConstU32, ConstU64, Contains, Hooks, VariantCountOf},
	BoundedVec,
};
use frame_system::EnsureRoot;
use sp_runtime::{traits::Dispatchable, BuildStorage, DispatchError, DispatchResult, Permill};
use std::collections::BTreeSet;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Balances: pallet_balances,
		Emergencies: pallet_emergencies,
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
	type RuntimeFreezeReason = RuntimeFreezeReason;
	type FreezeIdentifier = RuntimeFreezeReason;
	type MaxFreezes = VariantCountOf<RuntimeFreezeReason>;
}

impl pallet_emergencies::Config for Test {
	type RuntimeFreezeReason = RuntimeFreezeReason;
	type Currency = Balances;
	type Electorates = Lists;
	type Measures = Chain;
	type PauseOrigin = EnsureRoot<u64>;
	type Exempt = Treasury;
	type Day = ConstU64<DAY>;
	type FreezeAllowance = ConstU128<ALLOWANCE>;
	type MaxVoices = ConstU32<32>;
	type MaxActive = ConstU32<3>;
	type WeightInfo = ();
}

parameter_types! {
	/// Voices of the newest electorate: accounts 1 to this number.
	pub static Voices: u64 = 10;
	/// Number of the newest electorate; earlier ones had [`EARLIER`] voices.
	pub static Newest: ElectorateId = 0;
	/// Accounts that stand for no vote.
	pub static Fallen: BTreeSet<u64> = BTreeSet::new();
	/// Measures that the chain took.
	pub static Done: Vec<String> = vec![];
	/// Yearly inflation.
	pub static Inflation: u32 = 100_000;
	/// Everything that the chain does fails.
	pub static Broken: bool = false;
}

/// Blocks in a day.
pub const DAY: u64 = 24;
/// Amount that a frozen account can move.
pub const ALLOWANCE: u128 = 10;
/// Balance of each account.
pub const RICHES: u128 = 1_000;
/// An account of the chain itself.
pub const TREASURY: u64 = 77;
/// An account without a voice.
pub const STRANGER: u64 = 99;
/// Voices of electorates that are not the newest.
pub const EARLIER: u64 = 10;

/// The neighbour that keeps electorates.
pub struct Lists;
impl Electorates<u64> for Lists {
	fn enlist() -> Option<(ElectorateId, u32)> {
		(Voices::get() > 0).then(|| (Newest::get(), Voices::get() as u32))
	}
	fn voice(electorate: ElectorateId, who: &u64) -> Option<u64> {
		let voices = if electorate == Newest::get() { Voices::get() } else { EARLIER };
		((1..=voices).contains(who) && !Fallen::get().contains(who)).then_some(*who)
	}
	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_electorate_for_benchmark(count: u32) -> Vec<u64> {
		Voices::set(count.into());
		(1..=count.into()).collect()
	}
}

/// Accounts of the chain itself.
pub struct Treasury;
impl Contains<u64> for Treasury {
	fn contains(who: &u64) -> bool {
		*who == TREASURY
	}
}

/// The neighbours that do what was decided.
pub struct Chain;

fn done(what: String) -> DispatchResult {
	if Broken::get() {
		return Err(DispatchError::Unavailable);
	}
	Done::mutate(|done| done.push(what));
	Ok(())
}

fn text(name: &CallName) -> String {
	String::from_utf8(name.to_vec()).unwrap()
}

impl Measures<u64, u64> for Chain {
	fn pause(blocks: u64) -> DispatchResult {
		done(format!("pause {blocks}"))
	}
	fn revert_head(slot: ExpertSlot, version: VersionIndex) -> DispatchResult {
		done(format!("revert {} {version}", slot.expert))
	}
	fn quarantine(who: &u64) -> DispatchResult {
		done(format!("quarantine {who}"))
	}
	fn lower_rewards(keep: Permill) -> Result<(u32, u32), DispatchError> {
		let before = Inflation::get();
		let during = keep.mul_floor(before);
		done(format!("inflation {during}"))?;
		Inflation::set(during);
		Ok((before, during))
	}
	fn restore_rewards(before: u32, during: u32) {
		if Inflation::get() == during {
			Inflation::set(before);
		}
	}
	fn mint(amount: u128) -> DispatchResult {
		done(format!("mint {amount}"))
	}
	fn checkpoint(model: ModelId) -> Result<u32, DispatchError> {
		done(format!("keep {model}")).map(|()| 7)
	}
	fn release(model: ModelId, generation: u32) {
		done(format!("release {model} {generation}")).unwrap();
	}
	fn pause_call(pallet: &CallName, call: &CallName) -> DispatchResult {
		done(format!("stop {}.{}", text(pallet), text(call)))
	}
	fn unpause_call(pallet: &CallName, call: &CallName) {
		done(format!("go {}.{}", text(pallet), text(call))).unwrap();
	}
}

pub fn signed(who: u64) -> RuntimeOrigin {
	RuntimeOrigin::signed(who)
}

pub fn accounts(who: impl IntoIterator<Item = u64>) -> Accounts<u64> {
	BoundedVec::try_from(who.into_iter().collect::<Vec<_>>()).unwrap()
}

pub fn freeze(who: impl IntoIterator<Item = u64>) -> ActionOf<Test> {
	Action::FreezeAccounts { accounts: accounts(who) }
}

pub fn name(text: &str) -> CallName {
	BoundedVec::try_from(text.as_bytes().to_vec()).unwrap()
}

/// Makes a call as a transaction does: what fails leaves no trace.
fn dispatch(who: u64, call: crate::Call<Test>) -> DispatchResultWithPostInfo {
	RuntimeCall::from(call).dispatch(signed(who))
}

pub fn propose(who: u64, kind: Kind, action: ActionOf<Test>) -> DispatchResultWithPostInfo {
	let justification = BoundedVec::try_from(b"why".to_vec()).unwrap();
	dispatch(who, crate::Call::propose { kind, action, justification })
}

pub fn support(who: u64, proposal: ProposalId) -> DispatchResultWithPostInfo {
	dispatch(who, crate::Call::support { proposal })
}

/// Proposes, and has as many voices support it as it takes. Returns the last of them.
pub fn decide(kind: Kind, action: ActionOf<Test>) -> DispatchResultWithPostInfo {
	let proposal = crate::NextProposal::<Test>::get();
	let mut last = propose(1, kind, action);
	for who in 2..=kind.needed(Voices::get() as u32).into() {
		last = support(who, proposal);
	}
	last
}

/// Measures that the chain took since the last look.
pub fn take_done() -> Vec<String> {
	let done = Done::get();
	Done::set(vec![]);
	done
}

/// Begins every block up to and including `last`.
pub fn run_to(last: u64) {
	while System::block_number() < last {
		let now = System::block_number() + 1;
		System::set_block_number(now);
		Emergencies::on_initialize(now);
	}
}

/// A chain of ten voices with money in its first block.
pub fn new_ext() -> sp_io::TestExternalities {
	let balances = (1..=10).chain([20, 21, TREASURY]).map(|who| (who, RICHES)).collect();
	let genesis = RuntimeGenesisConfig {
		balances: pallet_balances::GenesisConfig { balances, ..Default::default() },
		..Default::default()
	};
	let mut ext = sp_io::TestExternalities::new(genesis.build_storage().unwrap());
	Voices::set(10);
	Newest::set(0);
	Fallen::set(BTreeSet::new());
	Done::set(vec![]);
	Inflation::set(100_000);
	Broken::set(false);
	ext.execute_with(|| run_to(1));
	ext
}

/// Tells a story and checks the invariants after it.
pub fn build_and_check(story: impl FnOnce()) {
	new_ext().execute_with(|| {
		story();
		Emergencies::do_try_state().unwrap();
	})
}
