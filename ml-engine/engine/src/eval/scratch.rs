//! Scratch memory of one thread, and how work is divided among threads.

use crate::kernel::{activations::ActivationRows, packed::GROUP_ROWS};

/// Buffers that one thread works with.
#[derive(Debug, Default)]
pub(super) struct ThreadScratch {
	/// Inputs of a product.
	pub(super) inputs: ActivationRows,
	/// An expert's hidden layer.
	pub(super) hidden: Vec<i32>,
	/// The same as it goes into the second product.
	pub(super) normalised: ActivationRows,
	/// Update of the stream, or logits.
	pub(super) update: Vec<i32>,
	/// A row on its way to eight bits.
	pub(super) entries: Vec<i64>,
	/// One head of consecutive queries, quantised, and their maxima.
	pub(super) head_queries: Vec<i8>,
	pub(super) head_maxima: Vec<i32>,
	/// Scores of some of them.
	pub(super) scores: Vec<i32>,
}

/// Resizes a buffer without clearing it; the caller writes every number.
pub(super) fn sized(buffer: &mut Vec<i32>, len: usize) -> &mut [i32] {
	buffer.resize(len, 0);
	buffer
}

/// Returns the rows of a matrix of `rows` for each of `threads`, in whole groups.
pub(super) fn rows_per_thread(rows: usize, threads: usize) -> usize {
	rows.div_ceil(threads).next_multiple_of(GROUP_ROWS)
}

/// Returns the tokens for each of `threads`; products take tokens four at a time.
pub(super) fn tokens_per_thread(tokens: usize, threads: usize) -> usize {
	if threads <= 1 {
		tokens.max(1)
	} else {
		tokens.div_ceil(threads).next_multiple_of(4)
	}
}
