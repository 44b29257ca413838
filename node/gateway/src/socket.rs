//! A WebSocket on which several answers are written at once: `/ws/chat`.
//!
//! ```text
//! -> {"type": "start", "stream_id": "a", "request": {..}, "voucher": "1:5000:0x.."}   the body of a chat
//! -> {"type": "cancel", "stream_id": "a"}
//! -> {"type": "ping"}                             <- {"type": "pong"}
//! <- the messages of the native stream, each with the stream's id
//! ```
//!
//! The client names its streams; an answer's own identifier, by which its receipt is found, is `receipt` in its last message.
//! Pings go out while nothing else does, and a client that is silent to two of them is gone. Its answers end with it, and cost what was delivered.

use crate::{
	clients::{Held, Peer},
	error::ApiError,
	gateway::{Gateway, Phase},
	generation::{self, Asked},
	native,
	request::Kind,
};
use axum::{
	body::Body,
	extract::{self, State},
	http::{header, HeaderMap, HeaderName, HeaderValue, StatusCode},
	response::Response,
};
use futures::{future::AbortHandle, SinkExt, StreamExt};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::{json, Value};
use std::{
	collections::{HashMap, VecDeque},
	sync::Arc,
	time::{Duration, Instant},
};
use tokio::sync::mpsc;
use tokio_tungstenite::{
	tungstenite::{
		self,
		handshake::derive_accept_key,
		protocol::{Message, Role, WebSocketConfig},
	},
	WebSocketStream,
};

/// Answers at once on one connection.
const STREAMS_MAX: usize = 8;
/// Bytes of one message. Connections keep what has come of theirs, all of them together in no common memory, so this is less than a request by
/// POST may have; the longest context has about half of it.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Messages that wait for a reader; answers wait behind them, so that what is not read is not delivered.
const OUTBOX_MAX: usize = 32;
/// Replies that wait for a reader, which gets them before anything else.
const REPLIES_MAX: usize = 64;
/// Time in which what is still to be said reaches a client.
const FAREWELL_MAX: Duration = Duration::from_secs(5);
/// Time between pings.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// Silence after which a client is gone.
const SILENCE_MAX: Duration = Duration::from_secs(50);

/// Headers that a message may bring for its own request, by their names in JSON.
const CREDENTIALS: [(&str, HeaderName); 6] = [
	("voucher", HeaderName::from_static("x-blyan-voucher")),
	("payment", HeaderName::from_static("payment-signature")),
	("authorization", header::AUTHORIZATION),
	("idempotency_key", HeaderName::from_static("idempotency-key")),
	("proof", HeaderName::from_static("x-blyan-proof")),
	("captcha", HeaderName::from_static("x-blyan-captcha")),
];

/// Answers the handshake, and serves the connection behind it.
pub async fn open(
	State(gateway): State<Arc<Gateway>>,
	mut request: extract::Request,
) -> Result<Response, ApiError> {
	let refused =
		|message: &str| ApiError::request(StatusCode::UPGRADE_REQUIRED, "upgrade_required", message);
	let named = |name: HeaderName, value: &str| {
		let found = request.headers().get(name).and_then(|found| found.to_str().ok()).unwrap_or_default();
		found.split(',').any(|found| found.trim().eq_ignore_ascii_case(value))
	};
	if !named(header::CONNECTION, "upgrade") || !named(header::UPGRADE, "websocket") {
		return Err(refused("this route is for WebSockets: connect with ws://"));
	}
	if !named(header::SEC_WEBSOCKET_VERSION, "13") {
		return Err(refused("this server speaks version 13 of the WebSocket protocol"));
	}
	let key = request.headers().get(header::SEC_WEBSOCKET_KEY);
	let accept = key.map(|key| derive_accept_key(key.as_bytes()));
	let accept = accept.ok_or_else(|| refused("the handshake has no Sec-WebSocket-Key"))?;
	let upgrade = request.extensions_mut().remove::<OnUpgrade>();
	let upgrade = upgrade.ok_or_else(|| refused("this connection cannot be upgraded: ask by HTTP/1.1"))?;
	let held = request.extensions_mut().remove::<Held>();
	let client = Client { gateway, peer: Peer::of(&request), headers: request.headers().clone() };
	tokio::spawn(async move {
		match upgrade.await {
			Ok(connection) => client.converse(TokioIo::new(connection)).await,
			Err(error) => tracing::debug!("a connection was not upgraded: {error}"),
		}
		drop(held);
	});
	let mut response = Response::new(Body::empty());
	*response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
	let headers = response.headers_mut();
	headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
	headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
	let accept = HeaderValue::from_str(&accept).map_err(ApiError::failed)?;
	headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
	Ok(response)
}

/// The other end of a connection.
struct Client {
	gateway: Arc<Gateway>,
	peer: Peer,
	headers: HeaderMap,
}

/// Answers that are written, by the names that the client gave them. Dropping one cancels it.
#[derive(Default)]
struct Streams {
	running: HashMap<String, (u64, AbortOnDrop)>,
	/// Number of the next one. A name may be taken again, and what is left of the answer that had it before must not be taken for its own.
	next: u64,
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
	fn drop(&mut self) {
		self.0.abort();
	}
}

impl Streams {
	/// Returns what is sent of a part; of an answer that was cancelled nothing is.
	fn take(&mut self, part: Part) -> Option<Value> {
		let is_running = self.running.get(&part.name).is_some_and(|(number, _)| *number == part.number);
		if is_running && part.message.is_none() {
			self.running.remove(&part.name);
		}
		part.message.filter(|_| is_running)
	}
}

/// Part of an answer on its way.
struct Part {
	name: String,
	number: u64,
	/// The message; `None` behind the last.
	message: Option<Value>,
}

impl Client {
	async fn converse<S>(self, connection: S)
	where
		S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
	{
		let config = WebSocketConfig::default()
			.max_message_size(Some(MESSAGE_BYTES_MAX))
			.max_frame_size(Some(MESSAGE_BYTES_MAX));
		let socket = WebSocketStream::from_raw_socket(connection, Role::Server, Some(config)).await;
		let (sink, source) = socket.split();
		// The two directions do not wait for each other: a client that has much to read can still cancel it.
		let (lane, sending) = mpsc::channel(1);
		let mut writing = std::pin::pin!(send_all(sink, sending));
		tokio::select! {
			_ = &mut writing => return,
			() = self.listen(source, lane) => {}
		}
		// A client that has left needs no farewell, and one that reads nothing gets none.
		drop(tokio::time::timeout(FAREWELL_MAX, writing).await);
	}

	/// Obeys messages and passes answers on, until the client or the server goes.
	async fn listen(
		&self,
		mut source: impl futures::Stream<Item = tungstenite::Result<Message>> + Unpin,
		lane: mpsc::Sender<Message>,
	) {
		let (sender, mut outbox) = mpsc::channel::<Part>(OUTBOX_MAX);
		let (mut streams, mut replies) = (Streams::default(), VecDeque::new());
		let mut phase = self.gateway.phase();
		let mut heartbeat = tokio::time::interval(HEARTBEAT);
		let mut heard_at = Instant::now();
		loop {
			let is_ending = *phase.borrow_and_update() != Phase::Serving;
			if is_ending && streams.running.is_empty() && replies.is_empty() {
				break;
			}
			tokio::select! {
				message = source.next() => {
					heard_at = Instant::now();
					match message {
						Some(Ok(Message::Text(text))) => {
							replies.extend(self.obey(&text, &mut streams, &sender).map(|reply| text_of(&reply)));
						}
						Some(Ok(Message::Binary(_))) => {
							let error = ApiError::invalid("message", "invalid_type", "messages are text in JSON");
							replies.push_back(text_of(&native::failure("", &error)));
						}
						Some(Ok(Message::Close(_)) | Err(_)) | None => break,
						Some(Ok(_)) => {}
					}
				}
				place = lane.reserve(), if !replies.is_empty() => match (place, replies.pop_front()) {
					(Ok(place), Some(reply)) => place.send(reply),
					_ => break,
				},
				Some((place, part)) = next(&lane, &mut outbox), if replies.is_empty() => {
					if let Some(message) = streams.take(part) {
						place.send(text_of(&message));
					}
				}
				_ = heartbeat.tick() => {
					if heard_at.elapsed() > SILENCE_MAX {
						break;
					}
					if replies.is_empty() {
						replies.push_back(Message::Ping(Vec::new().into()));
					}
				}
				_ = phase.changed(), if !is_ending => {}
			}
			// Who asks and asks and reads nothing has left.
			if replies.len() > REPLIES_MAX {
				break;
			}
		}
	}

	/// Does what a message asks for; returns the reply.
	fn obey(&self, text: &str, streams: &mut Streams, outbox: &mpsc::Sender<Part>) -> Option<Value> {
		let refused = |id: &str, param: &str, message: &str| {
			Some(native::failure(id, &ApiError::invalid(param, "invalid_value", message)))
		};
		let Ok(message) = serde_json::from_str::<Value>(text) else {
			return refused("", "message", "the message is not JSON");
		};
		let field = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
		let id = field("stream_id");
		match field("type").as_str() {
			"ping" => return Some(json!({ "type": "pong" })),
			"cancel" => {
				let was_running = streams.running.remove(&id).is_some();
				return Some(json!({ "type": "cancelled", "stream_id": id, "was_running": was_running }));
			}
			"start" => {}
			_ => return refused(&id, "type", "'type' is start, cancel or ping"),
		}
		if id.is_empty() || streams.running.contains_key(&id) {
			return refused(&id, "stream_id", "name the stream with a 'stream_id' that no other has");
		}
		if streams.running.len() >= STREAMS_MAX {
			return Some(native::failure(&id, &ApiError::client_full(STREAMS_MAX)));
		}
		let asked = match self.asked(&message) {
			Ok(asked) => asked,
			Err(error) => return Some(native::failure(&id, &error)),
		};
		let (gateway, outbox) = (self.gateway.clone(), outbox.clone());
		let number = streams.next;
		streams.next += 1;
		let (writing, handle) =
			futures::future::abortable(write(gateway, asked, (id.clone(), number), outbox));
		tokio::spawn(writing);
		streams.running.insert(id, (number, AbortOnDrop(handle)));
		None
	}

	fn asked(&self, message: &Value) -> Result<Asked, ApiError> {
		let body = message.get("request").cloned().unwrap_or_default().to_string();
		let mut headers = self.headers.clone();
		for (field, name) in CREDENTIALS {
			if let Some(value) = message.get(field).and_then(Value::as_str) {
				let value = HeaderValue::from_str(value).map_err(|_| {
					ApiError::invalid(
						field,
						"invalid_value",
						format!("'{field}' has characters that no header has"),
					)
				})?;
				headers.insert(name, value);
			}
		}
		Ok(Asked {
			request: generation::read(&self.gateway, Kind::Chat, body.as_bytes())?,
			body: generation::body_hash(body.as_bytes()),
			route: "/ws/chat",
			headers,
			peer: self.peer,
			began_at: Instant::now(),
		})
	}
}

/// Waits until a part can be sent, then for the part. What is given up before both are there has taken nothing.
async fn next<'a>(
	lane: &'a mpsc::Sender<Message>,
	outbox: &mut mpsc::Receiver<Part>,
) -> Option<(mpsc::Permit<'a, Message>, Part)> {
	let place = lane.reserve().await.ok()?;
	Some((place, outbox.recv().await?))
}

/// Sends messages until there are no more, then closes. Errors are those of the connection.
async fn send_all<S>(mut sink: S, mut messages: mpsc::Receiver<Message>) -> tungstenite::Result<()>
where
	S: futures::Sink<Message, Error = tungstenite::Error> + Unpin,
{
	while let Some(message) = messages.recv().await {
		sink.send(message).await?;
	}
	sink.close().await
}

/// Writes one answer. A full outbox holds it up, so what a client does not read counts as not delivered.
async fn write(
	gateway: Arc<Gateway>,
	asked: Asked,
	(name, number): (String, u64),
	outbox: mpsc::Sender<Part>,
) {
	let part = |message: Option<Value>| Part { name: name.clone(), number, message };
	match generation::begin(gateway, asked).await {
		Ok(begun) => {
			let mut messages = std::pin::pin!(native::messages(begun));
			while let Some(mut message) = messages.next().await {
				if let Value::Object(fields) = &mut message {
					fields.insert("stream_id".into(), name.clone().into());
				}
				if outbox.send(part(Some(message))).await.is_err() {
					return;
				}
			}
		}
		Err(error) => drop(outbox.send(part(Some(native::failure(&name, &error)))).await),
	}
	drop(outbox.send(part(None)).await);
}

fn text_of(value: &Value) -> Message {
	Message::Text(value.to_string().into())
}
