//! Stories of `vote`.

use super::mock::*;
use crate::{Error, Event, Tally, VoteRecord, Voting};
use frame_support::{assert_noop, assert_ok, dispatch::Pays};

#[test]
fn vote_counts_one_voice_and_is_free_the_first_time() {
	build_and_check(|| {
		let poll = open();
		assert_eq!(vote(1, poll, true).unwrap().pays_fee, Pays::No);
		assert_eq!(tally(poll), (1, 0, 4));
		let tally_now = Tally { ayes: 1, ..Tally::empty(Some(0), 4) };
		System::assert_last_event(
			Event::Voted { who: 1, poll, vote: VoteRecord::Aye(1), tally: tally_now }.into(),
		);
		assert_eq!(vote(1, poll, false).unwrap().pays_fee, Pays::Yes);
		assert_eq!(tally(poll), (0, 1, 4));
		assert_eq!(Voting::<Test>::get(poll, 1), Some(VoteRecord::Nay(1)));
	});
}

#[test]
fn vote_counts_once_however_often_it_is_cast() {
	build_and_check(|| {
		let poll = open();
		for _ in 0..5 {
			assert_ok!(vote(1, poll, true));
		}
		assert_eq!(tally(poll), (1, 0, 4));
	});
}

#[test]
fn vote_fails_for_accounts_without_a_voice() {
	build_and_check(|| {
		let poll = open();
		assert_noop!(vote(STRANGER, poll, true), Error::<Test>::NotElector);
		assert_noop!(vote(1, 7, true), Error::<Test>::NotPolling);
		close(poll, true);
		assert_noop!(vote(1, poll, true), Error::<Test>::NotPolling);
	});
}

#[test]
fn vote_of_operators_that_registered_during_the_poll_is_refused() {
	build_and_check(|| {
		let poll = open();
		for newcomer in 10..16 {
			register(newcomer, 1);
		}
		// Even when they are old enough for the polls of that time.
		run_to(1 + 3 * DAY);
		assert_noop!(vote(10, poll, true), Error::<Test>::NotElector);
		assert_eq!(tally(poll), (0, 0, 4), "nor does the number change that support is counted in");
		let later = open();
		assert_ok!(vote(10, later, true));
		assert_eq!(tally(later), (1, 0, 10));
	});
}

#[test]
fn votes_of_one_owner_replace_each_other() {
	let story = || {
		change(1, |operator| operator.owner = Some(OWNER));
		change(2, |operator| operator.owner = Some(OWNER));
		run_to(1 + DAY);
		let poll = open();
		assert_ok!(vote(1, poll, true));
		assert_ok!(vote(2, poll, true));
		assert_eq!(tally(poll), (1, 0, 3), "three voices are left of four operators");
		assert_ok!(vote(OWNER, poll, false));
		assert_eq!(tally(poll), (0, 1, 3));
		// Parting from the owner while the poll runs makes no second voice.
		change(1, |operator| operator.owner = None);
		run_to(1 + 2 * DAY);
		assert_ok!(vote(1, poll, true));
		assert_eq!(tally(poll), (1, 0, 3));
	};
	build_and_check(story);
}

#[test]
fn vote_stands_while_its_operator_does_and_is_struck_afterwards() {
	build_and_check(|| {
		let poll = open();
		assert_ok!(vote(1, poll, true));
		assert_ok!(vote(2, poll, true));
		let strike = |voice| OperatorVoting::strike(RuntimeOrigin::signed(STRANGER), poll, voice);
		assert_noop!(strike(1), Error::<Test>::StillStanding);
		assert_noop!(strike(3), Error::<Test>::NoVote);
		// Quarantine, which a decision of operators can impose, silences no vote.
		change(1, |operator| operator.quarantined = true);
		run_to(1 + DAY);
		assert_noop!(strike(1), Error::<Test>::StillStanding);
		assert_ok!(vote(1, poll, false));

		Banned::set([1].into());
		assert_eq!(strike(1).unwrap().pays_fee, Pays::No);
		assert_eq!(tally(poll), (1, 0, 4), "what is left is an abstention");
		assert_noop!(vote(1, poll, true), Error::<Test>::NotStanding);
		// One that withdrew is in the same position.
		Operators::mutate(|all| all.remove(&2));
		assert_ok!(strike(2));
		assert_eq!(tally(poll), (0, 0, 4));
	});
}
