//! Decisions, one story an outcome.

use super::*;
use crate::{ClosedSubmissions, Event, HoldReason};
use blyan_primitives::Verdict;
use blyan_runtime_api::{ExpiryReason, RejectReason, SubmissionOutcome, SubmissionState};
use frame_support::traits::fungible::InspectHold;
use sp_keyring::Sr25519Keyring;

fn rejected(reason: RejectReason) -> Option<SubmissionOutcome> {
	Some(SubmissionOutcome::Rejected(reason))
}

#[test]
fn a_better_expert_becomes_the_head_and_everybody_is_paid() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		let order: Vec<_> =
			evaluation(submission).unwrap().seats.iter().map(|seat| seat.operator.clone()).collect();
		run_to(6);
		let verdict = score(64, 1);
		all_report(submission, verdict);
		System::reset_events();
		end_block();
		let paid =
			|operator: &AccountId| Event::ValidatorPaid { submission, operator: operator.clone(), amount: 5 };
		let mut expected: Vec<_> = order.iter().map(paid).collect();
		expected.push(Event::Accepted {
			submission,
			miner: miner(),
			slot: slot(0),
			version: 1,
			improvement: 64,
			reward: 2_000,
		});
		assert_eq!(events(), expected);
		assert_eq!(Heads::get()[&slot(0)].block, block(1));
		assert_eq!(Payments::get().last(), Some(&(miner(), 2_000)));
		assert!(Notes::get().iter().all(|(_, agreed)| *agreed));
		assert_eq!(Balances::balance_on_hold(&HoldReason::SubmissionBond.into(), &miner()), 0);
		let info = Learning::submission(submission).unwrap();
		let outcome = SubmissionOutcome::Accepted { version: 1, improvement: 64, reward: 2_000 };
		assert_eq!(info.state, SubmissionState::Closed { outcome, at: 6 });
	});
}

#[test]
fn an_expert_that_is_not_better_by_delta_is_rejected() {
	ExtBuilder::default().build_and_check(|| {
		let reason = RejectReason::NotBetter { improvement: i64::from(DELTA) };
		assert_eq!(judge(1, score(DELTA.into(), 0)), SubmissionOutcome::Rejected(reason));
		assert_eq!(Heads::get()[&slot(0)].version, 0);
		assert_eq!(Balances::free_balance(miner()), ENDOWMENT);
	});
}

#[test]
fn noise_is_rejected() {
	ExtBuilder::default().build_and_check(|| {
		let reason = RejectReason::NotBetter { improvement: -700 };
		assert_eq!(judge(1, score(-700, 300)), SubmissionOutcome::Rejected(reason));
	});
}

#[test]
fn a_lucky_mean_with_a_wide_spread_is_rejected() {
	ExtBuilder::default().build_and_check(|| {
		let reason = RejectReason::NotCertain { improvement: 64 };
		assert_eq!(judge(1, score(64, 5_000)), SubmissionOutcome::Rejected(reason));
	});
}

#[test]
fn later_attempts_need_more_certainty() {
	ExtBuilder::default().build_and_check(|| {
		// Mean 100 exceeds 32 by 68 with a standard error of about 20.4: 3.3 of them. That is enough for the z of a
		// first attempt (3.0), and not for that of a second (3.43).
		let narrow = score(100, 54);
		assert!(matches!(judge(1, score(-1, 0)), SubmissionOutcome::Rejected(_)));
		let reason = RejectReason::NotCertain { improvement: 100 };
		assert_eq!(judge(2, narrow), SubmissionOutcome::Rejected(reason));
		// Tomorrow is another day.
		run_to(DAY);
		assert!(matches!(judge(3, narrow), SubmissionOutcome::Accepted { .. }));
	});
}

#[test]
fn one_wrong_score_of_three_is_outvoted_and_unpaid() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		report_as(Sr25519Keyring::Alice, submission, score(64, 0)).unwrap();
		report_as(Sr25519Keyring::Bob, submission, score(-64, 0)).unwrap();
		report_as(Sr25519Keyring::Charlie, submission, score(64, 0)).unwrap();
		end_block();
		assert!(matches!(outcome(submission), Some(SubmissionOutcome::Accepted { .. })));
		let liar = Sr25519Keyring::Bob.to_account_id();
		assert!(Notes::get().contains(&(liar.clone(), false)));
		assert!(!Payments::get().iter().any(|(who, _)| *who == liar));
		assert_eq!(Payments::get().len(), 3);
	});
}

#[test]
fn scores_that_differ_in_one_bit_do_not_agree() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		report_as(Sr25519Keyring::Alice, submission, score(64, 0)).unwrap();
		let Verdict::Scored(mut other) = score(64, 0) else { unreachable!("score is scored") };
		other.job_root.0[31] ^= 1;
		report_as(Sr25519Keyring::Bob, submission, Verdict::Scored(other)).unwrap();
		report_as(Sr25519Keyring::Charlie, submission, Verdict::Invalid).unwrap();
		end_block();
		assert_eq!(outcome(submission), rejected(RejectReason::NoAgreement));
		// Nobody knows who was right, so nobody gains or loses.
		assert!(Notes::get().is_empty() && Payments::get().is_empty());
		assert_eq!(Balances::free_balance(miner()), ENDOWMENT);
	});
}

#[test]
fn two_of_three_decide_when_the_window_closes() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		let deadline = evaluation(submission).unwrap().deadline;
		report_as(Sr25519Keyring::Alice, submission, score(64, 0)).unwrap();
		report_as(Sr25519Keyring::Bob, submission, score(64, 0)).unwrap();
		run_to(deadline);
		end_block();
		assert_eq!(outcome(submission), None);
		run_to(deadline + 1);
		end_block();
		assert!(matches!(outcome(submission), Some(SubmissionOutcome::Accepted { .. })));
		assert!(Notes::get().contains(&(Sr25519Keyring::Charlie.to_account_id(), false)));
	});
}

#[test]
fn one_of_three_does_not_decide() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		report_as(Sr25519Keyring::Alice, submission, score(64, 0)).unwrap();
		run_to(evaluation(submission).unwrap().deadline + 2);
		assert_eq!(outcome(submission), rejected(RejectReason::NoAgreement));
	});
}

#[test]
fn bytes_that_are_no_expert_cost_the_bond() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		all_report(submission, Verdict::Invalid);
		end_block();
		assert_eq!(outcome(submission), rejected(RejectReason::Invalid));
		assert_eq!(Balances::free_balance(miner()), ENDOWMENT - BOND);
		assert_eq!(Slashed::get(), BOND);
		assert!(events().contains(&Event::BondSlashed { submission, miner: miner(), amount: BOND }));
		// The committee did its work.
		assert_eq!(Payments::get().len(), 3);
	});
}

#[test]
fn a_submission_nobody_reports_on_expires_and_harms_nobody() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		run_to(evaluation(submission).unwrap().deadline + 2);
		assert_eq!(outcome(submission), Some(SubmissionOutcome::Expired(ExpiryReason::NoReports)));
		assert_eq!(Balances::free_balance(miner()), ENDOWMENT);
		assert!(Notes::get().is_empty());
	});
}

#[test]
fn a_submission_is_stale_when_the_model_moved_during_its_evaluation() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		all_report(submission, score(64, 0));
		Generation::set(7);
		end_block();
		assert_eq!(outcome(submission), rejected(RejectReason::Stale));
		assert_eq!(Heads::get()[&slot(0)].version, 0);
		assert_eq!(Payments::get().len(), 3);
	});
}

#[test]
fn a_refused_promotion_returns_the_bond() {
	ExtBuilder::default().build_and_check(|| {
		RefusePromotion::set(true);
		let submission = submit_and_draw(1);
		all_report(submission, score(64, 0));
		end_block();
		assert_eq!(outcome(submission), rejected(RejectReason::NotPromotable));
		assert_eq!(Balances::free_balance(miner()), ENDOWMENT);
	});
}

#[test]
fn only_the_most_recent_closed_submissions_are_remembered() {
	ExtBuilder::default().build_and_check(|| {
		let mut seed = 0;
		for day in 1..=3 {
			run_to(day * DAY);
			for _ in 0..2 {
				seed += 1;
				judge(seed, score(-1, 0));
			}
		}
		let mut remembered: Vec<_> = ClosedSubmissions::<Test>::iter_keys().collect();
		remembered.sort();
		assert_eq!(remembered, [2, 3, 4, 5]);
		assert_eq!(Learning::submission(1), None);
		let listed: Vec<_> = Learning::submissions(0, 5).iter().map(|info| info.id).collect();
		assert_eq!(listed, [2, 3, 4]);
		assert_eq!(Learning::submissions(u64::MAX, u32::MAX), []);
	});
}
