//! Threads that share a step's sequences.

use super::TrainError;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// One single-threaded pool a worker.
///
/// The tensor library parallelises large operations over the pool it is called from. With a pool of one
/// thread it never does, and the step scales with whole sequences instead, which wait for nobody.
pub(crate) struct Workers {
	pools: Vec<ThreadPool>,
}

impl Workers {
	/// `count` workers; 0 takes one for every available core.
	pub(crate) fn new(count: usize) -> Result<Self, TrainError> {
		let count = match count {
			0 => std::thread::available_parallelism().map_or(1, usize::from),
			count => count,
		};
		let pools = (0..count)
			.map(|_| ThreadPoolBuilder::new().num_threads(1).build())
			.collect::<Result<_, _>>()
			.map_err(|error| TrainError::Threads(error.to_string()))?;
		Ok(Self { pools })
	}

	/// Runs `work` on each part, at most one part a worker, and returns the results in order.
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

	/// Splits sequences of `tokens` bytes into at most one part for each worker.
	pub(crate) fn split<'a>(&self, sequences: &'a [u8], tokens: usize) -> Vec<&'a [u8]> {
		let count = sequences.len() / tokens;
		sequences.chunks(count.div_ceil(self.pools.len()).max(1) * tokens).collect()
	}
}
