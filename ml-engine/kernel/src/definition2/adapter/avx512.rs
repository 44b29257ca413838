//! Second matrices with AVX-512 VNNI: sixteen rows a vector, two ranks at once, all tokens of a group with each load.

use super::*;
use crate::definition2::rescale::avx512::Lanes;
use std::arch::x86_64::*;

/// # Safety
/// The processor has AVX-512 F, BW, DQ, VL and VNNI.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub unsafe fn run(group: &Group<'_>, limbs: &Limbs, out: &mut [i32]) {
	match (group.tokens, limbs.count) {
		(1, 2) => rows::<1, 2>(group, limbs, out),
		(1, _) => rows::<1, LIMBS_MAX>(group, limbs, out),
		// What is computed for tokens past the last one is not stored.
		(_, 2) => rows::<TOKENS, 2>(group, limbs, out),
		(_, _) => rows::<TOKENS, LIMBS_MAX>(group, limbs, out),
	}
}

/// Computes all rows of `T` tokens with `L` limbs each.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn rows<const T: usize, const L: usize>(group: &Group<'_>, limbs: &Limbs, out: &mut [i32]) {
	let rows = group.adapter.rows;
	for index in 0..rows.div_ceil(ROWS) {
		let sums = products::<T, L>(group.adapter.block(index), limbs);
		for (t, (out, sums)) in out.chunks_exact_mut(rows).zip(sums).enumerate() {
			let end = rows.min((index + 1) * ROWS);
			let (base, out) = (&group.bases[t][index * ROWS..end], &mut out[index * ROWS..end]);
			store(group, &Lanes::new(group.rescales[t]), base, sums, out);
		}
	}
}

/// Multiplies a block with all limbs of some tokens.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn products<const T: usize, const L: usize>(block: &[i8], limbs: &Limbs) -> [[__m512i; L]; T] {
	let mut sums = [[_mm512_setzero_si512(); L]; T];
	for (pair, codes) in block.as_chunks::<PAIR>().0.iter().enumerate().take(RANK_MAX / 2) {
		// SAFETY: 32 bytes.
		let codes = _mm512_cvtepi8_epi16(unsafe { _mm256_loadu_si256(codes.as_ptr().cast()) });
		for (t, sums) in sums.iter_mut().enumerate() {
			for (limb, sum) in sums.iter_mut().enumerate() {
				*sum = _mm512_dpwssd_epi32(*sum, codes, _mm512_set1_epi32(limbs.pairs[t][limb][pair]));
			}
		}
	}
	sums
}

/// Adds the shares of up to sixteen rows to the base's accumulators, and stores the outputs.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn store<const L: usize>(
	group: &Group<'_>,
	lanes: &Lanes,
	base: &[i64],
	sums: [__m512i; L],
	out: &mut [i32],
) {
	let rows = base.len().min(out.len()).min(ROWS);
	let mask = u16::MAX >> (ROWS - rows);
	let count = |bits: u32| _mm_cvtsi32_si128(bits as i32);
	for half in 0..2 {
		let mut shares = _mm512_setzero_si512();
		for sums in sums.iter().rev() {
			let eight =
				if half == 0 { _mm512_castsi512_si256(*sums) } else { _mm512_extracti64x4_epi64::<1>(*sums) };
			shares = _mm512_add_epi64(_mm512_slli_epi64::<LIMB_BITS>(shares), _mm512_cvtepi32_epi64(eight));
		}
		let mask = (mask >> (8 * half)) as u8;
		// SAFETY: masked to the rows there are.
		unsafe {
			let base = _mm512_maskz_loadu_epi64(mask, base.as_ptr().wrapping_add(8 * half));
			let base = _mm512_sll_epi64(base, count(group.refinement));
			let sums = _mm512_add_epi64(base, _mm512_sll_epi64(shares, count(group.adapter.shift)));
			let outputs = _mm512_cvtepi64_epi32(lanes.apply::<true>(sums));
			_mm256_mask_storeu_epi32(out.as_mut_ptr().wrapping_add(8 * half), mask, outputs);
		}
	}
}
