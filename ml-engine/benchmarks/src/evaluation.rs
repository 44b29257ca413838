//! One pass of a model through a suite.

use crate::{
	choice::pick,
	outcome::{Outcome, TaskResult},
	sandbox::Sandbox,
	subject::{Subject, SubjectError},
	suite::Suite,
	task::{Arithmetic, Choice, Kind, Program, Task},
};

/// Text between a context and a choice.
pub const CHOICE_DELIMITER: &str = " ";

/// Reason why a suite was not evaluated.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
	/// The model does not answer a task.
	#[error("task {task}: {source}")]
	Subject {
		/// Name of the task.
		task: String,
		/// Reason.
		source: SubjectError,
	},
	/// Programs of this language need a module.
	#[error("task {task} is a program in {language}: give a checker module for it")]
	NoChecker {
		/// Name of the task.
		task: String,
		/// Name of the language.
		language: &'static str,
	},
	/// The module is not the one that the suite's root binds.
	#[error("the checker module is not the one that the suite names: give the suite's own")]
	OtherChecker,
	/// A result cannot be kept.
	#[error("cannot keep the result of task {task}: {reason}")]
	Keep {
		/// Name of the task.
		task: String,
		/// Message.
		reason: String,
	},
	/// Results of an earlier run are not those of this suite's first tasks.
	#[error(
		"the kept results are not those of this suite's tasks: task {expected} is {found} there; remove them"
	)]
	OtherResults {
		/// Name of the task.
		expected: String,
		/// Name in the kept results.
		found: String,
	},
}

/// Evaluates all tasks behind `known`, the results of the first ones, and returns all results.
///
/// `finished` receives each new result before the next task is begun: a caller that keeps them goes on where it was.
pub fn evaluate(
	suite: &Suite,
	subject: &mut impl Subject,
	sandbox: Option<&Sandbox>,
	known: Vec<TaskResult>,
	mut finished: impl FnMut(&TaskResult) -> Result<(), String>,
) -> Result<Vec<TaskResult>, EvaluationError> {
	if suite.checker != sandbox.map(Sandbox::checker) {
		return Err(EvaluationError::OtherChecker);
	}
	for (task, result) in suite.tasks.iter().zip(&known) {
		if task.id != result.id {
			return Err(EvaluationError::OtherResults {
				expected: task.id.clone(),
				found: result.id.clone(),
			});
		}
	}
	let mut results = known;
	results.truncate(suite.tasks.len());
	for task in suite.tasks.iter().skip(results.len()) {
		let result = answer(suite, task, subject, sandbox)?;
		finished(&result).map_err(|reason| EvaluationError::Keep { task: task.id.clone(), reason })?;
		results.push(result);
	}
	Ok(results)
}

fn answer(
	suite: &Suite,
	task: &Task,
	subject: &mut impl Subject,
	sandbox: Option<&Sandbox>,
) -> Result<TaskResult, EvaluationError> {
	let failed = |source| EvaluationError::Subject { task: task.id.clone(), source };
	let prompt = format!("{}{}", suite.preamble, task.prompt());
	let (outcome, is_cut) = match &task.kind {
		Kind::Choice(Choice { choices, answer, .. }) => {
			let continuations: Vec<String> =
				choices.iter().map(|choice| format!("{CHOICE_DELIMITER}{choice}")).collect();
			let scored = subject.losses(&prompt, &continuations).map_err(failed)?;
			let nothing = || failed(SubjectError::NoToken(String::new()));
			let picked = pick(&scored.losses, choices).ok_or_else(nothing)?;
			(Outcome::Choice { answer: *answer, losses: scored.losses, picked }, scored.is_cut)
		}
		Kind::Arithmetic(Arithmetic { answer, extraction, .. }) => {
			let written = subject.answer(&prompt, &suite.generation).map_err(failed)?;
			let found = extraction.find(&written.text);
			let is_right = found.as_ref() == Some(answer);
			(Outcome::Arithmetic { text: written.text, found, is_right }, written.is_cut)
		}
		Kind::Program(Program { language, prefix, suffix, .. }) => {
			let missing = || EvaluationError::NoChecker { task: task.id.clone(), language: language.name() };
			let sandbox = sandbox.ok_or_else(missing)?;
			let written = subject.answer(&prompt, &suite.generation).map_err(failed)?;
			let program = format!("{prefix}{}{suffix}", written.text);
			let verdict = sandbox.judge(program.as_bytes());
			(Outcome::Program { text: written.text, verdict }, written.is_cut)
		}
	};
	Ok(TaskResult { id: task.id.clone(), is_cut, outcome })
}
