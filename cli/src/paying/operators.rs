//! Operators of one model behind one address: each with a session of its own, chosen by [`choice`], and followed by another where one gives no answer.
//! What happens where one dies in the middle of an answer is up to [`relay`](super::relay).

use super::{
	channel::{Channel, ChannelError},
	choice::{self, Facts, Health, REPUTATION_MAX},
	notice::Notice,
	payer::{Paid, PayError, Payer, Request},
	seeds::{RequestName, Seeds},
	state,
	upstream::UpstreamError,
};
use axum::body::{Body, Bytes};
use http_body_util::{BodyExt, Limited};
use hyper::{
	header::{HeaderMap, CONTENT_TYPE},
	http::uri::PathAndQuery,
	Method, Response, StatusCode,
};
use serde_json::{json, Value};
use sp_core::H256;
use std::{
	collections::VecDeque,
	path::{Path, PathBuf},
	sync::{Arc, Mutex, MutexGuard, PoisonError},
	time::{Duration, Instant},
};
use tokio::{sync::mpsc, time::timeout};

/// Operators that may follow the first: each of them is paid for what it computes.
pub const FOLLOWERS_MAX: usize = 2;
/// Interval of health checks.
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);
/// Time within which one must be answered.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);
/// Answers over which operators are spread.
const RECENT: usize = 64;
/// Tokens read of the request that prices are compared by.
const TOKENS_READ: u32 = 2_000;
/// Tokens written of it.
const TOKENS_WRITTEN: u32 = 1_000;
/// Time within which a stream, or an answer that is free, must begin, where another operator can be asked.
const STREAM_HEAD: Duration = Duration::from_secs(10);
/// Largest answer that is no stream.
const ANSWER_BYTES_MAX: usize = 32 << 20;

/// One operator, with the session that pays it.
pub struct Member {
	payer: Arc<Payer>,
	/// Session.
	pub session: u64,
	/// Account of the operator.
	pub operator: H256,
	cost: u128,
	seen: Mutex<Seen>,
}

struct Seen {
	health: Health,
	reputation: u32,
}

/// Operators of one model.
pub struct Operators {
	members: Vec<Member>,
	seeds: Seeds,
	/// Places of those that the last answers are of.
	recent: Mutex<VecDeque<usize>>,
	notices: mpsc::UnboundedSender<Notice>,
	/// File of answers that differ.
	differences: PathBuf,
}

/// An answer that one of them has begun.
pub struct Begun {
	/// Place of the operator.
	pub place: usize,
	/// Its answer.
	pub response: Response<Body>,
	/// Time of the request.
	pub began_at: Instant,
}

impl Operators {
	/// Takes the payers of sessions about one model, with the records of the sessions. `differences`: file for answers that differ. Returns what gets
	/// every notice.
	pub fn new(
		payers: Vec<(Arc<Payer>, Channel)>,
		differences: PathBuf,
	) -> (Arc<Self>, mpsc::UnboundedReceiver<Notice>) {
		let (notices, noticed) = mpsc::unbounded_channel();
		let members = payers.into_iter().map(|(payer, channel)| Member {
			payer,
			session: channel.session,
			operator: channel.terms.operator,
			cost: channel.terms.prices.cost(TOKENS_READ, TOKENS_WRITTEN).unwrap_or(u128::MAX),
			seen: Mutex::new(Seen { health: Health::default(), reputation: REPUTATION_MAX }),
		});
		let (seeds, recent) = (Seeds::default(), Mutex::default());
		let operators = Self { members: members.collect(), seeds, recent, notices, differences };
		(Arc::new(operators), noticed)
	}

	/// Returns the operators in the order in which they were named.
	pub fn members(&self) -> &[Member] {
		&self.members
	}

	/// Returns the file for answers that differ.
	pub fn differences(&self) -> &Path {
		&self.differences
	}

	/// Reports something to the payer.
	pub fn tell(&self, notice: Notice) {
		// A program that is ending does not hear it.
		drop(self.notices.send(notice));
	}

	/// Returns the payer, if there is but one operator.
	pub fn only(&self) -> Option<&Arc<Payer>> {
		match self.members.as_slice() {
			[only] => Some(&only.payer),
			_ => None,
		}
	}

	/// Gives a request what all operators need to answer it alike, and returns its name and the order in which they are asked.
	pub fn prepare(&self, request: &mut Request) -> (RequestName, VecDeque<usize>) {
		let (name, before) = self.seeds.give(request);
		// Another operator is the second try. An answer that is no stream is computed before it begins.
		request.patience.tries = 1;
		if is_asked_as_stream(&request.body) {
			request.patience.head = STREAM_HEAD;
		}
		(name, self.order(before))
	}

	/// Notes which operator has begun to answer.
	pub fn note_begun(&self, name: &RequestName, place: usize) {
		self.seeds.note(name, place);
		let mut recent = self.lock_recent();
		recent.push_back(place);
		if recent.len() > RECENT {
			recent.pop_front();
		}
	}

	/// Asks one operator behind the other until one answers. What only another operator could do better is returned if none is left.
	pub async fn begin(&self, request: &Request, left: &mut VecDeque<usize>) -> Result<Begun, PayError> {
		let mut failure = PayError::Upstream(UpstreamError::Broken("no other operator is left".into()));
		let mut refusal = None;
		while let Some(place) = left.pop_front() {
			let Some(member) = self.members.get(place) else { continue };
			let began_at = Instant::now();
			match member.payer.ask(request.clone()).await {
				Ok(Paid { response, .. }) if is_for_another(response.status()) => {
					member.note(|health| health.note_failure(Instant::now()));
					refusal = Some(Begun { place, response, began_at });
				}
				Ok(Paid { response, .. }) => return Ok(Begun { place, response, began_at }),
				Err(error) => {
					member.note_error(&error);
					failure = error;
				}
			}
		}
		refusal.ok_or(failure)
	}

	/// Reads an answer that is no stream to its end, and asks another operator for all of it where one breaks off: twice at most, since each may be paid.
	pub async fn whole(
		&self,
		request: &Request,
		left: &mut VecDeque<usize>,
		mut begun: Begun,
	) -> Result<Response<Body>, PayError> {
		let mut broken = 0;
		loop {
			let (head, body) = begun.response.into_parts();
			let member = self.members.get(begun.place);
			let read = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
			match read {
				Ok(read) => {
					if let Some(member) = member.filter(|_| head.status.is_success()) {
						member.note(|health| {
							health.note_first_words(begun.began_at.elapsed());
							health.note_whole();
						});
					}
					return Ok(Response::from_parts(head, Body::from(read.to_bytes())));
				}
				Err(_) => {
					if let Some(member) = member {
						member.note(|health| health.note_broken(Instant::now()));
					}
				}
			}
			broken += 1;
			if broken > FOLLOWERS_MAX {
				let words = format!("{broken} operators broke off, and no other is asked");
				return Err(PayError::Upstream(UpstreamError::Broken(words)));
			}
			begun = self.begin(request, left).await?;
		}
	}

	/// Asks for something that is free. A receipt is with the operator that gave it.
	pub async fn forward(
		&self,
		method: Method,
		path: &PathAndQuery,
		headers: HeaderMap,
		body: Bytes,
	) -> Result<Response<Body>, UpstreamError> {
		let mut last = Err(UpstreamError::Broken("no operator is left".into()));
		for place in self.order(None) {
			let Some(member) = self.members.get(place) else { continue };
			let (method, headers, body) = (method.clone(), headers.clone(), body.clone());
			let asked = member.payer.forward(method, path, headers, body);
			let answer = match self.only() {
				Some(_) => asked.await,
				None => timeout(STREAM_HEAD, asked).await.unwrap_or(Err(UpstreamError::Timeout)),
			};
			let is_last = match &answer {
				Ok(response) => {
					response.status() != StatusCode::NOT_FOUND && !is_for_another(response.status())
				}
				Err(_) => false,
			};
			last = answer.map(|response| response.map(Body::new));
			if is_last {
				break;
			}
		}
		last
	}

	/// Returns the places of all operators, the best first. `first`: one that goes in front of them.
	fn order(&self, first: Option<usize>) -> VecDeque<usize> {
		let recent = self.lock_recent().clone();
		let now = Instant::now();
		let facts = self.members.iter().enumerate().map(|(place, member)| {
			let seen = member.lock();
			let Health { first_words_ms, round_trip_ms, whole, broken, .. } = seen.health;
			let recent = recent.iter().filter(|of| **of == place).count();
			let facts = Facts {
				cost: member.cost,
				first_words_ms,
				round_trip_ms,
				recent: u64::try_from(recent).unwrap_or(u64::MAX),
				whole,
				broken,
				reputation: seen.reputation,
			};
			(facts, seen.health.is_up(now))
		});
		let ordered = choice::order(&facts.collect::<Vec<_>>());
		let others = ordered.into_iter().filter(|place| Some(*place) != first);
		first.into_iter().chain(others).collect()
	}

	fn lock_recent(&self) -> MutexGuard<'_, VecDeque<usize>> {
		// Every change is complete before anything that could panic.
		self.recent.lock().unwrap_or_else(PoisonError::into_inner)
	}

	/// Notes the reputation of a session's operator, as the chain has it. One that is no operator any more has none.
	pub fn note_reputation(&self, session: u64, reputation: Option<u32>) {
		for member in self.members.iter().filter(|member| member.session == session) {
			member.lock().reputation = reputation.unwrap_or(0);
		}
	}

	/// Checks the health of all operators that do not rest, for ever.
	pub async fn watch(self: Arc<Self>) {
		loop {
			let now = Instant::now();
			let mut looks = Vec::new();
			for member in &self.members {
				if member.lock().health.is_up(now) {
					looks.push(member.look());
				}
			}
			futures::future::join_all(looks).await;
			tokio::time::sleep(HEALTH_INTERVAL).await;
		}
	}

	/// The sessions for programs: one by itself, several in a list with what their choice follows from.
	pub async fn to_json(&self) -> Value {
		if let [only] = self.members.as_slice() {
			return state::session(&only.payer.channel().await);
		}
		let mut sessions = Vec::new();
		let next = self.order(None).front().copied();
		for (place, member) in self.members.iter().enumerate() {
			let mut session = state::session(&member.payer.channel().await);
			let seen = member.lock();
			let Health { first_words_ms, round_trip_ms, whole, broken, .. } = seen.health;
			session["health"] = json!({
				"is_up": seen.health.is_up(Instant::now()), "is_next": next == Some(place), "first_words_ms": first_words_ms,
				"round_trip_ms": round_trip_ms, "whole": whole, "broken": broken, "reputation": seen.reputation,
			});
			sessions.push(session);
		}
		json!({ "sessions": sessions })
	}
}

impl Member {
	/// Changes what is known of its health.
	pub fn note(&self, change: impl FnOnce(&mut Health)) {
		change(&mut self.lock().health);
	}

	/// Notes why it gave no answer. A deposit that is too small for one request, or this machine's disk, is no fault of the operator's.
	fn note_error(&self, error: &PayError) {
		if !matches!(error, PayError::Disk(_) | PayError::Channel(ChannelError::Deposit { .. })) {
			self.note(|health| health.note_failure(Instant::now()));
		}
	}

	/// Checks its health.
	async fn look(&self) {
		let began_at = Instant::now();
		match timeout(HEALTH_TIMEOUT, self.payer.is_healthy()).await {
			Ok(true) => self.note(|health| health.note_round_trip(began_at.elapsed())),
			_ => self.note(|health| health.note_failure(Instant::now())),
		}
	}

	fn lock(&self) -> MutexGuard<'_, Seen> {
		// Every change is complete before anything that could panic.
		self.seen.lock().unwrap_or_else(PoisonError::into_inner)
	}
}

/// Reports whether a request asks for its answer in pieces.
fn is_asked_as_stream(body: &[u8]) -> bool {
	serde_json::from_slice::<Value>(body).is_ok_and(|request| request["stream"] == true)
}

/// Reports whether another operator may answer what this one refuses: it has no place, no room, ends, or does not know its payer.
fn is_for_another(status: StatusCode) -> bool {
	let is_about_payer = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
	status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || is_about_payer
}

/// Reports whether an answer comes in pieces.
pub fn is_stream(response: &Response<Body>) -> bool {
	let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
	response.status().is_success() && kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn another_is_asked_where_the_operator_is_the_reason_and_not_where_the_request_is() {
		let is_for = |status: u16| is_for_another(StatusCode::from_u16(status).unwrap());
		assert!([401, 403, 429, 500, 503].into_iter().all(is_for));
		// A request under way is computed already, and one that is malformed is so everywhere.
		assert!(![200, 400, 404, 409, 413].into_iter().any(is_for));
	}
}
