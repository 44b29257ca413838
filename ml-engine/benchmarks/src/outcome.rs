//! Results of single tasks.

use crate::{choice::Picked, sandbox::Verdict, task::json};
use blyan_exact::{blake2_256, Hash};
use serde::{Deserialize, Serialize};

/// Result of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskResult {
	/// Name of the task.
	pub id: String,
	/// True if the text in front of the answer lost its beginning, because the model's context is shorter.
	pub is_cut: bool,
	/// The result.
	#[serde(flatten)]
	pub outcome: Outcome,
}

/// Result by the kind of the task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
	/// Multiple choice.
	Choice {
		/// Index of the right choice.
		answer: usize,
		/// Bits in Q16 of each choice.
		losses: Vec<u64>,
		/// Choices picked by the three rules.
		picked: Picked,
	},
	/// A number or an expression in a text.
	Arithmetic {
		/// Text that the model wrote.
		text: String,
		/// Answer found in it.
		found: Option<String>,
		/// True if it is the right one.
		is_right: bool,
	},
	/// A program.
	Program {
		/// Text that the model wrote.
		text: String,
		/// Verdict on it.
		verdict: Verdict,
	},
}

impl TaskResult {
	/// Reports whether the task counts as solved: multiple choice by loss per byte.
	pub fn is_right(&self) -> bool {
		match &self.outcome {
			Outcome::Choice { answer, picked, .. } => picked.bytes == *answer,
			Outcome::Arithmetic { is_right, .. } => *is_right,
			Outcome::Program { verdict, .. } => verdict.is_passed(),
		}
	}

	/// Reports whether the parts of the result fit each other, as far as they show it without the task: the lengths of choices are
	/// not among them.
	pub fn is_consistent(&self) -> bool {
		match &self.outcome {
			Outcome::Choice { answer, losses, picked } => {
				let least = losses.iter().enumerate().min_by_key(|(_, loss)| **loss).map(|(at, _)| at);
				let places = [*answer, picked.characters, picked.bytes];
				least == Some(picked.sum) && places.iter().all(|place| *place < losses.len())
			}
			Outcome::Arithmetic { found, is_right, .. } => found.is_some() || !is_right,
			Outcome::Program { .. } => true,
		}
	}

	/// Reports whether two results are of the same question, as far as they show it.
	pub fn is_on_same_task(&self, other: &Self) -> bool {
		let is_same_question = match (&self.outcome, &other.outcome) {
			(
				Outcome::Choice { answer, losses, .. },
				Outcome::Choice { answer: other_answer, losses: other_losses, .. },
			) => (answer, losses.len()) == (other_answer, other_losses.len()),
			(Outcome::Arithmetic { .. }, Outcome::Arithmetic { .. })
			| (Outcome::Program { .. }, Outcome::Program { .. }) => true,
			_ => false,
		};
		self.id == other.id && is_same_question
	}

	/// Returns the hash that a report's root has as a leaf: BLAKE2b-256 of the result as one line of JSON.
	pub fn leaf(&self) -> Hash {
		blake2_256(&[b"blyan-benchmark/result", &json(self)])
	}
}
