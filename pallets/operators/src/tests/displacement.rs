//! Stories of `outbid`: what happens when all places are taken.

use super::mock::*;
use crate::{Displaced, Error, Event, HoldReason, Operators as Records};
use blyan_primitives::traits::{OffenceKind, OperatorSet, OperatorStakes};
use frame_support::{assert_noop, assert_ok, traits::fungible::InspectHold};
use sp_runtime::Perbill;

/// All four places are taken; Alice has least at stake.
fn full() -> ExtBuilder {
	ExtBuilder::default()
		.staked(ALICE, "1", UNIT)
		.staked(BOB, "2", 2 * UNIT)
		.staked(CHARLIE, "3", 3 * UNIT)
		.staked(4, "4", 3 * UNIT)
}

fn accounts() -> Vec<u64> {
	let mut accounts: Vec<_> = Records::<Test>::iter_keys().collect();
	accounts.sort();
	accounts
}

#[test]
fn outbid_is_a_registration_with_more_at_stake_while_there_is_room() {
	ExtBuilder::default().operator(ALICE, "1").build_and_check(|| {
		assert_ok!(outbid(5, "5", 3 * UNIT));
		assert_eq!(accounts(), [ALICE, 5]);
		assert_eq!(Operators::stake(&5), Some(3 * UNIT));
		assert_noop!(outbid(6, "6", UNIT - 1), Error::<Test>::StakeTooLow);
	});
}

#[test]
fn sybils_that_took_all_places_give_way_to_more_stake() {
	full().build_and_check(|| {
		assert_noop!(register(5, "5"), Error::<Test>::TooManyOperators);
		assert_noop!(outbid(5, "5", UNIT + UNIT / 10 - 1), Error::<Test>::BidTooLow);
		assert_ok!(outbid(5, "5", UNIT + UNIT / 10));
		assert_eq!(accounts(), [BOB, CHARLIE, 4, 5]);
		assert_eq!(Records::<Test>::count(), 4);
		let events = take_events();
		assert_eq!(
			events[..2],
			[Event::ExitStarted { who: ALICE, withdrawable_at: 51 }, Event::Displaced { who: ALICE, by: 5 }]
		);
	});
}

#[test]
fn a_displaced_operator_keeps_its_key_and_gets_everything_back_after_unbonding() {
	full().build_and_check(|| {
		assert_ok!(outbid(5, "5", 100 * UNIT));
		// What it was drawn for before, it can still report.
		assert_eq!(Operators::owner_of(&key("1")), Some(ALICE));
		assert_eq!(Operators::key_of(&ALICE), Some(key("1")));
		assert_eq!(Balances::balance_on_hold(&HoldReason::Stake.into(), &ALICE), UNIT);
		assert_noop!(Operators::withdraw(signed(ALICE)), Error::<Test>::StillUnbonding);
		assert_noop!(register(ALICE, "Other"), Error::<Test>::Exiting);
		assert_noop!(Operators::top_up(signed(ALICE), 1), Error::<Test>::Exiting);
		System::set_block_number(51);
		assert_ok!(Operators::withdraw(signed(ALICE)));
		assert_eq!(Balances::free_balance(ALICE), RICHES);
		assert_eq!(Displaced::<Test>::iter().count(), 0);
		// It comes back with a higher bid.
		assert_noop!(outbid(ALICE, "1", 2 * UNIT), Error::<Test>::BidTooLow);
		assert_ok!(outbid(ALICE, "1", 3 * UNIT));
		assert_eq!(accounts(), [ALICE, CHARLIE, 4, 5]);
	});
}

#[test]
fn a_displaced_operator_can_still_be_punished() {
	full().build_and_check(|| {
		assert_ok!(outbid(5, "5", 100 * UNIT));
		Operators::note_pending(&ALICE);
		System::set_block_number(51);
		assert_noop!(Operators::withdraw(signed(ALICE)), Error::<Test>::OffencePending);
		Operators::quarantine(&ALICE);
		drop(Operators::slash(&ALICE, Perbill::from_percent(50)));
		Operators::note_offence(&ALICE, OffenceKind::FalseScore);
		assert_eq!(Operators::stake(&ALICE), Some(UNIT / 2));
		Operators::ban(&ALICE);
		Operators::note_settled(&ALICE);
		assert_ok!(Operators::withdraw(signed(ALICE)));
		assert_eq!(Balances::free_balance(ALICE), RICHES - UNIT / 2);
		assert_noop!(outbid(ALICE, "1", 100 * UNIT), Error::<Test>::Banned);
	});
}

#[test]
fn nobody_is_displaced_with_something_left_to_do_or_to_answer_for() {
	full().build_and_check(|| {
		Operators::note_pending(&ALICE);
		Duties::set(vec![BOB]);
		assert_noop!(outbid(5, "5", 3 * UNIT), Error::<Test>::BidTooLow);
		assert_ok!(outbid(5, "5", 4 * UNIT));
		assert_eq!(accounts(), [ALICE, BOB, 4, 5]);
		Duties::set(vec![BOB, 4, 5]);
		assert_noop!(outbid(6, "6", 100 * UNIT), Error::<Test>::TooManyOperators);
		assert_noop!(outbid(BOB, "9", 100 * UNIT), Error::<Test>::AlreadyRegistered);
	});
}

#[test]
fn an_operator_that_is_leaving_gives_way_first() {
	full().build_and_check(|| {
		assert_ok!(Operators::exit(signed(4)));
		System::set_block_number(11);
		for name in ["1", "2", "3"] {
			hear(name);
		}
		assert_ok!(outbid(5, "5", UNIT));
		assert_eq!(accounts(), [ALICE, BOB, CHARLIE, 5]);
		// The unbonding period does not begin again.
		System::set_block_number(51);
		assert_ok!(Operators::withdraw(signed(4)));
	});
}
