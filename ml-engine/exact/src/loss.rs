//! Information content of the byte that came next.

use crate::exponential::{exp2_neg, log2_q16};

/// Returns `-log2 p(target)` in bits, Q16, for logits in base-2 units (Q16, at most 2^30 in magnitude).
///
/// Below 2^31 + 2^19. Error under 1e-4 bit.
pub fn loss(logits: &[i32], target: u8) -> u64 {
	let largest = logits.iter().copied().max().unwrap_or(0);
	// Each term is at most 2^24 and the largest logit's is exactly that: the sum is in [2^24, 2^32].
	let sum: u64 = logits.iter().map(|&z| u64::from((exp2_neg(largest.abs_diff(z)) + 32) >> 6)).sum();
	let normaliser = log2_q16(sum) - (24 << 16);
	normaliser + u64::from(largest.abs_diff(logits[usize::from(target)]))
}

#[cfg(test)]
mod tests {
	use super::*;
	use alloc::vec::Vec;
	use proptest::prelude::*;

	#[test]
	fn loss_of_a_uniform_guess_is_eight_bits() {
		assert_eq!(loss(&[77; 256], 13), 8 << 16);
	}

	#[test]
	fn loss_holds_at_the_extremes() {
		let mut logits = [-(1 << 30); 256];
		logits[9] = 1 << 30;
		assert_eq!(loss(&logits, 9), 0);
		assert_eq!(loss(&logits, 10), 1 << 31);
	}

	proptest! {
		#[test]
		fn loss_follows_the_reals(logits in prop::collection::vec(-(12_i32 << 16)..12 << 16, 256), target: u8) {
			let bits: Vec<f64> = logits.iter().map(|&z| f64::from(z) / 65_536.0).collect();
			let real = bits.iter().map(|z| z.exp2()).sum::<f64>().log2() - bits[usize::from(target)];
			prop_assert!((loss(&logits, target) as f64 / 65_536.0 - real).abs() < 1e-4);
		}
	}
}
