//! ARC: a question of natural science with three to five choices.

use super::{records, Malformed};
use crate::{
	suite::{Skip, Suite},
	task::{Choice, Kind, Task},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Record {
	id: String,
	question: Question,
	choices: Option<Columns>,
	#[serde(rename = "answerKey")]
	answer_key: Option<String>,
}

/// A text, or the original publication's question with its choices.
#[derive(Deserialize)]
#[serde(untagged)]
enum Question {
	Text(String),
	Stem { stem: String, choices: Vec<Labelled> },
}

#[derive(Deserialize)]
struct Labelled {
	text: String,
	label: String,
}

#[derive(Deserialize)]
struct Columns {
	text: Vec<String>,
	label: Vec<String>,
}

pub(super) fn parse(text: &str, suite: &mut Suite) -> Result<(), Malformed> {
	let records: Vec<Record> = records::json(text)?;
	suite.extend(records.into_iter().map(|Record { id, question, choices, answer_key }| {
		let (question, choices, labels) = match (question, choices) {
			(Question::Text(text), Some(Columns { text: choices, label })) => (text, choices, label),
			(Question::Text(_), None) => return Err(Skip::Choices),
			(Question::Stem { stem, choices }, _) => {
				let (texts, labels) =
					choices.into_iter().map(|Labelled { text, label }| (text, label)).unzip();
				(stem, texts, labels)
			}
		};
		let answer =
			labels.iter().position(|label| Some(label) == answer_key.as_ref()).ok_or(Skip::NoAnswer)?;
		let context = format!("Question: {question}\nAnswer:");
		Ok(Task { id, kind: Kind::Choice(Choice { context, choices, answer }) })
	}));
	Ok(())
}
