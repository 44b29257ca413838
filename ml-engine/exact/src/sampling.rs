//! Choosing the next byte, reproducibly.

use crate::{
	exponential::{exp2_neg, log2},
	hash::{blake2_256, Hash},
};
use alloc::vec::Vec;

/// How the next byte is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling {
	/// Temperature in Q8: 256 samples from the model's own distribution, 0 always takes its favourite.
	pub temperature: u16,
	/// Share of the probability (Q8) that the favourites must reach together; the rest is never chosen.
	/// 256 and more keep every byte, 0 keeps the favourite.
	pub top_p: u16,
	/// Key of the noise.
	pub seed: Hash,
}

impl Sampling {
	/// The byte after `position` bytes, from logits in base-2 units (Q16, at most 2^30 in magnitude).
	///
	/// Adds Gumbel noise to the scaled logits and takes the largest, which samples from their softmax.
	/// Ties go to the lower byte.
	pub fn sample(&self, logits: &[i32], position: u64) -> u8 {
		let largest = logits.iter().copied().max().unwrap_or(0);
		if self.temperature == 0 {
			return logits.iter().position(|&z| z == largest).unwrap_or(0) as u8;
		}
		// Distance from the favourite at this temperature. At most 2^31 * 2^8 before the division.
		let distances: Vec<u64> = logits
			.iter()
			.map(|&z| (u64::from(largest.abs_diff(z)) << 8) / u64::from(self.temperature))
			.collect();
		let kept = self.kept(logits, &distances);
		let noise = Noise { seed: self.seed, position };
		kept.into_iter()
			.map(|byte| (noise.gumbel_q16(byte) - distances[usize::from(byte)] as i64, byte))
			.reduce(
				|best, next| {
					if next.0 > best.0 || (next.0 == best.0 && next.1 < best.1) {
						next
					} else {
						best
					}
				},
			)
			.map_or(0, |(_, byte)| byte)
	}

	/// The bytes nearest to the favourite that reach `top_p` together.
	fn kept(&self, logits: &[i32], distances: &[u64]) -> Vec<u8> {
		let mut order: Vec<u8> = (0..logits.len()).map(|byte| byte as u8).collect();
		order.sort_by_key(|&byte| (core::cmp::Reverse(logits[usize::from(byte)]), byte));
		// Terms in Q24, at most 2^24 each and 2^32 in all.
		let term = |byte: u8| {
			let distance = distances[usize::from(byte)].min(u64::from(u32::MAX)) as u32;
			u64::from(exp2_neg(distance) >> 6)
		};
		let total: u64 = order.iter().map(|&byte| term(byte)).sum();
		let mut reached = 0;
		let mut count = 0;
		for &byte in &order {
			if count > 0 && reached << 8 >= total * u64::from(self.top_p) {
				break;
			}
			reached += term(byte);
			count += 1;
		}
		if self.top_p < 256 {
			order.truncate(count);
		}
		order
	}
}

/// Noise of one position of one generation.
struct Noise {
	seed: Hash,
	position: u64,
}

impl Noise {
	/// Standard Gumbel noise in base-2 units, up to a constant: `-log2(-log2 u)` in Q16, from -6 to 32.
	fn gumbel_q16(&self, byte: u8) -> i64 {
		let digest = blake2_256(&[b"blyan/sample/1", &self.seed, &self.position.to_le_bytes(), &[byte >> 2]]);
		// Four bytes share a digest, eight bytes of it each.
		let lane = usize::from(byte & 3) * 8;
		let mut word = [0; 8];
		word.copy_from_slice(&digest[lane..lane + 8]);
		// u = r / 2^64 with r in [1, 2^64); -log2 u in Q32, in [1, 2^38].
		let uniform = u64::from_le_bytes(word).max(1);
		let exponential = ((64 << 32) - log2(uniform, 32)).max(1);
		// log2 of it in Q16, less the 32 bits of its own unit.
		(32 << 16) - log2(exponential, 16) as i64
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	fn sampling(temperature: u16, top_p: u16) -> Sampling {
		Sampling { temperature, top_p, seed: [7; 32] }
	}

	#[test]
	fn temperature_zero_takes_the_lower_of_equals() {
		let mut logits = [0; 256];
		logits[9] = 5;
		logits[200] = 5;
		assert_eq!(sampling(0, 256).sample(&logits, 0), 9);
	}

	#[test]
	fn top_p_zero_takes_the_favourite() {
		let mut logits = [0; 256];
		logits[200] = 1;
		assert!((0..100).all(|position| sampling(u16::MAX, 0).sample(&logits, position) == 200));
	}

	#[test]
	fn top_p_never_chooses_the_tail() {
		// Two bytes hold one half and one quarter of the probability, the rest shares a quarter.
		let mut logits = [-(8 << 16); 256];
		logits[10] = 1 << 16;
		logits[20] = 0;
		let draws: Vec<u8> = (0..200).map(|position| sampling(256, 170).sample(&logits, position)).collect();
		assert!(draws.iter().all(|byte| [10, 20].contains(byte)));
		assert!(draws.contains(&10) && draws.contains(&20));
	}

	#[test]
	fn sampling_holds_at_the_extremes() {
		let mut logits = [-(1 << 30); 256];
		logits[3] = 1 << 30;
		assert_eq!(sampling(1, 256).sample(&logits, u64::MAX), 3);
	}

	#[test]
	fn frequencies_follow_the_softmax() {
		// Probabilities 1/2, 1/4, 1/8, 1/8 and nothing else worth mentioning.
		let mut logits = [-(40 << 16); 256];
		(logits[0], logits[1], logits[2], logits[3]) = (0, -(1 << 16), -(2 << 16), -(2 << 16));
		let mut counts = [0_u32; 256];
		let draws = 20_000;
		for position in 0..draws {
			counts[usize::from(sampling(256, 256).sample(&logits, position))] += 1;
		}
		for (byte, share) in [(0, 0.5), (1, 0.25), (2, 0.125), (3, 0.125)] {
			// Five standard errors of a binomial count.
			let expected = draws as f64 * share;
			let slack = 5.0 * (expected * (1.0 - share)).sqrt();
			assert!((f64::from(counts[byte]) - expected).abs() < slack, "byte {byte}: {}", counts[byte]);
		}
	}

	proptest! {
		#[test]
		fn temperature_flattens(position: u64) {
			let mut logits = [0; 256];
			logits[5] = 12 << 16;
			// At temperature 1/16 the favourite leads by 192 bits, more than the noise's whole range.
			prop_assert_eq!(sampling(16, 256).sample(&logits, position), 5);
		}
	}
}
