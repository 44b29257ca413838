//! `evolution check`: reports of one's own against the finding that decided an epoch.

use crate::{
	commands::benchmark::read_reports,
	failure::{Failure, Kind, Outcome},
	output::table,
	session::Session,
};
use blyan_benchmarks::{
	generated::{held_out_seed, Generated},
	Report,
};
use blyan_primitives::evolution::{SuiteName, SuiteOutcome, Tally};
use serde_json::json;
use sp_core::H256;
use std::path::Path;

/// Comparison of one report with the finding.
#[derive(Debug, PartialEq, Eq)]
struct Check {
	suite: SuiteName,
	/// `old` or `new`.
	side: &'static str,
	/// Solved tasks by the finding.
	found: u32,
	/// Solved tasks by the report.
	right: u64,
	/// True if tallies and roots are equal.
	is_equal: bool,
}

/// Compares reports on both models with the finding of an epoch, to the bit.
pub async fn run(session: &Session, epoch: u32, old: &Path, new: &Path) -> Outcome<()> {
	let (old, new) = (read_reports(old)?, read_reports(new)?);
	let history = session.connect().await?.evolution_history(u32::MAX).await?;
	let decided = history.into_iter().find(|one| one.epoch == epoch);
	let (draw, finding) = decided.and_then(|one| Some((one.draw?, one.benchmark?))).ok_or_else(|| {
		Failure::new(format!("epoch {epoch} has no finding with scores"))
			.next("list the epochs with: blyan evolution history")
	})?;
	let mut checks = Vec::new();
	for outcome in &finding.suites {
		let root = tasks_root(outcome, &draw)?;
		let sides = [
			("old", &old, outcome.base, outcome.base_root),
			("new", &new, outcome.candidate, outcome.candidate_root),
		];
		for (side, reports, tally, report_root) in sides {
			let report = report_on(reports, outcome.suite, &root, side, &draw)?;
			checks.push(check(outcome.suite, side, report, tally, report_root));
		}
	}
	show(session, epoch, &checks)
}

/// Root of the tasks that the evaluators had: a report on others would differ, and show nothing.
fn tasks_root(outcome: &SuiteOutcome, draw: &H256) -> Outcome<String> {
	let name = outcome.suite.name();
	let generated = Generated::by_name(name)
		.ok_or_else(|| Failure::new(format!("this release does not generate the suite {name}")))?;
	let (suite, _sandbox) = generated.prepared(&held_out_seed(&draw.0), outcome.base.total as usize)?;
	Ok(hex::encode(suite.root()))
}

fn report_on<'a>(
	reports: &'a [Report],
	suite: SuiteName,
	root: &str,
	side: &str,
	draw: &H256,
) -> Outcome<&'a Report> {
	reports.iter().find(|report| report.suite_root == root).ok_or_else(|| {
		let name = suite.name();
		Failure::new(format!("the reports on the {side} model have none on the epoch's tasks of {name}"))
			.kind(Kind::Undecided)
			.next(format!("measure it with: blyan benchmark run MODEL --held-out {draw:?} --save FILE"))
	})
}

fn check(suite: SuiteName, side: &'static str, report: &Report, tally: Tally, root: H256) -> Check {
	let is_equal = report.right == u64::from(tally.right)
		&& report.tasks == u64::from(tally.total)
		&& report.root == hex::encode(root);
	Check { suite, side, found: tally.right, right: report.right, is_equal }
}

fn show(session: &Session, epoch: u32, checks: &[Check]) -> Outcome<()> {
	let row = |check: &Check| {
		let agrees = if check.is_equal { "equal" } else { "differs" };
		let (found, right) = (check.found.to_string(), check.right.to_string());
		vec![check.suite.name().into(), check.side.into(), found, right, agrees.into()]
	};
	let rows: Vec<Vec<String>> = checks.iter().map(row).collect();
	let values: Vec<_> = checks
		.iter()
		.map(|check| {
			json!({ "suite": check.suite.name(), "side": check.side, "found": check.found,
				"right": check.right, "equal": check.is_equal })
		})
		.collect();
	let head = ["suite", "model", "finding", "report", "roots"];
	session.output.result(&json!({ "epoch": epoch, "checks": values }), table(&head, &rows));
	match confirms(checks) {
		true => Ok(()),
		false => Err(Failure::new(format!("the finding of epoch {epoch} is not what these reports say"))
			.kind(Kind::Refused)
			.next("check that the reports are on the epoch's old and new model, in this order; then compare with a third machine: blyan benchmark compare ONE OTHER")),
	}
}

/// Reports whether the reports confirm a finding: in every suite, of which there is one at least.
fn confirms(checks: &[Check]) -> bool {
	!checks.is_empty() && checks.iter().all(|check| check.is_equal)
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_benchmarks::{Identity, Suite};

	fn report() -> Report {
		let root = hex::encode([7; 32]);
		let model = Identity { model_root: root.clone(), tokenizer: root, ends: vec![1] };
		let suite: Suite = Generated::Addition.suite(&held_out_seed(&[1; 32]), 3);
		Report::new(&suite, model, Vec::new())
	}

	fn root_of(report: &Report) -> H256 {
		let mut root = H256::zero();
		hex::decode_to_slice(&report.root, root.as_bytes_mut()).unwrap();
		root
	}

	#[test]
	fn a_finding_agrees_with_a_report_only_in_tally_and_root() {
		let report = report();
		let (root, tally) = (root_of(&report), Tally { right: 0, total: 0 });
		let is_equal = |tally, root| check(SuiteName::Addition, "old", &report, tally, root).is_equal;
		assert!(is_equal(tally, root));
		assert!(!is_equal(Tally { right: 1, total: 1 }, root));
		assert!(!is_equal(Tally { right: 0, total: 1 }, root));
		assert!(!is_equal(tally, H256([9; 32])));
	}

	#[test]
	fn a_finding_is_confirmed_in_every_suite_and_not_without_one() {
		let (report, total) = (report(), |total| Tally { right: 0, total });
		let one = |tasks| check(SuiteName::Addition, "old", &report, total(tasks), root_of(&report));
		assert!(confirms(&[one(0), one(0)]));
		assert!(!confirms(&[one(0), one(1)]));
		assert!(!confirms(&[]));
	}

	#[test]
	fn a_report_on_other_tasks_is_asked_for_again() {
		let (reports, draw) = ([report()], H256([1; 32]));
		let found = |root: &str| report_on(&reports, SuiteName::Addition, root, "old", &draw).is_ok();
		assert!(found(&reports[0].suite_root));
		assert!(!found(&hex::encode([2; 32])));
	}
}
