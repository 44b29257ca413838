//! Published formats, each on a few records of its shape, written for these tests.
#![allow(clippy::unwrap_used)]

use blyan_benchmarks::{
	source::{read_limited, SourceError},
	suite::Skip,
	task::{Arithmetic, Choice, Program},
	Format, Kind, Suite, Task,
};
use std::{collections::BTreeMap, fs, path::Path};

/// Reads a file with these bytes.
fn read(format: Format, bytes: &[u8]) -> Result<Suite, SourceError> {
	let folder = tempfile::tempdir().unwrap();
	let path = folder.path().join("small.file");
	fs::write(&path, bytes).unwrap();
	format.open(&path)
}

fn suite(format: Format, text: &str) -> Suite {
	read(format, text.as_bytes()).unwrap()
}

fn choice(task: &Task) -> &Choice {
	let Kind::Choice(choice) = &task.kind else { panic!("{task:?}") };
	choice
}

fn arithmetic(task: &Task) -> &Arithmetic {
	let Kind::Arithmetic(arithmetic) = &task.kind else { panic!("{task:?}") };
	arithmetic
}

fn program(task: &Task) -> &Program {
	let Kind::Program(program) = &task.kind else { panic!("{task:?}") };
	program
}

#[test]
fn mmlu_is_a_table_without_a_header_whose_choices_are_letters() {
	let text = "\" How many, \"\"in all\"\"? \",1,2,3,4,C\nWhy?,a,b,c,d,A\n";
	let read = suite(Format::Mmlu, text);
	let first = choice(&read.tasks[0]);
	assert_eq!(first.context, "How many, \"in all\"?\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer:");
	assert_eq!((first.choices.join(""), first.answer), ("ABCD".into(), 2));
	assert_eq!(read.tasks[1].id, "small/1");
}

#[test]
fn hellaswag_is_cleaned_as_the_harness_cleans_it() {
	let text = r#"{"ind":7,"activity_label":"Roof work","ctx_a":"A man is on a roof. [header] He","ctx_b":"starts Pulling","ctx":"","endings":["up tiles.","a [step] rope."," down  it."],"label":"1","split":"val"}
{"ind":8,"activity_label":"A","ctx_a":"b","ctx_b":"","endings":["c","d"],"label":""}
"#;
	let read = suite(Format::HellaSwag, text);
	let first = choice(&read.tasks[0]);
	assert_eq!(first.context, "Roof work: A man is on a roof. He Starts pulling");
	assert_eq!(
		(first.choices.as_slice(), first.answer),
		(["up tiles.", "a rope.", "down it."].map(String::from).as_slice(), 1)
	);
	assert_eq!(read.skipped, BTreeMap::from([(Skip::NoAnswer, 1)]));
}

#[test]
fn arc_is_read_in_both_publications() {
	let text = r#"{"id":"a","question":"Why?","choices":{"text":["x","y","z"],"label":["1","2","3"]},"answerKey":"3"}
{"id":"b","question":{"stem":"How?","choices":[{"text":"x","label":"A"},{"text":"y","label":"B"}]},"answerKey":"B"}
{"id":"c","question":"Who?","choices":{"text":["x","y"],"label":["A","B"]},"answerKey":"C"}
{"id":"a","question":"Why?","choices":{"text":["x","y"],"label":["A","B"]},"answerKey":"A"}
"#;
	let read = suite(Format::Arc, text);
	assert_eq!(choice(&read.tasks[0]).context, "Question: Why?\nAnswer:");
	assert_eq!(read.tasks.iter().map(|task| choice(task).answer).collect::<Vec<_>>(), [2, 1]);
	assert_eq!(read.skipped, BTreeMap::from([(Skip::NoAnswer, 1), (Skip::Duplicate, 1)]));
}

#[test]
fn truthful_qa_keeps_the_order_of_its_answers_in_all_three_publications() {
	let list = r#"[{"question":"Z?","mc1_targets":{"zeta":0,"alpha":1},"mc2_targets":{"zeta":0}}]"#;
	let lines = r#"{"question":"Z?","mc1_targets":{"choices":["zeta","alpha"],"labels":[0,1]}}"#;
	for text in [list, lines] {
		let read = suite(Format::TruthfulQa, text);
		let only = choice(&read.tasks[0]);
		assert_eq!(
			(only.context.as_str(), only.choices.join(" "), only.answer),
			("Q: Z?\nA:", "zeta alpha".into(), 1)
		);
	}
	let table = "Type,Category,Question,Best Answer,Correct Answers,Incorrect Answers,Source\n\
		A,B,Z?,alpha,alpha; beta,zeta; eta.;,none\n";
	let read = suite(Format::TruthfulQa, table);
	let only = choice(&read.tasks[0]);
	assert_eq!((only.choices.join(" "), only.answer), ("alpha. zeta. eta.".into(), 0));
	let two = r#"{"question":"Z?","mc1_targets":{"a":1,"b":1}}"#;
	assert!(matches!(read_error(Format::TruthfulQa, two), SourceError::NoTask { skipped: 1, .. }));
}

fn read_error(format: Format, text: &str) -> SourceError {
	read(format, text.as_bytes()).unwrap_err()
}

#[test]
fn gsm8k_has_its_answer_behind_the_steps() {
	let text = r#"{"question":"How many?","answer":"6*2=<<6*2=12>>12\n#### 1,012"}
{"question":"Why?","answer":"no number"}"#;
	let read = suite(Format::Gsm8k, text);
	let only = arithmetic(&read.tasks[0]);
	assert_eq!((only.prompt.as_str(), only.answer.as_str()), ("Question: How many?\nAnswer:", "1012"));
	assert_eq!(only.extraction.find("2 * 506 = 1012\n#### 1012."), Some("1012".into()));
	assert_eq!(read.skipped, BTreeMap::from([(Skip::NoAnswer, 1)]));
	assert_eq!(read.generation.stop[0], "Question:");
}

#[test]
fn math_is_read_from_lines_and_from_a_folder_of_problems() {
	let problem = "{\n \"problem\": \"x?\",\n \"level\": \"Level 1\",\n \"type\": \"Algebra\",\n \"solution\": \"$x=\\\\boxed{\\\\frac{1}{2}}$\"\n}\n";
	let folder = tempfile::tempdir().unwrap();
	for name in ["2.json", "10.json", "notes.txt"] {
		fs::write(folder.path().join(name), problem).unwrap();
	}
	let read = Format::Math.open(folder.path()).unwrap();
	assert_eq!(read.tasks.iter().map(|task| task.id.as_str()).collect::<Vec<_>>(), ["10/0", "2/0"]);
	assert_eq!(arithmetic(&read.tasks[0]).answer, "\\frac{1}{2}");
	assert_eq!(
		suite(Format::Math, &problem.replace('\n', " ").repeat(2).replace("} {", "}\n{")).tasks.len(),
		2
	);
}

#[test]
fn human_eval_tests_the_prompt_with_its_completion() {
	let text = r#"{"task_id":"HumanEval/0","prompt":"def one():\n","entry_point":"one","canonical_solution":"    return 1\n","test":"def check(f):\n    assert f() == 1\n"}"#;
	let read = suite(Format::HumanEval, text);
	let only = program(&read.tasks[0]);
	assert_eq!(
		format!("{}{}{}", only.prefix, only.worked, only.suffix),
		"def one():\n    return 1\n\ndef check(f):\n    assert f() == 1\n\ncheck(one)"
	);
	assert_eq!(read.generation.stop, ["\nclass", "\ndef", "\n#", "\nif", "\nprint"]);
}

#[test]
fn mbpp_shows_three_assertions_and_tests_all() {
	let text = r#"{"task_id":11,"text":"Return one.","code":"def one():\r\n  return 1","test_list":["assert one() == 1","assert one() < 2","assert one() > 0","assert one()"],"test_setup_code":"import math","challenge_test_list":[]}"#;
	let read = suite(Format::Mbpp, text);
	let only = program(&read.tasks[0]);
	let prompt = "You are an expert Python programmer, and here is your task: Return one. Your code should pass these tests:\n\n\
		assert one() == 1\nassert one() < 2\nassert one() > 0\n[BEGIN]\n";
	assert_eq!(only.prompt, prompt);
	let tests = "\nimport math\nassert one() == 1\nassert one() < 2\nassert one() > 0\nassert one()";
	assert_eq!((only.prefix.as_str(), only.suffix.as_str()), ("", tests));
	assert_eq!(read.generation.stop, ["[DONE]"]);
}

#[test]
fn a_record_that_is_not_of_the_format_is_refused_with_its_line() {
	let line = |format, text: &str| match read_error(format, text) {
		SourceError::Record { line, .. } => line,
		other => panic!("{other}"),
	};
	assert_eq!(line(Format::Mmlu, "a,1,2,3,4,A\n\"b\nc\",1,2,3,A\n"), 2);
	assert_eq!(line(Format::Gsm8k, "{\"question\":\"a\",\"answer\":\"#### 1\"}\n{\"question\":1}\n"), 2);
	assert_eq!(line(Format::Arc, "[\n{},\n]"), 2);
	assert_eq!(line(Format::TruthfulQa, "Question,Best Answer\na,b\n"), 2);
	let unlabelled =
		read_error(Format::TruthfulQa, "{\"question\":\"a\",\"mc1_targets\":{\"b\":\"c\"}}").to_string();
	assert!(unlabelled.contains("line 1"), "{unlabelled}");
}

#[test]
fn files_that_are_missing_empty_or_not_text_are_refused_by_name() {
	let missing = Format::Arc.open("/no/such/file".as_ref()).unwrap_err();
	assert!(matches!(missing, SourceError::Io { .. }));
	assert!(matches!(read_error(Format::Arc, ""), SourceError::NoTask { skipped: 0, .. }));
	let error = read(Format::Arc, b"{}\n{\"id\":\"\xff\"}").unwrap_err();
	assert!(matches!(error, SourceError::Encoding { line: 2, .. }), "{error}");
}

#[test]
fn a_file_without_an_end_is_refused_and_no_more_of_it_is_read() {
	let endless = read_limited(Path::new("/dev/zero"), 1_000);
	assert!(matches!(endless, Err(SourceError::FileTooLarge { bytes_max: 1_000, .. })), "{endless:?}");
	let folder = tempfile::tempdir().unwrap();
	let path = folder.path().join("small.file");
	fs::write(&path, [7; 1_000]).unwrap();
	assert_eq!(read_limited(&path, 1_000).unwrap(), [7; 1_000]);
	assert!(matches!(read_limited(&path, 999), Err(SourceError::FileTooLarge { bytes_max: 999, .. })));
}
