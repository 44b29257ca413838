//! Causal attention of one head of one query over 8-bit keys and values.

use super::{
	linear::{Factor, LOGIT_MAX, PROJECTION_MAX},
	real::{bits, isqrt, Real},
};
use crate::{
	attention::{probabilities, PROBABILITY_MAX},
	number::{div_round, shift_round},
};
use alloc::vec::Vec;

/// log2(e) / 127^2 in Q62.
pub const LOG2_E_BY_127_SQUARED_Q62: u64 = 412_502_731_038_636;
/// Bits that the product of a dot product and a key's maximum loses before it is scaled.
pub const KEY_SHIFT: u32 = 18;
/// Bits that the weights of values keep.
const WEIGHT_BITS: u32 = 15;

/// Keys and values of one key/value head up to a query's position.
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
	/// Keys, position by position: `[positions, head_size]`.
	pub keys: &'a [i8],
	/// Largest magnitude of each key, Q12, at most 2^27.
	pub key_maxima: &'a [i32],
	/// Values, position by position: `[positions, head_size]`.
	pub values: &'a [i8],
	/// Step of each value, Q20, at most [`STEP_MAX`](super::heads::STEP_MAX).
	pub value_steps: &'a [i32],
}

/// Returns the factor that turns one query's dot products, times a key's maximum, into scores in Q16, base-2 units.
/// `maximum` is the query's largest magnitude (Q12, at most 2^27).
pub fn score_factor(maximum: i32, head_size: usize) -> Factor {
	let real = Real::from_integer(maximum.unsigned_abs().into())
		.times(Real::from_integer(LOG2_E_BY_127_SQUARED_Q62).shifted(-62))
		.times(inverse_root(head_size));
	// Maxima of query and key in Q12, scores in Q16.
	Factor::new(real.shifted(16 - 24))
}

/// Returns the inverse of the square root of a head size.
pub fn inverse_root(head_size: usize) -> Real {
	Real::from_integer(isqrt((1 << 124) / head_size as u128)).shifted(-62)
}

/// Returns the score of a key: `product` is the dot product of query and key, at most 127^2 * 256 < 2^22.
pub fn score(factor: Factor, product: i32, key_maximum: i32) -> i32 {
	// At most 2^22 * 2^27 before the shift, 2^31 behind it.
	let scaled = shift_round(i64::from(product) * i64::from(key_maximum), KEY_SHIFT);
	factor.apply_behind(scaled, KEY_SHIFT as i32, LOGIT_MAX)
}

/// Computes the output of one head of one query: `[head_size]`, Q12, within 2^26.
///
/// `maximum` is the largest magnitude of the query. All slices of `past` hold as many positions; at most 131,072.
pub fn attend(query: &[i8], maximum: i32, past: &Past<'_>) -> Vec<i32> {
	let factor = score_factor(maximum, query.len());
	let scores: Vec<i32> = past
		.keys
		.chunks_exact(query.len())
		.zip(past.key_maxima)
		.map(|(key, &maximum)| score(factor, crate::linear::dot(key, query), maximum))
		.collect();
	let probabilities = probabilities(&scores);
	// At least 32,767 (the largest score), at most 131,072 * 32,767 < 2^32.
	let total: i64 = probabilities.iter().map(|&p| i64::from(p)).sum();
	let (weights, excess) = weights(&probabilities, past.value_steps);
	(0..query.len())
		.map(|i| {
			let column = past.values.iter().skip(i).step_by(query.len());
			// At most 2^17 * 2^15 * 2^7 = 2^39.
			let sum: i64 = weights.iter().zip(column).map(|(&w, &c)| w * i64::from(c)).sum();
			in_q12(div_round(sum << 8, total), excess)
		})
		.collect()
}

/// Returns the weights of the values (15 bits) and the bits that `probability * step` was shifted right by.
pub fn weights(probabilities: &[u32], steps: &[i32]) -> (Vec<i64>, u32) {
	// At most 2^15 * 2^27.1.
	let products = || probabilities.iter().zip(steps).map(|(&p, &step)| i64::from(p) * i64::from(step));
	let largest = products().max().unwrap_or(0);
	let excess = bits(largest as u64).saturating_sub(WEIGHT_BITS);
	let weight = |product| shift_round(product, excess).min(PROBABILITY_MAX.into());
	(products().map(weight).collect(), excess)
}

/// Returns `quotient * 2^(excess - 16)`, within 2^26. A weight above zero has a probability of at least one, so the
/// quotient is at most 32,767 * 127 * 256 < 2^30; the excess is at most 28.
fn in_q12(quotient: i64, excess: u32) -> i32 {
	let bound = i64::from(PROJECTION_MAX);
	let output = match excess.checked_sub(16) {
		Some(left) => quotient << left,
		None => shift_round(quotient, 16 - excess),
	};
	output.clamp(-bound, bound) as i32
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::definition2::heads::STEP_MAX;
	use alloc::vec;
	use proptest::prelude::*;

	#[test]
	fn attention_holds_at_the_extremes() {
		let largest = score_factor(1 << 27, 2);
		assert_eq!(score(largest, 127 * 127 * 256, 1 << 27), LOGIT_MAX);
		assert_eq!(score(largest, -127 * 127 * 256, 1 << 27), -LOGIT_MAX);
		assert_eq!(score(score_factor(0, 64), 127 * 127 * 64, 1 << 27), 0);
		assert_eq!(score(score_factor(1, 256), 1, 1), 0);
		let positions = 131_072;
		let (keys, values) = (vec![127; 2 * positions], vec![-127; 2 * positions]);
		let (maxima, steps) = (vec![1 << 27; positions], vec![STEP_MAX; positions]);
		let past = Past { keys: &keys, key_maxima: &maxima, values: &values, value_steps: &steps };
		let out = attend(&[127, 127], 1 << 27, &past);
		assert!(out.iter().all(|&o| (o + PROJECTION_MAX).abs() <= PROJECTION_MAX >> 14), "{out:?}");
		let still = vec![0; positions];
		assert_eq!(attend(&[127, 127], 1 << 27, &Past { value_steps: &still, ..past }), [0, 0]);
	}

	/// Far positions of probability 1 with enormous values beside a near one of probability 32,767 with none.
	#[test]
	fn attention_holds_where_the_unlikely_weighs_most() {
		let positions = 131_072;
		let mut steps = vec![STEP_MAX; positions];
		steps[0] = 0;
		let mut probabilities = vec![1; positions];
		probabilities[0] = PROBABILITY_MAX;
		let (weights, excess) = weights(&probabilities, &steps);
		let sum: i64 = weights.iter().map(|w| w * 127).sum();
		let total: i64 = probabilities.iter().map(|&p| i64::from(p)).sum();
		let quotient = div_round(sum << 8, total);
		assert!(quotient < 1 << 30);
		let real = f64::from(STEP_MAX) * 127.0 / 256.0 * (positions - 1) as f64 / total as f64;
		assert!((f64::from(in_q12(quotient, excess)) / real - 1.0).abs() < 1e-4);
	}

	proptest! {
		#[test]
		fn scores_follow_the_reals(
			q in 64_i32..1 << 27, k in 64_i32..1 << 27, product in -4_000_000_i32..4_000_000, half in 1_usize..=128,
		) {
			let head_size = 2 * half;
			let got = f64::from(score(score_factor(q, head_size), product, k)) / 65_536.0;
			let unit = f64::from(q) / 4_096.0_f64.powi(2) / 127.0_f64.powi(2)
				* core::f64::consts::LOG2_E / (head_size as f64).sqrt();
			let real = f64::from(product) * f64::from(k) * unit;
			// Half a unit of the score, and half a unit of the product behind its shift.
			let slack = 0.5 / 65_536.0 + unit * 2_f64.powi(17) + real.abs() * 2e-9;
			prop_assert!((got - real.clamp(-16_384.0, 16_384.0)).abs() <= slack * 1.01, "{got} {real}");
		}

		/// Attention as the reals have it over the very same 8-bit numbers: within 2^-12 of the largest value.
		#[test]
		fn attend_follows_the_reals(
			query in prop::collection::vec(-127_i8..=127, 16),
			rows in prop::collection::vec((prop::collection::vec(-127_i8..=127, 16), 1_i32..1 << 13, 0_i32..1 << 21), 1..60),
			maximum in 0_i32..1 << 13,
		) {
			let keys: Vec<i8> = rows.iter().flat_map(|(c, ..)| c.clone()).collect();
			let maxima: Vec<i32> = rows.iter().map(|row| row.1).collect();
			let steps: Vec<i32> = rows.iter().map(|row| row.2).collect();
			let past = Past { keys: &keys, key_maxima: &maxima, values: &keys, value_steps: &steps };
			let out = attend(&query, maximum, &past);
			let entry = |c: i8, scale: f64| f64::from(c) * scale;
			let scores: Vec<f64> = rows.iter().map(|(key, m, _)| {
				let dot: f64 = key.iter().zip(&query).map(|(&k, &q)| entry(k, 1.0) * entry(q, 1.0)).sum();
				dot * f64::from(*m) * f64::from(maximum) / (4_096.0 * 127.0_f64).powi(2) / 4.0
			}).collect();
			let top = scores.iter().copied().fold(f64::MIN, f64::max);
			let p: Vec<f64> = scores.iter().map(|z| (z - top).exp()).collect();
			let largest = steps.iter().map(|&s| f64::from(s) * 127.0 / 256.0).fold(0.0, f64::max);
			for (i, &o) in out.iter().enumerate() {
				let sum: f64 = rows.iter().zip(&p).map(|((c, _, s), p)| p * entry(c[i], f64::from(*s) / 256.0)).sum();
				let want = sum / p.iter().sum::<f64>();
				prop_assert!((f64::from(o) - want).abs() <= 0.6 + largest * (1.0 + rows.len() as f64) * 4e-4, "{o} {want} {largest}");
			}
		}
	}
}
