//! Rules: plain values in, plain values out.

use blyan_primitives::{AnswerStatement, EvaluationOutcome};

/// Returns the tokens that the model would not have chosen, according to an outcome; `None` if its numbers cannot be about this answer.
///
/// An answer has one item, and both traces of it are the same.
pub fn misses(statement: &AnswerStatement, outcome: &EvaluationOutcome) -> Option<u64> {
	let positions = u64::from(statement.tokens).checked_sub(1)?;
	let fits = outcome.sequences == 1
		&& outcome.bytes == positions
		&& outcome.candidate_loss == outcome.baseline_loss
		&& outcome.sum_diff == 0
		&& outcome.sum_diff_sq == 0
		&& outcome.baseline_loss <= u64::from(statement.chosen());
	fits.then_some(outcome.baseline_loss)
}

/// Returns how many times the bond a challenge costs while `open` others stand against the same operator: a flood costs the square of
/// its size.
pub fn bond_factor(open: u32, step: u32) -> u32 {
	open.checked_div(step).unwrap_or(0).saturating_add(1)
}
