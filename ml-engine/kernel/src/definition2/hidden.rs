//! The gated hidden layer of a feed-forward network.

use super::{
	inputs::Inputs,
	quantise::{bits, largest_entry},
	Kernel,
};
use crate::math::exp2_neg;
use blyan_exact::definition2::{model::Gain, Activation};

/// log2(e) in Q30.
const LOG2_E_Q30: u64 = 1_549_082_005;

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
					swiglu(kernel, gate, up, &mut entries);
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

crate::versions! {
	/// Computes `silu(gate) * up` of the definition, in 32 fraction bits.
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
