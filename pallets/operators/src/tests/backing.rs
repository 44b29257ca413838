//! Stories of what others have behind an operator.

use super::mock::*;
use crate::{Error, Operators as Records};
use blyan_primitives::traits::{BackedOperators, OperatorSet, OperatorStakes, Servers};
use frame_support::{assert_noop, assert_ok};
use sp_runtime::Perbill;

fn back(who: u64, amount: u128) {
	Backed::mutate(|backed| backed.insert(who, amount));
}

/// Part of Alice's stake and backing that weighs.
fn weighed() -> u128 {
	Records::<Test>::get(ALICE).unwrap().weighed_stake
}

fn weight() -> u32 {
	Operators::present(&ALICE).unwrap().weight
}

#[test]
fn backing_weighs_from_the_next_heartbeat_on() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		let alone = weight();
		back(ALICE, UNIT);
		assert_eq!(weight(), alone, "no draw that is known can be bought into");
		System::set_block_number(PERIOD);
		hear("Alice");
		assert_eq!(weighed(), 2 * UNIT);
		assert!(weight() >= 2 * alone);
		// Less weighs less at once.
		back(ALICE, UNIT / 2);
		<Operators as BackedOperators<u64>>::note_backing_fell(&ALICE);
		assert_eq!(weighed(), UNIT + UNIT / 2);
	});
}

#[test]
fn backing_weighs_and_covers_nothing() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		back(ALICE, 2 * UNIT);
		System::set_block_number(PERIOD);
		hear("Alice");
		// What a reward may be, and a quorum, follow from what the operator itself can lose.
		let alice = Operators::present(&ALICE).unwrap();
		assert_eq!(alice.stake, UNIT);
		assert_eq!(<Operators as BackedOperators<u64>>::own_stake(&ALICE), Some(UNIT));
	});
}

/// With the coins of others an operator weighs three times what it has itself, and no more.
#[test]
fn attack_weigh_more_than_three_times_the_own_stake() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		back(ALICE, 100 * UNIT);
		System::set_block_number(PERIOD);
		hear("Alice");
		assert_eq!(weighed(), 3 * UNIT);
	});
}

#[test]
fn a_slash_takes_the_same_share_of_both_and_weighs_at_once() {
	ExtBuilder::default().staked(ALICE, "Alice", 10 * UNIT).build_and_check(|| {
		back(ALICE, 10 * UNIT);
		System::set_block_number(PERIOD);
		hear("Alice");
		assert_eq!(weighed(), 20 * UNIT);
		let credit = Operators::slash(&ALICE, Perbill::from_percent(50));
		// What is handed on, and shared with a reporter, is the operator's own.
		assert_eq!(frame_support::traits::Imbalance::peek(&credit), 5 * UNIT);
		assert_eq!(Backed::get()[&ALICE], 5 * UNIT);
		assert_eq!(weighed(), 10 * UNIT);
	});
}

#[test]
fn incomes_are_passed_on_with_the_own_stake() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		<Operators as OperatorSet<u64>>::note_income(&ALICE, 7);
		<Operators as Servers<u64>>::note_income(&ALICE, 8);
		<Operators as OperatorSet<u64>>::note_income(&BOB, 9);
		assert_eq!(Incomes::get(), [(ALICE, UNIT, 7), (ALICE, UNIT, 8)]);
	});
}

#[test]
fn what_is_needed_follows_the_record() {
	use blyan_primitives::traits::{OffenceKind, Service};
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		for _ in 0..63 {
			Operators::note_service(&ALICE, Service::ReportAgreed);
		}
		// A quarter less than at first: a tenth can be lost without a quarantine.
		drop(Operators::slash(&ALICE, Perbill::from_percent(10)));
		assert!(Operators::is_eligible(&ALICE));
		// A lie voids the work, and what is needed rises above what a newcomer needs.
		Operators::note_offence(&ALICE, OffenceKind::FalseScore);
		assert!(!Operators::is_eligible(&ALICE));
		let stake = Operators::stake(&ALICE);
		assert_ok!(Operators::top_up(signed(ALICE), UNIT / 2));
		assert!(!Operators::is_eligible(&ALICE));
		assert_ok!(Operators::top_up(signed(ALICE), UNIT / 10));
		assert!(Operators::is_eligible(&ALICE));
		// It was out of draws, and lost nothing by that.
		assert_eq!(Operators::stake(&ALICE), stake.map(|stake| stake + UNIT / 2 + UNIT / 10));
	});
}

/// An operator that lied, left and comes back under the same account needs as much as one that stayed.
#[test]
fn attack_shed_a_record_by_leaving() {
	use blyan_primitives::traits::OffenceKind;
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		Operators::note_offence(&ALICE, OffenceKind::FalseScore);
		assert_ok!(Operators::exit(signed(ALICE)));
		System::set_block_number(System::block_number() + 50);
		assert_ok!(Operators::withdraw(signed(ALICE)));
		assert_noop!(outbid(ALICE, "Alice", UNIT), Error::<Test>::StakeTooLow);
		assert_ok!(register(ALICE, "Alice"));
		let record = Records::<Test>::get(ALICE).unwrap();
		assert_eq!((record.stake, record.measures.violations), (1_444 * UNIT / 1_000, 500_000));
	});
}

#[test]
fn a_ban_for_a_time_ends() {
	ExtBuilder::default().operator(ALICE, "Alice").build_and_check(|| {
		Operators::ban_for(&ALICE, 60);
		Operators::ban_for(&ALICE, 20);
		let until = 61;
		assert_eq!(crate::BannedUntil::<Test>::get(ALICE), Some(until));
		assert!(!Operators::is_eligible(&ALICE));
		// A pardon of something else does not lift it.
		Operators::release(&ALICE);
		assert_noop!(Operators::return_to_duty(signed(ALICE)), Error::<Test>::StillQuarantined);
		// Leaving and coming back does not either.
		assert_ok!(Operators::exit(signed(ALICE)));
		System::set_block_number(51);
		assert_ok!(Operators::withdraw(signed(ALICE)));
		assert_noop!(register(ALICE, "Alice"), Error::<Test>::BannedForNow);
		System::set_block_number(until);
		assert_ok!(register(ALICE, "Alice"));
		assert!(!crate::BannedUntil::<Test>::contains_key(ALICE));
		assert!(Operators::is_eligible(&ALICE));
	});
}
