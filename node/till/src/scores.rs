//! Scores of the tokens of answers that were paid for, for clients that ask again.
//!
//! The scores of one answer take as much as a thousand answers' words. So they have a bound of their own, and fill no memory that answers are kept in. An
//! answer whose scores were dropped is computed again for a client that asks again, for what it has paid: as often as one that broke off, which is twice.

use crate::answers::AnswerName;
use std::collections::{BTreeMap, HashMap};

/// Bytes of the scores that are kept.
pub const BYTES_MAX: usize = 64 << 20;

/// Scores of one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scored {
	/// None were wanted.
	Unwanted,
	/// They are kept.
	Kept(Vec<u8>),
	/// They were dropped for want of room.
	Dropped,
}

/// Scores by the names of their answers.
#[derive(Debug, Default)]
pub struct PaidScores {
	/// Scores with their place in the order; `None` for those that were dropped.
	kept: HashMap<AnswerName, Option<(u64, Vec<u8>)>>,
	/// Names of those that are kept, the oldest first.
	order: BTreeMap<u64, AnswerName>,
	last: u64,
	bytes: usize,
}

impl PaidScores {
	/// Returns the scores of an answer.
	pub fn find(&self, name: &AnswerName) -> Scored {
		match self.kept.get(name) {
			None => Scored::Unwanted,
			Some(None) => Scored::Dropped,
			Some(Some((_, scores))) => Scored::Kept(scores.clone()),
		}
	}

	/// Keeps the scores of an answer in the place of earlier ones, and returns the names of those that are dropped for them.
	pub fn put(&mut self, name: AnswerName, scores: Vec<u8>) -> Vec<AnswerName> {
		self.remove(&name);
		self.last = self.last.saturating_add(1);
		self.bytes = self.bytes.saturating_add(scores.len());
		self.order.insert(self.last, name.clone());
		self.kept.insert(name, Some((self.last, scores)));
		let mut dropped = Vec::new();
		while self.bytes > BYTES_MAX {
			let Some((_, oldest)) = self.order.pop_first() else { break };
			if let Some((_, scores)) = self.kept.get_mut(&oldest).and_then(Option::take) {
				self.bytes = self.bytes.saturating_sub(scores.len());
				dropped.push(oldest);
			}
		}
		dropped
	}

	/// Notes that the scores of an answer were dropped before.
	pub fn note_dropped(&mut self, name: AnswerName) {
		self.remove(&name);
		self.kept.insert(name, None);
	}

	/// Forgets an answer.
	pub fn remove(&mut self, name: &AnswerName) {
		if let Some(Some((place, scores))) = self.kept.remove(name) {
			self.order.remove(&place);
			self.bytes = self.bytes.saturating_sub(scores.len());
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::answers::Payer;
	use proptest::prelude::*;

	fn name(index: u32) -> AnswerName {
		AnswerName { payer: Payer::Session(1), request: [9; 32], has_key: true, index }
	}

	#[test]
	fn the_oldest_scores_are_dropped_and_said_to_be() {
		let mut scores = PaidScores::default();
		let half = vec![7; BYTES_MAX / 2];
		assert!(scores.put(name(0), half.clone()).is_empty() && scores.put(name(1), half.clone()).is_empty());
		assert_eq!(scores.put(name(2), vec![1]), [name(0)]);
		assert_eq!((scores.find(&name(0)), scores.find(&name(3))), (Scored::Dropped, Scored::Unwanted));
		assert_eq!(scores.find(&name(1)), Scored::Kept(half));
		scores.remove(&name(0));
		assert_eq!(scores.find(&name(0)), Scored::Unwanted);
	}

	proptest! {
		#[test]
		fn bytes_are_counted_and_bounded(steps in prop::collection::vec((0..6_u32, 0..30_000_000_usize, 0..5_u8), 1..40)) {
			let mut scores = PaidScores::default();
			for (index, bytes, step) in steps {
				match step {
					0 => scores.remove(&name(index)),
					1 => scores.note_dropped(name(index)),
					_ => drop(scores.put(name(index), vec![0; bytes])),
				}
				let kept: usize = scores.kept.values().flatten().map(|(_, scores)| scores.len()).sum();
				prop_assert_eq!(scores.bytes, kept);
				prop_assert!(kept <= BYTES_MAX);
				prop_assert_eq!(scores.order.len(), scores.kept.values().flatten().count());
			}
		}
	}
}
