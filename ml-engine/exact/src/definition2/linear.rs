//! The product of a matrix with activations, brought to the unit of its output.

use super::{
	adapter::Correction,
	architecture::WeightKind,
	matrix::Matrix,
	quantise::Activations,
	real::{activation_max, bits, Real},
};
use crate::number::shift_round;
use alloc::vec::Vec;

/// Bound of the residual stream and of everything added to it.
pub const RESIDUAL_MAX: i32 = 1 << 28;
/// Bound of queries, keys, values, gates and ups with their biases, Q12.
pub const PROJECTION_MAX: i32 = 1 << 26;
/// Bound of queries and keys behind the rotation, Q12.
pub const HEAD_MAX: i32 = 1 << 27;
/// Bound of logits, Q16.
pub const LOGIT_MAX: i32 = 1 << 30;
/// Bound of accumulators behind their shift: what [`Factor::apply`] takes.
pub const ACCUMULATOR_MAX: i64 = 1 << 31;
/// Fraction bits of queries, keys, values, gates and ups.
pub const PROJECTION_BITS: u8 = 12;
/// Fraction bits of logits, in base-2 units.
pub const LOGIT_BITS: u8 = 16;

/// A real number as one 64-bit multiplication and one rounding shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factor {
	/// Zero, or at least 2^30 and below 2^31.
	pub multiplier: u32,
	/// Bits that the product is shifted right by; negative if it were shifted left.
	pub shift: i32,
}

impl Factor {
	/// Keeps 31 bits of a real number's mantissa.
	pub fn new(real: Real) -> Self {
		Self { multiplier: real.mantissa() >> 1, shift: i32::from(real.exponent()) - 1 }
	}

	/// Returns `a * factor`, rounded and clamped to `bound` (at most 2^30). Bound: |a| <= 2^31.
	///
	/// What would be shifted by more than 62 bits is zero; what would be shifted left is beyond every bound.
	pub fn apply(self, a: i64, bound: i32) -> i32 {
		self.apply_behind(a, 0, bound)
	}

	/// Returns `a * 2^before * factor` for an `a` that was shifted right by `before` bits beforehand.
	pub fn apply_behind(self, a: i64, before: i32, bound: i32) -> i32 {
		let shift = self.shift - before;
		let bound = i64::from(bound);
		if a == 0 || self.multiplier == 0 || shift > 62 {
			return 0;
		}
		if shift < 0 {
			return (a.signum() * bound) as i32;
		}
		// At most 2^31 * 2^31.
		shift_round(a * i64::from(self.multiplier), shift as u32).clamp(-bound, bound) as i32
	}
}

/// Returns the bits by which accumulators of a matrix of this peak are shifted so that 31 remain.
pub fn excess(peak: u32, width: u8, cols: usize) -> u32 {
	// Below 2^31 * 2^11 * 2^17.
	let largest = u64::from(peak) * activation_max(width) as u64 * cols as u64;
	bits(largest).saturating_sub(31)
}

/// Returns the factor of accumulators behind their shift by [`excess`].
pub fn output_factor(matrix: &Matrix<'_>, scale: Real, fraction: u8, excess: u32) -> Factor {
	let shift = i32::from(fraction) + excess as i32 - matrix.kind.unit();
	Factor::new(matrix.scale.times(scale).shifted(shift))
}

/// Computes the product of a matrix with activations of `width` bits, in `fraction` bits, clamped to `bound`.
///
/// # Shapes
/// `input: [cols]`, output: `[rows]`.
pub fn linear(input: &Activations, width: u8, matrix: &Matrix<'_>, fraction: u8, bound: i32) -> Vec<i32> {
	let excess = excess(matrix.peak, width, matrix.cols);
	let factor = output_factor(matrix, input.scale, fraction, excess);
	// An accumulator is at most 2^58 and has 31 bits behind the shift, 2^31 if it is rounded up.
	let output = |row| factor.apply(shift_round(matrix.accumulate(row, &input.values), excess), bound);
	(0..matrix.rows).map(output).collect()
}

/// Adds an adapter's correction to an accumulator, and shifts the sum as [`linear`] shifts the accumulator. At most
/// [`ACCUMULATOR_MAX`] in magnitude.
///
/// A correction of zero leaves `shift_round(accumulator, excess)`: the refinement is shifted out again, exactly.
pub fn adapted(accumulator: i64, correction: i64, kind: WeightKind, excess: u32) -> i64 {
	let refinement = kind.refinement();
	// At most 2^58, or 2^27 * 2^16 for ternary weights, and 2^59.
	let sum = (accumulator << refinement) + correction;
	shift_round(sum, excess + refinement).clamp(-ACCUMULATOR_MAX, ACCUMULATOR_MAX)
}

/// Computes [`linear`] with an adapter's correction of each accumulator. The factor and the excess are the matrix's, so
/// that a correction of zeros gives what [`linear`] gives.
///
/// # Shapes
/// `input: [cols]`, the correction's second matrix `[rows, rank]`, output: `[rows]`.
pub fn adapted_linear(
	input: &Activations,
	width: u8,
	matrix: &Matrix<'_>,
	correction: &Correction<'_>,
	fraction: u8,
	bound: i32,
) -> Vec<i32> {
	let excess = excess(matrix.peak, width, matrix.cols);
	let factor = output_factor(matrix, input.scale, fraction, excess);
	let output = |row| {
		let accumulator = matrix.accumulate(row, &input.values);
		factor.apply(adapted(accumulator, correction.of_row(row), matrix.kind, excess), bound)
	};
	(0..matrix.rows).map(output).collect()
}

/// Adds a bias to outputs, clamped to `bound`. Both are at most 2^28, the sum 2^29.
pub fn add(outputs: &mut [i32], bias: &[i32], bound: i32) {
	for (y, &b) in outputs.iter_mut().zip(bias) {
		*y = (*y + b).clamp(-bound, bound);
	}
}

/// Returns a row of the embedding in `fraction` bits: what the residual stream of a token begins with.
pub fn embed(embedding: &Matrix<'_>, token: usize, fraction: u8) -> Vec<i32> {
	let shift = i32::from(fraction) - embedding.kind.unit();
	let factor = Factor::new(embedding.scale.shifted(shift));
	embedding.row_integers(token).into_iter().map(|a| factor.apply(a, RESIDUAL_MAX)).collect()
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::definition2::{
		architecture::WeightKind,
		golden::Stream,
		matrix::{OwnedMatrix, INT8_PEAK},
		quantise::quantise,
	};
	use alloc::vec;
	use proptest::prelude::*;

	#[test]
	fn factors_hold_at_the_extremes() {
		let of = |mantissa, exponent| Factor::new(Real::new(mantissa, exponent).unwrap());
		assert_eq!(of(u32::MAX, 1).apply(1 << 31, LOGIT_MAX), LOGIT_MAX);
		assert_eq!(of(u32::MAX, -512).apply(-1, PROJECTION_MAX), -PROJECTION_MAX);
		assert_eq!(of(u32::MAX, -512).apply(0, LOGIT_MAX), 0);
		assert_eq!(of(u32::MAX, 64).apply(1 << 31, LOGIT_MAX), 0);
		assert_eq!(of(u32::MAX, 63).apply(-(1 << 31), LOGIT_MAX), -1);
		assert_eq!(Factor::new(Real::ZERO).apply(1 << 31, LOGIT_MAX), 0);
		// The numbers 1 and 1/2.
		assert_eq!(of(1 << 31, 31).apply(77, LOGIT_MAX), 77);
		assert_eq!(of(1 << 31, 32).apply(-77, LOGIT_MAX), -39);
	}

	#[test]
	fn linear_holds_at_the_extremes() {
		let cols = 65_536;
		let input = Activations { values: vec![-2_047; cols], scale: Real::new(u32::MAX, 12).unwrap() };
		for (kind, codes, scales, peak) in [
			(WeightKind::Ternary, vec![0_u8; cols / 4], vec![], 1),
			(WeightKind::Int8, vec![0x80; cols], vec![0xff; 2], INT8_PEAK),
			(
				WeightKind::Int4By64,
				vec![0xff; cols / 2],
				[0xff, 0xc7, 0xff, 0xc7].repeat(cols / 64),
				(1 << 31) - 1,
			),
		] {
			for scale in
				[Real::new(u32::MAX, -96).unwrap(), Real::from_integer(1), Real::new(1 << 31, 160).unwrap()]
			{
				let bytes = [codes.clone(), scales.clone()].concat();
				let matrix = OwnedMatrix { kind, rows: 1, cols, bytes, scale, peak };
				assert_eq!(matrix.view().validate(), Ok(()));
				let out = linear(&input, 12, &matrix.view(), 16, LOGIT_MAX)[0];
				assert_eq!(out, if scale.exponent() > 100 { 0 } else { LOGIT_MAX }, "{kind:?} {scale:?}");
			}
		}
	}

	#[test]
	fn embed_holds_at_the_extremes() {
		let bytes = [vec![0xff; 32], vec![0xff, 0xc7, 0xff, 0xc7]].concat();
		let scale = Real::from_integer(u64::MAX);
		let peak = (1 << 31) - 1;
		let kind = WeightKind::Int4By64;
		let matrix = OwnedMatrix { kind, rows: 1, cols: 64, bytes, scale, peak };
		assert_eq!(embed(&matrix.view(), 0, 16), [-RESIDUAL_MAX; 64]);
		let matrix = OwnedMatrix { scale: Real::ZERO, ..matrix };
		assert_eq!(embed(&matrix.view(), 0, 16), [0; 64]);
		// 127.94 in Q12.
		let matrix = OwnedMatrix { scale: Real::from_integer(1), ..matrix };
		assert_eq!(embed(&matrix.view(), 0, 12), [-((16 * 2_047) << 4); 64]);
	}

	proptest! {
		#![proptest_config(ProptestConfig::with_cases(64))]
		/// One unit of the output, and 2^-20 of the largest output that the row could have.
		#[test]
		fn linear_follows_the_reals(seed: u64, width in 8_u8..=12, exponent in 20_i16..60, zero in 0_usize..4) {
			let kinds = [WeightKind::Ternary, WeightKind::Int8, WeightKind::Int4By32, WeightKind::Int4By64];
			let mut stream = Stream::new(&seed.to_le_bytes());
			for kind in kinds {
				let matrix = stream.matrix(kind, 5, 192);
				let scale = Real::new(3 << 30, exponent).unwrap();
				let t: Vec<i64> = (0..192).map(|i| i64::from(stream.within(1 << 20)) >> (i % 7 * zero)).collect();
				let input = Activations { scale, ..quantise(&t, 12, width) };
				let out = linear(&input, width, &matrix.view(), 12, RESIDUAL_MAX);
				let real = |real: Real| f64::from(real.mantissa()) * (-f64::from(real.exponent())).exp2();
				let unit = real(matrix.scale) * real(scale) * (12.0 - f64::from(kind.unit())).exp2();
				let most = f64::from(matrix.peak) * f64::from(activation_max(width)) * 192.0 * unit;
				for (row, &y) in out.iter().enumerate() {
					let products = matrix.view().row_integers(row).into_iter().zip(&input.values);
					let sum: f64 = products.map(|(w, &q)| w as f64 * f64::from(q)).sum::<f64>() * unit;
					let bound = f64::from(RESIDUAL_MAX);
					prop_assert!((f64::from(y) - sum.clamp(-bound, bound)).abs() <= 1.0 + most * 1e-6, "{y} {sum}");
				}
			}
		}
	}
}
