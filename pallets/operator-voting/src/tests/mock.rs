//! A chain with polls, operators and this pallet, and the words in which the stories are told.

use crate::{self as pallet_operator_voting, GenesisConfig, Tally, TallyOf};
use blyan_primitives::voting::{Elector, Voters};
use frame_support::{
	derive_impl, parameter_types,
	traits::{ConstU32, ConstU64, Get, Hooks, PollStatus, Polling, VoteTally},
	weights::Weight,
};
use sp_runtime::{BuildStorage, DispatchError};
use std::collections::{BTreeMap, BTreeSet};

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		OperatorVoting: pallet_operator_voting,
	}
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = frame_system::mocking::MockBlock<Test>;
}

impl pallet_operator_voting::Config for Test {
	type Polls = Ballots;
	type PollCount = BallotCount;
	type Voters = Registry;
	type MaxOperators = ConstU32<16>;
	type UsualDay = ConstU64<DAY>;
	type VoterAgeDays = ConstU32<2>;
	type ElectorateDays = ConstU32<10>;
	type WeightInfo = ();
}

/// A poll of the mock.
#[derive(Clone, Debug)]
pub enum Ballot {
	Open(TallyOf<Test>),
	Closed(u64, bool),
	Cancelled,
}

/// An operator of the mock.
#[derive(Clone, Debug)]
pub struct Operator {
	pub since: u64,
	pub owner: Option<u64>,
	pub quarantined: bool,
}

parameter_types! {
	pub static BallotBox: BTreeMap<u32, Ballot> = BTreeMap::new();
	pub static Operators: BTreeMap<u64, Operator> = BTreeMap::new();
	pub static Banned: BTreeSet<u64> = BTreeSet::new();
}

/// The neighbour that keeps polls.
pub struct Ballots;
impl Polling<TallyOf<Test>> for Ballots {
	type Index = u32;
	type Votes = u32;
	type Class = u16;
	type Moment = u64;

	fn classes() -> Vec<u16> {
		vec![0]
	}

	fn as_ongoing(index: u32) -> Option<(TallyOf<Test>, u16)> {
		match BallotBox::get().remove(&index) {
			Some(Ballot::Open(tally)) => Some((tally, 0)),
			_ => None,
		}
	}

	fn access_poll<R>(index: u32, f: impl FnOnce(PollStatus<&mut TallyOf<Test>, u64, u16>) -> R) -> R {
		let mut ballots = BallotBox::get();
		let result = match ballots.get_mut(&index) {
			Some(Ballot::Open(tally)) => f(PollStatus::Ongoing(tally, 0)),
			Some(Ballot::Closed(at, passed)) => f(PollStatus::Completed(*at, *passed)),
			Some(Ballot::Cancelled) | None => f(PollStatus::None),
		};
		BallotBox::set(ballots);
		result
	}

	fn try_access_poll<R>(
		index: u32,
		f: impl FnOnce(PollStatus<&mut TallyOf<Test>, u64, u16>) -> Result<R, DispatchError>,
	) -> Result<R, DispatchError> {
		Self::access_poll(index, f)
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn create_ongoing(_: u16) -> Result<u32, ()> {
		Ok(open())
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn end_ongoing(index: u32, approved: bool) -> Result<(), ()> {
		close(index, approved);
		Ok(())
	}
}

/// Polls that were ever submitted.
pub struct BallotCount;
impl Get<u32> for BallotCount {
	fn get() -> u32 {
		BallotBox::get().len() as u32
	}
}

/// The neighbour that keeps operators.
pub struct Registry;
impl Voters<u64, u64> for Registry {
	fn electors(age: u64) -> Vec<Elector<u64>> {
		let now = System::block_number();
		Operators::get()
			.into_iter()
			.filter(|(_, operator)| {
				(operator.since == 0 || operator.since + age <= now) && !operator.quarantined
			})
			.map(|(who, operator)| Elector { operator: who, voice: operator.owner.unwrap_or(who) })
			.collect()
	}

	fn stands(who: &u64) -> bool {
		Operators::get().contains_key(who) && !Banned::get().contains(who)
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_electors_for_benchmark(count: u32) -> Vec<u64> {
		(1..=count.into()).inspect(|who| register(*who, 0)).collect()
	}
}

/// Blocks in a day.
pub const DAY: u64 = 8;
/// An account that operates nothing.
pub const STRANGER: u64 = 99;
/// An account that owns operators.
pub const OWNER: u64 = 50;

/// Registers an operator as of a block.
pub fn register(who: u64, since: u64) {
	Operators::mutate(|all| all.insert(who, Operator { since, owner: None, quarantined: false }));
}

/// Changes an operator.
pub fn change(who: u64, change: impl FnOnce(&mut Operator)) {
	Operators::mutate(|all| change(all.get_mut(&who).unwrap()));
}

/// Submits a poll and returns its number.
pub fn open() -> u32 {
	let tally = <Tally<Test> as VoteTally<u32, u16>>::new(0);
	BallotBox::mutate(|ballots| {
		let index = ballots.len() as u32;
		ballots.insert(index, Ballot::Open(tally));
		index
	})
}

/// Ends a poll.
pub fn close(index: u32, passed: bool) {
	BallotBox::mutate(|ballots| ballots.insert(index, Ballot::Closed(System::block_number(), passed)));
}

/// Ends a poll undecided.
pub fn cancel(index: u32) {
	BallotBox::mutate(|ballots| ballots.insert(index, Ballot::Cancelled));
}

/// Ayes, nays and voices of an open poll.
pub fn tally(index: u32) -> (u32, u32, u32) {
	let (tally, _) = Ballots::as_ongoing(index).unwrap();
	(tally.ayes, tally.nays, tally.voices)
}

pub fn vote(who: u64, poll: u32, aye: bool) -> frame_support::dispatch::DispatchResultWithPostInfo {
	OperatorVoting::vote(RuntimeOrigin::signed(who), poll, aye)
}

/// Runs the rest of every block up to and including `last`.
pub fn run_to(last: u64) {
	while System::block_number() < last {
		let now = System::block_number() + 1;
		System::set_block_number(now);
		OperatorVoting::on_idle(now, Weight::MAX);
	}
}

/// A chain with four operators from genesis on, in its first block.
pub fn new_ext() -> sp_io::TestExternalities {
	let genesis =
		RuntimeGenesisConfig { operator_voting: GenesisConfig { day_length: 0 }, ..Default::default() };
	let mut ext = sp_io::TestExternalities::new(genesis.build_storage().unwrap());
	BallotBox::set(BTreeMap::new());
	Operators::set(BTreeMap::new());
	Banned::set(BTreeSet::new());
	(1..=4).for_each(|who| register(who, 0));
	ext.execute_with(|| run_to(1));
	ext
}

/// Tells a story and checks the invariants after it.
pub fn build_and_check(story: impl FnOnce()) {
	new_ext().execute_with(|| {
		story();
		OperatorVoting::do_try_state().unwrap();
	})
}
