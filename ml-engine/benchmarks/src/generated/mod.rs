//! Suites that are generated: by a seed, the same on every machine, so that no list of them can be learned by heart.
//!
//! A model may have been trained on the tasks of a seed that is known. Tasks that decide about a model are drawn with a seed
//! that did not exist when the model was made: [`held_out_seed`] derives it from a hash that came later, such as that of a block.

mod arithmetic;
mod choices;
mod draws;
mod expressions;

use crate::{
	evaluation::{evaluate, EvaluationError},
	outcome::TaskResult,
	report::Report,
	sandbox::{Limits, Sandbox, SandboxError},
	subject::Subject,
	suite::{Generation, Suite},
	task::{Language, Task},
};
use blyan_exact::{blake2_256, Hash};
use draws::Draws;

/// Seed of tasks for development: known to all, so that a score on them proves nothing.
pub const DEVELOPMENT_SEED: Hash = *b"blyan-benchmark/development-seed";
/// Tasks of a generated suite, if nothing else is said.
pub const TASKS: usize = 100;

/// Generated suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generated {
	/// Sums of two numbers of up to three digits.
	Addition,
	/// Products of two numbers of up to two digits.
	Multiplication,
	/// The next word of a repeated pattern.
	Patterns,
	/// The value that stood beside a name.
	Copying,
	/// An expression in `a` and `b` that has the results shown.
	Expressions,
}

impl Generated {
	/// All generated suites.
	pub const ALL: [Self; 5] =
		[Self::Addition, Self::Multiplication, Self::Patterns, Self::Copying, Self::Expressions];

	/// Returns its name on the command line and in reports.
	pub fn name(self) -> &'static str {
		match self {
			Self::Addition => "addition",
			Self::Multiplication => "multiplication",
			Self::Patterns => "patterns",
			Self::Copying => "copying",
			Self::Expressions => "expressions",
		}
	}

	/// Returns its contents in a sentence.
	pub fn summary(self) -> &'static str {
		match self {
			Self::Addition => "sums of two numbers of up to three digits",
			Self::Multiplication => "products of two numbers of up to two digits",
			Self::Patterns => "the next word of a repeated pattern, out of four",
			Self::Copying => "the value that stood beside a name, out of four",
			Self::Expressions => "an expression in a and b that has the results shown",
		}
	}

	/// Returns the suite of a name.
	pub fn by_name(name: &str) -> Option<Self> {
		Self::ALL.into_iter().find(|suite| suite.name() == name)
	}

	/// Generates the first `count` tasks of a seed. Fewer tasks are the beginning of more.
	pub fn suite(self, seed: &Hash, count: usize) -> Suite {
		let generation = match self {
			Self::Addition | Self::Multiplication => Generation::until(&["\n"], 16),
			Self::Expressions => Generation::until(&["\n"], 32),
			Self::Patterns | Self::Copying => Generation::until(&["\n"], 1),
		};
		let mut suite = Suite::new(self.name(), generation);
		suite.extend((0..count as u64).map(|index| {
			let mut draws = Draws::new(seed, self.name(), index);
			let kind = match self {
				Self::Addition => arithmetic::addition(&mut draws),
				Self::Multiplication => arithmetic::multiplication(&mut draws),
				Self::Patterns => choices::pattern(&mut draws),
				Self::Copying => choices::copying(&mut draws),
				Self::Expressions => expressions::expression(&mut draws),
			};
			Ok(Task { id: format!("{}/{index}", self.name()), kind })
		}));
		suite
	}

	/// Generates the first `count` tasks of a seed, and starts the sandbox that judges its programs, if it has any.
	pub fn prepared(self, seed: &Hash, count: usize) -> Result<(Suite, Option<Sandbox>), SandboxError> {
		let mut suite = self.suite(seed, count);
		let sandbox = match suite.language() {
			Some(Language::Expression) => Some(expression_sandbox()?),
			// No generated suite has programs that need an interpreter.
			Some(Language::Python) | None => None,
		};
		suite.checker = sandbox.as_ref().map(Sandbox::checker);
		Ok((suite, sandbox))
	}
}

/// Reason why a generated suite was not run.
#[derive(Debug, thiserror::Error)]
pub enum RunGeneratedError {
	/// The sandbox cannot be started.
	#[error(transparent)]
	Sandbox(#[from] SandboxError),
	/// The suite was not evaluated.
	#[error(transparent)]
	Evaluation(#[from] EvaluationError),
}

/// Puts the first `tasks` tasks of a seed to a model: the report that `blyan benchmark run` writes.
///
/// `known` and `finished` are those of [`evaluate`]: results that an earlier run has left, and a callback that may stop this one.
pub fn run_generated(
	subject: &mut impl Subject,
	generated: Generated,
	(seed, tasks): (&Hash, usize),
	known: Vec<TaskResult>,
	finished: impl FnMut(&TaskResult) -> Result<(), String>,
) -> Result<Report, RunGeneratedError> {
	let (suite, sandbox) = generated.prepared(seed, tasks)?;
	let results = evaluate(&suite, subject, sandbox.as_ref(), known, finished)?;
	Ok(Report::new(&suite, subject.identity(), results))
}

/// Derives the seed of tasks that no model was trained on, from a hash that became known later than the model.
pub fn held_out_seed(entropy: &Hash) -> Hash {
	blake2_256(&[b"blyan-benchmark/held-out-seed", entropy])
}

/// Reports whether a report is on tasks for development, by its suite's root: a model may have learned them by heart.
pub fn is_for_development(report: &Report) -> bool {
	let (generated, count) = (Generated::by_name(&report.suite), usize::try_from(report.tasks));
	let (Some(generated), Ok(count)) = (generated, count) else { return false };
	let mut suite = generated.suite(&DEVELOPMENT_SEED, count);
	if suite.language().is_some() {
		suite.checker = expression_sandbox().ok().map(|sandbox| sandbox.checker());
	}
	hex::encode(suite.root()) == report.suite_root
}

/// Starts the sandbox that judges expressions.
pub fn expression_sandbox() -> Result<Sandbox, SandboxError> {
	Sandbox::new(include_bytes!("expression.wat"), Limits::EXPRESSION)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{outcome::Outcome, sandbox::Verdict, subject::Identity, task::Kind};

	#[test]
	fn a_seed_has_the_same_tasks_everywhere_and_fewer_are_the_beginning_of_more() {
		for generated in Generated::ALL {
			let suite = generated.suite(&DEVELOPMENT_SEED, 60);
			assert_eq!(suite.tasks.len(), 60, "{}", generated.name());
			assert!(suite.skipped.is_empty());
			assert_eq!(generated.suite(&DEVELOPMENT_SEED, 7).tasks, suite.tasks[..7]);
			let other = generated.suite(&held_out_seed(&DEVELOPMENT_SEED), 60);
			assert_ne!(other.tasks, suite.tasks);
			assert_eq!(Generated::by_name(generated.name()), Some(generated));
		}
	}

	#[test]
	fn a_report_on_tasks_for_development_is_known_by_its_root() {
		for generated in Generated::ALL {
			let is_known = |seed: &Hash| {
				let mut suite = generated.suite(seed, 5);
				suite.checker = suite.language().map(|_| expression_sandbox().unwrap().checker());
				let results = suite.tasks.iter().map(|task| {
					let outcome = Outcome::Arithmetic { text: String::new(), found: None, is_right: false };
					TaskResult { id: task.id.clone(), is_cut: false, outcome }
				});
				let root = "ab".repeat(32);
				let model = Identity { model_root: root.clone(), tokenizer: root, ends: Vec::new() };
				is_for_development(&Report::new(&suite, model, results.collect()))
			};
			let held_out = held_out_seed(&DEVELOPMENT_SEED);
			assert_eq!([is_known(&DEVELOPMENT_SEED), is_known(&held_out)], [true, false], "{generated:?}");
		}
	}

	#[test]
	fn every_right_answer_passes_and_a_wrong_one_does_not() {
		let sandbox = expression_sandbox().unwrap();
		for generated in Generated::ALL {
			for task in generated.suite(&DEVELOPMENT_SEED, 40).tasks {
				match &task.kind {
					Kind::Choice(choice) => {
						let mut choices = choice.choices.clone();
						choices.sort();
						choices.dedup();
						assert_eq!(choices.len(), choice.choices.len(), "{task:?}");
					}
					Kind::Arithmetic(task) => {
						let found = task.extraction.find(&format!(" {}\nmore 7", task.worked));
						assert_eq!(found.as_ref(), Some(&task.answer), "{task:?}");
					}
					Kind::Program(program) => {
						let judge =
							|answer: &str| sandbox.judge(format!("{answer}{}", program.suffix).as_bytes());
						assert!(judge(&program.worked).is_passed(), "{program:?}");
						assert!(!judge(&format!("{} + 1", program.worked)).is_passed(), "{program:?}");
					}
				}
			}
		}
	}

	#[test]
	fn the_checker_of_expressions_reads_its_grammar_and_nothing_else() {
		let sandbox = expression_sandbox().unwrap();
		let judge = |program: &str| sandbox.judge(program.as_bytes());
		assert_eq!(judge(" -(a - b)*2 + 10 \n3 5 14\n-1 0 12"), Verdict::Passed);
		assert_eq!(judge("a*b\n3 5 15\n3 5 16"), Verdict::Rejected(1));
		for wrong in ["", "a b", "(a", "a +", "a / b", "c", "a;"] {
			assert_eq!(judge(&format!("{wrong}\n1 1 1")), Verdict::Rejected(2), "{wrong:?}");
		}
		for tests in ["a", "a\n", "a\n1 2", "a\n1 2 x"] {
			assert_eq!(judge(tests), Verdict::Rejected(3), "{tests:?}");
		}
		assert_eq!(judge(&format!("{}\n1 1 1", "(".repeat(3_000))), Verdict::StackOverflow);
	}
}
