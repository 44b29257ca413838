//! Memory of a forward pass, kept from one to the next.

use super::mixture::Routed;
use crate::{kernel::rows::ActivationRows, model::Model};

/// Fewest multiply-adds that are worth sharing: some ten milliseconds of one thread. Threads wait for each other five
/// times a layer, which on a busy machine takes longer than small models take altogether. Tests share everything.
const SHARED_OPERATIONS_MIN: u64 = if cfg!(test) { 1 } else { 1 << 29 };

/// Whether `tokens` are so much work for `model` that several threads should share them.
pub fn is_worth_sharing(model: &Model, tokens: usize) -> bool {
	tokens > 1 && tokens as u64 * model.operations_at(tokens / 2) >= SHARED_OPERATIONS_MIN
}

/// What one thread works with.
#[derive(Debug, Default)]
pub(super) struct Lane {
	/// What goes into a product.
	pub(super) inputs: ActivationRows,
	/// An expert's hidden layer.
	pub(super) hidden: Vec<i32>,
	/// The same as it goes into the second product.
	pub(super) normalised: ActivationRows,
	/// What is added to the stream, or logits.
	pub(super) update: Vec<i32>,
	/// A row on its way to eight bits.
	pub(super) entries: Vec<i64>,
	/// One head of consecutive queries, quantised, and their maxima.
	pub(super) head_queries: Vec<i8>,
	pub(super) head_maxima: Vec<i32>,
	/// Scores of some of them.
	pub(super) scores: Vec<i32>,
}

/// Buffers of a forward pass. Once they have grown to a batch's size, a pass allocates nothing.
///
/// With several lanes the parts of a pass are shared out among the threads of the current pool, which should have as
/// many; the bits do not depend on it. Whoever records uses one lane.
#[derive(Debug)]
pub struct Workspace {
	pub(super) lanes: Vec<Lane>,
	pub(super) queries: Vec<i32>,
	pub(super) keys: Vec<i32>,
	pub(super) values: Vec<i32>,
	/// What attention puts out, before it is mixed.
	pub(super) attended: Vec<i32>,
	/// Where the last layer's tokens went.
	pub(super) routed: Routed,
	/// What the experts said, in the order of `routed`.
	pub(super) said: Vec<i32>,
}

impl Workspace {
	/// For `lanes` threads, one at least.
	pub fn new(lanes: usize) -> Self {
		let mut all = Vec::new();
		all.resize_with(lanes.max(1), Lane::default);
		Self {
			lanes: all,
			queries: Vec::new(),
			keys: Vec::new(),
			values: Vec::new(),
			attended: Vec::new(),
			routed: Routed::default(),
			said: Vec::new(),
		}
	}
}

/// `len` numbers in memory that is there already; what they are is to be written.
pub(super) fn sized(buffer: &mut Vec<i32>, len: usize) -> &mut [i32] {
	buffer.resize(len, 0);
	buffer
}

/// Tokens for each of `lanes`; products take tokens four at a time.
pub(super) fn share(tokens: usize, lanes: usize) -> usize {
	if lanes <= 1 {
		tokens.max(1)
	} else {
		tokens.div_ceil(lanes).next_multiple_of(4)
	}
}
