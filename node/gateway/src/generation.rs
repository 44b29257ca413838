//! A request on its way to the engine: read, encoded, authorised, begun.

use crate::{
	answer::{receipt_id, Head},
	clients::Peer,
	engine::{Job, ServeError},
	error::ApiError,
	gateway::{Gateway, Place},
	piece::{self, Reader},
	request::{Kind, Request, TOP_P_ALL},
	stored::Stored,
	till::{Lease, Meter, Order, Permit},
	transcript::{self, Inputs},
};
use axum::http::HeaderMap;
use blyan_exact::{blake2_256, Sampling};
use blyan_open_model::conversation::Settings;
use blyan_text::TokenId;
use rand::Rng;
use std::{
	sync::Arc,
	time::{Instant, SystemTime, UNIX_EPOCH},
};

/// Seeds that are drawn have so many bits, which a number of JavaScript holds.
const SEED_BITS: u32 = 53;

/// A request with all that is decided about it besides its body.
pub struct Asked {
	/// The request.
	pub request: Request,
	/// Blake2b-256 of its body.
	pub body: [u8; 32],
	/// Path of its route.
	pub route: &'static str,
	/// Headers, in which credentials are.
	pub headers: HeaderMap,
	/// Address that it came from.
	pub peer: Peer,
	/// Time at which it came.
	pub began_at: Instant,
}

/// Answers that are being computed.
pub struct Begun {
	/// Keys of all their parts.
	pub head: Head,
	/// Their parts, one reader for each.
	pub readers: Vec<Reader>,
	/// Cost of the first.
	pub meter: Meter,
	/// Tokens that each may have.
	pub tokens_max: usize,
}

/// A request as token ids.
struct Encoded {
	request: Request,
	prompt: Vec<TokenId>,
	tokens_max: usize,
	seed: u64,
	places: Vec<Place>,
}

/// Reads a request from its body, and refuses one for another model.
pub fn read(gateway: &Gateway, kind: Kind, body: &[u8]) -> Result<Request, ApiError> {
	let request = Request::read(kind, body)?;
	let model = gateway.model();
	if !model.is_called(&request.model) {
		return Err(ApiError::no_such_model(&request.model, model.id()));
	}
	gateway.ensure_serving()?;
	Ok(request)
}

/// Encodes a prompt, authorises its answers, and starts them. Their places are given back when they are over.
pub async fn begin(gateway: Arc<Gateway>, asked: Asked) -> Result<Begun, ApiError> {
	let Asked { request, body, route, headers, peer, began_at } = asked;
	let places: Result<Vec<Place>, ApiError> = (0..request.answers).map(|_| gateway.place(peer)).collect();
	let mut encoded = encode(gateway.clone(), request, places?).await?;
	let (order, head) = order(&gateway, &encoded, body, route, peer);
	let permits = gateway.till().authorise(&headers, &order).await?;
	let mut begun = Begun {
		head,
		readers: Vec::with_capacity(permits.len()),
		meter: Meter::default(),
		tokens_max: encoded.tokens_max,
	};
	let mut places = std::mem::take(&mut encoded.places);
	let mut started = Vec::new();
	for (index, permit) in (0_u32..).zip(permits) {
		match permit {
			Permit::Again(repeat, bill) => {
				let Some(stored) = Stored::read(&repeat) else {
					return Err(ApiError::failed("the answer that was paid for before cannot be read"));
				};
				// By its old name, under which its receipt is found.
				if index == 0 {
					(begun.head.id, begun.head.created) = (stored.id.clone(), stored.created);
				}
				begun.readers.push(stored.reader(bill));
			}
			Permit::Serve(lease) => {
				if index == 0 {
					begun.meter = lease.meter;
				}
				let (writer, reader) = piece::channel();
				begun.readers.push(reader);
				let Some(place) = places.pop() else { return Err(ApiError::full(gateway.config().places)) };
				started.push((lease, writer, place, receipt_id(&begun.head.id, index)));
			}
		}
	}
	// All are submitted before any is followed: an order is computed as a whole, or its leases are given back.
	let mut followed = Vec::with_capacity(started.len());
	for (lease, writer, place, id) in started {
		let settings = settings(&encoded.request, encoded.tokens_max, lease.seed);
		let job = Job {
			prompt: encoded.prompt.clone(),
			settings: settings.clone(),
			scores: encoded.request.scores,
		};
		let generation = gateway.engine().submit(job).await;
		let generation = generation.map_err(|error| refused(&gateway, &encoded.request, error))?;
		let inputs = inputs(&encoded, &lease, id, begun.head.created, settings, began_at);
		followed.push((generation, inputs, lease, writer, place));
	}
	for (generation, inputs, lease, writer, place) in followed {
		tokio::spawn(transcript::follow(gateway.clone(), generation, inputs, lease, writer, place));
	}
	Ok(begun)
}

fn inputs(
	encoded: &Encoded,
	lease: &Lease,
	id: String,
	created: u64,
	settings: Settings,
	began_at: Instant,
) -> Inputs {
	Inputs { id, created, prompt_tokens: encoded.prompt.len(), settings, seed: lease.seed, began_at }
}

/// Returns the order that a request would have, without its being computed.
pub async fn price(
	gateway: Arc<Gateway>,
	request: Request,
	body: [u8; 32],
	peer: Peer,
) -> Result<Order, ApiError> {
	// A place, since encoding a long text is work.
	let place = gateway.place(peer)?;
	let encoded = encode(gateway.clone(), request, vec![place]).await?;
	Ok(order(&gateway, &encoded, body, "/v1/quote", peer).0)
}

fn order(
	gateway: &Gateway,
	encoded: &Encoded,
	body: [u8; 32],
	route: &'static str,
	peer: Peer,
) -> (Order, Head) {
	let (request, model) = (&encoded.request, gateway.model());
	let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
	let head = Head {
		kind: request.kind,
		id: identifier(request.kind),
		created: unix_seconds(),
		model: model.id().into(),
		fingerprint: model.fingerprint(),
		has_usage: request.has_usage,
		words: request.scores.map(|_| model.tokenizer()),
	};
	let order = Order {
		id: head.id.clone(),
		route,
		client: peer.client(),
		words: request.prompt.last_words().into(),
		body,
		prompt_tokens: count(encoded.prompt.len()),
		answer_tokens_max: count(encoded.tokens_max),
		answers: request.answers,
		seed: encoded.seed,
	};
	(order, head)
}

/// Encodes a prompt away from the threads that serve. The places go with it: what encodes a long text is one of those that are
/// counted.
async fn encode(gateway: Arc<Gateway>, request: Request, places: Vec<Place>) -> Result<Encoded, ApiError> {
	let encode = move || {
		let (model, generation) = (gateway.model(), &request.generation);
		let prompt: Vec<TokenId> = model.encode(&request.prompt)?;
		let tokens_max = model.tokens_max(&request.prompt, prompt.len(), generation.tokens_max)?;
		let seed =
			generation.seed.unwrap_or_else(|| rand::thread_rng().gen::<u64>() >> (u64::BITS - SEED_BITS));
		Ok(Encoded { request, prompt, tokens_max, seed, places })
	};
	tokio::task::spawn_blocking(encode).await.map_err(ApiError::failed)?
}

fn settings(request: &Request, tokens_max: usize, seed: u64) -> Settings {
	let generation = &request.generation;
	Settings {
		sampling: Sampling {
			temperature: generation.temperature_q8,
			top_p: generation.top_p_q8.min(TOP_P_ALL),
			seed: Sampling::key_of(seed),
		},
		tokens_max,
		stop: generation.stop.clone(),
	}
}

fn refused(gateway: &Gateway, request: &Request, error: ServeError) -> ApiError {
	match error {
		ServeError::Prompt(_) => {
			ApiError::invalid(request.prompt.param(), "invalid_value", error.to_string())
		}
		ServeError::Settings(_) => ApiError::invalid("stop", "invalid_value", error.to_string()),
		ServeError::Memory { .. } => {
			let param = request.generation.tokens_param;
			ApiError::invalid(param, "context_length_exceeded", error.to_string())
		}
		ServeError::Busy { .. } => ApiError::full(gateway.config().places),
		error => ApiError::failed(error),
	}
}

/// Returns the hash of a body.
pub fn body_hash(body: &[u8]) -> [u8; 32] {
	blake2_256(&[body])
}

/// Draws an identifier: 128 random bits behind the prefix that clients know.
fn identifier(kind: Kind) -> String {
	let prefix = match kind {
		Kind::Chat => "chatcmpl",
		Kind::Completion => "cmpl",
	};
	format!("{prefix}-{:032x}", rand::thread_rng().gen::<u128>())
}

fn unix_seconds() -> u64 {
	SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}
