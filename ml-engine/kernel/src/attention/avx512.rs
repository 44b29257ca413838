//! One head of one query, start to end in registers of sixteen lanes.

use super::exponential::Exponential;
use crate::rows::QueryFactor;
use blyan_exact::attention::{PROBABILITY_MAX, SCORE_MAX};
use std::arch::x86_64::*;

/// Positions of a vector.
const LANES: usize = super::POSITIONS;
/// Entries of a head, at most.
pub const ENTRIES: usize = 64;

/// # Safety
/// AVX-512 F, BW, DQ, VL and VNNI. `query` and `out` are as long, a multiple of 16 and at most [`ENTRIES`]; `scratch`
/// and every row of keys and values hold `maxima.len()` positions, rounded up to 16.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub unsafe fn attend(
	query: &[i8],
	factor: QueryFactor,
	keys: &[i8],
	stride: usize,
	maxima: &[i32],
	values: &[i8],
	scratch: &mut [i32],
	out: &mut [i32],
) {
	let len = maxima.len();
	let vectors = len.div_ceil(LANES);
	let mut wide = [0_i16; ENTRIES];
	for (wide, &entry) in wide.iter_mut().zip(query) {
		*wide = i16::from(entry);
	}
	let pairs: &[i16] = &wide[..query.len()];
	let mut at = 0;
	while at < vectors {
		// SAFETY: as this function's; vectors `at` up to what is taken are below `vectors`.
		unsafe {
			match vectors - at {
				1 => products::<1>(pairs, keys, stride, at, scratch),
				2 => products::<2>(pairs, keys, stride, at, scratch),
				3 => products::<3>(pairs, keys, stride, at, scratch),
				_ => products::<4>(pairs, keys, stride, at, scratch),
			}
		}
		at += 4;
	}
	let lanes = |vector: usize| u16::MAX >> (LANES - (len - LANES * vector).min(LANES));
	let mut largest = _mm512_set1_epi32(i32::MIN);
	for vector in 0..vectors {
		// SAFETY: the scratch holds `vectors` vectors, the maxima as many as the mask says.
		unsafe {
			let place = scratch.as_mut_ptr().add(LANES * vector);
			let maximum = _mm512_maskz_loadu_epi32(lanes(vector), maxima.as_ptr().add(LANES * vector));
			let score = scores(_mm512_loadu_si512(place.cast()), maximum, factor);
			largest = _mm512_mask_max_epi32(largest, lanes(vector), largest, score);
			_mm512_storeu_si512(place.cast(), score);
		}
	}
	let largest = _mm512_set1_epi32(_mm512_reduce_max_epi32(largest));
	let exponential = Exponential::new();
	let mut total = _mm512_setzero_si512();
	for vector in 0..vectors {
		// SAFETY: as above. Probabilities take half the room of scores, and their place has been read when it is written.
		unsafe {
			let place = scratch.as_mut_ptr();
			let score = _mm512_loadu_si512(place.add(LANES * vector).cast());
			let power = exponential.negative_power(_mm512_sub_epi32(largest, score));
			let bound = _mm512_set1_epi32(PROBABILITY_MAX as i32);
			let probability = _mm512_min_epu32(_mm512_srli_epi32::<15>(power), bound);
			let probability = _mm512_maskz_mov_epi32(lanes(vector), probability);
			total = _mm512_add_epi32(total, probability);
			_mm256_storeu_si256(place.cast::<__m256i>().add(vector), _mm512_cvtepi32_epi16(probability));
		}
	}
	// From 32,767 to 256 times as much.
	let total = _mm512_reduce_add_epi32(total);
	// SAFETY: as this function's; two probabilities a word, as many words as pairs of positions.
	unsafe {
		let words = scratch.as_ptr();
		let mut entry = 0;
		while entry < out.len() {
			if out.len() - entry >= 32 {
				weighted::<2>(words, len.div_ceil(2), values, entry, out, total);
				entry += 32;
			} else {
				weighted::<1>(words, len.div_ceil(2), values, entry, out, total);
				entry += 16;
			}
		}
	}
}

/// Products of a query with the keys of `N` vectors of positions from the `at`-th on.
///
/// # Safety
/// As [`attend`]'s.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn products<const N: usize>(
	pairs: &[i16],
	keys: &[i8],
	stride: usize,
	at: usize,
	scratch: &mut [i32],
) {
	let mut sums = [_mm512_setzero_si512(); N];
	for (j, pair) in pairs.chunks_exact(2).enumerate() {
		let query = _mm512_set1_epi32(i32::from(pair[0] as u16) | i32::from(pair[1]) << 16);
		for (n, sum) in sums.iter_mut().enumerate() {
			// SAFETY: 32 bytes of row `j`, which has room for the vector.
			let key =
				unsafe { _mm256_loadu_si256(keys.as_ptr().add((j * stride + (at + n) * LANES) * 2).cast()) };
			*sum = _mm512_dpwssd_epi32(*sum, _mm512_cvtepi8_epi16(key), query);
		}
	}
	for (n, sum) in sums.into_iter().enumerate() {
		// SAFETY: the scratch has room for the vector.
		unsafe { _mm512_storeu_si512(scratch.as_mut_ptr().add((at + n) * LANES).cast(), sum) };
	}
}

/// `blyan_exact::attention::QueryFactor::score` of sixteen products. Halves go away from zero: negative numbers lose one before they are
/// shifted, since the shift rounds down.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn scores(product: __m512i, maximum: __m512i, factor: QueryFactor) -> __m512i {
	let shift = factor.shift;
	let half = _mm512_set1_epi64((1_i64 << shift) >> 1);
	let bound = SCORE_MAX;
	let count = _mm_cvtsi32_si128(shift as i32);
	let multiplier = _mm512_set1_epi64(i64::from(factor.factor));
	// Of the even lanes.
	let score = |product: __m512i, maximum: __m512i| {
		let scaled = _mm512_mullo_epi64(_mm512_mul_epi32(product, maximum), multiplier);
		let rounded = _mm512_add_epi64(_mm512_add_epi64(scaled, half), _mm512_srai_epi64::<63>(scaled));
		let score = _mm512_sra_epi64(rounded, count);
		_mm512_max_epi64(_mm512_min_epi64(score, _mm512_set1_epi64(bound)), _mm512_set1_epi64(-bound))
	};
	let even = score(product, maximum);
	let odd = score(_mm512_srli_epi64::<32>(product), _mm512_srli_epi64::<32>(maximum));
	_mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64::<32>(odd))
}

/// Weighted and normalised values of `16 * N` entries.
///
/// # Safety
/// As [`attend`]'s; `words` holds a pair of probabilities for each of `pairs` pairs of positions.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn weighted<const N: usize>(
	words: *const i32,
	pairs: usize,
	values: &[i8],
	entry: usize,
	out: &mut [i32],
	total: i32,
) {
	// Two sums for each entry, so that a multiplication need not wait for the one before.
	let (mut even, mut odd) = ([_mm512_setzero_si512(); N], [_mm512_setzero_si512(); N]);
	let width = out.len();
	let add = |sums: &mut [__m512i; N], pair: usize| {
		// SAFETY: as this function's.
		let weight = unsafe { _mm512_set1_epi32(*words.add(pair)) };
		for (n, sum) in sums.iter_mut().enumerate() {
			// SAFETY: 32 bytes from entry `entry + 16 n` of the pair, and sixteen entries are left there.
			let value = unsafe {
				_mm256_loadu_si256(values.as_ptr().add((pair * width + entry + LANES * n) * 2).cast())
			};
			*sum = _mm512_dpwssd_epi32(*sum, _mm512_cvtepi8_epi16(value), weight);
		}
	};
	for pair in (0..pairs - pairs % 2).step_by(2) {
		add(&mut even, pair);
		add(&mut odd, pair + 1);
	}
	if pairs % 2 == 1 {
		add(&mut even, pairs - 1);
	}
	for n in 0..N {
		let sum = _mm512_add_epi32(even[n], odd[n]);
		let at = entry + LANES * n;
		let low = normalised(_mm512_castsi512_si256(sum), total);
		let high = normalised(_mm512_extracti64x4_epi64::<1>(sum), total);
		// SAFETY: sixteen entries are left.
		unsafe {
			_mm256_storeu_si256(out.as_mut_ptr().add(at).cast(), low);
			_mm256_storeu_si256(out.as_mut_ptr().add(at + 8).cast(), high);
		}
	}
}

/// `crate::rows::normalise` of eight sums.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn normalised(sum: __m256i, total: i32) -> __m256i {
	let reciprocal = 0.5 / f64::from(total);
	let half = _mm512_set1_pd((f64::from(total) + 0.5) * reciprocal);
	let sum = _mm512_cvtepi32_pd(sum);
	// The sum's sign on the half.
	let sign = _mm512_and_pd(sum, _mm512_set1_pd(-0.0));
	let scaled = _mm512_mul_pd(sum, _mm512_set1_pd(512.0 * reciprocal));
	_mm512_cvttpd_epi32(_mm512_add_pd(scaled, _mm512_or_pd(half, sign)))
}
