//! TruthfulQA with a single right answer (MC1): `mc_task.json`, JSON lines of the same, or `TruthfulQA.csv`.

use super::{records, Malformed};
use crate::{
	suite::{Skip, Suite},
	task::{Choice, Kind, Task},
};
use serde::{
	de::{MapAccess, Visitor},
	Deserialize, Deserializer,
};
use std::fmt;

#[derive(Deserialize)]
struct Record {
	question: String,
	mc1_targets: Targets,
}

/// Answers and their truth: two columns, or a map from one to the other whose order is kept.
#[derive(Default)]
struct Targets {
	choices: Vec<String>,
	labels: Vec<u8>,
}

impl<'de> Deserialize<'de> for Targets {
	fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
		deserializer.deserialize_map(Pairs)
	}
}

struct Pairs;

impl<'de> Visitor<'de> for Pairs {
	type Value = Targets;

	fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		f.write_str("choices and labels, or answers with 1 for the true one and 0 for the others")
	}

	fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Targets, A::Error> {
		let mut targets = Targets::default();
		while let Some(key) = map.next_key::<String>()? {
			match (key.as_str(), map.next_value::<Value>()?) {
				("choices", Value::Texts(choices)) => targets.choices = choices,
				("labels", Value::Labels(labels)) => targets.labels = labels,
				(_, Value::Label(label)) => {
					targets.choices.push(key);
					targets.labels.push(label);
				}
				(_, _) => return Err(serde::de::Error::custom(format!("{key:?} has no label 0 or 1"))),
			}
		}
		Ok(targets)
	}
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
	Label(u8),
	Labels(Vec<u8>),
	Texts(Vec<String>),
}

pub(super) fn parse(text: &str, stem: &str, suite: &mut Suite) -> Result<(), Malformed> {
	if !text.trim_start().starts_with(['[', '{']) {
		return parse_csv(text, stem, suite);
	}
	let records: Vec<Record> = records::json(text)?;
	suite.extend(records.into_iter().enumerate().map(|(index, Record { question, mc1_targets })| {
		let Targets { choices, labels } = mc1_targets;
		let mut right = labels.iter().enumerate().filter(|(_, label)| **label == 1).map(|(at, _)| at);
		match (right.next(), right.next()) {
			(Some(answer), None) if labels.len() == choices.len() => {
				Ok(task(format!("{stem}/{index}"), &question, choices, answer))
			}
			_ => Err(Skip::NoAnswer),
		}
	}));
	Ok(())
}

#[derive(Deserialize)]
struct Row {
	#[serde(rename = "Question")]
	question: String,
	#[serde(rename = "Best Answer")]
	best: String,
	#[serde(rename = "Incorrect Answers")]
	incorrect: String,
}

/// The best answer and the incorrect ones, each ended by a full stop.
fn parse_csv(text: &str, stem: &str, suite: &mut Suite) -> Result<(), Malformed> {
	let mut reader = csv::Reader::from_reader(text.as_bytes());
	let mut tasks = Vec::new();
	for (index, row) in reader.deserialize::<Row>().enumerate() {
		let Row { question, best, incorrect } = row.map_err(|error| Malformed {
			line: error.position().map_or(1, |position| position.line()),
			reason: error.to_string(),
		})?;
		let answers = std::iter::once(best.as_str()).chain(incorrect.split(';'));
		let choices: Vec<String> = answers.filter_map(sentence).collect();
		tasks.push(match best.trim().is_empty() {
			true => Err(Skip::NoAnswer),
			false => Ok(task(format!("{stem}/{index}"), &question, choices, 0)),
		});
	}
	suite.extend(tasks);
	Ok(())
}

/// An answer with a full stop behind it; `None` if it is empty.
fn sentence(answer: &str) -> Option<String> {
	match answer.trim() {
		"" => None,
		ended if ended.ends_with('.') => Some(ended.to_owned()),
		open => Some(format!("{open}.")),
	}
}

fn task(id: String, question: &str, choices: Vec<String>, answer: usize) -> Task {
	Task { id, kind: Kind::Choice(Choice { context: format!("Q: {question}\nA:"), choices, answer }) }
}
