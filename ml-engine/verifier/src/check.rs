//! Check of an answer, one position after another.

use crate::record::{AnswerRecord, End, RecordError};
use blyan_exact::definition2::{sampling::sample, Execution, Model, ModelError};
use core::fmt;

/// First place where an answer is not what the definition gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
	/// A token is another one.
	Token {
		/// Index in the answer.
		index: usize,
		/// Token that the definition gives.
		expected: u32,
		/// Token of the answer.
		found: u32,
	},
	/// All tokens are right, and the answer ends elsewhere or for another reason.
	End {
		/// Tokens after which the definition ends the answer, and the reason; `None` if it goes on past what is there.
		expected: Option<(usize, End)>,
		/// Reason by the record.
		found: End,
	},
}

/// Result of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
	/// There are more positions.
	More,
	/// The answer differs here.
	Differs(Difference),
	/// All of it is what the definition gives.
	Equal {
		/// Reports whether the end was checked, too. It was not where the request had stop strings.
		is_end_checked: bool,
	},
}

/// Reason why a check cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckError {
	/// The record cannot be checked.
	Record(RecordError),
	/// The model cannot be run.
	Model(ModelError),
}

impl fmt::Display for CheckError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Record(error) => write!(f, "{error}"),
			Self::Model(error) => write!(f, "the model cannot be run: {error}"),
		}
	}
}

impl core::error::Error for CheckError {}

impl From<RecordError> for CheckError {
	fn from(error: RecordError) -> Self {
		Self::Record(error)
	}
}

impl From<ModelError> for CheckError {
	fn from(error: ModelError) -> Self {
		Self::Model(error)
	}
}

/// A check on its way.
pub struct Check<'m, 'a> {
	execution: Execution<'m, 'a>,
	record: AnswerRecord,
	context: usize,
	/// Positions that have been computed.
	position: usize,
}

impl<'m, 'a> Check<'m, 'a> {
	/// Begins the check of an answer of this model.
	pub fn new(model: &'m Model<'a>, record: AnswerRecord) -> Result<Self, CheckError> {
		let architecture = model.architecture();
		let context = architecture.context as usize;
		record.ensure_readable(context, architecture.vocabulary)?;
		let positions = Self::positions_of(&record, context);
		// The prompt has at least one token, and a context has at most 2^17.
		let execution = Execution::new(model, positions.max(1) as u32)?;
		Ok(Self { execution, record, context, position: 0 })
	}

	/// Returns the positions that have been computed, and those that are computed at most.
	pub fn progress(&self) -> (usize, usize) {
		(self.position, Self::positions_of(&self.record, self.context))
	}

	/// Positions in front of the tokens of the answer: the last one is chosen and never read. An answer without a token needs none.
	fn positions_of(record: &AnswerRecord, context: usize) -> usize {
		match record.answer.len().checked_sub(1) {
			Some(read) => record.prompt.len().saturating_add(read).min(context),
			None => 0,
		}
	}

	/// Computes the next position, and compares the token that is chosen behind it.
	pub fn step(&mut self) -> Result<Step, CheckError> {
		let (position, last) = self.progress();
		if position >= last {
			return Ok(self.ending());
		}
		let (prompt, answer) = (&self.record.prompt, &self.record.answer);
		let read = match position.checked_sub(prompt.len()) {
			None => prompt.get(position),
			// It was compared with a choice, so it is in the vocabulary.
			Some(index) => answer.get(index),
		};
		let token = *read.ok_or(ModelError::SequenceLength(position))?;
		let logits = self.execution.push(token)?;
		let behind = position.saturating_add(1);
		self.position = behind;
		let Some(index) = behind.checked_sub(prompt.len()) else { return Ok(Step::More) };
		let found = *answer.get(index).ok_or(ModelError::SequenceLength(behind))?;
		let expected = sample(&self.record.sampling, &logits, behind as u64);
		if expected != found {
			return Ok(Step::Differs(Difference::Token { index, expected, found }));
		}
		Ok(if behind < last { Step::More } else { self.ending() })
	}

	/// Compares the ends of an answer whose tokens are right.
	fn ending(&self) -> Step {
		let found = self.record.end;
		let is_cut_short = found == End::Cancelled;
		if self.record.has_stops {
			return Step::Equal { is_end_checked: false };
		}
		let expected = self.record.true_end(self.context);
		let is_right = match expected {
			Some((tokens, end)) => tokens == self.record.answer.len() && (end == found || is_cut_short),
			None => is_cut_short,
		};
		match is_right {
			true => Step::Equal { is_end_checked: true },
			false => Step::Differs(Difference::End { expected, found }),
		}
	}
}
