//! Trust levels.

use super::*;
use crate::{Event, Miners};
use blyan_primitives::Verdict;
use blyan_runtime_api::SubmissionOutcome;
use frame_support::assert_ok;

/// One submission's whole life, its maturity included.
fn judge(seed: u8, verdict: Verdict) -> SubmissionOutcome {
	let outcome = super::judge(seed, verdict);
	run_to_maturity(Learning::submission_count() - 1);
	outcome
}

#[test]
fn three_acceptances_in_a_row_earn_trust_and_two_failures_lose_it() {
	ExtBuilder::default().build_and_check(|| {
		for seed in 1..=3 {
			assert!(!Learning::terms(miner()).trusted);
			judge(seed, score(64, 0));
		}
		assert_eq!(events().last(), Some(&Event::TrustChanged { miner: miner(), trusted: true }));
		let terms = Learning::terms(miner());
		assert_eq!((terms.trusted, terms.pow_bits, terms.quota_left), (true, 2, 10 - 3));
		// A trusted miner's lighter work is enough now.
		let candidate = block(9);
		let work = stamp(&miner(), &candidate, 2);
		assert_ok!(commit_as(miner(), slot(0), candidate));
		let manifest = Default::default();
		assert_ok!(Learning::submit(signed(miner()), slot(0), 3, candidate, manifest, work, OPENER));
		assert_ok!(Learning::withdraw(signed(miner()), 3));

		judge(4, score(0, 0));
		assert!(Learning::terms(miner()).trusted);
		judge(5, Verdict::Invalid);
		assert_eq!(events().last(), Some(&Event::TrustChanged { miner: miner(), trusted: false }));
		assert_eq!(Learning::terms(miner()).quota_left, 0);
	});
}

#[test]
fn a_failure_breaks_the_row_of_acceptances() {
	ExtBuilder::default().build_and_check(|| {
		judge(1, score(64, 0));
		judge(2, score(64, 0));
		judge(3, score(0, 0));
		judge(4, score(640, 0));
		assert!(!Learning::terms(miner()).trusted);
		assert_eq!(Miners::<Test>::get(miner()).successes_in_a_row, 1);
	});
}

#[test]
fn what_is_not_the_miners_fault_changes_nothing() {
	ExtBuilder::default().build_and_check(|| {
		judge(1, score(64, 0));
		let submission = submit_and_draw(2);
		run_to(deadlines(submission).seal + 2);
		let record = Miners::<Test>::get(miner());
		assert_eq!((record.successes_in_a_row, record.failures_in_a_row), (1, 0));
	});
}

#[test]
fn what_is_decided_counts_when_it_matures() {
	ExtBuilder::default().build_and_check(|| {
		super::judge(1, score(64, 0));
		assert_eq!(Miners::<Test>::get(miner()).successes_in_a_row, 0);
		run_to_maturity(0);
		assert_eq!(Miners::<Test>::get(miner()).successes_in_a_row, 1);
	});
}

#[test]
fn an_acceptance_forgets_the_attempts() {
	ExtBuilder::default().build_and_check(|| {
		judge(1, score(0, 0));
		let terms = Learning::terms(miner());
		assert_eq!((terms.alpha, terms.attempts), (ALPHA, 1));
		assert_eq!(Some(terms.t_milli), crate::math::standard_errors(ALPHA, 2, SAMPLE));
		super::judge(2, score(640, 0));
		assert_eq!(Learning::terms(miner()).attempts, 0);
		let submission = submit(3);
		assert_eq!(crate::OpenSubmissions::<Test>::get(submission).unwrap().attempt, 1);
	});
}
