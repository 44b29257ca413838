//! Information content of the token that came next, and the token that the model would have chosen.

use crate::exponential::{exp2_neg, log2_q16};
use alloc::vec::Vec;

/// Logits that share a peak and a sum: what a dispute about a loss reads of a row at once.
pub const CHUNK: usize = 4_096;

/// Returns the largest logit of each [`CHUNK`].
pub fn peaks(logits: &[i32]) -> Vec<i32> {
	logits.chunks(CHUNK).map(|chunk| chunk.iter().copied().max().unwrap_or(0)).collect()
}

/// Returns the sum of `2^-(largest - z)` in Q30 over logits: over one [`CHUNK`] at most 2^42.
pub fn sum(logits: &[i32], largest: i32) -> u64 {
	logits.iter().map(|&z| u64::from(exp2_neg(largest.abs_diff(z)))).sum()
}

/// Returns `-log2 p(target)` in bits, Q16, from what [`peaks`] and [`sum`] say of each chunk. Below 2^31 + 2^21.
///
/// Bounds: at most 64 chunks; sums add up to 2^48 at most, and to 2^30 at least, since the largest logit is among them.
pub fn loss_from(peaks: &[i32], sums: &[u64], target: i32) -> u64 {
	let largest = peaks.iter().copied().max().unwrap_or(0);
	let total: u64 = sums.iter().sum();
	log2_q16(total.max(1 << 30)) - (30 << 16) + u64::from(largest.abs_diff(target))
}

/// Returns `-log2 p(target)` in bits, Q16, for logits in base-2 units (Q16, at most 2^30 in magnitude).
pub fn loss(logits: &[i32], target: usize) -> u64 {
	let peaks = peaks(logits);
	let largest = peaks.iter().copied().max().unwrap_or(0);
	loss_from(&peaks, &[sum(logits, largest)], logits[target])
}

/// Returns the token of the largest logit; the lower one of equals.
pub fn argmax(logits: &[i32]) -> u32 {
	let largest = logits.iter().copied().max().unwrap_or(0);
	logits.iter().position(|&z| z == largest).unwrap_or(0) as u32
}

#[cfg(test)]
mod tests {
	use super::*;
	use alloc::vec;
	use proptest::prelude::*;

	#[test]
	fn loss_holds_at_the_extremes() {
		assert_eq!(loss(&vec![77; 262_144], 13), 18 << 16);
		let mut logits = vec![-(1 << 30); 262_144];
		logits[200_000] = 1 << 30;
		assert_eq!(loss(&logits, 200_000), 0);
		assert_eq!(loss(&logits, 10), 1 << 31);
		assert_eq!(argmax(&logits), 200_000);
		assert_eq!(loss(&[9], 0), 0);
	}

	#[test]
	fn argmax_takes_the_lower_of_equals() {
		assert_eq!(argmax(&[3, 9, 9]), 1);
	}

	proptest! {
		#[test]
		fn loss_follows_the_reals(logits in prop::collection::vec(-(12_i32 << 16)..12 << 16, 2..300), target: usize) {
			let target = target % logits.len();
			let bits: Vec<f64> = logits.iter().map(|&z| f64::from(z) / 65_536.0).collect();
			let real = bits.iter().map(|z| z.exp2()).sum::<f64>().log2() - bits[target];
			prop_assert!((loss(&logits, target) as f64 / 65_536.0 - real).abs() < 2e-5);
		}

		#[test]
		fn loss_is_the_same_in_chunks(seed in any::<u64>(), len in 4_000_usize..10_000) {
			let logits: Vec<i32> = (0..len as u64).map(|i| ((i * 2_654_435_761) ^ seed) as i32 >> 8).collect();
			let peaks = peaks(&logits);
			let largest = logits.iter().copied().max().unwrap();
			let sums: Vec<u64> = logits.chunks(CHUNK).map(|chunk| sum(chunk, largest)).collect();
			prop_assert_eq!(loss_from(&peaks, &sums, logits[7]), loss(&logits, 7));
		}
	}
}
