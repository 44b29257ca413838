//! Stories of what backers earn.

use super::mock::*;
use crate::{Error, Event, HoldReason};
use frame_support::{assert_noop, assert_ok};

#[test]
fn income_is_shared_by_stake_less_the_commission() {
	ExtBuilder.build_and_check(|| {
		assert_ok!(delegate(ALICE, 20 * UNIT));
		assert_ok!(delegate(BOB, 80 * UNIT));
		take_events();
		// Half of all that is at stake is the backers', and a tenth of that the operator's.
		earn(OPERATOR, 1_000);
		assert_eq!(take_events(), [Event::IncomeShared { operator: OPERATOR, amount: 450 }]);
		assert_eq!((income(ALICE), income(BOB)), (90, 360));
		assert_eq!(held(HoldReason::Income, OPERATOR), 450);
		assert_eq!(Balances::free_balance(OPERATOR), RICHES - DEPOSIT + 550);

		let before = Balances::free_balance(ALICE);
		// Anyone may ask for it.
		assert_ok!(Delegation::claim(signed(CAROL), OPERATOR, ALICE));
		assert_eq!(Balances::free_balance(ALICE), before + 90);
		assert_eq!(take_events(), [Event::Claimed { backer: ALICE, operator: OPERATOR, amount: 90 }]);
		assert_noop!(claim(ALICE), Error::<Test>::NothingToClaim);
		assert_noop!(claim(CAROL), Error::<Test>::NotBacking);
	});
}

#[test]
fn income_of_before_belongs_to_those_who_were_there() {
	ExtBuilder.build_and_check(|| {
		assert_ok!(delegate(ALICE, 100 * UNIT));
		earn(OPERATOR, 1_000);
		assert_ok!(delegate(BOB, 100 * UNIT));
		assert_eq!((income(ALICE), income(BOB)), (450, 0));
		// What is on its way out earns nothing.
		assert_ok!(undelegate(ALICE, 100 * UNIT));
		earn(OPERATOR, 1_000);
		assert_eq!((income(ALICE), income(BOB)), (450, 450));
		wait(UNBONDING);
		assert_ok!(withdraw(ALICE));
		// The entry stays for what it has a claim to.
		assert_eq!(income(ALICE), 450);
		assert_ok!(claim(ALICE));
		assert_eq!(Balances::free_balance(ALICE), RICHES + 450);
	});
}

#[test]
fn income_without_backers_is_the_operators() {
	ExtBuilder.build_and_check(|| {
		earn(OPERATOR, 1_000);
		earn(RIVAL, 1_000);
		assert!(take_events().is_empty());
		assert_eq!(held(HoldReason::Income, OPERATOR), 0);
	});
}

#[test]
fn the_dust_of_a_pool_is_the_operators_when_its_last_backer_has_left() {
	ExtBuilder.build_and_check(|| {
		for who in [ALICE, BOB, CAROL] {
			assert_ok!(delegate(who, 33 * UNIT));
		}
		for amount in [1, 7, 1_001, 99_999] {
			earn(OPERATOR, amount);
		}
		for who in [ALICE, BOB, CAROL] {
			assert_ok!(claim(who));
			assert_ok!(undelegate(who, 33 * UNIT));
		}
		wait(UNBONDING);
		for who in [ALICE, BOB, CAROL] {
			assert_ok!(withdraw(who));
		}
		assert_eq!(pool().unclaimed, 0);
		assert_eq!(held(HoldReason::Income, OPERATOR), 0);
		let all = [ALICE, BOB, CAROL, OPERATOR].map(wealth).iter().sum::<u128>();
		assert_eq!(all, 4 * RICHES + 1 + 7 + 1_001 + 99_999);
	});
}
