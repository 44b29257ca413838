//! Scores of a chosen token and of those that were most probable in its place.
//!
//! They are losses of the definition, so that anyone who computes the answer again gets the same ones. The order of the tokens is
//! that of the definition's favourite: by logit, the lower of equals first.

use blyan_kernel::{definition2::loss, Kernel};
use std::cmp::Reverse;

/// Scores of one choice, at temperature 1 and over the whole vocabulary, whatever the settings of the choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scores {
	/// The token.
	pub token: u32,
	/// Its loss: `-log2` of its probability (Q16, bits).
	pub loss: u64,
	/// The most probable tokens and their losses, the best first; no more than there are in the vocabulary.
	pub best: Vec<(u32, u64)>,
}

impl Scores {
	/// Computes the scores of a token and of the `best` most probable ones.
	pub fn new(kernel: Kernel, logits: &[i32], token: u32, best: usize) -> Self {
		let chosen = logits[token as usize];
		let loss = loss(kernel, logits, token);
		// Losses differ by what the logits differ by: both are in base 2 and Q16.
		let loss_of = |z: i32| {
			let total = i128::from(loss) + i128::from(chosen) - i128::from(z);
			u64::try_from(total).unwrap_or_default()
		};
		let mut tokens: Vec<u32> = (0..logits.len() as u32).collect();
		let order = |token: &u32| (Reverse(logits[*token as usize]), *token);
		if best < tokens.len() {
			tokens.select_nth_unstable_by_key(best, order);
			tokens.truncate(best);
		}
		tokens.sort_unstable_by_key(order);
		let best = tokens.into_iter().map(|token| (token, loss_of(logits[token as usize]))).collect();
		Self { token, loss, best }
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_exact::definition2::loss as definition;
	use proptest::prelude::*;

	proptest! {
		#[test]
		fn every_loss_is_the_definitions_and_the_best_come_in_order(
			logits in prop::collection::vec(-(1 << 20)..1_i32 << 20, 1..300), token: prop::sample::Index, best in 0_usize..25,
		) {
			let token = token.index(logits.len());
			let scores = Scores::new(Kernel::best(), &logits, token as u32, best);
			prop_assert_eq!(scores.loss, definition::loss(&logits, token));
			prop_assert_eq!(scores.best.len(), best.min(logits.len()));
			for (token, loss) in &scores.best {
				prop_assert_eq!(*loss, definition::loss(&logits, *token as usize));
			}
			prop_assert!(scores.best.is_sorted_by_key(|(token, loss)| (*loss, *token)));
			if let Some((favourite, _)) = scores.best.first() {
				prop_assert_eq!(*favourite, definition::argmax(&logits));
			}
		}
	}
}
