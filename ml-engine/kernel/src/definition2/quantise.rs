//! Quantisation of rows by their largest magnitude, and normalisation by their root mean square.

use super::{inputs::Inputs, Kernel, Real};
use blyan_exact::definition2::{model::Gain, real::activation_max};

/// Bits of a number.
pub(super) fn bits(magnitude: u64) -> u32 {
	64 - magnitude.leading_zeros()
}

impl Inputs {
	/// Computes `quantise` of the definition for rows in `unit` fraction bits.
	///
	/// # Shapes
	/// `rows: [tokens, width]`.
	pub fn set_quantised(&mut self, kernel: Kernel, rows: &[i32], width: usize, unit: i32, bits: u32) {
		self.reshape(kernel, rows.len() / width, width, bits);
		let mut entries = std::mem::take(&mut self.entries);
		entries.resize(width, 0);
		for (token, row) in rows.chunks_exact(width).enumerate() {
			widen(kernel, row, &mut entries);
			self.set_entries(token, &entries, unit);
		}
		self.entries = entries;
		self.arrange();
	}

	/// Computes `norm` of the definition for rows in `unit` fraction bits.
	///
	/// # Shapes
	/// `rows: [tokens, width]`, the width that of the gain.
	pub fn set_norm(&mut self, kernel: Kernel, rows: &[i32], unit: i32, gain: Gain<'_>, eps: u64, bits: u32) {
		let width = gain.values.len();
		self.reshape(kernel, rows.len() / width, width, bits);
		let mut entries = std::mem::take(&mut self.entries);
		entries.resize(width, 0);
		for (token, row) in rows.chunks_exact(width).enumerate() {
			self.set_normalised(token, row, unit, gain, eps, &mut entries);
		}
		self.entries = entries;
		self.arrange();
	}

	/// Normalises one row; `products` is scratch of its length.
	pub(super) fn set_normalised(
		&mut self,
		token: usize,
		row: &[i32],
		unit: i32,
		gain: Gain<'_>,
		eps: u64,
		products: &mut [i64],
	) {
		let Some(inverse) = InverseRms::new(self.kernel, row, unit, eps) else {
			self.values[token * self.width..(token + 1) * self.width].fill(0);
			self.scales[token] = Real::ZERO;
			return;
		};
		multiply(self.kernel, row, gain.values, products);
		self.set_entries(token, products, 0);
		let scale = self.scales[token].times(Real::from_integer(inverse.root)).times(gain.scale);
		self.scales[token] = scale.shifted(-(inverse.excess as i32) - ROOT_BITS);
	}

	/// Quantises the entries of one row.
	pub(super) fn set_entries(&mut self, token: usize, entries: &[i64], unit: i32) {
		let values = &mut self.values[token * self.width..(token + 1) * self.width];
		let largest = largest_entry(self.kernel, entries);
		if largest == 0 {
			values.fill(0);
			self.scales[token] = Real::ZERO;
			return;
		}
		let excess = bits(largest).saturating_sub(24);
		let largest = (largest + ((1 << excess) >> 1)) >> excess;
		let top = activation_max(self.bits as u8) as u64;
		divide(self.kernel, entries, excess, top, largest, values);
		self.scales[token] = Real::quotient(largest, top).shifted(excess as i32 - unit);
	}
}

/// Fraction bits of an inverse root mean square.
pub(super) const ROOT_BITS: i32 = 55;

/// The inverse root mean square of a row: `root * 2^(unit - excess - 55)`.
#[derive(Clone, Copy, Debug)]
pub(super) struct InverseRms {
	pub root: u64,
	/// Bits that entries lose before they are squared.
	pub excess: u32,
}

impl InverseRms {
	/// Computes steps 1 to 3 of `norm`.
	pub fn new(kernel: Kernel, row: &[i32], unit: i32, eps: u64) -> Option<Self> {
		let kept = if row.len() > 8_192 { 22 } else { 24 };
		let excess = bits(largest_of(kernel, row).into()).saturating_sub(kept);
		let len = row.len() as u128;
		let product = len * u128::from(eps);
		let share = match 2 * unit - 2 * excess as i32 - 48 {
			shift @ 0.. => (product << shift.min(32)).min(1 << 61),
			shift @ -62..0 => (product + (1 << (-shift - 1))) >> -shift,
			_ => 0,
		};
		let sum = u128::from(squares(kernel, row, excess)) + share;
		let ratio = (len << 110).checked_div(sum)?;
		Some(Self { root: ratio.isqrt() as u64, excess })
	}
}

crate::versions! {
	/// Widens a row.
	pub fn widen(row: &[i32], out: &mut [i64]) {
		for (out, &x) in out.iter_mut().zip(row) {
			*out = i64::from(x);
		}
	}
}

crate::versions! {
	/// Computes `out = row * gain`.
	pub fn multiply(row: &[i32], gain: &[i32], out: &mut [i64]) {
		for ((out, &h), &g) in out.iter_mut().zip(row).zip(gain) {
			*out = i64::from(h) * i64::from(g);
		}
	}
}

crate::versions! {
	/// Returns the largest magnitude of a row of at most 2^30.
	pub fn largest_of(row: &[i32]) -> u32 {
		let mut largest = 0;
		for &x in row {
			largest = largest.max(x.abs());
		}
		largest as u32
	}
}

crate::versions! {
	/// Returns the largest magnitude of a row of at most 2^60.
	pub fn largest_entry(row: &[i64]) -> u64 {
		let mut largest = 0;
		for &x in row {
			largest = largest.max(x.abs());
		}
		largest as u64
	}
}

crate::versions! {
	/// Returns the sum of squares, of entries that are shifted right before: below 2^61, as the definition shows.
	pub fn squares(row: &[i32], excess: u32) -> u64 {
		let half = (1_u32 << excess) >> 1;
		let mut sum = 0_u64;
		for &x in row {
			let x = u64::from((x.unsigned_abs() + half) >> excess);
			sum += x * x;
		}
		sum
	}
}

crate::versions! {
	/// Computes `div_round(top * shift_round(t, excess), largest)`, for entries of at most `largest` <= 2^24 behind the shift.
	///
	/// With m the largest and u an entry's magnitude the quotient is the integer part of top u / m + 1/2, a multiple of
	/// 1 / 2m. A quarter of 1 / m is added, so that it is 1 / 4m >= 2^-26 away from every integer; doubles err by less than
	/// 2^-39, since the quotient is below 2^11.
	pub fn divide(entries: &[i64], excess: u32, top: u64, largest: u64, out: &mut [i16]) {
		let (half, factor) = ((1_i64 << excess) >> 1, top as f64 / largest as f64);
		let rounding = 0.5 + 0.25 / largest as f64;
		for (q, &t) in out.iter_mut().zip(entries) {
			let sign = t >> 63;
			// At most 2^24.
			let magnitude = ((((t ^ sign) - sign) + half) >> excess) as i32;
			// SAFETY: below 2^12.
			let quotient: i32 = unsafe { (f64::from(magnitude) * factor + rounding).to_int_unchecked() };
			let sign = sign as i32;
			*q = ((quotient ^ sign) - sign) as i16;
		}
	}
}
