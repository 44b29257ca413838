//! Stories of reports.

use super::mock::*;
use crate::{Error, Event, Offence, OffenceRecords, State};
use blyan_primitives::{
	traits::{Contested, OffenceKind},
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
		report(OffenceKind::RevealMissed, 1);
		report(OffenceKind::HeartbeatsMissed, 2);
		assert!(is_eligible(ALICE));
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
fn missed_heartbeats_are_reported_once_and_cost_a_tenth() {
	ExtBuilder.build_and_check(|| {
		System::set_block_number(4 * PERIOD);
		hear(BOB);
		assert_ok!(Operators::report_silence(signed(WATCHER), ALICE));
		let watcher = Balances::free_balance(WATCHER);
		wait(WINDOW);
		assert_eq!((stake(ALICE), stake(BOB)), (UNIT - UNIT / 10, UNIT));
		assert_eq!(Balances::free_balance(WATCHER), watcher + UNIT / 50);
		assert_eq!(OffenceRecords::<Test>::iter().count(), 1);
	});
}
