//! The definition's choice of the next token, without what cannot change it.

use blyan_exact::{
	blake2_256,
	definition2::sampling::noise_message,
	exponential::exp2_neg,
	sampling::{gumbel_q16, noise_word, BYTES_PER_DIGEST, GUMBEL_MAX, GUMBEL_MIN},
	Hash, Sampling,
};
use std::cmp::Reverse;

/// Distance from the favourite (Q16) from which on a token's term of the probability is zero: 2^-25 in Q24.
const TERM_DISTANCE_MAX: u64 = 25 << 16;
/// Distance from the favourite within which tokens are looked for first: one bit.
const NEAR_DISTANCE: u64 = 1 << 16;
/// Distance from the favourite from which on no noise makes a token win.
const NOISE_DISTANCE_MAX: u64 = (GUMBEL_MAX - GUMBEL_MIN) as u64;

/// A token that may be chosen, and its distance from the favourite at this temperature.
type Candidate = (u32, u64);

/// Chooses the token behind `position` tokens: what [`blyan_exact::definition2::sampling::sample`] returns.
pub fn sample(sampling: &Sampling, logits: &[i32], position: u64) -> u32 {
	let largest = logits.iter().copied().max().unwrap_or(0);
	if sampling.temperature == 0 {
		return logits.iter().position(|&z| z == largest).unwrap_or(0) as u32;
	}
	let temperature = u64::from(sampling.temperature);
	let distance = |z: i32| (u64::from(largest.abs_diff(z)) << 8) / temperature;
	let bound = if sampling.top_p >= 256 { NOISE_DISTANCE_MAX } else { TERM_DISTANCE_MAX };
	// The least logit within the bound: below it no distance has to be divided. At most 2^22 * 2^16.
	let difference_max = ((bound + 1) * temperature - 1) >> 8;
	let mut candidates: Vec<Candidate> = logits
		.iter()
		.enumerate()
		.filter(|(_, z)| u64::from(largest.abs_diff(**z)) <= difference_max)
		.map(|(token, &z)| (token as u32, distance(z)))
		.collect();
	if sampling.top_p < 256 {
		keep(sampling.top_p, logits, &mut candidates);
	}
	let mut noise = Noise { seed: &sampling.seed, position, group: None };
	candidates
		.into_iter()
		.map(|(token, distance)| (noise.of(token) - distance as i64, Reverse(token)))
		.max()
		.map_or(0, |(_, Reverse(token))| token)
}

/// Keeps the tokens nearest to the favourite that reach `top_p` (Q8) together.
fn keep(top_p: u16, logits: &[i32], candidates: &mut Vec<Candidate>) {
	// At most 25 in Q16, and 2^24 each.
	let term = |&(_, distance): &Candidate| u64::from(exp2_neg(distance as u32) >> 6);
	let terms: Vec<u64> = candidates.iter().map(term).collect();
	let enough = terms.iter().sum::<u64>() * u64::from(top_p);
	// Most often a few near the favourite reach it, so that only these are put in order.
	let mut near = NEAR_DISTANCE;
	let reaches = |near: u64| {
		let terms = candidates.iter().zip(&terms).filter(|((_, distance), _)| *distance <= near);
		terms.map(|(_, term)| term).sum::<u64>() << 8 >= enough
	};
	while near < TERM_DISTANCE_MAX && !reaches(near) {
		near *= 2;
	}
	candidates.retain(|(_, distance)| *distance <= near);
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
