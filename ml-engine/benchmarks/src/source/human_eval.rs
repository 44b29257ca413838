//! HumanEval: the head of a Python function, and tests of the whole.

use super::{records, Malformed};
use crate::{
	suite::Suite,
	task::{Kind, Language, Program, Task},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Record {
	task_id: String,
	prompt: String,
	entry_point: String,
	canonical_solution: String,
	test: String,
}

pub(super) fn parse(text: &str, suite: &mut Suite) -> Result<(), Malformed> {
	let records: Vec<Record> = records::json(text)?;
	suite.extend(records.into_iter().map(|record| {
		let Record { task_id, prompt, entry_point, canonical_solution, test } = record;
		let program = Program {
			prefix: prompt.clone(),
			prompt,
			language: Language::Python,
			suffix: format!("\n{test}\ncheck({entry_point})"),
			worked: canonical_solution,
		};
		Ok(Task { id: task_id, kind: Kind::Program(program) })
	}));
	Ok(())
}
