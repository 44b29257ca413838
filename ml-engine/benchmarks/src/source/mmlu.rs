//! MMLU: `question,A,B,C,D,letter`, without a header. A file is a subject.

use super::Malformed;
use crate::{
	suite::{Skip, Suite},
	task::{Choice, Kind, Task},
};

const LETTERS: [&str; 4] = ["A", "B", "C", "D"];

pub(super) fn parse(text: &str, stem: &str, suite: &mut Suite) -> Result<(), Malformed> {
	let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
	let mut tasks = Vec::new();
	for (index, record) in reader.records().enumerate() {
		let record = record.map_err(|error| Malformed {
			line: error.position().map_or(1, |position| position.line()),
			reason: error.to_string(),
		})?;
		let line = record.position().map_or(1, |position| position.line());
		let fields: Vec<&str> = record.iter().collect();
		let &[question, a, b, c, d, letter] = fields.as_slice() else {
			let reason = format!("{} columns: question, four choices and a letter are 6", fields.len());
			return Err(Malformed { line, reason });
		};
		let question = question.trim();
		let context = format!("{question}\nA. {a}\nB. {b}\nC. {c}\nD. {d}\nAnswer:");
		let choices = LETTERS.map(str::to_owned).to_vec();
		tasks.push(match LETTERS.iter().position(|known| *known == letter.trim()) {
			Some(answer) => Ok(Task {
				id: format!("{stem}/{index}"),
				kind: Kind::Choice(Choice { context, choices, answer }),
			}),
			None => Err(Skip::NoAnswer),
		});
	}
	suite.extend(tasks);
	Ok(())
}
