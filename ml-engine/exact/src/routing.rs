//! Choice of experts and the mixing of what they say.

use crate::{
	exponential::exp2_neg,
	linear::RESIDUAL_MAX,
	number::{div_round, shift_round},
};
use alloc::vec::Vec;

/// The gate of certainty: gates of one token add up to this.
pub const GATE_ONE: u32 = 32_768;

/// One expert chosen for one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
	/// Index within the layer.
	pub expert: usize,
	/// Its share of the output, Q15.
	pub gate: u32,
}

/// Returns the `top_k` (1 or 2) best logits by value descending, then index ascending, with their gates.
///
/// Logits are Q16 in base-2 units and at most 2^30 in magnitude.
pub fn route(logits: &[i32], top_k: usize) -> Vec<Choice> {
	let best_except = |taken: Option<usize>| {
		let mut best: Option<usize> = None;
		for index in (0..logits.len()).filter(|&index| Some(index) != taken) {
			if best.is_none_or(|best| logits[index] > logits[best]) {
				best = Some(index);
			}
		}
		best
	};
	let Some(first) = best_except(None) else { return Vec::new() };
	let second = if top_k > 1 { best_except(Some(first)) } else { None };
	let Some(second) = second else { return [Choice { expert: first, gate: GATE_ONE }].into() };
	// At most 2^31.
	let difference = logits[first].abs_diff(logits[second]);
	// 2^45 / (2^30 + at most 2^30): the sigmoid of the difference, between one half and one.
	let gate = div_round(1 << 45, (1 << 30) + i64::from(exp2_neg(difference))) as u32;
	[Choice { expert: first, gate }, Choice { expert: second, gate: GATE_ONE - gate }].into()
}

/// Adds the gated outputs of a token's experts to its residual row: `h += round(sum gate * output)`.
///
/// `outputs` are in the order of `choices`, each at most 2^22, so a sum is at most 2 * 2^15 * 2^22 = 2^38.
pub fn mix(residual: &mut [i32], choices: &[Choice], outputs: &[Vec<i32>]) {
	for (i, h) in residual.iter_mut().enumerate() {
		let sum: i64 =
			choices.iter().zip(outputs).map(|(choice, y)| i64::from(choice.gate) * i64::from(y[i])).sum();
		let bound = i64::from(RESIDUAL_MAX);
		*h = (i64::from(*h) + shift_round(sum, 15)).clamp(-bound, bound) as i32;
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use alloc::vec;
	use proptest::prelude::*;

	#[test]
	fn route_breaks_ties_towards_the_lower_index() {
		assert_eq!(route(&[5, 9, 9, 9], 2).iter().map(|c| c.expert).collect::<Vec<_>>(), [1, 2]);
		assert_eq!(route(&[5, 9, 9, 9], 2)[0].gate, GATE_ONE / 2);
		assert_eq!(route(&[3], 1), [Choice { expert: 0, gate: GATE_ONE }]);
	}

	#[test]
	fn routing_holds_at_the_extremes() {
		let certain = route(&[-(1 << 30), 1 << 30], 2);
		assert_eq!(certain, [Choice { expert: 1, gate: GATE_ONE }, Choice { expert: 0, gate: 0 }]);
		let mut residual = [RESIDUAL_MAX, -RESIDUAL_MAX, 0];
		let even = route(&[0, 0], 2);
		let outputs = vec![vec![RESIDUAL_MAX, -RESIDUAL_MAX, -RESIDUAL_MAX]; 2];
		mix(&mut residual, &even, &outputs);
		assert_eq!(residual, [RESIDUAL_MAX, -RESIDUAL_MAX, -RESIDUAL_MAX]);
	}

	proptest! {
		#[test]
		fn route_agrees_with_a_sort(logits in prop::collection::vec(-40_i32..40, 2..20)) {
			let mut order: Vec<usize> = (0..logits.len()).collect();
			order.sort_by_key(|&i| (-logits[i], i));
			let choices = route(&logits, 2);
			prop_assert_eq!([choices[0].expert, choices[1].expert], [order[0], order[1]]);
			prop_assert_eq!(choices[0].gate + choices[1].gate, GATE_ONE);
			prop_assert!(choices[0].gate >= choices[1].gate);
		}
	}
}
