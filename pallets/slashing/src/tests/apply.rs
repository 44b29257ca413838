//! Stories of what an applied offence takes, and who gets it.

use super::mock::*;
use crate::{Error, Event, NextDue, State};
use blyan_primitives::traits::OffenceKind;
use frame_support::{assert_noop, assert_ok, traits::Hooks, weights::Weight};
use pallet_operators::{Error as OperatorsError, Operators as Records};
use sp_runtime::Perbill;

#[test]
fn apply_pays_the_reporter_and_the_treasury_and_mints_nothing() {
	ExtBuilder.build_and_check(|| {
		let issuance = Balances::total_issuance();
		let (watcher, before) = (Balances::free_balance(WATCHER), treasury());
		let id = report(OffenceKind::FalseScore, 1);
		take_events();
		run_to(WINDOW);
		assert_eq!(stake(ALICE), UNIT);
		run_to(1 + WINDOW);
		let (taken, rewarded) = (500, 100);
		assert_eq!(stake(ALICE), UNIT - taken);
		assert_eq!(Balances::free_balance(WATCHER), watcher + rewarded);
		assert_eq!(treasury(), before + taken - rewarded);
		assert_eq!(Balances::total_issuance(), issuance);
		let share = Perbill::from_percent(50);
		assert_eq!(state(id), State::Applied { share, taken, rewarded, at: 21 });
		assert_eq!(
			take_events(),
			[Event::OffenceApplied { offence: id, offender: ALICE, share, taken, rewarded }]
		);
		let measures = Records::<Test>::get(ALICE).unwrap().measures;
		assert_eq!((measures.slash_free, measures.violations), (0, 500_000));
	});
}

#[test]
fn apply_takes_what_the_design_says() {
	for (kind, permille) in [
		(OffenceKind::HeartbeatsMissed, 1),
		(OffenceKind::RevealMissed, 500),
		(OffenceKind::VerificationFailed, 100),
		(OffenceKind::FalseScore, 500),
		(OffenceKind::Equivocation, 500),
		(OffenceKind::HardwareFalse, 100),
	] {
		ExtBuilder.build_and_check(|| {
			report(kind, 1);
			wait(WINDOW);
			assert_eq!(stake(ALICE), UNIT - UNIT * permille / 1_000, "{kind:?}");
		});
	}
}

#[test]
fn apply_gives_everything_to_the_treasury_when_there_is_no_reporter_to_pay() {
	for reporter in [None, Some(ALICE), Some(PAUPER)] {
		ExtBuilder.build_and_check(|| {
			for (kind, number) in [(OffenceKind::FalseScore, 1), (OffenceKind::VerificationFailed, 2)] {
				let id = report_of(ALICE, kind, number, None);
				assert_ok!(Slashing::uphold(root(), id));
			}
			crate::Strikes::<Test>::remove(ALICE);
			let before = treasury();
			report_of(ALICE, OffenceKind::HardwareFalse, 3, reporter);
			wait(WINDOW);
			// The pauper's share, 9, is less than an account must have.
			assert_eq!((stake(ALICE), treasury()), (405, before + 45));
		});
	}
}

#[test]
fn apply_by_hand_is_free_when_it_is_time() {
	ExtBuilder.build_and_check(|| {
		let id = report(OffenceKind::FalseScore, 1);
		System::set_block_number(WINDOW);
		assert_noop!(Slashing::apply(signed(BOB), id), Error::<Test>::TooEarlyToApply);
		assert_noop!(Slashing::apply(signed(BOB), id + 1), Error::<Test>::UnknownOffence);
		System::set_block_number(1 + WINDOW);
		let info = Slashing::apply(signed(BOB), id).unwrap();
		assert_eq!(info.pays_fee, frame_support::dispatch::Pays::No);
		assert_noop!(Slashing::apply(signed(BOB), id), Error::<Test>::Decided);
		wait(5);
		assert_eq!(stake(ALICE), UNIT / 2);
	});
}

#[test]
fn blocks_apply_in_order_and_as_far_as_there_is_room() {
	ExtBuilder.build_and_check(|| {
		let first = report(OffenceKind::HeartbeatsMissed, 1);
		let second = report(OffenceKind::HeartbeatsMissed, 2);
		System::set_block_number(1 + WINDOW);
		assert_eq!(Slashing::on_idle(21, Weight::zero()), Weight::zero());
		let one = <() as crate::WeightInfo>::idle() + <() as crate::WeightInfo>::apply_next();
		assert_eq!(Slashing::on_idle(21, one), one);
		assert!(matches!((state(first), state(second)), (State::Applied { .. }, State::Open)));
		assert_eq!(NextDue::<Test>::get(), second);
		Slashing::on_idle(21, one);
		assert!(matches!(state(second), State::Applied { .. }));
	});
}

#[test]
fn slash_reaches_an_operator_that_is_leaving() {
	ExtBuilder.build_and_check(|| {
		assert_ok!(Operators::exit(signed(ALICE)));
		report(OffenceKind::FalseScore, 1);
		wait(WINDOW);
		assert_eq!(stake(ALICE), UNIT / 2);
		wait(UNBONDING);
		assert_ok!(Operators::withdraw(signed(ALICE)));
		assert_eq!(Balances::free_balance(ALICE), RICHES - UNIT / 2);
	});
}

#[test]
fn withdraw_waits_for_a_pending_offence() {
	ExtBuilder.build_and_check(|| {
		assert_ok!(Operators::exit(signed(ALICE)));
		run_to(UNBONDING);
		report(OffenceKind::FalseScore, 1);
		run_to(UNBONDING + 5);
		assert_noop!(Operators::withdraw(signed(ALICE)), OperatorsError::<Test>::OffencePending);
		run_to(UNBONDING + WINDOW);
		assert_ok!(Operators::withdraw(signed(ALICE)));
		assert_eq!(Balances::free_balance(ALICE), RICHES - UNIT / 2);
	});
}

#[test]
fn a_slashed_operator_returns_when_its_time_is_over_and_its_stake_suffices() {
	ExtBuilder.build_and_check(|| {
		report(OffenceKind::VerificationFailed, 1);
		wait(WINDOW);
		let back = || Operators::return_to_duty(signed(ALICE));
		assert_noop!(back(), OperatorsError::<Test>::StillQuarantined);
		// The quarantine counts from the punishment.
		run_to(1 + WINDOW + 40);
		assert_noop!(back(), OperatorsError::<Test>::StakeTooLow);
		// Its record asks for more than before.
		assert_ok!(Operators::top_up(signed(ALICE), UNIT / 10));
		assert_noop!(back(), OperatorsError::<Test>::StakeTooLow);
		assert_ok!(Operators::top_up(signed(ALICE), UNIT / 5));
		assert_ok!(back());
		assert!(is_eligible(ALICE));
	});
}
