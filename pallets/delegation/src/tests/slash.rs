//! Stories of slashes that backers share.

use super::mock::*;
use crate::{Backings, Error, Event, HoldReason};
use blyan_primitives::traits::Backing;
use frame_support::{assert_noop, assert_ok};

#[test]
fn a_slash_takes_the_same_share_of_what_is_active_and_of_what_is_on_its_way_out() {
	ExtBuilder.build_and_check(|| {
		assert_ok!(delegate(ALICE, 40 * UNIT));
		assert_ok!(delegate(BOB, 60 * UNIT));
		assert_ok!(undelegate(BOB, 20 * UNIT));
		take_events();
		let before = wealth(TREASURY);
		assert_eq!(slash(OPERATOR, 50), 50 * UNIT);
		assert_eq!(
			take_events(),
			[Event::BackingSlashed { operator: OPERATOR, active: 40 * UNIT, unbonding: 10 * UNIT }]
		);
		assert_eq!(wealth(TREASURY), before + 50 * UNIT);
		assert_eq!((backing(ALICE), backing(BOB)), (20 * UNIT, 20 * UNIT));
		wait(UNBONDING);
		assert_ok!(withdraw(BOB));
		assert_eq!(wealth(BOB), RICHES - 60 * UNIT + 10 * UNIT);
		assert_eq!(slash(RIVAL, 50), 0);
	});
}

#[test]
fn coins_that_come_after_a_slash_are_whole() {
	ExtBuilder.build_and_check(|| {
		assert_ok!(delegate(ALICE, 40 * UNIT));
		slash(OPERATOR, 50);
		assert_ok!(delegate(BOB, 20 * UNIT));
		assert_eq!((backing(ALICE), backing(BOB)), (20 * UNIT, 20 * UNIT));
		earn(OPERATOR, 900);
		assert_eq!(income(ALICE), income(BOB));
		assert_eq!(slash(OPERATOR, 10), 4 * UNIT);
		assert_eq!((backing(ALICE), backing(BOB)), (18 * UNIT, 18 * UNIT));
	});
}

/// After the third strike: everything is gone, own and backed, and the pool can be used again when the entries are cleared.
#[test]
fn a_pool_that_lost_everything_is_open_again_when_its_entries_are_cleared() {
	ExtBuilder.build_and_check(|| {
		assert_ok!(delegate(ALICE, 40 * UNIT));
		assert_ok!(delegate(BOB, 40 * UNIT));
		assert_ok!(undelegate(BOB, 10 * UNIT));
		earn(OPERATOR, 1_700);
		let owed = income(ALICE);
		assert!(owed > 0);
		assert_eq!(slash(OPERATOR, 100), 80 * UNIT);
		assert_eq!(held(HoldReason::Backing, OPERATOR), 0);
		Stakes::set([(OPERATOR, OWN)].into());
		assert_noop!(delegate(CAROL, 10 * UNIT), Error::<Test>::PoolLost);
		// Income that was earned before is not lost.
		let before = Balances::free_balance(ALICE);
		assert_ok!(claim(ALICE));
		assert_eq!(Balances::free_balance(ALICE), before + owed + DEPOSIT);
		assert_ok!(Delegation::claim(signed(CAROL), OPERATOR, BOB));
		assert_eq!(Backings::<Test>::iter().count(), 0);
		assert_ok!(delegate(CAROL, 10 * UNIT));
		assert_eq!(<Delegation as Backing<u64>>::counted(&OPERATOR, OWN), 10 * UNIT);
	});
}

#[test]
fn undelegate_gives_a_lost_backing_up() {
	ExtBuilder.build_and_check(|| {
		assert_ok!(delegate(ALICE, 40 * UNIT));
		slash(OPERATOR, 100);
		assert_ok!(undelegate(ALICE, UNIT));
		assert_eq!(wealth(ALICE), RICHES - 40 * UNIT);
		assert_eq!((held(HoldReason::Deposit, ALICE), pool().backers), (0, 0));
	});
}
