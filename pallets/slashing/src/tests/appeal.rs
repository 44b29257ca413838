//! Stories of appeals.

use super::mock::*;
use crate::{Appeal, Error, Event, OffenceId, State};
use blyan_primitives::{
	traits::{Contested, OffenceKind, Offences},
	Subject,
};
use frame_support::{assert_noop, assert_ok};
use pallet_operators::Error as OperatorsError;
use sp_core::H256;
use sp_runtime::traits::BadOrigin;

const SUBJECT: Subject = Subject::Submission(7, H256::zero());

/// Reports an offence of Alice about a claim.
fn report_claim(kind: OffenceKind, number: u8, executed: bool) -> OffenceId {
	let id = crate::NextOffence::<Test>::get();
	let contested = Contested { subject: SUBJECT, executed };
	Slashing::report_claim(&ALICE, kind, evidence(number), Some(&WATCHER), contested);
	id
}

#[test]
fn appeal_freezes_the_offence_until_it_is_judged() {
	ExtBuilder.build_and_check(|| {
		let id = report(OffenceKind::HeartbeatsMissed, 1);
		take_events();
		run_to(WINDOW);
		assert_ok!(Slashing::appeal(signed(ALICE), id));
		assert_eq!(appeal_bond(ALICE), BOND);
		assert_eq!(take_events(), [Event::Appealed { offence: id, is_computed: false }]);
		assert_eq!(state(id), State::Appealed(Appeal { at: WINDOW, bond: BOND, is_computed: false }));
		run_to(WINDOW + JUDGEMENT);
		assert_eq!(stake(ALICE), UNIT);

		assert_noop!(Slashing::pardon(signed(ALICE), id), BadOrigin);
		assert_ok!(Slashing::pardon(root(), id));
		assert_eq!(appeal_bond(ALICE), 0);
		assert_eq!(Balances::free_balance(ALICE), RICHES - UNIT);
		assert_eq!(state(id), State::Pardoned { at: WINDOW + JUDGEMENT });
		assert_eq!(take_events(), [Event::OffencePardoned { offence: id }]);
		assert_noop!(Slashing::pardon(root(), id), Error::<Test>::Decided);
		assert_noop!(Slashing::uphold(root(), id), Error::<Test>::Decided);
	});
}

#[test]
fn appeal_costs_its_bond_when_the_offence_is_upheld() {
	ExtBuilder.build_and_check(|| {
		let id = report(OffenceKind::HardwareFalse, 1);
		assert_ok!(Slashing::appeal(signed(ALICE), id));
		let before = treasury();
		assert_noop!(Slashing::uphold(signed(WATCHER), id), BadOrigin);
		assert_ok!(Slashing::uphold(root(), id));
		assert_eq!((stake(ALICE), appeal_bond(ALICE)), (900, 0));
		assert_eq!(Balances::free_balance(ALICE), RICHES - UNIT - BOND);
		assert_eq!(treasury(), before + BOND + 80);
		assert!(take_events().contains(&Event::AppealFailed { offence: id, bond: BOND }));
	});
}

#[test]
fn appeal_fails_by_itself_when_nobody_judges_it() {
	ExtBuilder.build_and_check(|| {
		let id = report(OffenceKind::HardwareFalse, 1);
		assert_ok!(Slashing::appeal(signed(ALICE), id));
		run_to(1 + JUDGEMENT);
		assert_noop!(Slashing::apply(signed(WATCHER), id), Error::<Test>::TooEarlyToApply);
		run_to(2 + JUDGEMENT);
		assert_ok!(Slashing::apply(signed(WATCHER), id));
		assert_eq!((stake(ALICE), appeal_bond(ALICE)), (900, 0));
	});
}

#[test]
fn appeal_about_a_claim_has_it_computed_again() {
	for cleared in [true, false] {
		ExtBuilder.build_and_check(|| {
			let id = report_claim(OffenceKind::FalseScore, 1, false);
			assert_ok!(Slashing::appeal(signed(ALICE), id));
			assert_eq!(Disputes::get(), [(ALICE, SUBJECT)]);
			// No time limit: a dispute has clocks of its own.
			run_to(10 * JUDGEMENT);
			assert_noop!(Slashing::apply(signed(WATCHER), id), Error::<Test>::TooEarlyToApply);
			assert!(!is_eligible(ALICE));

			// Somebody else's dispute, or one about something else, decides nothing here.
			Slashing::note_appeal_ended(&BOB, SUBJECT, true);
			Slashing::note_appeal_ended(&ALICE, Subject::Submission(8, H256::zero()), true);
			assert!(state(id).is_pending());
			Slashing::note_appeal_ended(&ALICE, SUBJECT, cleared);
			assert_eq!(matches!(state(id), State::Pardoned { .. }), cleared);
			assert_eq!(stake(ALICE), if cleared { UNIT } else { UNIT / 2 });
			assert_eq!(appeal_bond(ALICE), 0);
			assert_eq!(is_eligible(ALICE), cleared);
			Slashing::note_appeal_ended(&ALICE, SUBJECT, !cleared);
		});
	}
}

#[test]
fn appeals_about_one_subject_share_a_dispute() {
	ExtBuilder.build_and_check(|| {
		let ids = [(OffenceKind::FalseScore, 1), (OffenceKind::VerificationFailed, 2)]
			.map(|(kind, number)| report_claim(kind, number, false));
		for id in ids {
			assert_ok!(Slashing::appeal(signed(ALICE), id));
		}
		assert_eq!(Disputes::get().len(), 1);
		Slashing::note_appeal_ended(&ALICE, SUBJECT, true);
		for id in ids {
			assert!(matches!(state(id), State::Pardoned { .. }));
		}
	});
}

#[test]
fn appeal_is_for_the_judge_when_no_dispute_can_be_opened() {
	ExtBuilder.build_and_check(|| {
		CanDispute::set(false);
		let id = report_claim(OffenceKind::FalseScore, 1, false);
		assert_ok!(Slashing::appeal(signed(ALICE), id));
		assert_eq!(state(id), State::Appealed(Appeal { at: 1, bond: BOND, is_computed: false }));
		Slashing::note_appeal_ended(&ALICE, SUBJECT, true);
		assert!(state(id).is_pending());
		run_to(2 + JUDGEMENT);
		assert_ok!(Slashing::apply(signed(WATCHER), id));
		assert_eq!(stake(ALICE), UNIT / 2);
	});
}

#[test]
fn appeal_is_refused_when_the_chain_has_computed_it_already() {
	ExtBuilder.build_and_check(|| {
		let id = report_claim(OffenceKind::FalseScore, 1, true);
		assert_noop!(Slashing::appeal(signed(ALICE), id), Error::<Test>::AlreadyExecuted);
		assert_eq!(Disputes::get(), []);
	});
}

#[test]
fn appeal_is_refused_when_it_is_of_another_or_late_or_the_second_or_unpaid() {
	ExtBuilder.build_and_check(|| {
		let appeal = |who, id| Slashing::appeal(signed(who), id);
		assert_noop!(appeal(ALICE, 0), Error::<Test>::UnknownOffence);
		let id = report(OffenceKind::FalseScore, 1);
		assert_noop!(appeal(BOB, id), Error::<Test>::NotOffender);
		assert_ok!(appeal(ALICE, id));
		assert_noop!(appeal(ALICE, id), Error::<Test>::AlreadyAppealed);

		let late = report(OffenceKind::FalseScore, 2);
		System::set_block_number(1 + WINDOW);
		assert_noop!(appeal(ALICE, late), Error::<Test>::TooLateToAppeal);
		assert_ok!(Slashing::apply(signed(BOB), late));
		assert_noop!(appeal(ALICE, late), Error::<Test>::Decided);

		let poor = report_of(PAUPER, OffenceKind::FalseScore, 4, None);
		assert!(appeal(PAUPER, poor).is_err());
	});
}

#[test]
fn root_may_decide_what_waits_for_a_dispute() {
	ExtBuilder.build_and_check(|| {
		let id = report_claim(OffenceKind::FalseScore, 1, false);
		assert_ok!(Slashing::appeal(signed(ALICE), id));
		assert_ok!(Slashing::pardon(root(), id));
		assert!(!crate::Computed::<Test>::contains_key((ALICE, SUBJECT)));
		// Its end comes too late then.
		Slashing::note_appeal_ended(&ALICE, SUBJECT, false);
		assert_eq!(stake(ALICE), UNIT);
	});
}

#[test]
fn pardon_lets_back_only_whoever_is_accused_of_nothing_else() {
	ExtBuilder.build_and_check(|| {
		let first = report(OffenceKind::FalseScore, 1);
		let second = report(OffenceKind::Equivocation, 2);
		assert_ok!(Slashing::pardon(root(), first));
		assert!(!is_eligible(ALICE));
		assert_noop!(Operators::return_to_duty(signed(ALICE)), OperatorsError::<Test>::StillQuarantined);
		assert_ok!(Slashing::pardon(root(), second));
		assert!(is_eligible(ALICE));
		// Whoever was punished waits for the end of its quarantine, whatever else is forgiven.
		let third = report(OffenceKind::VerificationFailed, 3);
		assert_ok!(Slashing::uphold(root(), third));
		assert_ok!(Operators::top_up(signed(ALICE), UNIT));
		let fourth = report(OffenceKind::VerificationFailed, 4);
		assert_ok!(Slashing::pardon(root(), fourth));
		assert!(!is_eligible(ALICE));
	});
}
