//! Errors: what is wrong, and what to do.

use crate::TokenId;
use thiserror::Error;

/// Reason why a tokenizer cannot be built, or a text not be encoded.
#[derive(Debug, Error)]
pub enum TokenizerError {
	/// A kind of tokenizer that has no exact bytes for each token, or that nothing here computes.
	#[error(
		"the tokenizer is of an unsupported kind: {0}; supported are byte-level BPE and SentencePiece BPE"
	)]
	Unsupported(String),
	/// A pre-tokenizer that a GGUF file names and that is not known here.
	#[error("the GGUF file names the pre-tokenizer {0:?}, which is not known; import the checkpoint from its tokenizer.json instead")]
	UnknownPreTokenizer(String),
	/// A file or a table that contradicts itself.
	#[error("the tokenizer is malformed: {0}; download the checkpoint again")]
	Malformed(String),
	/// More than the formats allow.
	#[error("the tokenizer has {value} {what}, more than {limit}")]
	TooLarge {
		/// The thing that was counted.
		what: &'static str,
		/// Its count.
		value: usize,
		/// The most that is allowed.
		limit: usize,
	},
	/// An error of the library that computes the merges.
	#[error("the text could not be encoded: {0}")]
	Encode(String),
}

/// Reason why a conversation cannot be rendered.
#[derive(Debug, Error)]
pub enum ChatError {
	/// The template is not Jinja as checkpoints use it.
	#[error("the chat template does not parse: {0}; pass another template")]
	Syntax(String),
	/// The template stopped with an error, ran out of steps, or wrote too much.
	#[error("the chat template failed: {0}")]
	Render(String),
	/// A template or a conversation that is larger than any model reads.
	#[error("the {what} has {value} bytes, more than {limit}")]
	TooLarge {
		/// The thing that was measured.
		what: &'static str,
		/// Its size in bytes.
		value: usize,
		/// The most that is allowed.
		limit: usize,
	},
	/// A conversation without a message of the user.
	#[error("the conversation has no user message; add one")]
	NoUserMessage,
	/// The system prompt, the template and the end of the last user message, which are not cut, exceed the budget.
	#[error("the system prompt and the template take {needed} tokens of a budget of {budget}; shorten the system prompt or raise the budget")]
	BudgetTooSmall {
		/// Tokens of the conversation without anything that may be cut.
		needed: usize,
		/// Tokens that the prompt may have.
		budget: usize,
	},
	/// The rendered conversation could not be encoded.
	#[error(transparent)]
	Tokenizer(#[from] TokenizerError),
}

/// Reason why a stream cannot be opened.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum StreamError {
	/// A stop string without a character would stop before anything is written.
	#[error("stop string {index} is empty; leave it out")]
	EmptyStop {
		/// Its place in the list.
		index: usize,
	},
	/// More stop strings than a stream looks for.
	#[error("{count} stop strings are more than {limit}")]
	TooManyStops {
		/// The number given.
		count: usize,
		/// The most that is allowed.
		limit: usize,
	},
	/// A stop string that would hold back too much text.
	#[error("stop string {index} has {length} bytes, more than {limit}")]
	StopTooLong {
		/// Its place in the list.
		index: usize,
		/// Its size in bytes.
		length: usize,
		/// The most that is allowed.
		limit: usize,
	},
	/// A token that ends the stream and is not in the vocabulary.
	#[error("token {id}, which should end the stream, is not in the vocabulary of {size} tokens")]
	UnknownEnd {
		/// The token.
		id: TokenId,
		/// Size of the vocabulary.
		size: u32,
	},
}
