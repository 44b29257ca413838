//! Weights of 8 bits with a factor for each row.

use super::*;

/// Columns whose sums fit 32 bits for sure: 2^7 * 2^11 * 2^13 = 2^31, and the largest activation is one less than 2^11.
const COLUMNS: usize = 8192;
/// Tokens of a step whose entries have a sum for each half.
const STEP: usize = 4;

/// Multiplies some blocks with a tile.
///
/// # Safety
/// As `one_tile`'s.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub unsafe fn multiply<const R: usize, const T: usize, const P: usize>(
	blocks: [&[Line]; R],
	tile: Tile<'_>,
	to: &mut Outputs<'_, '_>,
) {
	// SAFETY: as this function's.
	unsafe {
		if P * T * R > 16 {
			for token in (0..T).step_by(STEP) {
				some::<R, STEP, T, P, 1>(blocks, tile, token, to);
			}
		} else if T < 4 {
			some::<R, T, T, P, 4>(blocks, tile, 0, to);
		} else {
			some::<R, T, T, P, 1>(blocks, tile, 0, to);
		}
	}
}

/// Multiplies `T` of a tile's `N` tokens, from `token` on; `C` as in [`add_up`].
///
/// # Safety
/// As `one_tile`'s.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn some<const R: usize, const T: usize, const N: usize, const P: usize, const C: usize>(
	blocks: [&[Line]; R],
	tile: Tile<'_>,
	token: usize,
	to: &mut Outputs<'_, '_>,
) {
	// SAFETY: half a line.
	let scales = blocks
		.map(|block| unsafe { _mm512_cvtepu16_epi32(_mm256_load_si256(block.as_ptr().cast::<__m256i>())) });
	// Codes are 128 more than weights.
	let scaled = |r: usize, sum: __m512i, offset: i32| -> Wide {
		let sum = _mm512_sub_epi32(sum, _mm512_set1_epi32(offset.wrapping_mul(128)));
		let odd = _mm512_mul_epi32(_mm512_srli_epi64::<32>(sum), _mm512_srli_epi64::<32>(scales[r]));
		[_mm512_mul_epi32(sum, scales[r]), odd]
	};
	let lines = blocks.map(|block| &block[1..]);
	if lines[0].len() <= COLUMNS / 4 {
		// SAFETY: as this function's.
		let sums = unsafe { add_up::<R, T, N, P, C>(lines, &tile.entries[4 * P * token..]) };
		for (t, sums) in sums.into_iter().enumerate() {
			for (r, sum) in sums.into_iter().enumerate() {
				to.store(r, token + t, scaled(r, sum, tile.totals[token + t]));
			}
		}
		return;
	}
	let mut totals = [[[_mm512_setzero_si512(); 2]; R]; T];
	let parts = tile.entries.chunks(N * P * COLUMNS).zip(tile.sums.chunks(N * COLUMNS / GROUP));
	for (part, (entries, offsets)) in parts.enumerate() {
		let first = part * COLUMNS / 4;
		let lines = lines.map(|lines| &lines[first..lines.len().min(first + COLUMNS / 4)]);
		// SAFETY: as this function's.
		let sums = unsafe { add_up::<R, T, N, P, C>(lines, &entries[4 * P * token..]) };
		for (t, (totals, sums)) in totals.iter_mut().zip(sums).enumerate() {
			let offset = offsets[token + t..].iter().step_by(N).sum();
			for (r, (total, sum)) in totals.iter_mut().zip(sums).enumerate() {
				let [even, odd] = scaled(r, sum, offset);
				*total = [_mm512_add_epi64(total[0], even), _mm512_add_epi64(total[1], odd)];
			}
		}
	}
	for (t, totals) in totals.into_iter().enumerate() {
		for (r, total) in totals.into_iter().enumerate() {
			to.store(r, token + t, total);
		}
	}
}

/// Adds up the products of `T` of a tile's `N` tokens; few of them have `C` sums each, for lines in turn, so that a multiplication
/// need not wait for the one before.
///
/// # Safety
/// As `one_tile`'s; there are entries for every line.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn add_up<const R: usize, const T: usize, const N: usize, const P: usize, const C: usize>(
	lines: [&[Line]; R],
	entries: &[u8],
) -> [[__m512i; R]; T] {
	assert!(entries.len() + 4 * P * (N - T) >= lines[0].len() * 4 * N * P);
	let mut sums = [[[[_mm512_setzero_si512(); R]; P]; T]; C];
	let mut at = entries.as_ptr();
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
	std::array::from_fn(|t| {
		std::array::from_fn(|r| {
			sums.iter().fold(zero, |total, sums| {
				let (high, low) = (sums[t][0][r], sums[t][P - 1][r]);
				let high = if P == 2 { _mm512_slli_epi32::<4>(high) } else { zero };
				_mm512_add_epi32(total, _mm512_add_epi32(high, low))
			})
		})
	})
}
