//! Stories of the third offence.

use super::mock::*;
use crate::{State, Strikes};
use blyan_primitives::traits::{OffenceKind, Offences};
use frame_support::{assert_noop, assert_ok};
use pallet_operators::Error as OperatorsError;
use sp_runtime::Perbill;

/// Has an offence of Alice punished at once.
fn punish(kind: OffenceKind, number: u8) -> crate::OffenceId {
	let id = report(kind, number);
	assert_ok!(Slashing::uphold(root(), id));
	id
}

#[test]
fn a_third_offence_takes_everything_and_bans() {
	ExtBuilder.build_and_check(|| {
		punish(OffenceKind::HardwareFalse, 1);
		punish(OffenceKind::VerificationFailed, 2);
		assert_eq!(stake(ALICE), 810);
		let last = punish(OffenceKind::HardwareFalse, 3);
		assert_eq!(stake(ALICE), 0);
		assert!(
			matches!(state(last), State::Applied { share, taken: 810, rewarded: 162, .. } if share == Perbill::one())
		);
		assert!(!is_eligible(ALICE));
		assert!(!Strikes::<Test>::contains_key(ALICE));

		// Leaving does not lift it.
		wait(UNBONDING);
		assert_ok!(Operators::withdraw(signed(ALICE)));
		assert_noop!(register(ALICE), OperatorsError::<Test>::Banned);
		assert_eq!(Balances::free_balance(ALICE), RICHES - UNIT);
	});
}

#[test]
fn seals_that_stay_shut_count_towards_the_ban_and_those_that_are_opened_late_do_not() {
	ExtBuilder.build_and_check(|| {
		for number in 0..10 {
			report(OffenceKind::RevealMissed, number % 3);
			assert!(
				Slashing::withdraw(&ALICE, OffenceKind::RevealMissed, evidence(number % 3)) == (number < 3)
			);
		}
		assert!(!Strikes::<Test>::contains_key(ALICE));
		assert_eq!(stake(ALICE), UNIT);
		for number in 10..13 {
			punish(OffenceKind::RevealMissed, number);
		}
		assert_eq!(stake(ALICE), 0);
	});
}

#[test]
fn strikes_are_forgotten_after_a_while_but_not_by_leaving() {
	ExtBuilder.build_and_check(|| {
		punish(OffenceKind::FalseScore, 1);
		punish(OffenceKind::FalseScore, 2);
		assert_ok!(Operators::exit(signed(ALICE)));
		wait(UNBONDING);
		assert_ok!(Operators::withdraw(signed(ALICE)));
		assert_ok!(register(ALICE));
		assert_eq!(Strikes::<Test>::get(ALICE).len(), 2);
		// Long after, only what is new counts.
		System::set_block_number(System::block_number() + MEMORY);
		let id = punish(OffenceKind::FalseScore, 3);
		assert!(matches!(state(id), State::Applied { share, .. } if share == Perbill::from_percent(50)));
		assert_eq!(Strikes::<Test>::get(ALICE).len(), 1);
		punish(OffenceKind::FalseScore, 4);
		punish(OffenceKind::FalseScore, 5);
		assert_eq!(stake(ALICE), 0);
	});
}

#[test]
fn what_is_pending_against_the_banned_ends_without_a_coin() {
	ExtBuilder.build_and_check(|| {
		let ids = [1, 2, 3, 4].map(|number| report(OffenceKind::FalseScore, number));
		wait(WINDOW);
		assert_eq!(stake(ALICE), 0);
		assert!(matches!(state(ids[2]), State::Applied { share, .. } if share == Perbill::one()));
		assert!(matches!(state(ids[3]), State::Applied { taken: 0, rewarded: 0, .. }));
		wait(UNBONDING);
		assert_ok!(Operators::withdraw(signed(ALICE)));
	});
}

/// Double signing bans for longer than a quarantine lasts; a machine that is down is not banned at all.
#[test]
fn an_equivocator_is_banned_for_thirty_days_and_a_silent_operator_never() {
	ExtBuilder.build_and_check(|| {
		let now = frame_system::Pallet::<Test>::block_number();
		punish(OffenceKind::Equivocation, 1);
		let until = now + 60;
		assert_eq!(pallet_operators::BannedUntil::<Test>::get(ALICE), Some(until));
		assert_ok!(Operators::top_up(signed(ALICE), 2 * UNIT));
		run_to(until - 1);
		assert_noop!(Operators::return_to_duty(signed(ALICE)), OperatorsError::<Test>::StillQuarantined);
		run_to(until);
		assert_ok!(Operators::return_to_duty(signed(ALICE)));
		for number in 0..9 {
			let id = report_of(BOB, OffenceKind::HeartbeatsMissed, number, None);
			assert_ok!(Slashing::uphold(root(), id));
		}
		assert!(!pallet_operators::BannedUntil::<Test>::contains_key(BOB));
		assert!(!Strikes::<Test>::contains_key(BOB));
	});
}
