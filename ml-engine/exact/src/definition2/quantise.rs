//! Quantisation of activations to 8 to 12 bits by their largest magnitude.

use super::real::{activation_max, bits, Real};
use crate::number::{div_round, shift_round};
use alloc::{vec, vec::Vec};

/// Bits that the largest entry keeps before it is quantised.
const ENTRY_BITS: u32 = 24;

/// One token's activations as they enter a matrix multiplication: they stand for `values * scale`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activations {
	/// Entries of at most `2^(bits - 1) - 1` in magnitude.
	pub values: Vec<i16>,
	/// Real value of one step; zero for a zero row.
	pub scale: Real,
}

impl Activations {
	/// Returns zeros.
	pub fn zero(len: usize) -> Self {
		Self { values: vec![0; len], scale: Real::ZERO }
	}

	/// Returns the bytes of a row of `len` activations.
	pub fn bytes(len: usize) -> usize {
		2 * len + Real::BYTES
	}

	/// Returns entries, mantissa and exponent, little endian.
	pub fn to_bytes(&self) -> Vec<u8> {
		self.values.iter().flat_map(|q| q.to_le_bytes()).chain(self.scale.to_bytes()).collect()
	}

	/// Reads what [`Self::to_bytes`] writes; refuses entries that `bits` bits cannot hold and scales that are no
	/// [`Real`].
	pub fn from_bytes(bytes: &[u8], bits: u8) -> Option<Self> {
		let (entries, scale) = bytes.split_last_chunk()?;
		let scale = Real::from_bytes(*scale)?;
		let (entries, rest) = entries.as_chunks();
		let values: Vec<i16> = entries.iter().map(|entry| i16::from_le_bytes(*entry)).collect();
		let largest = activation_max(bits);
		let fits = rest.is_empty() && values.iter().all(|q| (-largest..=largest).contains(q));
		fits.then_some(Self { values, scale })
	}
}

/// Quantises `t`, whose entries stand for `t_i * 2^-unit`, to `width` bits. Bound: |t_i| <= 2^60.
pub fn quantise(t: &[i64], unit: i32, width: u8) -> Activations {
	let largest = t.iter().map(|t| t.unsigned_abs()).max().unwrap_or(0);
	if largest == 0 {
		return Activations::zero(t.len());
	}
	// All entries shrink by one power of two so that the largest keeps 24 bits; rounding may lift it to 2^24.
	let excess = bits(largest).saturating_sub(ENTRY_BITS);
	let largest = shift_round(largest as i64, excess);
	let top = i64::from(activation_max(width));
	// 2,047 * 2^24 < 2^35.
	let values = t.iter().map(|&t| div_round(top * shift_round(t, excess), largest) as i16).collect();
	let scale = Real::quotient(largest as u64, top as u64).shifted(excess as i32 - unit);
	Activations { values, scale }
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	#[test]
	fn quantise_holds_at_the_extremes() {
		assert_eq!(quantise(&[0; 5], 12, 8), Activations::zero(5));
		let row = quantise(&[1 << 60, -(1 << 60), 1 << 48, 0], 32, 12);
		assert_eq!(row.values, [2_047, -2_047, 0, 0]);
		assert_eq!(row.scale, Real::quotient(1 << 28, 2_047));
		assert_eq!(quantise(&[-1], 0, 8).values, [-127]);
	}

	#[test]
	fn activations_survive_their_bytes() {
		let row = quantise(&[5, -7, 0], 3, 10);
		assert_eq!(Activations::from_bytes(&row.to_bytes(), 10), Some(row.clone()));
		assert_eq!(row.to_bytes().len(), Activations::bytes(3));
		assert_eq!(Activations::from_bytes(&row.to_bytes(), 9), None);
		assert_eq!(Activations::from_bytes(&row.to_bytes()[1..], 10), None);
	}

	proptest! {
		/// Half a step, and 2^-23 for the entries' 24 bits.
		#[test]
		fn quantise_follows_the_reals(
			t in prop::collection::vec(-(1_i64 << 60)..=1 << 60, 1..80),
			shift in 0_u32..60, unit in -20_i32..40, width in 8_u8..=12,
		) {
			let t: Vec<i64> = t.iter().map(|t| t >> shift).collect();
			let row = quantise(&t, unit, width);
			let scale = f64::from(row.scale.mantissa()) * (-f64::from(row.scale.exponent())).exp2();
			let real = |t: i64| t as f64 * (-f64::from(unit)).exp2();
			let largest = t.iter().map(|&t| real(t).abs()).fold(0.0, f64::max);
			for (&t, &q) in t.iter().zip(&row.values) {
				let slack = scale * 0.5 + largest * 2.4e-7;
				prop_assert!((f64::from(q) * scale - real(t)).abs() <= slack, "{} {q} {scale}", real(t));
			}
		}
	}
}
