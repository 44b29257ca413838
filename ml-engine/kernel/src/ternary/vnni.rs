//! AVX-512 with `vpdpbusd`: 64 products and 16 sums an instruction.

use super::{tile_tokens, ActivationRows, TernaryView};
use std::arch::x86_64::*;

/// Rows of a block: one a lane of an accumulator.
const BLOCK: usize = 16;
/// Blocks of a tile.
const BLOCKS: usize = 4;
/// Tokens of a tile: 4 * 5 accumulators, and registers are left for a block's codes and one activation.
const TOKENS: usize = 5;

/// # Safety
/// The processor has AVX-512 F, BW and VNNI; shapes agree.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub unsafe fn multiply(weights: TernaryView<'_>, inputs: &ActivationRows, out: &mut [i32]) {
	if inputs.tokens() == 1 && weights.cols >= 256 {
		// SAFETY: as this function's.
		return unsafe { multiply_one(weights, inputs, out) };
	}
	if inputs.tokens() == 1 && weights.cols == PAIR_COLS {
		return multiply_one_by_pairs(weights, inputs, out);
	}
	let step = tile_tokens(inputs.tokens(), TOKENS);
	let mut panel = vec![_mm512_setzero_si512(); BLOCKS * weights.cols / 16];
	for row in (0..weights.rows).step_by(BLOCKS * BLOCK) {
		let blocks = (weights.rows - row).div_ceil(BLOCK).min(BLOCKS);
		for block in 0..blocks {
			pack(weights, row + block * BLOCK, &mut panel[block..], blocks);
		}
		macro_rules! with_blocks {
			($b:literal) => {
				for token in (0..inputs.tokens()).step_by(step) {
					match step.min(inputs.tokens() - token) {
						1 => tile::<$b, 1>(weights, &panel, row, inputs, token, out),
						2 => tile::<$b, 2>(weights, &panel, row, inputs, token, out),
						3 => tile::<$b, 3>(weights, &panel, row, inputs, token, out),
						4 => tile::<$b, 4>(weights, &panel, row, inputs, token, out),
						_ => tile::<$b, TOKENS>(weights, &panel, row, inputs, token, out),
					}
				}
			};
		}
		match blocks {
			1 => with_blocks!(1),
			2 => with_blocks!(2),
			3 => with_blocks!(3),
			_ => with_blocks!(4),
		}
	}
}

/// Lanes that hold rows of the matrix, in a block that begins at `row`.
pub(crate) fn lanes(rows: usize, row: usize) -> __mmask16 {
	u16::MAX >> (BLOCK - (rows - row).min(BLOCK))
}

/// Turns a block of rows round: entry `i * blocks` of `panel` holds the i-th four bytes of every row.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn pack(weights: TernaryView<'_>, row: usize, panel: &mut [__m512i], blocks: usize) {
	let words = weights.cols / 16;
	for at in (0..words).step_by(16) {
		let mask = u16::MAX >> (16 - (words - at).min(16));
		let mut lines = [_mm512_setzero_si512(); BLOCK];
		for (line, row) in lines.iter_mut().zip(row..weights.rows) {
			// SAFETY: masked to the four-byte words that the row has left.
			*line = unsafe { _mm512_maskz_loadu_epi32(mask, weights.row(row).as_ptr().add(4 * at).cast()) };
		}
		let panel = &mut panel[at * blocks..];
		for (i, column) in transpose(lines).into_iter().enumerate() {
			// Only the last words of a row are fewer than sixteen.
			if let Some(panel) = panel.get_mut(i * blocks) {
				*panel = column;
			}
		}
	}
}

/// Transposes sixteen rows of sixteen words to columns.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(crate) fn transpose(rows: [__m512i; 16]) -> [__m512i; 16] {
	let mut pairs = rows;
	for i in (0..16).step_by(2) {
		pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
		pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
	}
	// Entry 4q + c: column c of every group of four columns, of rows 4q to 4q + 3.
	let mut fours = pairs;
	for i in (0..16).step_by(4) {
		fours[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
		fours[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
		fours[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
		fours[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
	}
	let mut columns = fours;
	for c in 0..4 {
		// Halves 0 and 2, or 1 and 3, of either operand.
		let (a, b) = (
			_mm512_shuffle_i32x4::<0x88>(fours[c], fours[c + 4]),
			_mm512_shuffle_i32x4::<0x88>(fours[c + 8], fours[c + 12]),
		);
		let (d, e) = (
			_mm512_shuffle_i32x4::<0xdd>(fours[c], fours[c + 4]),
			_mm512_shuffle_i32x4::<0xdd>(fours[c + 8], fours[c + 12]),
		);
		columns[c] = _mm512_shuffle_i32x4::<0x88>(a, b);
		columns[c + 8] = _mm512_shuffle_i32x4::<0xdd>(a, b);
		columns[c + 4] = _mm512_shuffle_i32x4::<0x88>(d, e);
		columns[c + 12] = _mm512_shuffle_i32x4::<0xdd>(d, e);
	}
	columns
}

/// Multiplies `B` blocks of rows with `T` tokens. A block's codes are unpacked once for all of them.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn tile<const B: usize, const T: usize>(
	weights: TernaryView<'_>,
	panel: &[__m512i],
	row: usize,
	inputs: &ActivationRows,
	token: usize,
	out: &mut [i32],
) {
	let (rows, words, stride) = (weights.rows, weights.cols / 16, inputs.plane_stride());
	assert!(panel.len() >= B * words && 4 * words <= stride && row + (B - 1) * BLOCK < rows);
	let planes: [*const i8; T] = std::array::from_fn(|t| inputs.row_planes(token + t).as_ptr());
	let two_bits = _mm512_set1_epi8(3);
	let mut sums = [[_mm512_setzero_si512(); B]; T];
	for word in 0..words {
		// SAFETY: the panel has `B` entries a word.
		let packed: [__m512i; B] = std::array::from_fn(|b| unsafe { *panel.get_unchecked(B * word + b) });
		macro_rules! plane {
			($j:literal) => {
				let codes =
					packed.map(|packed| _mm512_and_si512(_mm512_srli_epi16::<{ 2 * $j }>(packed), two_bits));
				for t in 0..T {
					// SAFETY: four bytes inside plane `j` of the token's row.
					let four =
						unsafe { planes[t].add($j * stride + 4 * word).cast::<i32>().read_unaligned() };
					let x = _mm512_set1_epi32(four);
					for b in 0..B {
						sums[t][b] = _mm512_dpbusd_epi32(sums[t][b], codes[b], x);
					}
				}
			};
		}
		plane!(0);
		plane!(1);
		plane!(2);
		plane!(3);
	}
	for (t, sums) in sums.into_iter().enumerate() {
		let less = _mm512_set1_epi32(inputs.sums[token + t]);
		for (b, sum) in sums.into_iter().enumerate() {
			let at = row + b * BLOCK;
			let line = &mut out[(token + t) * rows + at..];
			assert!(line.len() >= (rows - at).min(BLOCK));
			let sum = _mm512_sub_epi32(sum, less);
			// SAFETY: masked to the rows there are, which the slice was just seen to hold.
			unsafe { _mm512_mask_storeu_epi32(line.as_mut_ptr(), lanes(rows, at), sum) };
		}
	}
}

/// Multiplies one token: rows are read as they lie, and sixteen of them are added up across lanes together.
///
/// Codes stay where they are in their bytes: the products of plane `j` come out 4^j times as large, each plane has
/// a sum of its own, and the shift at the end is exact.
///
/// # Safety
/// The processor has AVX-512 F, BW and VNNI; shapes agree.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn multiply_one(weights: TernaryView<'_>, inputs: &ActivationRows, out: &mut [i32]) {
	let (planes, stride) = (inputs.row_planes(0).as_ptr(), inputs.plane_stride());
	for row in (0..weights.rows).step_by(BLOCK) {
		let mut lines = [_mm512_setzero_si512(); BLOCK];
		for (r, lines) in lines.chunks_exact_mut(4).enumerate() {
			// The last rows again where there are no more.
			let codes: [&[u8]; 4] =
				std::array::from_fn(|i| weights.row((row + 4 * r + i).min(weights.rows - 1)));
			// SAFETY: as this function's.
			lines.copy_from_slice(&unsafe { four_rows(codes, planes, stride) });
		}
		let mut sums = _mm512_set1_epi32(-inputs.sums[0]);
		for column in transpose(lines) {
			sums = _mm512_add_epi32(sums, column);
		}
		let line = &mut out[row..];
		assert!(line.len() >= (weights.rows - row).min(BLOCK));
		// SAFETY: masked to the rows there are, which the slice was just seen to hold.
		unsafe { _mm512_mask_storeu_epi32(line.as_mut_ptr(), lanes(weights.rows, row), sums) };
	}
}

/// Columns of which two rows fill a vector.
const PAIR_COLS: usize = 128;

/// Multiplies one token and rows of [`PAIR_COLS`]: as [`multiply_one`], with two rows in a vector.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn multiply_one_by_pairs(weights: TernaryView<'_>, inputs: &ActivationRows, out: &mut [i32]) {
	const ROW_BYTES: usize = PAIR_COLS / 4;
	let (planes, stride) = (inputs.row_planes(0), inputs.plane_stride());
	let masks = [3, 12, 48, -64].map(|mask| _mm512_set1_epi8(mask));
	let x: [__m512i; 4] = std::array::from_fn(|j| {
		let plane = &planes[j * stride..j * stride + ROW_BYTES];
		// SAFETY: as many bytes as are read.
		_mm512_broadcast_i64x4(unsafe { _mm256_loadu_si256(plane.as_ptr().cast()) })
	});
	// Even and odd rows end up apart.
	let in_order = _mm512_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15);
	for (rows, out) in weights.codes.chunks(BLOCK * ROW_BYTES).zip(out.chunks_mut(BLOCK)) {
		let mut pairs = [_mm512_setzero_si512(); BLOCK / 2];
		for (pair, codes) in pairs.iter_mut().zip(rows.chunks(2 * ROW_BYTES)) {
			let mask = u64::MAX >> (64 - codes.len());
			// SAFETY: masked to the bytes there are.
			let packed = unsafe { _mm512_maskz_loadu_epi8(mask, codes.as_ptr().cast()) };
			let [a, b, c, d] = std::array::from_fn(|j| {
				_mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_and_si512(packed, masks[j]), x[j])
			});
			let low = _mm512_add_epi32(a, _mm512_srai_epi32::<2>(b));
			let high = _mm512_add_epi32(_mm512_srai_epi32::<4>(c), _mm512_srai_epi32::<6>(d));
			*pair = _mm512_add_epi32(low, high);
		}
		// Eight lanes of each row become four, two, and one.
		let fours: [__m512i; 4] = std::array::from_fn(|i| {
			let (a, b) = (pairs[2 * i], pairs[2 * i + 1]);
			_mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b))
		});
		let twos: [__m512i; 2] = std::array::from_fn(|i| {
			let (a, b) = (fours[2 * i], fours[2 * i + 1]);
			_mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b))
		});
		let ones = _mm512_add_epi32(
			_mm512_shuffle_i32x4::<0x88>(twos[0], twos[1]),
			_mm512_shuffle_i32x4::<0xdd>(twos[0], twos[1]),
		);
		let sums = _mm512_permutexvar_epi32(in_order, ones);
		let sums = _mm512_sub_epi32(sums, _mm512_set1_epi32(inputs.sums[0]));
		// SAFETY: masked to the outputs there are.
		unsafe { _mm512_mask_storeu_epi32(out.as_mut_ptr(), lanes(out.len(), 0), sums) };
	}
}

/// # Safety
/// `planes` points to four planes of `stride` bytes, a multiple of 64 and not below a row's length.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn four_rows(codes: [&[u8]; 4], planes: *const i8, stride: usize) -> [__m512i; 4] {
	let mut sums = [[_mm512_setzero_si512(); 4]; 4];
	let masks = [3, 12, 48, -64].map(|mask| _mm512_set1_epi8(mask));
	let bytes = codes[0].len();
	for at in (0..bytes).step_by(64) {
		let mask = u64::MAX >> (64 - (bytes - at).min(64));
		// SAFETY: `at + 64` is at most the stride.
		let x: [__m512i; 4] =
			std::array::from_fn(|j| unsafe { _mm512_loadu_si512(planes.add(j * stride + at).cast()) });
		for r in 0..4 {
			// SAFETY: masked to the bytes that the row has left.
			let packed = unsafe { _mm512_maskz_loadu_epi8(mask, codes[r].as_ptr().add(at).cast()) };
			for j in 0..4 {
				sums[r][j] = _mm512_dpbusd_epi32(sums[r][j], _mm512_and_si512(packed, masks[j]), x[j]);
			}
		}
	}
	let mut lines = [_mm512_setzero_si512(); 4];
	for (line, [a, b, c, d]) in lines.iter_mut().zip(sums) {
		let low = _mm512_add_epi32(a, _mm512_srai_epi32::<2>(b));
		*line = _mm512_add_epi32(low, _mm512_add_epi32(_mm512_srai_epi32::<4>(c), _mm512_srai_epi32::<6>(d)));
	}
	lines
}
