//! Many conversations with one model: continuous batching, and a cache of prompts.
//!
//! A [`Server`] advances all conversations a step at a time. A step is one pass through the weights: one row of each
//! conversation that writes, and some rows of prompts that are still being read, so that a long prompt delays the others
//! by a bounded time. Rows of a pass do not see each other, so each answer is to the bit what the conversation would have
//! got alone, and its [record](crate::record) replays.
//!
//! Keys and values lie in blocks of [`BLOCK_POSITIONS`] positions under a budget of bytes. A whole block has a key, the
//! hash of all token ids up to its end; conversations with the same beginning share it, and it stays for later ones until
//! the memory is wanted for something else, least recently used first:
//!
//! ```text
//!                 block 0          block 1          block 2
//! conversation A  [system prompt   |system, question A|  answer, being written]
//! conversation B  [the same block ]|[system, question B|  ...
//! ```
//!
//! A conversation is admitted once its prompt and the longest answer that it may get fit the budget, first come, first
//! served; from then on it never waits for memory. One that would not fit an empty server is refused.
//!
//! [`Service`] runs a server on a thread of its own, for callers on any number of threads.

mod active;
mod blocks;
mod error;
mod metrics;
mod schedule;
mod server;
mod service;

pub use blocks::BLOCK_POSITIONS;
pub use error::ServeError;
pub use metrics::Metrics;
pub use server::Server;
pub use service::{Handle, Service, Ticket};

use crate::{
	conversation::{Answer, Settings},
	run::{RunError, Scores},
};
use blyan_text::{TokenId, Tokenizer};
use std::sync::Arc;

/// Number of a conversation, never used twice by one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationId(u64);

/// Bounds of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
	/// Bytes of keys and values, those of the cache included.
	pub kv_bytes: usize,
	/// Rows of one step; at least [`Self::ROWS_MIN`].
	pub rows: usize,
	/// Rows of prompts in a step that has rows of answers too: they delay the answers.
	pub prompt_rows: usize,
	/// Conversations that are read or written at a time.
	pub active: usize,
	/// Conversations that wait for memory or for their turn.
	pub waiting: usize,
}

impl Limits {
	/// Least number of rows of a step: half of them are kept for prompts, whatever is being written.
	pub const ROWS_MIN: usize = 16;
}

impl Default for Limits {
	fn default() -> Self {
		Self { kv_bytes: 1 << 30, rows: 64, prompt_rows: 48, active: 64, waiting: 256 }
	}
}

/// Question to a server.
#[derive(Clone)]
pub struct Request {
	/// Token ids to answer, as a chat template writes them.
	pub prompt: Vec<TokenId>,
	/// Settings of the answer.
	pub settings: Settings,
	/// Tokens that end an answer.
	pub ends: Vec<TokenId>,
	/// Tokenizer for the text of the answer. Without one there are tokens only, and stop strings are refused.
	pub tokenizer: Option<Arc<Tokenizer>>,
	/// Most probable tokens whose scores are wanted with each chosen one's; `None` for no scores.
	pub scores: Option<usize>,
}

/// News of a conversation.
#[derive(Clone, Debug)]
pub enum Event {
	/// A token was chosen.
	Token(TokenId),
	/// Scores of the token before, if they are wanted.
	Scores(Box<Scores>),
	/// Text became certain.
	Text(String),
	/// The answer is over; there is nothing behind it.
	Ended(Box<Answer>),
	/// The server cannot go on; there is nothing behind it.
	Failed(RunError),
}
