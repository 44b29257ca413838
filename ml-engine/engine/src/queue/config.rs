//! Bounds of the work that a queue takes on.

use crate::{eval::JobLimits, kernel::Kernel};
use std::time::Duration;

/// Bounds of a queue and the resources it uses.
#[derive(Clone, Copy, Debug)]
pub struct QueueConfig {
	/// Instruction set of evaluation and generation.
	pub kernel: Kernel,
	/// Threads of one evaluation; 0 means one a core.
	pub evaluation_threads: usize,
	/// Generations that have their turn at once.
	pub serving_threads: usize,
	/// Evaluations that may wait.
	pub jobs_max: usize,
	/// Ended evaluations that are remembered.
	pub results_max: usize,
	/// Generations at once, parked ones included.
	pub generations_max: usize,
	/// Bytes of KV caches that are kept between turns.
	pub cache_bytes_max: usize,
	/// Training tasks that may wait.
	pub trainings_max: usize,
	/// Openings that may wait.
	pub openings_max: usize,
	/// Bytes of items, traces and outputs that are kept for further openings.
	pub findings_bytes_max: usize,
	/// Comparisons of candidates that may wait, and as many that are remembered.
	pub comparisons_max: usize,
	/// Audits of datasets that may wait, and as many that are remembered.
	pub dataset_audits_max: usize,
	/// Comparisons of two models in suites of tasks that may wait, and as many that are remembered.
	pub benchmarks_max: usize,
	/// Longest prompt.
	pub prompt_bytes_max: u32,
	/// Longest generation.
	pub generation_bytes_max: u32,
	/// Longest pause of an evaluation for serving between two groups of sequences.
	pub evaluation_patience: Duration,
	/// Bounds of a single job.
	pub limits: JobLimits,
}

impl Default for QueueConfig {
	fn default() -> Self {
		Self {
			kernel: Kernel::best(),
			evaluation_threads: 0,
			serving_threads: 2,
			jobs_max: 256,
			results_max: 1_024,
			generations_max: 512,
			cache_bytes_max: 256 << 20,
			trainings_max: 4,
			openings_max: 64,
			findings_bytes_max: 256 << 20,
			comparisons_max: 256,
			dataset_audits_max: 64,
			benchmarks_max: 8,
			prompt_bytes_max: 64 * 1_024,
			generation_bytes_max: 16 * 1_024,
			evaluation_patience: Duration::from_secs(2),
			limits: JobLimits::default(),
		}
	}
}
