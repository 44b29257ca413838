//! Numbers that a task is made of: hashes of seed, suite, task and a counter.

use blyan_exact::{blake2_256, Hash};

/// Stream of draws of one task.
pub(super) struct Draws {
	stream: Hash,
	counter: u64,
}

impl Draws {
	/// Begins the stream of a task.
	pub(super) fn new(seed: &Hash, suite: &str, task: u64) -> Self {
		let stream = blake2_256(&[b"blyan-benchmark/draws", seed, &task.to_le_bytes(), suite.as_bytes()]);
		Self { stream, counter: 0 }
	}

	/// Draws a number from `least` to `largest`. Ranges are below 2^32, so the remainder of 64 bits favours none of them.
	pub(super) fn number(&mut self, least: u64, largest: u64) -> u64 {
		let [a, b, c, d, e, f, g, h, ..] = blake2_256(&[&self.stream, &self.counter.to_le_bytes()]);
		self.counter += 1;
		let drawn = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
		least + drawn % (largest.saturating_sub(least) + 1)
	}

	/// Draws `count` different entries of a list, in any order; all of them if there are fewer.
	pub(super) fn some<'a>(&mut self, list: &[&'a str], count: usize) -> Vec<&'a str> {
		let mut rest = list.to_vec();
		let mut drawn = Vec::with_capacity(count);
		while drawn.len() < count && !rest.is_empty() {
			let at = self.number(0, rest.len() as u64 - 1) as usize;
			drawn.push(rest.remove(at));
		}
		drawn
	}
}
