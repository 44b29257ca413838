//! Decisions that are disputed, and those that are refuted.

use super::*;
use crate::{Decisions, Error, Event, HoldReason, Maturing, Miners, OpenSubmissions, Phase};
use blyan_primitives::{traits::Claims, ScoreReport, Subject, Verdict};
use blyan_runtime_api::{RejectReason, SubmissionOutcome};
use frame_support::{
	assert_noop, assert_ok,
	pallet_prelude::InvalidTransaction,
	traits::{
		fungible::{Inspect, InspectHold},
		Hooks,
	},
	weights::Weight,
};
use sp_core::H256;
use sp_keyring::Sr25519Keyring;

/// The first submission's draw, as disputes name it.
fn first_subject() -> Subject {
	subject(0)
}

fn rejected(reason: RejectReason) -> Option<SubmissionOutcome> {
	Some(SubmissionOutcome::Rejected(reason))
}

#[test]
fn a_decision_is_disputable_until_it_matures() {
	ExtBuilder::default().build_and_check(|| {
		submit_and_draw(1);
		assert!(!Learning::is_disputable(first_subject()));
		all_report(0, score(64, 0));
		end_block();
		assert!(Learning::is_disputable(first_subject()));
		assert_eq!(Learning::disputable(), [first_subject()]);
		assert!(!Learning::is_disputable(Subject::Audit(0)));
		run_to(decision(0).unwrap().matures_at - 1);
		assert!(Learning::is_disputable(first_subject()));
		System::set_block_number(System::block_number() + 1);
		assert!(!Learning::is_disputable(first_subject()));
		assert!(Learning::disputable().is_empty());
	});
}

#[test]
fn a_dispute_keeps_the_window_open() {
	ExtBuilder::default().build_and_check(|| {
		judge(1, score(64, 0));
		judge(2, score(0, 0));
		Learning::note_opened(first_subject());
		Learning::note_opened(first_subject());
		assert_eq!(Maturing::<Test>::get().len(), 1);
		run_to(decision(0).unwrap().matures_at + 50);
		assert!(Learning::is_disputable(first_subject()));
		assert_noop!(Learning::settle(signed(miner()), 0), Error::<Test>::NotMature);
		// The other one is not kept waiting.
		assert!(decision(1).is_none());
		Learning::note_closed(first_subject());
		run_to(System::block_number() + 1);
		assert!(Learning::is_disputable(first_subject()), "one dispute is left");
		Learning::note_closed(first_subject());
		assert!(!Learning::is_disputable(first_subject()));
		end_block();
		assert!(matches!(outcome(0), Some(SubmissionOutcome::Accepted { .. })));
		assert!(decision(0).is_none());
		// What comes too late changes nothing.
		Learning::note_opened(first_subject());
		Learning::note_closed(first_subject());
		Learning::refuted(first_subject(), H256::zero());
		assert!(matches!(outcome(0), Some(SubmissionOutcome::Accepted { .. })));
	});
}

#[test]
fn a_refuted_acceptance_is_reversed() {
	ExtBuilder::default().build_and_check(|| {
		let lie = score(64, 0);
		let submission = submit_and_draw(1);
		report(submission, [lie, lie, score(0, 0)]);
		end_block();
		assert_eq!(Heads::get()[&slot(0)].block, block(1));
		assert_eq!(Miners::<Test>::get(miner()).attempts, 0);
		Learning::note_opened(first_subject());
		System::reset_events();
		Learning::refuted(first_subject(), lie.digest());
		assert_eq!(
			events(),
			[Event::DecisionRefuted {
				submission: 0,
				digest: lie.digest(),
				reverted_to: Some(2),
				cancelled: 2_000
			}]
		);
		let head = Heads::get()[&slot(0)];
		assert_eq!((head.version, head.block), (2, block(100)));
		assert_eq!(Balances::balance_on_hold(&HoldReason::Reward.into(), &miner()), 0);
		assert_eq!((Balances::total_balance(&miner()), Slashed::get()), (ENDOWMENT, 0));
		assert_eq!(Refunded::get(), 2_000);
		assert_eq!(outcome(0), rejected(RejectReason::Refuted));
		// The attempt was one after all.
		assert_eq!(Miners::<Test>::get(miner()).attempts, 1);
		// Refuting it again, or another verdict, changes nothing more.
		Learning::refuted(first_subject(), lie.digest());
		Learning::refuted(first_subject(), score(0, 0).digest());
		assert_eq!(Heads::get()[&slot(0)].version, 2);
		System::reset_events();
		Learning::note_closed(first_subject());
		assert_eq!(events(), [Event::Returned { submission: 0, miner: miner() }]);
		// It is judged again against the tensors that it was trained from, which have another number.
		let record = OpenSubmissions::<Test>::get(0).unwrap();
		assert_eq!((record.claim.parent, record.bond, record.attempt), (2, BOND, 1));
		// No member is paid for a decision that fell, and the miner is neither praised nor blamed.
		assert_eq!(Payments::get(), [(miner(), 2_000)]);
		let record = Miners::<Test>::get(miner());
		assert_eq!((record.successes_in_a_row, record.failures_in_a_row), (0, 0));
	});
}

#[test]
fn a_refuted_acceptance_stays_in_the_history_if_another_head_followed() {
	ExtBuilder::default().build_and_check(|| {
		judge(1, score(64, 0));
		judge(2, score(64, 0));
		Learning::refuted(first_subject(), score(64, 0).digest());
		assert_eq!(Heads::get()[&slot(0)].block, block(2));
		assert!(events().iter().any(|event| matches!(
			event,
			Event::DecisionRefuted { submission: 0, reverted_to: None, cancelled: 2_000, .. }
		)));
		assert_eq!(outcome(0), rejected(RejectReason::Refuted));
	});
}

#[test]
fn a_refuted_minority_changes_nothing() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		report(submission, [score(64, 0), score(64, 0), score(0, 0)]);
		end_block();
		Learning::refuted(first_subject(), score(0, 0).digest());
		assert!(!decision(0).unwrap().refuted);
		run_to_maturity(0);
		assert_eq!(Payments::get().len(), 3);
	});
}

#[test]
fn a_refuted_rejection_is_drawn_again() {
	ExtBuilder::default().build_and_check(|| {
		let lie = score(0, 0);
		let first = submit_and_draw(1);
		let seed = evaluation(first).unwrap().terms.target.seed;
		report(first, [lie, lie, score(64, 0)]);
		end_block();
		assert_eq!(outcome(0), rejected(RejectReason::NotBetter { improvement: 0 }));
		Learning::note_opened(first_subject());
		Learning::refuted(first_subject(), lie.digest());
		// Others may be disputing it too; it returns when all have ended.
		assert!(decision(0).is_some());
		System::reset_events();
		Learning::note_closed(first_subject());
		assert_eq!(events(), [Event::Returned { submission: 0, miner: miner() }]);
		let record = OpenSubmissions::<Test>::get(0).unwrap();
		let now = System::block_number();
		assert_eq!((record.bond, record.attempt, record.appointment), (0, 1, now));
		assert_eq!(record.phase, Phase::Queued { draw_from: now + DELAY });
		assert_eq!(Learning::verdicts(0), []);
		run_to(now + DELAY + 1);
		assert_ne!(evaluation(0).unwrap().terms.target.seed, seed);
		all_report(0, score(64, 0));
		end_block();
		assert!(matches!(outcome(0), Some(SubmissionOutcome::Accepted { .. })));
		run_to_maturity(0);
		// The miner and the second committee; the first one is paid nothing.
		assert_eq!(Payments::get().len(), 4);
		assert_eq!(Balances::free_balance(miner()), ENDOWMENT + 2_000);
	});
}

/// Whatever operators sign about one draw is evidence about no other one, and what falls in one falls in no other one.
#[test]
fn a_redrawn_submission_is_another_subject_and_signed_afresh() {
	ExtBuilder::default().build_and_check(|| {
		let lie = score(0, 0);
		let submission = submit_and_draw(1);
		let (subject_before, draw_before) = (subject(submission), draw_id(submission));
		let report_before = ScoreReport { submission, verdict: score(64, 0) };
		let signature_before = sign(OPERATORS[2], &report_before);
		report(submission, [lie, lie, score(64, 0)]);
		end_block();
		Learning::refuted(subject_before, lie.digest());
		run_to(System::block_number() + DELAY + 1);
		assert_ne!(draw_id(submission), draw_before);
		assert!(!Learning::is_known(subject_before) && Learning::is_known(subject(submission)));
		// An old signature opens nothing in the new draw.
		for who in OPERATORS {
			seal_as(who, submission, score(64, 0)).unwrap();
		}
		let replayed = crate::Call::reveal_score {
			report: report_before,
			salt: salt(OPERATORS[2]),
			key: OPERATORS[2].public().into(),
			signature: signature_before,
		};
		assert_eq!(authorise(replayed), Err(InvalidTransaction::BadProof.into()));
		for who in OPERATORS {
			reveal_as(who, submission, score(64, 0)).unwrap();
		}
		end_block();
		// News about the old draw does not touch the new decision, although the claim has the same bytes.
		Learning::refuted(subject_before, score(64, 0).digest());
		assert!(!decision(submission).unwrap().refuted);
		assert!(Learning::claims(subject_before).is_empty());
		Learning::refuted(subject(submission), score(64, 0).digest());
		assert!(OpenSubmissions::<Test>::contains_key(submission), "a third draw");
	});
}

#[test]
fn a_redraw_waits_for_randomness_younger_than_the_return() {
	ExtBuilder::default().build_and_check(|| {
		judge(1, score(0, 0));
		run_to(10);
		Learning::refuted(first_subject(), score(0, 0).digest());
		RandomnessAge::set(6);
		run_to(10 + 6);
		end_block();
		assert!(evaluation(0).is_none());
		run_to(10 + 7);
		end_block();
		assert!(evaluation(0).is_some());
	});
}

#[test]
fn a_refuted_verdict_of_invalid_bytes_saves_the_bond() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		report(submission, [Verdict::Invalid, Verdict::Invalid, score(0, 0)]);
		end_block();
		let bond = || Balances::balance_on_hold(&HoldReason::SubmissionBond.into(), &miner());
		assert_eq!(bond(), BOND);
		Learning::refuted(first_subject(), Verdict::Invalid.digest());
		assert_eq!((bond(), OpenSubmissions::<Test>::get(0).unwrap().bond), (BOND, BOND));
		run_to(System::block_number() + DELAY + 1);
		all_report(0, score(0, 0));
		end_block();
		assert_eq!((bond(), Slashed::get()), (0, 0));
	});
}

#[test]
fn without_agreement_any_refuted_verdict_brings_a_fresh_draw() {
	ExtBuilder::default().build_and_check(|| {
		let submission = submit_and_draw(1);
		report(submission, [score(1, 0), score(2, 0), score(64, 0)]);
		end_block();
		assert_eq!(outcome(0), rejected(RejectReason::NoAgreement));
		// Two disputes at once, and both liars lose.
		Learning::note_opened(first_subject());
		Learning::note_opened(first_subject());
		Learning::refuted(first_subject(), score(1, 0).digest());
		Learning::note_closed(first_subject());
		Learning::refuted(first_subject(), score(2, 0).digest());
		assert!(decision(0).is_some());
		Learning::note_closed(first_subject());
		assert!(OpenSubmissions::<Test>::contains_key(0));
	});
}

#[test]
fn a_dispute_that_ends_before_its_verdict_is_refuted_works_too() {
	ExtBuilder::default().build_and_check(|| {
		judge(1, score(0, 0));
		Learning::note_opened(first_subject());
		Learning::note_closed(first_subject());
		Learning::refuted(first_subject(), score(0, 0).digest());
		assert!(OpenSubmissions::<Test>::contains_key(0));
		assert_eq!(Decisions::<Test>::count(), 0);
	});
}

#[test]
fn a_refuted_rejection_stays_when_the_head_moved() {
	ExtBuilder::default().build_and_check(|| {
		judge(1, score(0, 0));
		judge(2, score(64, 0));
		Learning::refuted(first_subject(), score(0, 0).digest());
		assert_eq!(outcome(0), rejected(RejectReason::Stale));
		run_to_maturity(0);
		// Two of the second decision follow later; of the first nobody is paid.
		assert_eq!(Payments::get(), [(miner(), 2_000)]);
	});
}

#[test]
fn a_refuted_rejection_stays_when_the_same_tensors_were_submitted_again() {
	ExtBuilder::default().build_and_check(|| {
		judge(1, score(0, 0));
		submit(1);
		Learning::refuted(first_subject(), score(0, 0).digest());
		assert_eq!(outcome(0), rejected(RejectReason::Refuted));
		assert!(OpenSubmissions::<Test>::contains_key(1));
	});
}

#[test]
fn a_candidate_measured_against_a_reverted_head_is_stale() {
	ExtBuilder::default().build_and_check(|| {
		judge(1, score(64, 0));
		submit_as(Sr25519Keyring::Eve.to_account_id(), slot(1), block(2)).unwrap();
		run_to(System::block_number() + DELAY + 1);
		let terms = evaluation(1).unwrap().terms;
		Learning::refuted(first_subject(), score(64, 0).digest());
		// Its committee can still finish, and is paid for what it found.
		assert_eq!(Learning::evaluation_job(1, 0).unwrap().heads[0], block(1));
		assert_eq!(terms.generation, 1);
		all_report(1, score(64, 0));
		end_block();
		assert_eq!(outcome(1), rejected(RejectReason::Stale));
	});
}

#[test]
fn a_block_without_room_lets_nothing_mature() {
	ExtBuilder::default().build_and_check(|| {
		judge(1, score(0, 0));
		System::set_block_number(decision(0).unwrap().matures_at);
		assert_eq!(Learning::on_idle(System::block_number(), Weight::zero()), Weight::zero());
		assert!(decision(0).is_some());
		assert_ok!(Learning::settle(signed(miner()), 0));
	});
}

#[cfg(feature = "runtime-benchmarks")]
#[test]
fn the_subject_for_benchmarks_has_two_claims_to_choose_from() {
	benchmark_ext().execute_with(|| {
		let (subject, job) = <Learning as Claims<AccountId>>::ensure_subject_for_benchmark();
		assert!(Learning::is_disputable(subject));
		assert_eq!(Learning::statement(subject, 0), job.statement());
		let claims = Learning::claims(subject);
		assert_eq!(claims.len(), 2);
		assert_ne!(claims[0].1, claims[1].1);
		Learning::note_opened(subject);
		Learning::do_try_state().unwrap();
		Learning::refuted(subject, claims[0].1.digest());
		Learning::note_closed(subject);
		Learning::do_try_state().unwrap();
	});
}
