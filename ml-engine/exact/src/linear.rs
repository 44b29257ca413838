//! Matrices of small integers, and their product with quantised activations.

use crate::{
	norm::Activations,
	number::{Rescale, Scale, LOGIT_BITS, RESIDUAL_BITS},
};
use alloc::vec::Vec;

/// Bound of the residual stream and of everything added to it, Q12.
pub const RESIDUAL_MAX: i32 = 1 << 22;
/// Bound of queries, keys and values, Q12.
pub const PROJECTION_MAX: i32 = 1 << 19;
/// Bound of logits, Q16.
pub const LOGIT_MAX: i32 = 1 << 30;

/// A matrix of 8-bit integers, row-major: real weights are `weights * scale`.
///
/// Ternary matrices hold -1, 0 and 1; embedding, router and head use all 8 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
	/// Outputs.
	pub rows: usize,
	/// Inputs.
	pub cols: usize,
	/// `rows * cols` entries.
	pub weights: Vec<i8>,
	/// Real value of one step.
	pub scale: Scale,
}

impl Matrix {
	/// Returns one row.
	pub fn row(&self, index: usize) -> &[i8] {
		&self.weights[index * self.cols..(index + 1) * self.cols]
	}

	/// Returns whether the shape is `rows` x `cols` and every entry is present.
	pub fn has_shape(&self, rows: usize, cols: usize) -> bool {
		self.rows == rows && self.cols == cols && self.weights.len() == rows * cols
	}

	/// Returns whether every weight is -1, 0 or 1.
	pub fn is_ternary(&self) -> bool {
		self.weights.iter().all(|w| (-1..=1).contains(w))
	}

	/// Computes the integer products of every row with `input`.
	pub fn accumulate(&self, input: &[i8]) -> Vec<i32> {
		(0..self.rows).map(|row| dot(self.row(row), input)).collect()
	}

	/// Outputs in Q12, clamped to `bound`.
	pub fn project(&self, input: &Activations, bound: i32) -> Vec<i32> {
		self.rescaled(input, RESIDUAL_BITS, bound)
	}

	/// Outputs in Q16, clamped to [`LOGIT_MAX`]. The scale carries log2(e), so they are in base-2 units.
	pub fn logits(&self, input: &Activations) -> Vec<i32> {
		self.rescaled(input, LOGIT_BITS, LOGIT_MAX)
	}

	fn rescaled(&self, input: &Activations, fraction_bits: u32, bound: i32) -> Vec<i32> {
		let rescale = Rescale::new(self.scale, input.scale, fraction_bits);
		self.accumulate(&input.values).into_iter().map(|acc| rescale.apply(acc, bound)).collect()
	}

	/// Returns a row as residuals in Q12: the contribution of a token before any layer.
	pub fn embed(&self, token: u8) -> Vec<i32> {
		let (mantissa, exponent) = (i64::from(self.scale.mantissa()), u32::from(self.scale.exponent()));
		// At most 128 * 2^32 = 2^39; the exponent is at least 20 unless the mantissa is zero.
		let shift = exponent.saturating_sub(RESIDUAL_BITS);
		let bound = i64::from(RESIDUAL_MAX);
		self.row(usize::from(token))
			.iter()
			.map(|&w| crate::number::shift_round(i64::from(w) * mantissa, shift).clamp(-bound, bound) as i32)
			.collect()
	}
}

/// Computes the sum of products. At most 2,048 * 127 * 128 < 2^25 in magnitude; 512 long for 8-bit weights, so 2^23
/// there, and 2,048 * 127 < 2^18 for ternary ones.
pub fn dot(weights: &[i8], input: &[i8]) -> i32 {
	weights.iter().zip(input).map(|(&w, &x)| i32::from(w) * i32::from(x)).sum()
}

/// Adds `update` to the residual stream, clamped to [`RESIDUAL_MAX`]. Both are at most 2^22, the sum 2^23.
pub fn add_residual(residual: &mut [i32], update: &[i32]) {
	for (h, &u) in residual.iter_mut().zip(update) {
		*h = (*h + u).clamp(-RESIDUAL_MAX, RESIDUAL_MAX);
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use alloc::vec;

	fn flat(rows: usize, cols: usize, weight: i8, scale: Scale) -> Matrix {
		Matrix { rows, cols, weights: vec![weight; rows * cols], scale }
	}

	#[test]
	fn products_hold_at_the_extremes() {
		let scale = Scale::new(u32::MAX, 20).unwrap();
		let input = Activations { values: vec![-127; 512], scale: (1 << 22) - 1 };
		assert_eq!(flat(1, 512, i8::MIN, scale).accumulate(&input.values), [127 * 128 * 512]);
		assert_eq!(flat(1, 512, i8::MIN, scale).logits(&input), [LOGIT_MAX]);
		assert_eq!(flat(1, 512, 127, scale).logits(&input), [-LOGIT_MAX]);
		let wide = Activations { values: vec![127; 2_048], scale: (1 << 22) - 1 };
		assert_eq!(flat(2, 2_048, 1, scale).project(&wide, RESIDUAL_MAX), [RESIDUAL_MAX; 2]);
		assert_eq!(flat(256, 64, i8::MIN, scale).embed(255), [-RESIDUAL_MAX; 64]);
		assert_eq!(flat(256, 64, i8::MIN, Scale::default()).embed(0), [0; 64]);
	}

	#[test]
	fn project_is_the_real_product_rounded() {
		// Scale 1/64; activations 127/127 * 1.0.
		let scale = Scale::new(1 << 31, 37).unwrap();
		let input = Activations { values: vec![127; 64], scale: 65_536 };
		assert_eq!(flat(1, 64, 1, scale).project(&input, RESIDUAL_MAX), [4_096]);
		assert_eq!(flat(1, 64, -1, scale).logits(&input), [-65_536]);
		assert_eq!(flat(256, 64, 2, scale).embed(3)[0], 128);
	}

	#[test]
	fn add_residual_clamps_both_ways() {
		let mut h = [RESIDUAL_MAX, -RESIDUAL_MAX, 1];
		add_residual(&mut h, &[RESIDUAL_MAX, -RESIDUAL_MAX, 2]);
		assert_eq!(h, [RESIDUAL_MAX, -RESIDUAL_MAX, 3]);
	}
}
