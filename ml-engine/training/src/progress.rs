//! Progress of a run.

use std::time::{Duration, Instant};

/// Report of a run after a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
	/// Updates made.
	pub step: u64,
	/// Updates planned.
	pub steps: u64,
	/// Part of the run that is over, from 0 to 1; counts time if the run is limited by time.
	pub done: f64,
	/// Mean training loss of this step, bits per byte.
	pub loss_bits: f64,
	/// Mean held-out loss, bits per byte, if it was measured after this step.
	pub holdout_bits: Option<f64>,
	/// Learning rate of this step.
	pub learning_rate: f64,
	/// Norm of this step's gradient before clipping.
	pub gradient_norm: f64,
	/// Bytes learned from so far.
	pub bytes: u64,
	/// Seconds so far, resumed parts included.
	pub seconds: f64,
}

/// Seconds a run has taken, across interruptions.
pub(crate) struct Clock {
	before: f64,
	started: Instant,
	/// Time since `started` that does not count.
	excluded: Duration,
}

impl Clock {
	/// Goes on from `seconds` spent earlier.
	pub(crate) fn resume(seconds: f64) -> Self {
		Self { before: seconds, started: Instant::now(), excluded: Duration::ZERO }
	}

	pub(crate) fn seconds(&self) -> f64 {
		self.before + self.started.elapsed().saturating_sub(self.excluded).as_secs_f64()
	}

	/// Does something that is no part of the run, such as reporting on it: a run that is paused there loses no time.
	pub(crate) fn exclude<T>(&mut self, work: impl FnOnce() -> T) -> T {
		let started = Instant::now();
		let result = work();
		self.excluded = self.excluded.saturating_add(started.elapsed());
		result
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_pause_takes_no_time_of_a_run() {
		let started = Instant::now();
		let mut clock = Clock::resume(7.0);
		let pause = Duration::from_millis(300);
		assert_eq!(
			clock.exclude(|| {
				std::thread::sleep(pause);
				3
			}),
			3
		);
		let seconds = clock.seconds() - 7.0;
		assert!(seconds >= 0.0 && seconds + pause.as_secs_f64() <= started.elapsed().as_secs_f64());
	}
}
