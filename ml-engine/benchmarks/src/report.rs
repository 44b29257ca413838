//! Reports: integers, the results that they follow from, and a root over both.

use crate::{
	outcome::{Outcome, TaskResult},
	subject::Identity,
	suite::{Skip, Suite},
	task::json,
};
use blyan_exact::{blake2_256, tree, Hash};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Format of a report.
pub const FORMAT: &str = "blyan-benchmark/1";
/// Parts per million.
const MILLION: u128 = 1_000_000;

/// Right choices by the three rules of lm-evaluation-harness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChoiceCounts {
	/// By the least loss.
	pub acc: u64,
	/// By the least loss per character.
	pub acc_norm: u64,
	/// By the least loss per byte.
	pub acc_bytes: u64,
	/// Tasks in which two choices have the same least loss per byte.
	pub ties: u64,
}

/// Scores of a model in a suite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
	/// Format of this record.
	pub format: String,
	/// Name of the suite.
	pub suite: String,
	/// Root of the suite.
	pub suite_root: String,
	/// The model.
	pub model: Identity,
	/// Root over suite, model and all results.
	pub root: String,
	/// Tasks.
	pub tasks: u64,
	/// Tasks that were solved: multiple choice by loss per byte, numbers by equality, programs by their tests.
	pub right: u64,
	/// Share of solved tasks, in parts per million, rounded down.
	pub right_ppm: u64,
	/// Standard error of that share, in parts per million, rounded down; absent for a single task.
	pub standard_error_ppm: Option<u64>,
	/// Counts of multiple choice, if there is any.
	pub choices: Option<ChoiceCounts>,
	/// Programs by verdict.
	pub verdicts: BTreeMap<String, u64>,
	/// Texts without an answer in the form that the suite reads.
	pub unreadable: u64,
	/// Tasks whose text lost its beginning, because the model's context is shorter.
	pub cut: u64,
	/// Records of the source that are not tasks, by reason.
	pub skipped: BTreeMap<Skip, u32>,
	/// Results in the order of the suite.
	pub results: Vec<TaskResult>,
}

/// Reason why a report is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
	/// The report is of another release.
	#[error("format {0:?}: this release reads {FORMAT}")]
	Format(String),
	/// A root is not one.
	#[error("{0:?} is not a root of 64 hexadecimal digits in small letters")]
	Root(String),
	/// A result cannot be one, or its task is there twice.
	#[error(
		"the result of task {1} in the report on {0} contradicts itself, or stands there twice: run the suite again"
	)]
	Contradiction(String, String),
	/// The numbers are not those of the results.
	#[error(
		"the numbers or the root of the report on {0} do not follow from its results: run the suite again"
	)]
	Inconsistent(String),
}

impl Report {
	/// Sums up the results of a suite.
	pub fn new(suite: &Suite, model: Identity, results: Vec<TaskResult>) -> Self {
		let suite_root = hex::encode(suite.root());
		Self::of((&suite.name, &suite_root), model, suite.skipped.clone(), results)
	}

	fn of(
		(suite, suite_root): (&str, &str),
		model: Identity,
		skipped: BTreeMap<Skip, u32>,
		results: Vec<TaskResult>,
	) -> Self {
		let leaves: Vec<Hash> = results.iter().map(TaskResult::leaf).collect();
		let count = (results.len() as u64).to_le_bytes();
		let root = blake2_256(&[
			b"blyan-benchmark/report/1",
			&blake2_256(&[suite_root.as_bytes()]),
			&blake2_256(&[&json(&model)]),
			&count,
			&tree::root(&leaves),
		]);
		let counted = |is_counted: fn(&TaskResult) -> bool| {
			results.iter().filter(|result| is_counted(result)).count() as u64
		};
		let (tasks, right) = (results.len() as u64, counted(TaskResult::is_right));
		let mut verdicts = BTreeMap::new();
		for result in &results {
			if let Outcome::Program { verdict, .. } = &result.outcome {
				*verdicts.entry(verdict.to_string()).or_default() += 1;
			}
		}
		Self {
			format: FORMAT.into(),
			suite: suite.into(),
			suite_root: suite_root.into(),
			model,
			root: hex::encode(root),
			tasks,
			right,
			right_ppm: share_ppm(right, tasks),
			standard_error_ppm: standard_error_ppm(right, tasks),
			choices: choice_counts(&results),
			verdicts,
			unreadable: counted(|result| matches!(result.outcome, Outcome::Arithmetic { found: None, .. })),
			cut: counted(|result| result.is_cut),
			skipped,
			results,
		}
	}

	/// Refuses a report whose numbers or root do not follow from its results, or whose results no suite has.
	pub fn validate(&self) -> Result<(), ReportError> {
		if self.format != FORMAT {
			return Err(ReportError::Format(self.format.clone()));
		}
		for root in [&self.suite_root, &self.model.model_root, &self.model.tokenizer] {
			let mut hash = Hash::default();
			hex::decode_to_slice(root, &mut hash).map_err(|_| ReportError::Root(root.clone()))?;
			// In capitals it would be the root of another suite to all who compare texts.
			if hex::encode(hash) != *root {
				return Err(ReportError::Root(root.clone()));
			}
		}
		let mut seen = BTreeSet::new();
		let mut results = self.results.iter();
		let wrong = results.find(|result| !result.is_consistent() || !seen.insert(result.id.as_str()));
		if let Some(result) = wrong {
			return Err(ReportError::Contradiction(self.suite.clone(), result.id.clone()));
		}
		let names = (self.suite.as_str(), self.suite_root.as_str());
		match Self::of(names, self.model.clone(), self.skipped.clone(), self.results.clone()) == *self {
			true => Ok(()),
			false => Err(ReportError::Inconsistent(self.suite.clone())),
		}
	}

	/// Reports whether two reports are about the same questions in the same order, as far as results show it.
	pub fn is_on_same_tasks(&self, other: &Self) -> bool {
		self.results.len() == other.results.len()
			&& self.results.iter().zip(&other.results).all(|(one, other)| one.is_on_same_task(other))
	}

	/// Returns the first task on whose result two reports on the same suite and model differ; `None` if they agree.
	pub fn first_difference<'a>(&'a self, other: &'a Self) -> Option<&'a str> {
		let differing = self.results.iter().zip(&other.results).find(|(one, other)| one != other);
		let (one, others) = (self.results.len(), other.results.len());
		let longer = if one > others { &self.results } else { &other.results };
		let missing = longer.get(one.min(others));
		differing.map(|(one, _)| one).or(missing).map(|result| result.id.as_str())
	}
}

fn choice_counts(results: &[TaskResult]) -> Option<ChoiceCounts> {
	let mut counts: Option<ChoiceCounts> = None;
	for result in results {
		if let Outcome::Choice { answer, picked, .. } = &result.outcome {
			let counts = counts.get_or_insert_default();
			counts.acc += u64::from(picked.sum == *answer);
			counts.acc_norm += u64::from(picked.characters == *answer);
			counts.acc_bytes += u64::from(picked.bytes == *answer);
			counts.ties += u64::from(picked.is_tied);
		}
	}
	counts
}

/// Share of `right` in `total`, in parts per million, rounded down; 0 of nothing.
pub fn share_ppm(right: u64, total: u64) -> u64 {
	(u128::from(right) * MILLION).checked_div(total.into()).unwrap_or_default() as u64
}

/// Standard error of a share, in parts per million, rounded down: `sqrt(p (1 - p) / (n - 1))`, the sample's standard deviation over
/// the square root of its size, as in lm-evaluation-harness. `None` below two tasks.
pub fn standard_error_ppm(right: u64, total: u64) -> Option<u64> {
	let (right, total) = (u128::from(right), u128::from(total));
	let below = total.checked_mul(total)?.checked_mul(total.checked_sub(1)?)?;
	// Suites have at most 2^20 tasks: 2^38 of products and 2^40 of the scale.
	let above = right.checked_mul(total.checked_sub(right)?)?.checked_mul(MILLION * MILLION)?;
	Some(above.checked_div(below)?.isqrt() as u64)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{
		choice::{pick, Picked},
		suite::Generation,
		task::{Choice, Kind, Task},
	};
	use proptest::prelude::*;

	fn report(losses: &[[u64; 2]]) -> Report {
		let choices = || vec!["ab".to_owned(), "abcd".to_owned()];
		let mut suite = Suite::new("pairs", Generation::until(&["\n"], 1));
		suite.extend((0..losses.len()).map(|index| {
			let choice = Choice { context: "?".into(), choices: choices(), answer: 1 };
			Ok(Task { id: index.to_string(), kind: Kind::Choice(choice) })
		}));
		let results = losses.iter().enumerate().map(|(index, losses)| {
			let (losses, picked) = (losses.to_vec(), pick(losses, &choices()).unwrap());
			let outcome = Outcome::Choice { answer: 1, losses, picked };
			TaskResult { id: index.to_string(), is_cut: false, outcome }
		});
		let root = hex::encode([7; 32]);
		let model = Identity { model_root: root.clone(), tokenizer: root, ends: vec![1] };
		Report::new(&suite, model, results.collect())
	}

	#[test]
	fn the_counts_of_a_small_suite_are_those_computed_by_hand() {
		// Per byte: 10 and 5; 5 and 10; 10 and 10, a tie that the first choice wins.
		let report = report(&[[20, 20], [10, 40], [20, 40]]);
		let counts = ChoiceCounts { acc: 0, acc_norm: 1, acc_bytes: 1, ties: 1 };
		assert_eq!((report.tasks, report.right, report.choices), (3, 1, Some(counts)));
		// 1/3, and the root of (1/3 * 2/3) / 2.
		assert_eq!((report.right_ppm, report.standard_error_ppm), (333_333, Some(333_333)));
	}

	#[test]
	fn a_report_survives_json_and_any_changed_number_is_found() {
		let report = report(&[[20, 20], [10, 40]]);
		let text = serde_json::to_string(&report).unwrap();
		let read: Report = serde_json::from_str(&text).unwrap();
		assert_eq!((read.validate(), &read), (Ok(()), &report));
		for (old, new) in [
			("\"right\":1", "\"right\":2"),
			("\"losses\":[10,40]", "\"losses\":[11,40]"),
			("\"acc\":0", "\"acc\":1"),
		] {
			assert!(text.contains(old), "{text}");
			let changed: Report = serde_json::from_str(&text.replace(old, new)).unwrap();
			assert_eq!(changed.validate(), Err(ReportError::Inconsistent("pairs".into())));
		}
	}

	#[test]
	fn a_task_twice_and_a_pick_that_is_not_the_least_loss_are_refused() {
		let whole = report(&[[20, 20], [10, 40]]);
		// With a root that fits: one who lies about results computes it, too.
		let validated = |results: Vec<TaskResult>| {
			let names = (whole.suite.as_str(), whole.suite_root.as_str());
			Report::of(names, whole.model.clone(), BTreeMap::new(), results).validate()
		};
		let refused: Result<(), ReportError> = Err(ReportError::Contradiction("pairs".into(), "1".into()));
		let twice = [whole.results.clone(), whole.results[1..].to_vec()].concat();
		assert_eq!((validated(whole.results.clone()), validated(twice)), (Ok(()), refused.clone()));
		let capitals = Report { suite_root: "AB".repeat(32), ..whole.clone() };
		assert_eq!(capitals.validate(), Err(ReportError::Root("AB".repeat(32))));
		let changes: [fn(&mut Picked); 3] =
			[|picked| picked.sum = 1, |picked| picked.bytes = 2, |picked| picked.characters = usize::MAX];
		for change in changes {
			let mut results = whole.results.clone();
			let Outcome::Choice { picked, .. } = &mut results[1].outcome else { panic!("no choice") };
			change(picked);
			assert_eq!(validated(results), refused);
		}
	}

	#[test]
	fn two_reports_lead_to_the_first_task_on_which_they_differ() {
		let one = report(&[[20, 20], [10, 40], [5, 5]]);
		assert_eq!(one.first_difference(&one), None);
		assert_eq!(one.first_difference(&report(&[[20, 20], [11, 40], [6, 5]])), Some("1"));
		assert_eq!(report(&[[20, 20]]).first_difference(&one), Some("1"));
		assert_ne!(one.root, report(&[[20, 20], [11, 40], [5, 5]]).root);
	}

	#[test]
	fn the_standard_error_is_that_of_a_sample() {
		assert_eq!(standard_error_ppm(0, 10), Some(0));
		assert_eq!(standard_error_ppm(1, 1), None);
		assert_eq!(standard_error_ppm(0, 0), None);
		// sqrt(0.25 / 99).
		assert_eq!(standard_error_ppm(50, 100), Some(50_251));
	}

	proptest! {
		#[test]
		fn the_standard_error_is_the_root_rounded_down(total in 2..1u64 << 20, part in 0..=1_000u64) {
			let right = total * part / 1_000;
			let error = u128::from(standard_error_ppm(right, total).unwrap());
			let (r, n) = (u128::from(right), u128::from(total));
			let scaled = |e: u128| e * e * n * n * (n - 1);
			prop_assert!(scaled(error) <= r * (n - r) * MILLION * MILLION);
			prop_assert!(scaled(error + 1) > r * (n - r) * MILLION * MILLION);
		}
	}
}
