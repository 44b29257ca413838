//! The gated hidden layer of a feed-forward network.

use super::{
	inputs::Inputs,
	quantise::{bits, largest_entry},
	Kernel,
};
use crate::math::exp2_neg;
use blyan_exact::{
	attention::LOG2_E_Q30,
	definition2::{model::Gain, Activation},
};

impl Inputs {
	/// Computes `hidden` of the definition: the activation function of the gate times the up, quantised; with a gain
	/// normalised before.
	///
	/// # Shapes
	/// `gate, up: [tokens, width]`.
	pub fn set_hidden(
		&mut self,
		kernel: Kernel,
		activation: Activation,
		gate: &[i32],
		up: &[i32],
		width: usize,
		norm: Option<(Gain<'_>, u64)>,
		bits_of_entry: u32,
	) {
		self.reshape(kernel, gate.len() / width, width, bits_of_entry);
		let mut entries = std::mem::take(&mut self.entries);
		entries.resize(width, 0);
		let mut narrow = Vec::new();
		for (token, (gate, up)) in gate.chunks_exact(width).zip(up.chunks_exact(width)).enumerate() {
			let unit = match activation {
				Activation::SwiGlu => {
					gated(kernel, gate, up, &mut entries);
					32
				}
				Activation::SquaredRelu => {
					let largest = largest_positive(kernel, gate);
					let excess = bits(largest.into()).saturating_sub(17);
					squared_relu(kernel, gate, up, excess, &mut entries);
					36 - 2 * excess as i32
				}
			};
			match norm {
				None => self.set_entries(token, &entries, unit),
				Some((gain, eps)) => {
					let excess = bits(largest_entry(kernel, &entries)).saturating_sub(28);
					narrow.resize(width, 0);
					shorten(kernel, &entries, excess, &mut narrow);
					self.set_normalised(token, &narrow, unit - excess as i32, gain, eps, &mut entries);
				}
			}
		}
		self.entries = entries;
		self.arrange();
	}
}

/// Computes `silu(gate) * up` of the definition, in 32 fraction bits.
pub fn gated(kernel: Kernel, gate: &[i32], up: &[i32], out: &mut [i64]) {
	assert!(gate.len() == out.len() && up.len() == out.len(), "an entry for every gate");
	#[cfg(target_arch = "x86_64")]
	if kernel.0 == crate::Path::Avx512Vnni && out.len().is_multiple_of(avx512::LANES) {
		// SAFETY: a kernel of this kind exists only where its instructions were detected; lengths were checked.
		return unsafe { avx512::swiglu(gate, up, out) };
	}
	swiglu(kernel, gate, up, out);
}

crate::versions! {
	/// Computes [`gated`] in a plain loop.
	///
	/// The sigmoid is div_round(2^50, D) for D = 2^30 + exp2(-z), in [2^19, 2^20]. An exact quotient that is not half an
	/// integer is at least 1 / 2D >= 2^-32 away from one. Doubles round it to within 2^-34, and its sum with one half to
	/// within 2^-33: together less than that distance. Halves are represented exactly, and so go up.
	pub fn swiglu(gate: &[i32], up: &[i32], out: &mut [i64]) {
		for ((out, &g), &u) in out.iter_mut().zip(gate).zip(up) {
			let magnitude = u64::from(g.unsigned_abs());
			let power = exp2_neg(((magnitude * LOG2_E_Q30 + (1 << 25)) >> 26) as u32);
			let quotient = 1_125_899_906_842_624.0 / f64::from((1_i32 << 30).wrapping_add(power as i32) as u32) + 0.5;
			// SAFETY: at most 2^20.
			let sigma: i32 = unsafe { quotient.to_int_unchecked() };
			let sigma = if g < 0 { (1 << 20) - sigma } else { sigma };
			// At most 2^26 * 2^20 before the shift.
			let silu = (magnitude as i64 * i64::from(sigma) + (1 << 11)) >> 12;
			let silu = if g < 0 { -silu } else { silu };
			*out = silu * i64::from(u);
		}
	}
}

crate::versions! {
	/// Returns the largest entry, 0 if all are negative.
	pub fn largest_positive(row: &[i32]) -> u32 {
		let mut largest = 0;
		for &x in row {
			largest = largest.max(x);
		}
		largest as u32
	}
}

crate::versions! {
	/// Computes `max(gate, 0)^2 * up` of the definition, of gates that are shifted right before.
	pub fn squared_relu(gate: &[i32], up: &[i32], excess: u32, out: &mut [i64]) {
		let half = (1_i32 << excess) >> 1;
		for ((out, &g), &u) in out.iter_mut().zip(gate).zip(up) {
			let r = i64::from((g.max(0) + half) >> excess);
			*out = r * r * i64::from(u);
		}
	}
}

crate::versions! {
	/// Shifts entries right, rounding, to at most 2^28.
	pub fn shorten(entries: &[i64], excess: u32, out: &mut [i32]) {
		let half = (1_i64 << excess) >> 1;
		for (out, &t) in out.iter_mut().zip(entries) {
			let sign = t >> 63;
			let magnitude = (((t ^ sign) - sign) + half) >> excess;
			*out = ((magnitude ^ sign) - sign) as i32;
		}
	}
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
	use super::LOG2_E_Q30;
	use crate::attention::exponential::Exponential;
	use std::arch::x86_64::*;

	/// Gates of a step.
	pub const LANES: usize = 16;

	/// Computes [`super::swiglu`], sixteen gates at a time.
	///
	/// # Safety
	/// AVX-512 F, BW, DQ, VL and VNNI; all are a multiple of [`LANES`] long.
	#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
	pub unsafe fn swiglu(gate: &[i32], up: &[i32], out: &mut [i64]) {
		let exponential = Exponential::new();
		let log2_e = _mm512_set1_epi64(LOG2_E_Q30 as i64);
		for at in (0..out.len()).step_by(LANES) {
			// SAFETY: sixteen gates and ups are left, and as many places.
			unsafe {
				let gate = _mm512_loadu_si512(gate.as_ptr().add(at).cast());
				let magnitude = _mm512_abs_epi32(gate);
				let z = |magnitude: __m512i| {
					let product = _mm512_mul_epu32(magnitude, log2_e);
					_mm512_srli_epi64::<26>(_mm512_add_epi64(product, _mm512_set1_epi64(1 << 25)))
				};
				let (even, odd) = (z(magnitude), z(_mm512_srli_epi64::<32>(magnitude)));
				let power = exponential.negative_power(_mm512_or_si512(even, _mm512_slli_epi64::<32>(odd)));
				let divisor = _mm512_add_epi32(power, _mm512_set1_epi32(1 << 30));
				let signs = _mm512_movepi32_mask(gate);
				let halves = [
					(_mm512_castsi512_si256(divisor), _mm512_castsi512_si256(magnitude), signs as u8),
					(
						_mm512_extracti64x4_epi64::<1>(divisor),
						_mm512_extracti64x4_epi64::<1>(magnitude),
						(signs >> 8) as u8,
					),
				];
				for (i, (divisor, magnitude, negative)) in halves.into_iter().enumerate() {
					let up = _mm256_loadu_si256(up.as_ptr().add(at + 8 * i).cast());
					let entries = eight(divisor, magnitude, negative, up);
					_mm512_storeu_si512(out.as_mut_ptr().add(at + 8 * i).cast(), entries);
				}
			}
		}
	}

	/// Computes eight entries from their divisors, the magnitudes and signs of their gates, and their ups.
	#[inline]
	#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
	fn eight(divisor: __m256i, magnitude: __m256i, negative: u8, up: __m256i) -> __m512i {
		let quotient = _mm512_div_pd(_mm512_set1_pd(1_125_899_906_842_624.0), _mm512_cvtepu32_pd(divisor));
		let sigma = _mm512_cvttpd_epi64(_mm512_add_pd(quotient, _mm512_set1_pd(0.5)));
		let one = _mm512_set1_epi64(1 << 20);
		let sigma = _mm512_mask_sub_epi64(sigma, negative, one, sigma);
		let product = _mm512_mul_epu32(_mm512_cvtepu32_epi64(magnitude), sigma);
		// At most 2^34.
		let silu = _mm512_srli_epi64::<12>(_mm512_add_epi64(product, _mm512_set1_epi64(1 << 11)));
		let entries = _mm512_mullo_epi64(silu, _mm512_cvtepi32_epi64(up));
		_mm512_mask_sub_epi64(entries, negative, _mm512_setzero_si512(), entries)
	}
}
