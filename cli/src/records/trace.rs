//! Hashes of every row that one sequence's evaluation came to: what two machines compare to find where they part.

use super::{Format, Text};
use crate::failure::{Failure, Kind, Outcome};
use blyan_engine::{eval::Evaluator, model::Model};
use blyan_exact::Program;
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// The rows of one operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OperatorRecord {
	/// The operator, as in the program.
	operator: String,
	/// Hashes of its rows, one behind another, hexadecimal.
	rows: String,
}

/// One sequence's evaluation by one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceRecord {
	/// Root of the model.
	pub model_root: H256,
	/// The bytes. Token 0 is read before the first, and the last is not read.
	pub sequence: Text,
	operators: Vec<OperatorRecord>,
	/// Program that computed it.
	engine: String,
}

impl Format for TraceRecord {
	const FORMAT: &'static str = "blyan/trace";
}

/// Where two evaluations part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowDifference {
	/// The operator, as in the program: its layer comes first in brackets.
	pub operator: String,
	/// The first row that differs: a position, or a head for its keys and values.
	pub row: usize,
}

/// Hexadecimal digits of a hash.
const DIGITS: usize = 64;

impl TraceRecord {
	/// Evaluates a sequence.
	pub fn new(evaluator: &Evaluator, model: &Model, sequence: &[u8], engine: &str) -> Outcome<Self> {
		let failure = |error: &dyn std::fmt::Debug| {
			Failure::new(format!("that sequence cannot be evaluated here: {error:?}")).kind(Kind::Undecided)
		};
		let program = u16::try_from(sequence.len()).ok().and_then(|len| Program::new(*model.config(), len));
		let program = program.ok_or_else(|| failure(&"it does not fit the model"))?;
		let (_, outputs) = evaluator.outputs(model, sequence).map_err(|error| failure(&error))?;
		let operators = outputs.iter().enumerate().filter_map(|(index, output)| {
			let (operator, shape) = (program.operator(index)?, program.shape_at(index)?);
			let rows = hex::encode(shape.row_hashes(output).as_flattened());
			Some(OperatorRecord { operator: format!("{operator:?}"), rows })
		});
		Ok(Self {
			model_root: model.root(),
			sequence: Text::new(sequence),
			operators: operators.collect(),
			engine: engine.into(),
		})
	}

	/// The first row in which `self` differs from `right`, which is about the same model and sequence.
	pub fn difference(&self, right: &Self) -> Option<RowDifference> {
		let nothing = OperatorRecord { operator: String::new(), rows: String::new() };
		right.operators.iter().enumerate().find_map(|(index, right)| {
			let said = self.operators.get(index).unwrap_or(&nothing);
			if said == right {
				return None;
			}
			let row = (0..right.rows.len() / DIGITS)
				.find(|row| {
					let digits = row * DIGITS..(row + 1) * DIGITS;
					said.rows.get(digits.clone()) != right.rows.get(digits)
				})
				.unwrap_or(0);
			Some(RowDifference { operator: right.operator.clone(), row })
		})
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_engine::kernel::Kernel;
	use blyan_exact::golden;

	#[test]
	fn difference_names_the_first_row() {
		let golden = golden::model();
		let model = Model::from_weights(&golden.config, &golden.trunk, &golden.experts).unwrap();
		let evaluator = Evaluator::new(Kernel::best(), 1).unwrap();
		let right = TraceRecord::new(&evaluator, &model, golden::TEXT, "a test").unwrap();
		assert_eq!(right.clone().difference(&right), None);
		// Another byte in the middle: the rows in front of it are the same.
		let mut text = golden::TEXT.to_vec();
		text[20] ^= 1;
		let other = TraceRecord::new(&evaluator, &model, &text, "a test").unwrap();
		let expected = RowDifference { operator: "Embed".into(), row: 21 };
		assert_eq!(other.difference(&right), Some(expected));
		// Another expert: everything in front of it is the same.
		let mut golden = golden;
		golden.experts[0..4].iter_mut().for_each(|expert| expert.gain[0] += 5);
		let changed = Model::from_weights(&golden.config, &golden.trunk, &golden.experts).unwrap();
		let other = TraceRecord::new(&evaluator, &changed, golden::TEXT, "a test").unwrap();
		assert_eq!(other.difference(&right).unwrap().operator, "Hidden(0, 0)");
		let mut short = right.clone();
		short.operators.truncate(3);
		assert_eq!(short.difference(&right), Some(RowDifference { operator: "Key(0)".into(), row: 0 }));
		assert!(TraceRecord::new(&evaluator, &model, &[0; 65], "a test").is_err());
	}
}
