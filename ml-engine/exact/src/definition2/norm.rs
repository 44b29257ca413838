//! Division by the root mean square, of whole rows and of heads.

use super::{
	linear::{Factor, PROJECTION_MAX},
	model::Gain,
	quantise::{quantise, Activations},
	real::{bits, isqrt, Real},
};
use crate::number::shift_round;
use alloc::vec::Vec;

/// Bits that the largest entry keeps before it is squared.
const ENTRY_BITS: u32 = 24;
/// The same in rows of more than [`WIDE`] entries.
const WIDE_ENTRY_BITS: u32 = 22;
/// Entries of a row whose squares of 48 bits stay below 2^61 together.
const WIDE: usize = 8_192;
/// Fraction bits of `eps`.
const EPS_BITS: i32 = 48;
/// Bound of what `eps` adds to the sum of squares.
const EPS_MAX: u128 = 1 << 61;
/// Fraction bits of an inverse root mean square.
const ROOT_BITS: i32 = 55;
/// Bits that the product of an entry and its gain loses before it is scaled to Q12.
const GAIN_SHIFT: u32 = 21;

/// The inverse root mean square of a row: `root * 2^(unit - excess - 55)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InverseRms {
	/// At most 2^63.
	pub root: u64,
	/// Bits that the entries were shifted right by before they were squared.
	pub excess: u32,
}

/// Computes the inverse root mean square of a row whose entries stand for `h_i * 2^-unit`; `eps` is in Q48.
/// `None` if both are zero. Bounds: |h| <= 2^28, 65,536 entries, eps < 2^41.
pub fn inverse_rms(h: &[i32], unit: i32, eps: u64) -> Option<InverseRms> {
	let keep = if h.len() > WIDE { WIDE_ENTRY_BITS } else { ENTRY_BITS };
	let largest = h.iter().map(|h| h.unsigned_abs()).max().unwrap_or(0);
	let excess = bits(largest.into()).saturating_sub(keep);
	// At most 8,192 * 2^48 = 2^61, or 65,536 * 2^44 = 2^60.
	let squares: u64 = h
		.iter()
		.map(|&h| {
			let h = shift_round(h.into(), excess);
			(h * h) as u64
		})
		.sum();
	let entries = h.len() as u128;
	let sum =
		u128::from(squares) + eps_share(entries * u128::from(eps), 2 * unit - 2 * excess as i32 - EPS_BITS);
	// Below 2^16 * 2^110, and the sum is at least one: the root is at most 2^63.
	let ratio = (entries << 110).checked_div(sum)?;
	Some(InverseRms { root: isqrt(ratio), excess })
}

/// Returns `product * 2^shift`, rounded, at most 2^61. Bounds: product < 2^57, shift <= 32.
fn eps_share(product: u128, shift: i32) -> u128 {
	if shift >= 0 {
		return (product << shift.min(32)).min(EPS_MAX);
	}
	let right = shift.unsigned_abs();
	if right > 62 {
		return 0;
	}
	(product + (1 << (right - 1))) >> right
}

/// Divides a row by its root mean square, multiplies it by `gain`, and quantises it to `width` bits.
///
/// Entries stand for `h_i * 2^-unit`. Bounds: |h| <= 2^28, |gain| < 2^24, 65,536 entries.
pub fn norm(h: &[i32], unit: i32, gain: Gain<'_>, eps: u64, width: u8) -> Activations {
	let Some(inverse) = inverse_rms(h, unit, eps) else { return Activations::zero(h.len()) };
	// At most 2^52.
	let t: Vec<i64> = h.iter().zip(gain.values).map(|(&h, &g)| i64::from(h) * i64::from(g)).collect();
	let Activations { values, scale } = quantise(&t, 0, width);
	let scale = scale.times(Real::from_integer(inverse.root)).times(gain.scale);
	// The unit of the entries cancels against that of the inverse.
	Activations { values, scale: scale.shifted(-(inverse.excess as i32) - ROOT_BITS) }
}

/// Divides a row in Q12 by its root mean square and multiplies it by `gain`; the result is in Q12 within 2^26.
///
/// Bounds: |row| <= 2^26, |gain| < 2^24, 65,536 entries.
pub fn normalise(row: &mut [i32], gain: Gain<'_>, eps: u64) {
	let Some(InverseRms { root, excess }) = inverse_rms(row, 12, eps) else { return };
	let real = Real::from_integer(root).times(gain.scale).shifted(12 - excess as i32 - ROOT_BITS);
	let factor = Factor::new(real);
	for (h, &g) in row.iter_mut().zip(gain.values) {
		// At most 2^50 before the shift and 2^29 behind it.
		let product = shift_round(i64::from(*h) * i64::from(g), GAIN_SHIFT);
		*h = factor.apply_behind(product, GAIN_SHIFT as i32, PROJECTION_MAX);
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use alloc::vec;
	use proptest::prelude::*;

	fn as_f64(real: Real) -> f64 {
		f64::from(real.mantissa()) * (-f64::from(real.exponent())).exp2()
	}

	#[test]
	fn norms_of_zeros_are_zeros() {
		let gain = Gain { values: &[1 << 23; 64], scale: Real::from_integer(1) };
		assert_eq!(norm(&[0; 64], 12, gain, 0, 8), Activations::zero(64));
		assert_eq!(norm(&[0; 64], 12, gain, 1 << 40, 8), Activations::zero(64));
		let mut row = [0; 64];
		normalise(&mut row, gain, 0);
		assert_eq!(row, [0; 64]);
	}

	#[test]
	fn norms_hold_at_the_extremes() {
		let wide = vec![-(1 << 28); 65_536];
		let gains = vec![-(1 << 24) + 1; 65_536];
		let gain = Gain { values: &gains, scale: Real::from_integer(1) };
		for (row, unit) in [(&wide[..], 36), (&wide[..8_192], 8), (&wide[..], -17), (&wide[..32], 16)] {
			for eps in [0, (1 << 41) - 1] {
				let out = norm(row, unit, Gain { values: &gains[..row.len()], ..gain }, eps, 12);
				assert_eq!((out.values[0], out.values[row.len() - 1]), (2_047, 2_047));
				if eps != 0 && unit == 36 {
					// The share of eps is cut at 2^61: no overflow is all that is asked.
					continue;
				}
				let mean = (2_f64.powi(28 - unit)).powi(2) + eps as f64 * 2_f64.powi(-48);
				let real = 2_f64.powi(28 - unit) / mean.sqrt() * f64::from((1 << 24) - 1);
				assert!((as_f64(out.scale) * 2_047.0 / real - 1.0).abs() < 1e-6, "{unit} {eps}");
			}
		}
		// The smallest row there is: one entry of one.
		let mut row = [0; 64];
		row[3] = 1;
		let inverse = inverse_rms(&row, 12, 0).unwrap();
		assert_eq!(inverse, InverseRms { root: 1 << 58, excess: 0 });
		let largest = Gain { values: &[(1 << 24) - 1; 64], scale: Real::new(u32::MAX, -96).unwrap() };
		normalise(&mut row, largest, 0);
		assert_eq!(row[3], PROJECTION_MAX);
	}

	proptest! {
		/// Half a step of the quantisation, a relative error of 2^-21, and the rounding of eps.
		#[test]
		fn norm_follows_the_reals(
			row in prop::collection::vec(-(1_i32 << 28)..=1 << 28, 64),
			gains in prop::collection::vec(-(1_i32 << 24) + 1..1 << 24, 64),
			shift in 0_u32..26, unit in 8_i32..=16, eps in 0_u64..1 << 41, width in 8_u8..=12,
		) {
			let row: Vec<i32> = row.iter().map(|h| h >> shift).collect();
			let scale = Real::quotient(1, 1 << 23);
			let out = norm(&row, unit, Gain { values: &gains, scale }, eps, width);
			let real: Vec<f64> = row.iter().map(|&h| f64::from(h) * (-f64::from(unit)).exp2()).collect();
			let mean = real.iter().map(|h| h * h).sum::<f64>() / 64.0 + eps as f64 * 2_f64.powi(-48);
			let want: Vec<f64> =
				real.iter().zip(&gains).map(|(h, &g)| h / mean.sqrt() * f64::from(g) * as_f64(scale)).collect();
			let largest = want.iter().fold(0.0, |m: f64, w| m.max(w.abs()));
			// The share of eps is rounded to a unit of the sum of squares.
			let kept = inverse_rms(&row, unit, eps).map_or(0, |inverse| inverse.excess);
			let sum = mean * 64.0 * 4_f64.powi(unit - kept as i32);
			let slack = largest * (5e-7 + 0.5 / sum.max(1.0));
			for (&q, want) in out.values.iter().zip(want) {
				prop_assert!((f64::from(q) * as_f64(out.scale) - want).abs() <= as_f64(out.scale) * 0.5 + slack);
			}
		}

		/// One unit of Q12, and what 21 bits less leave of the product.
		#[test]
		fn normalise_follows_the_reals(
			row in prop::collection::vec(-(1_i32 << 26)..=1 << 26, 64),
			gains in prop::collection::vec(-(1_i32 << 24) + 1..1 << 24, 64),
			shift in 0_u32..14, eps in 0_u64..1 << 36,
		) {
			let mut row: Vec<i32> = row.iter().map(|h| h >> shift).collect();
			let real: Vec<f64> = row.iter().map(|&h| f64::from(h) / 4_096.0).collect();
			let scale = Real::quotient(1, 1 << 22);
			normalise(&mut row, Gain { values: &gains, scale }, eps);
			let mean = real.iter().map(|h| h * h).sum::<f64>() / 64.0 + eps as f64 * 2_f64.powi(-48);
			for ((&y, h), &g) in row.iter().zip(&real).zip(&gains) {
				let want = h / mean.sqrt() * f64::from(g) * as_f64(scale);
				let lost = 2_f64.powi(20 - 12) / mean.sqrt() * as_f64(scale);
				prop_assert!((f64::from(y) / 4_096.0 - want).abs() <= 1.3 / 4_096.0 + lost + want.abs() * 1e-6);
			}
		}
	}
}
