//! Decisions, one story an outcome.

use super::*;
use crate::{ClosedSubmissions, Event, HoldReason, OpenSubmissions};
use blyan_primitives::{
	traits::{OffenceKind, Service},
	Verdict,
};
use blyan_runtime_api::{DecidedSubmission, ExpiryReason, RejectReason, SubmissionOutcome, SubmissionState};
use frame_support::traits::fungible::{Inspect, InspectHold};
use sp_keyring::Sr25519Keyring;

fn rejected(reason: RejectReason) -> Option<SubmissionOutcome> {
	Some(SubmissionOutcome::Rejected(reason))
}

#[test]
fn a_better_expert_becomes_the_head_at_once_and_payment_waits() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		run_to(6);
		let verdict = score(64, 1);
		all_report(submission, verdict);
		System::reset_events();
		end_block();
		let expected = Event::Accepted {
			submission,
			miner: miner(),
			slot: slot(0),
			version: 1,
			improvement: 64,
			reward: 2_000,
		};
		assert_eq!(events(), [expected]);
		assert_eq!(Heads::get()[&slot(0)].block, block(1));
		assert_eq!(Payments::get(), [(miner(), 2_000)]);
		assert!(Services::get().is_empty());
		// The bond waits too: it is lost with the reward if the score was a lie.
		assert_eq!(Balances::balance_on_hold(&HoldReason::SubmissionBond.into(), &miner()), BOND);
		assert_eq!(Balances::balance_on_hold(&HoldReason::Reward.into(), &miner()), 2_000);
		assert_eq!(Balances::free_balance(miner()), ENDOWMENT - BOND);
		let info = Learning::submission(submission).unwrap();
		let committee = info_of(submission).committee;
		assert!(committee.iter().all(|seat| seat.sealed && seat.verdict == Some(verdict)));
		assert_eq!(
			info.state,
			SubmissionState::Decided(DecidedSubmission {
				draw: draw_id(submission),
				outcome: SubmissionOutcome::Accepted { version: 1, improvement: 64, reward: 2_000 },
				decided_at: 6,
				matures_at: 6 + CHALLENGE,
				disputes: 0,
				refuted: false,
				digest: Some(verdict.digest()),
				held: 2_000,
				committee,
			})
		);
	});
}

fn info_of(submission: u64) -> DecidedSubmission {
	match Learning::submission(submission).unwrap().state {
		SubmissionState::Decided(decided) => decided,
		other => panic!("{other:?}"),
	}
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
		// Mean 100 exceeds 32 by 68, which is 5.6 standard errors of eight sequences: enough for a first attempt, and
		// not for a second one.
		let narrow = score(100, 32);
		let needed = [1, 2].map(|attempt| crate::math::standard_errors(ALPHA, attempt, SAMPLE).unwrap());
		assert!(needed[0] < 5_600 && needed[1] > 5_700, "{needed:?}");
		assert!(matches!(judge(1, score(-1, 0)), SubmissionOutcome::Rejected(_)));
		let reason = RejectReason::NotCertain { improvement: 100 };
		assert_eq!(judge(2, narrow), SubmissionOutcome::Rejected(reason));
		// Tomorrow is no other day, and another slot no other budget.
		run_to(DAY);
		submit_as(miner(), slot(1), block(3)).unwrap();
		assert_eq!(OpenSubmissions::<Test>::get(2).unwrap().attempt, 3);
		run_to(DAY + DELAY + 1);
		all_report(2, narrow);
		end_block();
		assert_eq!(outcome(2), rejected(reason));
		// An acceptance begins anew.
		assert!(matches!(judge(4, score(100, 0)), SubmissionOutcome::Accepted { .. }));
		assert!(matches!(judge(5, narrow), SubmissionOutcome::Accepted { .. }));
	});
}

#[test]
fn an_expert_that_gets_worse_elsewhere_is_rejected() {
	ExtBuilder::default().with_guard().build_and_check(|| {
		let reason = RejectReason::Regressed { improvement: -i64::from(TOLERANCE) };
		let worse = guarded_score(640, -i64::from(TOLERANCE));
		assert_eq!(judge(1, worse), SubmissionOutcome::Rejected(reason));
		let tolerable = guarded_score(640, 1 - i64::from(TOLERANCE));
		assert!(matches!(judge(2, tolerable), SubmissionOutcome::Accepted { .. }));
	});
}

#[test]
fn one_wrong_score_of_three_is_outvoted_and_unpaid() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		report(submission, [score(64, 0), score(-64, 0), score(64, 0)]);
		end_block();
		assert!(matches!(outcome(submission), Some(SubmissionOutcome::Accepted { .. })));
		let liar = Sr25519Keyring::Bob.to_account_id();
		assert_eq!(Services::get(), [(liar.clone(), Service::ReportOutvoted)]);
		run_to_maturity(submission);
		assert!(!Payments::get().iter().any(|(who, _)| *who == liar));
		assert_eq!(Payments::get().len(), 3);
		// To be outvoted is no offence: a dispute says who was right.
		assert!(Reported::get().is_empty());
	});
}

#[test]
fn scores_that_differ_in_one_bit_do_not_agree() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		let Verdict::Scored(mut other) = score(64, 0) else { unreachable!("score is scored") };
		other.target.job_root.0[31] ^= 1;
		report(submission, [score(64, 0), Verdict::Scored(other), Verdict::Invalid]);
		end_block();
		assert_eq!(outcome(submission), rejected(RejectReason::NoAgreement));
		// Nobody knows who was right, so nobody gains or loses.
		run_to_maturity(submission);
		assert!(Services::get().is_empty() && Payments::get().is_empty() && Reported::get().is_empty());
		assert_eq!(Balances::free_balance(miner()), ENDOWMENT);
	});
}

#[test]
fn two_of_three_decide_when_the_time_for_seals_is_over() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		let Deadlines { seal, .. } = deadlines(submission);
		let both = [Sr25519Keyring::Alice, Sr25519Keyring::Bob];
		for who in both {
			seal_as(who, submission, score(64, 0)).unwrap();
		}
		run_to(seal + 1);
		for who in both {
			reveal_as(who, submission, score(64, 0)).unwrap();
		}
		end_block();
		assert!(matches!(outcome(submission), Some(SubmissionOutcome::Accepted { .. })));
		assert_eq!(Services::get(), [(Sr25519Keyring::Charlie.to_account_id(), Service::SealMissed)]);
		assert!(Reported::get().is_empty());
	});
}

#[test]
fn a_seal_that_stays_shut_is_an_offence() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		for who in OPERATORS {
			seal_as(who, submission, score(64, 0)).unwrap();
		}
		reveal_as(Sr25519Keyring::Alice, submission, score(64, 0)).unwrap();
		reveal_as(Sr25519Keyring::Bob, submission, score(64, 0)).unwrap();
		let Deadlines { reveal, .. } = deadlines(submission);
		run_to(reveal);
		end_block();
		assert_eq!(outcome(submission), None, "Charlie has time");
		run_to(reveal + 1);
		end_block();
		assert!(matches!(outcome(submission), Some(SubmissionOutcome::Accepted { .. })));
		let charlie = Sr25519Keyring::Charlie.to_account_id();
		assert_eq!(Services::get(), [(charlie.clone(), Service::RevealMissed)]);
		let reported = Reported::get();
		assert_eq!(reported.len(), 1);
		assert_eq!((&reported[0].0, reported[0].1), (&charlie, OffenceKind::RevealMissed));
		run_to_maturity(submission);
		assert!(!Payments::get().iter().any(|(who, _)| *who == charlie));
	});
}

#[test]
fn a_seal_that_stays_shut_is_an_offence_even_if_nobody_reveals() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		seal_as(Sr25519Keyring::Alice, submission, score(64, 0)).unwrap();
		run_to(deadlines(submission).reveal + 2);
		assert_eq!(outcome(submission), Some(SubmissionOutcome::Expired(ExpiryReason::NoReports)));
		assert_eq!(Reported::get().len(), 1);
	});
}

#[test]
fn one_of_three_does_not_decide() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		seal_as(Sr25519Keyring::Alice, submission, score(64, 0)).unwrap();
		run_to(deadlines(submission).seal + 1);
		reveal_as(Sr25519Keyring::Alice, submission, score(64, 0)).unwrap();
		end_block();
		assert_eq!(outcome(submission), rejected(RejectReason::NoAgreement));
		// The miner may have shown its bytes to Alice only: the others are not to blame.
		assert!(Services::get().is_empty());
	});
}

#[test]
fn bytes_that_are_no_expert_cost_the_bond_when_nobody_disputes_it() {
	ExtBuilder::default().build_and_check(|| {
		EvaluationFee::set(60);
		let submission = submit_and_draw(1);
		all_report(submission, Verdict::Invalid);
		end_block();
		assert_eq!(outcome(submission), rejected(RejectReason::Invalid));
		assert_eq!((Balances::total_balance(&miner()), Slashed::get()), (ENDOWMENT, 0));
		run_to_maturity(submission);
		assert_eq!(Balances::total_balance(&miner()), ENDOWMENT - BOND - 60);
		assert_eq!(Slashed::get(), BOND);
		assert!(events().contains(&Event::BondSlashed { submission, miner: miner(), amount: BOND }));
		// The committee did its work.
		assert!(events().contains(&Event::FeePaid { submission, each: 20, members: 3 }));
	});
}

#[test]
fn a_submission_nobody_reports_on_expires_and_harms_nobody() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		run_to(deadlines(submission).seal);
		end_block();
		assert_eq!(outcome(submission), None);
		run_to(deadlines(submission).seal + 2);
		assert_eq!(outcome(submission), Some(SubmissionOutcome::Expired(ExpiryReason::NoReports)));
		assert_eq!(Balances::free_balance(miner()), ENDOWMENT);
		assert!(Services::get().is_empty() && Reported::get().is_empty());
		// There is nothing to dispute, so it is closed at once.
		assert!(decision(submission).is_none());
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
		run_to_maturity(submission);
		assert_eq!(Payments::get(), []);
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
				run_to_maturity(u64::from(seed) - 1);
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
