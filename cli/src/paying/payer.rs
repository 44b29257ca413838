//! Paid requests: asked, paid for, passed on, and checked.

use super::{
	account,
	attempts::{Attempts, Stage},
	channel::{charge_name, Channel, ChannelError},
	check::{AskedRecord, Billed, Expected, ReceiptFault},
	delivery::{Delivered, ReadAlong},
	prompt::PromptCheck,
	request::{Asked, Route},
	store::{ChangeError, HeldChannel},
	upstream::{self, Upstream, UpstreamError},
	wire::{self, IDEMPOTENCY_KEY, RECEIPT_ID, RETRY_COUNT, VOUCHER},
};
use crate::failure::{Failure, Outcome};
use axum::body::{Body, Bytes};
use hyper::{
	body::Incoming,
	header::{HeaderMap, HeaderValue, CONTENT_TYPE},
	http::uri::PathAndQuery,
	Method, Response, StatusCode,
};
use rand::Rng;
use serde_json::Value;
use sp_core::sr25519;
use std::{
	path::PathBuf,
	sync::{Arc, Once},
	time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::{
	sync::{mpsc, oneshot, Mutex, RwLock},
	time::timeout,
};

/// Pause in front of another connection.
const CONNECTION_PAUSE: Duration = Duration::from_millis(300);
/// Times that the operator may still be busy with a connection that broke.
const CONFLICTS_MAX: usize = 10;
/// Pause between two of them.
const CONFLICT_PAUSE: Duration = Duration::from_secs(1);
/// Vouchers for one request: parallel requests may raise what is asked for in between.
const VOUCHERS_MAX: usize = 8;
/// Time within which the receipt of an answer must be there, behind its end.
const RECEIPT_TIMEOUT: Duration = Duration::from_secs(30);
/// Interval at which it is asked for.
const RECEIPT_PAUSE: Duration = Duration::from_millis(150);

/// Report of an answer that is paid for, or is not.
#[derive(Clone, Debug)]
pub struct Bill {
	/// The operator's record of each choice.
	pub billed: Vec<Billed>,
	/// Charged for it now, in planck.
	pub charged: u128,
	/// Fault that was found; the payments have ended then, unless only the receipt is missing.
	pub fault: Option<String>,
	/// The session behind it.
	pub channel: Channel,
}

/// Reason why a request has no answer.
#[derive(Debug)]
pub enum PayError {
	/// Nothing more is promised.
	Channel(ChannelError),
	/// The record of the session cannot be written.
	Disk(Failure),
	/// The operator's gateway gave no answer.
	Upstream(UpstreamError),
	/// It asks for payment in a way that this program does not know, or for what it has already.
	Demand(String),
}

impl From<ChangeError> for PayError {
	fn from(error: ChangeError) -> Self {
		match error {
			ChangeError::Refused(error) => Self::Channel(error),
			ChangeError::Disk(failure) => Self::Disk(failure),
		}
	}
}

/// An answer on its way.
pub struct Paid {
	/// Head and body, to be passed on as they come.
	pub response: Response<Body>,
	/// The bill, when the answer is over and its receipt was looked at. Dropped if nothing was delivered.
	pub bill: oneshot::Receiver<Bill>,
}

/// Patience with an operator before it begins to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
	/// Times that a request is sent if its connection fails: with its key, the operator does it once.
	pub tries: usize,
	/// Time within which the answer must begin.
	pub head: Duration,
}

impl Patience {
	/// Patience where no other operator can be asked. An answer that is no stream is computed first.
	pub const ALONE: Self = Self { tries: 3, head: Duration::from_secs(900) };
}

/// A request by a client of this machine.
#[derive(Clone)]
pub struct Request {
	/// Route.
	pub route: Route,
	/// Path, with what is behind its question mark.
	pub path: PathAndQuery,
	/// Headers that go to the operator.
	pub headers: HeaderMap,
	/// Body.
	pub body: Bytes,
	/// Patience with the operator.
	pub patience: Patience,
}

/// Payer of one session.
pub struct Payer {
	upstream: Upstream,
	channel: HeldChannel,
	key: sr25519::Pair,
	attempts: Attempts,
	/// Template and tokenizer of the model, where they are on this machine.
	prompts: Option<Arc<PromptCheck>>,
	/// File of receipts.
	receipts: PathBuf,
	/// Keeps lines of that file whole.
	writing: Mutex<()>,
	/// Gets every bill.
	bills: mpsc::UnboundedSender<Bill>,
	/// Read by every answer whose receipt is still looked at.
	settling: Arc<RwLock<()>>,
	/// Done once it was said that requests are not compared.
	warned: Once,
}

impl Payer {
	/// Begins to pay by a session. `bills` gets every bill.
	pub fn new(
		upstream: Upstream,
		channel: HeldChannel,
		key: sr25519::Pair,
		prompts: Option<Arc<PromptCheck>>,
		receipts: PathBuf,
		bills: mpsc::UnboundedSender<Bill>,
	) -> Arc<Self> {
		let attempts = Attempts::default();
		let (writing, settling) = (Mutex::default(), Arc::default());
		let warned = Once::new();
		let payer =
			Self { upstream, channel, key, attempts, prompts, receipts, writing, bills, settling, warned };
		Arc::new(payer)
	}

	/// Returns the record of the session.
	pub async fn channel(&self) -> Channel {
		self.channel.get().await
	}

	/// Returns the record of the session, to be changed by what the chain says.
	pub fn held(&self) -> &HeldChannel {
		&self.channel
	}

	/// Waits until the receipts of all answers that are over were looked at.
	pub async fn settled(&self) {
		drop(self.settling.write().await);
	}

	/// Changes the record of the session.
	async fn note(&self, change: impl FnOnce(&mut Channel)) -> Result<(), PayError> {
		self.channel
			.change(|channel| {
				change(channel);
				Ok(())
			})
			.await
			.map_err(Into::into)
	}

	/// Asks the operator's gateway for something that is free.
	pub async fn forward(
		&self,
		method: Method,
		path: &PathAndQuery,
		headers: HeaderMap,
		body: Bytes,
	) -> Result<Response<Incoming>, UpstreamError> {
		self.upstream.send(method, path, headers, body).await
	}

	/// Reports whether the operator's gateway takes requests.
	pub async fn is_healthy(&self) -> bool {
		matches!(self.upstream.get("/healthz", HeaderMap::new()).await, Ok((200, _)))
	}

	/// Asks what the operator has charged for answers that broke off, and accepts it within their ceilings.
	pub async fn reconcile(&self) {
		let channel = self.channel.get().await;
		if channel.open.is_empty() {
			return;
		}
		let Channel { genesis, session, promised, .. } = channel;
		let account = account::ask(&self.upstream, &genesis, session, promised, &self.key).await;
		// What is computed now is charged later.
		if let Some(account) = account.ok().filter(|account| account.held == 0) {
			drop(
				self.note(|channel| {
					channel.agree(account.charged);
				})
				.await,
			);
		}
	}

	/// Brings the operator a voucher for exactly what was charged, which it settles in the place of one that promises more. The promise
	/// stands: a smaller voucher takes nothing from a larger one.
	pub async fn square(&self) {
		self.reconcile().await;
		drop(square(&self.upstream, &self.channel.get().await, &self.key).await);
	}

	/// Asks for an answer, and pays for it what it is asked for, if that is owed.
	pub async fn ask(self: &Arc<Self>, request: Request) -> Result<Paid, PayError> {
		let asked = {
			let channel = self.channel.get().await;
			Asked::read(request.route, &request.body, &channel.terms)
		};
		let given = request.headers.get(&IDEMPOTENCY_KEY).and_then(|key| key.to_str().ok());
		let is_retry = request.headers.get(&RETRY_COUNT).is_some_and(|count| count != "0");
		let key = self.attempts.begin(asked.hash, given, is_retry);
		// Every attempt is on the record by itself: what the first one delivered is charged beside what the second one does.
		let attempt = format!("{:032x}", rand::thread_rng().gen::<u128>());
		let Asked { hash, count, ceiling } = asked;
		let (route, body) = (request.path.path().to_owned(), request.body.clone());
		let sent_at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
		let mut under_way = UnderWay {
			payer: self.clone(),
			hash,
			key,
			attempt,
			count,
			ceiling,
			route,
			body,
			sent_at,
			is_open: true,
		};
		let begun = self.channel.change(|channel| channel.begin(&under_way.attempt, ceiling)).await;
		if let Err(error) = begun {
			under_way.is_open = false;
			self.attempts.end(hash, &under_way.key, Stage::Over);
			return Err(error.into());
		}
		let response = match self.send(&request, &under_way).await {
			Ok(response) => response,
			Err(error) => {
				under_way.fail(&error).await;
				return Err(error);
			}
		};
		Ok(under_way.pass(response).await)
	}

	/// Sends a request until the operator takes its voucher.
	async fn send(&self, request: &Request, under_way: &UnderWay) -> Result<Response<Incoming>, PayError> {
		let (mut connections, mut vouchers, mut waits) = (0, 0, 0);
		loop {
			let channel = self.channel.get().await;
			channel.ensure_going_on().map_err(PayError::Channel)?;
			let mut headers = request.headers.clone();
			let voucher = wire::voucher(&channel.genesis, channel.session, channel.promised, &self.key);
			headers.insert(VOUCHER, voucher);
			if let Ok(key) = HeaderValue::try_from(under_way.key.as_str()) {
				headers.insert(IDEMPOTENCY_KEY, key);
			}
			let sent = self.upstream.send(Method::POST, &request.path, headers, request.body.clone());
			let sent = timeout(request.patience.head, sent).await.unwrap_or(Err(UpstreamError::Timeout));
			let response = match sent {
				Ok(response) => response,
				Err(error @ (UpstreamError::Connect(_) | UpstreamError::Broken(_))) => {
					connections += 1;
					if connections >= request.patience.tries {
						return Err(PayError::Upstream(error));
					}
					if matches!(error, UpstreamError::Broken(_)) {
						self.note_broken(connections, under_way).await?;
					}
					tokio::time::sleep(CONNECTION_PAUSE).await;
					continue;
				}
				Err(error) => return Err(PayError::Upstream(error)),
			};
			if response.status() == StatusCode::CONFLICT && connections > 0 && waits < CONFLICTS_MAX {
				// The operator is still busy with the connection that broke.
				waits += 1;
				tokio::time::sleep(CONFLICT_PAUSE).await;
				continue;
			}
			if response.status() != StatusCode::PAYMENT_REQUIRED {
				return Ok(response);
			}
			vouchers += 1;
			let (head, body) = response.into_parts();
			let body = upstream::read(body).await.map_err(PayError::Upstream)?;
			let demand =
				wire::demand(&head.headers, &body).ok_or_else(|| PayError::Demand(wire::words(&body)))?;
			if demand.amount <= channel.promised || vouchers > VOUCHERS_MAX {
				// The voucher that it refuses says as much already.
				return Err(PayError::Demand(demand.message));
			}
			let promised =
				self.channel.change(|channel| channel.promise(&under_way.attempt, demand.amount)).await;
			if let Err(ChangeError::Refused(error @ ChannelError::Overcharged { .. })) = &promised {
				let reason = error.to_string();
				self.channel
					.change(|channel| {
						channel.stop(reason);
						Ok(())
					})
					.await?;
			}
			promised?;
		}
	}

	/// Notes that a connection broke behind which the operator may have begun: what it charges for that stands in no receipt of the next attempt.
	async fn note_broken(&self, connection: usize, under_way: &UnderWay) -> Result<(), PayError> {
		let name = format!("{}-{connection}", under_way.attempt);
		let noted = self.channel.change(|channel| {
			channel.begin(&name, under_way.ceiling)?;
			channel.leave(&name);
			Ok(())
		});
		noted.await.map_err(Into::into)
	}

	/// Fetches a receipt as soon as it is there.
	async fn fetch(&self, id: &str) -> Result<Value, String> {
		let path = format!("/v1/receipts/{id}");
		let started = Instant::now();
		loop {
			let failure = match self.upstream.get(&path, HeaderMap::new()).await {
				Ok((200, body)) => match serde_json::from_slice(&body) {
					Ok(value) => return Ok(value),
					Err(error) => format!("it is not JSON: {error}"),
				},
				Ok((status, body)) => format!("status {status}: {}", wire::words(&body)),
				Err(error) => error.to_string(),
			};
			if started.elapsed() > RECEIPT_TIMEOUT {
				return Err(failure);
			}
			tokio::time::sleep(RECEIPT_PAUSE).await;
		}
	}

	/// Checks one receipt of an answer. Returns it with what it charges, or what is wrong.
	async fn check(
		&self,
		id: &str,
		asked: AskedRecord,
		delivered: &Delivered,
	) -> Result<(Billed, u128), Fault> {
		let mut value = self.fetch(id).await.map_err(Fault::Missing)?;
		asked.put_into(&mut value);
		let billed = Billed::read(&value).map_err(|error| Fault::Missing(error.to_string()))?;
		self.keep(&value).await;
		let channel = self.channel.get().await;
		let Channel { genesis, session, ref terms, .. } = channel;
		let charged = billed.check(&Expected { genesis, session, terms }).map_err(Fault::Wrong)?;
		let Some(prompts) = &self.prompts else { return Ok((billed, charged)) };
		if delivered.is_read {
			billed.ensure_text(prompts.tokenizer(), asked.index, delivered).map_err(Fault::Wrong)?;
		}
		match prompts.difference(&billed) {
			Ok(None) => Ok((billed, charged)),
			Ok(Some(words)) => Err(Fault::Wrong(ReceiptFault::Request(words))),
			// A request that cannot be read again says nothing about its answer, and its payer is told so.
			Err(failure) => {
				self.warned.call_once(|| {
					eprintln!("warning: answers are not compared with their requests: {}", failure.message);
				});
				Ok((billed, charged))
			}
		}
	}

	/// Adds a receipt to the file that `blyan audit replay` reads.
	async fn keep(&self, value: &Value) {
		let _writing = self.writing.lock().await;
		let (path, line) = (self.receipts.clone(), format!("{value}\n"));
		let written = tokio::task::spawn_blocking(move || append(&path, &line)).await;
		if let Ok(Err(error)) = written {
			eprintln!("warning: the receipt cannot be kept: {error}");
		}
	}
}

/// Brings an operator a voucher for exactly what was charged, if nothing is open.
pub async fn square(upstream: &Upstream, channel: &Channel, key: &sr25519::Pair) -> Outcome<()> {
	let Channel { genesis, session, charged, .. } = channel;
	if channel.open.is_empty() && *charged > 0 {
		account::ask(upstream, genesis, *session, *charged, key).await?;
	}
	Ok(())
}

/// Adds a line to a file that only its owner may read: it holds prompts and answers.
pub fn append(path: &std::path::Path, line: &str) -> std::io::Result<()> {
	use std::{io::Write, os::unix::fs::OpenOptionsExt};
	let mut file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
	file.write_all(line.as_bytes())?;
	file.sync_data()
}

/// Reason why an answer is not billed.
enum Fault {
	/// Its receipt did not come.
	Missing(String),
	/// Its receipt is wrong.
	Wrong(ReceiptFault),
}

/// A request on its way. Dropped before its answer, its client has left.
struct UnderWay {
	payer: Arc<Payer>,
	hash: [u8; 32],
	key: String,
	attempt: String,
	/// Answers that it asks for.
	count: u64,
	/// Most that they can cost.
	ceiling: u128,
	/// Path that was asked.
	route: String,
	/// Body of the request.
	body: Bytes,
	/// Seconds since 1970 at which it was sent.
	sent_at: u64,
	is_open: bool,
}

impl UnderWay {
	/// Writes down what was asked, for the answer of this index.
	fn asked(&self, index: u64) -> AskedRecord {
		AskedRecord {
			route: self.route.clone(),
			body: String::from_utf8_lossy(&self.body).into_owned(),
			index: u32::try_from(index).unwrap_or(u32::MAX),
			sent_at: self.sent_at,
		}
	}

	/// Notes that there is no answer.
	async fn fail(mut self, error: &PayError) {
		// Only what the operator may have seen stays open.
		let may_be_delivered =
			matches!(error, PayError::Upstream(UpstreamError::Broken(_) | UpstreamError::Timeout));
		let stage = if matches!(error, PayError::Upstream(_)) { Stage::Broken } else { Stage::Over };
		self.payer.attempts.end(self.hash, &self.key, stage);
		let noted = match may_be_delivered {
			true => self.payer.note(|channel| channel.leave(&self.attempt)).await,
			false => self.payer.note(|channel| channel.abandon(&self.attempt)).await,
		};
		// What cannot be noted stays open, which costs nothing.
		drop(noted);
		self.is_open = false;
	}

	/// Passes an answer on, and looks at its receipt when it is over.
	async fn pass(mut self, response: Response<Incoming>) -> Paid {
		let (head, body) = response.into_parts();
		let (sender, bill) = oneshot::channel();
		let id = head.headers.get(&RECEIPT_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
		let is_paid = head.status.is_success() || id.is_some();
		if !is_paid {
			self.payer.attempts.end(self.hash, &self.key, Stage::Over);
			drop(self.payer.note(|channel| channel.abandon(&self.attempt)).await);
			self.is_open = false;
			return Paid { response: Response::from_parts(head, Body::new(body)), bill };
		}
		let kind = head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
		let is_stream = kind.starts_with("text/event-stream");
		let runtime = tokio::runtime::Handle::current();
		let settling = self.payer.settling.clone().read_owned().await;
		let over = move |delivered: Delivered| {
			// The runtime may be ending; then the next program finds the answer open.
			runtime.spawn(async move {
				let bill = self.settle(id, delivered).await;
				self.is_open = false;
				drop(self.payer.bills.send(bill.clone()));
				drop(sender.send(bill));
				drop(settling);
			});
		};
		let body = ReadAlong::new(body, is_stream, over);
		Paid { response: Response::from_parts(head, Body::new(body)), bill }
	}

	/// Looks at the receipts of an answer that is over, and charges them.
	async fn settle(&self, id: Option<String>, delivered: Delivered) -> Bill {
		let payer = &self.payer;
		let stage = if delivered.is_broken { Stage::Broken } else { Stage::Over };
		payer.attempts.end(self.hash, &self.key, stage);
		let ids = match (delivered.receipts.is_empty(), id) {
			(false, _) => delivered.receipts.clone(),
			(true, Some(first)) => wire::receipt_ids(&first, self.count),
			(true, None) => Vec::new(),
		};
		let (mut billed, mut charges, mut fault) = (Vec::new(), Vec::new(), None);
		let genesis = payer.channel.get().await.genesis;
		// An answer has as many receipts as it has choices, whatever it names.
		for (index, id) in (0..self.count).zip(&ids) {
			match payer.check(id, self.asked(index), &delivered).await {
				Ok((found, charged)) => {
					charges.push((charge_name(&self.key, &found.signed.id(&genesis)), charged));
					billed.push(found);
				}
				Err(found) => {
					fault = Some(found);
					break;
				}
			}
		}
		if ids.is_empty() {
			fault = Some(Fault::Missing("the answer names none".into()));
		}
		let is_compared = fault.is_none() && payer.prompts.is_some();
		if let (true, Some(choice)) = (is_compared, delivered.choice_beyond(self.count)) {
			fault = Some(Fault::Wrong(ReceiptFault::Choice(choice)));
		}
		let attempt = &self.attempt;
		if fault.is_none() {
			let within = payer.channel.get().await.ensure_within(attempt, &charges);
			fault = within.err().map(|error| Fault::Wrong(ReceiptFault::Ceiling(error.to_string())));
		}
		let words = fault.as_ref().map(|fault| match fault {
			Fault::Missing(reason) => format!("the answer has no receipt: {reason}"),
			Fault::Wrong(fault) => fault.to_string(),
		});
		let changed = payer.channel.change(|channel| {
			let charged = match &fault {
				None => channel.settle(attempt, &charges),
				Some(Fault::Missing(_)) => {
					match (delivered.is_whole, delivered.has_left) {
						(true, _) => channel.miss(attempt),
						(false, true) => channel.leave(attempt),
						(false, false) => channel.break_off(attempt),
					}
					0
				}
				Some(Fault::Wrong(fault)) => {
					channel.stop(fault.to_string());
					0
				}
			};
			Ok(charged)
		});
		let (charged, words) = match changed.await {
			Ok(charged) => (charged, words),
			Err(ChangeError::Disk(failure)) => (0, Some(failure.message)),
			Err(ChangeError::Refused(error)) => (0, Some(error.to_string())),
		};
		Bill { billed, charged, fault: words, channel: payer.channel.get().await }
	}
}

impl Drop for UnderWay {
	fn drop(&mut self) {
		if !self.is_open {
			return;
		}
		// The client left before the answer began, and the operator may have begun it.
		self.payer.attempts.end(self.hash, &self.key, Stage::Over);
		let (payer, attempt) = (self.payer.clone(), std::mem::take(&mut self.attempt));
		if let Ok(runtime) = tokio::runtime::Handle::try_current() {
			runtime.spawn(async move {
				drop(payer.note(|channel| channel.leave(&attempt)).await);
			});
		}
	}
}
