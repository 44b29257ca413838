//! MBPP: a sentence, and assertions in Python that the function has to keep.

use super::{records, Malformed};
use crate::{
	suite::{Skip, Suite},
	task::{Kind, Language, Program, Task},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Record {
	task_id: u64,
	#[serde(alias = "prompt")]
	text: String,
	code: String,
	test_list: Vec<String>,
	#[serde(default)]
	test_setup_code: String,
	/// Imports of the sanitised publication.
	#[serde(default)]
	test_imports: Vec<String>,
}

/// Assertions that the question shows.
const SHOWN: usize = 3;

pub(super) fn parse(text: &str, suite: &mut Suite) -> Result<(), Malformed> {
	let records: Vec<Record> = records::json(text)?;
	suite.extend(records.into_iter().map(|record| {
		let Record { task_id, text, code, test_list, test_setup_code, test_imports } = record;
		if test_list.is_empty() {
			return Err(Skip::NoAnswer);
		}
		let shown = test_list.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("\n");
		let prompt = format!(
			"You are an expert Python programmer, and here is your task: {text} Your code should pass these \
			tests:\n\n{shown}\n[BEGIN]\n"
		);
		let setup = test_imports.into_iter().chain([test_setup_code]).filter(|line| !line.is_empty());
		let tests: Vec<String> = setup.chain(test_list).collect();
		let program = Program {
			prompt,
			language: Language::Python,
			prefix: String::new(),
			suffix: format!("\n{}", tests.join("\n")),
			worked: format!("{code}\n[DONE]"),
		};
		Ok(Task { id: format!("mbpp/{task_id}"), kind: Kind::Program(program) })
	}));
	Ok(())
}
