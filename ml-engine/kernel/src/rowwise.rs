//! Row-wise operators outside the products: rescaling, embedding, rotation, residual sums, mixing, argmax and loss.
//!
//! Plain loops, which the compiler vectorises for every instruction set.

use super::{
	math::{exp2_neg, shift_round},
	versions,
};
use blyan_exact::{Rescale, RESIDUAL_MAX};

versions! {
	/// Runs [`Rescale::apply`] over a row of accumulators, in place.
	pub fn rescale(accumulators: &mut [i32], rescale: Rescale, bound: i32) {
		let multiplier = i64::from(rescale.multiplier());
		let shift = rescale.shift();
		let bound = i64::from(bound);
		for acc in accumulators {
			*acc = shift_round(i64::from(*acc) * multiplier, shift).clamp(-bound, bound) as i32;
		}
	}
}

versions! {
	/// Multiplies bytes of a table by its scale, as `blyan_exact::Matrix::embed`.
	pub fn embed(bytes: &[u8], mantissa: i64, shift: u32, out: &mut [i32]) {
		let bound = i64::from(RESIDUAL_MAX);
		for (h, &byte) in out.iter_mut().zip(bytes) {
			*h = shift_round(i64::from(byte as i8) * mantissa, shift).clamp(-bound, bound) as i32;
		}
	}
}

versions! {
	/// Runs [`blyan_exact::add_residual`] over whole streams.
	pub fn add(residual: &mut [i32], update: &[i32]) {
		for (h, &u) in residual.iter_mut().zip(update) {
			*h = (*h + u).clamp(-RESIDUAL_MAX, RESIDUAL_MAX);
		}
	}
}

versions! {
	/// Rotates as [`blyan_exact::rotary::rotate`].
	pub fn rotate(row: &mut [i32], angles: &[[i16; 2]]) {
		for head in row.chunks_exact_mut(2 * angles.len()) {
			for (pair, &[cos, sin]) in head.chunks_exact_mut(2).zip(angles) {
				let (x, y) = (i64::from(pair[0]), i64::from(pair[1]));
				let (cos, sin) = (i64::from(cos), i64::from(sin));
				pair[0] = shift_round(x * cos - y * sin, 14) as i32;
				pair[1] = shift_round(x * sin + y * cos, 14) as i32;
			}
		}
	}
}

versions! {
	/// Computes `residual += round(sum of gate * output / 2^15)` for one row, as `blyan_exact::routing::mix`.
	///
	/// # Shapes
	/// `residual: [width]`, `gates: [choices]`, `outputs: [choices, width]`.
	pub fn mix(residual: &mut [i32], gates: &[u32], outputs: &[i32]) {
		let bound = i64::from(RESIDUAL_MAX);
		let (width, half) = (residual.len(), 1 << 14);
		let add = |h: i32, sum: i64| {
			// Halves away from zero, as `shift_round`.
			let rounded = (sum + half + (sum >> 63)) >> 15;
			(i64::from(h) + rounded).clamp(-bound, bound) as i32
		};
		// A token has one or two experts.
		let gate = |choice: usize| i64::from(gates[choice]);
		if let [_, _] = gates {
			let (first, second) = outputs[..2 * width].split_at(width);
			for ((h, &a), &b) in residual.iter_mut().zip(first).zip(second) {
				*h = add(*h, gate(0) * i64::from(a) + gate(1) * i64::from(b));
			}
		} else {
			assert!(gates.len() == 1, "a token has one or two experts");
			for (h, &a) in residual.iter_mut().zip(&outputs[..width]) {
				*h = add(*h, gate(0) * i64::from(a));
			}
		}
	}
}

versions! {
	/// Returns the index of the largest number, the first of several; zero of none.
	pub fn largest(numbers: &[i32]) -> usize {
		let mut largest = i32::MIN;
		for &number in numbers {
			largest = largest.max(number);
		}
		// Sixteen at a time without a branch, and then among those sixteen.
		let is_there = |part: &[i32]| part.iter().fold(0, |found, &number| found | i32::from(number == largest)) != 0;
		let begin = 16 * numbers.chunks(16).take_while(|part| !is_there(part)).count();
		let rest = numbers.get(begin..).unwrap_or(&[]);
		begin + rest.iter().position(|&number| number == largest).unwrap_or(0)
	}
}

versions! {
	/// Computes [`blyan_exact::loss`] over one row of logits.
	pub fn loss(logits: &[i32], target: u8) -> u64 {
		let mut largest = i32::MIN;
		for &z in logits {
			largest = largest.max(z);
		}
		let mut sum = 0_u64;
		for &z in logits {
			sum += u64::from((exp2_neg(largest.wrapping_sub(z) as u32) + 32) >> 6);
		}
		let normaliser = blyan_exact::exponential::log2_q16(sum) - (24 << 16);
		normaliser + u64::from(largest.wrapping_sub(logits[usize::from(target)]) as u32)
	}
}
