//! Each invariant notices its breach, and none is breached by what accounts and operators do.

use super::mock::*;
use crate::{
	Electorates, LastUses, MemberRecord, Members, NewestElectorate, NextPoll, ParticipationRecord,
	Participations, PollRecord, TurnoutRecord, Turnouts, Voting, Watched,
};
use frame_support::assert_ok;
use proptest::prelude::*;
use sp_runtime::TryRuntimeError;

/// Applies a breach to a sound chain with a vote and returns what the invariants report.
fn complaint(breach: fn()) -> TryRuntimeError {
	new_ext().execute_with(|| {
		let poll = open();
		assert_ok!(vote(1, poll, true));
		breach();
		OperatorVoting::do_try_state().unwrap_err()
	})
}

fn reverse() {
	Electorates::<Test>::mutate(0, |record| {
		let record = record.as_mut().unwrap();
		record.electors = record.electors.iter().rev().cloned().collect::<Vec<_>>().try_into().unwrap();
	});
}

#[test]
fn invariants_notice_each_breach() {
	let breaches: [(fn(), &str); 8] = [
		(NewestElectorate::<Test>::kill, "there are electorates without a newest"),
		(|| NewestElectorate::<Test>::put(3), "the newest electorate is missing"),
		(|| LastUses::<Test>::insert(9, 1), "a forgotten electorate is used"),
		(reverse, "an electorate is out of order"),
		(
			|| Electorates::<Test>::mutate(0, |record| record.as_mut().unwrap().voices = 5),
			"the voices of an electorate are miscounted",
		),
		(|| Members::<Test>::remove(1), "a member is missing"),
		(|| Members::<Test>::insert(STRANGER, MemberRecord::default()), "there is a member too many"),
		(|| Voting::<Test>::insert(0, 2, crate::VoteRecord::Nay(1)), "a tally is not the sum of its votes"),
	];
	for (breach, complaint_expected) in breaches {
		assert_eq!(complaint(breach), TryRuntimeError::Other(complaint_expected));
	}
	let stranger = || Voting::<Test>::insert(0, STRANGER, crate::VoteRecord::Aye(1));
	assert_eq!(complaint(stranger), TryRuntimeError::Other("a vote is of no voice of the electorate"));
}

#[test]
fn invariants_notice_turnouts_that_cannot_be() {
	fn watched(voices: u32) -> PollRecord<u16> {
		PollRecord { class: 0, voices, electorate: 0 }
	}
	fn note(poll: u32, voices: u32) {
		NextPoll::<Test>::put(1);
		Watched::<Test>::insert(poll, watched(voices));
	}
	fn participate(could: u32, cast: u32) {
		let record = ParticipationRecord { could, cast, last_poll: 0 };
		Participations::<Test>::mutate(|all| all.try_insert(1, record).map(drop).unwrap());
	}
	let breaches: [(fn(), &str); 8] = [
		(|| NextPoll::<Test>::put(9), "a poll was noted before it was submitted"),
		(|| note(1, 4), "a poll is watched that was not noted"),
		(|| note(0, 0), "a poll is watched that no voice votes in"),
		(|| note(0, 5), "a poll is watched as another one"),
		(
			|| Turnouts::<Test>::insert(0, TurnoutRecord { ayes: 1, ..Default::default() }),
			"a class has more votes than voices",
		),
		(
			|| Turnouts::<Test>::insert(0, TurnoutRecord { turnouts_ppm: 1, ..Default::default() }),
			"a class has a turnout of more than all voices",
		),
		(|| participate(1, 2), "an operator voted in more polls than it could"),
		(|| participate(0, 0), "an operator voted in more polls than it could"),
	];
	for (breach, complaint_expected) in breaches {
		assert_eq!(complaint(breach), TryRuntimeError::Other(complaint_expected));
	}
}

/// Last block in which an electorate of the first block is certain to be kept.
const LAST_BLOCK: u64 = 10 * DAY;

#[derive(Clone, Debug)]
enum Step {
	Register(u64),
	Own(u64, bool),
	Quarantine(u64, bool),
	Ban(u64),
	Open,
	Vote(u64, u32, bool),
	Strike(u32, u64),
	Close(u32),
	Cancel(u32),
	Cleanup(u32),
	Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
	let who = 1u64..9;
	let poll = 0u32..4;
	prop_oneof![
		who.clone().prop_map(Step::Register),
		(who.clone(), any::<bool>()).prop_map(|(who, owned)| Step::Own(who, owned)),
		(who.clone(), any::<bool>()).prop_map(|(who, on)| Step::Quarantine(who, on)),
		who.clone().prop_map(Step::Ban),
		Just(Step::Open),
		(who.clone(), poll.clone(), any::<bool>()).prop_map(|(who, poll, aye)| Step::Vote(who, poll, aye)),
		(poll.clone(), who).prop_map(|(poll, who)| Step::Strike(poll, who)),
		poll.clone().prop_map(Step::Close),
		poll.clone().prop_map(Step::Cancel),
		poll.prop_map(Step::Cleanup),
		(1u64..30).prop_map(Step::Wait),
	]
}

fn take(step: &Step) {
	let stranger = RuntimeOrigin::signed(STRANGER);
	match *step {
		Step::Register(who) => register(who, System::block_number()),
		Step::Own(who, owned) if Operators::get().contains_key(&who) => {
			change(who, |operator| operator.owner = owned.then_some(OWNER))
		}
		Step::Quarantine(who, on) if Operators::get().contains_key(&who) => {
			change(who, |operator| operator.quarantined = on)
		}
		Step::Ban(who) => Banned::mutate(|banned| {
			banned.insert(who);
		}),
		Step::Open if BallotBox::get().len() < 4 => drop(open()),
		Step::Vote(who, poll, aye) => drop(vote(who, poll, aye)),
		Step::Strike(poll, voice) => drop(OperatorVoting::strike(stranger, poll, voice)),
		Step::Close(poll) if BallotBox::get().contains_key(&poll) => close(poll, true),
		Step::Cancel(poll) if BallotBox::get().contains_key(&poll) => cancel(poll),
		Step::Cleanup(poll) => drop(OperatorVoting::cleanup_poll(stranger, poll, 3)),
		Step::Wait(blocks) => run_to(System::block_number() + blocks),
		_ => {}
	}
}

proptest! {
	// A poll of the mock does not end by itself, so a story ends before an electorate of its first block can be forgotten.
	#[test]
	fn invariants_hold_after_whatever_comes(steps in prop::collection::vec(step(), 1..40)) {
		new_ext().execute_with(|| {
			for step in &steps {
				let waits = if let Step::Wait(blocks) = step { *blocks } else { 0 };
				if System::block_number() + waits <= LAST_BLOCK {
					take(step);
				}
				OperatorVoting::do_try_state().unwrap();
			}
		});
	}
}
