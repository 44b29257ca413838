//! Stories of `cleanup_poll`.

use super::mock::*;
use crate::{Error, Voting};
use frame_support::{assert_noop, assert_ok, dispatch::Pays};

#[test]
fn cleanup_poll_removes_votes_only_when_the_poll_has_ended() {
	build_and_check(|| {
		let poll = open();
		for who in 1..=3 {
			assert_ok!(vote(who, poll, true));
		}
		let cleanup = |max| OperatorVoting::cleanup_poll(RuntimeOrigin::signed(STRANGER), poll, max);
		assert_noop!(cleanup(10), Error::<Test>::Ongoing);
		close(poll, true);
		assert_eq!(cleanup(2).unwrap().pays_fee, Pays::No);
		assert_ok!(cleanup(10));
		assert_eq!(Voting::<Test>::iter_prefix(poll).count(), 0);
		// Nothing is free for nothing.
		assert_noop!(cleanup(10), Error::<Test>::NoneRemaining);
	});
}
