//! Row-wise steps of attention: products to scores, scores to probabilities, weighted sums to outputs.

use crate::{
	math::{exp2_neg, isqrt, shift_round},
	versions,
};
use blyan_exact::attention::{LOG2_E_Q30, PROBABILITY_MAX, SCORE_MAX};

/// `blyan_exact::attention::QueryFactor`, with the fast square root.
#[derive(Clone, Copy, Debug)]
pub struct QueryFactor {
	pub(crate) factor: u32,
	pub(crate) shift: u32,
}

impl QueryFactor {
	/// Folds the query's maximum (Q12, at most 2^21) and the head size (2 to 64) into 21 bits.
	pub fn new(maximum: i32, head_size: usize) -> Self {
		let numerator = (u64::from(maximum.unsigned_abs()) * LOG2_E_Q30) << 10;
		// A head size shifted by 32 is below 2^39.
		let denominator = 127 * 127 * isqrt((head_size as u64) << 32);
		let ratio = (2 * numerator + denominator) / (2 * denominator);
		let excess = (64 - ratio.leading_zeros()).saturating_sub(21);
		Self { factor: shift_round(ratio as i64, excess) as u32, shift: 32 - excess }
	}
}

versions! {
	/// Turns products into scores in place (`blyan_exact::attention::QueryFactor::score`) and returns the largest.
	pub fn scores(products: &mut [i32], maxima: &[i32], factor: QueryFactor) -> i32 {
		let (multiplier, shift) = (i64::from(factor.factor), factor.shift);
		let mut largest = i32::MIN;
		for (product, &maximum) in products.iter_mut().zip(maxima) {
			let scaled = i64::from(*product) * i64::from(maximum) * multiplier;
			let score = shift_round(scaled, shift).clamp(-SCORE_MAX, SCORE_MAX) as i32;
			*product = score;
			largest = largest.max(score);
		}
		largest
	}
}

versions! {
	/// Turns scores into probabilities in place and returns their sum.
	pub fn probabilities(scores: &mut [i32], largest: i32) -> i32 {
		let mut total = 0_i32;
		for score in scores {
			// At most 2^31.
			let power = exp2_neg(largest.wrapping_sub(*score) as u32);
			let probability = ((power >> 15) as i32).min(PROBABILITY_MAX as i32);
			*score = probability;
			total += probability;
		}
		total
	}
}

versions! {
	/// Computes `out = round(out * 256 / total)`, halves away from zero, for 32,767 <= total < 2^23 and |out| <= 127
	/// total.
	///
	/// The quotient is the integer part of n / 2 total for n = 512 |out| + total, below 2^15. The next integer is at
	/// least 1 / 2 total > 2^-24 away from it; half of that is added, and doubles err by less than 2^-36: so an
	/// integer stays one, and nothing below it becomes one.
	pub fn normalise(out: &mut [i32], total: i32) {
		let reciprocal = 0.5 / f64::from(total);
		let half = (f64::from(total) + 0.5) * reciprocal;
		for o in out {
			let quotient = f64::from(*o) * 512.0 * reciprocal + half.copysign(f64::from(*o));
			// SAFETY: below 2^15 in magnitude.
			*o = unsafe { quotient.to_int_unchecked() };
		}
	}
}
