//! Memory of a forward pass, kept from one pass to the next.

use super::{kv_cache::KvCache, routing::Routed, scratch::ThreadScratch};
use crate::model::Model;
use blyan_exact::ModelConfig;
use parking_lot::Mutex;

/// Fewest multiply-adds of a batch that several threads share: some ten milliseconds of one thread. A prompt is read once,
/// so there is no time to measure whether other work keeps threads from their cores and one thread would be faster; in that
/// case less work takes longer when shared, and otherwise it is over too soon to matter. Tests share everything.
const PARALLEL_MIN_MACS: u64 = if cfg!(test) { 1 } else { 1 << 29 };
/// The same for one token: some forty microseconds. Threads wait for each other five times a layer.
const PARALLEL_MIN_MACS_PER_TOKEN: u64 = if cfg!(test) { 1 } else { 1 << 21 };

/// Returns whether `tokens` are so much work for `model` that several threads should share them.
pub fn is_worth_sharing(model: &Model, tokens: usize) -> bool {
	let least = if tokens == 1 { PARALLEL_MIN_MACS_PER_TOKEN } else { PARALLEL_MIN_MACS };
	tokens as u64 * model.operations_at(tokens / 2) >= least
}

/// Buffers of a forward pass. Once they have grown to a batch's size, a pass allocates nothing.
///
/// With several scratches the threads of the current pool share a pass, one scratch each; the pool should have as many
/// threads. The bits do not depend on it. A pass with a recorder uses one scratch.
#[derive(Debug)]
pub struct Workspace {
	pub(super) scratches: Vec<ThreadScratch>,
	pub(super) queries: Vec<i32>,
	pub(super) keys: Vec<i32>,
	pub(super) values: Vec<i32>,
	/// Output of the attention heads, before the output projection.
	pub(super) attended: Vec<i32>,
	/// Routing of the last layer.
	pub(super) routed: Routed,
	/// Outputs of the experts, in the order of `routed`.
	pub(super) expert_outputs: Vec<i32>,
	/// Streams and KV caches of finished passes.
	streams: Vec<Vec<i32>>,
	caches: Vec<KvCache>,
}

impl Workspace {
	/// Creates a workspace for `threads`, at least one.
	pub fn new(threads: usize) -> Self {
		let mut work = Self {
			scratches: Vec::new(),
			queries: Vec::new(),
			keys: Vec::new(),
			values: Vec::new(),
			attended: Vec::new(),
			routed: Routed::default(),
			expert_outputs: Vec::new(),
			streams: Vec::new(),
			caches: Vec::new(),
		};
		work.set_threads(threads);
		work
	}

	fn set_threads(&mut self, threads: usize) {
		self.scratches.resize_with(threads.max(1), ThreadScratch::default);
	}

	/// Begins a pass: returns a stream of arbitrary content, and an empty KV cache for each of `sequences` with room for
	/// `positions`.
	pub fn begin(
		&mut self,
		config: &ModelConfig,
		sequences: usize,
		positions: usize,
	) -> (Vec<i32>, Vec<KvCache>) {
		let mut caches = std::mem::take(&mut self.caches);
		caches.retain(|cache| cache.fits(config, positions));
		caches.resize_with(sequences, || KvCache::new(config, positions));
		caches.iter_mut().for_each(KvCache::clear);
		(self.spare_stream(), caches)
	}

	/// Takes the memory of a finished pass's stream.
	pub(super) fn spare_stream(&mut self) -> Vec<i32> {
		self.streams.pop().unwrap_or_default()
	}

	/// Keeps the memory of a pass for the next.
	pub fn end(&mut self, stream: Vec<i32>, caches: Vec<KvCache>) {
		self.keep_stream(stream);
		self.caches = caches;
	}

	/// Keeps the memory of a stream.
	pub(super) fn keep_stream(&mut self, stream: Vec<i32>) {
		self.streams.push(stream);
	}
}

/// Pool of idle workspaces.
#[derive(Debug, Default)]
pub struct Workspaces(Mutex<Vec<Workspace>>);

/// Workspaces kept at most, as many as threads are likely to want.
const KEPT_MAX: usize = 16;

impl Workspaces {
	/// Creates an empty pool.
	pub const fn new() -> Self {
		Self(Mutex::new(Vec::new()))
	}

	/// Takes a workspace for `threads`, which returns to the pool when it is dropped.
	pub fn take(&self, threads: usize) -> Borrowed<'_> {
		let mut work = self.0.lock().pop().unwrap_or_else(|| Workspace::new(threads));
		work.set_threads(threads);
		Borrowed { from: self, work: Some(work) }
	}
}

/// Workspace on loan from a pool.
#[derive(Debug)]
pub struct Borrowed<'a> {
	from: &'a Workspaces,
	work: Option<Workspace>,
}

impl Borrowed<'_> {
	/// Returns the workspace.
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
