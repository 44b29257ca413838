//! The model that a suite is put to, as a trait: losses and greedy answers.

use crate::suite::Generation;
use blyan_open_model::RunError;
use blyan_text::{StreamError, TokenId, TokenizerError};
use serde::{Deserialize, Serialize};

/// All of a model that its results follow from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
	/// Model root, in hexadecimal digits.
	pub model_root: String,
	/// Hash of the tokenizer, in hexadecimal digits.
	pub tokenizer: String,
	/// Tokens that end an answer.
	pub ends: Vec<TokenId>,
}

/// Losses of the continuations of a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Losses {
	/// Bits in Q16 of each continuation, in order.
	pub losses: Vec<u64>,
	/// True if the context was cut at its beginning, because the model's is shorter.
	pub is_cut: bool,
}

/// Answer that a model wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
	/// Text, without the stop string.
	pub text: String,
	/// True if the prompt was cut at its beginning.
	pub is_cut: bool,
}

/// Reason why a model does not answer.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
	/// A text cannot be tokenised.
	#[error(transparent)]
	Tokenizer(#[from] TokenizerError),
	/// The model cannot read it.
	#[error(transparent)]
	Run(#[from] RunError),
	/// The answer cannot be turned into text.
	#[error(transparent)]
	Stream(#[from] StreamError),
	/// A continuation is nothing to this tokenizer.
	#[error("choice {0:?} has no token of its own behind its context: this tokenizer cannot score it")]
	NoToken(String),
	/// An answer may be longer than the context, or a choice is.
	#[error("an answer of {tokens_max} tokens does not fit the model's context of {context}")]
	Context {
		/// Tokens of an answer.
		tokens_max: usize,
		/// The model's context.
		context: usize,
	},
}

/// A model that can be measured. Equal questions have equal answers, to the bit.
pub trait Subject {
	/// Returns what names the model in reports.
	fn identity(&self) -> Identity;

	/// Computes the loss of each continuation behind the context.
	fn losses(&mut self, context: &str, continuations: &[String]) -> Result<Losses, SubjectError>;

	/// Continues a prompt with the most probable tokens.
	fn answer(&mut self, prompt: &str, generation: &Generation) -> Result<Answer, SubjectError>;
}
