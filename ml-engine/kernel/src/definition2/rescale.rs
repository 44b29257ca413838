//! Rescaling of accumulators to outputs.

use super::Real;
use blyan_exact::definition2::Factor;

/// The way from an accumulator to an output, the same for all of one token: two shifts and one multiplication.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rescale {
	/// p: bits that go before the multiplication.
	pub before: u32,
	/// 31 bits.
	pub factor: u32,
	/// At most 62.
	pub shift: u32,
	pub bound: i32,
}

impl Rescale {
	/// Folds a scale. A shift past 62 makes every output zero, as the factor 0 does; one below 0 makes every output
	/// but zero the bound, as a shift by 0 does, since the factor is at least 2^30 and the bound at most that.
	pub fn new(scale: Real, before: u32, bound: i32) -> Self {
		debug_assert!(bound <= 1 << 30);
		let Factor { multiplier, shift } = Factor::new(scale);
		match shift {
			..0 => Self { before, factor: multiplier, shift: 0, bound },
			0..=62 => Self { before, factor: multiplier, shift: shift as u32, bound },
			_ => Self { before, factor: 0, shift: 0, bound },
		}
	}

	/// Rescales one accumulator.
	///
	/// The magnitude is rounded, which sends halves away from zero. It is at most 2^31 after the first shift, hence the
	/// product at most 2^62 and the sum with the half below 2^63.
	#[inline(always)]
	pub fn apply(self, accumulator: i64) -> i32 {
		let round = |value: u64, shift: u32| (value + ((1_u64 << shift) >> 1)) >> shift;
		let magnitude = round(accumulator.unsigned_abs(), self.before);
		let magnitude = round(magnitude * u64::from(self.factor), self.shift).min(self.bound as u64) as i32;
		if accumulator < 0 {
			-magnitude
		} else {
			magnitude
		}
	}
}

/// The same for sixteen 64-bit numbers at once.
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512 {
	use super::Rescale;
	use std::arch::x86_64::*;

	/// Accumulators of sixteen rows as 64-bit numbers: of the even rows, and of the odd ones.
	pub(in crate::definition2) type Wide = [__m512i; 2];

	/// Widens sixteen sums.
	#[inline]
	#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
	pub(in crate::definition2) fn wide(sums: __m512i) -> Wide {
		[_mm512_srai_epi64::<32>(_mm512_slli_epi64::<32>(sums)), _mm512_srai_epi64::<32>(sums)]
	}

	/// Computes [`Rescale::apply`] of sixteen rows.
	#[inline]
	#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
	pub(in crate::definition2) fn rescaled(sums: Wide, rescale: Rescale) -> __m512i {
		let half = |shift: u32| _mm512_set1_epi64(((1_u64 << shift) >> 1) as i64);
		let count = |shift: u32| _mm_cvtsi32_si128(shift as i32);
		let (half_before, before) = (half(rescale.before), count(rescale.before));
		let (half_after, after) = (half(rescale.shift), count(rescale.shift));
		let (factor, bound) =
			(_mm512_set1_epi64(i64::from(rescale.factor)), _mm512_set1_epi64(i64::from(rescale.bound)));
		let one = |sums: __m512i| {
			let negative = _mm512_movepi64_mask(sums);
			let magnitude = _mm512_srl_epi64(_mm512_add_epi64(_mm512_abs_epi64(sums), half_before), before);
			let product = _mm512_mul_epu32(magnitude, factor);
			let magnitude = _mm512_srl_epi64(_mm512_add_epi64(product, half_after), after);
			let magnitude = _mm512_min_epu64(magnitude, bound);
			_mm512_mask_sub_epi64(magnitude, negative, _mm512_setzero_si512(), magnitude)
		};
		let (even, odd) = (one(sums[0]), one(sums[1]));
		_mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64::<32>(odd))
	}
}
