//! Products with AVX-512 VNNI: a 32-bit lane is a row, and four columns are multiplied at once.
//!
//! `vpdpbusd` multiplies unsigned codes by signed activations. Those of more than 8 bits take two steps: `q = 16 high +
//! low` with `high` in [-128, 127] and `low` in [0, 15]. Codes of 4 and 2 bits are multiplied by 16 where they are
//! unpacked, so that both steps add to one sum; those of 8 bits have a sum for each half. Sums wrap around 2^32, which is
//! exact where the final one fits.
//!
//! The instruction takes four cycles and starts twice a cycle, so that at least eight sums must be added to in turn, and
//! sixteen keep it busy. Weights of 8 and 2 bits are multiplied by two blocks of rows, which also halves the reading of
//! activations; those of 4 bits by one, because groups end every sum soon and their accumulators fill the registers.

mod int4;
mod int8;
mod ternary;

use super::*;
use crate::definition2::{
	rescale::avx512::{rescaled, store_sums, Wide},
	TOKENS,
};
use std::arch::x86_64::*;

/// Blocks that are multiplied together.
const BLOCKS: usize = 2;

/// # Safety
/// The processor has AVX-512 F, BW, DQ, VL and VNNI; shapes agree.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub unsafe fn multiply(
	weights: PackedView<'_>,
	inputs: InputsView<'_>,
	tokens: Range<usize>,
	to: &mut Destination<'_>,
) {
	let (tiles, bits) = (tokens.len().div_ceil(TOKENS), inputs.inputs.bits);
	for index in (0..weights.blocks()).step_by(BLOCKS) {
		let is_pair = weights.kind.group().is_none() && index + 1 < weights.blocks();
		let next = weights.lines_from(index + BLOCKS, BLOCKS);
		let mut parts = next.chunks(next.len().div_ceil(tiles).max(1));
		for tile in inputs.tiles(tokens.clone()) {
			// One token reads weights faster than they can be announced.
			if let Some(part) = parts.next().filter(|_| tile.tokens > 2) {
				for line in part {
					_mm_prefetch::<_MM_HINT_T0>(line.0.as_ptr().cast());
				}
			}
			let mut to = Outputs { rows: weights.rows, row: index * ROWS, token: tile.token, to };
			// SAFETY: as this function's.
			unsafe {
				match (tile.tokens, is_pair) {
					(1, _) => alone::<1>(weights, index, tile, bits, &mut to),
					(2, _) => alone::<2>(weights, index, tile, bits, &mut to),
					(4, false) => alone::<4>(weights, index, tile, bits, &mut to),
					(4, true) => together::<BLOCKS, 4>(weights, index, tile, bits, &mut to),
					(_, false) => alone::<TOKENS>(weights, index, tile, bits, &mut to),
					(_, true) => together::<BLOCKS, TOKENS>(weights, index, tile, bits, &mut to),
				}
			}
		}
	}
}

/// Destination of the outputs of some blocks and one tile.
struct Outputs<'a, 'o> {
	/// Outputs of a token.
	rows: usize,
	/// First row of the blocks.
	row: usize,
	/// First token of the tile.
	token: usize,
	to: &'a mut Destination<'o>,
}

impl Outputs<'_, '_> {
	/// Takes the accumulators of a block and a token.
	#[inline]
	#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
	fn store(&mut self, block: usize, token: usize, accumulators: Wide) {
		let (row, token) = (self.row + block * ROWS, self.token + token);
		let rows = (self.rows - row).min(ROWS);
		let places = token * self.rows + row..token * self.rows + row + rows;
		match self.to {
			Destination::Outputs(rescales, out) => {
				let (out, rescaled) = (&mut out[places], rescaled(accumulators, rescales[token]));
				// SAFETY: masked to the rows that the slice was just seen to hold.
				unsafe { _mm512_mask_storeu_epi32(out.as_mut_ptr(), u16::MAX >> (ROWS - rows), rescaled) };
			}
			Destination::Sums(out) => store_sums(accumulators, &mut out[places]),
		}
	}
}

/// Multiplies one block after the other, so that memory is read in order.
///
/// # Safety
/// As [`multiply`]'s; the tile has `T` tokens.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn alone<const T: usize>(
	weights: PackedView<'_>,
	index: usize,
	tile: Tile<'_>,
	bits: u32,
	to: &mut Outputs<'_, '_>,
) {
	for index in index..weights.blocks().min(index + BLOCKS) {
		to.row = index * ROWS;
		// SAFETY: as this function's.
		unsafe { together::<1, T>(weights, index, tile, bits, to) };
	}
}

/// Multiplies `R` blocks of rows with a tile of `T` tokens.
///
/// # Safety
/// As [`multiply`]'s; the tile has so many tokens, and the matrix so many blocks.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn together<const R: usize, const T: usize>(
	weights: PackedView<'_>,
	index: usize,
	tile: Tile<'_>,
	bits: u32,
	to: &mut Outputs<'_, '_>,
) {
	// SAFETY: as this function's.
	unsafe {
		match bits {
			8 => one_tile::<R, T, 1>(weights, index, tile, to),
			_ => one_tile::<R, T, 2>(weights, index, tile, to),
		}
	}
}

/// Multiplies `R` blocks with a tile of `T` tokens whose entries take `P` bytes.
///
/// # Safety
/// As [`together`]'s; the tile has as many bytes.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn one_tile<const R: usize, const T: usize, const P: usize>(
	weights: PackedView<'_>,
	index: usize,
	tile: Tile<'_>,
	to: &mut Outputs<'_, '_>,
) {
	let blocks: [&[Line]; R] = std::array::from_fn(|r| weights.block(index + r));
	assert!(tile.entries.len() == T * P * weights.columns && tile.tokens == T);
	// SAFETY: as this function's.
	unsafe {
		match weights.kind {
			WeightKind::Ternary => ternary::multiply::<R, T, P>(blocks, tile, to),
			WeightKind::Int8 => int8::multiply::<R, T, P>(blocks, tile, to),
			WeightKind::Int4By32 if R == 1 => int4::multiply::<T, P, 4>(blocks[0], tile, to),
			WeightKind::Int4By64 if R == 1 => int4::multiply::<T, P, 8>(blocks[0], tile, to),
			_ => unreachable!("weights of 4 bits are multiplied by single blocks"),
		}
	}
}

/// Returns four entries of one token, for all lanes.
///
/// # Safety
/// Four bytes at `at`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn four(at: *const u8) -> __m512i {
	// SAFETY: as this function's.
	_mm512_set1_epi32(unsafe { at.cast::<i32>().read_unaligned() })
}

/// Adds the products of four columns to the sums of `R` blocks and `T` tokens: `codes` as they are, and sixteen times as
/// large.
///
/// # Safety
/// `4 T P` bytes at `at`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn add<const R: usize, const T: usize, const P: usize>(
	sums: &mut [[__m512i; R]; T],
	codes: [__m512i; R],
	sixteen: [__m512i; R],
	at: *const u8,
) {
	for (t, sums) in sums.iter_mut().enumerate() {
		// SAFETY: as this function's.
		let (first, last) = unsafe { (four(at.add(4 * P * t)), four(at.add(4 * (P * t + P - 1)))) };
		if P == 2 {
			for (sum, &codes) in sums.iter_mut().zip(&sixteen) {
				*sum = _mm512_dpbusd_epi32(*sum, codes, first);
			}
		}
		for (sum, &codes) in sums.iter_mut().zip(&codes) {
			*sum = _mm512_dpbusd_epi32(*sum, codes, last);
		}
	}
}

/// Keeps what is multiplied after this behind what is multiplied before, for many tokens: the compiler would run through
/// all columns of a few of them before it begins with the next ones, in chains too long for the processor to find what
/// does not depend on them.
#[inline(always)]
fn in_order<const T: usize>() {
	if T >= 4 {
		std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
	}
}
