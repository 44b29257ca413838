//! Appeals and quarantines.

use super::mock::*;
use crate::*;
use blyan_primitives::{AuditFinding, AuditReport, Ballot, DatasetReason, DatasetStage, DatasetTier};
use frame_support::{assert_noop, assert_ok};
use sp_runtime::DispatchError;

type Failure = Error<Test>;

const TOXIC: fn() -> AuditReport = || AuditReport { toxicity: 300_000, ..clean() };

#[test]
fn an_appeal_is_judged_by_strangers_and_leads_to_a_vote() {
	story(14, || {
		let dataset = audited(ALICE, 1);
		let first = drawn(dataset);
		play(dataset, |_| AuditFinding::Examined(TOXIC()));
		assert_eq!(stage(dataset), DatasetStage::Rejected(DatasetReason::Safety));
		run(20);
		assert_ok!(DatasetsPallet::appeal(signed(ALICE), dataset));
		assert_eq!(stage(dataset), DatasetStage::Audit);
		let second = drawn(dataset);
		assert!(second.iter().all(|who| !first.contains(who)), "{first:?} {second:?}");
		play(dataset, |_| AuditFinding::Examined(clean()));
		assert_eq!(stage(dataset), DatasetStage::Vote);
		assert_eq!(Conducts::<Test>::get(account(ALICE)).offers, 2, "an appeal costs an offer");
	});
}

#[test]
fn an_appeal_is_final_and_in_time() {
	story(14, || {
		let dataset = reported(ALICE, 1, TOXIC());
		assert_noop!(DatasetsPallet::appeal(signed(BOB), dataset), Failure::NotYourDataset);
		run(20);
		assert_ok!(DatasetsPallet::appeal(signed(ALICE), dataset));
		play(dataset, |_| AuditFinding::Examined(TOXIC()));
		assert_eq!(stage(dataset), DatasetStage::Rejected(DatasetReason::Safety));
		assert_noop!(DatasetsPallet::appeal(signed(ALICE), dataset), Failure::NotAppealable);
		assert_eq!(DatasetsPallet::dataset(dataset).unwrap().appeal_until, None);
	});
	story(14, || {
		let dataset = reported(ALICE, 1, TOXIC());
		assert!(DatasetsPallet::dataset(dataset).unwrap().appeal_until.is_some());
		run(APPEAL_WINDOW + 1);
		assert_noop!(DatasetsPallet::appeal(signed(ALICE), dataset), Failure::NotAppealable);
	});
}

#[test]
fn an_appeal_without_strangers_leaves_the_rejection_as_it_was() {
	story(6, || {
		let dataset = reported(ALICE, 1, TOXIC());
		run(20);
		assert_ok!(DatasetsPallet::appeal(signed(ALICE), dataset));
		run(2 * DRAW_WINDOW + 10);
		assert_eq!(stage(dataset), DatasetStage::Rejected(DatasetReason::Safety));
	});
}

#[test]
fn attack_withhold_the_bytes_of_an_appeal_to_free_the_root() {
	story(14, || {
		let dataset = reported(ALICE, 1, TOXIC());
		run(20);
		assert_ok!(DatasetsPallet::appeal(signed(ALICE), dataset));
		play(dataset, |_| AuditFinding::Unavailable);
		assert_eq!(stage(dataset), DatasetStage::Rejected(DatasetReason::Safety));
		assert!(Roots::<Test>::contains_key(record(dataset).root));
	});
	story(14, || {
		let dataset = reported(ALICE, 1, TOXIC());
		run(20);
		assert_ok!(DatasetsPallet::appeal(signed(ALICE), dataset));
		assert_ok!(DatasetsPallet::withdraw(signed(ALICE), dataset));
		assert!(Roots::<Test>::contains_key(record(dataset).root), "nor by taking it back");
	});
}

#[test]
fn a_rejected_dataset_and_its_root_are_remembered_and_then_forgotten() {
	story(9, || {
		let dataset = reported(ALICE, 1, TOXIC());
		run(APPEAL_WINDOW + 5);
		let (offer, blobs) = offer(1);
		let stamp = stamp(&account(BOB), &offer);
		assert_noop!(DatasetsPallet::offer(signed(BOB), offer, blobs, stamp), Failure::RootKnown);
		run(REJECTED_FOR - APPEAL_WINDOW + 5);
		assert_eq!(Datasets::<Test>::get(dataset), None);
		assert_eq!((AnnouncedBlobs::<Test>::iter().count(), FormerAuditors::<Test>::iter().count()), (0, 0));
		assert_ok!(submit(BOB, super::mock::offer(1)));
	});
}

#[test]
fn quarantine_takes_out_of_use_and_ends_in_rejection_without_an_appeal() {
	story(14, || {
		let dataset = approved(ALICE, 1);
		let reason = DatasetReason::Safety;
		assert_noop!(DatasetsPallet::quarantine(signed(ALICE), dataset, reason), DispatchError::BadOrigin);
		assert_noop!(
			DatasetsPallet::quarantine(RuntimeOrigin::root(), dataset, DatasetReason::AuditTimeout),
			Failure::BallotInvalid
		);
		assert_ok!(DatasetsPallet::quarantine(RuntimeOrigin::root(), dataset, reason));
		assert_eq!(stage(dataset), DatasetStage::Quarantined(DatasetTier::Gold, reason));
		assert_noop!(DatasetsPallet::quarantine(RuntimeOrigin::root(), dataset, reason), Failure::WrongStage);
		run(APPEAL_WINDOW + 2);
		assert_eq!(stage(dataset), DatasetStage::Rejected(reason));
		run(REJECTED_FOR + 5);
		assert_eq!(Datasets::<Test>::get(dataset), None);
	});
}

#[test]
fn a_quarantine_is_lifted_to_the_tier_whose_limits_are_met() {
	story(14, || {
		let dataset = approved(ALICE, 1);
		assert_ok!(DatasetsPallet::quarantine(RuntimeOrigin::root(), dataset, DatasetReason::Safety));
		assert_ok!(DatasetsPallet::appeal(signed(ALICE), dataset));
		assert_noop!(DatasetsPallet::appeal(signed(ALICE), dataset), Failure::NotAppealable);
		play(dataset, |_| AuditFinding::Examined(AuditReport { toxicity: 60_000, ..clean() }));
		assert_eq!(stage(dataset), DatasetStage::Approved(DatasetTier::Silver));
		// And again, now for good.
		assert_ok!(DatasetsPallet::quarantine(RuntimeOrigin::root(), dataset, DatasetReason::Safety));
		run(60);
		assert_ok!(DatasetsPallet::appeal(signed(ALICE), dataset));
		play(dataset, |_| AuditFinding::Examined(TOXIC()));
		assert_eq!(stage(dataset), DatasetStage::Rejected(DatasetReason::Safety));
		assert_noop!(DatasetsPallet::appeal(signed(ALICE), dataset), Failure::NotAppealable);
	});
}

#[test]
fn a_vote_lost_can_be_appealed_into_a_second_vote() {
	story(14, || {
		let dataset = reported(ALICE, 1, clean());
		let no = Ballot::No { reason: DatasetReason::Quality };
		for voter in 0..14 {
			vote(dataset, voter, no).unwrap();
		}
		run(VOTE_WINDOW + 2);
		assert_eq!(stage(dataset), DatasetStage::Rejected(DatasetReason::Quality));
		assert_ok!(DatasetsPallet::appeal(signed(ALICE), dataset));
		play(dataset, |_| AuditFinding::Examined(clean()));
		for voter in 0..14 {
			vote(dataset, voter, no).unwrap();
		}
		run(VOTE_WINDOW + 2);
		assert_eq!(stage(dataset), DatasetStage::Rejected(DatasetReason::Quality));
		assert_noop!(DatasetsPallet::appeal(signed(ALICE), dataset), Failure::NotAppealable);
	});
}
