//! Idempotency keys: a request that is tried again is the same request, and is charged once.
//!
//! OpenAI's clients send no key. They try again by themselves after a break, with the same body and a counter in a header. So the key is
//! made here, and kept with the hash of the body.

use rand::Rng;
use std::{
	collections::HashMap,
	sync::{Mutex, MutexGuard, PoisonError},
	time::{Duration, Instant},
};

/// Time for which a request may be tried again.
const KEPT: Duration = Duration::from_secs(120);

/// State of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
	/// It is under way.
	UnderWay,
	/// Its client has left, or has had the whole answer. Only a client that says that it tries again means the same request.
	Over,
	/// The operator could not be reached, or broke off: the same body is the same request.
	Broken,
}

#[derive(Debug)]
struct Attempt {
	key: String,
	stage: Stage,
	at: Instant,
}

/// Requests of the last minutes by the hash of their body.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<HashMap<[u8; 32], Attempt>>);

impl Attempts {
	/// Returns the key of a request that begins now: the client's own, that of the request that it repeats, or a new one.
	pub fn begin(&self, hash: [u8; 32], given: Option<&str>, is_retry: bool) -> String {
		let mut attempts = self.lock();
		attempts.retain(|_, attempt| attempt.stage == Stage::UnderWay || attempt.at.elapsed() < KEPT);
		let earlier = attempts.get(&hash).filter(|attempt| is_retry || attempt.stage == Stage::Broken);
		let key = match (given, earlier) {
			(Some(given), _) => given.to_owned(),
			(None, Some(earlier)) => earlier.key.clone(),
			(None, None) => format!("{:032x}", rand::thread_rng().gen::<u128>()),
		};
		attempts.insert(hash, Attempt { key: key.clone(), stage: Stage::UnderWay, at: Instant::now() });
		key
	}

	/// Notes how a request ended.
	pub fn end(&self, hash: [u8; 32], key: &str, stage: Stage) {
		if let Some(attempt) = self.lock().get_mut(&hash).filter(|attempt| attempt.key == key) {
			(attempt.stage, attempt.at) = (stage, Instant::now());
		}
	}

	fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Attempt>> {
		// Every change is complete before anything that could panic.
		self.0.lock().unwrap_or_else(PoisonError::into_inner)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const HASH: [u8; 32] = [1; 32];

	#[test]
	fn a_retry_is_the_same_request_whatever_became_of_the_first() {
		for stage in [Stage::UnderWay, Stage::Over, Stage::Broken] {
			let attempts = Attempts::default();
			let key = attempts.begin(HASH, None, false);
			attempts.end(HASH, &key, stage);
			assert_eq!(attempts.begin(HASH, None, true), key, "{stage:?}");
		}
	}

	#[test]
	fn the_same_question_asked_twice_is_two_requests_unless_the_first_broke() {
		let attempts = Attempts::default();
		let first = attempts.begin(HASH, None, false);
		let second = attempts.begin(HASH, None, false);
		assert_ne!(first, second, "both are under way");
		attempts.end(HASH, &second, Stage::Over);
		let third = attempts.begin(HASH, None, false);
		assert_ne!(second, third);
		attempts.end(HASH, &third, Stage::Broken);
		assert_eq!(attempts.begin(HASH, None, false), third);
		assert_ne!(attempts.begin([2; 32], None, true), third, "another body is another request");
	}

	#[test]
	fn the_key_of_a_client_counts() {
		let attempts = Attempts::default();
		assert_eq!(attempts.begin(HASH, Some("mine"), false), "mine");
		assert_eq!(attempts.begin(HASH, None, true), "mine");
	}
}
