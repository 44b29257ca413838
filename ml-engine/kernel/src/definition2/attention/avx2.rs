//! Blocks of queries with AVX2, eight positions at a time: a key or a value is loaded once for a whole block.
//!
//! Keys are multiplied as words of 16 bits: `vpmaddubsw` would saturate, since 255 * 127 twice is more than 2^15. A product
//! of two keys' codes and two entries is at most 2 * 255 * 127, and `vpmaddwd` adds it in 32 bits.

use super::*;
use blyan_exact::exponential::EXP2_Q30;
use std::arch::x86_64::*;

/// Queries of a block, at most.
const QUERIES: usize = 8;
/// Positions of a vector.
const LANES: usize = 8;

/// Computes sums, totals and shifts of all rows.
///
/// # Safety
/// AVX2; no row sees more positions than the pieces have.
#[target_feature(enable = "avx2")]
pub unsafe fn attend(pieces: &[&HeadCache], scratch: &mut Scratch) {
	let Some(size) = pieces.first().map(|piece| piece.size) else { return };
	let Scratch { scores, sums, queries, words, rows } = scratch;
	let (keys, values) = (key_size(size), value_size(size));
	let longest = rows.iter().map(|row| row.len).max().unwrap_or(0).next_multiple_of(POSITIONS);
	spans::ensure_vectors(pieces, longest / POSITIONS);
	sums.clear();
	sums.resize(rows.len() * values, 0);
	scores.resize(QUERIES * longest, 0);
	words.clear();
	for &[a, b, c, d] in queries.as_chunks::<4>().0 {
		words.extend([a, c, b, d].map(i16::from));
	}
	let mut at = 0;
	while at < rows.len() {
		let (rows, sums) = (&mut rows[at..], &mut sums[at * values..]);
		let words = &words[at * keys..];
		// SAFETY: as this function's; a block takes no more than is left.
		at += unsafe {
			match rows.len() {
				1 => block::<1, 4>(pieces, rows, words, scores, sums),
				2 => block::<2, 4>(pieces, rows, words, scores, sums),
				// The heads of one token that share keys, in many models.
				3 => block::<3, 2>(pieces, rows, words, scores, sums),
				4..8 => block::<4, 2>(pieces, rows, words, scores, sums),
				_ => block::<QUERIES, 1>(pieces, rows, words, scores, sums),
			}
		};
	}
}

/// Computes the first `N` rows; returns `N`. Values are weighed `8 W` entries at a time.
///
/// # Safety
/// As [`attend`]'s; `scratch` has room for `N` rows of as many positions as the longest sees.
#[target_feature(enable = "avx2")]
unsafe fn block<const N: usize, const W: usize>(
	pieces: &[&HeadCache],
	rows: &mut [Row],
	words: &[i16],
	scratch: &mut [i32],
	sums: &mut [i64],
) -> usize {
	let rows = &mut rows[..N];
	let vectors = rows.iter().map(|row| row.len).max().unwrap_or(0).div_ceil(POSITIONS);
	assert!(scratch.len() >= N * vectors * POSITIONS);
	// SAFETY: as this function's.
	unsafe {
		let largest = scores::<N>(pieces, rows, words, vectors, scratch.as_mut_ptr());
		for (n, row) in rows.iter_mut().enumerate() {
			let scratch = scratch.as_mut_ptr().add(n * vectors * POSITIONS);
			(row.total, row.excess) = weights(pieces, row.len, vectors, largest[n], scratch);
		}
		let padded = pieces.first().map_or(0, |piece| value_size(piece.size));
		for chunk in (0..vectors).step_by(WEIGHED / POSITIONS) {
			let end = vectors.min(chunk + WEIGHED / POSITIONS);
			let mut entry = 0;
			while entry < padded {
				let sums = &mut sums[entry..];
				entry += match (padded - entry) / LANES {
					left if left >= W => {
						weigh::<N, W>(pieces, entry, (chunk, end), vectors, scratch.as_ptr(), sums)
					}
					_ => weigh::<N, 2>(pieces, entry, (chunk, end), vectors, scratch.as_ptr(), sums),
				};
			}
		}
	}
	N
}

/// Writes the scores of `N` rows; returns the largest of each.
///
/// # Safety
/// As [`block`]'s.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn scores<const N: usize>(
	pieces: &[&HeadCache],
	rows: &[Row],
	words: &[i16],
	vectors: usize,
	out: *mut i32,
) -> [i32; N] {
	let low = _mm256_set1_epi16(255);
	let mut largest = [_mm256_set1_epi32(i32::MIN); N];
	for (cache, vector, own) in each_vector(pieces, vectors) {
		let padded = key_size(cache.size);
		assert!(words.len() >= N * padded && cache.keys.len() >= (own + 1) * POSITIONS * padded);
		for half in 0..2 {
			let mut sums: [__m256i; N] = std::array::from_fn(|n| _mm256_set1_epi32(rows[n].offset));
			// SAFETY: a vector of positions has `padded` times sixteen codes; a row `padded` entries.
			unsafe {
				let keys = cache.keys.as_ptr().add(own * POSITIONS * padded + 32 * half);
				for j in 0..padded / 4 {
					let key = _mm256_loadu_si256(keys.add(64 * j).cast());
					let (even, odd) = (_mm256_and_si256(key, low), _mm256_srli_epi16::<8>(key));
					for (n, sum) in sums.iter_mut().enumerate() {
						let query = words.as_ptr().add(n * padded + 4 * j).cast::<i32>();
						let first = _mm256_set1_epi32(query.read_unaligned());
						let second = _mm256_set1_epi32(query.add(1).read_unaligned());
						*sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(even, first));
						*sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(odd, second));
					}
				}
				let position = vector * POSITIONS + LANES * half;
				let maxima = cache.maxima.as_ptr().add(own * POSITIONS + LANES * half);
				let maxima = _mm256_loadu_si256(maxima.cast());
				for n in 0..N {
					let score = rescaled(sums[n], maxima, rows[n].rescale);
					let seen = seen(rows[n].len, position);
					let known = _mm256_blendv_epi8(_mm256_set1_epi32(i32::MIN), score, seen);
					largest[n] = _mm256_max_epi32(largest[n], known);
					_mm256_storeu_si256(out.add(n * vectors * POSITIONS + position).cast(), score);
				}
			}
		}
	}
	largest.map(|largest| lanes(largest).into_iter().fold(i32::MIN, i32::max))
}

/// Returns a mask of the lanes from `position` on that a query sees, if it sees `len` positions.
#[inline]
#[target_feature(enable = "avx2")]
fn seen(len: usize, position: usize) -> __m256i {
	let left = len.saturating_sub(position).min(LANES) as i32;
	_mm256_cmpgt_epi32(_mm256_set1_epi32(left), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
}

/// Returns the lanes of a vector.
#[inline]
#[target_feature(enable = "avx2")]
fn lanes(vector: __m256i) -> [i32; LANES] {
	let mut lanes = [0; LANES];
	// SAFETY: eight numbers.
	unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), vector) };
	lanes
}

/// Computes [`Rescale::apply`] of eight dot products times their keys' maxima, which are not negative.
#[inline]
#[target_feature(enable = "avx2")]
fn rescaled(sums: __m256i, maxima: __m256i, rescale: Rescale) -> __m256i {
	let half = |shift: u32| _mm256_set1_epi64x(((1_u64 << shift) >> 1) as i64);
	let count = |shift: u32| _mm_cvtsi32_si128(shift as i32);
	let bound = _mm256_set1_epi64x(i64::from(rescale.bound));
	let magnitude = _mm256_abs_epi32(sums);
	let apply = |magnitude: __m256i, maxima: __m256i| {
		let product = _mm256_mul_epu32(magnitude, maxima);
		let short = _mm256_srl_epi64(_mm256_add_epi64(product, half(rescale.before)), count(rescale.before));
		let product = _mm256_mul_epu32(short, _mm256_set1_epi64x(i64::from(rescale.factor)));
		let scaled = _mm256_srl_epi64(_mm256_add_epi64(product, half(rescale.shift)), count(rescale.shift));
		// Below 2^63, so that a signed comparison serves.
		_mm256_blendv_epi8(scaled, bound, _mm256_cmpgt_epi64(scaled, bound))
	};
	let even = apply(magnitude, maxima);
	let odd = apply(_mm256_srli_epi64::<32>(magnitude), _mm256_srli_epi64::<32>(maxima));
	_mm256_sign_epi32(_mm256_or_si256(even, _mm256_slli_epi64::<32>(odd)), sums)
}

/// Computes `blyan_exact::exponential::exp2_neg` of every lane.
#[inline]
#[target_feature(enable = "avx2")]
fn negative_power(t: __m256i) -> __m256i {
	let index = _mm256_and_si256(_mm256_srli_epi32::<8>(t), _mm256_set1_epi32(0xff));
	// SAFETY: the table has 257 entries.
	let (high, low) = unsafe {
		let table = EXP2_Q30.as_ptr().cast::<i32>();
		(_mm256_i32gather_epi32::<4>(table, index), _mm256_i32gather_epi32::<4>(table.add(1), index))
	};
	let fraction = _mm256_and_si256(t, _mm256_set1_epi32(0xff));
	let fall = _mm256_mullo_epi32(_mm256_sub_epi32(high, low), fraction);
	let fall = _mm256_srli_epi32::<8>(_mm256_add_epi32(fall, _mm256_set1_epi32(128)));
	let value = _mm256_sub_epi32(high, fall);
	// Past 2^-31 the sum below is at most 2^31, and its lowest bit would be the answer.
	let whole = _mm256_srli_epi32::<16>(t);
	let is_seen = _mm256_cmpgt_epi32(_mm256_set1_epi32(31), whole);
	let half = _mm256_srli_epi32::<1>(_mm256_sllv_epi32(_mm256_set1_epi32(1), whole));
	_mm256_and_si256(_mm256_srlv_epi32(_mm256_add_epi32(value, half), whole), is_seen)
}

/// Turns the scores of one row into weights of 16 bits; returns the sum of probabilities and the weights' shift.
///
/// # Safety
/// As [`block`]'s; `row` points to as many vectors.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn weights(
	pieces: &[&HeadCache],
	len: usize,
	vectors: usize,
	largest: i32,
	row: *mut i32,
) -> (i64, u32) {
	let bound = _mm256_set1_epi32(PROBABILITY_MAX as i32);
	let largest = _mm256_set1_epi32(largest);
	// A lane's share of 2^17 positions of 2^15 is below 2^29. A number has as many bits as all of which it is the largest
	// have together, so that products need not be compared.
	let (mut total, mut most) = (_mm256_setzero_si256(), _mm256_setzero_si256());
	for (cache, vector, own) in each_vector(pieces, vectors) {
		for half in [0, LANES] {
			// SAFETY: as this function's.
			unsafe {
				let position = vector * POSITIONS + half;
				let place = row.add(position).cast::<__m256i>();
				let power = negative_power(_mm256_sub_epi32(largest, _mm256_loadu_si256(place)));
				let probability = _mm256_min_epu32(_mm256_srli_epi32::<15>(power), bound);
				let probability = _mm256_and_si256(probability, seen(len, position));
				total = _mm256_add_epi32(total, probability);
				let (even, odd) = products(probability, cache, own * POSITIONS + half);
				most = _mm256_or_si256(most, _mm256_or_si256(even, odd));
				_mm256_storeu_si256(place, probability);
			}
		}
	}
	let most = longs(most).into_iter().fold(0, |bits, lane| bits | lane);
	let excess = (64 - most.leading_zeros()).saturating_sub(15);
	let round = _mm256_set1_epi64x((1_i64 << excess) >> 1);
	let count = _mm_cvtsi32_si128(excess as i32);
	let low_words = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
	for (cache, vector, own) in each_vector(pieces, vectors) {
		for half in [0, LANES] {
			// SAFETY: weights take half the room of probabilities, and their place has been read when it is written.
			unsafe {
				let position = vector * POSITIONS + half;
				let probability = _mm256_loadu_si256(row.add(position).cast());
				let (even, odd) = products(probability, cache, own * POSITIONS + half);
				let even = _mm256_srl_epi64(_mm256_add_epi64(even, round), count);
				let odd = _mm256_srl_epi64(_mm256_add_epi64(odd, round), count);
				let (even, odd) = (_mm256_min_epu32(even, bound), _mm256_min_epu32(odd, bound));
				let pairs = _mm256_or_si256(even, _mm256_slli_epi64::<16>(odd));
				let pairs = _mm256_permutevar8x32_epi32(pairs, low_words);
				_mm_storeu_si128(row.add(position / 2).cast(), _mm256_castsi256_si128(pairs));
			}
		}
	}
	// Lanes of 32 bits might overflow together.
	(lanes(total).into_iter().map(i64::from).sum(), excess)
}

/// Returns the lanes of 64 bits of a vector.
#[inline]
#[target_feature(enable = "avx2")]
fn longs(vector: __m256i) -> [u64; 4] {
	let mut longs = [0; 4];
	// SAFETY: four numbers.
	unsafe { _mm256_storeu_si256(longs.as_mut_ptr().cast(), vector) };
	longs
}

/// Multiplies probabilities with the steps of their values: of even and of odd positions.
///
/// # Safety
/// AVX2; the piece has eight steps from `position` on.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn products(probability: __m256i, cache: &HeadCache, position: usize) -> (__m256i, __m256i) {
	// SAFETY: as this function's.
	let steps = unsafe { _mm256_loadu_si256(cache.steps.as_ptr().add(position).cast()) };
	let odd = _mm256_mul_epu32(_mm256_srli_epi64::<32>(probability), _mm256_srli_epi64::<32>(steps));
	(_mm256_mul_epu32(probability, steps), odd)
}

/// Adds up the weighted values of `8 W` entries from the `entry`-th on, in at most [`WEIGHED`] positions, for `N` rows;
/// returns how many entries.
///
/// # Safety
/// As [`block`]'s; so many entries are left, and `weights` points to `N` rows of `vectors` vectors.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn weigh<const N: usize, const W: usize>(
	pieces: &[&HeadCache],
	entry: usize,
	(begin, end): (usize, usize),
	vectors: usize,
	weights: *const i32,
	sums: &mut [i64],
) -> usize {
	let row = vectors * POSITIONS;
	let padded = pieces.first().map_or(0, |piece| value_size(piece.size));
	assert!(sums.len() >= (N - 1) * padded + LANES * W && end - begin <= WEIGHED / POSITIONS);
	let mut part = [[_mm256_setzero_si256(); W]; N];
	for Span { cache, first, own, count } in spans(pieces, begin..end) {
		assert!(cache.values.len() >= (own + count) * POSITIONS * padded);
		for index in 0..count * POSITIONS / 2 {
			// SAFETY: sixteen bytes from entry `entry + 8 w` of the pair, and a word of each row.
			unsafe {
				let pair = own * POSITIONS / 2 + index;
				let values: [__m256i; W] = std::array::from_fn(|w| {
					let place = cache.values.as_ptr().add((pair * padded + entry + LANES * w) * 2);
					_mm256_cvtepi8_epi16(_mm_loadu_si128(place.cast()))
				});
				for (n, part) in part.iter_mut().enumerate() {
					let word = weights.add(n * row + first * POSITIONS / 2 + index);
					let weight = _mm256_set1_epi32(*word);
					for (sum, &value) in part.iter_mut().zip(&values) {
						*sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(value, weight));
					}
				}
			}
		}
	}
	for (n, part) in part.into_iter().enumerate() {
		for (w, part) in part.into_iter().enumerate() {
			let sums = &mut sums[n * padded + LANES * w..][..LANES];
			for (sum, part) in sums.iter_mut().zip(lanes(part)) {
				*sum += i64::from(part);
			}
		}
	}
	LANES * W
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_exact::exponential::exp2_neg;

	#[test]
	fn every_power_that_is_not_zero_equals_the_definition() {
		if crate::Kernel::avx2().is_none() {
			return;
		}
		for first in (0..33_u32 << 16).step_by(LANES).chain([1 << 31, u32::MAX - 7]) {
			let t: [u32; LANES] = std::array::from_fn(|i| first + i as u32);
			// SAFETY: the instructions were detected above; eight numbers are a vector.
			let powers = unsafe { lanes(negative_power(_mm256_loadu_si256(t.as_ptr().cast()))) };
			assert_eq!(powers.map(|power| power as u32), t.map(exp2_neg), "{first}");
		}
	}
}
