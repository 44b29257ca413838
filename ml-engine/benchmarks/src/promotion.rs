//! Promotion of a model: the mean gain over all suites, in integers, as [`blyan_exact::gain`] defines it for the chain too.
//!
//! A suite that one side lacks fails the comparison, however large the others' gains.
//!
//! A suite's root says which tasks it has, and a reader of reports alone cannot check it. Two reports under one root therefore
//! have to be about the same tasks: one that had more of them, or easier ones, would gain by that.

use crate::report::Report;
use blyan_exact::gain::{mean_gain_ppm, suite_gain_ppm};
use serde::Serialize;
use std::collections::BTreeMap;

/// Gain from which on a model is promoted, if nothing else is said: that of the template from 8 to 16 experts.
pub const MINIMUM_PPM: i64 = 150_000;

/// Gain in one suite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gain {
	/// Name of the suite.
	pub suite: String,
	/// Root of the suite.
	pub suite_root: String,
	/// Tasks.
	pub tasks: u64,
	/// Right tasks of the old model; absent if it has no report.
	pub old: Option<u64>,
	/// Right tasks of the new model; absent if it has no report.
	pub new: Option<u64>,
	/// Gain in parts per million; absent if a report is missing.
	pub gain_ppm: Option<i64>,
}

/// Comparison of two models.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Promotion {
	/// Suites by root.
	pub suites: Vec<Gain>,
	/// Mean gain in parts per million; absent if a suite is missing.
	pub gain_ppm: Option<i64>,
	/// Gain that is asked for.
	pub minimum_ppm: i64,
	/// True if the new model is promoted.
	pub is_promoted: bool,
}

/// Reason why two models are not compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromotionError {
	/// Two reports under one root are about different tasks.
	#[error("the reports on {0} name one suite and have different tasks or right choices: run the suite again with both models")]
	Tasks(String),
	/// There is nothing to compare.
	#[error("there is no report to compare: run suites with both models")]
	NoReport,
	/// One side has two reports on a suite.
	#[error("two reports on {0} on one side: leave one of them out")]
	Twice(String),
	/// One side has reports on several models.
	#[error("reports on models 0x{0} and 0x{1}, or on two tokenizers, on one side: compare one model with one other")]
	Models(String, String),
}

/// Compares the reports on an old model with those on a new one. They must be valid.
pub fn compare(old: &[Report], new: &[Report], minimum_ppm: i64) -> Result<Promotion, PromotionError> {
	let (old, new) = (by_root(old)?, by_root(new)?);
	let other_tasks = old.iter().find(|(root, report)| {
		new.get(*root).is_some_and(|counterpart| !report.is_on_same_tasks(counterpart))
	});
	if let Some((_, report)) = other_tasks {
		return Err(PromotionError::Tasks(report.suite.clone()));
	}
	let roots: BTreeMap<&str, &Report> =
		old.iter().chain(&new).map(|(root, report)| (*root, *report)).collect();
	let suites: Vec<Gain> = roots
		.into_iter()
		.map(|(root, report)| {
			let right = |side: &BTreeMap<&str, &Report>| side.get(root).map(|report| report.right);
			let (old, new) = (right(&old), right(&new));
			Gain {
				suite: report.suite.clone(),
				suite_root: root.into(),
				tasks: report.tasks,
				old,
				new,
				gain_ppm: old.zip(new).map(|(old, new)| suite_gain_ppm(old, new, report.tasks)),
			}
		})
		.collect();
	if suites.is_empty() {
		return Err(PromotionError::NoReport);
	}
	let gains: Vec<Option<i64>> = suites.iter().map(|suite| suite.gain_ppm).collect();
	let gain_ppm = mean_gain_ppm(&gains);
	let is_promoted = gain_ppm.is_some_and(|gain| gain >= minimum_ppm);
	Ok(Promotion { suites, gain_ppm, minimum_ppm, is_promoted })
}

fn by_root(reports: &[Report]) -> Result<BTreeMap<&str, &Report>, PromotionError> {
	let mut suites = BTreeMap::new();
	for report in reports {
		if let Some(other) = reports.iter().find(|other| other.model != report.model) {
			return Err(PromotionError::Models(
				other.model.model_root.clone(),
				report.model.model_root.clone(),
			));
		}
		if suites.insert(report.suite_root.as_str(), report).is_some() {
			return Err(PromotionError::Twice(report.suite.clone()));
		}
	}
	Ok(suites)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{
		outcome::{Outcome, TaskResult},
		subject::Identity,
		suite::{Generation, Suite},
	};

	fn report(suite: &str, model: u8, right: usize) -> Report {
		let suite = Suite::new(suite, Generation::until(&["\n"], 1));
		let results = (0..100).map(|index| {
			let outcome = Outcome::Arithmetic { text: String::new(), found: None, is_right: index < right };
			TaskResult { id: index.to_string(), is_cut: false, outcome }
		});
		let root = hex::encode([model; 32]);
		let model = Identity { model_root: root.clone(), tokenizer: root, ends: Vec::new() };
		Report::new(&suite, model, results.collect())
	}

	fn side(model: u8, rights: &[(&str, usize)]) -> Vec<Report> {
		rights.iter().map(|(suite, right)| report(suite, model, *right)).collect()
	}

	#[test]
	fn the_mean_gain_decides_at_the_very_minimum() {
		let old = side(1, &[("a", 40), ("b", 50)]);
		// +50 % and -20 %.
		let promotion = compare(&old, &side(2, &[("b", 40), ("a", 60)]), MINIMUM_PPM).unwrap();
		assert_eq!((promotion.gain_ppm, promotion.is_promoted), (Some(150_000), true));
		let promotion = compare(&old, &side(2, &[("b", 40), ("a", 60)]), MINIMUM_PPM + 1).unwrap();
		assert!(!promotion.is_promoted);
	}

	#[test]
	fn a_suite_that_one_side_lacks_fails_however_large_the_gain() {
		let (old, new) = (side(1, &[("a", 1), ("b", 1)]), side(2, &[("a", 100)]));
		for promotion in [compare(&old, &new, 0).unwrap(), compare(&new, &old, -MINIMUM_PPM).unwrap()] {
			assert_eq!((promotion.gain_ppm, promotion.is_promoted), (None, false));
			assert_eq!(promotion.suites.iter().filter(|suite| suite.gain_ppm.is_none()).count(), 1);
		}
	}

	#[test]
	fn a_suite_that_the_old_model_hardly_solves_counts_as_if_it_solved_a_tenth() {
		let promotion = compare(&side(1, &[("a", 0)]), &side(2, &[("a", 3)]), 0).unwrap();
		assert_eq!(promotion.gain_ppm, Some(300_000));
	}

	#[test]
	fn one_suite_adds_no_more_than_twice_as_many_right_tasks() {
		let old = side(1, &[("a", 20), ("b", 50)]);
		let promotion = compare(&old, &side(2, &[("a", 100), ("b", 50)]), 0).unwrap();
		assert_eq!(promotion.gain_ppm, Some(500_000));
	}

	#[test]
	fn a_suite_that_neither_model_solves_is_no_loss() {
		let (old, new) = (side(1, &[("a", 0), ("b", 50)]), side(2, &[("a", 0), ("b", 60)]));
		let promotion = compare(&old, &new, 100_000).unwrap();
		assert_eq!((promotion.gain_ppm, promotion.is_promoted), (Some(100_000), true));
	}

	#[test]
	fn a_report_with_more_tasks_under_the_same_root_gains_nothing_by_them() {
		let old = side(1, &[("a", 50)]);
		let padded = |change: fn(&mut Vec<TaskResult>)| {
			let mut report = report("a", 2, 50);
			change(&mut report.results);
			let suite = Suite::new("a", Generation::until(&["\n"], 1));
			vec![Report::new(&suite, report.model, report.results)]
		};
		assert!(compare(&old, &padded(|_| {}), 0).is_ok());
		let more = padded(|results| {
			let results_again: Vec<TaskResult> = results.iter().take(50).cloned().collect();
			results
				.extend(results_again.into_iter().map(|result| TaskResult { id: result.id + "'", ..result }));
		});
		let others = padded(|results| results.iter_mut().for_each(|result| result.id.push('x')));
		let fewer = padded(|results| results.truncate(60));
		for new in [more, others, fewer] {
			assert_eq!(compare(&old, &new, 0), Err(PromotionError::Tasks("a".into())));
		}
	}

	#[test]
	fn sides_that_are_not_one_report_a_suite_on_one_model_are_refused() {
		let one = side(1, &[("a", 1)]);
		assert_eq!(compare(&[], &[], 0), Err(PromotionError::NoReport));
		let twice = side(1, &[("a", 1), ("a", 2)]);
		assert_eq!(compare(&one, &twice, 0), Err(PromotionError::Twice("a".into())));
		let mixed = [one.clone(), side(2, &[("b", 1)])].concat();
		assert!(matches!(compare(&mixed, &one, 0), Err(PromotionError::Models(..))));
	}
}
