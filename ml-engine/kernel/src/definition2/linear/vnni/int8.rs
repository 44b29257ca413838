//! Weights of 8 bits with a factor for each row.

use super::*;

/// Columns whose sums fit 32 bits for sure: 2^7 * 2^11 * 2^13 = 2^31, and the largest activation is one less than 2^11.
const COLUMNS: usize = 8192;
/// Tokens of a step whose entries have a sum for each half.
const STEP: usize = 4;

/// Adds up the products of whole rows.
///
/// # Safety
/// As `one_tile`'s.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub unsafe fn add_up<const R: usize, const T: usize, const P: usize>(
	blocks: [&[Line]; R],
	tile: Tile<'_>,
	totals: &mut Totals<R, T>,
) {
	// SAFETY: half a line.
	let scales = blocks
		.map(|block| unsafe { _mm512_cvtepu16_epi32(_mm256_load_si256(block.as_ptr().cast::<__m256i>())) });
	let parts = tile.entries.chunks(T * P * COLUMNS).zip(tile.sums.chunks(T * COLUMNS / GROUP));
	for (part, (entries, offsets)) in parts.enumerate() {
		let first = 1 + part * COLUMNS / 4;
		let lines = blocks.map(|block| &block[first..block.len().min(first + COLUMNS / 4)]);
		let is_whole = lines[0].len() + 1 == blocks[0].len();
		let mut sums = [[_mm512_setzero_si512(); T]; R];
		assert!(entries.len() == lines[0].len() * 4 * T * P);
		// SAFETY: as this function's; there are entries for every line.
		unsafe {
			if P * T * R > 16 {
				for token in (0..T).step_by(STEP) {
					let some = multiply::<R, STEP, T, P, 1>(lines, entries.as_ptr().add(4 * P * token));
					for (sums, some) in sums.iter_mut().zip(some) {
						sums[token..token + STEP].copy_from_slice(&some);
					}
				}
			} else if T < 4 {
				sums = multiply::<R, T, T, P, 4>(lines, entries.as_ptr());
			} else {
				sums = multiply::<R, T, T, P, 1>(lines, entries.as_ptr());
			}
		}
		for ((sums, &scales), totals) in sums.iter().zip(&scales).zip(&mut *totals) {
			let odd_scales = _mm512_srli_epi64::<32>(scales);
			for (t, (&sum, total)) in sums.iter().zip(totals).enumerate() {
				// Codes are 128 more than weights.
				let offset = if is_whole { tile.totals[t] } else { offsets[t..].iter().step_by(T).sum() };
				let sum = _mm512_sub_epi32(sum, _mm512_set1_epi32(offset.wrapping_mul(128)));
				let even = _mm512_mul_epi32(sum, scales);
				let odd = _mm512_mul_epi32(_mm512_srli_epi64::<32>(sum), odd_scales);
				*total = [_mm512_add_epi64(total[0], even), _mm512_add_epi64(total[1], odd)];
			}
		}
	}
}

/// Multiplies `T` of a tile's `N` tokens; few of them have `C` sums each, for lines in turn, so that a multiplication
/// need not wait for the one before.
///
/// # Safety
/// As `one_tile`'s; there are entries for every line.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn multiply<const R: usize, const T: usize, const N: usize, const P: usize, const C: usize>(
	lines: [&[Line]; R],
	entries: *const u8,
) -> [[__m512i; T]; R] {
	let mut sums = [[[[_mm512_setzero_si512(); R]; P]; T]; C];
	let mut at = entries;
	let whole = lines[0].len() - lines[0].len() % C;
	let step = |sums: &mut [[[__m512i; R]; P]; T], i: usize, at: *const u8| {
		// SAFETY: a line of each block, and the entries of its four columns.
		unsafe {
			let codes = lines.map(|lines| _mm512_load_si512(lines[i].0.as_ptr().cast()));
			for (t, sums) in sums.iter_mut().enumerate() {
				for (p, sums) in sums.iter_mut().enumerate() {
					let entries = four(at.add(4 * (t * P + p)));
					for (sum, &codes) in sums.iter_mut().zip(&codes) {
						*sum = _mm512_dpbusd_epi32(*sum, codes, entries);
					}
				}
			}
		}
		in_order::<T>();
	};
	for i in (0..whole).step_by(C) {
		for (chain, sums) in sums.iter_mut().enumerate() {
			step(sums, i + chain, at);
			at = at.wrapping_add(4 * N * P);
		}
	}
	for i in whole..lines[0].len() {
		step(&mut sums[0], i, at);
		at = at.wrapping_add(4 * N * P);
	}
	let zero = _mm512_setzero_si512();
	std::array::from_fn(|r| {
		std::array::from_fn(|t| {
			sums.iter().fold(zero, |total, sums| {
				let (high, low) = (sums[t][0][r], sums[t][P - 1][r]);
				let high = if P == 2 { _mm512_slli_epi32::<4>(high) } else { zero };
				_mm512_add_epi32(total, _mm512_add_epi32(high, low))
			})
		})
	})
}
