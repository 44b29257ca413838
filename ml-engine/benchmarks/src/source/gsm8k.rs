//! GSM8K: word problems whose answer ends in `#### ` and a number.

use super::{records, Malformed};
use crate::{
	extraction::Extraction,
	suite::{Skip, Suite},
	task::{Arithmetic, Kind, Task},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Record {
	question: String,
	answer: String,
}

pub(super) fn parse(text: &str, stem: &str, suite: &mut Suite) -> Result<(), Malformed> {
	let records: Vec<Record> = records::json(text)?;
	suite.extend(records.into_iter().enumerate().map(|(index, Record { question, answer: worked })| {
		let answer = Extraction::Hashes.find(&worked).ok_or(Skip::NoAnswer)?;
		let prompt = format!("Question: {question}\nAnswer:");
		let extraction = Extraction::Hashes;
		Ok(Task {
			id: format!("{stem}/{index}"),
			kind: Kind::Arithmetic(Arithmetic { prompt, answer, extraction, worked }),
		})
	}));
	Ok(())
}
