//! Suites with a subject whose losses and answers are known: the scores are those computed by hand, and those of
//! lm-evaluation-harness.
#![allow(clippy::unwrap_used)]

use blyan_benchmarks::{
	evaluate,
	generated::{expression_sandbox, Generated, DEVELOPMENT_SEED},
	report::ChoiceCounts,
	sandbox::Limits,
	subject::{Answer, Losses},
	suite::Generation,
	Format, Identity, Kind, Outcome, Report, Sandbox, Subject, SubjectError, Suite, Verdict,
};
use blyan_exact::blake2_256;
use std::path::Path;

/// A subject made of two functions.
struct Fake<L, A>(L, A);

impl<L: FnMut(&str, &str) -> u64, A: FnMut(&str) -> String> Subject for Fake<L, A> {
	fn identity(&self) -> Identity {
		Identity { model_root: "ab".repeat(32), tokenizer: "cd".repeat(32), ends: vec![0] }
	}

	fn losses(&mut self, context: &str, continuations: &[String]) -> Result<Losses, SubjectError> {
		let losses = continuations.iter().map(|continuation| (self.0)(context, continuation)).collect();
		Ok(Losses { losses, is_cut: false })
	}

	fn answer(&mut self, prompt: &str, _: &Generation) -> Result<Answer, SubjectError> {
		Ok(Answer { text: (self.1)(prompt), is_cut: false })
	}
}

fn report(
	suite: &Suite,
	sandbox: Option<&Sandbox>,
	losses: impl FnMut(&str, &str) -> u64,
	answer: impl FnMut(&str) -> String,
) -> Report {
	let mut subject = Fake(losses, answer);
	let results = evaluate(suite, &mut subject, sandbox, Vec::new(), |_| Ok(())).unwrap();
	let report = Report::new(suite, subject.identity(), results);
	assert_eq!(report.validate(), Ok(()));
	report
}

fn arc() -> Suite {
	Format::Arc
		.open(&Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("tests/files/arc.jsonl"))
		.unwrap()
}

/// The loss is the length of the choice with its space, in bytes, so that the first shortest choice has the least sum, and the
/// longest choice the least loss per byte.
#[test]
fn the_scores_of_a_small_file_are_those_computed_by_hand() {
	let report = report(&arc(), None, |_, choice| choice.len() as u64, |_| unreachable!());
	let counts = report.choices.unwrap();
	// Of the first shortest choices ice, root and six are right; the others are weight, cow, wind, wood, Mars, nothing, its food,
	// none and a leaf.
	assert_eq!(counts, ChoiceCounts { acc: 3, acc_norm: 4, acc_bytes: 4, ties: 1 });
	// With n bytes and a space the loss per byte is (n + 1) / n.
	let longest = |report: &Report, id: &str| {
		let result = report.results.iter().find(|result| result.id == id).unwrap();
		let Outcome::Choice { picked, .. } = &result.outcome else { panic!("{result:?}") };
		picked.bytes
	};
	for (id, place) in
		[("small-1", 2), ("small-3", 3), ("small-5", 1), ("small-8", 3), ("small-10", 1), ("small-12", 3)]
	{
		assert_eq!(longest(&report, id), place, "{id}");
	}
	assert_eq!((report.tasks, report.right, report.right_ppm), (12, 4, 333_333));
	// The root of (1/3 * 2/3) / 11.
	assert_eq!(report.standard_error_ppm, Some(142_133));
}

#[test]
fn the_scores_of_a_small_file_are_those_of_the_harness_for_the_same_losses() {
	let hash = |context: &str, continuation: &str| {
		let [a, b, c, ..] = blake2_256(&[context.as_bytes(), &[0], continuation.as_bytes()]);
		u64::from_le_bytes([a, b, c, 0, 0, 0, 0, 0])
	};
	let report = report(&arc(), None, hash, |_| unreachable!());
	// Printed by scripts/harness-equal with lm_eval 0.4.13.
	assert_eq!(report.standard_error_ppm, Some(130_558));
	assert_eq!(report.choices.unwrap(), ChoiceCounts { acc: 5, acc_norm: 3, acc_bytes: 3, ties: 0 });
}

#[test]
fn arithmetic_is_right_by_its_first_number_and_unreadable_without_one() {
	let suite = Generated::Addition.suite(&DEVELOPMENT_SEED, 10);
	let add = |prompt: &str| {
		let question = prompt.lines().last().unwrap().trim_end_matches(" =");
		let (a, b) = question.split_once(" + ").unwrap();
		a.parse::<u64>().unwrap() + b.parse::<u64>().unwrap()
	};
	let right = report(&suite, None, |_, _| 0, |prompt| format!(" {}", add(prompt)));
	assert_eq!((right.right, right.right_ppm, right.standard_error_ppm), (10, 1_000_000, Some(0)));
	let wrong = report(&suite, None, |_, _| 0, |prompt| format!("{}", add(prompt) + 1));
	assert_eq!((wrong.right, wrong.unreadable), (0, 0));
	let none = report(&suite, None, |_, _| 0, |_| "many".into());
	assert_eq!((none.right, none.unreadable), (0, 10));
}

#[test]
fn programs_are_judged_by_their_tests_and_counted_by_verdict() {
	let sandbox = expression_sandbox().unwrap();
	let mut suite = Generated::Expressions.suite(&DEVELOPMENT_SEED, 8);
	suite.checker = Some(sandbox.checker());
	let worked: Vec<(String, String)> = suite
		.tasks
		.iter()
		.map(|task| {
			let Kind::Program(program) = &task.kind else { panic!("{task:?}") };
			(program.prompt.clone(), program.worked.clone())
		})
		.collect();
	let mut asked = 0;
	let report = report(
		&suite,
		Some(&sandbox),
		|_, _| 0,
		|prompt| {
			asked += 1;
			match asked {
				1 => "7".into(),
				2 => "print(a)".into(),
				_ => worked.iter().find(|(known, _)| known == prompt).unwrap().1.clone(),
			}
		},
	);
	assert_eq!((report.right, report.tasks), (6, 8));
	let verdicts = ["failed: code 1", "failed: code 2", "passed"].map(String::from);
	assert_eq!(
		report.verdicts.into_iter().collect::<Vec<_>>(),
		verdicts.into_iter().zip([1, 1, 6]).collect::<Vec<_>>()
	);
}

/// A module that stands for an interpreter of Python: it passes a program that has the bytes `return 1`.
const FINDS_RETURN: &str = r#"(module (memory (export "memory") 1)
	(func (export "alloc") (param i32) (result i32) (i32.const 0))
	(func (export "check") (param $at i32) (param $length i32) (result i32)
		(loop $search
			(if (i64.eq (i64.load (local.get $at)) (i64.const 0x31206e7275746572)) (then (return (i32.const 0))))
			(local.set $at (i32.add (local.get $at) (i32.const 1)))
			(br_if $search (i32.lt_u (local.get $at) (local.get $length))))
		(i32.const 1)))"#;

#[test]
fn human_eval_goes_through_the_module_that_a_user_brings() {
	let folder = tempfile::tempdir().unwrap();
	let path = folder.path().join("small.jsonl");
	let record = r#"{"task_id":"HumanEval/0","prompt":"def one():\n","entry_point":"one","canonical_solution":"    return 1\n","test":"def check(f):\n    assert f() == 1\n"}"#;
	std::fs::write(&path, record).unwrap();
	let mut suite = Format::HumanEval.open(&path).unwrap();
	let sandbox = Sandbox::new(FINDS_RETURN.as_bytes(), Limits::INTERPRETER).unwrap();
	let mut subject = Fake(|_: &str, _: &str| 0, |_: &str| "    return 1".to_owned());
	let without = evaluate(&suite, &mut subject, None, Vec::new(), |_| Ok(())).unwrap_err();
	assert!(without.to_string().contains("a program in python"), "{without}");
	let unnamed = evaluate(&suite, &mut subject, Some(&sandbox), Vec::new(), |_| Ok(())).unwrap_err();
	assert!(unnamed.to_string().contains("not the one that the suite names"), "{unnamed}");
	suite.checker = Some(sandbox.checker());
	let results = evaluate(&suite, &mut subject, Some(&sandbox), Vec::new(), |_| Ok(())).unwrap();
	assert!(matches!(results[0].outcome, Outcome::Program { verdict: Verdict::Passed, .. }));
	assert_eq!(report(&suite, Some(&sandbox), |_, _| 0, |_| "    return 2".into()).right, 0);
}

#[test]
fn kept_results_of_another_suite_are_refused() {
	let (suite, other) = (arc(), Generated::Patterns.suite(&DEVELOPMENT_SEED, 3));
	let mut subject = Fake(|_: &str, choice: &str| choice.len() as u64, |_: &str| String::new());
	let kept = evaluate(&other, &mut subject, None, Vec::new(), |_| Ok(())).unwrap();
	let refused = evaluate(&suite, &mut subject, None, kept, |_| Ok(())).unwrap_err();
	assert!(refused.to_string().contains("patterns/0"), "{refused}");
}
