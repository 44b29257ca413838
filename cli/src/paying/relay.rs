//! One answer for a client, whichever operators it takes: where one dies in the middle, the next is asked the same, and goes on where that one stopped.
//!
//! Each operator is paid by its own receipt: the first for what it delivered and signed, the next for all that it computed. So a client that is not there any
//! more is no reason to ask another one, and a break costs at most one more answer, twice at most.

use super::{
	choice::Health,
	notice::Notice,
	operators::{is_stream, Begun, Operators, FOLLOWERS_MAX},
	payer::{append, PayError, Request},
	seeds::RequestName,
	splice::{Difference, Part, Said, Splice},
	wire::{self, RECEIPT_ID},
};
use axum::body::{Body, Bytes};
use http_body_util::BodyExt;
use hyper::{http::response::Parts, Response};
use serde_json::{json, Value};
use std::{
	collections::{BTreeMap, VecDeque},
	convert::Infallible,
	sync::Arc,
	time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::{sync::mpsc, time::timeout};

/// Silence after which an operator counts as dead. A gateway that lives sends a comment each second.
pub const SILENCE_MAX: Duration = Duration::from_secs(3);

/// Operator that stopped.
struct Stopped {
	place: usize,
	/// Name of its receipt.
	receipt: Option<String>,
	/// Its part of each choice.
	said: BTreeMap<u64, Said>,
}

/// Stream of one operator.
struct Source {
	place: usize,
	body: Body,
	/// Time of the request, until the first words are there.
	began_at: Option<Instant>,
	/// Name of the receipt.
	receipt: Option<String>,
}

impl Source {
	/// Takes an answer apart: its stream, and its head.
	fn open(begun: Begun) -> (Self, Parts) {
		let receipt = begun.response.headers().get(&RECEIPT_ID).and_then(|id| id.to_str().ok());
		let receipt = receipt.map(str::to_owned);
		let (place, began_at) = (begun.place, Some(begun.began_at));
		let (head, body) = begun.response.into_parts();
		(Self { place, body, began_at, receipt }, head)
	}
}

/// End of a stream.
enum End {
	/// The answer came to its end.
	Whole,
	/// The client has left.
	Left,
	/// The operator stopped.
	Broken(String),
	/// It says something else.
	Differs(Difference),
}

/// An answer on its way.
struct Relay {
	operators: Arc<Operators>,
	name: RequestName,
	request: Request,
	/// Operators that were not asked yet.
	left: VecDeque<usize>,
	out: mpsc::Sender<Bytes>,
	splice: Splice,
	/// Operators that stopped, the last one at the end.
	stopped: Vec<Stopped>,
	/// Error with which the last of them ended.
	error: Option<Bytes>,
}

/// Asks for an answer. One operator answers as if it was asked by itself; of several, another takes the place of one that fails.
pub async fn ask(operators: &Arc<Operators>, mut request: Request) -> Result<Response<Body>, PayError> {
	if let Some(only) = operators.only() {
		return only.ask(request).await.map(|paid| paid.response);
	}
	let (name, mut left) = operators.prepare(&mut request);
	let begun = operators.begin(&request, &mut left).await?;
	operators.note_begun(&name, begun.place);
	if !begun.response.status().is_success() {
		return Ok(begun.response);
	}
	match is_stream(&begun.response) {
		true => Ok(Relay::start(operators.clone(), (name, request), left, begun)),
		false => operators.whole(&request, &mut left, begun).await,
	}
}

impl Relay {
	/// Begins to pass an answer on.
	fn start(
		operators: Arc<Operators>,
		(name, request): (RequestName, Request),
		left: VecDeque<usize>,
		begun: Begun,
	) -> Response<Body> {
		// One event at a time: an operator charges what its connection took.
		let (out, sent) = mpsc::channel(1);
		let (source, head) = Source::open(begun);
		let (splice, stopped, error) = (Splice::default(), Vec::new(), None);
		let relay = Self { operators, name, request, left, out, splice, stopped, error };
		tokio::spawn(relay.run(source));
		let events = futures::stream::unfold(sent, |mut sent: mpsc::Receiver<Bytes>| async move {
			let bytes = sent.recv().await?;
			Some((Ok::<Bytes, Infallible>(bytes), sent))
		});
		Response::from_parts(head, Body::from_stream(events))
	}

	async fn run(mut self, mut source: Source) {
		loop {
			let end = self.pass(&mut source).await;
			let ended_at = Instant::now();
			let reason = match end {
				End::Whole => return self.note(source.place, |health| health.note_whole()),
				// Many clients leave at the last event.
				End::Left if self.splice.is_done() => {
					return self.note(source.place, |health| health.note_whole());
				}
				End::Left => return,
				End::Differs(difference) => {
					let (place, receipt) = (source.place, source.receipt.take());
					return self.differ(place, receipt, difference).await;
				}
				End::Broken(reason) => reason,
			};
			self.note(source.place, |health| health.note_broken(ended_at));
			let from = source.place;
			let (receipt, said) = (source.receipt.take(), self.splice.said());
			self.stopped.push(Stopped { place: from, receipt, said });
			// Its receipt is looked at from here on, beside the next operator's answer.
			drop(source);
			let Some(next) = self.follow().await else { return self.give_up(&reason).await };
			let (from, to) = (self.session(from), self.session(next.place));
			self.operators.tell(Notice::Followed { from, to, reason, took: ended_at.elapsed() });
			source = next;
		}
	}

	/// Passes a stream on until it ends in some way.
	async fn pass(&mut self, source: &mut Source) -> End {
		loop {
			let frame = tokio::select! {
				frame = timeout(SILENCE_MAX, source.body.frame()) => frame,
				() = self.out.closed() => return End::Left,
			};
			let bytes = match frame {
				Err(_) => return End::Broken(format!("nothing came for {} s", SILENCE_MAX.as_secs())),
				Ok(None) => return End::Broken("its answer ended too early".into()),
				Ok(Some(Err(error))) => return End::Broken(error.to_string()),
				Ok(Some(Ok(frame))) => match frame.into_data() {
					Ok(bytes) => bytes,
					Err(_) => continue,
				},
			};
			for part in self.splice.push(&bytes) {
				match part {
					Part::Pass(bytes) => {
						if self.out.send(bytes).await.is_err() {
							return End::Left;
						}
					}
					Part::Failed(error) => {
						let words = wire::words(error.strip_prefix(b"data:").unwrap_or(&error));
						self.error = Some(error).filter(|error| !error.is_empty());
						return End::Broken(words);
					}
					Part::Differs(difference) => return End::Differs(difference),
				}
			}
			if self.splice.has_words() {
				if let Some(began_at) = source.began_at.take() {
					self.note(source.place, |health| health.note_first_words(began_at.elapsed()));
				}
			}
			if self.splice.is_done() {
				// Nothing follows. Read to its end, the connection can be used again, but no operator keeps a client by that.
				let rest = async { while let Some(Ok(_)) = source.body.frame().await {} };
				drop(timeout(SILENCE_MAX, rest).await);
				return End::Whole;
			}
		}
	}

	/// Asks the next operator; `None` if none is left, or the client is not there any more.
	async fn follow(&mut self) -> Option<Source> {
		if self.stopped.len() > FOLLOWERS_MAX {
			return None;
		}
		loop {
			let begun = tokio::select! {
				begun = self.operators.begin(&self.request, &mut self.left) => begun.ok()?,
				() = self.out.closed() => return None,
			};
			if is_stream(&begun.response) {
				self.splice.again();
				self.error = None;
				// A client that tries again gets the whole answer of this one, which it has paid.
				self.operators.note_begun(&self.name, begun.place);
				// Words that were sent before say nothing about its speed.
				return Some(Source { began_at: None, ..Source::open(begun).0 });
			}
		}
	}

	/// Ends the answer with the error of the last operator, or says that it is gone.
	async fn give_up(self, reason: &str) {
		let Self { out, error, .. } = self;
		let error = error.unwrap_or_else(|| {
			event("operator_unreachable", &format!("the operator stopped, and no other goes on: {reason}"))
		});
		// A client that has left does not hear it.
		drop(out.send(error).await);
	}

	/// Ends an answer of which two operators say different things, and keeps both. `place`: the second of them.
	async fn differ(self, place: usize, receipt: Option<String>, difference: Difference) {
		let path = self.operators.differences().to_path_buf();
		let line = format!("{}\n", self.evidence(place, receipt.as_deref(), &difference));
		let written = tokio::task::spawn_blocking(move || append(&path, &line)).await;
		let is_kept = matches!(written, Ok(Ok(())));
		let before = self.author(&difference).unwrap_or(place);
		let sessions = [self.session(before), self.session(place)];
		self.operators.tell(Notice::Differs { sessions, is_kept });
		let words = "two operators gave different answers to this request, so at least one of them is wrong: what came so far may be";
		// A client that has left does not hear it.
		drop(self.out.send(event("operators_differ", words)).await);
	}

	/// Returns the place of the operator whose words the others are held against: the one that had said the most of them. The last that stopped may have
	/// said none.
	fn author(&self, difference: &Difference) -> Option<usize> {
		let said = |stopped: &&Stopped| stopped.said.get(&difference.choice).copied().unwrap_or_default();
		self.stopped.iter().max_by_key(said).map(|stopped| stopped.place)
	}

	/// Writes down what each of them said. Their receipts are in the files of their sessions.
	fn evidence(&self, place: usize, receipt: Option<&str>, difference: &Difference) -> Value {
		let answer = |place: usize, receipt: Option<&str>, text: &str| {
			let operator = self.operators.members().get(place).map(|member| member.operator);
			json!({ "session": self.session(place), "operator": operator, "receipt": receipt, "text": text })
		};
		let of_stopped = |stopped: &Stopped| {
			let (bytes, _) = stopped.said.get(&difference.choice).copied().unwrap_or_default();
			let text = difference.sent.get(..bytes).unwrap_or_default();
			answer(stopped.place, stopped.receipt.as_deref(), text)
		};
		let mut answers: Vec<Value> = self.stopped.iter().map(of_stopped).collect();
		answers.push(answer(place, receipt, &difference.other));
		let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
		json!({
			"format": "blyan/difference", "version": 1, "at": at, "route": self.request.path.path(),
			"body": String::from_utf8_lossy(&self.request.body), "choice": difference.choice, "answers": answers,
		})
	}

	fn note(&self, place: usize, change: impl FnOnce(&mut Health)) {
		if let Some(member) = self.operators.members().get(place) {
			member.note(change);
		}
	}

	fn session(&self, place: usize) -> u64 {
		self.operators.members().get(place).map_or(0, |member| member.session)
	}
}

/// Makes the event of an error.
fn event(code: &str, message: &str) -> Bytes {
	let error =
		json!({ "error": { "message": message, "type": "server_error", "param": null, "code": code } });
	format!("data: {error}\n\n").into()
}
