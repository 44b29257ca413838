//! AVX2 with `vpmaddubsw`: 32 products and 16 sums of 16 bits an instruction.

use super::{tile_tokens, ActivationRows, TernaryView};
use std::arch::x86_64::*;

/// Rows of a tile: two accumulators of eight.
const ROWS: usize = 16;
/// Tokens of a tile: 2 * 5 accumulators, and registers are left for codes, one activation and products.
const TOKENS: usize = 5;
/// Steps of four columns that 16-bit sums hold: a step adds at most 2 * 2 * 127 = 508, and 64 * 508 < 2^15.
const STEPS: usize = 64;

/// Columns of a panel.
const BLOCK: usize = 4 * STEPS;

/// Unpacked codes of [`ROWS`] rows and at most `4 * STEPS` columns: `[steps][2]`, four columns of a row a lane.
type Panel = [[__m256i; 2]; STEPS];

/// # Safety
/// The processor has AVX2; shapes agree.
#[target_feature(enable = "avx2")]
pub unsafe fn multiply(weights: TernaryView<'_>, inputs: &ActivationRows, out: &mut [i32]) {
	if inputs.tokens() == 1 {
		// SAFETY: as this function's.
		return unsafe { multiply_one(weights, inputs, out) };
	}
	let step = tile_tokens(inputs.tokens(), TOKENS);
	let words = weights.cols / 16;
	let copied;
	let (blocks, stride) = if inputs.plane_stride() == BLOCK / 4 {
		(inputs.planes.as_slice(), 0)
	} else {
		copied = in_blocks(inputs);
		(copied.as_slice(), inputs.tokens() * BLOCK)
	};
	let mut panel: Panel = [[_mm256_setzero_si256(); 2]; STEPS];
	// Sums of a tile's rows gather here: in `out` they lie a whole row apart, often at the same places of a cache.
	let mut lines = vec![[_mm256_setzero_si256(); 2]; inputs.tokens()];
	for row in (0..weights.rows).step_by(ROWS) {
		for (line, &sum) in lines.iter_mut().zip(&inputs.sums) {
			*line = [_mm256_set1_epi32(-sum); 2];
		}
		for word in (0..words).step_by(STEPS / 4) {
			let count = (words - word).min(STEPS / 4);
			unpack(weights, row, word, count, &mut panel);
			let panel = &panel[..4 * count];
			let block = &blocks[word / (BLOCK / 16) * stride..];
			for token in (0..inputs.tokens()).step_by(step) {
				match step.min(inputs.tokens() - token) {
					1 => tile::<1>(panel, block, token, &mut lines),
					2 => tile::<2>(panel, block, token, &mut lines),
					3 => tile::<3>(panel, block, token, &mut lines),
					4 => tile::<4>(panel, block, token, &mut lines),

					_ => tile::<TOKENS>(panel, block, token, &mut lines),
				}
			}
		}
		for (token, line) in lines.iter().enumerate() {
			let out = &mut out[token * weights.rows + row..];
			let count = (weights.rows - row).min(ROWS);
			let mut entries = [0_i32; ROWS];
			// SAFETY: two vectors of eight.
			unsafe {
				_mm256_storeu_si256(entries.as_mut_ptr().cast(), line[0]);
				_mm256_storeu_si256(entries.as_mut_ptr().add(8).cast(), line[1]);
			}
			out[..count].copy_from_slice(&entries[..count]);
		}
	}
}

/// Unpacks words `word .. word + count` of the rows from `row` on; a count is a multiple of 4.
#[target_feature(enable = "avx2")]
fn unpack(weights: TernaryView<'_>, row: usize, word: usize, count: usize, panel: &mut Panel) {
	let two_bits = _mm256_set1_epi8(3);
	for half in 0..2 {
		let first = row + 8 * half;
		for four in (0..count).step_by(4) {
			let at = 4 * (word + four);
			let a = two_lines(weights, first, at);
			let b = two_lines(weights, first + 1, at);
			let c = two_lines(weights, first + 2, at);
			let d = two_lines(weights, first + 3, at);
			let (ab, cd) = (_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d));
			let (ef, gh) = (_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d));
			let columns = [
				_mm256_unpacklo_epi64(ab, cd),
				_mm256_unpackhi_epi64(ab, cd),
				_mm256_unpacklo_epi64(ef, gh),
				_mm256_unpackhi_epi64(ef, gh),
			];
			for (i, packed) in columns.into_iter().enumerate() {
				let steps = &mut panel[4 * (four + i)..][..4];
				steps[0][half] = _mm256_and_si256(packed, two_bits);
				steps[1][half] = _mm256_and_si256(_mm256_srli_epi16::<2>(packed), two_bits);
				steps[2][half] = _mm256_and_si256(_mm256_srli_epi16::<4>(packed), two_bits);
				steps[3][half] = _mm256_and_si256(_mm256_srli_epi16::<6>(packed), two_bits);
			}
		}
	}
}

/// Loads sixteen bytes from `at` on of a row and of the fourth behind it; rows past the end are zeros.
#[inline]
#[target_feature(enable = "avx2")]
fn two_lines(weights: TernaryView<'_>, row: usize, at: usize) -> __m256i {
	let mut lines = [_mm_setzero_si128(); 2];
	for (line, row) in lines.iter_mut().zip([row, row + 4]) {
		if row < weights.rows {
			let bytes = &weights.row(row)[at..at + 16];
			// SAFETY: sixteen bytes, by the line above.
			*line = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
		}
	}
	_mm256_inserti128_si256::<1>(_mm256_castsi128_si256(lines[0]), lines[1])
}

/// Activations `[blocks][tokens][4][64]`: long rows lie at the same places of a cache and push one another out of it,
/// so what is multiplied together is put side by side.
fn in_blocks(inputs: &ActivationRows) -> Vec<i8> {
	let (part, stride) = (BLOCK / 4, inputs.plane_stride());
	let mut blocks = Vec::with_capacity(inputs.planes.len());
	for at in (0..stride).step_by(part) {
		for row in inputs.planes.chunks_exact(4 * stride) {
			row.chunks_exact(stride).for_each(|plane| blocks.extend_from_slice(&plane[at..at + part]));
		}
	}
	blocks
}

/// Adds the products of a panel with `T` tokens to their lines. `block` holds the panel's columns of every token.
#[target_feature(enable = "avx2")]
fn tile<const T: usize>(panel: &[[__m256i; 2]], block: &[i8], token: usize, lines: &mut [[__m256i; 2]]) {
	assert!(panel.len() <= BLOCK / 4);
	let planes: [*const i8; T] =
		std::array::from_fn(|t| block[(token + t) * BLOCK..(token + t + 1) * BLOCK].as_ptr());
	let mut sums = [[_mm256_setzero_si256(); 2]; T];
	for (word, steps) in panel.chunks_exact(4).enumerate() {
		for (j, &[low, high]) in steps.iter().enumerate() {
			for t in 0..T {
				// SAFETY: four bytes inside plane `j` of the token's row.
				let four =
					unsafe { planes[t].add(j * (BLOCK / 4) + 4 * word).cast::<i32>().read_unaligned() };
				let x = _mm256_set1_epi32(four);
				sums[t][0] = _mm256_add_epi16(sums[t][0], _mm256_maddubs_epi16(low, x));
				sums[t][1] = _mm256_add_epi16(sums[t][1], _mm256_maddubs_epi16(high, x));
			}
		}
	}
	let ones = _mm256_set1_epi16(1);
	for (line, pairs) in lines[token..].iter_mut().zip(sums) {
		for (line, pairs) in line.iter_mut().zip(pairs) {
			*line = _mm256_add_epi32(*line, _mm256_madd_epi16(pairs, ones));
		}
	}
}

/// Multiplies one token: four rows at a time, read as they lie.
///
/// # Safety
/// The processor has AVX2; shapes agree.
#[target_feature(enable = "avx2")]
unsafe fn multiply_one(weights: TernaryView<'_>, inputs: &ActivationRows, out: &mut [i32]) {
	let (planes, stride) = (inputs.row_planes(0).as_ptr(), inputs.plane_stride());
	for row in (0..weights.rows).step_by(4) {
		// The last rows again where there are no more.
		let codes: [&[u8]; 4] = std::array::from_fn(|i| weights.row((row + i).min(weights.rows - 1)));
		// SAFETY: as this function's.
		let sums = unsafe { four_rows(codes, planes, stride) };
		for (out, sum) in out[row..].iter_mut().zip(sums) {
			*out = sum - inputs.sums[0];
		}
	}
}

/// # Safety
/// `planes` points to four planes of `stride` bytes, a multiple of 64 and not below a row's length, which is a
/// multiple of 16.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn four_rows(codes: [&[u8]; 4], planes: *const i8, stride: usize) -> [i32; 4] {
	/// Bytes whose products 16-bit sums hold: 32 of them add at most 2 * 2,032 to the larger, and 8 * 4,064 < 2^15.
	const HELD: usize = 8 * 32;
	let (low_bits, high_bits) = (_mm256_set1_epi8(3), _mm256_set1_epi8(12));
	let ones = _mm256_set1_epi16(1);
	let bytes = codes[0].len();
	let mut sums = [_mm256_setzero_si256(); 4];
	for start in (0..bytes).step_by(HELD) {
		// The products of planes 1 and 3 are taken where the codes lie, four times as large.
		let mut pairs = [[_mm256_setzero_si256(); 2]; 4];
		for at in (start..bytes.min(start + HELD)).step_by(32) {
			// SAFETY: `at + 32` is at most the stride.
			let x: [__m256i; 4] =
				std::array::from_fn(|j| unsafe { _mm256_loadu_si256(planes.add(j * stride + at).cast()) });
			for r in 0..4 {
				let packed = if bytes - at >= 32 {
					// SAFETY: 32 bytes are left.
					unsafe { _mm256_loadu_si256(codes[r].as_ptr().add(at).cast()) }
				} else {
					// SAFETY: rows are a multiple of 16 bytes, so 16 are left; the upper half becomes zero.
					unsafe { _mm256_zextsi128_si256(_mm_loadu_si128(codes[r].as_ptr().add(at).cast())) }
				};
				let upper = _mm256_srli_epi16::<4>(packed);
				let single = _mm256_add_epi16(
					_mm256_maddubs_epi16(_mm256_and_si256(packed, low_bits), x[0]),
					_mm256_maddubs_epi16(_mm256_and_si256(upper, low_bits), x[2]),
				);
				let fourfold = _mm256_add_epi16(
					_mm256_maddubs_epi16(_mm256_and_si256(packed, high_bits), x[1]),
					_mm256_maddubs_epi16(_mm256_and_si256(upper, high_bits), x[3]),
				);
				pairs[r][0] = _mm256_add_epi16(pairs[r][0], single);
				pairs[r][1] = _mm256_add_epi16(pairs[r][1], fourfold);
			}
		}
		for (sum, [single, fourfold]) in sums.iter_mut().zip(pairs) {
			// Every 16-bit sum of the second kind is a multiple of four.
			let pairs = _mm256_add_epi16(single, _mm256_srai_epi16::<2>(fourfold));
			*sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
		}
	}
	let [a, b, c, d] = sums;
	let sums = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
	let sums = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
	let mut out = [0; 4];
	// SAFETY: four entries.
	unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), sums) };
	out
}
