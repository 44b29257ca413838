//! Stories of slashing as the neighbour does it, and of bans.

use super::mock::*;
use crate::{Error, Event, HoldReason, Operators as Records};
use blyan_primitives::traits::{OffenceKind, OperatorStakes};
use frame_support::{
	assert_noop, assert_ok,
	traits::{fungible::InspectHold, Imbalance},
};
use sp_runtime::Perbill;

#[test]
fn slash_takes_a_share_of_what_is_left() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		let issuance = Balances::total_issuance();
		let credit = Operators::slash(&ALICE, Perbill::from_percent(50));
		assert_eq!(credit.peek(), 500);
		drop(credit);
		assert_eq!(Operators::slash(&ALICE, Perbill::from_percent(50)).peek(), 250);
		assert_eq!(Operators::stake(&ALICE), Some(250));
		assert_eq!(Balances::balance_on_hold(&HoldReason::Stake.into(), &ALICE), 250);
		// Whoever drops a credit burns it.
		assert_eq!(Balances::total_issuance(), issuance - 750);
		assert_eq!(Operators::slash(&BOB, Perbill::one()).peek(), 0);
		assert_eq!(Operators::stake(&BOB), None);
	});
}

#[test]
fn slash_reaches_an_operator_until_it_has_withdrawn() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		assert_ok!(Operators::exit(signed(ALICE)));
		System::set_block_number(60);
		drop(Operators::slash(&ALICE, Perbill::from_percent(10)));
		take_events();
		assert_ok!(Operators::withdraw(signed(ALICE)));
		assert_eq!(take_events(), [Event::Withdrawn { who: ALICE, stake: 900, bond: 0 }]);
	});
}

#[test]
fn ban_sends_an_operator_off_and_leaves_it_the_bond() {
	ExtBuilder::default().build_and_check(|| {
		assert_ok!(register(ALICE, "Alice"));
		drop(Operators::slash(&ALICE, Perbill::one()));
		take_events();
		Operators::ban(&ALICE);
		assert_eq!(
			take_events(),
			[Event::Banned { who: ALICE }, Event::ExitStarted { who: ALICE, withdrawable_at: 51 }]
		);
		assert_noop!(Operators::return_to_duty(signed(ALICE)), Error::<Test>::Exiting);
		System::set_block_number(51);
		assert_ok!(Operators::withdraw(signed(ALICE)));
		assert_eq!(take_events(), [Event::Withdrawn { who: ALICE, stake: 0, bond: BASE }]);
		assert_eq!(Balances::free_balance(ALICE), RICHES - UNIT);
	});
}

#[test]
fn note_offence_costs_reputation() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		Operators::note_offence(&ALICE, OffenceKind::FalseScore);
		let record = Records::<Test>::get(ALICE).unwrap();
		assert_eq!((record.measures.slash_free, record.measures.violations), (0, 500_000));
		// 0.9 of the middle, halved.
		assert_eq!(record.reputation(), 225_000);
	});
}
