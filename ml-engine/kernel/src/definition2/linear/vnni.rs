//! Products with AVX-512 VNNI: a 32-bit lane is a row, and four columns are multiplied at once.
//!
//! `vpdpbusd` multiplies unsigned codes by signed activations. Those of more than 8 bits take two steps: `q = 16 high +
//! low` with `high` in [-128, 127] and `low` in [0, 15]. Codes of 4 and 2 bits are multiplied by 16 where they are
//! unpacked, so that both steps add to one sum; those of 8 bits have a sum for each half. Sums wrap around 2^32, which is
//! exact where the final one fits.

use super::*;
use crate::definition2::rescale::avx512::{rescaled, wide, Wide};
use std::{arch::x86_64::*, ops::Range};

/// Columns of int8 whose sums fit 32 bits for sure: 2^7 * 2^11 * 2^13 = 2^31, and the largest activation is one less
/// than 2^11.
const INT8_COLUMNS: usize = 8192;

/// # Safety
/// The processor has AVX-512 F, BW, DQ, VL and VNNI; shapes agree.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub unsafe fn multiply(
	weights: PackedView<'_>,
	inputs: InputsView<'_>,
	tokens: Range<usize>,
	rescales: &[Rescale],
	out: &mut [i32],
) {
	for index in 0..weights.blocks() {
		for tile in inputs.tiles(tokens.clone()) {
			// SAFETY: as this function's.
			unsafe {
				match (tile.tokens, inputs.inputs.bits) {
					(1, 8) => one_tile::<1, 1>(weights, index, tile, rescales, out),
					(1, _) => one_tile::<1, 2>(weights, index, tile, rescales, out),
					(2, 8) => one_tile::<2, 1>(weights, index, tile, rescales, out),
					(2, _) => one_tile::<2, 2>(weights, index, tile, rescales, out),
					(4, 8) => one_tile::<4, 1>(weights, index, tile, rescales, out),
					(4, _) => one_tile::<4, 2>(weights, index, tile, rescales, out),
					(_, 8) => one_tile::<8, 1>(weights, index, tile, rescales, out),
					_ => one_tile::<8, 2>(weights, index, tile, rescales, out),
				}
			}
		}
	}
}

/// Multiplies a block of rows with a tile of `T` tokens whose entries take `P` bytes.
///
/// # Safety
/// As [`multiply`]'s; the tile has so many tokens and bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn one_tile<const T: usize, const P: usize>(
	weights: PackedView<'_>,
	index: usize,
	tile: Tile<'_>,
	rescales: &[Rescale],
	out: &mut [i32],
) {
	let block = weights.block(index);
	debug_assert!(tile.entries.len() == T * P * weights.columns && tile.tokens == T);
	// SAFETY: as this function's.
	let sums = unsafe {
		match weights.kind {
			WeightKind::Ternary => ternary::<T, P>(block, tile),
			WeightKind::Int8 => int8::<T, P>(block, tile),
			WeightKind::Int4By32 => int4::<T, P, 4>(block, tile),
			WeightKind::Int4By64 => int4::<T, P, 8>(block, tile),
		}
	};
	let first = index * ROWS;
	let lanes = u16::MAX >> (ROWS - (weights.rows - first).min(ROWS));
	for (t, sums) in sums.into_iter().enumerate() {
		let outputs = rescaled(sums, rescales[tile.token + t]);
		let at = (tile.token + t) * weights.rows + first;
		assert!(out.len() - at >= lanes.count_ones() as usize);
		// SAFETY: masked to the rows there are, which the slice was just seen to hold.
		unsafe { _mm512_mask_storeu_epi32(out.as_mut_ptr().add(at), lanes, outputs) };
	}
}

/// Returns four entries of one token, for all lanes.
///
/// # Safety
/// Four bytes at `at`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn four(entries: *const u8, at: usize) -> __m512i {
	// SAFETY: as this function's.
	_mm512_set1_epi32(unsafe { entries.add(at).cast::<i32>().read_unaligned() })
}

/// Adds the products of four columns to the sums of `T` tokens: `codes` as they are, and sixteen times as large.
///
/// # Safety
/// `4 T P` bytes at `at`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn add<const T: usize, const P: usize>(
	sums: &mut [__m512i; T],
	codes: __m512i,
	sixteen: __m512i,
	at: *const u8,
) {
	for (t, sum) in sums.iter_mut().enumerate() {
		// SAFETY: as this function's.
		unsafe {
			if P == 2 {
				*sum = _mm512_dpbusd_epi32(*sum, sixteen, four(at, 8 * t));
				*sum = _mm512_dpbusd_epi32(*sum, codes, four(at, 8 * t + 4));
			} else {
				*sum = _mm512_dpbusd_epi32(*sum, codes, four(at, 4 * t));
			}
		}
	}
}

/// # Safety
/// As [`one_tile`]'s; `L` lines of codes a group.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn int4<const T: usize, const P: usize, const L: usize>(block: &[Line], tile: Tile<'_>) -> [Wide; T] {
	let (low, high) = (_mm512_set1_epi8(0x0f), _mm512_set1_epi8(-16));
	let mut totals = [[_mm512_setzero_si512(); 2]; T];
	let mut entries = tile.entries.as_ptr();
	let mut offsets = tile.sums.as_ptr();
	for lines in block.chunks_exact(1 + L) {
		let mut sums = [_mm512_setzero_si512(); T];
		for line in &lines[1..] {
			// SAFETY: a line, and the entries of its eight columns.
			unsafe {
				let codes = _mm512_load_si512(line.0.as_ptr().cast());
				let sixteen = _mm512_and_si512(_mm512_slli_epi16::<4>(codes), high);
				add::<T, P>(&mut sums, _mm512_and_si512(codes, low), sixteen, entries);
				let sixteen = _mm512_and_si512(codes, high);
				let codes = _mm512_and_si512(_mm512_srli_epi16::<4>(codes), low);
				add::<T, P>(&mut sums, codes, sixteen, entries.add(4 * T * P));
				entries = entries.add(8 * T * P);
			}
		}
		// SAFETY: two halves of a line.
		let (d, m) = unsafe { (scales(lines[0].0.as_ptr()), scales(lines[0].0.as_ptr().add(32))) };
		let (odd_d, odd_m) = (_mm512_srli_epi64::<32>(d), _mm512_srli_epi64::<32>(m));
		for (t, (total, sum)) in totals.iter_mut().zip(sums).enumerate() {
			// SAFETY: as many sums as groups of 32 columns, for each token.
			let offset = unsafe {
				let offset = *offsets.add(t);
				_mm512_set1_epi32(if L == 8 { offset + *offsets.add(T + t) } else { offset })
			};
			let odd = _mm512_srli_epi64::<32>(sum);
			let even = _mm512_add_epi64(_mm512_mul_epi32(d, sum), _mm512_mul_epi32(m, offset));
			let odd = _mm512_add_epi64(_mm512_mul_epi32(odd_d, odd), _mm512_mul_epi32(odd_m, offset));
			*total = [_mm512_add_epi64(total[0], even), _mm512_add_epi64(total[1], odd)];
		}
		offsets = offsets.wrapping_add(T * L / 4);
	}
	totals
}

/// Converts sixteen halves to multiples of 2^-24. They have 11 bits and are below 2^28, so every step is exact.
///
/// # Safety
/// 32 bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn scales(at: *const u8) -> __m512i {
	// SAFETY: as this function's.
	let halves = _mm512_cvtph_ps(unsafe { _mm256_load_si256(at.cast()) });
	_mm512_cvttps_epi32(_mm512_mul_ps(halves, _mm512_set1_ps(16_777_216.0)))
}

/// # Safety
/// As [`one_tile`]'s.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn int8<const T: usize, const P: usize>(block: &[Line], tile: Tile<'_>) -> [Wide; T] {
	let mut totals = [[_mm512_setzero_si512(); 2]; T];
	let bytes = T * P * INT8_COLUMNS;
	let parts = tile.entries.chunks(bytes).zip(tile.sums.chunks(T * INT8_COLUMNS / GROUP));
	// SAFETY: half a line.
	let scales = _mm512_cvtepu16_epi32(unsafe { _mm256_load_si256(block.as_ptr().cast()) });
	let odd_scales = _mm512_srli_epi64::<32>(scales);
	for (lines, (entries, offsets)) in block[1..].chunks(INT8_COLUMNS / 4).zip(parts) {
		let mut halves = [[_mm512_setzero_si512(); P]; T];
		for (line, entries) in lines.iter().zip(entries.chunks_exact(4 * T * P)) {
			// SAFETY: a line, and the entries of its four columns.
			unsafe {
				let codes = _mm512_load_si512(line.0.as_ptr().cast());
				for (t, halves) in halves.iter_mut().enumerate() {
					for (p, sum) in halves.iter_mut().enumerate() {
						*sum = _mm512_dpbusd_epi32(*sum, codes, four(entries.as_ptr(), 4 * (t * P + p)));
					}
				}
			}
		}
		for (t, (total, halves)) in totals.iter_mut().zip(halves).enumerate() {
			// Codes are 128 more than weights.
			let offset: i32 = offsets[t..].iter().step_by(T).sum();
			let sum = match P {
				2 => _mm512_add_epi32(_mm512_slli_epi32::<4>(halves[0]), halves[P - 1]),
				_ => halves[0],
			};
			let sum = _mm512_sub_epi32(sum, _mm512_set1_epi32(offset.wrapping_mul(128)));
			let even = _mm512_mul_epi32(sum, scales);
			let odd = _mm512_mul_epi32(_mm512_srli_epi64::<32>(sum), odd_scales);
			*total = [_mm512_add_epi64(total[0], even), _mm512_add_epi64(total[1], odd)];
		}
	}
	totals
}

/// Sums of 65,536 columns stay below 2 * 2^11 * 2^16 = 2^28.
///
/// # Safety
/// As [`one_tile`]'s.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn ternary<const T: usize, const P: usize>(block: &[Line], tile: Tile<'_>) -> [Wide; T] {
	let (ones, sixteens) = (_mm512_set1_epi8(3), _mm512_set1_epi8(48));
	let mut sums = [_mm512_setzero_si512(); T];
	for (line, entries) in block.iter().zip(tile.entries.chunks_exact(16 * T * P)) {
		let at = entries.as_ptr();
		// SAFETY: a line, and the entries of its sixteen columns.
		unsafe {
			let codes = _mm512_load_si512(line.0.as_ptr().cast());
			let sixteen = _mm512_and_si512(_mm512_slli_epi16::<4>(codes), sixteens);
			add::<T, P>(&mut sums, _mm512_and_si512(codes, ones), sixteen, at);
			let sixteen = _mm512_and_si512(_mm512_slli_epi16::<2>(codes), sixteens);
			let one = _mm512_and_si512(_mm512_srli_epi16::<2>(codes), ones);
			add::<T, P>(&mut sums, one, sixteen, at.add(4 * T * P));
			let one = _mm512_and_si512(_mm512_srli_epi16::<4>(codes), ones);
			add::<T, P>(&mut sums, one, _mm512_and_si512(codes, sixteens), at.add(8 * T * P));
			let sixteen = _mm512_and_si512(_mm512_srli_epi16::<2>(codes), sixteens);
			let one = _mm512_and_si512(_mm512_srli_epi16::<6>(codes), ones);
			add::<T, P>(&mut sums, one, sixteen, at.add(12 * T * P));
		}
	}
	let mut totals = [[_mm512_setzero_si512(); 2]; T];
	for (t, (total, sum)) in totals.iter_mut().zip(sums).enumerate() {
		// Codes are one more than weights.
		let offset: i32 = tile.sums[t..].iter().step_by(T).sum();
		*total = wide(_mm512_sub_epi32(sum, _mm512_set1_epi32(offset)));
	}
	totals
}
