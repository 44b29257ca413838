//! Normalisation on sixteen lanes: `quantise` and `interleave` of [`crate::activations`] with AVX-512.

use crate::math::{isqrt, peak_over_rms};
use std::arch::x86_64::*;

/// Entries that are taken at once: sixteen for each plane.
pub const STEP: usize = 64;

/// Rows that entries are computed from, one behind the other.
#[derive(Clone, Copy)]
pub enum Entries<'a> {
	/// The residual stream.
	Stream(&'a [i32]),
	/// Accumulators, whose squared ReLU is taken.
	Hidden(&'a [i32]),
}

impl<'a> Entries<'a> {
	fn rows(self) -> &'a [i32] {
		let (Self::Stream(rows) | Self::Hidden(rows)) = self;
		rows
	}
}

/// Destination of normalised rows.
pub struct Normalised<'a> {
	/// `[rows, width]`
	pub values: &'a mut [i8],
	/// `[rows, 4, stride]`
	pub planes: &'a mut [i8],
	/// At least a quarter of the width.
	pub stride: usize,
	/// `[rows]`
	pub scales: &'a mut [u32],
	/// `[rows]`
	pub sums: &'a mut [i32],
}

/// Divisor of the entries of a row.
#[derive(Clone, Copy)]
struct Division {
	/// Bits that go first, rounded.
	excess: u32,
	/// The largest magnitude without them, at most 2^22.
	largest: u64,
	reciprocal: u64,
	shift: u32,
}

impl Division {
	/// Prepares the division by a row's largest magnitude.
	///
	/// As in `crate::activations::quantise` the division is a multiplication, by 32 bits here: with b = 2m, m of n bits
	/// and at most 2^22, and a <= 127.5 b, the quotient a / b is the integer part of a * M / 2^(31 + n) for M =
	/// floor(2^(31 + n) / b) + 1 <= 2^31 + 1, because a * b <= 510 m^2 < 2^(31 + n) keeps the error below 1 / b.
	fn by(largest: u64) -> Self {
		let excess = (64 - largest.leading_zeros()).saturating_sub(22);
		let largest = (largest + ((1_u64 << excess) >> 1)) >> excess;
		if largest == 0 {
			// Every quotient of zero is zero.
			return Self { excess, largest, reciprocal: 0, shift: 32 };
		}
		let shift = 31 + (64 - largest.leading_zeros());
		Self { excess, largest, reciprocal: (1_u64 << shift) / (2 * largest) + 1, shift }
	}
}

/// Multiplies rows by their gain and quantises them.
///
/// # Safety
/// AVX-512 F, BW, DQ and VL. The gain is a multiple of [`STEP`] long, and everything else has the shape that says so.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub unsafe fn norm_quant(entries: Entries<'_>, gain: &[i16], buffer: &mut Vec<i64>, out: Normalised<'_>) {
	let width = gain.len();
	buffer.resize(width, 0);
	let root_of_width = isqrt((width as u64) << 32);
	let Normalised { values, planes, stride, scales, sums } = out;
	let outs = values.chunks_exact_mut(width).zip(planes.chunks_exact_mut(4 * stride));
	let outs = outs.zip(scales.iter_mut().zip(sums));
	for (row, ((values, planes), (scale, sum))) in entries.rows().chunks_exact(width).zip(outs) {
		// SAFETY: as this function's.
		let largest = match entries {
			Entries::Stream(_) => unsafe { multiply::<false>(row, gain, buffer) },
			Entries::Hidden(_) => unsafe { multiply::<true>(row, gain, buffer) },
		};
		let division = Division::by(largest);
		// SAFETY: as this function's.
		let (squares, of_row) = unsafe { quantise(buffer, division, values, planes, stride) };
		*sum = of_row;
		*scale = match division.largest {
			0 => 0,
			largest => peak_over_rms(largest, squares, root_of_width),
		};
	}
}

/// Divides the entries of a row; returns the sum of the squares of what is divided, and the sum of the quotients.
///
/// # Safety
/// As [`norm_quant`]'s.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn quantise(
	row: &[i64],
	division: Division,
	values: &mut [i8],
	planes: &mut [i8],
	stride: usize,
) -> (u64, i32) {
	let Division { excess, largest, reciprocal, shift } = division;
	let half = _mm512_set1_epi64(((1_u64 << excess) >> 1) as i64);
	let (excess, reciprocal) = (_mm_cvtsi32_si128(excess as i32), _mm512_set1_epi64(reciprocal as i64));
	let (peak, shift) = (_mm512_set1_epi32(largest as i32), _mm_cvtsi32_si128(shift as i32 - 32));
	let (factor, zero) = (_mm512_set1_epi32(254), _mm512_setzero_si512());
	let (mut squares, mut sum) = (zero, zero);
	let by_plane = _mm512_set4_epi32(0x0f0b_0703, 0x0e0a_0602, 0x0d09_0501, 0x0c08_0400);
	let together = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
	for at in (0..values.len()).step_by(STEP) {
		let mut bytes = [_mm_setzero_si128(); 4];
		for (i, bytes) in bytes.iter_mut().enumerate() {
			// SAFETY: sixteen entries of the 64 from `at` on.
			let (low, high) = unsafe {
				let place = row.as_ptr().add(at + 16 * i);
				(_mm512_loadu_si512(place.cast()), _mm512_loadu_si512(place.add(8).cast()))
			};
			let negative = u16::from(_mm512_movepi64_mask(low)) | u16::from(_mm512_movepi64_mask(high)) << 8;
			let low = _mm512_srl_epi64(_mm512_add_epi64(_mm512_abs_epi64(low), half), excess);
			let high = _mm512_srl_epi64(_mm512_add_epi64(_mm512_abs_epi64(high), half), excess);
			// At most 2^22 from here on: squares are below 2^45, and 2,048 of them below 2^56.
			squares = _mm512_add_epi64(squares, _mm512_mul_epu32(low, low));
			squares = _mm512_add_epi64(squares, _mm512_mul_epu32(high, high));
			let low = _mm512_castsi256_si512(_mm512_cvtepi64_epi32(low));
			let magnitude = _mm512_inserti64x4::<1>(low, _mm512_cvtepi64_epi32(high));
			let dividend = _mm512_add_epi32(_mm512_mullo_epi32(magnitude, factor), peak);
			let quotient = quotients(dividend, reciprocal, shift);
			let value = _mm512_mask_sub_epi32(quotient, negative, zero, quotient);
			sum = _mm512_add_epi32(sum, value);
			*bytes = _mm512_cvtepi32_epi8(value);
		}
		let [a, b, c, d] = bytes;
		let low = _mm512_inserti32x4::<1>(_mm512_castsi128_si512(a), b);
		let row = _mm512_inserti32x4::<3>(_mm512_inserti32x4::<2>(low, c), d);
		let sorted = _mm512_permutexvar_epi32(together, _mm512_shuffle_epi8(row, by_plane));
		// SAFETY: 64 entries from `at` on, a quarter of them in each plane.
		unsafe {
			_mm512_storeu_si512(values.as_mut_ptr().add(at).cast(), row);
			let place = planes.as_mut_ptr().add(at / 4);
			_mm_storeu_si128(place.cast(), _mm512_castsi512_si128(sorted));
			_mm_storeu_si128(place.add(stride).cast(), _mm512_extracti32x4_epi32::<1>(sorted));
			_mm_storeu_si128(place.add(2 * stride).cast(), _mm512_extracti32x4_epi32::<2>(sorted));
			_mm_storeu_si128(place.add(3 * stride).cast(), _mm512_extracti32x4_epi32::<3>(sorted));
		}
	}
	(_mm512_reduce_add_epi64(squares) as u64, _mm512_reduce_add_epi32(sum))
}

/// Computes `dividend * reciprocal / 2^(32 + shift)` of sixteen numbers.
#[inline]
#[target_feature(enable = "avx512f")]
fn quotients(dividend: __m512i, reciprocal: __m512i, shift: __m128i) -> __m512i {
	let even = _mm512_mul_epu32(dividend, reciprocal);
	let odd = _mm512_mul_epu32(_mm512_srli_epi64::<32>(dividend), reciprocal);
	let quotient = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64::<32>(even), odd);
	_mm512_srl_epi32(quotient, shift)
}

/// Computes `blyan_exact::attention::quantise_head` of a head of `16 * V` entries; returns the largest magnitude.
///
/// # Safety
/// AVX-512 F, BW, DQ and VL; both are as long as said. Entries are at most 2^22 in magnitude.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub unsafe fn quantise_head<const V: usize>(head: &[i32], out: &mut [i8]) -> i32 {
	// SAFETY: as this function's.
	let entries: [__m512i; V] =
		std::array::from_fn(|i| unsafe { _mm512_loadu_si512(head.as_ptr().add(16 * i).cast()) });
	let magnitudes = entries.map(|entries| _mm512_abs_epi32(entries));
	let largest = magnitudes.iter().fold(_mm512_setzero_si512(), |a, &b| _mm512_max_epi32(a, b));
	let largest = _mm512_reduce_max_epi32(largest);
	let division = Division::by(largest as u64);
	let reciprocal = _mm512_set1_epi64(division.reciprocal as i64);
	let (peak, shift) = (_mm512_set1_epi32(largest), _mm_cvtsi32_si128(division.shift as i32 - 32));
	for (i, (&entries, &magnitude)) in entries.iter().zip(&magnitudes).enumerate() {
		let dividend = _mm512_add_epi32(_mm512_mullo_epi32(magnitude, _mm512_set1_epi32(254)), peak);
		let quotient = quotients(dividend, reciprocal, shift);
		let negative = _mm512_movepi32_mask(entries);
		let value = _mm512_mask_sub_epi32(quotient, negative, _mm512_setzero_si512(), quotient);
		// SAFETY: as this function's.
		unsafe { _mm_storeu_si128(out.as_mut_ptr().add(16 * i).cast(), _mm512_cvtepi32_epi8(value)) };
	}
	largest
}

/// Writes the products with the gain to `buffer`; returns the largest magnitude.
///
/// # Safety
/// As [`norm_quant`]'s.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn multiply<const IS_HIDDEN: bool>(row: &[i32], gain: &[i16], buffer: &mut [i64]) -> u64 {
	let mut largest = _mm512_setzero_si512();
	for at in (0..row.len()).step_by(8) {
		// SAFETY: eight entries.
		let (entry, gain) = unsafe {
			let entry = _mm256_loadu_si256(row.as_ptr().add(at).cast());
			(entry, _mm512_cvtepi16_epi64(_mm_loadu_si128(gain.as_ptr().add(at).cast())))
		};
		let product = if IS_HIDDEN {
			// Squares may have 32 bits.
			let positive = _mm512_cvtepi32_epi64(_mm256_max_epi32(entry, _mm256_setzero_si256()));
			_mm512_mullo_epi64(_mm512_mul_epu32(positive, positive), gain)
		} else {
			_mm512_mul_epi32(_mm512_cvtepi32_epi64(entry), gain)
		};
		largest = _mm512_max_epu64(largest, _mm512_abs_epi64(product));
		// SAFETY: eight entries.
		unsafe { _mm512_storeu_si512(buffer.as_mut_ptr().add(at).cast(), product) };
	}
	_mm512_reduce_max_epu64(largest)
}
