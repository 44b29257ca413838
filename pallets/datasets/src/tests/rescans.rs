//! Rescans of datasets in use.

use super::mock::*;
use crate::*;
use blyan_primitives::{AuditFinding, AuditReport, DatasetReason, DatasetRef, DatasetStage, DatasetTier};
use frame_support::{assert_err, assert_noop, assert_ok};

const RESCAN_EVERY: u32 = 300;
const GOLD: DatasetStage = DatasetStage::Approved(DatasetTier::Gold);

const TOXIC: fn() -> AuditReport = || AuditReport { toxicity: 300_000, ..clean() };

/// A dataset in use whose rescan waits for its committee.
fn due_again() -> DatasetRef {
	RescanEvery::set(RESCAN_EVERY);
	let dataset = approved(ALICE, 1);
	assert!(!Audits::<Test>::contains_key(dataset));
	run(RESCAN_EVERY + 2);
	assert_eq!((audit(dataset).kind, stage(dataset)), (AuditKind::Rescan, GOLD));
	dataset
}

/// Two committees, one after the other, find the dataset toxic. Returns the second one.
fn found_toxic(dataset: DatasetRef) -> Vec<u32> {
	play(dataset, |_| AuditFinding::Examined(TOXIC()));
	assert_eq!((stage(dataset), audit(dataset).round), (GOLD, 2), "one committee decides nothing");
	let committee = drawn(dataset);
	play(dataset, |_| AuditFinding::Examined(TOXIC()));
	committee
}

/// Asserts that a rescan is over, and the dataset in use as before.
fn assert_in_use(dataset: DatasetRef) {
	assert_eq!(stage(dataset), GOLD);
	assert!(!Audits::<Test>::contains_key(dataset));
	assert!(FormerAuditors::<Test>::get(dataset).is_empty(), "they may examine it again");
	assert_eq!(RescanCount::<Test>::get(), 0);
	let rescan_at = FreshUntil::<Test>::get(dataset).unwrap() + 1;
	assert_eq!(Due::<Test>::get(dataset), Some(rescan_at));
	System::assert_has_event(Event::<Test>::KeptInUse { dataset, rescan_at }.into());
}

#[test]
fn a_dataset_in_use_is_examined_again_and_again_and_stays_in_use() {
	story(14, || {
		let dataset = due_again();
		let newer = AuditReport { rules: 2, ..clean() };
		let paid = Paid::get().len();
		play(dataset, |_| AuditFinding::Examined(newer));
		assert_in_use(dataset);
		assert_eq!(record(dataset).report, Some(newer));
		assert_eq!(Paid::get().len(), paid + 5);
		run(RESCAN_EVERY + 2);
		assert_eq!(audit(dataset).kind, AuditKind::Rescan);
	});
}

#[test]
fn a_rescan_beyond_the_limits_quarantines_and_strangers_judge_the_appeal() {
	story(14, || {
		let dataset = due_again();
		let committee = found_toxic(dataset);
		let quarantined = DatasetStage::Quarantined(DatasetTier::Gold, DatasetReason::Safety);
		assert_eq!(stage(dataset), quarantined);
		assert_eq!(RescanCount::<Test>::get(), 0);
		assert_eq!(FreshUntil::<Test>::get(dataset), None);
		assert!(DatasetsPallet::dataset(dataset).unwrap().appeal_until.is_some());
		assert_ok!(DatasetsPallet::appeal(signed(ALICE), dataset));
		let strangers = drawn(dataset);
		assert!(strangers.iter().all(|who| !committee.contains(who)), "{committee:?} {strangers:?}");
		play(dataset, |_| AuditFinding::Examined(clean()));
		assert_eq!(stage(dataset), GOLD);
		assert!(Due::<Test>::contains_key(dataset), "it is examined again");
	});
}

#[test]
fn a_quarantine_by_a_rescan_ends_in_rejection_without_an_appeal() {
	story(14, || {
		let dataset = due_again();
		found_toxic(dataset);
		run(APPEAL_WINDOW + 2);
		assert_eq!(stage(dataset), DatasetStage::Rejected(DatasetReason::Safety));
		assert_noop!(DatasetsPallet::appeal(signed(ALICE), dataset), Error::<Test>::NotAppealable);
	});
}

#[test]
fn bytes_that_a_rescan_cannot_get_leave_a_dataset_in_use_and_pay_no_auditor() {
	story(14, || {
		let dataset = due_again();
		let paid = Paid::get().len();
		play(dataset, |_| AuditFinding::Unavailable);
		assert_in_use(dataset);
		assert_eq!(Paid::get().len(), paid);
	});
}

#[test]
fn silent_committees_of_a_rescan_leave_a_dataset_in_use() {
	story(14, || {
		let dataset = due_again();
		run(2 * (DRAW_WINDOW + SEAL_WINDOW));
		assert_in_use(dataset);
	});
}

#[test]
fn attack_a_minority_of_auditors_takes_a_rivals_dataset_out_of_use() {
	story(14, || {
		let dataset = due_again();
		play(dataset, |place| AuditFinding::Examined(if place < 2 { TOXIC() } else { clean() }));
		assert_in_use(dataset);
	});
}

/// The median of four reports is the worse of the two in the middle.
#[test]
fn attack_take_a_dataset_out_of_use_with_two_seats_while_a_colleague_is_silent() {
	story(14, || {
		let dataset = due_again();
		for round in 0..2 {
			let auditors = drawn(dataset);
			assert_eq!((auditors.len(), audit(dataset).round), (5, round));
			let found = |place: usize| AuditFinding::Examined(if place < 2 { TOXIC() } else { clean() });
			let awake = || auditors.iter().copied().enumerate().take(4);
			awake().for_each(|(place, who)| seal(dataset, who, found(place)).unwrap());
			run(SEAL_WINDOW + 1);
			awake().for_each(|(place, who)| reveal(dataset, who, found(place)).unwrap());
			run(1);
			assert_eq!(stage(dataset), GOLD);
		}
		assert_in_use(dataset);
	});
}

#[test]
fn attack_have_a_majority_of_one_committee_by_chance() {
	story(14, || {
		let dataset = due_again();
		let before = record(dataset).report;
		play(dataset, |_| AuditFinding::Examined(TOXIC()));
		assert_eq!(
			record(dataset).report,
			before,
			"what one committee found is not shown as the dataset's report"
		);
		assert_eq!(RescanCount::<Test>::get(), 1);
		play(dataset, |_| AuditFinding::Examined(clean()));
		assert_in_use(dataset);
	});
}

#[test]
fn silent_committees_confirm_no_finding_of_a_rescan() {
	story(14, || {
		let dataset = due_again();
		play(dataset, |_| AuditFinding::Examined(TOXIC()));
		run(DRAW_WINDOW + SEAL_WINDOW);
		assert_eq!(audit(dataset).round, 3);
		run(DRAW_WINDOW + SEAL_WINDOW);
		assert_in_use(dataset);
	});
}

#[test]
fn attack_have_every_dataset_examined_at_once() {
	story(14, || {
		let all = [approved(ALICE, 1), approved(BOB, 2), approved(MINER, 3)];
		assert_noop!(DatasetsPallet::advance(signed(BOB), all[0]), Error::<Test>::NothingDue);
		// As those that were in use before datasets were examined again.
		for dataset in all {
			FreshUntil::<Test>::remove(dataset);
		}
		assert_ok!(DatasetsPallet::advance(signed(BOB), all[0]));
		assert_ok!(DatasetsPallet::advance(signed(BOB), all[1]));
		assert_err!(DatasetsPallet::advance(signed(BOB), all[2]), Error::<Test>::NothingDue);
		play(all[0], |_| AuditFinding::Examined(clean()));
		assert_eq!(RescanCount::<Test>::get(), 1);
		assert_ok!(DatasetsPallet::advance(signed(BOB), all[2]));
	});
}

#[test]
fn a_quarantine_by_the_chains_rule_ends_a_rescan() {
	story(14, || {
		let dataset = due_again();
		drawn(dataset);
		assert_ok!(DatasetsPallet::quarantine(RuntimeOrigin::root(), dataset, DatasetReason::Copyright));
		assert!(!Audits::<Test>::contains_key(dataset));
		assert_eq!(RescanCount::<Test>::get(), 0);
		run(APPEAL_WINDOW + 2);
		assert_eq!(stage(dataset), DatasetStage::Rejected(DatasetReason::Copyright));
	});
}
