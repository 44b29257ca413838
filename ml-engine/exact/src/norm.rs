//! Normalisation and quantisation of activations to 8 bits, in one step.

use crate::number::{div_round, isqrt, shift_round, sqrt_q16};
use alloc::{vec, vec::Vec};

/// Bits that the largest entry keeps before it is squared.
const ENTRY_BITS: u32 = 22;

/// One token's activations as they enter a matrix multiplication.
///
/// They stand for `values / 127 * scale`: the token's row divided by its root mean square.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activations {
	/// Entries in [-127, 127]; the largest magnitude is 127 unless all are zero.
	pub values: Vec<i8>,
	/// Largest entry over root mean square in Q16, between 1 and the square root of the length; zero for a zero row.
	pub scale: u32,
}

/// Quantises a row of the residual stream after multiplying it by `gain` (Q8).
///
/// The unit of the gain cancels, as every common factor of the row does.
/// Bounds: |row| <= 2^22 and |gain| <= 2^15, so |row * gain| <= 2^37.
pub fn norm_quant(row: &[i32], gain: &[i16]) -> Activations {
	let entries: Vec<i64> = row.iter().zip(gain).map(|(&h, &g)| i64::from(h) * i64::from(g)).collect();
	quantise(&entries)
}

/// Quantises the squared ReLU of accumulators after multiplying it by `gain`.
///
/// Bounds: |acc| <= 127 * 512 < 2^16 and |gain| <= 2^15, so an entry is below 2^47.
pub fn norm_quant_squared_relu(accumulators: &[i32], gain: &[i16]) -> Activations {
	let entries: Vec<i64> = accumulators
		.iter()
		.zip(gain)
		.map(|(&acc, &g)| {
			let positive = i64::from(acc.max(0));
			positive * positive * i64::from(g)
		})
		.collect();
	quantise(&entries)
}

/// Quantises (absmax) up to 2,048 entries of at most 2^62 in magnitude.
fn quantise(entries: &[i64]) -> Activations {
	let largest = entries.iter().map(|t| t.unsigned_abs()).max().unwrap_or(0);
	// All entries shrink by one power of two so that the largest keeps 22 bits; rounding may lift it to 2^22.
	let excess = (64 - largest.leading_zeros()).saturating_sub(ENTRY_BITS);
	let entries: Vec<i64> = entries.iter().map(|&t| shift_round(t, excess)).collect();
	let largest = shift_round(largest as i64, excess);
	if largest == 0 {
		return Activations { values: vec![0; entries.len()], scale: 0 };
	}
	// 127 * 2^22 < 2^29.
	let values = entries.iter().map(|&t| div_round(127 * t, largest) as i8).collect();
	// At most 2,048 * 2^44 = 2^55.
	let squares: u64 = entries.iter().map(|&t| (t * t) as u64).sum();
	Activations { values, scale: peak_over_rms(largest as u64, squares, entries.len() as u32) }
}

/// Returns `largest / sqrt(squares / len)` in Q16, below 2^22. Relative error under 1e-5.
///
/// Bounds: 1 <= largest <= 2^22, largest^2 <= squares <= len * largest^2, len <= 2,048.
pub fn peak_over_rms(largest: u64, squares: u64, len: u32) -> u32 {
	let zeros = squares.leading_zeros() & !1;
	// In [2^31, 2^32), since its square is in [2^62, 2^64).
	let root = isqrt(squares << zeros);
	// largest <= sqrt(squares), so the first factor is at most 2^32; the second is below 2^22.
	div_round(((largest << (zeros / 2)) * sqrt_q16(len)) as i64, root as i64) as u32
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn norm_quant_of_a_zero_row_is_zero() {
		assert_eq!(norm_quant(&[0; 64], &[256; 64]), Activations { values: vec![0; 64], scale: 0 });
		assert_eq!(norm_quant(&[5; 64], &[0; 64]).scale, 0);
		assert_eq!(norm_quant_squared_relu(&[-9; 64], &[256; 64]).scale, 0);
	}

	#[test]
	fn norm_quant_holds_at_the_extremes() {
		let flat = norm_quant(&[1 << 22; 512], &[i16::MIN; 512]);
		assert_eq!((flat.values[0], flat.scale), (-127, 65_536));
		let mut row = [0; 512];
		row[7] = -(1 << 22);
		let spike = norm_quant(&row, &[i16::MAX; 512]);
		// The square root of 512 in Q16.
		assert_eq!((spike.values[7], spike.values[8]), (-127, 0));
		assert!(spike.scale.abs_diff(1_482_910) <= 16, "{}", spike.scale);
		let mut wide = [0; 2_048];
		wide[0] = 127 * 512;
		let spike = norm_quant_squared_relu(&wide, &[i16::MIN; 2_048]);
		assert_eq!(spike.values[0], -127);
		assert!(spike.scale < 1 << 22 && spike.scale.abs_diff(2_965_820) <= 32, "{}", spike.scale);
		let flat = norm_quant_squared_relu(&[127 * 512; 2_048], &[i16::MAX; 2_048]);
		assert_eq!((flat.values[2_047], flat.scale), (127, 65_536));
	}

	proptest! {
		#[test]
		fn norm_quant_follows_the_reals(
			row in prop::collection::vec(-(1_i32 << 22)..=1 << 22, 64..=512), shift in 0_u32..20, gain in 1_i16..,
		) {
			let row: Vec<i32> = row.iter().map(|h| h >> shift).collect();
			let gains = vec![gain; row.len()];
			let got = norm_quant(&row, &gains);
			let largest = row.iter().map(|h| h.abs()).max().unwrap_or(0);
			prop_assume!(largest > 0);
			let rms = (row.iter().map(|&h| f64::from(h).powi(2)).sum::<f64>() / row.len() as f64).sqrt();
			let scale = f64::from(largest) / rms;
			prop_assert!((f64::from(got.scale) / 65_536.0 - scale).abs() / scale < 1e-5);
			for (&h, &q) in row.iter().zip(&got.values) {
				// Half a step, and the bits that the pre-shift drops.
				prop_assert!((f64::from(q) - 127.0 * f64::from(h) / f64::from(largest)).abs() < 0.501);
			}
		}
	}
}
