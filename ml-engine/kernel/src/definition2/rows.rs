//! Row-wise steps of the residual stream and of the vocabulary.

use super::Kernel;
use crate::math::exp2_neg;
use blyan_exact::{
	definition2::{loss::CHUNK, RESIDUAL_MAX},
	exponential::log2_q16,
};

crate::versions! {
	/// Adds an update to the residual stream.
	pub fn add(residual: &mut [i32], update: &[i32]) {
		for (h, &u) in residual.iter_mut().zip(update) {
			*h = (*h + u).clamp(-RESIDUAL_MAX, RESIDUAL_MAX);
		}
	}
}

/// Adds the gated outputs of a token's experts, and that of a shared network, to its residual row.
///
/// # Shapes
/// `outputs: [gates]`, each as long as the row.
pub fn mix(kernel: Kernel, residual: &mut [i32], gates: &[u32], outputs: &[&[i32]], shared: Option<&[i32]>) {
	let mut sums = vec![0; residual.len()];
	for (&gate, output) in gates.iter().zip(outputs) {
		add_gated(kernel, &mut sums, output, i64::from(gate));
	}
	if let Some(shared) = shared {
		add_gated(kernel, &mut sums, shared, 1 << 15);
	}
	add_mixed(kernel, residual, &sums);
}

crate::versions! {
	/// Computes `sums += gate * output`: below 2^45.
	pub fn add_gated(sums: &mut [i64], output: &[i32], gate: i64) {
		for (sum, &y) in sums.iter_mut().zip(output) {
			*sum += gate * i64::from(y);
		}
	}
}

crate::versions! {
	/// Adds sums in Q15 to the residual stream.
	pub fn add_mixed(residual: &mut [i32], sums: &[i64]) {
		let bound = i64::from(RESIDUAL_MAX);
		for (h, &sum) in residual.iter_mut().zip(sums) {
			*h = (i64::from(*h) + crate::math::shift_round(sum, 15)).clamp(-bound, bound) as i32;
		}
	}
}

/// Returns the logit that is largest.
fn peak(kernel: Kernel, logits: &[i32]) -> i32 {
	logits.get(crate::rowwise::largest(kernel, logits)).copied().unwrap_or(0)
}

/// Computes `loss` of the definition: `-log2 p(target)` in bits, Q16.
pub fn loss(kernel: Kernel, logits: &[i32], target: u32) -> u64 {
	let largest = peak(kernel, logits);
	let normaliser = log2_q16(sum_of(kernel, logits, largest).max(1 << 30)) - (30 << 16);
	normaliser + u64::from(largest.abs_diff(logits[target as usize]))
}

/// Appends the largest logit of each [`CHUNK`] of a row: `peaks` of the definition.
pub fn peaks(kernel: Kernel, logits: &[i32], out: &mut Vec<i32>) {
	out.extend(logits.chunks(CHUNK).map(|chunk| peak(kernel, chunk)));
}

/// Appends the sum of `2^-(largest - z)` over each [`CHUNK`] of a row, Q30: `sum` of the definition.
pub fn sums(kernel: Kernel, logits: &[i32], largest: i32, out: &mut Vec<u64>) {
	out.extend(logits.chunks(CHUNK).map(|chunk| sum_of(kernel, chunk, largest)));
}

/// Returns the sum of `2^-(largest - z)`, Q30.
fn sum_of(kernel: Kernel, logits: &[i32], largest: i32) -> u64 {
	match kernel.0 {
		// SAFETY: a kernel of this kind exists only where its instructions were detected.
		#[cfg(target_arch = "x86_64")]
		crate::Path::Avx512Vnni => unsafe { avx512::sum(logits, largest) },
		_ => sum(kernel, logits, largest),
	}
}

crate::versions! {
	/// Returns the sum of `2^-(largest - z)`, Q30.
	pub fn sum(logits: &[i32], largest: i32) -> u64 {
		let mut sum = 0;
		for &z in logits {
			sum += u64::from(exp2_neg(largest.wrapping_sub(z) as u32));
		}
		sum
	}
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
	use crate::attention::exponential::Exponential;
	use std::arch::x86_64::*;

	/// Computes [`super::sum`] sixteen logits at a time.
	///
	/// # Safety
	/// AVX-512 F, BW, DQ, VL and VNNI.
	#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
	pub unsafe fn sum(logits: &[i32], largest: i32) -> u64 {
		let exponential = Exponential::new();
		let largest = _mm512_set1_epi32(largest);
		let mut total = _mm512_setzero_si512();
		for logits in logits.chunks(16) {
			let lanes = u16::MAX >> (16 - logits.len());
			// SAFETY: masked to the logits there are.
			let z = unsafe { _mm512_maskz_loadu_epi32(lanes, logits.as_ptr()) };
			let power = exponential.negative_power(_mm512_sub_epi32(largest, z));
			let power = _mm512_maskz_mov_epi32(lanes, power);
			// Two powers are below 2^32 together.
			let odd = _mm512_srli_epi64::<32>(power);
			let even = _mm512_and_si512(power, _mm512_set1_epi64(0xffff_ffff));
			total = _mm512_add_epi64(total, _mm512_add_epi64(even, odd));
		}
		_mm512_reduce_add_epi64(total) as u64
	}
}
