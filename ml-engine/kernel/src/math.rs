//! Scalar functions of the definition, without branches and without overflow checks.
//!
//! They repeat functions of [`blyan_exact`] instead of calling them: inlined calls keep the overflow checks of their own
//! crate, which a build with checks pays for with the vectorisation of the loop around them.

use blyan_exact::exponential::EXP2_Q30;

/// Computes `blyan_exact::number::shift_round`, whose bounds hold here too.
///
/// The shift rounds down, so halves of negative numbers go away from zero if they lose one before it; unless nothing is
/// shifted.
#[inline(always)]
pub(crate) fn shift_round(value: i64, shift: u32) -> i64 {
	let half = (1_i64 << shift) >> 1;
	let one = i64::from(shift > 0);
	(value + half + ((value >> 63) & -one)) >> shift
}

/// Computes `blyan_exact::exponential::exp2_neg`, without branches.
#[inline(always)]
pub(crate) fn exp2_neg(t: u32) -> u32 {
	let whole = t >> 16;
	let index = ((t >> 8) & 0xff) as usize;
	let (high, low) = (EXP2_Q30[index], EXP2_Q30[index + 1]);
	let value = high - (((high - low) * (t & 0xff) + 128) >> 8);
	let shift = whole.min(31);
	let power = (value + ((1 << shift) >> 1)) >> shift;
	if whole >= 31 {
		0
	} else {
		power
	}
}

/// Computes `blyan_exact::number::isqrt` for n >= 2^62, or n < 2^53.
///
/// The square root of the nearest double is off by less than 2^-20, so truncation is off by one at most.
#[inline(always)]
pub(crate) fn isqrt(n: u64) -> u64 {
	let root = ((n as f64).sqrt() as u64).min(u64::from(u32::MAX));
	let root = root - u64::from(root * root > n);
	root + u64::from(n - root * root > 2 * root)
}

/// Computes `blyan_exact::norm::peak_over_rms`, whose bounds hold here too; `root_of_len` is `isqrt(len << 32)`.
#[inline(always)]
pub(crate) fn peak_over_rms(largest: u64, squares: u64, root_of_len: u64) -> u32 {
	let zeros = squares.leading_zeros() & !1;
	let root = isqrt(squares << zeros);
	let numerator = (largest << (zeros / 2)) * root_of_len;
	((2 * numerator + root) / (2 * root)) as u32
}
