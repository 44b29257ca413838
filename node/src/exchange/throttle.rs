//! A rate that is kept on average, in bytes a second.

use std::time::Duration;

/// Says how long to wait before sending so many bytes.
#[derive(Debug)]
pub struct Throttle {
	/// Bytes a second; `None` for no limit.
	rate: Option<u64>,
	/// Until when the bytes taken so far keep the line busy.
	busy_until: Duration,
}

/// Silence that may be made up for afterwards.
const BURST: Duration = Duration::from_millis(250);

impl Throttle {
	/// Keeps to `rate` bytes a second, or to none.
	pub fn new(rate: Option<u64>) -> Self {
		Self { rate: rate.filter(|rate| *rate > 0), busy_until: Duration::ZERO }
	}

	/// Takes `bytes` at the time `now` and returns how long to wait before sending them; takes nothing if others already
	/// keep the line busy for longer than `patience`.
	pub fn take(&mut self, now: Duration, bytes: u64, patience: Duration) -> Option<Duration> {
		let Some(rate) = self.rate else { return Some(Duration::ZERO) };
		if self.busy_until.saturating_sub(now) > patience {
			return None;
		}
		let from = self.busy_until.max(now.saturating_sub(BURST));
		self.busy_until = from + Duration::from_secs_f64(bytes as f64 / rate as f64);
		Some(self.busy_until.saturating_sub(now))
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	proptest! {
		#[test]
		fn the_rate_is_kept_and_used(rate in 1_000_u64..1_000_000, sizes in prop::collection::vec(1_u64..100_000, 1..50)) {
			let mut throttle = Throttle::new(Some(rate));
			let (mut now, mut sent) = (Duration::from_secs(5), 0);
			let began = now;
			for size in sizes {
				now += throttle.take(now, size, Duration::MAX).expect("patient");
				sent += size;
			}
			let (took, fair) = ((now - began).as_secs_f64(), sent as f64 / rate as f64);
			prop_assert!(took <= fair + 1e-6 && took + BURST.as_secs_f64() + 1e-6 >= fair);
		}
	}

	#[test]
	fn without_a_rate_nobody_waits() {
		for rate in [None, Some(0)] {
			let wait = Throttle::new(rate).take(Duration::ZERO, u64::MAX, Duration::ZERO);
			assert_eq!(wait, Some(Duration::ZERO));
		}
	}

	#[test]
	fn who_would_wait_too_long_takes_nothing() {
		let (mut throttle, second) = (Throttle::new(Some(1_000)), Duration::from_secs(1));
		let now = 10 * second;
		assert_eq!(throttle.take(now, 3_000, second), Some(3 * second - BURST));
		assert_eq!(throttle.take(now, 1_000, 2 * second), None);
		assert_eq!(throttle.take(now + second, 1_000, 2 * second), Some(3 * second - BURST));
	}
}
