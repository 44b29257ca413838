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
		self.finish(accumulator, round(accumulator.unsigned_abs(), self.before))
	}

	/// Rescales an accumulator of at most 2^62 that may have more than 31 bits behind the first shift: it is clamped there.
	#[inline(always)]
	pub fn apply_clamped(self, accumulator: i64) -> i32 {
		self.finish(accumulator, round(accumulator.unsigned_abs(), self.before).min(1 << 31))
	}

	#[inline(always)]
	fn finish(self, accumulator: i64, magnitude: u64) -> i32 {
		let magnitude = round(magnitude * u64::from(self.factor), self.shift).min(self.bound as u64) as i32;
		if accumulator < 0 {
			-magnitude
		} else {
			magnitude
		}
	}
}

/// Shifts right, rounding halves up.
#[inline(always)]
fn round(value: u64, shift: u32) -> u64 {
	(value + ((1_u64 << shift) >> 1)) >> shift
}

/// The same with AVX2, four 64-bit numbers at once.
#[cfg(target_arch = "x86_64")]
pub(super) mod avx2 {
	use super::Rescale;
	use std::arch::x86_64::*;

	/// Computes [`Rescale::apply`] of the accumulators of sixteen rows.
	#[inline]
	#[target_feature(enable = "avx2")]
	pub(in crate::definition2) fn rescale_rows(sums: &[i64; 16], rescale: Rescale, out: &mut [i32]) {
		let half = |shift: u32| _mm256_set1_epi64x(((1_u64 << shift) >> 1) as i64);
		let count = |shift: u32| _mm_cvtsi32_si128(shift as i32);
		let (half_before, before) = (half(rescale.before), count(rescale.before));
		let (half_after, after) = (half(rescale.shift), count(rescale.shift));
		let factor = _mm256_set1_epi64x(i64::from(rescale.factor));
		let bound = _mm256_set1_epi64x(i64::from(rescale.bound));
		let low_words = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
		for (sums, out) in sums.as_chunks::<4>().0.iter().zip(out.as_chunks_mut::<4>().0) {
			// SAFETY: four numbers.
			let sums = unsafe { _mm256_loadu_si256(sums.as_ptr().cast()) };
			let sign = _mm256_cmpgt_epi64(_mm256_setzero_si256(), sums);
			let magnitude = _mm256_sub_epi64(_mm256_xor_si256(sums, sign), sign);
			let short = _mm256_srl_epi64(_mm256_add_epi64(magnitude, half_before), before);
			let product = _mm256_add_epi64(_mm256_mul_epu32(short, factor), half_after);
			let scaled = _mm256_srl_epi64(product, after);
			// Below 2^63, so that a signed comparison serves.
			let scaled = _mm256_blendv_epi8(scaled, bound, _mm256_cmpgt_epi64(scaled, bound));
			let signed = _mm256_sub_epi64(_mm256_xor_si256(scaled, sign), sign);
			let words = _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(signed, low_words));
			// SAFETY: as above.
			unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), words) };
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

	/// A [`Rescale`] in the lanes of vectors.
	pub(in crate::definition2) struct Lanes {
		half_before: __m512i,
		before: __m128i,
		half_after: __m512i,
		after: __m128i,
		factor: __m512i,
		bound: __m512i,
	}

	impl Lanes {
		/// Spreads a way over all lanes.
		#[inline]
		#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
		pub(in crate::definition2) fn new(rescale: Rescale) -> Self {
			let half = |shift: u32| _mm512_set1_epi64(((1_u64 << shift) >> 1) as i64);
			let count = |shift: u32| _mm_cvtsi32_si128(shift as i32);
			Self {
				half_before: half(rescale.before),
				before: count(rescale.before),
				half_after: half(rescale.shift),
				after: count(rescale.shift),
				factor: _mm512_set1_epi64(i64::from(rescale.factor)),
				bound: _mm512_set1_epi64(i64::from(rescale.bound)),
			}
		}

		/// Computes [`Rescale::apply`] of eight rows, or [`Rescale::apply_clamped`].
		#[inline]
		#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
		pub(in crate::definition2) fn apply<const CLAMPED: bool>(&self, sums: __m512i) -> __m512i {
			let negative = _mm512_movepi64_mask(sums);
			let magnitude =
				_mm512_srl_epi64(_mm512_add_epi64(_mm512_abs_epi64(sums), self.half_before), self.before);
			let magnitude =
				if CLAMPED { _mm512_min_epu64(magnitude, _mm512_set1_epi64(1 << 31)) } else { magnitude };
			let product = _mm512_mul_epu32(magnitude, self.factor);
			let magnitude = _mm512_srl_epi64(_mm512_add_epi64(product, self.half_after), self.after);
			let magnitude = _mm512_min_epu64(magnitude, self.bound);
			_mm512_mask_sub_epi64(magnitude, negative, _mm512_setzero_si512(), magnitude)
		}
	}

	/// Computes [`Rescale::apply`] of sixteen rows.
	#[inline]
	#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
	pub(in crate::definition2) fn rescaled(sums: Wide, rescale: Rescale) -> __m512i {
		let lanes = Lanes::new(rescale);
		let (even, odd) = (lanes.apply::<false>(sums[0]), lanes.apply::<false>(sums[1]));
		_mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64::<32>(odd))
	}

	/// Stores the accumulators of up to sixteen rows in their order.
	#[inline]
	#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
	pub(in crate::definition2) fn store_sums(sums: Wide, out: &mut [i64]) {
		let first = _mm512_permutex2var_epi64(sums[0], _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11), sums[1]);
		let last = _mm512_permutex2var_epi64(sums[0], _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15), sums[1]);
		let rows = u16::MAX >> (16 - out.len().min(16));
		// SAFETY: masked to the rows that the slice holds.
		unsafe {
			_mm512_mask_storeu_epi64(out.as_mut_ptr(), rows as u8, first);
			_mm512_mask_storeu_epi64(out.as_mut_ptr().wrapping_add(8), (rows >> 8) as u8, last);
		}
	}
}
