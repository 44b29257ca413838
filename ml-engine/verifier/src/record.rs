//! Record of an answer, as far as the check reads it.

use alloc::vec::Vec;
use blyan_exact::{definition2::step::sequence_bytes, merkle, Hash, Sampling};
use core::fmt;

/// Reason why an answer is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
	/// A token ended the turn.
	EndToken,
	/// A stop string came.
	Stop,
	/// It is as long as it may be.
	Length,
	/// The context is full.
	Context,
	/// Its reader had enough.
	Cancelled,
}

impl End {
	/// All of them, in the order of their numbers.
	pub const ALL: [Self; 5] = [Self::EndToken, Self::Stop, Self::Length, Self::Context, Self::Cancelled];
}

/// An answer with everything that it follows from, beside the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerRecord {
	/// Ids that the model read.
	pub prompt: Vec<u32>,
	/// Ids of the answer, the one that ended it included.
	pub answer: Vec<u32>,
	/// Settings of the choices.
	pub sampling: Sampling,
	/// Most tokens of the answer.
	pub tokens_max: u64,
	/// Ids that end an answer.
	pub ends: Vec<u32>,
	/// Reason why it is over.
	pub end: End,
	/// The request had stop strings, of which nothing can be said without the tokenizer.
	pub has_stops: bool,
}

/// Reason why an answer cannot be checked, which says nothing about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordError {
	/// The model read nothing.
	EmptyPrompt,
	/// The prompt has more tokens than the context.
	Context {
		/// Tokens of the prompt.
		tokens: usize,
		/// Positions of the context.
		context: usize,
	},
	/// The prompt has an id that is not in the vocabulary.
	Token(u32),
}

impl fmt::Display for RecordError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::EmptyPrompt => f.write_str("the receipt has no prompt, so there is nothing to compute"),
			Self::Context { tokens, context } => {
				write!(f, "the receipt's prompt has {tokens} tokens, and the model's context holds {context}")
			}
			Self::Token(id) => write!(f, "token {id} of the receipt's prompt is not in the vocabulary"),
		}
	}
}

impl core::error::Error for RecordError {}

impl AnswerRecord {
	/// Refuses a prompt that a model of this context and vocabulary cannot read.
	pub fn ensure_readable(&self, context: usize, vocabulary: u32) -> Result<(), RecordError> {
		if self.prompt.is_empty() {
			return Err(RecordError::EmptyPrompt);
		}
		if self.prompt.len() > context {
			return Err(RecordError::Context { tokens: self.prompt.len(), context });
		}
		match self.prompt.iter().find(|id| **id >= vocabulary) {
			Some(id) => Err(RecordError::Token(*id)),
			None => Ok(()),
		}
	}

	/// Returns the root over prompt and answer, by which a signed receipt names them.
	pub fn tokens_root(&self) -> Hash {
		let ids = [self.prompt.as_slice(), &self.answer].concat();
		merkle::root(&[merkle::leaf(&sequence_bytes(&ids))])
	}

	/// Returns after how many tokens an answer of these tokens ends, and why; `None` if it goes on behind them. Stop strings are left aside.
	pub fn true_end(&self, context: usize) -> Option<(usize, End)> {
		for (index, id) in self.answer.iter().enumerate() {
			let tokens = index.saturating_add(1);
			// A limit of none ends an answer whatever its first token is.
			if self.tokens_max > 0 && self.ends.contains(id) {
				return Some((tokens, End::EndToken));
			}
			if tokens as u64 >= self.tokens_max {
				return Some((tokens, End::Length));
			}
			// The last token needs no position.
			if self.prompt.len().saturating_add(index) == context {
				return Some((tokens, End::Context));
			}
		}
		None
	}
}
