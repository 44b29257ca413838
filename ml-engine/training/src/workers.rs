//! Threads that share a step's sequences.

use super::TrainError;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Threads of a run: one single-threaded pool per worker.
///
/// The tensor library parallelises large operations over the pool it is called from. With a pool of one
/// thread it never does, and the step scales with whole sequences instead, which wait for no other.
pub(crate) struct Workers {
	pools: Vec<ThreadPool>,
	/// As many threads, for work that is cut into pieces and not into sequences.
	shared: ThreadPool,
	/// Parts that a batch is cut into.
	parts: usize,
}

impl Workers {
	/// Starts `count` workers; 0 takes one for every available core.
	pub(crate) fn new(count: usize) -> Result<Self, TrainError> {
		let count = match count {
			0 => std::thread::available_parallelism().map_or(1, usize::from),
			count => count,
		};
		let pools = (0..count)
			.map(|_| ThreadPoolBuilder::new().num_threads(1).build())
			.collect::<Result<_, _>>()
			.map_err(|error| TrainError::Threads(error.to_string()))?;
		let shared = ThreadPoolBuilder::new()
			.num_threads(count)
			.build()
			.map_err(|error| TrainError::Threads(error.to_string()))?;
		Ok(Self { pools, shared, parts: count })
	}

	/// Cuts batches into `parts`, on however many threads there are. Sums over parts depend on it.
	pub(crate) fn set_parts(&mut self, parts: usize) {
		self.parts = parts.max(1);
	}

	/// Parts that a batch is cut into; one per worker unless [`Self::set_parts`] changed that.
	pub(crate) fn parts(&self) -> usize {
		self.parts
	}

	/// Runs `work`, whose parallel iterators then share the workers' threads.
	pub(crate) fn share<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
		self.shared.install(work)
	}

	/// Runs `work` on each part, and returns the results in order. Parts beyond the workers take turns.
	pub(crate) fn map<P: Send, R: Send>(&self, parts: Vec<P>, work: impl Fn(P) -> R + Sync) -> Vec<R> {
		let work = &work;
		std::thread::scope(|scope| {
			let running = parts
				.into_iter()
				.enumerate()
				.map(|(i, part)| {
					let pool = &self.pools[i % self.pools.len()];
					scope.spawn(move || pool.install(|| work(part)))
				})
				.collect::<Vec<_>>();
			running
				.into_iter()
				.map(|handle| match handle.join() {
					Ok(result) => result,
					Err(panic) => std::panic::resume_unwind(panic),
				})
				.collect()
		})
	}

	/// Splits a list into at most [`Self::parts`].
	pub(crate) fn parts_of<'a, T>(&self, list: &'a [T]) -> Vec<&'a [T]> {
		list.chunks(list.len().div_ceil(self.parts).max(1)).collect()
	}

	/// Splits sequences of `tokens` bytes into at most [`Self::parts`].
	pub(crate) fn split<'a>(&self, sequences: &'a [u8], tokens: usize) -> Vec<&'a [u8]> {
		let count = sequences.len() / tokens;
		sequences.chunks(count.div_ceil(self.parts).max(1) * tokens).collect()
	}
}
