//! Products with AVX2: eight rows a vector, two columns at once, with activations of 16 bits.

use super::*;
use std::{arch::x86_64::*, ops::Range};

/// Lines of int8 whose sums fit 32 bits: 4,096 columns, below 2^8 * 2^11 * 2^12 = 2^31.
const INT8_LINES: usize = 1024;

/// # Safety
/// The processor has AVX2; shapes agree.
#[target_feature(enable = "avx2")]
pub unsafe fn multiply(
	weights: PackedView<'_>,
	inputs: InputsView<'_>,
	tokens: Range<usize>,
	rescales: &[Rescale],
	out: &mut [i32],
) {
	for index in 0..weights.blocks() {
		for tile in inputs.tiles(tokens.clone()) {
			let mut token = 0;
			while token < tile.tokens {
				// SAFETY: as this function's.
				token += unsafe {
					match tile.tokens {
						1 => tokens_of::<1>(weights, index, tile, token, rescales, out),
						2 => tokens_of::<2>(weights, index, tile, token, rescales, out),
						_ => tokens_of::<4>(weights, index, tile, token, rescales, out),
					}
				};
			}
		}
	}
}

/// Multiplies a block with `T` tokens of a tile; returns `T`.
///
/// # Safety
/// As [`multiply`]'s; the tile has as many tokens from `token` on.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn tokens_of<const T: usize>(
	weights: PackedView<'_>,
	index: usize,
	tile: Tile<'_>,
	token: usize,
	rescales: &[Rescale],
	out: &mut [i32],
) -> usize {
	let block = weights.block(index);
	let mut totals = [[0_i64; ROWS]; T];
	let (columns, n) = (weights.columns, tile.tokens);
	let offset = |t: usize, from: usize, to: usize| -> i32 {
		(from / GROUP..to / GROUP).map(|group| tile.sums[group * n + token + t]).sum()
	};
	match weights.kind {
		WeightKind::Ternary => {
			// SAFETY: as this function's.
			let sums = unsafe { ternary::<T>(block, tile, token) };
			for (t, (totals, sums)) in totals.iter_mut().zip(&sums).enumerate() {
				let offset = offset(t, 0, columns);
				for (total, &sum) in totals.iter_mut().zip(sums) {
					*total = i64::from(sum - offset);
				}
			}
		}
		WeightKind::Int8 => {
			let scales: [i64; ROWS] = std::array::from_fn(|row| row_scale(&block[0], row));
			for (part, lines) in block[1..].chunks(INT8_LINES).enumerate() {
				let from = part * 4 * INT8_LINES;
				// SAFETY: as this function's.
				let sums = unsafe { int8::<T>(lines, tile, token, from) };
				for (t, (totals, sums)) in totals.iter_mut().zip(&sums).enumerate() {
					// Codes are 128 more than weights.
					let offset = 128 * i64::from(offset(t, from, from + 4 * lines.len()));
					for ((total, &sum), scale) in totals.iter_mut().zip(sums).zip(&scales) {
						*total += scale * (i64::from(sum) - offset);
					}
				}
			}
		}
		WeightKind::Int4By32 | WeightKind::Int4By64 => {
			let group = if weights.kind == WeightKind::Int4By32 { 32 } else { 64 };
			for (g, lines) in block.chunks_exact(1 + group / 8).enumerate() {
				// SAFETY: as this function's.
				let sums = unsafe { int4::<T>(&lines[1..], tile, token, g * group) };
				let d: [i32; ROWS] = std::array::from_fn(|row| scale(&lines[0], row) as i32);
				let m: [i32; ROWS] = std::array::from_fn(|row| scale(&lines[0], ROWS + row) as i32);
				for (t, (totals, sums)) in totals.iter_mut().zip(&sums).enumerate() {
					let offset = i64::from(offset(t, g * group, (g + 1) * group));
					for row in 0..ROWS {
						totals[row] += i64::from(d[row]) * i64::from(sums[row]) + i64::from(m[row]) * offset;
					}
				}
			}
		}
	}
	for (t, totals) in totals.iter().enumerate() {
		let at = tile.token + token + t;
		store(&weights, index, totals, rescales[at], &mut out[at * weights.rows..(at + 1) * weights.rows]);
	}
	T
}

/// Sums of the sixteen rows of a block.
type Narrow = [i32; ROWS];

/// Adds up products: `unpack` makes of half a line pairs of codes, a pair of columns after the other.
///
/// # Safety
/// As [`tokens_of`]'s; the lines begin at the column `from`.
#[inline(always)]
unsafe fn sums<const T: usize, const N: usize>(
	lines: &[Line],
	tile: Tile<'_>,
	token: usize,
	from: usize,
	unpack: impl Fn(__m256i) -> [__m256i; N],
) -> [Narrow; T] {
	let mut out = [[0; ROWS]; T];
	let n = tile.tokens;
	for half in 0..2 {
		// SAFETY: AVX2, as this function's; a column takes two bytes of each token, and a line `2 N` columns.
		unsafe {
			let mut sums = [_mm256_setzero_si256(); T];
			let mut entries = tile.entries.as_ptr().add(2 * n * from + 8 * token);
			for line in lines {
				let codes = unpack(_mm256_load_si256(line.0.as_ptr().add(32 * half).cast()));
				for (pair, &codes) in codes.iter().enumerate() {
					for (t, sum) in sums.iter_mut().enumerate() {
						let at = entries.add(8 * (pair / 2 * n + t) + 4 * (pair % 2)).cast::<i32>();
						let products = _mm256_madd_epi16(codes, _mm256_set1_epi32(at.read_unaligned()));
						*sum = _mm256_add_epi32(*sum, products);
					}
				}
				entries = entries.add(4 * N * n);
			}
			for (out, sum) in out.iter_mut().zip(sums) {
				_mm256_storeu_si256(out.as_mut_ptr().add(8 * half).cast(), sum);
			}
		}
	}
	out
}

/// # Safety
/// As [`tokens_of`]'s.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn int4<const T: usize>(lines: &[Line], tile: Tile<'_>, token: usize, from: usize) -> [Narrow; T] {
	let mask = _mm256_set1_epi16(15);
	let unpack = |codes: __m256i| {
		[
			_mm256_and_si256(codes, mask),
			_mm256_and_si256(_mm256_srli_epi16::<8>(codes), mask),
			_mm256_and_si256(_mm256_srli_epi16::<4>(codes), mask),
			_mm256_srli_epi16::<12>(codes),
		]
	};
	// SAFETY: as this function's.
	unsafe { sums::<T, 4>(lines, tile, token, from, unpack) }
}

/// # Safety
/// As [`tokens_of`]'s.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn int8<const T: usize>(lines: &[Line], tile: Tile<'_>, token: usize, from: usize) -> [Narrow; T] {
	let mask = _mm256_set1_epi16(255);
	let unpack = |codes: __m256i| [_mm256_and_si256(codes, mask), _mm256_srli_epi16::<8>(codes)];
	// SAFETY: as this function's.
	unsafe { sums::<T, 2>(lines, tile, token, from, unpack) }
}

/// # Safety
/// As [`tokens_of`]'s.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn ternary<const T: usize>(lines: &[Line], tile: Tile<'_>, token: usize) -> [Narrow; T] {
	let mask = _mm256_set1_epi16(3);
	let unpack = |codes: __m256i| {
		[
			_mm256_and_si256(codes, mask),
			_mm256_and_si256(_mm256_srli_epi16::<8>(codes), mask),
			_mm256_and_si256(_mm256_srli_epi16::<2>(codes), mask),
			_mm256_and_si256(_mm256_srli_epi16::<10>(codes), mask),
			_mm256_and_si256(_mm256_srli_epi16::<4>(codes), mask),
			_mm256_and_si256(_mm256_srli_epi16::<12>(codes), mask),
			_mm256_and_si256(_mm256_srli_epi16::<6>(codes), mask),
			_mm256_srli_epi16::<14>(codes),
		]
	};
	// SAFETY: as this function's.
	unsafe { sums::<T, 8>(lines, tile, token, 0, unpack) }
}
