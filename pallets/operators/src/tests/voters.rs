//! Stories of operators that may vote.

use super::mock::*;
use crate::{Banned, Operators as Records};
use blyan_primitives::{
	traits::OperatorStakes,
	voting::{Elector, Voters},
};
use frame_support::assert_ok;

const AGE: u64 = 20;

fn electors() -> Vec<u64> {
	<Operators as Voters<u64, u64>>::electors(AGE).into_iter().map(|elector| elector.operator).collect()
}

#[test]
fn electors_are_those_that_registered_long_enough_ago() {
	ExtBuilder::default().operator(ALICE, "alice").build_and_check(|| {
		assert_eq!(electors(), [ALICE], "the operators of the first block are of any age");
		assert_ok!(register(BOB, "bob"));
		System::set_block_number(AGE);
		assert_eq!(electors(), [ALICE]);
		System::set_block_number(1 + AGE);
		assert_eq!(electors(), [ALICE, BOB]);
	});
}

#[test]
fn electors_are_not_those_that_leave_or_are_in_quarantine_for_an_offence() {
	let chain = ExtBuilder::default().operator(ALICE, "alice").operator(BOB, "bob").operator(CHARLIE, "c");
	chain.build_and_check(|| {
		assert_ok!(Operators::exit(signed(ALICE)));
		<Operators as OperatorStakes<u64, u128>>::quarantine(&BOB);
		<Operators as OperatorStakes<u64, u128>>::note_pending(&BOB);
		assert_eq!(electors(), [CHARLIE]);
		assert!(<Operators as Voters<u64, u64>>::stands(&ALICE), "what it voted is still its own");
	});
}

#[test]
fn electors_keep_their_votes_when_a_majority_puts_them_in_quarantine() {
	ExtBuilder::default().operator(ALICE, "alice").operator(BOB, "bob").build_and_check(|| {
		<Operators as OperatorStakes<u64, u128>>::quarantine(&BOB);
		assert_eq!(electors(), [ALICE, BOB]);
		// An offence is another matter, until its cut is made up for.
		drop(<Operators as OperatorStakes<u64, u128>>::slash(&BOB, sp_runtime::Perbill::from_percent(10)));
		assert_eq!(electors(), [ALICE]);
		assert_ok!(Operators::top_up(signed(BOB), UNIT));
		assert_eq!(electors(), [ALICE, BOB]);
	});
}

#[test]
fn electors_keep_their_votes_when_an_outage_silences_them() {
	ExtBuilder::default().operator(ALICE, "alice").operator(BOB, "bob").build_and_check(|| {
		System::set_block_number(10 * PERIOD);
		hear("alice");
		assert_eq!(electors(), [ALICE, BOB]);
	});
}

#[test]
fn electors_of_one_owner_have_one_voice() {
	ExtBuilder::default().operator(ALICE, "alice").operator(BOB, "bob").build_and_check(|| {
		for who in [ALICE, BOB] {
			assert_ok!(Operators::declare_owner(signed(who), CHARLIE));
			assert_ok!(Operators::accept_operator(signed(CHARLIE), who));
		}
		assert_ok!(Operators::dissolve_ownership(signed(BOB), BOB));
		let expected = [ALICE, BOB].map(|operator| Elector { operator, voice: CHARLIE });
		assert_eq!(
			<Operators as Voters<u64, u64>>::electors(AGE),
			expected,
			"dissolving takes a delay to count"
		);
	});
}

#[test]
fn banned_operators_stand_for_no_vote() {
	ExtBuilder::default().operator(ALICE, "alice").build_and_check(|| {
		assert!(<Operators as Voters<u64, u64>>::stands(&ALICE));
		assert!(!<Operators as Voters<u64, u64>>::stands(&BOB));
		<Operators as OperatorStakes<u64, u128>>::ban(&ALICE);
		assert!(Banned::<Test>::contains_key(ALICE) && Records::<Test>::contains_key(ALICE));
		assert!(!<Operators as Voters<u64, u64>>::stands(&ALICE));
	});
}
