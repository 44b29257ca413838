//! Choosing the next token, reproducibly: the first definition's sampling over a vocabulary of any size.

pub use crate::sampling::Sampling;
use crate::{
	exponential::exp2_neg,
	hash::{blake2_256, Hash},
	sampling::{gumbel_q16, noise_word, BYTES_PER_DIGEST, GUMBEL_MAX},
};
use alloc::vec::Vec;

/// Chooses the token behind `position` tokens, from logits in base-2 units (Q16, at most 2^30 in magnitude).
///
/// Adds Gumbel noise to the scaled logits and takes the largest, which samples from their softmax. Ties go to the lower
/// token. Temperature and `top_p` mean what [`Sampling`] says.
pub fn sample(sampling: &Sampling, logits: &[i32], position: u64) -> u32 {
	if sampling.temperature == 0 {
		return super::loss::argmax(logits);
	}
	let largest = logits.iter().copied().max().unwrap_or(0);
	// Distance from the favourite at this temperature. At most 2^31 * 2^8 before the division.
	let distances: Vec<u64> = logits
		.iter()
		.map(|&z| (u64::from(largest.abs_diff(z)) << 8) / u64::from(sampling.temperature))
		.collect();
	let mut best = (i64::MIN, 0);
	let mut digest = (None, [0; 32]);
	for token in kept(sampling.top_p, logits, &distances) {
		let distance = distances[token as usize] as i64;
		// No noise lifts it above the best so far.
		if GUMBEL_MAX - distance < best.0 {
			continue;
		}
		let group = token / BYTES_PER_DIGEST as u32;
		// Neighbours share a digest.
		if digest.0 != Some(group) {
			digest = (Some(group), blake2_256(&[&noise_message(&sampling.seed, position, group)]));
		}
		let word = noise_word(&digest.1, (token % BYTES_PER_DIGEST as u32) as u8);
		let sum = gumbel_q16(word) - distance;
		if sum > best.0 || (sum == best.0 && token < best.1) {
			best = (sum, token);
		}
	}
	best.1
}

/// Returns the tokens nearest to the favourite that reach `top_p` (Q8) together, or all.
fn kept(top_p: u16, logits: &[i32], distances: &[u64]) -> Vec<u32> {
	let mut order: Vec<u32> = (0..logits.len() as u32).collect();
	if top_p >= 256 {
		return order;
	}
	order.sort_by_key(|&token| (core::cmp::Reverse(logits[token as usize]), token));
	// Terms in Q24: at most 2^24 each and 2^42 in all.
	let term = |&token: &u32| {
		let distance = distances[token as usize].min(u64::from(u32::MAX)) as u32;
		u64::from(exp2_neg(distance) >> 6)
	};
	let total: u64 = order.iter().map(term).sum();
	let mut reached = 0;
	let mut count = 0;
	for token in &order {
		if count > 0 && reached << 8 >= total * u64::from(top_p) {
			break;
		}
		reached += term(token);
		count += 1;
	}
	order.truncate(count);
	order
}

/// Returns the message that is hashed for the noise of tokens `4 * group` to `4 * group + 3` at a position: domain,
/// seed, position, group.
pub fn noise_message(seed: &Hash, position: u64, group: u32) -> [u8; 58] {
	let mut message = [0; 58];
	message[..14].copy_from_slice(b"blyan/sample/2");
	message[14..46].copy_from_slice(seed);
	message[46..54].copy_from_slice(&position.to_le_bytes());
	message[54..].copy_from_slice(&group.to_le_bytes());
	message
}

#[cfg(test)]
mod tests {
	use super::*;
	use alloc::vec;

	fn sampling(temperature: u16, top_p: u16) -> Sampling {
		Sampling { temperature, top_p, seed: [7; 32] }
	}

	#[test]
	fn sampling_takes_the_favourite_when_nothing_else_is_kept() {
		let mut logits = vec![0; 70_000];
		logits[66_000] = 5;
		logits[66_001] = 5;
		assert_eq!(sample(&sampling(0, 256), &logits, 0), 66_000);
		assert!((0..20).all(|position| sample(&sampling(u16::MAX, 0), &logits, position) == 66_000));
	}

	#[test]
	fn sampling_holds_at_the_extremes() {
		let mut logits = vec![-(1 << 30); 300];
		logits[3] = 1 << 30;
		assert_eq!(sample(&sampling(1, 256), &logits, u64::MAX), 3);
		assert_eq!(sample(&sampling(1, 255), &logits, u64::MAX), 3);
	}

	#[test]
	fn frequencies_follow_the_softmax() {
		// Probabilities 1/2, 1/4, 1/8, 1/8 and nothing else worth mentioning.
		let mut logits = [-(40 << 16); 12];
		(logits[0], logits[9], logits[10], logits[2]) = (0, -(1 << 16), -(2 << 16), -(2 << 16));
		let mut counts = [0_u32; 12];
		let draws = 10_000;
		for position in 0..draws {
			counts[sample(&sampling(256, 256), &logits, position) as usize] += 1;
		}
		for (token, share) in [(0, 0.5), (9, 0.25), (10, 0.125), (2, 0.125)] {
			// Five standard errors of a binomial count.
			let expected = draws as f64 * share;
			let slack = 5.0 * (expected * (1.0 - share)).sqrt();
			assert!((f64::from(counts[token]) - expected).abs() < slack, "token {token}: {}", counts[token]);
		}
	}

	/// The tokens that the loop leaves out change nothing.
	#[test]
	fn sampling_is_the_largest_of_all_sums() {
		let mut stream = crate::definition2::golden::Stream::new(b"sums");
		for position in 0..60 {
			let spread = 1 << (14 + position % 9);
			let logits: Vec<i32> = (0..300).map(|_| stream.within(spread)).collect();
			let top = *logits.iter().max().unwrap();
			let sum = |token: u32| {
				let digest = blake2_256(&[&noise_message(&[7; 32], position, token / 4)]);
				let distance = (i64::from(top - logits[token as usize]) << 8) / 300;
				(gumbel_q16(noise_word(&digest, (token % 4) as u8)) - distance, core::cmp::Reverse(token))
			};
			let best = (0..300).max_by_key(|&token| sum(token)).unwrap();
			assert_eq!(sample(&sampling(300, 256), &logits, position), best);
		}
	}

	#[test]
	fn top_p_never_chooses_the_tail() {
		let mut logits = [-(8 << 16); 256];
		logits[10] = 1 << 16;
		logits[20] = 0;
		let draws: Vec<u32> =
			(0..200).map(|position| sample(&sampling(256, 170), &logits, position)).collect();
		assert!(draws.iter().all(|token| [10, 20].contains(token)));
		assert!(draws.contains(&10) && draws.contains(&20));
	}
}
