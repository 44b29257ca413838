//! Blocks of queries of one head, from keys to what is taken of the values, sixteen positions at a time.
//!
//! A key is loaded once for a whole block, and so is a value; scores of a block stay in the nearest cache.

use super::{
	exponential::Exponential,
	layout::{HeadCache, Queries, POSITIONS},
	scores::QueryFactor,
};
use blyan_exact::attention::{PROBABILITY_MAX, SCORE_MAX};
use std::arch::x86_64::*;

/// Positions of a vector.
const LANES: usize = POSITIONS;
/// Entries of a head, at most.
pub const HEAD_SIZE_MAX: usize = 64;
/// Queries of a block, at most.
pub const QUERIES: usize = 8;

/// # Safety
/// AVX-512 F, BW, DQ, VL and VNNI. Heads are a multiple of 16 and at most [`HEAD_SIZE_MAX`] long; `scratch` holds
/// [`QUERIES`] rows, and keys, maxima and values one, of as many positions as the last query sees, rounded up to 16.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub unsafe fn attend(
	queries: Queries<'_>,
	past: HeadCache<'_>,
	scratch: &mut [i32],
	out: &mut [i32],
	width: usize,
) {
	let (size, mut at) = (queries.head_size(), 0);
	while at < queries.maxima.len() {
		let left = Queries {
			entries: &queries.entries[at * size..],
			maxima: &queries.maxima[at..],
			first: queries.first + at,
		};
		let out = &mut out[at * width..];
		// SAFETY: as this function's; no block takes more than is left.
		unsafe {
			at += match left.maxima.len() {
				1 => block::<1>(left, past, scratch, out, width),
				2..4 => block::<2>(left, past, scratch, out, width),
				4..8 => block::<4>(left, past, scratch, out, width),
				_ => block::<QUERIES>(left, past, scratch, out, width),
			};
		}
	}
}

/// Returns the lanes of a vector of positions that a query sees, if it sees `len` positions.
fn seen(len: usize, vector: usize) -> u16 {
	match len.saturating_sub(LANES * vector) {
		left @ 0..LANES => (1 << left) - 1,
		_ => u16::MAX,
	}
}

/// Computes the first `N` queries; returns `N`.
///
/// # Safety
/// As [`attend`]'s.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn block<const N: usize>(
	queries: Queries<'_>,
	past: HeadCache<'_>,
	scratch: &mut [i32],
	out: &mut [i32],
	width: usize,
) -> usize {
	let size = queries.entries.len() / queries.maxima.len();
	let last = queries.first + N - 1;
	let vectors = last.div_ceil(LANES);
	// Words of a query's row of scores.
	let row = LANES * vectors;
	// Keys become numbers without a sign by adding 128; as many times the query's entries are too much.
	let excess: [i32; N] = std::array::from_fn(|n| {
		-128 * queries.entries[n * size..(n + 1) * size].iter().map(|&q| i32::from(q)).sum::<i32>()
	});
	let factors: [QueryFactor; N] = std::array::from_fn(|n| QueryFactor::new(queries.maxima[n], size));
	let signs = _mm512_set1_epi8(i8::MIN);
	let mut largest = [_mm512_set1_epi32(i32::MIN); N];
	for vector in 0..vectors {
		let mut sums = excess.map(|excess| _mm512_set1_epi32(excess));
		for chunk in 0..size / 16 {
			// SAFETY: 64 bytes of four rows of keys, which have room for the vector.
			let keys: [__m512i; 4] = std::array::from_fn(|j| unsafe {
				let place = ((4 * chunk + j) * past.stride + LANES * vector) * super::ENTRIES;
				_mm512_xor_si512(_mm512_loadu_si512(past.keys.as_ptr().add(place).cast()), signs)
			});
			for (n, sum) in sums.iter_mut().enumerate() {
				for (j, &key) in keys.iter().enumerate() {
					// SAFETY: four entries of query `n`.
					let query = unsafe {
						let place = queries.entries.as_ptr().add(n * size + 16 * chunk + 4 * j);
						_mm512_set1_epi32(place.cast::<i32>().read_unaligned())
					};
					*sum = _mm512_dpbusd_epi32(*sum, key, query);
				}
			}
		}
		// SAFETY: there are maxima for every vector of positions.
		let maximum = unsafe { _mm512_loadu_si512(past.maxima.as_ptr().add(LANES * vector).cast()) };
		let odd_maximum = _mm512_srli_epi64::<32>(maximum);
		for n in 0..N {
			let score = scores(sums[n], [maximum, odd_maximum], factors[n]);
			largest[n] =
				_mm512_mask_max_epi32(largest[n], seen(queries.first + n, vector), largest[n], score);
			// SAFETY: row `n` of the scratch has room for every vector.
			unsafe { _mm512_storeu_si512(scratch.as_mut_ptr().add(n * row + LANES * vector).cast(), score) };
		}
	}
	let exponential = Exponential::new();
	let bound = _mm512_set1_epi32(PROBABILITY_MAX as i32);
	let totals: [i32; N] = std::array::from_fn(|n| {
		let largest = _mm512_set1_epi32(_mm512_reduce_max_epi32(largest[n]));
		let mut total = _mm512_setzero_si512();
		for vector in 0..vectors {
			// SAFETY: as above. Probabilities take half the room of scores, and their place has been read when it is
			// written.
			unsafe {
				let place = scratch.as_mut_ptr().add(n * row);
				let score = _mm512_loadu_si512(place.add(LANES * vector).cast());
				let power = exponential.negative_power(_mm512_sub_epi32(largest, score));
				let probability = _mm512_min_epu32(_mm512_srli_epi32::<15>(power), bound);
				let probability = _mm512_maskz_mov_epi32(seen(queries.first + n, vector), probability);
				total = _mm512_add_epi32(total, probability);
				_mm256_storeu_si256(place.cast::<__m256i>().add(vector), _mm512_cvtepi32_epi16(probability));
			}
		}
		// From 32,767 to 256 times as much.
		_mm512_reduce_add_epi32(total)
	});
	let weights = Weights { words: scratch.as_ptr(), row, pairs: last.div_ceil(2), totals };
	let mut entry = 0;
	while entry < size {
		// SAFETY: as this function's; as many entries are left.
		entry += unsafe {
			match size - entry {
				16 => weighted::<N, 1>(&weights, past.values, size, entry, out, width),
				_ => weighted::<N, 2>(&weights, past.values, size, entry, out, width),
			}
		};
	}
	N
}

/// Computes `blyan_exact::attention::QueryFactor::score` of sixteen products; `maxima` of the even lanes and of the odd
/// ones. Halves go away from zero: negative numbers lose one before they are shifted, since the shift rounds down.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn scores(product: __m512i, maxima: [__m512i; 2], factor: QueryFactor) -> __m512i {
	let shift = factor.shift;
	let half = _mm512_set1_epi64((1_i64 << shift) >> 1);
	let bound = SCORE_MAX;
	let count = _mm_cvtsi32_si128(shift as i32);
	let multiplier = _mm512_set1_epi64(i64::from(factor.factor));
	let score = |product: __m512i, maximum: __m512i| {
		let scaled = _mm512_mullo_epi64(_mm512_mul_epi32(product, maximum), multiplier);
		let rounded = _mm512_add_epi64(_mm512_add_epi64(scaled, half), _mm512_srai_epi64::<63>(scaled));
		let score = _mm512_sra_epi64(rounded, count);
		_mm512_max_epi64(_mm512_min_epi64(score, _mm512_set1_epi64(bound)), _mm512_set1_epi64(-bound))
	};
	let even = score(product, maxima[0]);
	let odd = score(_mm512_srli_epi64::<32>(product), maxima[1]);
	_mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64::<32>(odd))
}

/// Probabilities of a block's queries: rows of pairs of positions, a pair a word.
struct Weights<const N: usize> {
	words: *const i32,
	row: usize,
	pairs: usize,
	/// Sums of the rows.
	totals: [i32; N],
}

/// Computes the weighted and normalised values of `16 * W` entries from the `entry`-th on, for every query; returns how
/// many entries.
///
/// # Safety
/// As [`attend`]'s; there are as many values and words as `weights` says.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn weighted<const N: usize, const W: usize>(
	weights: &Weights<N>,
	values: &[i8],
	size: usize,
	entry: usize,
	out: &mut [i32],
	width: usize,
) -> usize {
	let zeros = [[_mm512_setzero_si512(); W]; N];
	let add = |sums: &mut [[__m512i; W]; N], pair: usize| {
		// SAFETY: 32 bytes from entry `entry + 16 w` of the pair, and sixteen entries are left there.
		let value: [__m512i; W] = std::array::from_fn(|w| unsafe {
			let place = values.as_ptr().add((pair * size + entry + LANES * w) * 2);
			_mm512_cvtepi8_epi16(_mm256_loadu_si256(place.cast()))
		});
		for (n, sums) in sums.iter_mut().enumerate() {
			// SAFETY: as this function's.
			let weight = unsafe { _mm512_set1_epi32(*weights.words.add(n * weights.row + pair)) };
			for (sum, &value) in sums.iter_mut().zip(&value) {
				*sum = _mm512_dpwssd_epi32(*sum, value, weight);
			}
		}
	};
	let mut sums = zeros;
	if N == 1 {
		// Two sums for each entry, so that a multiplication need not wait for the one before.
		let mut others = zeros;
		for pair in (0..weights.pairs - weights.pairs % 2).step_by(2) {
			add(&mut sums, pair);
			add(&mut others, pair + 1);
		}
		if weights.pairs % 2 == 1 {
			add(&mut sums, weights.pairs - 1);
		}
		for (sum, &other) in sums.iter_mut().flatten().zip(others.iter().flatten()) {
			*sum = _mm512_add_epi32(*sum, other);
		}
	} else {
		for pair in 0..weights.pairs {
			add(&mut sums, pair);
		}
	}
	for (n, sums) in sums.into_iter().enumerate() {
		for (w, sum) in sums.into_iter().enumerate() {
			let low = normalised(_mm512_castsi512_si256(sum), weights.totals[n]);
			let high = normalised(_mm512_extracti64x4_epi64::<1>(sum), weights.totals[n]);
			// SAFETY: sixteen entries are left in row `n`.
			unsafe {
				let place = out.as_mut_ptr().add(n * width + entry + LANES * w);
				_mm256_storeu_si256(place.cast(), low);
				_mm256_storeu_si256(place.add(8).cast(), high);
			}
		}
	}
	LANES * W
}

/// Computes [`super::normalise`] of eight sums.
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
