//! Questions that are asked again until there is an answer.

use blyan_primitives::EngineError;
use sp_core::H256;
use std::{
	collections::{HashMap, VecDeque},
	sync::Arc,
};

/// Questions that wait, are worked on, or are answered, by a hash of what is asked.
pub(super) struct Asked<Q, A> {
	waiting: VecDeque<(H256, Arc<Q>)>,
	running: Option<H256>,
	answered: HashMap<H256, Result<A, EngineError>>,
	/// Keys of `answered`, the oldest first.
	order: VecDeque<H256>,
}

impl<Q, A> Default for Asked<Q, A> {
	fn default() -> Self {
		let (waiting, order) = (VecDeque::new(), VecDeque::new());
		Self { waiting, running: None, answered: HashMap::new(), order }
	}
}

impl<Q, A: Clone> Asked<Q, A> {
	/// Returns the answer, or `None` while there is none: work begins with the first call. An error is returned once, and the
	/// next call begins again.
	pub(super) fn find(
		&mut self,
		key: H256,
		question: Q,
		waiting_max: usize,
	) -> Result<Option<A>, EngineError> {
		match self.answered.get(&key) {
			Some(Ok(answer)) => return Ok(Some(answer.clone())),
			Some(Err(error)) => {
				let error = *error;
				self.answered.remove(&key);
				self.order.retain(|answered| *answered != key);
				return Err(error);
			}
			None => {}
		}
		if self.running == Some(key) || self.waiting.iter().any(|(waiting, _)| *waiting == key) {
			return Ok(None);
		}
		if self.waiting.len() >= waiting_max {
			return Err(EngineError::Busy);
		}
		self.waiting.push_back((key, Arc::new(question)));
		Ok(None)
	}

	/// Returns the answer, if there is one.
	pub(super) fn answer(&self, key: &H256) -> Option<A> {
		self.answered.get(key).and_then(|answer| answer.as_ref().ok().cloned())
	}

	/// Returns the question that is worked on.
	pub(super) fn running(&self) -> Option<H256> {
		self.running
	}

	/// Reports whether a question waits, is worked on or has been answered, by an error as well.
	pub(super) fn is_known(&self, key: &H256) -> bool {
		self.running == Some(*key)
			|| self.answered.contains_key(key)
			|| self.waiting.iter().any(|(waiting, _)| waiting == key)
	}

	/// Forgets a question that waits.
	pub(super) fn forget(&mut self, key: &H256) {
		self.waiting.retain(|(waiting, _)| waiting != key);
	}

	/// Takes the next question to work on.
	pub(super) fn start_next(&mut self) -> Option<(H256, Arc<Q>)> {
		let next = self.waiting.pop_front()?;
		self.running = Some(next.0);
		Some(next)
	}

	/// Answers the one that is worked on; the oldest answers make room.
	pub(super) fn finish(&mut self, key: H256, answer: Result<A, EngineError>, answers_max: usize) {
		self.running = None;
		self.answered.insert(key, answer);
		self.order.push_back(key);
		while self.order.len() > answers_max.max(1) {
			if let Some(oldest) = self.order.pop_front() {
				self.answered.remove(&oldest);
			}
		}
	}

	/// Forgets what waits.
	pub(super) fn clear(&mut self) {
		self.waiting.clear();
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn an_answer_is_remembered_and_an_error_is_told_once() {
		let mut asked = Asked::<u8, u8>::default();
		let key = |n: u8| H256([n; 32]);
		assert_eq!(asked.find(key(1), 1, 1), Ok(None));
		assert_eq!(asked.find(key(1), 1, 1), Ok(None), "it waits");
		assert_eq!(asked.find(key(2), 2, 1), Err(EngineError::Busy));
		assert_eq!(asked.start_next().map(|(key, question)| (key, *question)), Some((key(1), 1)));
		assert_eq!(asked.find(key(1), 1, 1), Ok(None), "it is worked on");
		asked.finish(key(1), Err(EngineError::Internal), 1);
		assert_eq!(asked.find(key(1), 1, 1), Err(EngineError::Internal));
		assert_eq!(asked.find(key(1), 1, 1), Ok(None), "it begins again");
		assert!(asked.start_next().is_some());
		asked.finish(key(1), Ok(7), 1);
		assert_eq!(asked.find(key(1), 1, 1), Ok(Some(7)));
		assert_eq!(asked.find(key(2), 2, 1), Ok(None));
		assert!(asked.start_next().is_some());
		asked.finish(key(2), Ok(8), 1);
		assert_eq!(asked.find(key(2), 2, 1), Ok(Some(8)));
		assert_eq!(asked.find(key(1), 1, 1), Ok(None), "the oldest answer made room");
		asked.clear();
		assert_eq!(asked.start_next().map(|(key, _)| key), None);
	}

	#[test]
	fn a_question_that_is_forgotten_while_it_waits_is_not_worked_on() {
		let mut asked = Asked::<u8, u8>::default();
		let (one, other) = (H256([1; 32]), H256([2; 32]));
		assert_eq!((asked.find(one, 1, 2), asked.find(other, 2, 2)), (Ok(None), Ok(None)));
		asked.forget(&one);
		assert_eq!((asked.is_known(&one), asked.is_known(&other)), (false, true));
		assert_eq!(asked.start_next().map(|(key, _)| key), Some(other));
		assert_eq!((asked.running(), asked.answer(&other)), (Some(other), None));
		asked.finish(other, Ok(7), 1);
		assert_eq!((asked.running(), asked.answer(&other)), (None, Some(7)));
		assert!(asked.is_known(&other));
	}
}
