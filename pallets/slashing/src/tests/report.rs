//! Stories of reports.

use super::mock::*;
use crate::{Error, Event, Offence, OffenceRecords, State, UsualPenalties};
use blyan_primitives::{
	traits::{Contested, OffenceKind, Offences},
	Subject,
};
use frame_support::{assert_noop, assert_ok};
use sp_core::H256;
use sp_runtime::DispatchError;

#[test]
fn report_records_the_offence_and_quarantines_when_it_is_grave() {
	ExtBuilder.build_and_check(|| {
		let id = report(OffenceKind::FalseScore, 1);
		assert_eq!(
			OffenceRecords::<Test>::get(id),
			Some(Offence {
				offender: ALICE,
				kind: OffenceKind::FalseScore,
				evidence: evidence(1),
				contested: None,
				reporter: Some(WATCHER),
				at: 1,
				applies_at: 1 + WINDOW,
				state: State::Open,
			})
		);
		assert_eq!(
			take_events(),
			[Event::OffenceReported {
				offence: id,
				offender: ALICE,
				kind: OffenceKind::FalseScore,
				evidence: evidence(1),
				applies_at: 1 + WINDOW,
			}]
		);
		assert!(!is_eligible(ALICE));
		assert!(is_eligible(BOB));
		// Nothing is taken yet.
		assert_eq!(stake(ALICE), UNIT);
	});
}

#[test]
fn report_leaves_whoever_did_something_light_at_work() {
	ExtBuilder.build_and_check(|| {
		report(OffenceKind::HeartbeatsMissed, 2);
		assert!(is_eligible(ALICE));
	});
}

/// An operator that is silent for good has a day of silence pending at any time. Were that an accusation, those who back it could not
/// take back what is left.
#[test]
fn silence_that_is_pending_keeps_no_backer_and_a_lie_does() {
	use blyan_primitives::traits::BackedOperators;
	ExtBuilder.build_and_check(|| {
		let is_accused = || <Operators as BackedOperators<u64>>::is_accused(&ALICE);
		report(OffenceKind::HeartbeatsMissed, 2);
		assert!(!is_accused());
		report(OffenceKind::FalseScore, 1);
		assert!(is_accused());
	});
}

#[test]
fn report_counts_the_same_evidence_once() {
	ExtBuilder.build_and_check(|| {
		let id = report(OffenceKind::FalseScore, 1);
		report(OffenceKind::FalseScore, 1);
		assert_eq!(take_events().len(), 1);
		assert_noop!(
			Slashing::report(root(), ALICE, OffenceKind::FalseScore, evidence(1), None),
			Error::<Test>::AlreadyReported
		);
		// Also when it has been punished.
		wait(WINDOW);
		assert!(matches!(state(id), State::Applied { .. }));
		report(OffenceKind::FalseScore, 1);
		assert_eq!(stake(ALICE), UNIT / 2);
		assert_eq!(OffenceRecords::<Test>::iter().count(), 1);
		// Another offender, another kind, another evidence are other offences.
		report(OffenceKind::FalseScore, 2);
		report(OffenceKind::Equivocation, 1);
		report_of(BOB, OffenceKind::FalseScore, 1, None);
		assert_eq!(OffenceRecords::<Test>::iter().count(), 4);
	});
}

#[test]
fn report_by_root_needs_root() {
	ExtBuilder.build_and_check(|| {
		let contested = Some(Contested { subject: Subject::Submission(1, H256::zero()), executed: false });
		let report =
			|origin| Slashing::report(origin, BOB, OffenceKind::VerificationFailed, evidence(1), contested);
		assert_noop!(report(signed(WATCHER)), DispatchError::BadOrigin);
		assert_ok!(report(root()));
		let offence = OffenceRecords::<Test>::get(0).unwrap();
		assert_eq!((offence.reporter, offence.contested), (None, contested));
	});
}

#[test]
fn a_day_without_heartbeats_costs_a_thousandth() {
	ExtBuilder.build_and_check(|| {
		Online::set(false);
		// The sweep notices, and warns.
		run_to(2 * PERIOD);
		assert_eq!(OffenceRecords::<Test>::iter().count(), 0);
		hear(BOB);
		let watcher = Balances::free_balance(WATCHER);
		run_to(4 * PERIOD);
		let offences: Vec<_> =
			OffenceRecords::<Test>::iter_values().map(|offence| offence.offender).collect();
		assert_eq!(offences, [ALICE]);
		run_to(4 * PERIOD + WINDOW);
		assert_eq!((stake(ALICE), stake(BOB)), (UNIT - UNIT / 1_000, UNIT));
		assert_eq!(Balances::free_balance(WATCHER), watcher);
	});
}

/// A liar that sees honest colleagues in a later committee does not open its seal. That cost a fiftieth of what the lie cost,
/// and never a ban.
#[test]
fn attack_keep_a_seal_shut_for_a_percent() {
	ExtBuilder.build_and_check(|| {
		let penalty = |kind| <UsualPenalties as sp_runtime::traits::Convert<_, _>>::convert(kind);
		assert_eq!(penalty(OffenceKind::RevealMissed), penalty(OffenceKind::FalseScore));
		let id = report(OffenceKind::RevealMissed, 1);
		assert!(!is_eligible(ALICE), "no further committee before it is opened");
		run_to(2 * WINDOW);
		assert!(matches!(state(id), State::Applied { .. }));
		assert_eq!(stake(ALICE), UNIT / 2);
		assert_eq!(crate::Strikes::<Test>::get(ALICE).len(), 1);
	});
}

#[test]
fn a_report_is_withdrawn_when_what_was_missing_comes_before_it_is_applied() {
	for appealed in [false, true] {
		ExtBuilder.build_and_check(|| {
			let kind = OffenceKind::RevealMissed;
			let withdraw = |number| Slashing::withdraw(&ALICE, kind, evidence(number));
			let id = report(kind, 1);
			if appealed {
				assert_ok!(Slashing::appeal(signed(ALICE), id));
			}
			run_to(WINDOW);
			assert!(!withdraw(2), "nobody reported that");
			assert!(!Slashing::withdraw(&BOB, kind, evidence(1)));
			assert!(withdraw(1));
			assert!(matches!(state(id), State::Pardoned { .. }));
			assert_eq!((stake(ALICE), appeal_bond(ALICE), is_eligible(ALICE)), (UNIT, 0, true));
			assert!(!withdraw(1), "once");
			// What is decided stays decided.
			let late = report(kind, 3);
			run_to(3 * WINDOW);
			assert!(!withdraw(3));
			assert!(matches!(state(late), State::Applied { .. }));
		});
	}
}

/// Through a second account an offender gets the reporter's share of its own stake, and nothing more: four fifths of the
/// penalty are gone for certain, where silence might have cost nothing.
#[test]
fn attack_report_oneself_through_a_second_account() {
	ExtBuilder.build_and_check(|| {
		let second = WATCHER;
		let wealth = || {
			let total =
				|who| <Balances as frame_support::traits::fungible::Inspect<u64>>::total_balance(&who);
			total(ALICE) + total(second)
		};
		let before = wealth();
		report_of(ALICE, OffenceKind::FalseScore, 1, Some(second));
		run_to(2 * WINDOW);
		let penalty = UNIT / 2;
		assert_eq!(before - wealth(), penalty - ReporterShare::get() * penalty);
	});
}

/// Windows in which one can do nothing do not pass.
#[test]
fn an_offence_is_applied_later_by_exactly_the_blocks_in_which_transactions_were_barred() {
	for barred in [0, 1, 7] {
		ExtBuilder.build_and_check(|| {
			let id = report(OffenceKind::HeartbeatsMissed, 1);
			Barred::set(barred);
			let barred = u64::from(barred);
			run_to(WINDOW + barred);
			assert!(state(id).is_pending());
			run_to(WINDOW + barred + 1);
			assert!(!state(id).is_pending());
		});
	}
}

/// A free call must change something, and the same thing cannot be changed twice.
#[test]
fn apply_is_free_once() {
	use sp_runtime::traits::Dispatchable;
	ExtBuilder.build_and_check(|| {
		let id = report(OffenceKind::HeartbeatsMissed, 1);
		System::set_block_number(2 * WINDOW);
		for offence in [id, id + 1] {
			let call = RuntimeCall::Slashing(crate::Call::apply { offence });
			let is_free = |info: frame_support::dispatch::PostDispatchInfo| {
				info.pays_fee == frame_support::dispatch::Pays::No
			};
			let first = call.clone().dispatch(signed(WATCHER));
			assert_eq!(first.is_ok_and(is_free), offence == id);
			assert!(call.dispatch(signed(WATCHER)).is_err());
		}
	});
}
