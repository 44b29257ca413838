//! Autotuner of decoding: one thread or several for the next byte.
//!
//! Several threads wait for each other a few times a layer. On an idle machine that is soon over; where other work keeps a
//! core from one of them, all wait for it, and one thread alone is faster. Only a clock can tell. The bits are the same
//! either way.

use std::time::Duration;

/// Bytes after which the slower way is tried again.
const TRY_AGAIN: u32 = 64;

/// Autotuner between single- and multi-threaded decoding, by the time that bytes took.
#[derive(Debug, Default)]
pub struct Autotuner {
	/// Recent times of a byte, near the fastest: by one thread, and shared.
	recent: [Option<Duration>; 2],
	bytes: u32,
}

impl Autotuner {
	/// Returns whether threads should share the next byte. In tests they always do.
	pub fn shares(&mut self) -> bool {
		if cfg!(test) {
			return true;
		}
		self.chooses_shared()
	}

	fn chooses_shared(&mut self) -> bool {
		match self.recent {
			[None, _] => false,
			[Some(_), None] => true,
			[Some(alone), Some(shared)] => {
				self.bytes += 1;
				(shared < alone) != self.bytes.is_multiple_of(TRY_AGAIN)
			}
		}
	}

	/// Records the time of a byte.
	pub fn note(&mut self, was_shared: bool, took: Duration) {
		let recent = &mut self.recent[usize::from(was_shared)];
		// Interruptions count little, and what was never interrupted so far counts for a while.
		*recent = Some(match *recent {
			Some(before) if took > before => (before * 7 + took) / 8,
			_ => took,
		});
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	/// Counts the bytes of `count` that threads share, when each way takes as long as this.
	fn shared_of(tuner: &mut Autotuner, count: u32, [alone, shared]: [u64; 2]) -> u32 {
		let mut bytes = 0;
		for _ in 0..count {
			let is_shared = tuner.chooses_shared();
			bytes += u32::from(is_shared);
			tuner.note(is_shared, Duration::from_micros(if is_shared { shared } else { alone }));
		}
		bytes
	}

	#[test]
	fn the_faster_way_is_taken_and_the_other_tried_now_and_then() {
		assert!((960..1_000).contains(&shared_of(&mut Autotuner::default(), 1_000, [700, 300])));
		assert!((1..40).contains(&shared_of(&mut Autotuner::default(), 1_000, [300, 700])));
	}

	#[test]
	fn what_became_slow_is_left_and_taken_again_when_it_is_fast_again() {
		let mut tuner = Autotuner::default();
		shared_of(&mut tuner, 100, [700, 300]);
		// Other work runs: threads wait for the one that is kept from its core.
		assert!(shared_of(&mut tuner, 1_000, [700, 5_000]) < 40);
		assert!(shared_of(&mut tuner, 1_000, [700, 300]) > 800);
	}

	#[test]
	fn one_interruption_changes_nothing() {
		let mut tuner = Autotuner::default();
		shared_of(&mut tuner, 100, [700, 300]);
		tuner.note(true, Duration::from_millis(2));
		assert!(shared_of(&mut tuner, 60, [700, 300]) > 50);
	}
}
