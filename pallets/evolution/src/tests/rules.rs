//! Rules of decisions under any numbers.

use super::mock::{outcome, suites, TASKS};
use crate::rules::{agreed, decide, gain_ppm, quorum};
use blyan_primitives::evolution::{BenchmarkFinding, EpochOutcome};
use proptest::prelude::*;

#[test]
fn a_suite_that_an_outcome_lacks_promotes_nothing() {
	let mut lacking = outcome(1, TASKS);
	lacking.suites.pop();
	assert_eq!(gain_ppm(&lacking, &suites()), None);
	let finding = BenchmarkFinding::Measured(lacking);
	assert_eq!(decide(&finding, &suites(), 0), EpochOutcome::Refused { gain_ppm: -1_000_000 });
	let mut shorter = outcome(1, TASKS);
	shorter.suites[0].candidate.total -= 1;
	assert_eq!(gain_ppm(&shorter, &suites()), None);
}

#[test]
fn two_halves_agree_on_nothing() {
	let (one, other) = (BenchmarkFinding::Unavailable, BenchmarkFinding::Malformed);
	let halves = [one.clone(), one.clone(), other.clone(), other];
	assert_eq!(agreed(&halves, 4), None);
	assert_eq!(agreed(&halves[..3], 3), Some(&one));
	assert_eq!(agreed(&halves[..2], 4), None, "seats that are silent count as well");
	assert_eq!(agreed(&[], 0), None);
}

proptest! {
	#[test]
	fn at_most_one_finding_has_a_quorum(rights in proptest::collection::vec(0u32..3, 1..9), silent in 0u32..4) {
		let findings: Vec<BenchmarkFinding> =
			rights.iter().map(|right| BenchmarkFinding::Measured(outcome(1, *right))).collect();
		let seats = findings.len() as u32 + silent;
		let largest = (0..3).map(|right| rights.iter().filter(|one| **one == right).count() as u32).max();
		prop_assert_eq!(agreed(&findings, seats).is_some(), largest.unwrap() >= quorum(seats));
		prop_assert!(2 * quorum(seats) > seats);
	}

	#[test]
	fn only_a_gain_of_the_minimum_is_promoted(base in 0..=TASKS, candidate in 0..=TASKS, minimum in 0u32..=1_000_000) {
		let found = outcome(base, candidate);
		let gain = gain_ppm(&found, &suites()).unwrap();
		let is_promoted = decide(&BenchmarkFinding::Measured(found), &suites(), minimum).is_promoted();
		prop_assert_eq!(is_promoted, gain >= i64::from(minimum));
		// By exact fractions: never promoted on less than the formula asks for.
		if is_promoted && base > 0 {
			prop_assert!(
				(u64::from(candidate) - u64::from(base)) * 1_000_000 >= u64::from(minimum) * u64::from(base)
			);
		}
	}
}
