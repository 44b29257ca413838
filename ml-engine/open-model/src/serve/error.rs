//! Reasons for which a request is refused.

use crate::run::RunError;
use blyan_text::StreamError;

/// Reason why a server does not answer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServeError {
	/// The model cannot read the prompt.
	#[error("the prompt: {0}")]
	Prompt(RunError),
	/// The settings of the answer are refused.
	#[error("the settings: {0}")]
	Settings(StreamError),
	/// Stop strings need text, and text needs a tokenizer.
	#[error("stop strings were given without a tokenizer: give the model's tokenizer, or no stop strings")]
	StopWithoutTokenizer,
	/// The conversation would not fit an empty server.
	#[error(
		"{positions} positions need {needed} bytes of keys and values and the server has {limit}: shorten the prompt, \
		 allow fewer tokens, or give the server more memory"
	)]
	Memory {
		/// Positions of the prompt and the longest answer.
		positions: usize,
		/// Bytes that they need.
		needed: usize,
		/// Bytes that the server may use.
		limit: usize,
	},
	/// There are as many conversations as the server takes.
	#[error("{waiting} conversations are waiting already: try again later")]
	Busy {
		/// Conversations that wait.
		waiting: usize,
	},
	/// The memory does not hold a single block.
	#[error(
		"{limit} bytes of keys and values are less than one block of {block}: give the server more memory"
	)]
	NoBlock {
		/// Bytes that the server may use.
		limit: usize,
		/// Bytes of a block.
		block: usize,
	},
	/// The service has ended.
	#[error("the service has ended: start it again")]
	Stopped,
	/// The service's thread cannot be started.
	#[error("cannot start the thread of the service: {0}")]
	Thread(String),
}
