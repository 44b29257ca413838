//! Tasks: one question of a suite, with all that its score follows from.

use crate::extraction::Extraction;
use blyan_exact::{blake2_256, Hash};
use serde::{Deserialize, Serialize};

/// Choices of a question, at most.
pub const CHOICES_MAX: usize = 64;
/// Bytes of a task's texts, at most.
pub const TASK_BYTES_MAX: usize = 1 << 20;

/// One question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
	/// Name in its suite.
	pub id: String,
	/// The question.
	#[serde(flatten)]
	pub kind: Kind,
}

/// Kind of a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
	/// The likeliest continuation is the answer.
	Choice(Choice),
	/// An answer in text, out of which a number or an expression is read.
	Arithmetic(Arithmetic),
	/// An answer that is a program, judged by its tests.
	Program(Program),
}

/// Multiple choice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
	/// Text in front of each choice.
	pub context: String,
	/// Continuations, without the space that stands between the context and each of them.
	pub choices: Vec<String>,
	/// Index of the right one.
	pub answer: usize,
}

/// Question with one right answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arithmetic {
	/// Text that the model continues.
	pub prompt: String,
	/// The right answer, as [`Extraction::normalise`] writes it.
	pub answer: String,
	/// Place of the answer in a text.
	pub extraction: Extraction,
	/// The answer with its steps, as an example of a question that is answered shows it.
	pub worked: String,
}

/// Question whose answer is a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
	/// Text that the model continues.
	pub prompt: String,
	/// Language of the program: the name of a checker module's language.
	pub language: Language,
	/// Text in front of the answer in the program.
	pub prefix: String,
	/// Text behind the answer: a line break and the tests.
	pub suffix: String,
	/// A right answer.
	pub worked: String,
}

/// Language of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
	/// Integer expressions in `a` and `b`; the checker module ships with this crate.
	Expression,
	/// Python; its interpreter is brought by the user.
	Python,
}

impl Language {
	/// Returns its name for programs and people.
	pub fn name(self) -> &'static str {
		match self {
			Self::Expression => "expression",
			Self::Python => "python",
		}
	}
}

/// Reason why a task is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
	/// Too few or too many choices.
	#[error("{0} choices: a question has 2 to {CHOICES_MAX}")]
	Choices(usize),
	/// A choice without text has no loss per byte.
	#[error("choice {0} is empty, so that it has no loss per byte")]
	EmptyChoice(usize),
	/// The right choice is not among the choices.
	#[error("the answer is choice {answer}, counted from 0, of {choices}")]
	Answer {
		/// Index of the answer.
		answer: usize,
		/// Number of choices.
		choices: usize,
	},
	/// The texts are too long.
	#[error("{0} bytes of text: a task has at most {TASK_BYTES_MAX}")]
	TooLong(usize),
	/// There is nothing to find in an answer.
	#[error("no right answer is named")]
	NoAnswer,
}

impl Task {
	/// Refuses a task without a well-defined score.
	pub fn validate(&self) -> Result<(), TaskError> {
		let bytes = self.texts().map(str::len).sum();
		if bytes > TASK_BYTES_MAX {
			return Err(TaskError::TooLong(bytes));
		}
		match &self.kind {
			Kind::Choice(Choice { choices, answer, .. }) => {
				if !(2..=CHOICES_MAX).contains(&choices.len()) {
					return Err(TaskError::Choices(choices.len()));
				}
				if let Some(index) = choices.iter().position(String::is_empty) {
					return Err(TaskError::EmptyChoice(index));
				}
				match choices.get(*answer) {
					Some(_) => Ok(()),
					None => Err(TaskError::Answer { answer: *answer, choices: choices.len() }),
				}
			}
			Kind::Arithmetic(arithmetic) if arithmetic.answer.is_empty() => Err(TaskError::NoAnswer),
			Kind::Program(program) if program.suffix.trim().is_empty() => Err(TaskError::NoAnswer),
			Kind::Arithmetic(_) | Kind::Program(_) => Ok(()),
		}
	}

	/// Returns the hash that a suite's root has as a leaf: BLAKE2b-256 of the task as one line of JSON.
	pub fn leaf(&self) -> Hash {
		blake2_256(&[b"blyan-benchmark/task", &json(self)])
	}

	/// Returns the question with its right answer, as an example in front of other questions.
	pub fn worked(&self) -> String {
		match &self.kind {
			Kind::Choice(Choice { context, choices, answer }) => {
				let right = choices.get(*answer).map_or("", String::as_str);
				format!("{context} {right}")
			}
			Kind::Arithmetic(Arithmetic { prompt, worked, .. }) => format!("{prompt} {worked}"),
			Kind::Program(Program { prompt, worked, .. }) => format!("{prompt}{worked}"),
		}
	}

	/// Returns the text in front of the model's answer.
	pub fn prompt(&self) -> &str {
		match &self.kind {
			Kind::Choice(choice) => &choice.context,
			Kind::Arithmetic(arithmetic) => &arithmetic.prompt,
			Kind::Program(program) => &program.prompt,
		}
	}

	fn texts(&self) -> impl Iterator<Item = &str> {
		let (choices, others): (&[String], [&str; 4]) = match &self.kind {
			Kind::Choice(choice) => (&choice.choices, [&choice.context, "", "", ""]),
			Kind::Arithmetic(Arithmetic { prompt, answer, worked, .. }) => {
				(&[], [prompt, answer, worked, ""])
			}
			Kind::Program(Program { prompt, prefix, suffix, worked, .. }) => {
				(&[], [prompt, prefix, suffix, worked])
			}
		};
		choices.iter().map(String::as_str).chain(others)
	}
}

/// Writes a record as JSON. Records of this crate have string keys and no floats, so this cannot fail; an empty text would
/// stand for a failure, and no record is written as one.
pub(crate) fn json(record: &impl Serialize) -> Vec<u8> {
	serde_json::to_vec(record).unwrap_or_default()
}

#[cfg(test)]
mod tests {
	use super::*;

	fn choice(choices: &[&str], answer: usize) -> Task {
		let choices = choices.iter().map(ToString::to_string).collect();
		Task { id: "1".into(), kind: Kind::Choice(Choice { context: "Q:".into(), choices, answer }) }
	}

	#[test]
	fn a_task_without_a_well_defined_score_is_refused_by_name() {
		assert_eq!(choice(&["a", "b"], 1).validate(), Ok(()));
		assert_eq!(choice(&["a"], 0).validate(), Err(TaskError::Choices(1)));
		assert_eq!(choice(&["a", ""], 0).validate(), Err(TaskError::EmptyChoice(1)));
		assert_eq!(choice(&["a", "b"], 2).validate(), Err(TaskError::Answer { answer: 2, choices: 2 }));
		let long = "x".repeat(TASK_BYTES_MAX);
		assert_eq!(choice(&[&long, "b"], 0).validate(), Err(TaskError::TooLong(TASK_BYTES_MAX + 3)));
	}

	#[test]
	fn the_leaf_of_a_task_binds_its_answer_and_survives_a_round_trip() {
		let task = choice(&["a", "b"], 0);
		let read: Task = serde_json::from_slice(&json(&task)).unwrap();
		assert_eq!(read, task);
		assert_eq!(read.leaf(), task.leaf());
		assert_ne!(choice(&["a", "b"], 1).leaf(), task.leaf());
		assert_eq!(task.worked(), "Q: a");
	}
}
