//! Stories of taking backing out.

use super::mock::*;
use crate::{Backings, Error, Event, HoldReason, Pools};
use frame_support::{assert_noop, assert_ok};

#[test]
fn undelegate_waits_as_long_as_an_operators_own_stake() {
	ExtBuilder.build_and_check(|| {
		assert_ok!(delegate(ALICE, 10 * UNIT));
		take_events();
		assert_ok!(undelegate(ALICE, 4 * UNIT));
		let ready_at = 1 + UNBONDING;
		assert_eq!(
			take_events(),
			[Event::Undelegated { backer: ALICE, operator: OPERATOR, amount: 4 * UNIT, ready_at }]
		);
		assert_eq!((backing(ALICE), pool().unbonding.coins), (6 * UNIT, 4 * UNIT));
		assert_eq!(Fell::get(), [OPERATOR]);
		System::set_block_number(ready_at - 1);
		assert_noop!(withdraw(ALICE), Error::<Test>::NothingReady);
		System::set_block_number(ready_at);
		Accused::set([OPERATOR].into());
		assert_noop!(withdraw(ALICE), Error::<Test>::OffencePending);
		Accused::set(Default::default());
		assert_ok!(withdraw(ALICE));
		assert_eq!(take_events(), [Event::Withdrawn { backer: ALICE, operator: OPERATOR, amount: 4 * UNIT }]);
		assert_eq!(wealth(ALICE), RICHES - 6 * UNIT);
		assert_noop!(withdraw(ALICE), Error::<Test>::NothingReady);
	});
}

#[test]
fn the_last_coin_brings_the_deposit_back() {
	ExtBuilder.build_and_check(|| {
		assert_ok!(delegate(ALICE, 10 * UNIT));
		// What would be left is less than a backing may be.
		assert_ok!(undelegate(ALICE, 9 * UNIT + 1));
		assert_eq!((backing(ALICE), pool().unbonding.coins), (0, 10 * UNIT));
		assert_noop!(undelegate(ALICE, 1), Error::<Test>::NotBacking);
		wait(UNBONDING);
		assert_ok!(withdraw(ALICE));
		assert_eq!(Balances::free_balance(ALICE), RICHES);
		assert!(!Backings::<Test>::contains_key(ALICE, OPERATOR));
		assert_eq!((pool().backers, pool().active, pool().unbonding), Default::default());
		// A pool without backers stays while it is open.
		assert_ok!(Delegation::close(signed(OPERATOR)));
		assert!(!Pools::<Test>::contains_key(OPERATOR));
		assert_eq!(Balances::free_balance(OPERATOR), RICHES);
		assert_noop!(Delegation::close(signed(OPERATOR)), Error::<Test>::NotOpen);
	});
}

#[test]
fn a_closed_pool_is_forgotten_with_its_last_backer() {
	ExtBuilder.build_and_check(|| {
		assert_ok!(delegate(ALICE, 10 * UNIT));
		assert_ok!(Delegation::close(signed(OPERATOR)));
		assert_eq!(held(HoldReason::Deposit, OPERATOR), DEPOSIT);
		assert_ok!(undelegate(ALICE, 10 * UNIT));
		wait(UNBONDING);
		assert_ok!(withdraw(ALICE));
		assert!(!Pools::<Test>::contains_key(OPERATOR));
		assert_eq!(held(HoldReason::Deposit, OPERATOR), 0);
	});
}

#[test]
fn undelegate_fails_when_too_many_parts_are_on_their_way() {
	ExtBuilder.build_and_check(|| {
		assert_noop!(undelegate(ALICE, UNIT), Error::<Test>::NotBacking);
		assert_ok!(delegate(ALICE, 10 * UNIT));
		assert_noop!(undelegate(ALICE, 0), Error::<Test>::TooLittle);
		for _ in 0..CHUNKS {
			assert_ok!(undelegate(ALICE, UNIT));
			wait(1);
		}
		assert_noop!(undelegate(ALICE, UNIT), Error::<Test>::TooManyChunks);
		// The first part is ready a block before the second.
		System::set_block_number(1 + UNBONDING);
		assert_ok!(withdraw(ALICE));
		assert_ok!(undelegate(ALICE, UNIT));
	});
}

#[test]
fn there_is_nothing_to_wait_for_when_the_operator_is_gone() {
	ExtBuilder.build_and_check(|| {
		assert_ok!(delegate(ALICE, 10 * UNIT));
		// It has withdrawn, and so waited for all that it could be slashed for.
		Stakes::set(Default::default());
		assert_ok!(undelegate(ALICE, 10 * UNIT));
		assert_ok!(withdraw(ALICE));
		assert_eq!(Balances::free_balance(ALICE), RICHES);
	});
}
