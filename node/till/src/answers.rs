//! Answers that were paid for, so that a request that comes again is not paid twice.
//!
//! | the client says | the answer was taken to its end | it broke off | it is being computed |
//! |---|---|---|---|
//! | an idempotency key | sent again, for a day | computed again, and only the rest is charged | 409, come again |
//! | a retry count above zero | sent again, for two minutes | the same, for two minutes | 409, come again |
//! | nothing | computed and charged: the same words may be meant twice | the same, for two minutes | computed and charged |
//!
//! A client that breaks off and asks again makes the operator compute twice what it pays once. So that is granted as often as official
//! clients ask by themselves, which is twice, and then the whole price is due.

use codec::{Decode, Encode};
use std::collections::{HashMap, VecDeque};

/// Time for which a request without a key is the same one, in milliseconds.
pub const BREAK_MS: u64 = 120_000;
/// Time for which a request with a key is the same one, in milliseconds.
pub const KEY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Attempts at an answer that broke off which pay only the rest.
pub const ATTEMPTS_MAX: u8 = 2;
/// Answers that are kept.
const COUNT_MAX: usize = 4_096;
/// Bytes of the answers that are kept.
const BYTES_MAX: usize = 64 << 20;

/// Payer of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode)]
pub enum Payer {
	/// A session.
	Session(u64),
	/// An API key, by its name.
	Key(String),
}

/// Name of an answer: equal ones are the same answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode)]
pub struct AnswerName {
	/// Payer.
	pub payer: Payer,
	/// Hash of the idempotency key, or of the body if there is none.
	pub request: [u8; 32],
	/// Reports whether there was a key.
	pub has_key: bool,
	/// Index among the answers to the request.
	pub index: u32,
}

/// An answer that was paid for.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PaidAnswer {
	/// Hash of the body that was asked.
	pub body: [u8; 32],
	/// Milliseconds since 1970 at which it ended.
	pub ended_at: u64,
	/// Seed.
	pub seed: u64,
	/// Planck charged for all attempts.
	pub charged: u128,
	/// Attempts that broke off, and of a whole answer those in front of it which the same price has paid for.
	pub attempts: u8,
	/// The answer as the gateway sends it again; `None` if it broke off.
	pub answer: Option<Vec<u8>>,
	/// SCALE of the signed receipt; of the last attempt.
	pub receipt: Vec<u8>,
}

/// Decision about an answer that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
	/// It is not known, or may be meant once more.
	New,
	/// It was taken to its end.
	Whole(PaidAnswer),
	/// It broke off: so much is paid, and this is its seed.
	Broken {
		/// Planck charged so far.
		credit: u128,
		/// Seed.
		seed: u64,
		/// Attempts that broke off.
		attempts: u8,
	},
	/// The idempotency key was used for another request.
	Other,
}

/// Answers by their names, the oldest first.
#[derive(Debug, Default)]
pub struct PaidAnswers {
	kept: HashMap<AnswerName, PaidAnswer>,
	/// Names with the times of their answers, in the order of arrival; one may be there more than once.
	order: VecDeque<(AnswerName, u64)>,
	bytes: usize,
}

impl PaidAnswers {
	/// Decides about an answer that is asked for.
	pub fn find(&self, name: &AnswerName, body: &[u8; 32], is_retry: bool, now: u64) -> Known {
		let age_max = if name.has_key { KEY_MS } else { BREAK_MS };
		let found = self.kept.get(name).filter(|found| now.saturating_sub(found.ended_at) <= age_max);
		match found {
			None => Known::New,
			Some(found) if found.body != *body => Known::Other,
			Some(found) => match &found.answer {
				Some(_) if name.has_key || is_retry => Known::Whole(found.clone()),
				None if found.attempts <= ATTEMPTS_MAX => {
					Known::Broken { credit: found.charged, seed: found.seed, attempts: found.attempts }
				}
				_ => Known::New,
			},
		}
	}

	/// Keeps an answer, and returns the names of those that are forgotten for it.
	pub fn put(&mut self, name: AnswerName, answer: PaidAnswer) -> Vec<AnswerName> {
		self.order.push_back((name.clone(), answer.ended_at));
		self.bytes += size(&answer);
		if let Some(old) = self.kept.insert(name, answer) {
			self.bytes -= size(&old);
		}
		let mut forgotten = Vec::new();
		// The order has a further entry for each answer that was replaced: it is bounded as well.
		while self.kept.len() > COUNT_MAX || self.bytes > BYTES_MAX || self.order.len() > 2 * COUNT_MAX {
			let Some((name, ended_at)) = self.order.pop_front() else { break };
			if self.kept.get(&name).is_some_and(|found| found.ended_at == ended_at) {
				if let Some(old) = self.kept.remove(&name) {
					self.bytes -= size(&old);
					forgotten.push(name);
				}
			}
		}
		forgotten
	}
}

fn size(answer: &PaidAnswer) -> usize {
	answer.answer.as_ref().map_or(0, Vec::len) + answer.receipt.len() + size_of::<PaidAnswer>()
}

#[cfg(test)]
mod tests {
	use super::*;
	use codec::DecodeAll;
	use proptest::prelude::*;

	const BODY: [u8; 32] = [1; 32];

	fn name(has_key: bool) -> AnswerName {
		AnswerName { payer: Payer::Session(1), request: [9; 32], has_key, index: 0 }
	}

	fn paid(ended_at: u64, attempts: u8, answer: Option<Vec<u8>>) -> PaidAnswer {
		PaidAnswer { body: BODY, ended_at, seed: 5, charged: 70, attempts, answer, receipt: vec![1; 242] }
	}

	#[test]
	fn the_same_words_may_be_meant_twice_unless_the_client_says_otherwise() {
		let mut answers = PaidAnswers::default();
		answers.put(name(false), paid(0, 0, Some(vec![1])));
		assert_eq!(answers.find(&name(false), &BODY, false, 10), Known::New);
		assert!(matches!(answers.find(&name(false), &BODY, true, 10), Known::Whole(_)));
		assert_eq!(answers.find(&name(false), &BODY, true, BREAK_MS + 1), Known::New);
		assert_eq!(answers.find(&name(true), &BODY, true, 10), Known::New, "another name");
	}

	#[test]
	fn a_key_holds_for_a_day_and_for_one_body() {
		let mut answers = PaidAnswers::default();
		answers.put(name(true), paid(0, 0, Some(vec![1])));
		assert!(matches!(answers.find(&name(true), &BODY, false, KEY_MS), Known::Whole(_)));
		assert_eq!(answers.find(&name(true), &[2; 32], false, 10), Known::Other);
		assert_eq!(answers.find(&name(true), &BODY, false, KEY_MS + 1), Known::New);
	}

	#[test]
	fn a_broken_answer_is_computed_twice_more_for_the_rest_of_its_price_and_not_for_ever() {
		let mut answers = PaidAnswers::default();
		for attempts in 1..=ATTEMPTS_MAX {
			answers.put(name(false), paid(0, attempts, None));
			let expected = Known::Broken { credit: 70, seed: 5, attempts };
			assert_eq!(answers.find(&name(false), &BODY, false, BREAK_MS), expected);
		}
		answers.put(name(false), paid(0, ATTEMPTS_MAX + 1, None));
		assert_eq!(answers.find(&name(false), &BODY, false, 1), Known::New);
	}

	proptest! {
		#[test]
		fn counts_and_bytes_are_bounded_and_the_newest_stays(sizes in prop::collection::vec(0..9_000_000_usize, 1..40)) {
			let mut answers = PaidAnswers::default();
			for (index, bytes) in sizes.iter().enumerate() {
				let name = AnswerName { index: index as u32 % 7, ..name(true) };
				let forgotten = answers.put(name.clone(), paid(index as u64, 0, Some(vec![0; *bytes])));
				prop_assert!(!forgotten.contains(&name));
				prop_assert!(answers.bytes <= BYTES_MAX && answers.kept.len() <= COUNT_MAX);
				prop_assert_eq!(answers.bytes, answers.kept.values().map(size).sum::<usize>());
			}
		}

		#[test]
		fn records_round_trip(seed: u64, charged: u128, attempts: u8, answer: Option<Vec<u8>>, key: String, index: u32) {
			let record = PaidAnswer { seed, charged, answer, ..paid(3, attempts, None) };
			prop_assert_eq!(PaidAnswer::decode_all(&mut record.encode().as_slice()).unwrap(), record);
			let name = AnswerName { payer: Payer::Key(key), index, ..name(true) };
			prop_assert_eq!(AnswerName::decode_all(&mut name.encode().as_slice()).unwrap(), name);
		}
	}
}
