//! Attacks, played.

use super::mock::*;
use crate::{Error, HoldReason};
use blyan_primitives::traits::Backing;
use frame_support::{assert_noop, assert_ok};

/// An operator that lies could have an accomplice report it, and get most of its own loss back as the accomplice's share of what its
/// backers lose. No reporter has a share in that: all of it goes to the treasury.
#[test]
fn attack_have_an_accomplice_report_a_lie_to_get_at_the_backers_coins() {
	ExtBuilder.build_and_check(|| {
		assert_ok!(delegate(ALICE, 2 * OWN));
		let (treasury, operator) = (wealth(TREASURY), Balances::free_balance(OPERATOR));
		let taken = slash(OPERATOR, 50);
		assert_eq!((taken, wealth(TREASURY) - treasury), (OWN, OWN));
		assert_eq!(Balances::free_balance(OPERATOR), operator);
	});
}

/// An operator that backs itself through a second account has as much at risk as if all of it were its own stake.
#[test]
fn attack_back_oneself_to_lose_less() {
	ExtBuilder.build_and_check(|| {
		assert_ok!(delegate(ALICE, OWN));
		let own_before = Stakes::get()[&OPERATOR];
		let lost_of_backing = slash(OPERATOR, 37);
		let lost_of_own = own_before - Stakes::get()[&OPERATOR];
		assert_eq!(lost_of_own, lost_of_backing);
	});
}

/// A backer that sees the offence coming and takes its backing out loses the same share, and cannot withdraw while it is decided.
#[test]
fn attack_take_backing_out_before_the_slash() {
	ExtBuilder.build_and_check(|| {
		assert_ok!(delegate(ALICE, 40 * UNIT));
		assert_ok!(delegate(BOB, 40 * UNIT));
		assert_ok!(undelegate(BOB, 40 * UNIT));
		wait(UNBONDING);
		Accused::set([OPERATOR].into());
		assert_noop!(withdraw(BOB), Error::<Test>::OffencePending);
		slash(OPERATOR, 50);
		Accused::set(Default::default());
		assert_ok!(withdraw(BOB));
		assert_eq!(wealth(BOB), RICHES - 20 * UNIT);
		assert_eq!(backing(ALICE), 20 * UNIT);
	});
}

/// A backer that comes for one payment only gets a part of it, as all others do, and then earns nothing for as long as it waits.
#[test]
fn attack_come_for_one_payment_and_leave() {
	ExtBuilder.build_and_check(|| {
		assert_ok!(delegate(ALICE, 50 * UNIT));
		assert_ok!(delegate(BOB, 50 * UNIT));
		earn(OPERATOR, 1_000);
		assert_ok!(undelegate(BOB, 50 * UNIT));
		// One payment in ten blocks.
		for _ in 0..UNBONDING / 10 {
			wait(10);
			earn(OPERATOR, 1_000);
		}
		assert_ok!(withdraw(BOB));
		assert!(income(ALICE) > 5 * income(BOB));
	});
}

/// A freeze counts what is on hold first. So coins of an accomplice on hold of a frozen operator would set as many of its own free.
#[test]
fn attack_thaw_a_frozen_operator_with_coins_of_an_accomplice() {
	use frame_support::traits::{LockableCurrency, WithdrawReasons};
	ExtBuilder.build_and_check(|| {
		assert_ok!(delegate(ALICE, 10 * UNIT));
		let frozen = wealth(OPERATOR);
		Balances::set_lock(*b"measures", &OPERATOR, frozen, WithdrawReasons::all());
		let usable = || Balances::usable_balance(OPERATOR);
		assert_eq!(usable(), 0);
		assert_noop!(delegate(BOB, 50 * UNIT), Error::<Test>::OperatorFrozen);
		// Neither does a payment to it: it can spend what it was paid, and no more.
		earn(OPERATOR, 1_000_000);
		assert_eq!((usable(), income(ALICE)), (1_000_000, 0));
		// Those who backed it before are free to leave.
		assert_ok!(undelegate(ALICE, 10 * UNIT));
		wait(UNBONDING);
		assert_ok!(withdraw(ALICE));
		assert_eq!((wealth(ALICE), usable()), (RICHES, 0));
		Balances::remove_lock(*b"measures", &OPERATOR);
		assert_ok!(delegate(BOB, 50 * UNIT));
	});
}

/// A commission of nothing that becomes one of everything when the backers are there.
#[test]
fn attack_lure_backers_and_raise_the_commission() {
	ExtBuilder.build_and_check(|| {
		let set = |commission| Delegation::set_commission(signed(OPERATOR), commission);
		assert_ok!(set(0));
		assert_ok!(delegate(ALICE, 50 * UNIT));
		assert_noop!(set(COMMISSION_MAX), Error::<Test>::StepTooHigh);
		assert_ok!(set(STEP_MAX));
		// Closing the pool, or raising again, does not hasten it.
		assert_ok!(Delegation::close(signed(OPERATOR)));
		assert_ok!(set(STEP_MAX));
		assert_noop!(set(STEP_MAX + 1), Error::<Test>::StepTooHigh);
		// It is announced for longer than leaving takes.
		assert_ok!(undelegate(ALICE, 50 * UNIT));
		wait(UNBONDING);
		assert_ok!(withdraw(ALICE));
		assert_eq!(pool().commission, 0);
	});
}

/// Without backers any commission is taken at once, so an operator that sees its first backer come could raise it just before. A
/// backer says what it accepts, a raise that is announced included.
#[test]
fn attack_raise_the_commission_just_before_a_backer_comes() {
	ExtBuilder.build_and_check(|| {
		let set = |commission| {
			assert_ok!(Delegation::set_commission(signed(OPERATOR), commission));
		};
		let back = || Delegation::delegate(signed(ALICE), OPERATOR, 50 * UNIT, 100_000);
		set(COMMISSION_MAX);
		assert_noop!(back(), Error::<Test>::CommissionAboveAccepted);
		set(100_000);
		assert_ok!(back());
		set(100_000 + STEP_MAX);
		assert_noop!(back(), Error::<Test>::CommissionAboveAccepted);
		// It is in force, and settled by nothing yet.
		wait(NOTICE);
		assert_noop!(back(), Error::<Test>::CommissionAboveAccepted);
		assert_ok!(Delegation::delegate(signed(ALICE), OPERATOR, 50 * UNIT, 100_000 + STEP_MAX));
	});
}

/// Strangers who back an operator that does not want it would take a part of its income.
#[test]
fn attack_back_an_operator_against_its_will() {
	ExtBuilder.build_and_check(|| {
		assert_noop!(
			Delegation::delegate(signed(ALICE), RIVAL, 50 * UNIT, COMMISSION_MAX),
			Error::<Test>::NotOpen
		);
	});
}

/// However much others put behind an operator, no more than twice its own stake counts, so a share of all weight takes a third of as
/// much own stake at least.
#[test]
fn attack_buy_weight_with_the_coins_of_others() {
	ExtBuilder.build_and_check(|| {
		assert_ok!(delegate(ALICE, 2 * OWN));
		assert_noop!(delegate(BOB, 2 * OWN), Error::<Test>::BackingFull);
		assert_eq!(<Delegation as Backing<u64>>::counted(&OPERATOR, OWN), 2 * OWN);
		assert_eq!(<Delegation as Backing<u64>>::counted(&OPERATOR, OWN / 2), OWN);
	});
}

/// A hundred entries cost a hundred deposits, and a payment to their operator costs what it costs with one.
#[test]
fn attack_split_a_backing_into_many() {
	ExtBuilder.build_and_check(|| {
		for part in 0..5 {
			assert_ok!(delegate(ALICE, (part + 1) * UNIT));
		}
		assert_ok!(delegate(BOB, 15 * UNIT));
		assert_eq!(held(HoldReason::Deposit, ALICE), DEPOSIT);
		earn(OPERATOR, 100_000);
		assert_eq!(income(ALICE), income(BOB));
	});
}

/// An operator that was banned and whose backers lost everything could be kept from ever being backed again by one of them, who
/// leaves its worthless entry where it is.
#[test]
fn attack_block_a_pool_with_a_worthless_entry() {
	ExtBuilder.build_and_check(|| {
		assert_ok!(delegate(ALICE, 50 * UNIT));
		slash(OPERATOR, 100);
		Stakes::set([(OPERATOR, OWN)].into());
		assert_noop!(delegate(BOB, UNIT), Error::<Test>::PoolLost);
		assert_ok!(Delegation::claim(signed(BOB), OPERATOR, ALICE));
		assert_ok!(delegate(BOB, UNIT));
	});
}
