//! Blocks of queries with AVX-512, sixteen positions at a time: a key or a value is loaded once for a whole block.

use super::*;
use crate::{attention::exponential::Exponential, definition2::rescale::avx512::rescaled};
use std::arch::x86_64::*;

/// Queries of a block, at most.
const QUERIES: usize = 8;

/// Computes sums, totals and shifts of all rows.
///
/// # Safety
/// AVX-512 F, BW, DQ, VL and VNNI; no row sees more positions than the pieces have.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub unsafe fn attend(pieces: &[&HeadCache], scratch: &mut Scratch) {
	let Some(size) = pieces.first().map(|piece| piece.size) else { return };
	let Scratch { scores, sums, queries, rows, .. } = scratch;
	let (keys, values) = (key_size(size), value_size(size));
	let longest = rows.iter().map(|row| row.len).max().unwrap_or(0).next_multiple_of(POSITIONS);
	spans::ensure_vectors(pieces, longest / POSITIONS);
	sums.clear();
	sums.resize(rows.len() * values, 0);
	scores.resize(QUERIES * longest, 0);
	let mut at = 0;
	while at < rows.len() {
		let (rows, sums) = (&mut rows[at..], &mut sums[at * values..]);
		let queries = &queries[at * keys..];
		// SAFETY: as this function's; a block takes no more than is left.
		at += unsafe {
			match rows.len() {
				1 => block::<1>(pieces, rows, queries, scores, sums),
				2 => block::<2>(pieces, rows, queries, scores, sums),
				// The heads of one token that share keys, in many models.
				3 => block::<3>(pieces, rows, queries, scores, sums),
				4..8 => block::<4>(pieces, rows, queries, scores, sums),
				_ => block::<QUERIES>(pieces, rows, queries, scores, sums),
			}
		};
	}
}

/// Returns the lanes of a vector of positions that a query sees, if it sees `len` positions.
fn seen(len: usize, vector: usize) -> u16 {
	match len.saturating_sub(POSITIONS * vector) {
		left @ 0..POSITIONS => (1 << left) - 1,
		_ => u16::MAX,
	}
}

/// Computes the first `N` rows; returns `N`.
///
/// # Safety
/// As [`attend`]'s; `scratch` has room for `N` rows of as many positions as the longest sees.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn block<const N: usize>(
	pieces: &[&HeadCache],
	rows: &mut [Row],
	queries: &[i8],
	scratch: &mut [i32],
	sums: &mut [i64],
) -> usize {
	let rows = &mut rows[..N];
	let vectors = rows.iter().map(|row| row.len).max().unwrap_or(0).div_ceil(POSITIONS);
	assert!(scratch.len() >= N * vectors * POSITIONS);
	// SAFETY: as this function's.
	unsafe {
		let largest = scores::<N>(pieces, rows, queries, vectors, scratch.as_mut_ptr());
		for (n, row) in rows.iter_mut().enumerate() {
			let scratch = scratch.as_mut_ptr().add(n * vectors * POSITIONS);
			(row.total, row.excess) = weights(pieces, row.len, vectors, largest[n], scratch);
		}
		let padded = pieces.first().map_or(0, |piece| value_size(piece.size));
		let mut entry = 0;
		while entry < padded {
			let sums = &mut sums[entry..];
			entry += match padded - entry {
				16 => weigh::<N, 1>(pieces, entry, vectors, scratch.as_ptr(), sums),
				_ => weigh::<N, 2>(pieces, entry, vectors, scratch.as_ptr(), sums),
			};
		}
	}
	N
}

/// Writes the scores of `N` rows; returns the largest of each.
///
/// # Safety
/// As [`block`]'s.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn scores<const N: usize>(
	pieces: &[&HeadCache],
	rows: &[Row],
	queries: &[i8],
	vectors: usize,
	out: *mut i32,
) -> [i32; N] {
	let mut largest = [_mm512_set1_epi32(i32::MIN); N];
	for Span { cache, first, own, count } in spans(pieces, 0..vectors) {
		let padded = key_size(cache.size);
		assert!(queries.len() >= N * padded && cache.keys.len() >= (own + count) * POSITIONS * padded);
		for index in 0..count {
			let vector = first + index;
			let mut sums: [__m512i; N] = std::array::from_fn(|n| _mm512_set1_epi32(rows[n].offset));
			// SAFETY: a vector of positions has `padded` times sixteen codes; a row `padded` entries.
			unsafe {
				let keys = cache.keys.as_ptr().add((own + index) * POSITIONS * padded);
				for j in 0..padded / 4 {
					let key = _mm512_loadu_si512(keys.add(64 * j).cast());
					for (n, sum) in sums.iter_mut().enumerate() {
						let query = queries.as_ptr().add(n * padded + 4 * j).cast::<i32>().read_unaligned();
						*sum = _mm512_dpbusd_epi32(*sum, key, _mm512_set1_epi32(query));
					}
				}
				let maxima = _mm512_loadu_si512(cache.maxima.as_ptr().add((own + index) * POSITIONS).cast());
				let odd_maxima = _mm512_srli_epi64::<32>(maxima);
				for n in 0..N {
					let even = _mm512_mul_epi32(sums[n], maxima);
					let odd = _mm512_mul_epi32(_mm512_srli_epi64::<32>(sums[n]), odd_maxima);
					let score = rescaled([even, odd], rows[n].rescale);
					let lanes = seen(rows[n].len, vector);
					largest[n] = _mm512_mask_max_epi32(largest[n], lanes, largest[n], score);
					_mm512_storeu_si512(out.add((n * vectors + vector) * POSITIONS).cast(), score);
				}
			}
		}
	}
	largest.map(|largest| _mm512_reduce_max_epi32(largest))
}

/// Turns the scores of one row into weights of 16 bits; returns the sum of probabilities and the weights' shift.
///
/// # Safety
/// As [`block`]'s; `row` points to as many vectors.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn weights(
	pieces: &[&HeadCache],
	len: usize,
	vectors: usize,
	largest: i32,
	row: *mut i32,
) -> (i64, u32) {
	let exponential = Exponential::new();
	let bound = _mm512_set1_epi32(PROBABILITY_MAX as i32);
	let largest = _mm512_set1_epi32(largest);
	// A lane's share of 2^17 positions of 2^15 is below 2^28.
	let mut total = _mm512_setzero_si512();
	let mut most = _mm512_setzero_si512();
	// Products with the steps, of even and of odd positions.
	let products = |probability: __m512i, cache: &HeadCache, own: usize| {
		// SAFETY: as many steps as positions.
		let steps = unsafe { _mm512_loadu_si512(cache.steps.as_ptr().add(own * POSITIONS).cast()) };
		let odd = _mm512_mul_epu32(_mm512_srli_epi64::<32>(probability), _mm512_srli_epi64::<32>(steps));
		(_mm512_mul_epu32(probability, steps), odd)
	};
	for (cache, vector, own) in each_vector(pieces, vectors) {
		// SAFETY: as this function's.
		let place = unsafe { row.add(vector * POSITIONS) };
		// SAFETY: as this function's.
		let score = unsafe { _mm512_loadu_si512(place.cast()) };
		let power = exponential.negative_power(_mm512_sub_epi32(largest, score));
		let probability = _mm512_min_epu32(_mm512_srli_epi32::<15>(power), bound);
		let probability = _mm512_maskz_mov_epi32(seen(len, vector), probability);
		total = _mm512_add_epi32(total, probability);
		let (even, odd) = products(probability, cache, own);
		most = _mm512_max_epu64(most, _mm512_max_epu64(even, odd));
		// SAFETY: as this function's.
		unsafe { _mm512_storeu_si512(place.cast(), probability) };
	}
	let excess = (64 - _mm512_reduce_max_epu64(most).leading_zeros()).saturating_sub(15);
	let half = _mm512_set1_epi64((1_i64 << excess) >> 1);
	let count = _mm_cvtsi32_si128(excess as i32);
	for (cache, vector, own) in each_vector(pieces, vectors) {
		// SAFETY: weights take half the room of probabilities, and their place has been read when it is written.
		unsafe {
			let (even, odd) = products(_mm512_loadu_si512(row.add(vector * POSITIONS).cast()), cache, own);
			let even = _mm512_srl_epi64(_mm512_add_epi64(even, half), count);
			let odd = _mm512_srl_epi64(_mm512_add_epi64(odd, half), count);
			let weight = _mm512_or_si512(even, _mm512_slli_epi64::<32>(odd));
			let weight = _mm512_cvtepi32_epi16(_mm512_min_epu32(weight, bound));
			_mm256_storeu_si256(row.cast::<__m256i>().add(vector), weight);
		}
	}
	// Lanes of 32 bits might overflow together.
	let low = _mm512_cvtepu32_epi64(_mm512_castsi512_si256(total));
	let high = _mm512_cvtepu32_epi64(_mm512_extracti64x4_epi64::<1>(total));
	(_mm512_reduce_add_epi64(_mm512_add_epi64(low, high)), excess)
}

/// Adds up the weighted values of `16 W` entries from the `entry`-th on, for `N` rows; returns how many entries.
///
/// # Safety
/// As [`block`]'s; so many entries are left, and `weights` points to `N` rows of as many vectors.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn weigh<const N: usize, const W: usize>(
	pieces: &[&HeadCache],
	entry: usize,
	vectors: usize,
	weights: *const i32,
	sums: &mut [i64],
) -> usize {
	let row = vectors * POSITIONS;
	let padded = pieces.first().map_or(0, |piece| value_size(piece.size));
	assert!(sums.len() >= (N - 1) * padded + 16 * W);
	for chunk in (0..vectors).step_by(WEIGHED / POSITIONS) {
		let mut part = [[_mm512_setzero_si512(); W]; N];
		for Span { cache, first, own, count } in
			spans(pieces, chunk..vectors.min(chunk + WEIGHED / POSITIONS))
		{
			assert!(cache.values.len() >= (own + count) * POSITIONS * padded);
			for index in 0..count * POSITIONS / 2 {
				// SAFETY: 32 bytes from entry `entry + 16 w` of the pair, and a word of each row.
				unsafe {
					let pair = own * POSITIONS / 2 + index;
					let values: [__m512i; W] = std::array::from_fn(|w| {
						let place = cache.values.as_ptr().add((pair * padded + entry + 16 * w) * 2);
						_mm512_cvtepi8_epi16(_mm256_loadu_si256(place.cast()))
					});
					for (n, part) in part.iter_mut().enumerate() {
						let word = weights.add(n * row + first * POSITIONS / 2 + index);
						let weight = _mm512_set1_epi32(*word);
						for (sum, &value) in part.iter_mut().zip(&values) {
							*sum = _mm512_dpwssd_epi32(*sum, value, weight);
						}
					}
				}
			}
		}
		for (n, part) in part.into_iter().enumerate() {
			for (w, part) in part.into_iter().enumerate() {
				let halves = [_mm512_castsi512_si256(part), _mm512_extracti64x4_epi64::<1>(part)];
				for (half, part) in halves.into_iter().enumerate() {
					// SAFETY: sixteen sums from there on, as was asserted.
					unsafe {
						let place = sums.as_mut_ptr().add(n * padded + 16 * w + 8 * half);
						let sum = _mm512_loadu_si512(place.cast());
						let sum = _mm512_add_epi64(sum, _mm512_cvtepi32_epi64(part));
						_mm512_storeu_si512(place.cast(), sum);
					}
				}
			}
		}
	}
	16 * W
}
