//! Properties of the rules.

use crate::rules::{bond_factor, misses};
use blyan_primitives::{AnswerStatement, EvaluationOutcome};
use proptest::prelude::*;
use sp_core::H256;

fn statement(tokens: u32, prompt_tokens_seen: u32) -> AnswerStatement {
	AnswerStatement {
		revision: 1,
		architecture: H256::zero(),
		model_root: H256::zero(),
		tokens_root: H256::zero(),
		tokens,
		prompt_tokens_seen,
		seed: 0,
		temperature_q8: 0,
		top_p_q8: 0,
	}
}

proptest! {
	#[test]
	fn misses_are_at_most_what_was_chosen(tokens: u32, seen: u32, count: u64) {
		let statement = statement(tokens, seen);
		let outcome = EvaluationOutcome {
			baseline_loss: count,
			candidate_loss: count,
			sequences: 1,
			bytes: u64::from(tokens).saturating_sub(1),
			..EvaluationOutcome::default()
		};
		let fits = tokens > 0 && count <= u64::from(tokens.saturating_sub(seen));
		prop_assert_eq!(misses(&statement, &outcome), fits.then_some(count));
	}

	#[test]
	fn a_flood_costs_more_than_its_size(step in 1_u32..20, count in 1_u32..500) {
		let cost: u64 = (0..count).map(|open| u64::from(bond_factor(open, step))).sum();
		prop_assert!(cost >= u64::from(count));
		// At least half of the square, in steps.
		let steps = u64::from(count / step);
		prop_assert!(cost >= steps * (steps + 1) / 2 * u64::from(step));
		prop_assert_eq!(bond_factor(u32::MAX, 1), u32::MAX);
		prop_assert_eq!(bond_factor(7, 0), 1);
	}
}
