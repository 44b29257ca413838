//! The definition's choice of the next token, without what cannot change it.
//!
//! The definition puts all tokens in the order of their logits, keeps the first of them that reach `top_p` together, hashes
//! once for every four tokens and takes two logarithms for each. Here nothing is put in order. A bound below which no token is
//! kept comes of sums over the vocabulary, is moved up while that is cheaper than hashing, and the token that wins among those above it is
//! asked whether the definition keeps it: whether those in front of it do not reach `top_p` without it. If they do, it and all behind it
//! are out, and the others are drawn from again.
//!
//! Messages are hashed several at a time. A token's noise is bounded by the leading zeros of its word before any logarithm is
//! taken, as in the byte sampler of the engine: with `c = 2^64 - word`, `-log2(word / 2^64) >= c / 2^64`, so
//! `gumbel <= 64 - log2(c) <= leading_zeros(c) + 1`, and half a bit to spare.

use blyan_exact::{
	definition2::sampling::noise_message,
	exponential::exp2_neg,
	sampling::{gumbel_q16, BYTES_PER_DIGEST, GUMBEL_MAX, GUMBEL_MIN},
	Sampling,
};
use blyan_kernel::{
	definition2::{masses, MASSES, TERM_DISTANCE_MAX},
	hash::hash_numbered,
	rowwise, Kernel,
};
use std::cmp::Reverse;

/// Distance from the favourite (Q16) within which tokens are looked for first: one bit.
const NEAR_DISTANCE: u64 = 1 << 16;
/// Distance from the favourite from which on no noise makes a token win.
const NOISE_DISTANCE_MAX: u64 = (GUMBEL_MAX - GUMBEL_MIN) as u64;
/// Candidates from which on it is worth the time to look for a closer bound.
const REFINED_MIN: usize = 64;
/// Times that a closer bound is looked for: each makes the gap a sixth.
const REFINED_TIMES: usize = 3;
/// Candidates whose digests are in memory at a time.
const DRAWN: usize = 512;

/// Chooses the token behind `position` tokens: what [`blyan_exact::definition2::sampling::sample`] returns.
pub fn sample(sampling: &Sampling, logits: &[i32], position: u64) -> u32 {
	sample_with(Kernel::best(), sampling, logits, position)
}

/// Chooses as [`sample`] does, with this kernel.
fn sample_with(kernel: Kernel, sampling: &Sampling, logits: &[i32], position: u64) -> u32 {
	let favourite = rowwise::largest(kernel, logits);
	let is_drawn = sampling.temperature > 0 && sampling.top_p > 0;
	let Some(&largest) = logits.get(favourite).filter(|_| is_drawn) else {
		return favourite as u32;
	};
	let near = Near { kernel, largest, temperature: sampling.temperature };
	let mut draw = Draw::new(near, sampling, position, favourite as u32);
	if sampling.top_p >= 256 {
		// With the favourite's noise at hand, most of the others need none.
		let least = near.least((GUMBEL_MAX - draw.best.0).min(NOISE_DISTANCE_MAX as i64) as u64);
		return draw.choose(&Candidates::from_to(logits, least));
	}
	let (mut candidates, enough) = near.kept(u64::from(sampling.top_p), logits);
	loop {
		let chosen = draw.choose(&candidates);
		// The favourite is kept in any case.
		if chosen == favourite as u32 || near.is_kept(&candidates, chosen, logits[chosen as usize], enough) {
			return chosen;
		}
		candidates.keep_before(chosen, logits[chosen as usize]);
		draw.restart();
	}
}

/// Tokens that may be chosen, ascending, and their logits.
struct Candidates {
	tokens: Vec<u32>,
	logits: Vec<i32>,
}

impl Candidates {
	/// All tokens from a logit on.
	fn from_to(logits: &[i32], least: i32) -> Self {
		let mut tokens = vec![0; logits.len()];
		let mut count = 0;
		for (token, z) in logits.iter().enumerate() {
			// Without a branch: the next one takes its place if it is out.
			tokens[count] = token as u32;
			count += usize::from(*z >= least);
		}
		tokens.truncate(count);
		let logits = tokens.iter().map(|token| logits[*token as usize]).collect();
		Self { tokens, logits }
	}

	fn len(&self) -> usize {
		self.tokens.len()
	}

	fn iter(&self) -> impl Iterator<Item = (u32, i32)> + '_ {
		self.tokens.iter().copied().zip(self.logits.iter().copied())
	}

	fn retain(&mut self, is_kept: impl Fn(u32, i32) -> bool) {
		(self.tokens, self.logits) = self.iter().filter(|(token, z)| is_kept(*token, *z)).unzip();
	}

	/// Keeps those that the order has in front of a token.
	fn keep_before(&mut self, last: u32, last_logit: i32) {
		self.retain(|token, z| (z, Reverse(token)) > (last_logit, Reverse(last)));
	}
}

/// The favourite's logit, and how far others are from it.
#[derive(Clone, Copy)]
struct Near {
	kernel: Kernel,
	largest: i32,
	temperature: u16,
}

impl Near {
	/// Returns the distance of a logit.
	fn distance(self, z: i32) -> u64 {
		(u64::from(self.largest.abs_diff(z)) << 8) / u64::from(self.temperature)
	}

	/// Returns the least logit within a distance of less than 2^23, so that no other has to be divided.
	fn least(self, distance: u64) -> i32 {
		let difference = ((distance + 1) * u64::from(self.temperature) - 1) >> 8;
		(i64::from(self.largest) - difference as i64).max(i64::from(i32::MIN)) as i32
	}

	/// Returns the sums of terms (Q24) of the logits from each bound on.
	fn masses(self, logits: &[i32], bounds: &[i32; MASSES]) -> [u64; MASSES] {
		masses(self.kernel, logits, self.largest, self.temperature, bounds)
	}

	/// Returns all tokens that `top_p` (Q8) keeps and few others, and the sum of terms that is enough (Q32).
	fn kept(self, top_p: u64, logits: &[i32]) -> (Candidates, u64) {
		// Within 1, 2, 4, 8 and 16 bits, and all that count.
		let bounds = std::array::from_fn(|index| match index {
			index if index + 1 < MASSES => self.least(NEAR_DISTANCE << index),
			_ => self.least(TERM_DISTANCE_MAX),
		});
		let sums = self.masses(logits, &bounds);
		let enough = sums[MASSES - 1] * top_p;
		let mut gap = Gap::new(self.largest, bounds, sums, enough);
		let mut candidates = Candidates::from_to(logits, gap.reaching);
		for _ in 0..REFINED_TIMES {
			if candidates.len() < REFINED_MIN || gap.is_closed() {
				break;
			}
			let bounds = gap.parts();
			gap = Gap::new(gap.missing, bounds, self.masses(&candidates.logits, &bounds), enough);
			candidates.retain(|_, z| z >= gap.reaching);
		}
		(candidates, enough)
	}

	/// Reports whether the tokens in front of one do not reach `enough` (Q32) without it.
	fn is_kept(self, candidates: &Candidates, chosen: u32, z: i32, enough: u64) -> bool {
		let term = u64::from(exp2_neg(self.distance(z).min(TERM_DISTANCE_MAX) as u32) >> 6);
		let equals = candidates.iter().filter(|other| other.1 == z && other.0 < chosen).count() as u64;
		// No logit is above the largest.
		let above = self.masses(&candidates.logits, &[z.saturating_add(1).min(self.largest); MASSES])[0];
		let above = if z == self.largest { 0 } else { above };
		(above + equals * term) << 8 < enough
	}

	/// Takes a token if it is better than the best so far.
	fn improve(self, best: &mut (i64, Reverse<u32>), token: u32, z: i32, word: u64) {
		let bound = i64::from(word.max(1).wrapping_neg().leading_zeros() + 1) << 16;
		let spare = bound - best.0;
		if spare >= 0 && z >= self.least(spare as u64) {
			let sum = gumbel_q16(word) - self.distance(z) as i64;
			*best = (*best).max((sum, Reverse(token)));
		}
	}
}

/// Logits between which the last token lies that is kept.
struct Gap {
	/// The tokens from this logit on do not reach `top_p`, or it is the largest.
	missing: i32,
	/// Those from this one on do.
	reaching: i32,
}

impl Gap {
	/// Takes the closest of bounds, descending; the last one reaches.
	fn new(missing: i32, bounds: [i32; MASSES], sums: [u64; MASSES], enough: u64) -> Self {
		let place = sums.iter().position(|sum| sum << 8 >= enough).unwrap_or(MASSES - 1);
		let missing = place.checked_sub(1).map_or(missing, |before| bounds[before]);
		Self { missing, reaching: bounds[place] }
	}

	fn is_closed(&self) -> bool {
		i64::from(self.missing) - i64::from(self.reaching) < MASSES as i64
	}

	/// Returns bounds that part it alike, of which the last one reaches.
	fn parts(&self) -> [i32; MASSES] {
		let (from, to) = (i64::from(self.missing), i64::from(self.reaching));
		std::array::from_fn(|index| (from - (from - to) * (index as i64 + 1) / MASSES as i64) as i32)
	}
}

/// Noise of one position, and the token that wins by it so far.
struct Draw {
	near: Near,
	/// Message of the noise without its number.
	prefix: [u8; 54],
	favourite: (i64, Reverse<u32>),
	best: (i64, Reverse<u32>),
	groups: Vec<u32>,
	digests: Vec<[u64; 4]>,
}

impl Draw {
	/// Begins with the favourite.
	fn new(near: Near, sampling: &Sampling, position: u64, favourite: u32) -> Self {
		let mut prefix = [0; 54];
		prefix.copy_from_slice(&noise_message(&sampling.seed, position, 0)[..54]);
		let mut digests = Vec::new();
		hash_numbered(near.kernel, &prefix, &[group_of(favourite)], &mut digests);
		let favourite = (gumbel_q16(word_of(&digests[0], favourite)), Reverse(favourite));
		Self { near, prefix, favourite, best: favourite, groups: Vec::new(), digests }
	}

	/// Forgets all but the favourite.
	fn restart(&mut self) {
		self.best = self.favourite;
	}

	/// Returns the token with the largest sum of noise and logit among candidates and the favourite, the lower one of equals.
	fn choose(&mut self, candidates: &Candidates) -> u32 {
		let parts = candidates.tokens.chunks(DRAWN).zip(candidates.logits.chunks(DRAWN));
		for (tokens, logits) in parts {
			self.groups.clear();
			for token in tokens {
				if self.groups.last() != Some(&group_of(*token)) {
					self.groups.push(group_of(*token));
				}
			}
			self.digests.clear();
			hash_numbered(self.near.kernel, &self.prefix, &self.groups, &mut self.digests);
			let mut hashed = self.groups.iter().zip(&self.digests);
			let mut group = (u32::MAX, &[0; 4]);
			for (&token, &z) in tokens.iter().zip(logits) {
				if group.0 != group_of(token) {
					// One a group, in their order.
					let Some((next, digest)) = hashed.next() else { break };
					group = (*next, digest);
				}
				self.near.improve(&mut self.best, token, z, word_of(group.1, token));
			}
		}
		self.best.1 .0
	}
}

/// Returns the digest that has a token's noise.
fn group_of(token: u32) -> u32 {
	token / BYTES_PER_DIGEST as u32
}

/// Returns a token's word of its digest.
fn word_of(digest: &[u64; 4], token: u32) -> u64 {
	digest[token as usize % BYTES_PER_DIGEST]
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_exact::definition2::sampling;
	use proptest::prelude::*;

	fn assert_is_the_definitions(settings: &Sampling, logits: &[i32], position: u64) {
		let expected = sampling::sample(settings, logits, position);
		for kernel in Kernel::available() {
			let got = sample_with(kernel, settings, logits, position);
			assert_eq!(got, expected, "{kernel} {settings:?} {position} of {}", logits.len());
		}
	}

	/// Numbers of a seed, the same everywhere.
	fn numbers(seed: u64) -> impl FnMut() -> i32 {
		let mut state = seed;
		move || {
			state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
			(state >> 33) as i32
		}
	}

	/// Logits as models have them, as none has them, and with many equals.
	fn logits(vocabulary: impl Strategy<Value = usize>) -> impl Strategy<Value = Vec<i32>> {
		(vocabulary, any::<u64>(), 0_u32..=31, 0_u8..4).prop_map(|(vocabulary, seed, bits, kind)| {
			let mut next = numbers(seed);
			let logits = (0..vocabulary).map(|_| match kind {
				// Spread evenly over a range.
				0 => ((i64::from(next()) << bits >> 31) - (1_i64 << bits >> 1)) as i32,
				// A few distances, and so many ties.
				1 => (next() % 7 - 3) << 16,
				// The ends of what a head may return.
				2 => (next() % 3 - 1) << 30,
				// Most far away, few near, as after training.
				_ => -((i64::from(next()).pow(2) >> 31) << bits.min(23) >> 24) as i32,
			});
			logits.collect()
		})
	}

	fn settings() -> impl Strategy<Value = Sampling> {
		let temperature = prop_oneof![0_u16..=1_024, Just(256), Just(u16::MAX), any::<u16>()];
		let top_p = prop_oneof![Just(0_u16), Just(1), Just(230), Just(255), 0_u16..=256, any::<u16>()];
		(temperature, top_p, any::<u8>()).prop_map(|(temperature, top_p, seed)| Sampling {
			temperature,
			top_p,
			seed: [seed; 32],
		})
	}

	#[test]
	fn sample_is_the_definitions_at_every_setting() {
		let mut next = numbers(1);
		for spread in [10, 1 << 12, 1 << 18, 1 << 24, 1 << 30] {
			let logits: Vec<i32> = (0..5_000).map(|_| next() % spread).collect();
			for temperature in [0, 1, 100, 256, 2_048, u16::MAX] {
				for top_p in [0, 1, 128, 230, 255, 256, u16::MAX] {
					let settings = Sampling { temperature, top_p, seed: [spread as u8; 32] };
					for position in [0, 7, u64::MAX] {
						assert_is_the_definitions(&settings, &logits, position);
					}
				}
			}
		}
	}

	#[test]
	fn sample_is_the_definitions_over_the_largest_vocabulary() {
		let mut next = numbers(2);
		let logits: Vec<i32> = (0..262_144).map(|_| next() % (12 << 16)).collect();
		for top_p in [200, 256] {
			let settings = Sampling { temperature: 256, top_p, seed: [9; 32] };
			assert_is_the_definitions(&settings, &logits, 3);
		}
	}

	/// A few tokens are kept of thousands that no bound tells apart, and most of those that win are out.
	#[test]
	fn sample_is_the_definitions_among_equals() {
		let mut logits = vec![5; 3_000];
		(logits[7], logits[2_999]) = (6, 4);
		for top_p in [1, 2, 128, 255] {
			for position in 0..20 {
				let settings = Sampling { temperature: 256, top_p, seed: [1; 32] };
				assert_is_the_definitions(&settings, &logits, position);
			}
		}
	}

	proptest! {
		#![proptest_config(ProptestConfig::with_cases(256))]

		#[test]
		fn choices_are_those_of_the_definition(
			logits in logits(prop_oneof![1_usize..40, 1_usize..3_000]), settings in settings(), position: u64,
		) {
			assert_is_the_definitions(&settings, &logits, position);
			assert_is_the_definitions(&settings, &logits, position.wrapping_add(1));
		}
	}

	proptest! {
		#![proptest_config(ProptestConfig::with_cases(12))]

		#[test]
		fn choices_over_large_vocabularies_are_those_of_the_definition(
			logits in logits(3_000_usize..=262_144), settings in settings(), position: u64,
		) {
			assert_is_the_definitions(&settings, &logits, position);
		}
	}
}
