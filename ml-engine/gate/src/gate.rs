//! Records in, advice out.

use crate::{
	features::{self, Room, VIEWS},
	finding::GateFinding,
	process::{program, GateError, Runner},
	wire::{Vector, BATCH},
};
use rayon::prelude::*;
use serde::Deserialize;
use std::{
	path::PathBuf,
	sync::{Mutex, PoisonError},
};

/// Description of the classifiers, which the training writes.
const DESCRIPTION: &str = include_str!("../models/gate.json");
/// Number of the classifier of quality.
const QUALITY: usize = 0;
/// Number of the classifier of languages.
const LANGUAGE: usize = 1;
/// Number of the classifier of toxicity.
const TOXICITY: usize = 2;
/// Shorter texts are of no language: a name, a command.
const LANGUAGE_BYTES_MIN: usize = 60;
/// Names of languages, and of source code, in the order of the classifier's scores.
static LANGUAGES: [&str; 22] = [
	"ar", "cs", "de", "en", "es", "fa", "fr", "hi", "id", "it", "ja", "ko", "nl", "pl", "pt", "ru", "sv",
	"tr", "uk", "vi", "zh", CODE,
];
/// Source code, among the languages.
const CODE: &str = "code";

#[derive(Debug, Deserialize)]
struct Description {
	classifiers: Classifiers,
}

#[derive(Debug, Deserialize)]
struct Classifiers {
	quality: Classifier,
	language: Classifier,
	toxicity: Classifier,
}

#[derive(Debug, Deserialize)]
struct Classifier {
	classes: Vec<String>,
	inputs: usize,
	threshold: u16,
}

impl Classifiers {
	fn read() -> Result<Self, GateError> {
		let description: Description =
			serde_json::from_str(DESCRIPTION).map_err(|error| GateError::Description(error.to_string()))?;
		let inputs = description.classifiers.all().map(|classifier| classifier.inputs);
		match inputs == VIEWS.map(|view| 1 << view.bits) {
			true => Ok(description.classifiers),
			false => Err(GateError::Description(format!("the files take {inputs:?} places"))),
		}
	}

	fn all(&self) -> [&Classifier; 3] {
		[&self.quality, &self.language, &self.toxicity]
	}
}

/// Scores from which on there is a finding, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
	/// Of low quality.
	pub quality: u16,
	/// Of the best language.
	pub language: u16,
	/// Of toxicity.
	pub toxicity: u16,
}

/// Options of a gate; absent ones are those that the training chose.
#[derive(Clone, Debug, Default)]
pub struct Options {
	/// The program that runs the files; see [`program`].
	pub program: Option<PathBuf>,
	/// Processes; one for each thread of the pool if absent.
	pub processes: Option<usize>,
	/// Threshold of low quality.
	pub quality: Option<u16>,
	/// Threshold of a language.
	pub language: Option<u16>,
	/// Threshold of toxicity.
	pub toxicity: Option<u16>,
	/// Languages that are asked for, codes of two letters; any if empty.
	pub languages: Vec<String>,
}

/// A text, and the language that its record names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
	/// The text.
	pub text: &'a str,
	/// Language tag, such as `en` or `pt-BR`.
	pub language: Option<&'a str>,
}

/// Scores of a record, and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
	/// Low quality, in thousandths.
	pub quality: u16,
	/// Toxicity, in thousandths.
	pub toxicity: u16,
	/// The language that the classifier is sure of; `code` for source code.
	pub language: Option<&'static str>,
	/// Advice.
	pub findings: Vec<GateFinding>,
}

/// The classifiers, running.
pub struct Gate {
	runners: Vec<Mutex<Runner>>,
	classes: Vec<usize>,
	thresholds: Thresholds,
	languages: Vec<String>,
	runtime: String,
}

impl Gate {
	/// Starts the processes.
	///
	/// # Errors
	///
	/// [`GateError`] if the program does not start or is of another release.
	pub fn start(options: &Options) -> Result<Self, GateError> {
		let described = Classifiers::read()?;
		let program = program(options.program.as_deref());
		let processes = options.processes.unwrap_or_else(rayon::current_num_threads).max(1);
		let runners = (0..processes).map(|_| Runner::start(&program)).collect::<Result<Vec<_>, _>>()?;
		let runtime = runners.first().map(|runner| runner.runtime.clone()).unwrap_or_default();
		Ok(Self {
			runners: runners.into_iter().map(Mutex::new).collect(),
			classes: described.all().iter().map(|classifier| classifier.classes.len()).collect(),
			thresholds: Thresholds {
				quality: options.quality.unwrap_or(described.quality.threshold),
				language: options.language.unwrap_or(described.language.threshold),
				toxicity: options.toxicity.unwrap_or(described.toxicity.threshold),
			},
			languages: options.languages.iter().map(|tag| base(tag)).collect(),
			runtime,
		})
	}

	/// The runtime of the files, in words.
	pub fn runtime(&self) -> &str {
		&self.runtime
	}

	/// The thresholds that are applied.
	pub fn thresholds(&self) -> Thresholds {
		self.thresholds
	}

	/// Judges records, on all threads; the judgements are in their order.
	///
	/// # Errors
	///
	/// [`GateError`] if a process ended.
	pub fn judge(&self, records: &[Record<'_>]) -> Result<Vec<Judgement>, GateError> {
		let batches = records.par_chunks(BATCH).enumerate();
		let judged: Vec<Vec<Judgement>> =
			batches.map(|(number, batch)| self.judge_batch(number, batch)).collect::<Result<_, _>>()?;
		Ok(judged.into_iter().flatten().collect())
	}

	fn judge_batch(&self, number: usize, batch: &[Record<'_>]) -> Result<Vec<Judgement>, GateError> {
		let mut room = Room::default();
		let questions: Vec<Vec<Vector>> = VIEWS
			.iter()
			.map(|view| batch.iter().map(|record| features::vector(record.text, view, &mut room)).collect())
			.collect();
		// Threads have numbers of their own, so that each has a process to itself where there are as many.
		let number = rayon::current_thread_index().unwrap_or(number) % self.runners.len().max(1);
		let Some(runner) = self.runners.get(number) else { return Ok(Vec::new()) };
		let answers = runner.lock().unwrap_or_else(PoisonError::into_inner).ask(&questions, &self.classes)?;
		let scores = |classifier: usize, index: usize| -> &[u16] {
			let classes = self.classes.get(classifier).copied().unwrap_or_default();
			let all = answers.get(classifier).map(Vec::as_slice).unwrap_or_default();
			all.get(index * classes..(index + 1) * classes).unwrap_or_default()
		};
		let judged = batch.iter().enumerate().map(|(index, record)| {
			let first = |classifier| scores(classifier, index).first().copied().unwrap_or_default();
			self.conclude(record, first(QUALITY), first(TOXICITY), scores(LANGUAGE, index))
		});
		Ok(judged.collect())
	}

	/// Advice that follows from scores.
	fn conclude(&self, record: &Record<'_>, quality: u16, toxicity: u16, languages: &[u16]) -> Judgement {
		let best = LANGUAGES.iter().zip(languages).max_by_key(|(_, score)| **score);
		let is_long = record.text.len() >= LANGUAGE_BYTES_MIN;
		let language =
			best.filter(|(_, score)| is_long && **score >= self.thresholds.language).map(|(name, _)| *name);
		let stated = record.language.map(base);
		let is_other = language.filter(|name| *name != CODE).is_some_and(|name| {
			// A language that the classifier doesn't know is not contradicted.
			let differs = stated
				.as_deref()
				.is_some_and(|stated| stated != name && stated != CODE && LANGUAGES.contains(&stated));
			differs || !(self.languages.is_empty() || self.languages.iter().any(|wanted| wanted == name))
		});
		let found = [
			(quality >= self.thresholds.quality, GateFinding::LowQuality),
			(is_other, GateFinding::Language),
			(toxicity >= self.thresholds.toxicity, GateFinding::ToxicModel),
		];
		let findings =
			found.into_iter().filter(|(is_found, _)| *is_found).map(|(_, finding)| finding).collect();
		Judgement { quality, toxicity, language, findings }
	}
}

/// The language of a tag: `pt` of `pt-BR`.
fn base(tag: &str) -> String {
	tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
	use super::*;

	fn gate(languages: &[&str]) -> Gate {
		Gate {
			runners: Vec::new(),
			classes: vec![1, LANGUAGES.len(), 1],
			thresholds: Thresholds { quality: 700, language: 800, toxicity: 900 },
			languages: languages.iter().map(|tag| base(tag)).collect(),
			runtime: String::new(),
		}
	}

	fn scores(of: &str, score: u16) -> Vec<u16> {
		LANGUAGES.iter().map(|name| if *name == of { score } else { 10 }).collect()
	}

	#[test]
	fn the_description_is_of_the_views_and_names_of_this_crate() {
		let described = Classifiers::read().unwrap();
		assert_eq!(described.language.classes, LANGUAGES);
		for (classifier, view) in described.all().iter().zip(&VIEWS) {
			assert_eq!(classifier.inputs, 1 << view.bits);
			assert!((500..1_000).contains(&classifier.threshold));
		}
		assert_eq!((described.quality.classes.len(), described.toxicity.classes.len()), (1, 1));
	}

	#[test]
	fn a_score_at_its_threshold_is_a_finding_and_one_below_is_none() {
		let record = Record { text: "some words", language: None };
		let findings =
			|quality, toxicity| gate(&[]).conclude(&record, quality, toxicity, &scores("en", 0)).findings;
		assert!(findings(699, 899).is_empty());
		assert_eq!(findings(700, 899), [GateFinding::LowQuality]);
		assert_eq!(findings(699, 900), [GateFinding::ToxicModel]);
	}

	#[test]
	fn a_language_is_contradicted_only_by_one_that_is_known_and_sure() {
		let text = "word ".repeat(20);
		let is_found = |stated: Option<&str>, of: &str, score, wanted: &[&str], text: &str| {
			let record = Record { text, language: stated };
			let judged = gate(wanted).conclude(&record, 0, 0, &scores(of, score));
			judged.findings == [GateFinding::Language]
		};
		assert!(is_found(Some("de"), "en", 900, &[], &text));
		assert!(is_found(None, "en", 900, &["de", "fr"], &text));
		let cases: [(Option<&str>, &str, u16, &[&str], &str); 10] = [
			(Some("en-GB"), "en", 900, &[], &text),
			(Some("pt_BR"), "pt", 900, &[], &text),
			(Some("de"), "en", 799, &[], &text),
			(Some("de"), "en", 900, &[], "a short text"),
			(Some("eo"), "es", 900, &[], &text),
			(Some("de"), CODE, 900, &[], &text),
			(Some("code"), "en", 900, &[], &text),
			(None, "en", 900, &[], &text),
			(None, "en", 900, &["en"], &text),
			(None, CODE, 900, &["de"], &text),
		];
		for (stated, of, score, wanted, text) in cases {
			assert!(!is_found(stated, of, score, wanted, text), "{stated:?} {of} {score} {wanted:?}");
		}
	}
}
