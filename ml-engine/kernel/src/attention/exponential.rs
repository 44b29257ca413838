//! The exponential of the definition on sixteen lanes, without looking anything up in memory.
//!
//! 2^-(i/256) is a product of two doubles, 2^-(a/16) and 2^-(b/256) for i = 16a + b, each out of two registers. Rounded
//! to Q30 it is the committed table's entry, which a test checks for all 257 of them.

use std::arch::x86_64::*;

/// Bits of the doubles 2^(30 - i/16).
const COARSE: [u64; 16] = [
	0x41d0_0000_0000_0000,
	0x41ce_a4af_a2a4_90da,
	0x41cd_5818_dcfb_a487,
	0x41cc_199b_dd85_529c,
	0x41ca_e89f_995a_d3ad,
	0x41c9_c491_82a3_f090,
	0x41c8_ace5_422a_a0db,
	0x41c7_a114_73eb_0187,
	0x41c6_a09e_667f_3bcd,
	0x41c5_ab07_dd48_5429,
	0x41c4_bfda_d536_2a27,
	0x41c3_dea6_4c12_3422,
	0x41c3_06fe_0a31_b715,
	0x41c2_387a_6e75_6238,
	0x41c1_72b8_3c7d_517b,
	0x41c0_b558_6cf9_890f,
];
/// Bits of the doubles 2^-(i/256).
const FINE: [u64; 16] = [
	0x3ff0_0000_0000_0000,
	0x3fef_e9d9_6b2a_23d9,
	0x3fef_d3c2_2b8f_71f1,
	0x3fef_bdba_3692_d514,
	0x3fef_a7c1_819e_90d8,
	0x3fef_91d8_0224_3c89,
	0x3fef_7bfd_ad9c_be14,
	0x3fef_6632_7988_44f8,
	0x3fef_5076_5b6e_4540,
	0x3fef_3ac9_48dd_7274,
	0x3fef_252b_376b_ba97,
	0x3fef_0f9c_1cb6_412a,
	0x3fee_fa1b_ee61_5a27,
	0x3fee_e4aa_a218_8510,
	0x3fee_cf48_2d8e_67f1,
	0x3fee_b9f4_867c_ca6e,
];
/// Bits of the double 2^-(1/256).
const STEP: u64 = 0x3fef_e9d9_6b2a_23d9;

/// The tables in registers.
#[derive(Clone, Copy)]
pub struct Exponential {
	coarse: [__m512d; 2],
	fine: [__m512d; 2],
	step: __m512d,
}

impl Exponential {
	/// Loads the tables.
	#[inline]
	#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
	pub fn new() -> Self {
		let halves = |table: &[u64; 16]| {
			// SAFETY: sixteen numbers are two vectors.
			[0, 8].map(|at| unsafe { _mm512_loadu_pd(table.as_ptr().add(at).cast()) })
		};
		Self { coarse: halves(&COARSE), fine: halves(&FINE), step: _mm512_set1_pd(f64::from_bits(STEP)) }
	}

	/// Returns the entries `(t >> 8) & 255` of the table and those behind them.
	#[inline]
	#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
	fn entries(&self, t: __m512i) -> (__m512i, __m512i) {
		let half = |t: __m256i| {
			let t = _mm512_cvtepu32_epi64(t);
			// A lane looks at the lowest four bits of its index.
			let coarse = _mm512_permutex2var_pd(self.coarse[0], _mm512_srli_epi64::<12>(t), self.coarse[1]);
			let fine = _mm512_permutex2var_pd(self.fine[0], _mm512_srli_epi64::<8>(t), self.fine[1]);
			let power = _mm512_mul_pd(coarse, fine);
			(_mm512_cvtpd_epu32(power), _mm512_cvtpd_epu32(_mm512_mul_pd(power, self.step)))
		};
		let (high, next_high) = half(_mm512_castsi512_si256(t));
		let (low, next_low) = half(_mm512_extracti64x4_epi64::<1>(t));
		let join = |a, b| _mm512_inserti64x4::<1>(_mm512_castsi256_si512(a), b);
		(join(high, low), join(next_high, next_low))
	}

	/// Computes `blyan_exact::exponential::exp2_neg` of every lane.
	#[inline]
	#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
	pub fn negative_power(&self, t: __m512i) -> __m512i {
		let (high, low) = self.entries(t);
		let fraction = _mm512_and_si512(t, _mm512_set1_epi32(0xff));
		let fall = _mm512_mullo_epi32(_mm512_sub_epi32(high, low), fraction);
		let fall = _mm512_srli_epi32::<8>(_mm512_add_epi32(fall, _mm512_set1_epi32(128)));
		let value = _mm512_sub_epi32(high, fall);
		// Past 2^-31 the sum below is at most 2^31, and its lowest bit would be the answer.
		let whole = _mm512_srli_epi32::<16>(t);
		let seen = _mm512_cmplt_epu32_mask(whole, _mm512_set1_epi32(31));
		let half = _mm512_srli_epi32::<1>(_mm512_sllv_epi32(_mm512_set1_epi32(1), whole));
		_mm512_maskz_srlv_epi32(seen, _mm512_add_epi32(value, half), whole)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_exact::exponential::{exp2_neg, EXP2_Q30};

	#[test]
	fn products_of_doubles_round_to_the_committed_table() {
		for i in 0..256 {
			let power = f64::from_bits(COARSE[i / 16]) * f64::from_bits(FINE[i % 16]);
			assert_eq!(power.round_ties_even() as u32, EXP2_Q30[i]);
			assert_eq!((power * f64::from_bits(STEP)).round_ties_even() as u32, EXP2_Q30[i + 1]);
		}
	}

	#[test]
	fn every_power_that_is_not_zero_equals_the_definition() {
		if crate::Kernel::avx512_vnni().is_none() {
			return;
		}
		#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
		fn powers(t: [u32; 16]) -> [u32; 16] {
			let mut out = [0_u32; 16];
			// SAFETY: both are sixteen numbers.
			unsafe {
				let t = _mm512_loadu_si512(t.as_ptr().cast());
				_mm512_storeu_si512(out.as_mut_ptr().cast(), Exponential::new().negative_power(t));
			}
			out
		}
		for first in (0..33_u32 << 16).step_by(16).chain([1 << 31, u32::MAX - 15]) {
			let t = std::array::from_fn(|i| first + i as u32);
			// SAFETY: the instructions were detected above.
			assert_eq!(unsafe { powers(t) }, t.map(exp2_neg), "{first}");
		}
	}
}
