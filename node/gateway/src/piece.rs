//! Parts of an answer on their way to the reader.

use crate::error::ApiError;
use blyan_open_model::End;
use std::time::Duration;

/// Part of an answer on its way to the reader.
#[derive(Clone, Debug)]
pub enum Piece {
	/// Text that is certain.
	Text(String),
	/// The end.
	Done(Summary),
}

/// Numbers of tokens, as they are charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
	/// Tokens of the prompt.
	pub prompt: usize,
	/// Those of them that were known from earlier conversations.
	pub known: usize,
	/// Tokens of the answer, the one that ended it included.
	pub answer: usize,
}

/// End of a generation.
#[derive(Clone, Debug)]
pub struct Summary {
	/// Reason of the end, or of the failure.
	pub outcome: Result<End, ApiError>,
	/// Tokens.
	pub usage: Usage,
	/// Time to the first token, if there was one.
	pub first_token: Option<Duration>,
	/// Time to the end.
	pub duration: Duration,
}
