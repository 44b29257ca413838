//! Rules of decisions: plain values in, plain values out.

use blyan_primitives::evolution::{
	mean_gain_ppm, suite_gain_ppm, BenchmarkFinding, BenchmarkOutcome, EpochOutcome, SuiteChoice,
};

/// Findings without which a committee of `seats` decides nothing: more than half.
pub fn quorum(seats: u32) -> u32 {
	(seats / 2).saturating_add(1)
}

/// The finding that more than half of a committee of `seats` agrees on, to the bit.
pub fn agreed(findings: &[BenchmarkFinding], seats: u32) -> Option<&BenchmarkFinding> {
	findings.iter().find(|finding| {
		let equal = findings.iter().filter(|other| other == finding).count();
		u32::try_from(equal).is_ok_and(|equal| equal >= quorum(seats))
	})
}

/// Mean gain of a candidate over all `suites`, in parts per million; `None` if the outcome lacks one.
pub fn gain_ppm(outcome: &BenchmarkOutcome, suites: &[SuiteChoice]) -> Option<i64> {
	let gain = |choice: &SuiteChoice| {
		let found = outcome.suites.iter().find(|one| one.suite == choice.suite)?;
		let is_whole = found.base.total == choice.tasks && found.candidate.total == choice.tasks;
		is_whole.then(|| {
			suite_gain_ppm(found.base.right.into(), found.candidate.right.into(), choice.tasks.into())
		})
	};
	let gains: alloc::vec::Vec<Option<i64>> = suites.iter().map(gain).collect();
	mean_gain_ppm(&gains)
}

/// Outcome of an epoch whose evaluators agreed on a finding.
pub fn decide(finding: &BenchmarkFinding, suites: &[SuiteChoice], minimum_ppm: u32) -> EpochOutcome {
	let outcome = match finding {
		BenchmarkFinding::Unavailable => return EpochOutcome::Unavailable,
		BenchmarkFinding::Malformed => return EpochOutcome::Malformed,
		BenchmarkFinding::Measured(outcome) => outcome,
	};
	// A missing suite fails as nothing gained at all would: by the largest loss that there is.
	let gain = gain_ppm(outcome, suites).unwrap_or(-1_000_000);
	let gain_ppm = i32::try_from(gain).unwrap_or(i32::MIN);
	if gain >= i64::from(minimum_ppm) {
		EpochOutcome::Promoted { gain_ppm }
	} else {
		EpochOutcome::Refused { gain_ppm }
	}
}
