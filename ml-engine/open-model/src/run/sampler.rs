//! The definition's choice of the next token, without what cannot change it.

use blyan_exact::{
	blake2_256,
	definition2::sampling::noise_message,
	exponential::exp2_neg,
	sampling::{gumbel_q16, noise_word, BYTES_PER_DIGEST, GUMBEL_MAX, GUMBEL_MIN},
	Hash, Sampling,
};
use blyan_kernel::{
	definition2::{masses, MASSES, TERM_DISTANCE_MAX},
	rowwise, Kernel,
};
use std::cmp::Reverse;

/// Distance from the favourite (Q16) within which tokens are looked for first: one bit.
const NEAR_DISTANCE: u64 = 1 << 16;
/// Distance from the favourite from which on no noise makes a token win.
const NOISE_DISTANCE_MAX: u64 = (GUMBEL_MAX - GUMBEL_MIN) as u64;

/// A token that may be chosen, and its distance from the favourite at this temperature.
type Candidate = (u32, u64);

/// Chooses the token behind `position` tokens: what [`blyan_exact::definition2::sampling::sample`] returns.
pub fn sample(sampling: &Sampling, logits: &[i32], position: u64) -> u32 {
	let kernel = Kernel::best();
	let favourite = rowwise::largest(kernel, logits);
	let Some(&largest) = logits.get(favourite).filter(|_| sampling.temperature > 0) else {
		return favourite as u32;
	};
	let near = Near { largest, temperature: sampling.temperature };
	let (bound, enough) = match sampling.top_p {
		top_p @ ..256 => near.reach(kernel, top_p, logits),
		_ => (near.least(NOISE_DISTANCE_MAX), u64::MAX),
	};
	let tokens = logits.iter().enumerate().filter(|(_, z)| **z >= bound);
	let mut candidates: Vec<Candidate> = tokens.map(|(token, &z)| (token as u32, near.distance(z))).collect();
	if sampling.top_p < 256 {
		keep(enough, logits, &mut candidates);
	}
	let mut noise = Noise { seed: &sampling.seed, position, group: None };
	// With the favourite's noise at hand, most of the others need none.
	let mut best = (noise.of(favourite as u32), Reverse(favourite as u32));
	for (token, distance) in candidates {
		if GUMBEL_MAX - distance as i64 >= best.0 {
			best = best.max((noise.of(token) - distance as i64, Reverse(token)));
		}
	}
	best.1 .0
}

/// The favourite, and how far others are from it.
#[derive(Clone, Copy)]
struct Near {
	largest: i32,
	temperature: u16,
}

impl Near {
	/// Returns the distance of a logit.
	fn distance(self, z: i32) -> u64 {
		(u64::from(self.largest.abs_diff(z)) << 8) / u64::from(self.temperature)
	}

	/// Returns the least logit within a distance of at most 2^22, so that no other has to be divided.
	fn least(self, distance: u64) -> i32 {
		let difference = ((distance + 1) * u64::from(self.temperature) - 1) >> 8;
		(i64::from(self.largest) - difference as i64).max(i64::from(i32::MIN)) as i32
	}

	/// Returns a logit from which on tokens reach `top_p` (Q8) together, and the sum of terms that is (Q32). Most often those
	/// within a few bits of the favourite do, and only they have to be put in order.
	fn reach(self, kernel: Kernel, top_p: u16, logits: &[i32]) -> (i32, u64) {
		// Within 1, 2, 4, 8 and 16 bits, and all that count.
		let bounds = std::array::from_fn(|index| match index {
			index if index + 1 < MASSES => self.least(NEAR_DISTANCE << index),
			_ => self.least(TERM_DISTANCE_MAX),
		});
		let masses = masses(kernel, logits, self.largest, self.temperature, &bounds);
		let (all, enough) = (bounds[MASSES - 1], masses[MASSES - 1] * u64::from(top_p));
		let reaching = bounds.into_iter().zip(masses).find(|(_, mass)| mass << 8 >= enough);
		(reaching.map_or(all, |(bound, _)| bound), enough)
	}
}

/// Keeps the tokens nearest to the favourite whose terms reach `enough` (Q32) together.
fn keep(enough: u64, logits: &[i32], candidates: &mut Vec<Candidate>) {
	candidates.sort_unstable_by_key(|&(token, _)| (Reverse(logits[token as usize]), token));
	let (mut reached, mut count) = (0, 0);
	for candidate in candidates.iter() {
		if count > 0 && reached << 8 >= enough {
			break;
		}
		reached += term(candidate);
		count += 1;
	}
	candidates.truncate(count);
}

/// Returns the term of a token in the sum of all, Q24.
fn term(&(_, distance): &Candidate) -> u64 {
	u64::from(exp2_neg(distance.min(TERM_DISTANCE_MAX) as u32) >> 6)
}

/// Noise of one position; the digest of neighbouring tokens is computed once.
struct Noise<'a> {
	seed: &'a Hash,
	position: u64,
	group: Option<(u32, Hash)>,
}

impl Noise<'_> {
	fn of(&mut self, token: u32) -> i64 {
		let group = token / BYTES_PER_DIGEST as u32;
		let digest = match self.group {
			Some((known, digest)) if known == group => digest,
			_ => blake2_256(&[&noise_message(self.seed, self.position, group)]),
		};
		self.group = Some((group, digest));
		gumbel_q16(noise_word(&digest, (token % BYTES_PER_DIGEST as u32) as u8))
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_exact::definition2::sampling;

	#[test]
	fn sample_is_the_definitions_at_every_setting() {
		let mut state = 1_u64;
		let mut next = || {
			state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
			(state >> 33) as i32
		};
		for spread in [10, 1 << 12, 1 << 18, 1 << 24, 1 << 30] {
			let logits: Vec<i32> = (0..5_000).map(|_| next() % spread).collect();
			for temperature in [0, 1, 100, 256, 2_048, u16::MAX] {
				for top_p in [0, 1, 128, 230, 255, 256, u16::MAX] {
					let settings = Sampling { temperature, top_p, seed: [spread as u8; 32] };
					for position in [0, 7, u64::MAX] {
						let expected = sampling::sample(&settings, &logits, position);
						let got = sample(&settings, &logits, position);
						assert_eq!(got, expected, "{spread} {temperature} {top_p} {position}");
					}
				}
			}
		}
	}
}
