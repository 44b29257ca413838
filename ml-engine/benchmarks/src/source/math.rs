//! MATH: problems of competitions, whose solution has the answer in `\boxed{}`.

use super::{records, Malformed};
use crate::{
	extraction::Extraction,
	suite::{Skip, Suite},
	task::{Arithmetic, Kind, Task},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Record {
	problem: String,
	solution: String,
}

pub(super) fn parse(text: &str, stem: &str, suite: &mut Suite) -> Result<(), Malformed> {
	let records: Vec<Record> = records::json(text)?;
	suite.extend(records.into_iter().enumerate().map(|(index, Record { problem, solution })| {
		let answer = Extraction::Boxed.find(&solution).ok_or(Skip::NoAnswer)?;
		let prompt = format!("Problem: {problem}\nAnswer:");
		let arithmetic = Arithmetic { prompt, answer, extraction: Extraction::Boxed, worked: solution };
		Ok(Task { id: format!("{stem}/{index}"), kind: Kind::Arithmetic(arithmetic) })
	}));
	Ok(())
}
