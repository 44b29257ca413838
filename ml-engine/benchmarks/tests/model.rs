//! A model in a suite: losses and answers are those of the model alone, whatever was read before and on however many threads.
#![allow(clippy::unwrap_used)]

mod support;

use blyan_benchmarks::{
	evaluate,
	generated::{expression_sandbox, held_out_seed, run_generated, Generated, DEVELOPMENT_SEED},
	suite::Generation,
	Journal, Report, Subject, SubjectError, Suite,
};
use support::{model, runner, tokenizer};

fn continuations(texts: &[&str]) -> Vec<String> {
	texts.iter().map(ToString::to_string).collect()
}

/// The loss of a continuation, by the whole text at once.
fn alone(context: &str, continuation: &str) -> u64 {
	let ids = tokenizer().encode_document(&format!("{context}{continuation}")).unwrap();
	let losses = runner(200, 1).losses(&ids).unwrap();
	losses.iter().rev().take(continuation.len()).sum()
}

#[test]
fn losses_of_choices_are_those_of_each_text_alone() {
	let mut model = model(200, 2);
	for (context, texts) in [
		("Question: red or blue?\nAnswer:", [" red", " blue", " b"]),
		("Question: red or blue?\nAnswer:", [" red", " red", " x"]),
		("Question: green?\nAnswer:", [" yes", " no", " é"]),
		("Q", [" a", "b", "a long choice behind a short context, of more than one lane of positions"]),
	] {
		let scored = model.losses(context, &continuations(&texts)).unwrap();
		assert_eq!(scored.losses, texts.map(|text| alone(context, text)), "{context}");
		assert!(!scored.is_cut);
	}
}

#[test]
fn spaces_at_the_end_of_a_context_belong_to_the_choice() {
	let mut model = model(200, 1);
	let with = model.losses("Answer: ", &continuations(&["red"])).unwrap();
	let without = model.losses("Answer:", &continuations(&[" red"])).unwrap();
	assert_eq!(with, without);
}

#[test]
fn a_context_that_is_too_long_loses_its_beginning_and_says_so() {
	let mut model = model(16, 1);
	let long = "x".repeat(100);
	let scored = model.losses(&format!("{long}Answer:"), &continuations(&[" red", " blue"])).unwrap();
	assert!(scored.is_cut);
	// The last 17 tokens are read and predicted.
	let other = model.losses(&format!("y{long}Answer:"), &continuations(&[" red", " blue"])).unwrap();
	assert_eq!(scored, other);
	let generation = Generation::until(&["\n"], 8);
	assert!(model.answer(&long, &generation).unwrap().is_cut);
	let error = model.answer("a", &Generation::until(&[], 16)).unwrap_err();
	assert!(matches!(error, SubjectError::Context { tokens_max: 16, context: 16 }));
}

#[test]
fn a_choice_that_is_longer_than_the_context_is_refused_and_not_scored_in_part() {
	let mut model = model(16, 1);
	let refused = model.losses("Q", &continuations(&[" b", &"x".repeat(17)])).unwrap_err();
	assert!(matches!(refused, SubjectError::Context { tokens_max: 17, context: 16 }), "{refused}");
	assert!(model.losses("Q", &continuations(&[" b", &"x".repeat(16)])).is_ok());
}

#[test]
fn a_choice_without_a_token_is_refused_and_an_empty_context_stands_behind_the_end_token() {
	let mut model = model(64, 1);
	let refused = model.losses("a", &continuations(&[""])).unwrap_err();
	assert!(matches!(refused, SubjectError::NoToken(_)));
	let scored = model.losses("", &continuations(&["ab"])).unwrap();
	let expected: u64 =
		runner(64, 1).losses(&[support::END, u32::from(b'a'), u32::from(b'b')]).unwrap().iter().sum();
	assert_eq!(scored.losses, [expected]);
}

#[test]
fn an_answer_does_not_depend_on_the_questions_before_it() {
	let generation = Generation::until(&["zz"], 12);
	let mut model = model(100, 2);
	let first = model.answer("one + two =", &generation).unwrap();
	model.losses("one + three", &continuations(&[" a", " b"])).unwrap();
	model.answer("something else", &generation).unwrap();
	assert_eq!(model.answer("one + two =", &generation).unwrap(), first);
	assert_eq!(support::model(100, 1).answer("one + two =", &generation).unwrap(), first);
}

/// All generated suites with a small random model, which is right by chance only.
#[test]
fn reports_are_the_same_on_any_number_of_threads_and_after_an_interruption() {
	let sandbox = expression_sandbox().unwrap();
	let folder = tempfile::tempdir().unwrap();
	for generated in Generated::ALL {
		let mut suite: Suite = generated.suite(&DEVELOPMENT_SEED, 6);
		let sandbox = suite.language().map(|_| &sandbox);
		suite.checker = sandbox.map(blyan_benchmarks::Sandbox::checker);
		let mut one = model(256, 1);
		let whole = evaluate(&suite, &mut one, sandbox, Vec::new(), |_| Ok(())).unwrap();
		let whole = Report::new(&suite, one.identity(), whole);
		assert_eq!(whole.validate(), Ok(()));
		assert_eq!(whole.tasks, 6);

		let root = hex::encode(suite.root());
		let mut other = model(256, 2);
		let (mut journal, known) = Journal::open(folder.path(), &root, &other.identity()).unwrap();
		let mut left = 3;
		let cut = evaluate(&suite, &mut other, sandbox, known, |result| {
			left -= 1;
			journal.push(result).map_err(|error| error.to_string())?;
			if left == 0 {
				Err("the power is out".into())
			} else {
				Ok(())
			}
		});
		assert!(cut.unwrap_err().to_string().contains("the power is out"));
		drop(journal);
		let (_, known) = Journal::open(folder.path(), &root, &other.identity()).unwrap();
		assert_eq!(known.len(), 3);
		let rest = evaluate(&suite, &mut other, sandbox, known, |_| Ok(())).unwrap();
		assert_eq!(Report::new(&suite, other.identity(), rest), whole, "{}", generated.name());
	}
}

#[test]
fn a_suite_that_is_run_at_once_has_the_report_of_its_steps() {
	let sandbox = expression_sandbox().unwrap();
	let seed = held_out_seed(&[9; 32]);
	for generated in Generated::ALL {
		// The steps of `blyan benchmark run --held-out`.
		let mut suite = generated.suite(&seed, 4);
		let sandbox = suite.language().map(|_| &sandbox);
		suite.checker = sandbox.map(blyan_benchmarks::Sandbox::checker);
		let mut one = model(256, 1);
		let results = evaluate(&suite, &mut one, sandbox, Vec::new(), |_| Ok(())).unwrap();
		let report = Report::new(&suite, one.identity(), results.clone());
		let whole = run_generated(&mut model(256, 2), generated, (&seed, 4), Vec::new(), |_| Ok(()));
		assert_eq!(whole.unwrap(), report, "{}", generated.name());
		let known = results[..3].to_vec();
		let mut rest = Vec::new();
		let resumed = run_generated(&mut model(256, 1), generated, (&seed, 4), known, |result| {
			rest.push(result.clone());
			Ok(())
		});
		assert_eq!((resumed.unwrap(), rest.as_slice()), (report, &results[3..]));
	}
}
