//! Acceptances that fell: the expert is judged again, with its bond on hold.

use super::*;
use crate::{Error, HoldReason, OpenSubmissions, Retrials};
use blyan_primitives::{traits::Claims, SubmissionId, Verdict};
use blyan_runtime_api::{RejectReason, SubmissionOutcome};
use frame_support::{assert_noop, traits::fungible::InspectHold};

const FEE: Balance = 60;

fn bond_and_fee() -> Balance {
	Balances::balance_on_hold(&HoldReason::SubmissionBond.into(), &miner())
}

fn rejected(reason: RejectReason) -> Option<SubmissionOutcome> {
	Some(SubmissionOutcome::Rejected(reason))
}

/// Has an expert accepted for a score that is false, and the lie refuted.
fn accept_and_refute() -> SubmissionId {
	EvaluationFee::set(FEE);
	let lie = score(128, 0);
	assert!(matches!(judge(1, lie), SubmissionOutcome::Accepted { .. }));
	Learning::refuted(subject(0), lie.digest());
	0
}

/// Has the next committee find `verdict`.
fn judge_again(submission: SubmissionId, verdict: Verdict) -> Option<SubmissionOutcome> {
	run_to(System::block_number() + DELAY + 1);
	all_report(submission, verdict);
	end_block();
	outcome(submission)
}

/// Six of eight seats could take an honest miner's reward and bond by signing a false score that was too good.
#[test]
fn attack_frame_a_good_expert_with_a_false_acceptance() {
	ExtBuilder::default().build_and_check(|| {
		let submission = accept_and_refute();
		assert!(Retrials::<Test>::contains_key(submission));
		assert_eq!((bond_and_fee(), Slashed::get()), (BOND + FEE, 0));
		assert!(matches!(judge_again(submission, score(64, 0)), Some(SubmissionOutcome::Accepted { .. })));
		assert!(!Retrials::<Test>::contains_key(submission));
		assert_eq!(Heads::get()[&slot(0)].block, block(1));
		run_to_maturity(submission);
		// The reward of the true score, and the fee of one evaluation, which those who found it have.
		assert_eq!(Balances::free_balance(miner()), ENDOWMENT + 2_000 - FEE);
	});
}

/// A coalition cannot be told from the miner that it frames where the expert is no better: neither loses more than the fee.
/// Those who signed lose half of their stakes, two hundred and fifty times a bond.
#[test]
fn attack_frame_an_expert_that_is_no_better_for_its_bond() {
	ExtBuilder::default().build_and_check(|| {
		let submission = accept_and_refute();
		assert_eq!(
			judge_again(submission, score(0, 0)),
			rejected(RejectReason::NotBetter { improvement: 0 })
		);
		run_to_maturity(submission);
		assert_eq!(Balances::free_balance(miner()), ENDOWMENT - FEE);
		assert_eq!(Slashed::get(), 0);
	});
}

/// Bytes that are no expert, accepted by accomplices: the bond is on hold until strangers have seen them.
#[test]
fn attack_have_bytes_that_are_no_expert_accepted_and_keep_the_bond() {
	ExtBuilder::default().build_and_check(|| {
		let submission = accept_and_refute();
		assert_noop!(Learning::withdraw(signed(miner()), submission), Error::<Test>::JudgedAgain);
		assert_eq!(judge_again(submission, Verdict::Invalid), rejected(RejectReason::Invalid));
		run_to_maturity(submission);
		assert_eq!(Slashed::get(), BOND);
		assert_eq!(Balances::free_balance(miner()), ENDOWMENT - BOND - FEE);
	});
}

/// Each lie costs those who sign it, and none buys a better place, another budget of errors, or a cheaper evaluation.
#[test]
fn attack_lie_again_in_the_second_judgement() {
	ExtBuilder::default().build_and_check(|| {
		let submission = accept_and_refute();
		let lie = score(256, 0);
		assert!(matches!(judge_again(submission, lie), Some(SubmissionOutcome::Accepted { .. })));
		let drawn_before = subject(submission);
		Learning::refuted(drawn_before, lie.digest());
		let record = OpenSubmissions::<Test>::get(submission).unwrap();
		assert_eq!((record.attempt, record.bond, record.fee), (1, BOND, FEE));
		assert!(Retrials::<Test>::contains_key(submission));
		assert_eq!(Refunded::get(), 4_000 + 8_000);
		judge_again(submission, score(0, 0));
		assert_ne!(subject(submission), drawn_before);
		run_to_maturity(submission);
		assert_eq!(Balances::free_balance(miner()), ENDOWMENT - FEE);
	});
}

/// An expert that another one was built upon cannot be taken out, so there is nothing to judge it against: it keeps neither
/// reward nor fee.
#[test]
fn attack_build_on_a_false_acceptance_so_that_it_is_not_judged_again() {
	ExtBuilder::default().build_and_check(|| {
		EvaluationFee::set(FEE);
		judge(1, score(64, 0));
		judge(2, score(64, 0));
		Learning::refuted(subject(0), score(64, 0).digest());
		assert_eq!(outcome(0), rejected(RejectReason::Refuted));
		assert!(!Retrials::<Test>::contains_key(0));
		run_to_maturity(0);
		assert_eq!((Refunded::get(), Slashed::get()), (2_000, FEE));
		assert_eq!(Heads::get()[&slot(0)].block, block(2));
	});
}

#[test]
fn an_expert_to_be_judged_again_is_stale_and_has_its_bond_when_the_head_moves() {
	ExtBuilder::default().build_and_check(|| {
		let submission = accept_and_refute();
		Experts::promote_again(slot(0));
		run_to(System::block_number() + DELAY + 1);
		end_block();
		assert_eq!(outcome(submission), rejected(RejectReason::Stale));
		assert!(!Retrials::<Test>::contains_key(submission));
		assert_eq!((bond_and_fee(), Slashed::get()), (0, 0));
	});
}
