//! Metrics of a queue.

use std::time::Duration;

/// Upper bounds of the buckets that durations are counted in, in seconds. What took longer is in none of them.
pub const DURATION_BOUNDS: [f64; 11] = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0];

/// Histogram of durations since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Durations {
	/// Counts by upper bound; each of [`DURATION_BOUNDS`] includes those before it.
	pub at_most: [u64; DURATION_BOUNDS.len()],
	/// Total count.
	pub count: u64,
	/// All of them together, in seconds.
	pub sum_seconds: f64,
}

impl Durations {
	/// Takes note of one.
	pub fn note(&mut self, took: Duration) {
		let seconds = took.as_secs_f64();
		for (count, bound) in self.at_most.iter_mut().zip(DURATION_BOUNDS) {
			*count += u64::from(seconds <= bound);
		}
		self.count += 1;
		self.sum_seconds += seconds;
	}
}

/// A snapshot; counters count since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QueueMetrics {
	/// Evaluations that wait.
	pub queued: u64,
	/// Evaluations that run: 0 or 1.
	pub running: u64,
	/// Evaluations that gave a result.
	pub done: u64,
	/// Evaluations that ended without one, cancelled ones included and [`Self::put_off`] not.
	pub failed: u64,
	/// Evaluations put off because a blob is not here: one for each blob that a job had to wait for.
	pub put_off: u64,
	/// Sequences evaluated, baseline and candidate both.
	pub sequences: u64,
	/// Seconds spent evaluating, pauses included.
	pub evaluation_seconds: f64,
	/// `sequences / evaluation_seconds`; zero before the first.
	pub sequences_per_second: f64,
	/// Generations that wait for their first turn.
	pub generations_queued: u64,
	/// Generations that take turns.
	pub generating: u64,
	/// Generations that wait for their readers.
	pub generations_parked: u64,
	/// Bytes generated, up to the last turn that ended.
	pub generated_bytes: u64,
	/// Seconds that serving rested for evaluations.
	pub rested_seconds: f64,
	/// Openings that wait or are being computed.
	pub openings_queued: u64,
	/// Openings given since the start.
	pub openings: u64,
	/// Openings that could not be computed.
	pub openings_failed: u64,
	/// Bytes kept for further openings.
	pub findings_bytes: u64,
	/// Training tasks that wait or run.
	pub trainings: u64,
	/// Durations of evaluations, pauses included, whether or not they gave a result.
	pub evaluation_durations: Durations,
	/// Durations of generations, waits between turns not included.
	pub generation_durations: Durations,
	/// Durations of the computations behind openings.
	pub opening_durations: Durations,
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn durations_are_counted_in_every_bucket_that_holds_them() {
		let mut durations = Durations::default();
		for millis in [10, 500, 2_000_000] {
			durations.note(Duration::from_millis(millis));
		}
		assert_eq!(durations.at_most, [1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2]);
		assert_eq!(durations.count, 3);
		assert!((durations.sum_seconds - 2_000.51).abs() < 1e-9);
	}
}
