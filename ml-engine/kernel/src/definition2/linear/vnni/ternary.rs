//! Weights of 2 bits. Sums of 65,536 columns stay below 2 * 2^11 * 2^16 = 2^28.

use super::*;
use crate::definition2::rescale::avx512::wide;

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
	let (ones, sixteens) = (_mm512_set1_epi8(3), _mm512_set1_epi8(48));
	let one = |codes: __m512i| _mm512_and_si512(codes, ones);
	let sixteen = |codes: __m512i| _mm512_and_si512(codes, sixteens);
	// Few tokens have a sum for each of a byte's codes, so that a multiplication need not wait for the one before.
	let mut sums = [[[_mm512_setzero_si512(); R]; T]; 4];
	let chain = |j: usize| if T < 4 { j } else { 0 };
	for (i, entries) in tile.entries.chunks_exact(16 * T * P).enumerate() {
		let at = entries.as_ptr();
		// SAFETY: a line of each block, and the entries of its sixteen columns.
		unsafe {
			let codes = blocks.map(|block| _mm512_load_si512(block[i].0.as_ptr().cast()));
			let large = codes.map(|codes| sixteen(_mm512_slli_epi16::<4>(codes)));
			add::<R, T, P>(&mut sums[0], codes.map(one), large, at);
			in_order::<T>();
			let large = codes.map(|codes| sixteen(_mm512_slli_epi16::<2>(codes)));
			let small = codes.map(|codes| one(_mm512_srli_epi16::<2>(codes)));
			add::<R, T, P>(&mut sums[chain(1)], small, large, at.add(4 * T * P));
			in_order::<T>();
			let small = codes.map(|codes| one(_mm512_srli_epi16::<4>(codes)));
			add::<R, T, P>(&mut sums[chain(2)], small, codes.map(sixteen), at.add(8 * T * P));
			in_order::<T>();
			let large = codes.map(|codes| sixteen(_mm512_srli_epi16::<2>(codes)));
			let small = codes.map(|codes| one(_mm512_srli_epi16::<6>(codes)));
			add::<R, T, P>(&mut sums[chain(3)], small, large, at.add(12 * T * P));
			in_order::<T>();
		}
	}
	// A copy, so that the compiler need not keep the sums themselves in memory.
	let totals: [[__m512i; R]; T] = std::array::from_fn(|t| {
		std::array::from_fn(|r| {
			let [a, b, c, d] = std::array::from_fn(|j| sums[j][t][r]);
			_mm512_add_epi32(_mm512_add_epi32(a, b), _mm512_add_epi32(c, d))
		})
	});
	for (t, totals) in totals.into_iter().enumerate() {
		for (r, total) in totals.into_iter().enumerate() {
			// Codes are one more than weights.
			to.store(r, t, wide(_mm512_sub_epi32(total, _mm512_set1_epi32(tile.totals[t]))));
		}
	}
}
