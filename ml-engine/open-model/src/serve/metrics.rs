//! Counters of a server.

use serde::Serialize;

/// State of a server, and counters since it was created.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Metrics {
	/// Passes through the weights.
	pub steps: u64,
	/// Rows of conversations that write.
	pub answer_rows: u64,
	/// Rows of prompts.
	pub prompt_rows: u64,
	/// Rows of the largest step.
	pub rows_peak: usize,
	/// Tokens of the prompts of admitted conversations.
	pub prompt_tokens: u64,
	/// Those of them whose keys and values were known.
	pub prompt_tokens_known: u64,
	/// Conversations that ended by themselves.
	pub finished: u64,
	/// Conversations that were cancelled.
	pub cancelled: u64,
	/// Requests that were refused.
	pub refused: u64,
	/// Conversations that are being read or written.
	pub active: usize,
	/// Conversations that wait.
	pub waiting: usize,
	/// Blocks of keys and values that conversations use.
	pub blocks_used: usize,
	/// Blocks that are kept for later conversations.
	pub blocks_cached: usize,
	/// Blocks that there may be.
	pub blocks_max: usize,
	/// Cached blocks that were given up for new ones.
	pub blocks_evicted: u64,
	/// Bytes of one block.
	pub block_bytes: usize,
}

impl Metrics {
	/// Returns the mean rows of a step; `None` before the first one.
	pub fn rows_per_step(&self) -> Option<f64> {
		let rows = self.answer_rows + self.prompt_rows;
		(self.steps > 0).then(|| rows as f64 / self.steps as f64)
	}

	/// Returns the share of the prompts' tokens that were known; `None` before the first one.
	pub fn hit_ratio(&self) -> Option<f64> {
		(self.prompt_tokens > 0).then(|| self.prompt_tokens_known as f64 / self.prompt_tokens as f64)
	}

	/// Returns the bytes of keys and values in memory, at most.
	pub fn kv_bytes(&self) -> usize {
		(self.blocks_used + self.blocks_cached) * self.block_bytes
	}
}
