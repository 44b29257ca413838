//! Exponential backoff with jitter.

use rand::Rng;
use std::time::Duration;

/// Waits that double, up to a bound, each shortened by chance so that many who failed together do not return together.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
	/// The first wait at its longest.
	pub first: Duration,
	/// The longest wait.
	pub longest: Duration,
}

impl Backoff {
	/// The wait after `failures` failures in a row, at least one: between half of it and all of it.
	pub fn wait(&self, failures: u32, rng: &mut impl Rng) -> Duration {
		let doublings = failures.saturating_sub(1).min(20);
		let longest = self.first.saturating_mul(1 << doublings).min(self.longest);
		longest.mul_f64(rng.gen_range(0.5..=1.0))
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;
	use rand::{rngs::StdRng, SeedableRng};

	proptest! {
		#[test]
		fn waits_grow_and_stay_within_their_bounds(failures in 1_u32..100, seed: u64) {
			let backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(60) };
			let wait = backoff.wait(failures, &mut StdRng::seed_from_u64(seed));
			let most = (100_u64 << failures.min(20)) / 2;
			prop_assert!(wait <= Duration::from_millis(most).min(backoff.longest));
			prop_assert!(wait >= Duration::from_millis(most / 2).min(backoff.longest / 2));
		}
	}
}
