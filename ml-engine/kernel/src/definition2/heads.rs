//! Queries, keys and values on their way into the attention: normalisation, rotation, 8 bits by head.

use super::{
	quantise::{largest_of, InverseRms, ROOT_BITS},
	rescale::Rescale,
	Kernel, Real,
};
use blyan_exact::definition2::{
	model::Gain,
	rotary::{angle, sine_cosine},
	HEAD_MAX, PROJECTION_MAX,
};

/// Bits that the product of an entry and its gain loses before it is scaled.
const GAIN_SHIFT: u32 = 21;

/// Computes `normalise` of the definition for rows as long as the gain, in place: queries or keys of one head, or of all.
pub fn normalise(kernel: Kernel, rows: &mut [i32], gain: Gain<'_>, eps: u64) {
	for row in rows.chunks_exact_mut(gain.values.len()) {
		let Some(InverseRms { root, excess }) = InverseRms::new(kernel, row, 12, eps) else { continue };
		let scale = Real::from_integer(root).times(gain.scale);
		let rescale = Rescale::new(
			scale.shifted(12 - excess as i32 - ROOT_BITS + GAIN_SHIFT as i32),
			GAIN_SHIFT,
			PROJECTION_MAX,
		);
		multiply_rescaled(kernel, row, gain.values, rescale);
	}
}

crate::versions! {
	/// Computes `row = row * gain * rescale`.
	pub fn multiply_rescaled(row: &mut [i32], gain: &[i32], rescale: Rescale) {
		for (h, &g) in row.iter_mut().zip(gain) {
			*h = rescale.apply(i64::from(*h) * i64::from(g));
		}
	}
}

/// Computes cosine and sine of a position's angle for every frequency, Q15.
pub fn angles(position: u32, frequencies: &[u64], out: &mut Vec<[i32; 2]>) {
	out.clear();
	out.extend(frequencies.iter().map(|&frequency| {
		let (sin, cos) = sine_cosine(angle(position, frequency));
		[cos, sin]
	}));
}

crate::versions! {
	/// Rotates all heads of a row by the angles of its position.
	pub fn rotate(row: &mut [i32], angles: &[[i32; 2]]) {
		let bound = i64::from(HEAD_MAX);
		for head in row.chunks_exact_mut(2 * angles.len()) {
			for (pair, &[cos, sin]) in head.as_chunks_mut::<2>().0.iter_mut().zip(angles) {
				let (x, y) = (i64::from(pair[0]), i64::from(pair[1]));
				let (cos, sin) = (i64::from(cos), i64::from(sin));
				pair[0] = crate::math::shift_round(x * cos - y * sin, 15).clamp(-bound, bound) as i32;
				pair[1] = crate::math::shift_round(x * sin + y * cos, 15).clamp(-bound, bound) as i32;
			}
		}
	}
}

/// Quantises all heads of a row to 8 bits; `maxima` are their largest magnitudes.
///
/// # Shapes
/// `row, codes: [heads, head_size]`, `maxima: [heads]`.
pub fn quantise_heads(kernel: Kernel, row: &[i32], head_size: usize, codes: &mut [i8], maxima: &mut [i32]) {
	assert!(row.len() == codes.len() && row.len() == maxima.len() * head_size, "whole heads");
	let heads = row.chunks_exact(head_size).zip(codes.chunks_exact_mut(head_size));
	for ((head, codes), maximum) in heads.zip(maxima) {
		let largest = largest_of(kernel, head);
		*maximum = largest as i32;
		match largest {
			0 => codes.fill(0),
			_ => divide_head(kernel, head, largest, codes),
		}
	}
}

crate::versions! {
	/// Computes `div_round(127 * x, largest)`, for entries of at most `largest` <= 2^27.
	///
	/// As `divide` of quantisation: the quotient is 1 / 4m >= 2^-29 away from every integer, doubles err by less than 2^-44.
	pub fn divide_head(head: &[i32], largest: u32, out: &mut [i8]) {
		let (factor, rounding) = (127.0 / f64::from(largest), 0.5 + 0.25 / f64::from(largest));
		for (q, &x) in out.iter_mut().zip(head) {
			// SAFETY: below 2^8.
			let quotient: i32 = unsafe { (f64::from(x.abs()) * factor + rounding).to_int_unchecked() };
			let sign = x >> 31;
			*q = ((quotient ^ sign) - sign) as i8;
		}
	}
}

/// Returns the step of a value's head, Q20, from its largest magnitude.
pub fn value_step(maximum: i32) -> i32 {
	// At most 2^34 / 127.
	((i64::from(maximum) * 512 + 127) / 254) as i32
}
