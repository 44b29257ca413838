//! Second matrices with AVX2: eight rows a vector, two ranks at once.

use super::*;
use std::arch::x86_64::*;

/// # Safety
/// The processor has AVX2.
#[target_feature(enable = "avx2")]
pub unsafe fn run(group: &Group<'_>, limbs: &Limbs, out: &mut [i32]) {
	for index in 0..group.adapter.rows.div_ceil(ROWS) {
		for (t, out) in out.chunks_exact_mut(group.adapter.rows).enumerate() {
			let mut shares = [0_i64; ROWS];
			for limb in 0..limbs.count {
				let sums = products(group.adapter.block(index), &limbs.pairs[t][limb]);
				for (share, sum) in shares.iter_mut().zip(sums) {
					*share += i64::from(sum) << (LIMB_BITS as usize * limb);
				}
			}
			group.store(t, index, &shares, &mut out[index * ROWS..]);
		}
	}
}

/// Multiplies a block with one limb of a token.
#[inline]
#[target_feature(enable = "avx2")]
fn products(block: &[i8], pairs: &[i32; RANK_MAX / 2]) -> [i32; ROWS] {
	let mut sums = [_mm256_setzero_si256(); 2];
	for (codes, &pair) in block.as_chunks::<PAIR>().0.iter().zip(pairs) {
		let pair = _mm256_set1_epi32(pair);
		for (half, sum) in sums.iter_mut().enumerate() {
			// SAFETY: sixteen of 32 bytes.
			let codes = unsafe { _mm_loadu_si128(codes.as_ptr().add(ROWS * half).cast()) };
			*sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(_mm256_cvtepi8_epi16(codes), pair));
		}
	}
	let mut out = [0; ROWS];
	for (sum, out) in sums.into_iter().zip(out.as_chunks_mut::<8>().0) {
		// SAFETY: eight numbers.
		unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), sum) };
	}
	out
}
