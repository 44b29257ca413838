//! Seeds of requests that name none.
//!
//! An operator draws a seed where a client names none. Two operators would draw two, and their answers would have nothing in common; so the payer draws it.
//! A client that tries again means the same answer, of the same operator: only that one knows that it was paid.

use super::{
	payer::Request,
	wire::{IDEMPOTENCY_KEY, RETRY_COUNT},
};
use axum::body::Bytes;
use hyper::header::{HeaderValue, CONTENT_LENGTH};
use rand::Rng;
use serde_json::Value;
use std::{
	collections::HashMap,
	sync::{Mutex, MutexGuard, PoisonError},
	time::{Duration, Instant},
};

/// Time for which a request may be tried again: as long as operators know one by its key.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// Requests that are remembered.
const COUNT_MAX: usize = 4_096;
/// Seeds that are drawn have so many bits, which a number of JavaScript holds.
const SEED_BITS: u32 = 53;

/// Name of a request: the hash of its key, or of its body.
pub type RequestName = [u8; 32];

#[derive(Debug)]
struct Drawn {
	seed: u64,
	/// Operator that was asked, by its place.
	place: Option<usize>,
	at: Instant,
}

/// Seeds of the requests of the last day.
#[derive(Debug, Default)]
pub struct Seeds(Mutex<HashMap<RequestName, Drawn>>);

impl Seeds {
	/// Gives a request a seed if it has none: a new one, or that of the request that it repeats. Returns its name, and the operator that was asked before.
	pub fn give(&self, request: &mut Request) -> (RequestName, Option<usize>) {
		let given = request.headers.get(&IDEMPOTENCY_KEY).map(HeaderValue::as_bytes);
		let is_again = given.is_some() || request.headers.get(&RETRY_COUNT).is_some_and(|count| count != "0");
		let name = sp_crypto_hashing::blake2_256(given.unwrap_or(&request.body));
		let (seed, place) = self.draw(name, is_again);
		if let Some(body) = with_seed(&request.body, seed) {
			request.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
			request.body = body;
		}
		(name, place)
	}

	fn draw(&self, name: RequestName, is_again: bool) -> (u64, Option<usize>) {
		let mut drawn = self.lock();
		drawn.retain(|_, drawn| drawn.at.elapsed() < KEPT);
		if let Some(known) = drawn.get(&name).filter(|_| is_again) {
			return (known.seed, known.place);
		}
		if drawn.len() >= COUNT_MAX {
			let oldest = drawn.iter().min_by_key(|(_, drawn)| drawn.at).map(|(name, _)| *name);
			if let Some(name) = oldest {
				drawn.remove(&name);
			}
		}
		let seed = rand::thread_rng().gen::<u64>() >> (u64::BITS - SEED_BITS);
		drawn.insert(name, Drawn { seed, place: None, at: Instant::now() });
		(seed, None)
	}

	/// Notes which operator is asked.
	pub fn note(&self, name: &RequestName, place: usize) {
		if let Some(drawn) = self.lock().get_mut(name) {
			drawn.place = Some(place);
		}
	}

	fn lock(&self) -> MutexGuard<'_, HashMap<RequestName, Drawn>> {
		// Every change is complete before anything that could panic.
		self.0.lock().unwrap_or_else(PoisonError::into_inner)
	}
}

/// Returns a body with a seed; `None` if it names one, or is no object, of which the operator says what is wrong.
fn with_seed(body: &Bytes, seed: u64) -> Option<Bytes> {
	let mut value: Value = serde_json::from_slice(body).ok()?;
	let fields = value.as_object_mut()?;
	if fields.get("seed").is_some_and(|seed| !seed.is_null()) {
		return None;
	}
	fields.insert("seed".into(), seed.into());
	Some(value.to_string().into())
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::paying::{payer::Patience, request::Route};
	use hyper::{header::HeaderMap, http::uri::PathAndQuery};

	fn request(body: &'static str, headers: HeaderMap) -> Request {
		let (path, body) =
			(PathAndQuery::from_static("/v1/completions"), Bytes::from_static(body.as_bytes()));
		Request { route: Route::Completion, path, headers, body, patience: Patience::ALONE }
	}

	fn seed(request: &Request) -> u64 {
		serde_json::from_slice::<Value>(&request.body).unwrap()["seed"].as_u64().unwrap()
	}

	#[test]
	fn a_retry_has_the_seed_and_the_operator_of_its_first_attempt_and_another_request_has_its_own() {
		let seeds = Seeds::default();
		let give = |headers| {
			let mut request = request(r#"{"prompt": "a", "seed": null}"#, headers);
			let (name, place) = seeds.give(&mut request);
			assert_eq!(request.headers[CONTENT_LENGTH], request.body.len().to_string());
			(name, place, seed(&request))
		};
		let (name, place, first) = give(HeaderMap::new());
		assert_eq!(place, None);
		seeds.note(&name, 2);
		let retry = || HeaderMap::from_iter([(RETRY_COUNT, HeaderValue::from_static("1"))]);
		assert_eq!(give(retry()), (name, Some(2), first));
		assert_ne!(give(HeaderMap::new()).2, first, "the same words may be meant twice");
		let keyed = || HeaderMap::from_iter([(IDEMPOTENCY_KEY, HeaderValue::from_static("mine"))]);
		assert_eq!(give(keyed()).2, give(keyed()).2);
	}

	#[test]
	fn a_seed_of_the_client_stays_and_what_is_no_request_is_passed_on() {
		for body in [r#"{"seed": 7}"#, r#"{"seed": "18446744073709551615"}"#, "[]", "no JSON"] {
			let mut request = request(body, HeaderMap::new());
			Seeds::default().give(&mut request);
			assert_eq!(request.body, body);
		}
	}

	#[test]
	fn so_many_requests_are_remembered_and_not_more() {
		let seeds = Seeds::default();
		for number in 0..COUNT_MAX as u64 + 10 {
			let mut name = [0; 32];
			name[..8].copy_from_slice(&number.to_be_bytes());
			seeds.draw(name, false);
		}
		assert_eq!(seeds.lock().len(), COUNT_MAX);
	}
}
