//! Stories of `exit` and `withdraw`.

use super::mock::*;
use crate::{Error, Event, HoldReason, Operators as Records};
use blyan_primitives::traits::{OperatorSet, OperatorStakes};
use frame_support::{assert_noop, assert_ok, traits::fungible::InspectHold};

#[test]
fn exit_ends_eligibility_and_keeps_stake_and_key() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		assert_ok!(Operators::exit(signed(ALICE)));
		assert!(Operators::eligible().is_empty());
		// What it was drawn for before, it can still report.
		assert_eq!(Operators::owner_of(&key("Alice")), Some(ALICE));
		assert_eq!(Balances::balance_on_hold(&HoldReason::Stake.into(), &ALICE), UNIT);
		assert_eq!(take_events(), [Event::ExitStarted { who: ALICE, withdrawable_at: 51 }]);
		assert_noop!(Operators::exit(signed(ALICE)), Error::<Test>::Exiting);
		assert_noop!(Operators::exit(signed(BOB)), Error::<Test>::NotRegistered);
	});
}

#[test]
fn withdraw_releases_the_stake_when_the_unbonding_period_is_over() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		assert_ok!(Operators::exit(signed(ALICE)));
		take_events();
		System::set_block_number(51);
		assert_ok!(Operators::withdraw(signed(ALICE)));
		assert_eq!(Balances::free_balance(ALICE), RICHES);
		assert_eq!(Records::<Test>::get(ALICE), None);
		assert_eq!(Operators::owner_of(&key("Alice")), None);
		assert_eq!(take_events(), [Event::Withdrawn { who: ALICE, stake: UNIT, bond: 0 }]);
		// And may come back.
		assert_ok!(register(ALICE, "Alice"));
	});
}

#[test]
fn withdraw_fails_when_the_operator_is_still_bound() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		assert_noop!(Operators::withdraw(signed(BOB)), Error::<Test>::NotRegistered);
		assert_noop!(Operators::withdraw(signed(ALICE)), Error::<Test>::NotExiting);
		assert_ok!(Operators::exit(signed(ALICE)));
		System::set_block_number(50);
		assert_noop!(Operators::withdraw(signed(ALICE)), Error::<Test>::StillUnbonding);
	});
}

#[test]
fn withdraw_waits_for_a_dispute_that_outlasts_the_unbonding_period() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		assert_ok!(Operators::exit(signed(ALICE)));
		Disputable::set(vec![BOB, ALICE]);
		System::set_block_number(5_000);
		assert_noop!(Operators::withdraw(signed(ALICE)), Error::<Test>::ClaimsOpen);
		Disputable::set(vec![BOB]);
		assert_ok!(Operators::withdraw(signed(ALICE)));
	});
}

#[test]
fn withdraw_gives_the_registration_bond_back() {
	ExtBuilder::default().build_and_check(|| {
		assert_ok!(register(ALICE, "Alice"));
		assert_eq!(Balances::balance_on_hold(&HoldReason::Registration.into(), &ALICE), BASE);
		assert_ok!(Operators::exit(signed(ALICE)));
		System::set_block_number(51);
		take_events();
		assert_ok!(Operators::withdraw(signed(ALICE)));
		assert_eq!(take_events(), [Event::Withdrawn { who: ALICE, stake: UNIT, bond: BASE }]);
		assert_eq!(Balances::free_balance(ALICE), RICHES);
	});
}

#[test]
fn withdraw_waits_while_an_offence_is_pending() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		assert_ok!(Operators::exit(signed(ALICE)));
		Operators::note_pending(&ALICE);
		Operators::note_pending(&ALICE);
		System::set_block_number(1_000);
		assert_noop!(Operators::withdraw(signed(ALICE)), Error::<Test>::OffencePending);
		Operators::note_settled(&ALICE);
		assert_noop!(Operators::withdraw(signed(ALICE)), Error::<Test>::OffencePending);
		Operators::note_settled(&ALICE);
		assert_ok!(Operators::withdraw(signed(ALICE)));
	});
}
