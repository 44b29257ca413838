//! Suites: tasks in order, and all settings that a score depends on, under one root.

use crate::task::{json, Language, Task, TaskError};
use blyan_exact::{blake2_256, tree, Hash};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Tasks of a suite, at most.
pub const TASKS_MAX: usize = 1 << 20;
/// Text between worked examples, and between the last one and the question.
const EXAMPLE_DELIMITER: &str = "\n\n";

/// Settings of answers that the model writes. The most probable token is taken at each step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
	/// Strings that end an answer. They are not part of it.
	pub stop: Vec<String>,
	/// Tokens of an answer, at most.
	pub tokens_max: usize,
}

impl Generation {
	/// Settings with these stop strings.
	pub fn until(stop: &[&str], tokens_max: usize) -> Self {
		Self { stop: stop.iter().map(ToString::to_string).collect(), tokens_max }
	}
}

/// Module that judges programs, and its limits: all that its verdicts follow from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checker {
	/// Hash of the module's bytes.
	pub module: String,
	/// Instructions of one program, in the interpreter's units.
	pub fuel: u64,
	/// Memory of one program, in bytes.
	pub memory_bytes: u64,
}

/// Reason why a record of a published file is not a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
	/// The record names no right answer, as those of test sets do.
	NoAnswer,
	/// Another record has the same name.
	Duplicate,
	/// Less than two choices, more than [`CHOICES_MAX`](crate::task::CHOICES_MAX), or an empty one.
	Choices,
	/// The texts are too long.
	TooLong,
}

impl Skip {
	/// Returns the reason in words.
	pub fn reason(self) -> &'static str {
		match self {
			Self::NoAnswer => "no right answer is named",
			Self::Duplicate => "another record has the same name",
			Self::Choices => "too few or too many choices, or an empty one",
			Self::TooLong => "too long",
		}
	}
}

impl From<TaskError> for Skip {
	fn from(error: TaskError) -> Self {
		match error {
			TaskError::Choices(_) | TaskError::EmptyChoice(_) => Self::Choices,
			TaskError::Answer { .. } | TaskError::NoAnswer => Self::NoAnswer,
			TaskError::TooLong(_) => Self::TooLong,
		}
	}
}

/// Suite of tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suite {
	/// Name by which reports are compared.
	pub name: String,
	/// Text in front of every question.
	pub preamble: String,
	/// Settings of answers that the model writes.
	pub generation: Generation,
	/// Module that judges programs, if there are any.
	pub checker: Option<Checker>,
	/// Tasks in order.
	pub tasks: Vec<Task>,
	/// Records of the source that are not tasks, by reason.
	pub skipped: BTreeMap<Skip, u32>,
	/// Names of the tasks: a folder adds its files one after another.
	names: BTreeSet<String>,
}

/// Settings as a root binds them.
#[derive(Serialize)]
struct Settings<'a> {
	name: &'a str,
	preamble: &'a str,
	generation: &'a Generation,
	checker: &'a Option<Checker>,
	tasks: usize,
}

impl Suite {
	/// Begins a suite without tasks.
	pub fn new(name: impl Into<String>, generation: Generation) -> Self {
		Self {
			name: name.into(),
			preamble: String::new(),
			generation,
			checker: None,
			tasks: Vec::new(),
			skipped: BTreeMap::new(),
			names: BTreeSet::new(),
		}
	}

	/// Takes records that are valid tasks with names of their own, and counts the others by reason.
	pub fn extend(&mut self, tasks: impl IntoIterator<Item = Result<Task, Skip>>) {
		// They have to be gathered again only where tasks were taken away or added by other means.
		if self.names.len() != self.tasks.len() {
			self.names = self.tasks.iter().map(|task| task.id.clone()).collect();
		}
		for task in tasks {
			let checked = task.and_then(|task| task.validate().map(|()| task).map_err(Skip::from));
			match checked {
				Ok(task) if self.names.insert(task.id.clone()) => self.tasks.push(task),
				Ok(_) => self.skip(Skip::Duplicate),
				Err(reason) => self.skip(reason),
			}
		}
	}

	fn skip(&mut self, reason: Skip) {
		*self.skipped.entry(reason).or_default() += 1;
	}

	/// Puts the first `count` tasks of another suite, with their answers, in front of every question.
	pub fn with_examples(mut self, examples: &Self, count: usize) -> Self {
		for task in examples.tasks.iter().take(count) {
			self.preamble.push_str(&task.worked());
			self.preamble.push_str(EXAMPLE_DELIMITER);
		}
		self
	}

	/// Keeps the first `count` tasks. This is another suite, with another root.
	pub fn limited(mut self, count: usize) -> Self {
		self.tasks.truncate(count);
		self.names = self.tasks.iter().map(|task| task.id.clone()).collect();
		self
	}

	/// Returns the language of its programs, if it has any.
	pub fn language(&self) -> Option<Language> {
		self.tasks.iter().find_map(|task| match &task.kind {
			crate::task::Kind::Program(program) => Some(program.language),
			_ => None,
		})
	}

	/// Returns the root: it binds the settings, the number of tasks and every byte of them.
	pub fn root(&self) -> Hash {
		let Self { name, preamble, generation, checker, tasks, .. } = self;
		let leaves: Vec<Hash> = tasks.iter().map(Task::leaf).collect();
		let settings = Settings { name, preamble, generation, checker, tasks: tasks.len() };
		blake2_256(&[b"blyan-benchmark/suite/1", &blake2_256(&[&json(&settings)]), &tree::root(&leaves)])
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::task::{Choice, Kind};

	fn task(id: &str, answer: usize) -> Task {
		let choices = vec!["red".into(), "blue".into()];
		Task { id: id.into(), kind: Kind::Choice(Choice { context: format!("{id}:"), choices, answer }) }
	}

	fn suite(tasks: &[Task]) -> Suite {
		let mut suite = Suite::new("colours", Generation::until(&["\n"], 8));
		suite.extend(tasks.iter().cloned().map(Ok));
		suite
	}

	#[test]
	fn records_that_are_no_tasks_are_counted_by_reason() {
		let mut suite = suite(&[task("a", 0), task("a", 1), task("b", 2)]);
		suite.extend([Err(Skip::NoAnswer), Ok(task("a", 0))]);
		assert_eq!(suite.tasks, [task("a", 0)]);
		assert_eq!(suite.skipped, BTreeMap::from([(Skip::NoAnswer, 2), (Skip::Duplicate, 2)]));
		// A task that was taken away may come back.
		let mut suite = suite.limited(0);
		suite.extend([Ok(task("a", 0))]);
		assert_eq!((suite.tasks.len(), suite.skipped[&Skip::Duplicate]), (1, 2));
	}

	#[test]
	fn the_root_changes_with_every_setting_and_not_with_records_that_are_left_out() {
		let one = suite(&[task("a", 0), task("b", 1)]);
		let mut same = one.clone();
		same.extend([Err(Skip::NoAnswer)]);
		assert_eq!(same.root(), one.root());
		let others = [
			one.clone().limited(1),
			one.clone().with_examples(&suite(&[task("c", 0)]), 1),
			Suite { name: "other".into(), ..one.clone() },
			Suite { generation: Generation::until(&[], 8), ..one.clone() },
			suite(&[task("b", 1), task("a", 0)]),
			suite(&[task("a", 1), task("b", 1)]),
		];
		for other in others {
			assert_ne!(other.root(), one.root(), "{other:?}");
		}
	}

	#[test]
	fn examples_stand_in_front_with_their_answers_and_a_blank_line_behind_each() {
		let shown =
			suite(&[task("q", 1)]).with_examples(&suite(&[task("a", 0), task("b", 1), task("c", 0)]), 2);
		assert_eq!(shown.preamble, "a: red\n\nb: blue\n\n");
	}
}
