//! Products with AVX2: eight rows a vector, two columns at once, with activations of 16 bits.
//!
//! `vpmaddwd` adds two products in 32 bits, which is exact for every encoding. `vpmaddubsw` would take activations of more
//! than 8 bits in two parts, as many instructions for as many products.

use super::*;
use crate::definition2::rescale::avx2::rescale_rows;
use std::arch::x86_64::*;

/// Lines of int8 whose sums fit 32 bits: 4,096 columns, below 2^8 * 2^11 * 2^12 = 2^31.
const INT8_LINES: usize = 1024;

/// # Safety
/// The processor has AVX2 and F16C; shapes agree.
#[target_feature(enable = "avx2,f16c")]
pub unsafe fn multiply(
	weights: PackedView<'_>,
	inputs: InputsView<'_>,
	tokens: Range<usize>,
	to: &mut Destination<'_>,
) {
	for index in 0..weights.blocks() {
		for tile in inputs.tiles(tokens.clone()) {
			let mut token = 0;
			while token < tile.tokens {
				// SAFETY: as this function's.
				token += unsafe {
					match tile.tokens {
						1 => tokens_of::<1>(weights, index, tile, token, to),
						2 => tokens_of::<2>(weights, index, tile, token, to),
						4 => tokens_of::<4>(weights, index, tile, token, to),
						_ => tokens_of::<8>(weights, index, tile, token, to),
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
#[target_feature(enable = "avx2,f16c")]
unsafe fn tokens_of<const T: usize>(
	weights: PackedView<'_>,
	index: usize,
	tile: Tile<'_>,
	token: usize,
	to: &mut Destination<'_>,
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
			let group = weights.kind.group().unwrap_or(GROUP);
			// SAFETY: as this function's.
			totals = unsafe { int4::<T>(block, tile, token, group) };
		}
	}
	for (t, totals) in totals.iter().enumerate() {
		store(to, &weights, index, tile.token + token + t, totals);
	}
	T
}

/// Takes the accumulators of a block and a token.
#[inline]
#[target_feature(enable = "avx2,f16c")]
fn store(to: &mut Destination<'_>, weights: &PackedView<'_>, index: usize, token: usize, sums: &Sums) {
	match to {
		Destination::Outputs(rescales, out) if (index + 1) * ROWS <= weights.rows => {
			let out = &mut out[token * weights.rows + index * ROWS..][..ROWS];
			rescale_rows(sums, rescales[token], out);
		}
		to => to.store(weights, index, token, sums),
	}
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
	for half in 0..2 {
		// SAFETY: as this function's; eight sums are half of a block's.
		unsafe {
			let sums = half_sums::<T, N>(lines, half, tile, token, from, &unpack);
			for (out, sum) in out.iter_mut().zip(sums) {
				_mm256_storeu_si256(out.as_mut_ptr().add(8 * half).cast(), sum);
			}
		}
	}
	out
}

/// Adds up the products of the first or the last eight rows.
///
/// # Safety
/// As [`sums`]'s.
#[inline(always)]
unsafe fn half_sums<const T: usize, const N: usize>(
	lines: &[Line],
	half: usize,
	tile: Tile<'_>,
	token: usize,
	from: usize,
	unpack: impl Fn(__m256i) -> [__m256i; N],
) -> [__m256i; T] {
	let n = tile.tokens;
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
		sums
	}
}

/// Adds up the products of whole rows of 4-bit weights, with the groups' scales.
///
/// # Safety
/// As [`tokens_of`]'s.
#[inline]
#[target_feature(enable = "avx2,f16c")]
unsafe fn int4<const T: usize>(block: &[Line], tile: Tile<'_>, token: usize, group: usize) -> [Sums; T] {
	let mask = _mm256_set1_epi16(15);
	let unpack = |codes: __m256i| {
		[
			_mm256_and_si256(codes, mask),
			_mm256_and_si256(_mm256_srli_epi16::<8>(codes), mask),
			_mm256_and_si256(_mm256_srli_epi16::<4>(codes), mask),
			_mm256_srli_epi16::<12>(codes),
		]
	};
	let mut out = [[0; ROWS]; T];
	for half in 0..2 {
		// Of the even rows, and of the odd ones.
		let mut totals = [[_mm256_setzero_si256(); 2]; T];
		for (g, lines) in block.chunks_exact(1 + group / 8).enumerate() {
			// SAFETY: as this function's; scales are halves of half a line.
			let (sums, d, m) = unsafe {
				let scales = lines[0].0.as_ptr().add(16 * half).cast::<__m128i>();
				let sums = half_sums::<T, 4>(&lines[1..], half, tile, token, g * group, unpack);
				(sums, integers(_mm_load_si128(scales)), integers(_mm_load_si128(scales.add(2))))
			};
			let (odd_d, odd_m) = (_mm256_srli_epi64::<32>(d), _mm256_srli_epi64::<32>(m));
			for (t, (total, sum)) in totals.iter_mut().zip(sums).enumerate() {
				let at = |part: usize| tile.sums[(g * group / GROUP + part) * tile.tokens + token + t];
				let offset = _mm256_set1_epi32((0..group / GROUP).map(at).sum());
				let odd = _mm256_srli_epi64::<32>(sum);
				let even = _mm256_add_epi64(_mm256_mul_epi32(d, sum), _mm256_mul_epi32(m, offset));
				let odd = _mm256_add_epi64(_mm256_mul_epi32(odd_d, odd), _mm256_mul_epi32(odd_m, offset));
				*total = [_mm256_add_epi64(total[0], even), _mm256_add_epi64(total[1], odd)];
			}
		}
		for (out, totals) in out.iter_mut().zip(totals) {
			for (odd, totals) in totals.into_iter().enumerate() {
				let mut four = [0_i64; 4];
				// SAFETY: four numbers.
				unsafe { _mm256_storeu_si256(four.as_mut_ptr().cast(), totals) };
				for (i, total) in four.into_iter().enumerate() {
					out[8 * half + 2 * i + odd] = total;
				}
			}
		}
	}
	out
}

/// Converts eight halves, below 2^28 in units of 2^-24, to as many of these units. Each step is exact: a half has 11 bits,
/// and a power of two changes its exponent only.
#[inline]
#[target_feature(enable = "avx2,f16c")]
fn integers(halves: __m128i) -> __m256i {
	_mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtph_ps(halves), _mm256_set1_ps(16_777_216.0)))
}

/// # Safety
/// As [`tokens_of`]'s.
#[inline]
#[target_feature(enable = "avx2,f16c")]
unsafe fn int8<const T: usize>(lines: &[Line], tile: Tile<'_>, token: usize, from: usize) -> [Narrow; T] {
	let mask = _mm256_set1_epi16(255);
	let unpack = |codes: __m256i| [_mm256_and_si256(codes, mask), _mm256_srli_epi16::<8>(codes)];
	// SAFETY: as this function's.
	unsafe { sums::<T, 2>(lines, tile, token, from, unpack) }
}

/// # Safety
/// As [`tokens_of`]'s.
#[inline]
#[target_feature(enable = "avx2,f16c")]
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
