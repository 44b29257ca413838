//! Stories of backing an operator.

use super::mock::*;
use crate::{Backings, Error, Event, HoldReason};
use blyan_primitives::traits::Backing;
use frame_support::{assert_noop, assert_ok};

#[test]
fn delegate_holds_the_coins_on_the_operators_account() {
	ExtBuilder.build_and_check(|| {
		assert_ok!(delegate(ALICE, 10 * UNIT));
		assert_eq!(
			take_events(),
			[Event::Delegated { backer: ALICE, operator: OPERATOR, amount: 10 * UNIT, backed: 10 * UNIT }]
		);
		assert_eq!(wealth(ALICE), RICHES - 10 * UNIT);
		assert_eq!(held(HoldReason::Deposit, ALICE), DEPOSIT);
		assert_eq!(held(HoldReason::Backing, OPERATOR), 10 * UNIT);
		// The operator cannot move them.
		assert_eq!(Balances::free_balance(OPERATOR), RICHES - DEPOSIT);
		assert_eq!(<Delegation as Backing<u64>>::counted(&OPERATOR, OWN), 10 * UNIT);

		assert_ok!(delegate(ALICE, 5 * UNIT));
		assert_ok!(delegate(BOB, 20 * UNIT));
		assert_eq!((backing(ALICE), backing(BOB)), (15 * UNIT, 20 * UNIT));
		assert_eq!(held(HoldReason::Deposit, ALICE), DEPOSIT);
		assert_eq!(pool().backers, 2);
	});
}

#[test]
fn delegate_fails_when_the_operator_takes_none() {
	ExtBuilder.build_and_check(|| {
		let back = |operator| Delegation::delegate(signed(ALICE), operator, 10 * UNIT, COMMISSION_MAX);
		assert_noop!(back(RIVAL), Error::<Test>::NotOpen);
		assert_ok!(Delegation::close(signed(OPERATOR)));
		assert_noop!(back(OPERATOR), Error::<Test>::NotOpen);
		assert_ok!(Delegation::set_commission(signed(OPERATOR), 0));
		Leaving::set([OPERATOR].into());
		assert_noop!(back(OPERATOR), Error::<Test>::NotStaying);
		Leaving::set(Default::default());
		Accused::set([OPERATOR].into());
		assert_noop!(back(OPERATOR), Error::<Test>::OffencePending);
		Accused::set(Default::default());
		assert_ok!(back(OPERATOR));
	});
}

#[test]
fn delegate_fails_when_it_is_too_little_too_much_or_ones_own() {
	ExtBuilder.build_and_check(|| {
		assert_noop!(delegate(ALICE, MIN - 1), Error::<Test>::TooLittle);
		assert_noop!(delegate(OPERATOR, MIN), Error::<Test>::OwnOperator);
		// Twice the own stake.
		assert_noop!(delegate(ALICE, 2 * OWN + 1), Error::<Test>::BackingFull);
		assert_ok!(delegate(ALICE, 2 * OWN));
		assert_noop!(delegate(BOB, MIN), Error::<Test>::BackingFull);
		// There is room again when the operator risks more.
		Stakes::set([(OPERATOR, OWN + MIN)].into());
		assert_ok!(delegate(BOB, 2 * MIN));
		assert!(Delegation::delegate(signed(99), OPERATOR, MIN, COMMISSION_MAX).is_err());
		assert!(!Backings::<Test>::contains_key(99, OPERATOR));
	});
}
