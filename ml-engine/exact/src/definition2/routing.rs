//! Choice of experts and the mixing of their outputs.

use super::linear::RESIDUAL_MAX;
pub use crate::routing::{Choice, GATE_ONE};
use crate::{
	exponential::exp2_neg,
	number::{div_round, shift_round},
};
use alloc::vec::Vec;

/// Bytes of a choice: expert as `u16`, gate as `u32`.
pub const CHOICE_BYTES: usize = 6;

/// Returns the `top_k` largest logits by value descending, then index ascending, with their gates.
///
/// Logits are Q16 in base-2 units and at most 2^30 in magnitude; there are at least `top_k`, at most 1,024. Gates are
/// shares of the chosen (`normalised`), and add up to one exactly, or of all experts.
pub fn route(logits: &[i32], top_k: usize, normalised: bool) -> Vec<Choice> {
	let mut order: Vec<usize> = (0..logits.len()).collect();
	order.sort_by_key(|&expert| (core::cmp::Reverse(logits[expert]), expert));
	let Some(&first) = order.first() else { return Vec::new() };
	// At most 2^30; a difference is at most 2^31.
	let share = |expert: usize| i64::from(exp2_neg(logits[first].abs_diff(logits[expert])));
	if normalised {
		order.truncate(top_k);
	}
	// At most 1,024 * 2^30.
	let total: i64 = order.iter().map(|&expert| share(expert)).sum();
	order.truncate(top_k);
	let gate = |&expert: &usize| Choice { expert, gate: div_round(share(expert) << 15, total) as u32 };
	let mut choices: Vec<Choice> = order.iter().map(gate).collect();
	if normalised {
		// None of the others has more than the first, so they leave it at least a share of its own.
		let others: u32 = choices.iter().skip(1).map(|choice| choice.gate).sum();
		choices[0].gate = GATE_ONE - others;
	}
	choices
}

/// Adds the gated outputs of a token's experts, and that of the shared network, to its residual row.
///
/// `outputs` are in the order of `choices`. All are at most 2^28 in magnitude and gates add up to 2^15 + 8 at most, so
/// a sum is below 2^45.
pub fn mix(residual: &mut [i32], choices: &[Choice], outputs: &[Vec<i32>], shared: Option<&[i32]>) {
	let bound = i64::from(RESIDUAL_MAX);
	for (i, h) in residual.iter_mut().enumerate() {
		let routed: i64 =
			choices.iter().zip(outputs).map(|(choice, y)| i64::from(choice.gate) * i64::from(y[i])).sum();
		let shared = shared.map_or(0, |y| i64::from(y[i]) << 15);
		*h = (i64::from(*h) + shift_round(routed + shared, 15)).clamp(-bound, bound) as i32;
	}
}

/// Returns the bytes of a token's choices.
pub fn choice_bytes(choices: &[Choice]) -> Vec<u8> {
	let choice = |choice: &Choice| {
		// Experts are below 1,024.
		let [a, b] = (choice.expert as u16).to_le_bytes();
		let [c, d, e, f] = choice.gate.to_le_bytes();
		[a, b, c, d, e, f]
	};
	choices.iter().flat_map(choice).collect()
}

/// Reads what [`choice_bytes`] writes; refuses experts that a layer of `experts` has not and gates above one.
pub fn choices_from_bytes(bytes: &[u8], experts: u16) -> Option<Vec<Choice>> {
	let (choices, rest) = bytes.as_chunks();
	let choice = |&[a, b, c, d, e, f]: &[u8; CHOICE_BYTES]| {
		let expert = u16::from_le_bytes([a, b]);
		let gate = u32::from_le_bytes([c, d, e, f]);
		(expert < experts && gate <= GATE_ONE).then_some(Choice { expert: expert.into(), gate })
	};
	rest.is_empty().then(|| choices.iter().map(choice).collect())?
}

#[cfg(test)]
mod tests {
	use super::*;
	use alloc::vec;
	use proptest::prelude::*;

	#[test]
	fn route_breaks_ties_towards_the_lower_index() {
		let experts = |logits: &[i32], k| route(logits, k, true).iter().map(|c| c.expert).collect::<Vec<_>>();
		assert_eq!(experts(&[5, 9, 9, 9], 3), [1, 2, 3]);
		assert_eq!(route(&[9, 9, 9], 3, true)[0].gate, GATE_ONE - 2 * 10_923);
		assert_eq!(route(&[3], 1, false), [Choice { expert: 0, gate: GATE_ONE }]);
		assert_eq!(route(&[3, 3], 1, false), [Choice { expert: 0, gate: GATE_ONE / 2 }]);
		assert_eq!(route(&[3, 3], 1, true), [Choice { expert: 0, gate: GATE_ONE }]);
	}

	#[test]
	fn routing_holds_at_the_extremes() {
		let mut logits = [-(1 << 30); 1_024];
		logits[1_023] = 1 << 30;
		let choices = route(&logits, 16, false);
		assert_eq!((choices[0].expert, choices[0].gate, choices[15].gate), (1_023, GATE_ONE, 0));
		let even = route(&[1 << 30; 1_024], 16, false);
		assert!(even.iter().all(|choice| choice.gate == 32));
		for sign in [1, -1] {
			let mut residual = [sign * RESIDUAL_MAX, 0, -sign * RESIDUAL_MAX];
			let said = vec![vec![sign * RESIDUAL_MAX; 3]; 16];
			mix(&mut residual, &route(&[7; 16], 16, true), &said, Some(&said[0]));
			assert_eq!(residual, [sign * RESIDUAL_MAX, sign * RESIDUAL_MAX, sign * RESIDUAL_MAX]);
		}
	}

	#[test]
	fn choices_survive_their_bytes() {
		let choices = route(&[5, 1, 70_000, -9], 3, true);
		let bytes = choice_bytes(&choices);
		assert_eq!(choices_from_bytes(&bytes, 4), Some(choices));
		assert_eq!(choices_from_bytes(&bytes, 2), None);
		assert_eq!(choices_from_bytes(&bytes[1..], 4), None);
		assert_eq!(choices_from_bytes(&[0, 0, 1, 128, 0, 0], 4), None);
	}

	proptest! {
		/// Half a unit of a gate, and a unit for each other expert of the first one's.
		#[test]
		fn gates_follow_the_reals(
			logits in prop::collection::vec(-(12_i32 << 16)..12 << 16, 16..100), top_k in 1_usize..=16, normalised: bool,
		) {
			let choices = route(&logits, top_k, normalised);
			let real = |z: i32| (f64::from(z) / 65_536.0).exp2();
			let total: f64 = if normalised {
				choices.iter().map(|c| real(logits[c.expert])).sum()
			} else {
				logits.iter().map(|&z| real(z)).sum()
			};
			for choice in &choices {
				let want = real(logits[choice.expert]) / total * 32_768.0;
				prop_assert!((f64::from(choice.gate) - want).abs() < 0.6 + 0.5 * top_k as f64);
			}
			if normalised {
				prop_assert_eq!(choices.iter().map(|c| c.gate).sum::<u32>(), GATE_ONE);
			}
			prop_assert!(choices.is_sorted_by_key(|c| (core::cmp::Reverse(logits[c.expert]), c.expert)));
		}

		/// Copies of one network behind normalised gates are that network.
		#[test]
		fn mixing_copies_is_the_network_to_the_bit(
			logits in prop::collection::vec(-(1_i32 << 30)..=1 << 30, 16..40), top_k in 1_usize..=16,
			y in prop::collection::vec(-(1_i32 << 28)..=1 << 28, 8), h in prop::collection::vec(-(1_i32 << 28)..=1 << 28, 8),
		) {
			let (mut mixed, mut added) = (h.clone(), h);
			mix(&mut mixed, &route(&logits, top_k, true), &vec![y.clone(); top_k], None);
			crate::definition2::linear::add(&mut added, &y, RESIDUAL_MAX);
			prop_assert_eq!(mixed, added);
		}
	}
}
