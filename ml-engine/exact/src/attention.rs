//! Causal attention over 8-bit queries, keys and values.

use crate::{
	exponential::exp2_neg,
	number::{div_round, shift_round, sqrt_q16},
};
use alloc::vec::Vec;

/// log2(e) in Q30.
pub const LOG2_E_Q30: u64 = 1_549_082_005;
/// Bits of a query's factor.
const FACTOR_BITS: u32 = 21;
/// Bound of scores, Q16.
pub const SCORE_MAX: i64 = 1 << 30;
/// Largest attention probability: 15 bits.
pub const PROBABILITY_MAX: u32 = 32_767;

/// Quantises one head of a query or key by its largest magnitude, which is returned (Q12, at most 2^21).
///
/// The entries stand for `out / 127 * maximum`.
pub fn quantise_head(head: &[i32], out: &mut [i8]) -> i32 {
	let largest = head.iter().map(|x| x.abs()).max().unwrap_or(0);
	for (q, &x) in out.iter_mut().zip(head) {
		// 127 * 2^21 < 2^28.
		*q = if largest == 0 { 0 } else { div_round(127 * i64::from(x), i64::from(largest)) as i8 };
	}
	largest
}

/// Quantises a value (Q12, at most 2^19) in fixed steps of 1/32.
pub fn quantise_value(value: i32) -> i8 {
	shift_round(i64::from(value), 7).clamp(-127, 127) as i8
}

/// Factor that turns one query's integer products into scores: `log2(e) * maximum / (127^2 * sqrt(head size))`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryFactor {
	factor: u32,
	shift: u32,
}

impl QueryFactor {
	/// Folds the query's maximum (Q12, at most 2^21) and the head size (2 to 64) into 21 bits.
	pub fn new(maximum: i32, head_size: usize) -> Self {
		// At most 2^21 * 2^31 * 2^11 = 2^63 before LOG2_E's exact value, 2^62.6 with it: div_round's bound is
		// 2^62, so one bit less is shifted in here.
		let numerator = (u64::from(maximum.unsigned_abs()) * LOG2_E_Q30) << 10;
		// From 2^30 (head size 2) to 2^33 (head size 64).
		let denominator = 127 * 127 * sqrt_q16(head_size as u32);
		// maximum (Q12) * constant, with 24 more fraction bits; below 2^32.
		let ratio = div_round(numerator as i64, denominator as i64);
		let excess = (64 - ratio.leading_zeros()).saturating_sub(FACTOR_BITS);
		// Query maximum Q12, key maximum Q12, 24 bits of ratio; scores are Q16: 12 + 12 + 24 - 16 = 32.
		Self { factor: shift_round(ratio, excess) as u32, shift: 32 - excess }
	}

	/// Returns the score of a key in base-2 units, Q16: `product` is the integer product of query and key.
	pub fn score(self, product: i32, key_maximum: i32) -> i32 {
		// |product| <= 127^2 * 64 < 2^20, key maximum <= 2^21, factor <= 2^21: at most 2^62.
		let scaled = i64::from(product) * i64::from(key_maximum) * i64::from(self.factor);
		shift_round(scaled, self.shift).clamp(-SCORE_MAX, SCORE_MAX) as i32
	}

	/// Returns the factor, at most 2^21, for vectorised copies of [`Self::score`].
	pub fn factor(self) -> u32 {
		self.factor
	}

	/// Returns the shift, from 21 to 32, for vectorised copies of [`Self::score`].
	pub fn shift(self) -> u32 {
		self.shift
	}
}

/// Computes unnormalised probabilities in [0, 32767] of `scores`; the largest score gets 32767.
pub fn probabilities(scores: &[i32]) -> Vec<u32> {
	let largest = scores.iter().copied().max().unwrap_or(0);
	// Scores lie within 2^30 of zero, so a difference is at most 2^31.
	scores.iter().map(|&z| (exp2_neg(largest.abs_diff(z)) >> 15).min(PROBABILITY_MAX)).collect()
}

/// Computes one head of one query over the positions up to its own.
///
/// # Shapes
/// `query: [head_size]`, `keys` and `values`: one `[head_size]` row a position, `key_maxima: [positions]`,
/// output: `[head_size]` in Q13, at most 127 * 256. Its unit cancels in the normalisation that follows.
pub fn attend(
	query: &[i8],
	query_maximum: i32,
	keys: &[&[i8]],
	key_maxima: &[i32],
	values: &[&[i8]],
) -> Vec<i32> {
	let factor = QueryFactor::new(query_maximum, query.len());
	let scores: Vec<i32> = keys
		.iter()
		.zip(key_maxima)
		.map(|(key, &maximum)| factor.score(crate::linear::dot(key, query), maximum))
		.collect();
	let probabilities = probabilities(&scores);
	// At least 32,767 (the largest score) and at most 256 * 32,767 < 2^23.
	let total: u32 = probabilities.iter().sum();
	(0..query.len())
		.map(|i| {
			// At most 2^23 * 127 < 2^30; 2^38 after the shift.
			let sum: i64 =
				probabilities.iter().zip(values).map(|(&p, v)| i64::from(p) * i64::from(v[i])).sum();
			div_round(sum << 8, i64::from(total)) as i32
		})
		.collect()
}

#[cfg(test)]
mod tests {
	use super::*;
	use alloc::vec;
	use proptest::prelude::*;

	#[test]
	fn attention_holds_at_the_extremes() {
		let largest = QueryFactor::new(1 << 21, 2);
		assert!(largest.factor() <= 1 << 21 && largest.shift() >= 21);
		assert_eq!(i64::from(largest.score(127 * 127 * 64, 1 << 21)), SCORE_MAX);
		assert_eq!(i64::from(largest.score(-127 * 127 * 64, 1 << 21)), -SCORE_MAX);
		assert_eq!(QueryFactor::new(0, 64).score(127 * 127 * 64, 1 << 21), 0);
		assert_eq!(probabilities(&[SCORE_MAX as i32, -(SCORE_MAX as i32)]), [PROBABILITY_MAX, 0]);
		let (key, value) = ([127_i8; 64], [-127_i8; 64]);
		let out =
			attend(&[127; 64], 1 << 21, &[key.as_slice(); 256], &[1 << 21; 256], &[value.as_slice(); 256]);
		assert_eq!(out, vec![-127 * 256; 64]);
	}

	#[test]
	fn quantise_value_saturates() {
		assert_eq!((quantise_value(1 << 19), quantise_value(-(1 << 19))), (127, -127));
		assert_eq!((quantise_value(64), quantise_value(-64), quantise_value(63)), (1, -1, 0));
	}

	proptest! {
		#[test]
		fn scores_follow_the_reals(
			q in 64_i32..1 << 21, k in 64_i32..1 << 21, product in -1_032_256_i32..=1_032_256, half in 1_usize..=32,
		) {
			let head_size = 2 * half;
			let got = f64::from(QueryFactor::new(q, head_size).score(product, k)) / 65_536.0;
			let real = f64::from(product) * f64::from(q) * f64::from(k) / 4_096.0_f64.powi(2) / 127.0_f64.powi(2)
				* core::f64::consts::LOG2_E / (head_size as f64).sqrt();
			prop_assert!((got - real.clamp(-16_384.0, 16_384.0)).abs() <= 1e-4 + real.abs() * 1e-4, "{got} {real}");
		}

		#[test]
		fn attend_stays_among_the_values(
			query in prop::collection::vec(-127_i8..=127, 16),
			keys in prop::collection::vec(prop::collection::vec(-127_i8..=127, 16), 1..40),
			maximum in 0_i32..1 << 21,
		) {
			let rows: Vec<&[i8]> = keys.iter().map(Vec::as_slice).collect();
			let out = attend(&query, maximum, &rows, &vec![maximum; rows.len()], &rows);
			for (i, o) in out.into_iter().enumerate() {
				let (low, high) = (rows.iter().map(|v| v[i]).min().unwrap(), rows.iter().map(|v| v[i]).max().unwrap());
				prop_assert!((256 * i32::from(low)..=256 * i32::from(high)).contains(&o));
			}
		}
	}
}
