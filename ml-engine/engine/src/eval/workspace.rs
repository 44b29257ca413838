//! Memory of a forward pass, kept from one to the next.

use super::{mixture::Routed, past::KeyValues};
use crate::{
	kernel::{activations::ActivationRows, packed::GROUP_ROWS},
	model::Model,
};
use blyan_exact::ModelConfig;
use parking_lot::Mutex;

/// Fewest multiply-adds of a batch that are worth sharing: some ten milliseconds of one thread. A prompt is read once, so
/// nobody finds out in time that other work keeps threads from their cores, and that one would have been faster; then
/// less work takes longer shared out, and else it is so soon over that nobody notices. Tests share everything.
const SHARED_OPERATIONS_MIN: u64 = if cfg!(test) { 1 } else { 1 << 29 };
/// The same for one token: some forty microseconds. Threads then wait for each other five times a layer.
const SHARED_TOKEN_MIN: u64 = if cfg!(test) { 1 } else { 1 << 21 };

/// Whether `tokens` are so much work for `model` that several threads should share them.
pub fn is_worth_sharing(model: &Model, tokens: usize) -> bool {
	let least = if tokens == 1 { SHARED_TOKEN_MIN } else { SHARED_OPERATIONS_MIN };
	tokens as u64 * model.operations_at(tokens / 2) >= least
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
	/// Streams and pasts of passes that are over.
	streams: Vec<Vec<i32>>,
	pasts: Vec<KeyValues>,
}

impl Workspace {
	/// For `lanes` threads, one at least.
	pub fn new(lanes: usize) -> Self {
		let mut work = Self {
			lanes: Vec::new(),
			queries: Vec::new(),
			keys: Vec::new(),
			values: Vec::new(),
			attended: Vec::new(),
			routed: Routed::default(),
			said: Vec::new(),
			streams: Vec::new(),
			pasts: Vec::new(),
		};
		work.set_lanes(lanes);
		work
	}

	fn set_lanes(&mut self, lanes: usize) {
		self.lanes.resize_with(lanes.max(1), Lane::default);
	}

	/// A stream of whatever was in its place, and empty pasts of `sequences` with room for `positions`.
	pub fn begin(
		&mut self,
		config: &ModelConfig,
		sequences: usize,
		positions: usize,
	) -> (Vec<i32>, Vec<KeyValues>) {
		let mut pasts = std::mem::take(&mut self.pasts);
		pasts.retain(|past| past.fits(config, positions));
		pasts.resize_with(sequences, || KeyValues::new(config, positions));
		pasts.iter_mut().for_each(KeyValues::clear);
		(self.spare_stream(), pasts)
	}

	/// The memory of a stream that is over.
	pub(super) fn spare_stream(&mut self) -> Vec<i32> {
		self.streams.pop().unwrap_or_default()
	}

	/// Keeps the memory of a pass for the next.
	pub fn end(&mut self, stream: Vec<i32>, pasts: Vec<KeyValues>) {
		self.keep_stream(stream);
		self.pasts = pasts;
	}

	/// Keeps the memory of a stream.
	pub(super) fn keep_stream(&mut self, stream: Vec<i32>) {
		self.streams.push(stream);
	}
}

/// Workspaces that nobody uses right now.
#[derive(Debug, Default)]
pub struct Workspaces(Mutex<Vec<Workspace>>);

/// Workspaces kept at most, as many as threads are likely to want.
const KEPT_MAX: usize = 16;

impl Workspaces {
	/// None yet.
	pub const fn new() -> Self {
		Self(Mutex::new(Vec::new()))
	}

	/// One with so many lanes, which comes back when it is dropped.
	pub fn take(&self, lanes: usize) -> Borrowed<'_> {
		let mut work = self.0.lock().pop().unwrap_or_else(|| Workspace::new(lanes));
		work.set_lanes(lanes);
		Borrowed { from: self, work: Some(work) }
	}
}

/// A workspace for as long as it is used.
#[derive(Debug)]
pub struct Borrowed<'a> {
	from: &'a Workspaces,
	work: Option<Workspace>,
}

impl Borrowed<'_> {
	/// The workspace.
	pub fn get(&mut self) -> &mut Workspace {
		self.work.get_or_insert_with(|| Workspace::new(1))
	}
}

impl Drop for Borrowed<'_> {
	fn drop(&mut self) {
		let mut kept = self.from.0.lock();
		if kept.len() < KEPT_MAX {
			kept.extend(self.work.take());
		}
	}
}

/// `len` numbers in memory that is there already; what they are is to be written.
pub(super) fn sized(buffer: &mut Vec<i32>, len: usize) -> &mut [i32] {
	buffer.resize(len, 0);
	buffer
}

/// Rows of a matrix of `rows` for each of `lanes`, in whole groups.
pub(super) fn share_rows(rows: usize, lanes: usize) -> usize {
	rows.div_ceil(lanes).next_multiple_of(GROUP_ROWS)
}

/// Tokens for each of `lanes`; products take tokens four at a time.
pub(super) fn share(tokens: usize, lanes: usize) -> usize {
	if lanes <= 1 {
		tokens.max(1)
	} else {
		tokens.div_ceil(lanes).next_multiple_of(4)
	}
}
