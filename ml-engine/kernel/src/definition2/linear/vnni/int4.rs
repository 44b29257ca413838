//! Weights of 4 bits in groups of `8 L` columns.

use super::*;

/// Multiplies a block with a tile.
///
/// # Safety
/// As `one_tile`'s.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub unsafe fn multiply<const T: usize, const P: usize, const L: usize>(
	block: &[Line],
	tile: Tile<'_>,
	to: &mut Outputs<'_, '_>,
) {
	let (low, high) = (_mm512_set1_epi8(0x0f), _mm512_set1_epi8(-16));
	let mut entries = tile.entries.as_ptr();
	let mut offsets = tile.sums.as_ptr();
	let mut accumulators = [[_mm512_setzero_si512(); 2]; T];
	for lines in block.chunks_exact(1 + L) {
		let mut sums = [[_mm512_setzero_si512()]; T];
		for line in &lines[1..] {
			// SAFETY: a line, and the entries of its eight columns.
			unsafe {
				let codes = _mm512_load_si512(line.0.as_ptr().cast());
				let sixteen = _mm512_and_si512(_mm512_slli_epi16::<4>(codes), high);
				add::<1, T, P>(&mut sums, [_mm512_and_si512(codes, low)], [sixteen], entries);
				let sixteen = _mm512_and_si512(codes, high);
				let one = _mm512_and_si512(_mm512_srli_epi16::<4>(codes), low);
				add::<1, T, P>(&mut sums, [one], [sixteen], entries.add(4 * T * P));
				entries = entries.add(8 * T * P);
			}
		}
		// SAFETY: the group's line of scales, and as many sums as groups of 32 columns for each token.
		unsafe { scale::<T, L>(&lines[0], &sums, offsets, &mut accumulators) };
		offsets = offsets.wrapping_add(T * L / 4);
	}
	// A copy, so that the compiler need not keep the accumulators themselves in memory.
	let totals: [Wide; T] = std::array::from_fn(|t| accumulators[t]);
	for (t, totals) in totals.into_iter().enumerate() {
		to.store(0, t, totals);
	}
}

/// Adds a group's sums, times d, and its activations' sums, times m, to the accumulators.
///
/// # Safety
/// `T L / 4` offsets.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn scale<const T: usize, const L: usize>(
	line: &Line,
	sums: &[[__m512i; 1]; T],
	offsets: *const i32,
	totals: &mut [Wide; T],
) {
	// SAFETY: two halves of a line.
	let (d, m) = unsafe { (integers(line.0.as_ptr()), integers(line.0.as_ptr().add(32))) };
	let (odd_d, odd_m) = (_mm512_srli_epi64::<32>(d), _mm512_srli_epi64::<32>(m));
	for (t, (total, &[sum])) in totals.iter_mut().zip(sums).enumerate() {
		// SAFETY: as this function's.
		let offset = unsafe {
			let offset = *offsets.add(t);
			_mm512_set1_epi32(if L == 8 { offset + *offsets.add(T + t) } else { offset })
		};
		let odd = _mm512_srli_epi64::<32>(sum);
		let even = _mm512_add_epi64(_mm512_mul_epi32(d, sum), _mm512_mul_epi32(m, offset));
		let odd = _mm512_add_epi64(_mm512_mul_epi32(odd_d, odd), _mm512_mul_epi32(odd_m, offset));
		*total = [_mm512_add_epi64(total[0], even), _mm512_add_epi64(total[1], odd)];
	}
}

/// Converts sixteen halves to multiples of 2^-24. They have 11 bits and are below 2^28, so every step is exact.
///
/// # Safety
/// 32 bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
unsafe fn integers(at: *const u8) -> __m512i {
	// SAFETY: as this function's.
	let halves = _mm512_cvtph_ps(unsafe { _mm256_load_si256(at.cast()) });
	_mm512_cvttps_epi32(_mm512_mul_ps(halves, _mm512_set1_ps(16_777_216.0)))
}
