//! Text of a row with named fields, whatever its fields are called.

use serde_json::{Map, Value};

/// A row: field names and values.
pub(super) type Fields = Map<String, Value>;

/// Which fields hold the text.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Layout {
	/// Field that holds the text; the usual names are tried if absent.
	pub text_field: Option<String>,
	/// Puts the category of an instruction in front of it.
	pub with_category: bool,
}

/// A text with the fields that describe it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawText {
	/// The text as it stands in its source.
	pub text: String,
	/// Its own licence, as its source writes it.
	pub licence: Option<String>,
	/// Its language, as its source names it.
	pub language: Option<String>,
	/// Beginning of the file, with its notices, if this is a later stretch of one.
	pub beginning: Option<String>,
}

/// Fields that hold a whole text.
const TEXT: [&str; 3] = ["text", "content", "markdown"];
/// Fields of a question or task, of its context, and of the answer.
const ASKED: [&str; 3] = ["instruction", "prompt", "question"];
const CONTEXT: [&str; 2] = ["input", "context"];
const ANSWER: [&str; 4] = ["output", "response", "completion", "answer"];
/// Fields of a conversation.
const TURNS: [&str; 2] = ["messages", "conversations"];
/// Fields of one turn.
const SPEAKER: [&str; 2] = ["role", "from"];
const SPOKEN: [&str; 2] = ["content", "value"];

/// Names of all fields that are read, so that readers of columns need not load others.
pub(super) fn names(layout: &Layout) -> Vec<&str> {
	let groups: [&[&str]; 6] =
		[&TEXT, &ASKED, &CONTEXT, &ANSWER, &TURNS, &["category", "license", "licence", "language", "lang"]];
	layout.text_field.as_deref().into_iter().chain(groups.into_iter().flatten().copied()).collect()
}

/// The text of a row; `None` if it has none.
pub(super) fn text_of(fields: &Fields, layout: &Layout) -> Option<RawText> {
	let text = match &layout.text_field {
		Some(name) => string(fields, &[name])?.to_string(),
		None => string(fields, &TEXT)
			.map(str::to_string)
			.or_else(|| instruction(fields, layout))
			.or_else(|| conversation(fields))?,
	};
	let own =
		|names: &[&str]| string(fields, names).filter(|value| !value.trim().is_empty()).map(str::to_string);
	let (licence, language) = (own(&["license", "licence"]), own(&["language", "lang"]));
	Some(RawText { text, licence, language, beginning: None })
}

fn string<'a>(fields: &'a Fields, names: &[&str]) -> Option<&'a str> {
	names.iter().find_map(|name| fields.get(*name)?.as_str())
}

/// Task, context and answer as paragraphs.
fn instruction(fields: &Fields, layout: &Layout) -> Option<String> {
	let Instruction { instruction, input, output, category } = Instruction::of(fields)?;
	let parts = [category.filter(|_| layout.with_category), Some(instruction), input, Some(output)];
	let parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.trim().is_empty()).collect();
	Some(parts.join("\n\n"))
}

/// Task, context and answer of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct Instruction<'a> {
	/// The task or question.
	pub instruction: &'a str,
	/// Its context.
	#[serde(skip_serializing_if = "Option::is_none")]
	pub input: Option<&'a str>,
	/// The answer.
	pub output: &'a str,
	/// Kind of the task.
	#[serde(skip_serializing_if = "Option::is_none")]
	pub category: Option<&'a str>,
}

impl<'a> Instruction<'a> {
	/// Reads the usual fields; `None` without a task or an answer.
	pub fn of(fields: &'a Fields) -> Option<Self> {
		Some(Self {
			instruction: string(fields, &ASKED)?,
			input: string(fields, &CONTEXT),
			output: string(fields, &ANSWER)?,
			category: string(fields, &["category"]),
		})
	}
}

/// The turns of a conversation as paragraphs that begin with the speaker.
fn conversation(fields: &Fields) -> Option<String> {
	let turns = TURNS.iter().find_map(|name| fields.get(*name)?.as_array())?;
	let mut text = String::new();
	for turn in turns {
		let turn = turn.as_object()?;
		let (speaker, spoken) = (string(turn, &SPEAKER)?, string(turn, &SPOKEN)?);
		if !text.is_empty() {
			text.push_str("\n\n");
		}
		text.push_str(speaker);
		text.push_str(": ");
		text.push_str(spoken);
	}
	(!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
	use super::*;
	use serde_json::json;

	fn text(value: Value, layout: &Layout) -> Option<String> {
		text_of(value.as_object().unwrap(), layout).map(|row| row.text)
	}

	#[test]
	fn the_usual_fields_are_read() {
		let layout = Layout::default();
		for (row, wanted) in [
			(json!({ "text": "a", "id": 3 }), Some("a")),
			(json!({ "content": "b" }), Some("b")),
			(
				json!({ "instruction": "do", "input": "", "output": "done", "category": "c" }),
				Some("do\n\ndone"),
			),
			(json!({ "question": "q", "context": "c", "answer": "a" }), Some("q\n\nc\n\na")),
			(
				json!({ "messages": [{ "role": "user", "content": "hi" }, { "role": "assistant", "content": "ho" }] }),
				Some("user: hi\n\nassistant: ho"),
			),
			(json!({ "conversations": [{ "from": "human", "value": "hi" }] }), Some("human: hi")),
			(json!({ "title": "x" }), None),
			(json!({ "text": 3 }), None),
			(json!({ "instruction": "without an answer" }), None),
		] {
			assert_eq!(text(row.clone(), &layout).as_deref(), wanted, "{row}");
		}
	}

	#[test]
	fn a_field_that_is_named_is_the_only_one() {
		let layout = Layout { text_field: Some("body".into()), with_category: false };
		assert_eq!(text(json!({ "text": "a", "body": "b" }), &layout).as_deref(), Some("b"));
		assert_eq!(text(json!({ "text": "a" }), &layout), None);
		assert!(names(&layout).contains(&"body"));
		let with_category = Layout { with_category: true, ..Layout::default() };
		let row = json!({ "instruction": "do", "response": "done", "category": "task" });
		assert_eq!(text(row, &with_category).as_deref(), Some("task\n\ndo\n\ndone"));
	}

	#[test]
	fn licence_and_language_come_along() {
		let row = json!({ "text": "a", "licence": "MIT", "lang": "de", "language": "" });
		let read = text_of(row.as_object().unwrap(), &Layout::default()).unwrap();
		assert_eq!((read.licence.as_deref(), read.language), (Some("MIT"), None));
	}
}
