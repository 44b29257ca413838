//! Drawing of the tokens that stand for a vocabulary.

use crate::ops::rows;
use core::f32::consts::LN_2;

/// Entries of a vocabulary that are added up at a time.
const CHUNK: usize = 256;

/// Tokens drawn for one position.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Drawn {
	/// Probability of the target.
	pub(crate) target_share: f32,
	/// The target, then the tokens drawn, in the order of their ids. Tokens may repeat.
	pub(crate) ids: Vec<u32>,
	/// Logits of these tokens, natural.
	pub(crate) logits: Vec<f32>,
}

/// Returns the natural logarithm that a logit of the definition (Q16, binary) stands for.
fn natural(logit: i32) -> f32 {
	logit as f32 * (LN_2 / 65_536.0)
}

/// Draws `count` tokens other than the target by their probabilities under `logits`.
///
/// Systematic sampling: one uniform number, `offset` in [0, 1), places a comb of `count` teeth over the cumulative
/// probabilities. A token of probability p gets floor(count p) or ceil(count p) teeth, so the likely ones are never
/// missed, and an expectation is estimated without bias at a lower variance than by independent draws.
pub(crate) fn draw(logits: &[i32], target: usize, count: usize, offset: f32) -> Drawn {
	let mut shares: Vec<f32> = logits.iter().map(|logit| natural(*logit)).collect();
	rows::softmax(&mut shares);
	let target_share = core::mem::take(&mut shares[target]);
	let sums: Vec<f64> = shares.chunks(CHUNK).map(|chunk| f64::from(rows::magnitude(chunk))).collect();
	let total: f64 = sums.iter().sum();
	let mut ids = Vec::with_capacity(count + 1);
	ids.push(target as u32);
	let (mut chunk, mut before) = (0, 0.0_f64);
	for tooth in 0..count {
		let place = (tooth as f64 + f64::from(offset)) / count as f64 * total;
		while chunk + 1 < sums.len() && before + sums[chunk] <= place {
			before += sums[chunk];
			chunk += 1;
		}
		ids.push((chunk * CHUNK + find(&shares[chunk * CHUNK..], place - before)) as u32);
	}
	let logits = ids.iter().map(|id| natural(logits[*id as usize])).collect();
	Drawn { target_share, ids, logits }
}

/// Returns the first place of a chunk at which the cumulative share exceeds `place`; rounding may leave only the last
/// that has a share at all.
fn find(shares: &[f32], place: f64) -> usize {
	let (mut sum, mut last) = (0.0_f64, 0);
	for (index, share) in shares.iter().take(CHUNK).enumerate().filter(|(_, share)| **share > 0.0) {
		sum += f64::from(*share);
		last = index;
		if sum > place {
			break;
		}
	}
	last
}

#[cfg(test)]
mod tests {
	use super::*;
	use rand::Rng;
	use rand_chacha::{rand_core::SeedableRng, ChaCha8Rng};

	fn logits(count: usize) -> Vec<i32> {
		let mut rng = ChaCha8Rng::seed_from_u64(5);
		(0..count).map(|_| rng.gen_range(-9 << 16..3 << 16)).collect()
	}

	#[test]
	fn draw_never_misses_a_likely_token_and_never_draws_the_target() {
		let mut logits = logits(1_000);
		(logits[700], logits[20]) = (12 << 16, 11 << 16);
		let drawn = draw(&logits, 700, 32, 0.4);
		assert_eq!((drawn.ids.len(), drawn.ids[0]), (33, 700));
		assert!(!drawn.ids[1..].contains(&700));
		assert!(drawn.ids[1..].is_sorted());
		assert!(drawn.ids[1..].iter().filter(|id| **id == 20).count() >= 10);
		assert!((drawn.logits[0] - 12.0 * LN_2).abs() < 1e-5);
		assert!(drawn.target_share > 0.3 && drawn.target_share < 0.7);
	}

	#[test]
	fn draw_takes_each_token_as_often_as_its_probability_says() {
		let logits = logits(600);
		let mut times = vec![0_u32; 600];
		for round in 0..500 {
			for id in &draw(&logits, 3, 40, round as f32 / 500.0).ids[1..] {
				times[*id as usize] += 1;
			}
		}
		let power = |id: usize| (f64::from(logits[id]) / 65_536.0).exp2();
		let total: f64 = (0..600).filter(|id| *id != 3).map(power).sum();
		for id in (0..600).filter(|id| *id != 3) {
			let expected = power(id) / total * 20_000.0;
			// A tooth more or less in each of 500 combs that are evenly shifted: at most a few in all.
			assert!((f64::from(times[id]) - expected).abs() < 3.0, "{id}: {} for {expected}", times[id]);
		}
	}

	#[test]
	fn draw_survives_a_target_that_is_certain() {
		let mut logits = vec![-(1 << 30); 300];
		logits[299] = 1 << 30;
		let drawn = draw(&logits, 299, 8, 0.999);
		assert_eq!(drawn.target_share, 1.0);
		assert!(drawn.ids.iter().all(|id| *id < 300));
	}
}
