//! Stories of quarantine, return, and topping up.

use super::mock::*;
use crate::{Error, Event, HoldReason, Operators as Records};
use blyan_primitives::traits::{OperatorSet, OperatorStakes};
use frame_support::{assert_noop, assert_ok, traits::fungible::InspectHold};
use sp_runtime::Perbill;

#[test]
fn return_to_duty_ends_a_quarantine_that_is_over() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		let back = || Operators::return_to_duty(signed(ALICE));
		assert_noop!(back(), Error::<Test>::NotQuarantined);
		Operators::quarantine(&ALICE);
		assert!(Operators::eligible().is_empty());
		System::set_block_number(15);
		assert_noop!(back(), Error::<Test>::StillQuarantined);
		System::set_block_number(16);
		Operators::note_pending(&ALICE);
		assert_noop!(back(), Error::<Test>::OffencePending);
		Operators::note_settled(&ALICE);
		assert_ok!(back());
		assert_eq!(Operators::eligible().len(), 1);
		assert_eq!(
			take_events(),
			[Event::Quarantined { who: ALICE, until: 16 }, Event::QuarantineEnded { who: ALICE }]
		);
	});
}

#[test]
fn return_to_duty_needs_the_stake_that_the_capabilities_need() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		drop(Operators::slash(&ALICE, Perbill::from_percent(10)));
		assert!(Operators::eligible().is_empty());
		assert_noop!(Operators::return_to_duty(signed(ALICE)), Error::<Test>::StakeTooLow);
		assert_ok!(Operators::top_up(signed(ALICE), UNIT / 10));
		assert_eq!(Balances::balance_on_hold(&HoldReason::Stake.into(), &ALICE), UNIT);
		assert_ok!(Operators::return_to_duty(signed(ALICE)));
		assert_eq!(
			take_events(),
			[
				Event::Slashed { who: ALICE, amount: UNIT / 10, stake: UNIT - UNIT / 10 },
				Event::Quarantined { who: ALICE, until: 1 },
				Event::ToppedUp { who: ALICE, stake: UNIT },
				Event::QuarantineEnded { who: ALICE },
			]
		);
	});
}

#[test]
fn release_lets_in_at_once_whoever_has_the_stake() {
	ExtBuilder::default().operator(ALICE, "Alice").operator(BOB, "Bob").build_and_check(|| {
		for who in [ALICE, BOB] {
			Operators::quarantine(&who);
		}
		drop(Operators::slash(&BOB, Perbill::from_percent(50)));
		Operators::release(&ALICE);
		Operators::release(&BOB);
		assert_eq!(Records::<Test>::get(ALICE).unwrap().quarantined_until, None);
		// Bob need not wait, but has to pay.
		assert_eq!(Records::<Test>::get(BOB).unwrap().quarantined_until, Some(1));
		assert_ok!(Operators::top_up(signed(BOB), UNIT));
		assert_ok!(Operators::return_to_duty(signed(BOB)));
	});
}

#[test]
fn top_up_fails_when_the_operator_is_leaving_or_cannot_pay() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		assert!(Operators::top_up(signed(ALICE), RICHES).is_err());
		assert_noop!(Operators::top_up(signed(BOB), 1), Error::<Test>::NotRegistered);
		assert_ok!(Operators::exit(signed(ALICE)));
		assert_noop!(Operators::top_up(signed(ALICE), 1), Error::<Test>::Exiting);
	});
}
