//! Choosing the next byte, reproducibly.
//!
//! Each byte that is kept adds Gumbel noise to its scaled logit, and the largest sum wins: that samples from the softmax.
//! The noise of a byte follows from seed, position and byte alone, so neither the order of evaluation nor what was
//! sampled before matters, and anyone can check one position without the others.

use crate::{
	exponential::{exp2_neg, log2},
	hash::{blake2_256, Hash},
};
use alloc::vec::Vec;

/// Settings of the choice of the next byte.
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
	/// Chooses the byte after `position` bytes, from logits in base-2 units (Q16, at most 2^30 in magnitude).
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
		kept.into_iter()
			.map(|byte| (self.noise_q16(position, byte) - distances[usize::from(byte)] as i64, byte))
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

	/// Returns the key of a seed that is a number, as requests and transcripts name it.
	pub fn key_of(seed: u64) -> Hash {
		blake2_256(&[&seed.to_le_bytes()])
	}

	/// Returns the noise of one byte at one position.
	fn noise_q16(&self, position: u64, byte: u8) -> i64 {
		let group = byte / BYTES_PER_DIGEST as u8;
		gumbel_q16(noise_word(&blake2_256(&[&noise_message(&self.seed, position, group)]), byte))
	}

	/// Returns the bytes nearest to the favourite that reach `top_p` together.
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

/// Bytes that share a digest of noise: eight bytes of it each.
pub const BYTES_PER_DIGEST: usize = 4;

/// Lower bound of [`gumbel_q16`].
pub const GUMBEL_MIN: i64 = -(6 << 16);

/// Upper bound of [`gumbel_q16`].
pub const GUMBEL_MAX: i64 = 32 << 16;

/// Returns the message that is hashed for the noise of bytes `4 * group` to `4 * group + 3` at a position: domain,
/// seed, position, group.
pub fn noise_message(seed: &Hash, position: u64, group: u8) -> [u8; 55] {
	let mut message = [0; 55];
	message[..14].copy_from_slice(b"blyan/sample/1");
	message[14..46].copy_from_slice(seed);
	message[46..54].copy_from_slice(&position.to_le_bytes());
	message[54] = group;
	message
}

/// Returns the eight bytes of a digest that are one byte's noise.
pub fn noise_word(digest: &Hash, byte: u8) -> u64 {
	let lane = usize::from(byte) % BYTES_PER_DIGEST * 8;
	let mut word = [0; 8];
	word.copy_from_slice(&digest[lane..lane + 8]);
	u64::from_le_bytes(word)
}

/// Returns standard Gumbel noise in base-2 units, up to a constant: `-log2(-log2 u)` in Q16 for u = `word` / 2^64, and
/// zero counts as one. Between [`GUMBEL_MIN`] and [`GUMBEL_MAX`], and never falls as `word` rises.
pub fn gumbel_q16(word: u64) -> i64 {
	// -log2 u in Q32, in [1, 2^38].
	let exponential = ((64 << 32) - log2(word.max(1), 32)).max(1);
	// log2 of it in Q16, less the 32 bits of its own unit.
	(32 << 16) - log2(exponential, 16) as i64
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

	#[test]
	fn frequencies_follow_the_softmax_at_every_temperature() {
		let mut logits = [-(60 << 16); 256];
		for (i, z) in logits.iter_mut().step_by(23).enumerate() {
			*z = -((i * i) as i32) << 13;
		}
		let draws = 2_000;
		for temperature in [64, 180, 256, 700] {
			let mut counts = [0_u32; 256];
			for position in 0..draws {
				counts[usize::from(sampling(temperature, 256).sample(&logits, position))] += 1;
			}
			let weight = |z: i32| (f64::from(z) / 65_536.0 * 256.0 / f64::from(temperature)).exp2();
			let total: f64 = logits.iter().map(|&z| weight(z)).sum();
			for (byte, &z) in logits.iter().enumerate() {
				let share = weight(z) / total;
				let expected = draws as f64 * share;
				// Five standard errors, and one draw where hardly any are expected.
				let slack = 5.0 * (expected * (1.0 - share)).sqrt() + 1.0;
				let count = f64::from(counts[byte]);
				assert!(
					(count - expected).abs() < slack,
					"{temperature}, byte {byte}: {count} of {expected}"
				);
			}
		}
	}

	/// Whatever is asked first, and in whatever order bytes are compared.
	#[test]
	fn choices_do_not_depend_on_their_order() {
		let mut logits = [0; 256];
		logits.iter_mut().enumerate().for_each(|(i, z)| *z = ((i * 37) % 256 * 4_000) as i32);
		let sampling = sampling(300, 200);
		let choose = |position| sampling.sample(&logits, position);
		let forwards: Vec<u8> = (0..50).map(choose).collect();
		let backwards: Vec<u8> = (0..50).rev().map(choose).collect();
		assert!(forwards.iter().eq(backwards.iter().rev()));
		for (position, &chosen) in (0..).zip(&forwards) {
			let distance = |byte: u8| ((255 * 4_000 - logits[usize::from(byte)]) as i64 * 256) / 300;
			let distances: Vec<u64> = (0..=255).map(|byte| distance(byte) as u64).collect();
			let kept = sampling.kept(&logits, &distances);
			let value = |byte: &u8| sampling.noise_q16(position, *byte) - distance(*byte);
			let best = kept.iter().rev().max_by_key(|byte| (value(byte), core::cmp::Reverse(**byte)));
			assert_eq!(best, Some(&chosen));
		}
	}

	#[test]
	fn equal_sums_go_to_the_lower_byte() {
		// Nothing is between them but noise, and the last byte's noise is drawn level by its logit.
		let sampling = sampling(256, 256);
		let mut logits = [-(1 << 30); 256];
		let behind = sampling.noise_q16(5, 3) - sampling.noise_q16(5, 250);
		logits[3] = 0;
		logits[250] = behind as i32;
		assert_eq!(sampling.sample(&logits, 5), 3);
		logits[250] += 1;
		assert_eq!(sampling.sample(&logits, 5), 250);
	}

	#[test]
	fn noise_has_ends() {
		assert_eq!((gumbel_q16(0), gumbel_q16(1)), (GUMBEL_MIN, GUMBEL_MIN));
		// One bit below the bound: that near to one, the logarithm has no bits left to tell words apart.
		assert_eq!(gumbel_q16(u64::MAX), GUMBEL_MAX - (1 << 16));
	}

	#[test]
	fn keys_of_seeds_are_pinned() {
		assert_eq!(Sampling::key_of(7)[..4], [172, 249, 187, 20]);
		assert_ne!(Sampling::key_of(7), Sampling::key_of(8));
	}

	proptest! {
		#[test]
		fn top_p_keeps_the_fewest_favourites_that_reach_it(
			spread in 0_u32..=30, seed: u64, temperature in 1_u16.., top_p in 1_u16..256,
		) {
			let mut state = seed | 1;
			let mut logit = || {
				state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
				((state >> 33) % (1 << spread)) as i32
			};
			let logits: Vec<i32> = (0..256).map(|_| logit()).collect();
			let largest = *logits.iter().max().unwrap();
			let distance = |z: i32| ((largest - z) as u64) * 256 / u64::from(temperature);
			let distances: Vec<u64> = logits.iter().map(|&z| distance(z)).collect();
			let sampling = sampling(temperature, top_p);
			let kept = sampling.kept(&logits, &distances);
			let weigh = |bytes: &[u8]| -> u64 {
				let terms = bytes.iter().map(|&byte| distances[usize::from(byte)]);
				terms.map(|d| u64::from(exp2_neg(u32::try_from(d).unwrap_or(u32::MAX)) >> 6)).sum()
			};
			let all: Vec<u8> = (0..=255).collect();
			let enough = weigh(&all) * u64::from(top_p);
			prop_assert!(weigh(&kept) * 256 >= enough);
			prop_assert!(weigh(&kept[..kept.len() - 1]) * 256 < enough);
			// No byte outside is preferred to one inside.
			let rank = |byte: u8| (core::cmp::Reverse(logits[usize::from(byte)]), byte);
			let last = kept.iter().copied().map(rank).max().unwrap();
			prop_assert!(all.iter().filter(|byte| !kept.contains(byte)).all(|&byte| rank(byte) > last));
			prop_assert!(kept.contains(&sampling.sample(&logits, seed)));
		}

		#[test]
		fn noise_never_falls_as_its_word_rises(word: u64, other: u64) {
			let (low, high) = (word.min(other), word.max(other));
			prop_assert!(gumbel_q16(low) <= gumbel_q16(high));
		}

		#[test]
		fn temperature_flattens(position: u64) {
			let mut logits = [0; 256];
			logits[5] = 12 << 16;
			// At temperature 1/16 the favourite leads by 192 bits, more than the noise's whole range.
			prop_assert_eq!(sampling(16, 256).sample(&logits, position), 5);
		}
	}
}
