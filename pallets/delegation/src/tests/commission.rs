//! Stories of commissions.

use super::mock::*;
use crate::{Error, Event};
use frame_support::{assert_noop, assert_ok};

fn set(commission: u32) -> sp_runtime::DispatchResult {
	Delegation::set_commission(signed(OPERATOR), commission)
}

#[test]
fn a_higher_commission_is_taken_after_its_notice_and_a_lower_one_at_once() {
	ExtBuilder.build_and_check(|| {
		assert_ok!(delegate(ALICE, 100 * UNIT));
		take_events();
		assert_ok!(set(150_000));
		let effective_at = Some(1 + NOTICE);
		assert_eq!(
			take_events(),
			[Event::CommissionSet { operator: OPERATOR, commission: 150_000, effective_at }]
		);
		System::set_block_number(NOTICE);
		earn(OPERATOR, 1_000);
		assert_eq!(income(ALICE), 450);
		System::set_block_number(1 + NOTICE);
		earn(OPERATOR, 1_000);
		assert_eq!(income(ALICE), 450 + 425);
		assert_ok!(set(0));
		earn(OPERATOR, 1_000);
		assert_eq!(income(ALICE), 450 + 425 + 500);
	});
}

#[test]
fn a_lower_commission_takes_an_announced_raise_back() {
	ExtBuilder.build_and_check(|| {
		assert_ok!(delegate(ALICE, 100 * UNIT));
		assert_ok!(set(150_000));
		assert_ok!(set(90_000));
		wait(2 * NOTICE);
		earn(OPERATOR, 1_000);
		assert_eq!((income(ALICE), pool().commission, pool().raise), (455, 90_000, None));
	});
}

#[test]
fn set_commission_fails_when_it_is_too_high_or_not_an_operators() {
	ExtBuilder.build_and_check(|| {
		assert_noop!(set(COMMISSION_MAX + 1), Error::<Test>::CommissionTooHigh);
		assert_noop!(Delegation::set_commission(signed(ALICE), 0), Error::<Test>::NotStaying);
		// Without backers it harms no account.
		assert_ok!(set(COMMISSION_MAX));
		assert_ok!(set(100_000));
		assert_ok!(delegate(ALICE, 10 * UNIT));
		assert_noop!(set(100_001 + STEP_MAX), Error::<Test>::StepTooHigh);
		assert_ok!(set(100_000 + STEP_MAX));
	});
}

/// While transactions are barred no backer can leave.
#[test]
fn a_notice_lasts_longer_by_the_blocks_in_which_transactions_were_barred() {
	ExtBuilder.build_and_check(|| {
		assert_ok!(delegate(ALICE, 100 * UNIT));
		assert_ok!(set(150_000));
		Barred::set(5);
		System::set_block_number(5 + NOTICE);
		earn(OPERATOR, 1_000);
		assert_eq!(income(ALICE), 450);
		System::set_block_number(6 + NOTICE);
		earn(OPERATOR, 1_000);
		assert_eq!(income(ALICE), 450 + 425);
	});
}
