//! Precision and recall of the search for personal data and secrets on the labelled set.

#![allow(clippy::unwrap_used)]

mod labelled;

use blyan_datasets::{
	filter::{Filter, Rules},
	Finding,
};
use labelled::{cases, Case, CASES};
use std::collections::BTreeMap;

/// Cases by what was found in them.
#[derive(Default)]
struct Score {
	right: usize,
	missed: Vec<String>,
	wrong: Vec<String>,
}

impl Score {
	fn precision(&self) -> f64 {
		self.right as f64 / (self.right + self.wrong.len()).max(1) as f64
	}

	fn recall(&self) -> f64 {
		self.right as f64 / (self.right + self.missed.len()).max(1) as f64
	}
}

/// Kinds that are neither personal data nor secrets.
fn is_of_other_tests(kind: &Finding) -> bool {
	matches!(kind, Finding::Abuse | Finding::LicenceHeader | Finding::FalseArithmetic)
}

fn scores(cases: &[Case]) -> BTreeMap<Finding, Score> {
	let filter = Filter::new(Rules::default());
	let mut scores: BTreeMap<Finding, Score> = BTreeMap::new();
	for case in cases {
		let found = filter.judge(&case.text).findings;
		let wanted = case.about.filter(|_| case.is_positive);
		for kind in &found {
			let score = scores.entry(*kind).or_default();
			match Some(*kind) == wanted {
				true => score.right += 1,
				false => score.wrong.push(case.text.clone()),
			}
		}
		if let Some(kind) = wanted.filter(|kind| !found.contains(kind)) {
			scores.entry(kind).or_default().missed.push(case.text.clone());
		}
	}
	scores
}

#[test]
fn precision_and_recall_of_every_kind_are_at_least_95_percent() {
	let cases = cases();
	let scores = scores(&cases);
	let kinds = Finding::ALL.iter().filter(|kind| !is_of_other_tests(kind));
	assert_eq!(cases.len(), (2 * kinds.clone().count() + 1) * CASES);
	let mut low = Vec::new();
	for kind in kinds {
		let score = &scores[kind];
		println!("{kind}: precision {:.4}, recall {:.4}", score.precision(), score.recall());
		for text in score.missed.iter().take(4) {
			println!("  missed: {text}");
		}
		for text in score.wrong.iter().take(4) {
			println!("  wrong: {text}");
		}
		if score.precision() < 0.95 || score.recall() < 0.95 {
			low.push(*kind);
		}
	}
	assert!(low.is_empty(), "below 95 %: {low:?}");
	let sum = |count: fn(&Score) -> usize| scores.values().map(count).sum::<usize>() as f64;
	let (right, wrong, missed) =
		(sum(|score| score.right), sum(|score| score.wrong.len()), sum(|score| score.missed.len()));
	println!("all kinds: precision {:.4}, recall {:.4}", right / (right + wrong), right / (right + missed));
}

/// A set that is drawn by the same code as the filter's answers would agree with anything.
#[test]
fn each_kind_has_as_many_cases_of_either_label_and_they_differ() {
	let cases = cases();
	for kind in Finding::ALL {
		for is_positive in [true, false] {
			let of_kind: Vec<&Case> = cases
				.iter()
				.filter(|case| case.about == Some(*kind) && case.is_positive == is_positive)
				.collect();
			if of_kind.is_empty() {
				assert!(is_of_other_tests(kind), "{kind}");
				continue;
			}
			assert_eq!(of_kind.len(), CASES, "{kind}");
			let mut values: Vec<&str> = of_kind.iter().map(|case| case.value.as_str()).collect();
			values.sort_unstable();
			values.dedup();
			assert!(values.len() * 10 >= CASES * 4, "{kind} has {} different values", values.len());
		}
	}
	assert_eq!(cases, labelled::cases(), "drawn again it is another set");
}
