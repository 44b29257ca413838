//! The gated hidden layer of a feed-forward network: activation function, sub-norm, quantisation.

use super::{
	architecture::Activation,
	model::Gain,
	norm::norm,
	quantise::{quantise, Activations},
	real::bits,
};
use crate::{
	attention::LOG2_E_Q30,
	exponential::exp2_neg,
	number::{div_round, shift_round},
};
use alloc::vec::Vec;

/// Bits that a squared ReLU's entries keep before they are squared.
const RELU_BITS: u32 = 17;
/// Bits that a hidden layer's entries keep in front of a sub-norm.
const NORM_BITS: u32 = 28;

/// Returns `1 / (1 + 2^(-g log2 e))` in Q20 for a gate in Q12, at most 2^26 in magnitude.
pub fn sigmoid(gate: i32) -> i64 {
	// Q42 to Q16: at most 2^26 * 2^30.6 before the shift, below 2^31 behind it.
	let exponent = shift_round(i64::from(gate.unsigned_abs()) * LOG2_E_Q30 as i64, 26);
	let sigma = div_round(1 << 50, (1 << 30) + i64::from(exp2_neg(exponent as u32)));
	if gate < 0 {
		(1 << 20) - sigma
	} else {
		sigma
	}
}

/// Computes `silu(gate) * up`: entries stand for `t * 2^-32` and are at most 2^60.
pub fn swiglu(gate: &[i32], up: &[i32]) -> Vec<i64> {
	let entry = |(&g, &u): (&i32, &i32)| shift_round(i64::from(g) * sigmoid(g), 12) * i64::from(u);
	gate.iter().zip(up).map(entry).collect()
}

/// Computes `max(gate, 0)^2 * up`: entries stand for `t * 2^-unit` and are at most 2^60. Returns them and their unit.
pub fn squared_relu(gate: &[i32], up: &[i32]) -> (Vec<i64>, i32) {
	let largest = gate.iter().map(|&g| g.max(0)).max().unwrap_or(0);
	let excess = bits(u64::from(largest.unsigned_abs())).saturating_sub(RELU_BITS);
	let entry = |(&g, &u): (&i32, &i32)| {
		let r = shift_round(g.max(0).into(), excess);
		r * r * i64::from(u)
	};
	(gate.iter().zip(up).map(entry).collect(), 36 - 2 * excess as i32)
}

/// Computes the hidden layer of a network from gates and ups in Q12 within 2^26, in `width` bits.
///
/// With `gain` it is divided by its root mean square on the way; `eps` is used then only.
pub fn hidden(
	activation: Activation,
	gate: &[i32],
	up: &[i32],
	gain: Option<Gain<'_>>,
	eps: u64,
	width: u8,
) -> Activations {
	let (t, unit) = match activation {
		Activation::SwiGlu => (swiglu(gate, up), 32),
		Activation::SquaredRelu => squared_relu(gate, up),
	};
	let Some(gain) = gain else { return quantise(&t, unit, width) };
	let largest = t.iter().map(|t| t.unsigned_abs()).max().unwrap_or(0);
	// At most 61 bits: the unit falls to -17 at the least.
	let excess = bits(largest).saturating_sub(NORM_BITS);
	let t: Vec<i32> = t.into_iter().map(|t| shift_round(t, excess) as i32).collect();
	norm(&t, unit - excess as i32, gain, eps, width)
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::definition2::{linear::PROJECTION_MAX, real::Real};
	use proptest::prelude::*;

	fn as_f64(real: Real) -> f64 {
		f64::from(real.mantissa()) * (-f64::from(real.exponent())).exp2()
	}

	#[test]
	fn gates_hold_at_the_extremes() {
		let most = PROJECTION_MAX;
		assert_eq!((sigmoid(0), sigmoid(most), sigmoid(-most)), (1 << 19, 1 << 20, 0));
		assert_eq!(swiglu(&[most, -most, most], &[most, most, -most]), [1 << 60, 0, -(1 << 60)]);
		assert_eq!(squared_relu(&[most, -most], &[-most, most]), ([-(1 << 58), 0].into(), 16));
		assert_eq!(squared_relu(&[most - 1, 0], &[-most, most]), ([-(1 << 60), 0].into(), 18));
		assert_eq!(squared_relu(&[-1, 1], &[5, 7]), ([0, 7].into(), 36));
		let gain = Gain { values: &[(1 << 24) - 1; 2], scale: Real::from_integer(1) };
		for activation in [Activation::SwiGlu, Activation::SquaredRelu] {
			for gain in [None, Some(gain)] {
				let out = hidden(activation, &[most, 0], &[-most, most], gain, (1 << 41) - 1, 12);
				assert_eq!(out.values, [-2_047, 0]);
				assert_eq!(hidden(activation, &[0; 2], &[most; 2], gain, 5, 12), Activations::zero(2));
			}
		}
	}

	proptest! {
		#[test]
		fn sigmoid_follows_the_reals(gate in -(1_i32 << 18)..1 << 18) {
			let real = 1.0 / (1.0 + (-f64::from(gate) / 4_096.0).exp());
			prop_assert!((sigmoid(gate) as f64 / 2_f64.powi(20) - real).abs() < 2e-6);
		}

		/// Half a step, and 3e-5 of the largest entry.
		#[test]
		fn hidden_follows_the_reals(
			pairs in prop::collection::vec((-(1_i32 << 26)..=1 << 26, -(1_i32 << 26)..=1 << 26), 32),
			shift in 0_u32..14, width in 8_u8..=12, squared: bool, normed: bool,
		) {
			let (gate, up): (Vec<i32>, Vec<i32>) = pairs.iter().map(|(g, u)| (g >> shift, u >> shift)).unzip();
			let activation = if squared { Activation::SquaredRelu } else { Activation::SwiGlu };
			let gain = Gain { values: &[1 << 23; 32], scale: Real::quotient(1, 1 << 23) };
			let out = hidden(activation, &gate, &up, normed.then_some(gain), 1 << 20, width);
			let mut want: Vec<f64> = gate.iter().zip(&up).map(|(&g, &u)| {
				let (g, u) = (f64::from(g) / 4_096.0, f64::from(u) / 4_096.0);
				if squared { g.max(0.0).powi(2) * u } else { g / (1.0 + (-g).exp()) * u }
			}).collect();
			if normed {
				let mean = want.iter().map(|w| w * w).sum::<f64>() / 32.0 + 2_f64.powi(-28);
				want.iter_mut().for_each(|w| *w /= mean.sqrt());
			}
			let largest = want.iter().fold(0.0, |m: f64, w| m.max(w.abs()));
			for (&q, want) in out.values.iter().zip(want) {
				let slack = as_f64(out.scale) * 0.5 + largest * 3e-5 + 1e-9;
				prop_assert!((f64::from(q) * as_f64(out.scale) - want).abs() <= slack, "{want}");
			}
		}
	}
}
