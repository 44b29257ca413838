//! NEON, with the dot product `sdot` where the processor has it.
//!
//! Codes become the weights they stand for before they are multiplied, so nothing has to come off the sums.

use super::{tile_tokens, ActivationRows, TernaryView};
use std::arch::aarch64::*;

/// Rows of a block: one a lane of an accumulator.
const BLOCK: usize = 4;
/// Blocks of a tile.
const BLOCKS: usize = 4;
/// Tokens of a tile.
const TOKENS: usize = 4;
/// Columns whose weights are unpacked at once: 64 steps of four.
const COLS: usize = 256;

/// Unpacked weights of a tile: `[steps][blocks]`, four columns of a row a lane.
type Panel = [[int8x16_t; BLOCKS]; COLS / 4];

/// Four columns of four rows times four activations of a token, added to a sum a row.
trait Dot {
	/// The sum that a step adds to, for `STEPS` steps at most.
	type Sum: Copy;
	/// Steps that a sum holds.
	const STEPS: usize;
	fn zero() -> Self::Sum;
	fn add(sum: Self::Sum, weights: int8x16_t, four: i32) -> Self::Sum;
	fn rows(sum: Self::Sum) -> int32x4_t;
}

/// Plain NEON: 16-bit sums of a row's columns apart; a step adds at most 127 to each.
struct Plain;

impl Dot for Plain {
	type Sum = [int16x8_t; 2];
	const STEPS: usize = 64;

	#[inline(always)]
	fn zero() -> Self::Sum {
		// SAFETY: every processor of this architecture that Rust's standard library runs on has NEON.
		unsafe { [vdupq_n_s16(0); 2] }
	}

	#[inline(always)]
	fn add([low, high]: Self::Sum, weights: int8x16_t, four: i32) -> Self::Sum {
		// SAFETY: as above.
		unsafe {
			let x = vreinterpret_s8_s32(vdup_n_s32(four));
			[vmlal_s8(low, vget_low_s8(weights), x), vmlal_s8(high, vget_high_s8(weights), x)]
		}
	}

	#[inline(always)]
	fn rows([low, high]: Self::Sum) -> int32x4_t {
		// SAFETY: as above.
		unsafe { vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)) }
	}
}

/// With `sdot`: four products a lane at once, in 32 bits.
struct Sdot;

impl Dot for Sdot {
	type Sum = int32x4_t;
	const STEPS: usize = COLS / 4;

	#[inline(always)]
	fn zero() -> Self::Sum {
		// SAFETY: as above.
		unsafe { vdupq_n_s32(0) }
	}

	#[inline(always)]
	fn add(mut sum: Self::Sum, weights: int8x16_t, four: i32) -> Self::Sum {
		// SAFETY: as above, and a kernel of this kind exists only where the dot product was detected. It is written
		// out because the standard library has no stable name for it.
		unsafe {
			let x = vreinterpretq_s8_s32(vdupq_n_s32(four));
			std::arch::asm!(
				".arch_extension dotprod",
				"sdot {sum:v}.4s, {weights:v}.16b, {x:v}.16b",
				sum = inout(vreg) sum,
				weights = in(vreg) weights,
				x = in(vreg) x,
				options(pure, nomem, nostack, preserves_flags),
			);
		}
		sum
	}

	#[inline(always)]
	fn rows(sum: Self::Sum) -> int32x4_t {
		sum
	}
}

/// Multiplies with plain NEON.
pub fn multiply_plain(weights: TernaryView<'_>, inputs: &ActivationRows, out: &mut [i32]) {
	multiply::<Plain>(weights, inputs, out);
}

/// Multiplies with `sdot`.
///
/// # Safety
/// The processor has the dot product.
pub unsafe fn multiply_sdot(weights: TernaryView<'_>, inputs: &ActivationRows, out: &mut [i32]) {
	multiply::<Sdot>(weights, inputs, out);
}

#[inline(always)]
fn multiply<D: Dot>(weights: TernaryView<'_>, inputs: &ActivationRows, out: &mut [i32]) {
	// SAFETY: as above.
	let mut panel: Panel = unsafe { [[vdupq_n_s8(0); BLOCKS]; COLS / 4] };
	let step = tile_tokens(inputs.tokens(), TOKENS);
	out.fill(0);
	for row in (0..weights.rows).step_by(BLOCKS * BLOCK) {
		for col in (0..weights.cols).step_by(COLS) {
			let cols = (weights.cols - col).min(COLS);
			unpack(weights, row, col, cols, &mut panel);
			let panel = &panel[..cols / 4];
			for token in (0..inputs.tokens()).step_by(step) {
				match step.min(inputs.tokens() - token) {
					1 => tile::<D, 1>(weights.rows, panel, row, col, inputs, token, out),
					2 => tile::<D, 2>(weights.rows, panel, row, col, inputs, token, out),
					3 => tile::<D, 3>(weights.rows, panel, row, col, inputs, token, out),
					_ => tile::<D, TOKENS>(weights.rows, panel, row, col, inputs, token, out),
				}
			}
		}
	}
}

/// Unpacks the columns `col .. col + cols` of the rows from `row` on; rows past the end count as zeros.
#[inline(always)]
fn unpack(weights: TernaryView<'_>, row: usize, col: usize, cols: usize, panel: &mut Panel) {
	for block in 0..BLOCKS {
		for (word, steps) in panel[..cols / 4].chunks_exact_mut(4).enumerate() {
			let mut words = [0b0101_0101_0101_0101_0101_0101_0101_0101_u32; BLOCK];
			for (w, row) in words.iter_mut().zip(row + block * BLOCK..weights.rows) {
				let at = col / 4 + 4 * word;
				let bytes = weights.row(row)[at..at + 4].iter().rev();
				*w = bytes.fold(0, |word, &byte| word << 8 | u32::from(byte));
			}
			// SAFETY: as above; four words are a vector.
			unsafe {
				let packed = vreinterpretq_u8_u32(vld1q_u32(words.as_ptr()));
				let (two_bits, one) = (vdupq_n_u8(3), vdupq_n_u8(1));
				let weight = |codes| vreinterpretq_s8_u8(vsubq_u8(vandq_u8(codes, two_bits), one));
				steps[0][block] = weight(packed);
				steps[1][block] = weight(vshrq_n_u8::<2>(packed));
				steps[2][block] = weight(vshrq_n_u8::<4>(packed));
				steps[3][block] = weight(vshrq_n_u8::<6>(packed));
			}
		}
	}
}

/// Adds the products of a panel with `T` tokens to `out`.
#[inline(always)]
fn tile<D: Dot, const T: usize>(
	rows: usize,
	panel: &[[int8x16_t; BLOCKS]],
	row: usize,
	col: usize,
	inputs: &ActivationRows,
	token: usize,
	out: &mut [i32],
) {
	let stride = inputs.plane_stride();
	let planes: [&[i8]; T] = std::array::from_fn(|t| inputs.row_planes(token + t));
	for (part, steps) in panel.chunks(D::STEPS).enumerate() {
		let first = col / 4 + part * D::STEPS;
		let mut sums = [[D::zero(); BLOCKS]; T];
		for (step, weights) in steps.iter().enumerate() {
			// Four steps are one four-byte word of codes, a step a plane.
			let at = step % 4 * stride + first + step / 4 * 4;
			for t in 0..T {
				let bytes = &planes[t][at..at + 4];
				let four =
					i32::from_le_bytes([bytes[0] as u8, bytes[1] as u8, bytes[2] as u8, bytes[3] as u8]);
				for block in 0..BLOCKS {
					sums[t][block] = D::add(sums[t][block], weights[block], four);
				}
			}
		}
		for t in 0..T {
			for block in 0..BLOCKS {
				let mut products = [0; BLOCK];
				// SAFETY: as above; a vector is four entries.
				unsafe { vst1q_s32(products.as_mut_ptr(), D::rows(sums[t][block])) };
				let places = row + block * BLOCK..rows.min(row + (block + 1) * BLOCK);
				for (product, place) in products.into_iter().zip(places) {
					out[(token + t) * rows + place] += product;
				}
			}
		}
	}
}
