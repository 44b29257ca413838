//! Comparisons of two models in suites of tasks.

use super::{
	background::run_behind_evaluation, contained, state::BenchmarkProgress, JobQueue, Shared, LOOK_EVERY,
};
use crate::benchmark::{self, Means};
use blyan_primitives::{
	evolution::{BenchmarkJob, BenchmarkStatus},
	EngineError,
};
use sp_core::H256;
use std::{
	sync::{atomic::AtomicBool, Arc},
	time::Instant,
};

impl JobQueue {
	/// Measures two models. Begins and answers [`BenchmarkStatus::Running`] while that lasts; asking again gives the answer. An error,
	/// such as a blob that is not here, is told once, and asking again tries again.
	pub fn run_benchmark(&self, job: BenchmarkJob) -> Result<BenchmarkStatus, EngineError> {
		self.shared.config.limits.check_benchmark(&job)?;
		let (key, total) = (job.id(), benchmark::tasks(&job));
		let mut state = self.shared.state.lock();
		if let Some(outcome) = state.benchmarks.answer(&key) {
			return Ok(BenchmarkStatus::Done(outcome));
		}
		if !state.benchmarks.is_known(&key) {
			if let Some(missing) = self.missing_blobs(&job).first() {
				return Err(EngineError::BlobMissing(*missing));
			}
		}
		let found = state.benchmarks.find(key, job, self.shared.config.benchmarks_max);
		let done = match state.benchmarks.running() == Some(key) {
			true => state.benchmark.done,
			false => 0,
		};
		drop(state);
		self.shared.changed.notify_all();
		Ok(found?.map_or(BenchmarkStatus::Running { done, total }, BenchmarkStatus::Done))
	}

	/// Returns every blob that a comparison of two models lacks.
	pub fn missing_blobs(&self, job: &BenchmarkJob) -> Vec<H256> {
		benchmark::missing(job, self.shared.models.blobs())
	}
}

/// The measuring thread. Its models run on threads of their own.
pub(super) fn measure(shared: &Shared) {
	run_behind_evaluation();
	let threads = match shared.config.evaluation_threads {
		0 => std::thread::available_parallelism().map_or(1, usize::from),
		threads => threads,
	};
	loop {
		let (key, job) = {
			let mut state = shared.state.lock();
			loop {
				if state.stopping {
					return;
				}
				if let Some(next) = state.benchmarks.start_next() {
					state.benchmark = BenchmarkProgress::default();
					break next;
				}
				shared.changed.wait(&mut state);
			}
		};
		let started = Instant::now();
		let progress = |done: u32| give_way_to_all(shared, done);
		let watch = |flag: &Arc<AtomicBool>| shared.state.lock().watch_benchmark(flag);
		let means = Means { kernel: shared.kernel, threads, progress: &progress, watch: &watch };
		let run = || benchmark::run(&job, shared.models.blobs(), means);
		let found = contained(run).unwrap_or(Err(EngineError::Internal));
		match &found {
			Ok(_) => log::info!("benchmark {key:?} took {:.0} s", started.elapsed().as_secs_f64()),
			Err(EngineError::BlobMissing(hash)) => log::debug!("benchmark {key:?} waits for blob {hash:?}"),
			Err(error) => log::info!("benchmark {key:?} has no outcome: {error:?}"),
		}
		let mut state = shared.state.lock();
		state.benchmark = BenchmarkProgress::default();
		state.benchmarks.finish(key, found, shared.config.benchmarks_max);
		drop(state);
		shared.changed.notify_all();
	}
}

/// Notes the tasks that are done, and pauses while serving or evaluation has work, for a bounded time: a comparison goes on by a task
/// at least each [`evaluation_patience`](super::QueueConfig::evaluation_patience). Fails if it has been given up.
fn give_way_to_all(shared: &Shared, done: u32) -> Result<(), EngineError> {
	let until = Instant::now() + shared.config.evaluation_patience;
	loop {
		let mut is_free = false;
		if let Some(mut state) = shared.state.try_lock() {
			if state.stopping || state.benchmark.is_cancelled {
				return Err(EngineError::Cancelled);
			}
			state.benchmark.done = done;
			is_free = !state.is_serving() && !state.is_evaluating();
		}
		if is_free || Instant::now() >= until {
			return Ok(());
		}
		std::thread::sleep(LOOK_EVERY);
	}
}
