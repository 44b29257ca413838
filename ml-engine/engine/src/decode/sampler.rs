//! [`Sampling::sample`] without the work that cannot change its choice.
//!
//! The definition hashes 64 messages and takes 512 logarithms for every byte of text: far more time than a small model
//! needs for its logits. Here messages are hashed eight at a time, and only those of bytes that could still win. A byte's
//! noise is bounded by the leading zeros of its word before any logarithm is taken, and most bytes are out by that:
//!
//! with `c = 2^64 - word`, `-log2(word / 2^64) >= c / 2^64`, so `gumbel <= 64 - log2(c) <= leading_zeros(c) + 1`. The first
//! step gives away a factor of log2(e), half a bit, which is more than all roundings together.

use crate::kernel::{hash::hash_all, Kernel};
use blyan_exact::{
	exponential::exp2_neg,
	sampling::{gumbel_q16, noise_message, noise_word, BYTES_PER_DIGEST, GUMBEL_MAX, GUMBEL_MIN},
	Hash, Sampling, VOCAB,
};

/// Groups of bytes that share a digest.
const GROUPS: usize = VOCAB / BYTES_PER_DIGEST;
/// Favourites that are sorted first when the tail is cut; four times as many each time they are not enough.
const FAVOURITES: usize = 16;

/// Chooses bytes as [`Sampling::sample`] does, to the bit, and keeps its memory between calls.
#[derive(Clone, Debug)]
pub struct Sampler {
	kernel: Kernel,
	sampling: Sampling,
	/// Bytes that may be chosen, as [`Self::key`]s.
	kept: Vec<u64>,
	digests: Vec<Hash>,
}

impl Sampler {
	/// For these settings.
	pub fn new(kernel: Kernel, sampling: Sampling) -> Self {
		Self { kernel, sampling, kept: Vec::new(), digests: Vec::new() }
	}

	/// The byte after `position` bytes.
	///
	/// # Shapes
	/// `logits: [256]`, Q16, base-2 units, at most 2^30 in magnitude.
	pub fn sample(&mut self, logits: &[i32], position: u64) -> u8 {
		assert_eq!(logits.len(), VOCAB, "one logit a byte");
		let largest = logits.iter().copied().max().unwrap_or(0);
		let favourite = logits.iter().position(|&z| z == largest).unwrap_or(0) as u8;
		let Sampling { temperature, top_p, .. } = self.sampling;
		if temperature == 0 || top_p == 0 {
			return favourite;
		}
		// Behind the favourite by more than the range of the noise, a byte cannot even draw level.
		self.keep_within(logits, largest, GUMBEL_MAX - GUMBEL_MIN);
		if top_p < 256 {
			self.cut_tail();
		}
		if self.kept.len() < 2 {
			return favourite;
		}
		// First, because it rules out most of the others.
		if let Some(at) = self.kept.iter().position(|&key| key as u8 == favourite) {
			self.kept.swap(0, at);
		}
		self.draw(position)
	}

	/// Sort key of a byte in the order of preference: its gap to the favourite, at most 2^31, then the byte.
	fn key(gap: u32, byte: u8) -> u64 {
		u64::from(gap) << 8 | u64::from(byte)
	}

	/// Distance at this temperature, Q16: at most 2^39.
	fn distance(&self, gap: u64) -> i64 {
		((gap << 8) / u64::from(self.sampling.temperature)) as i64
	}

	/// Largest gap whose distance is at most `distance`.
	fn reach(&self, distance: i64) -> u64 {
		// floor(256 gap / t) <= d iff 256 gap < (d + 1) t. At most 2^22 * 2^16.
		match u64::try_from(distance) {
			Ok(distance) => ((distance + 1) * u64::from(self.sampling.temperature) - 1) >> 8,
			Err(_) => 0,
		}
	}

	/// Keeps the bytes up to a distance, in their own order.
	fn keep_within(&mut self, logits: &[i32], largest: i32, distance: i64) {
		let reach = self.reach(distance);
		self.kept.clear();
		for (byte, &z) in logits.iter().enumerate() {
			let gap = largest.abs_diff(z);
			if u64::from(gap) <= reach {
				self.kept.push(Self::key(gap, byte as u8));
			}
		}
	}

	/// Keeps the favourites that reach `top_p` together. What [`Self::keep_within`] has left out weighs nothing.
	fn cut_tail(&mut self) {
		let mut keys = std::mem::take(&mut self.kept);
		// Distances are within the range of the noise, and terms in Q24.
		let term = |key: u64| u64::from(exp2_neg(self.distance(key >> 8) as u32) >> 6);
		let total: u64 = keys.iter().map(|&key| term(key)).sum();
		let enough = total * u64::from(self.sampling.top_p);
		let (mut reached, mut count, mut sorted) = (0, 0, 0);
		while count < keys.len() && (count == 0 || reached << 8 < enough) {
			if count == sorted {
				let next = (4 * sorted).max(FAVOURITES).min(keys.len());
				if next < keys.len() {
					keys[sorted..].select_nth_unstable(next - sorted);
				}
				keys[sorted..next].sort_unstable();
				sorted = next;
			}
			reached += term(keys[count]);
			count += 1;
		}
		keys.truncate(count);
		self.kept = keys;
	}

	/// The kept byte with the largest sum of noise and logit; the lower one of equals.
	fn draw(&mut self, position: u64) -> u8 {
		let mut places = [usize::MAX; GROUPS];
		let mut messages = [[0; 55]; GROUPS];
		let mut count = 0;
		for &key in &self.kept {
			let group = usize::from(key as u8) / BYTES_PER_DIGEST;
			if places[group] == usize::MAX {
				places[group] = count;
				messages[count] = noise_message(&self.sampling.seed, position, group as u8);
				count += 1;
			}
		}
		let views: [&[u8]; GROUPS] = messages.each_ref().map(<[u8; 55]>::as_slice);
		self.digests.clear();
		hash_all(self.kernel, &views[..count], &mut self.digests);
		let mut best = (i64::MIN, 0);
		for &key in &self.kept {
			let (gap, byte) = (key >> 8, key as u8);
			let place = places[usize::from(byte) / BYTES_PER_DIGEST];
			let word = noise_word(&self.digests[place], byte);
			if best.0 > i64::MIN {
				let bound = i64::from(word.max(1).wrapping_neg().leading_zeros() + 1) << 16;
				if bound < best.0 || gap > self.reach(bound - best.0) {
					continue;
				}
			}
			let value = gumbel_q16(word) - self.distance(gap);
			if value > best.0 || (value == best.0 && byte < best.1) {
				best = (value, byte);
			}
		}
		best.1
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_exact::golden;
	use proptest::prelude::*;

	/// Logits as models have them, as none has them, and with many equals.
	fn logits() -> impl Strategy<Value = Vec<i32>> {
		let spread = |bits: u32| prop::collection::vec(-(1_i32 << bits)..=1 << bits, VOCAB);
		prop_oneof![
			(0_u32..=30).prop_flat_map(spread),
			spread(20),
			prop::collection::vec((-3_i32..=3).prop_map(|z| z << 16), VOCAB),
			prop::collection::vec(prop::sample::select(vec![-(1_i32 << 30), 0, 1 << 30]), VOCAB),
		]
	}

	fn settings() -> impl Strategy<Value = Sampling> {
		let temperature = prop_oneof![0_u16..=1024, Just(u16::MAX), any::<u16>()];
		let top_p = prop_oneof![Just(0_u16), Just(1), Just(255), 0_u16..=256, any::<u16>()];
		(temperature, top_p, any::<u8>()).prop_map(|(temperature, top_p, seed)| Sampling {
			temperature,
			top_p,
			seed: [seed; 32],
		})
	}

	#[test]
	fn golden_choices_are_made_on_every_kernel() {
		for kernel in Kernel::available() {
			let hash = golden::choices_hash(|sampling, logits, position| {
				Sampler::new(kernel, sampling).sample(logits, position)
			});
			assert_eq!(hash, golden::CHOICES_HASH, "{kernel}");
		}
	}

	proptest! {
		#![proptest_config(ProptestConfig::with_cases(512))]

		#[test]
		fn choices_are_those_of_the_definition(logits in logits(), sampling in settings(), position: u64) {
			for kernel in Kernel::available() {
				let mut sampler = Sampler::new(kernel, sampling);
				for position in [position, position.wrapping_add(1)] {
					let expected = sampling.sample(&logits, position);
					prop_assert_eq!(sampler.sample(&logits, position), expected, "{}", kernel);
				}
			}
		}

		#[test]
		fn noise_stays_below_its_bound(word: u64, shift in 0_u32..64) {
			// Words near 2^64 are where noise is large.
			for word in [word, word >> shift, !(word >> shift), 0, 1, u64::MAX] {
				let bound = i64::from(word.max(1).wrapping_neg().leading_zeros() + 1) << 16;
				prop_assert!(gumbel_q16(word) <= bound, "{word:x}");
				prop_assert!((GUMBEL_MIN..=GUMBEL_MAX).contains(&gumbel_q16(word)));
			}
		}

		#[test]
		fn reach_is_the_last_gap_within_a_distance(temperature in 1_u16.., distance in 0_i64..=38 << 16) {
			let sampler = Sampler::new(Kernel::PORTABLE, Sampling { temperature, top_p: 256, seed: [0; 32] });
			let reach = sampler.reach(distance);
			prop_assert!(sampler.distance(reach) <= distance && sampler.distance(reach + 1) > distance);
		}
	}
}
