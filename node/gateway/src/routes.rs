//! Routes, and what each of them does.

use crate::{
	access::{self, RECEIPT, REQUEST_ID},
	answer::Head,
	clients::Peer,
	engine::{Job, ServeError},
	error::ApiError,
	gateway::{Gateway, Place},
	page,
	piece::{Piece, Summary},
	request::{Kind, Request, TOP_P_ALL},
	stream,
	transcript::{self, Inputs},
};
use axum::{
	body::Body,
	extract::{self, Path, State},
	http::{header, HeaderValue, StatusCode},
	middleware,
	response::{IntoResponse, Response},
	routing::{get, post},
	Router,
};
use blyan_exact::Sampling;
use blyan_open_model::conversation::Settings;
use blyan_text::TokenId;
use rand::Rng;
use serde_json::{json, Value};
use std::{
	net::{IpAddr, Ipv4Addr},
	sync::Arc,
	time::{Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::mpsc;

/// Seeds that are drawn have so many bits, which a number of JavaScript holds.
const SEED_BITS: u32 = 53;

/// Result of a route.
type Answered = Result<Response, ApiError>;

/// Builds all routes.
pub fn router(gateway: Arc<Gateway>) -> Router {
	let router = Router::new()
		.route("/", get(chat_page))
		.route("/healthz", get(health))
		.route("/metrics", get(metrics))
		.route("/v1/models", get(models))
		.route("/v1/models/{*id}", get(model))
		.route("/v1/chat/completions", post(chat))
		.route("/v1/completions", post(completion))
		.route("/v1/receipts/{id}", get(receipt))
		.fallback(unknown_route)
		.method_not_allowed_fallback(wrong_method);
	let router = match access::cors(gateway.config()) {
		Some(cors) => router.layer(cors),
		None => router,
	};
	// The outermost: nothing is done for a request that is not welcome.
	router.layer(middleware::from_fn_with_state(gateway.clone(), access::guard)).with_state(gateway)
}

async fn chat_page() -> Response {
	let mut response = Response::new(Body::from(page::page()));
	let headers = response.headers_mut();
	headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
	headers.insert(header::CONTENT_SECURITY_POLICY, page::content_security_policy());
	response
}

async fn health(State(gateway): State<Arc<Gateway>>) -> Answered {
	if !gateway.is_serving() {
		return Err(ApiError::shutting_down());
	}
	if !gateway.engine().is_running() {
		return Err(ApiError::failed("the engine has ended; start the server again"));
	}
	Ok(send(json!({ "status": "ok", "model": gateway.model().id() })))
}

async fn metrics(State(gateway): State<Arc<Gateway>>) -> Answered {
	let text = gateway.metrics_text().map_err(ApiError::failed)?;
	let kind = HeaderValue::from_static("text/plain; version=0.0.4");
	Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

async fn models(State(gateway): State<Arc<Gateway>>) -> Response {
	send(json!({ "object": "list", "data": [gateway.model().description()] }))
}

async fn model(State(gateway): State<Arc<Gateway>>, Path(id): Path<String>) -> Answered {
	let model = gateway.model();
	match model.is_called(&id) {
		true => Ok(send(model.description())),
		false => Err(ApiError::no_such_model(&id, model.id())),
	}
}

async fn receipt(State(gateway): State<Arc<Gateway>>, Path(id): Path<String>) -> Answered {
	let Some(receipt) = gateway.receipts().get(&id) else {
		return Err(ApiError::request(
			StatusCode::NOT_FOUND,
			"receipt_not_found",
			"there is no such receipt: it is written when its answer ends, and the oldest are forgotten",
		));
	};
	let kind = HeaderValue::from_static("application/json");
	Ok(([(header::CONTENT_TYPE, kind)], receipt).into_response())
}

async fn unknown_route() -> ApiError {
	let routes = "/v1/models, /v1/chat/completions, /v1/completions, /v1/receipts/ID, /healthz, /metrics and the page at /";
	ApiError::request(
		StatusCode::NOT_FOUND,
		"unknown_url",
		format!("there is no such route: there are {routes}"),
	)
}

async fn wrong_method() -> ApiError {
	let message = "this route takes another method: POST for completions, GET for everything else";
	ApiError::request(StatusCode::METHOD_NOT_ALLOWED, "method_not_supported", message)
}

async fn chat(State(gateway): State<Arc<Gateway>>, request: extract::Request) -> Answered {
	generate(gateway, Kind::Chat, request).await
}

async fn completion(State(gateway): State<Arc<Gateway>>, request: extract::Request) -> Answered {
	generate(gateway, Kind::Completion, request).await
}

/// Answers a prompt.
async fn generate(gateway: Arc<Gateway>, kind: Kind, request: extract::Request) -> Answered {
	let began_at = Instant::now();
	let peer = peer(&request);
	let body = gateway.body_memory().read(request.into_body()).await?;
	let request = Request::read(kind, body.bytes())?;
	drop(body);
	let model = gateway.model();
	if !model.is_called(&request.model) {
		return Err(ApiError::no_such_model(&request.model, model.id()));
	}
	if !gateway.is_serving() {
		return Err(ApiError::shutting_down());
	}
	let place = gateway.place(peer)?;
	let head = Head {
		kind,
		id: identifier(kind),
		created: unix_seconds(),
		model: model.id().into(),
		fingerprint: model.fingerprint(),
		has_usage: request.has_usage,
	};
	let is_stream = request.is_stream;
	let pieces = begin(gateway, request, head.id.clone(), began_at, place).await?;
	let id = HeaderValue::from_str(&head.id).map_err(ApiError::failed)?;
	let mut response = match is_stream {
		true => stream::respond(head, pieces),
		false => send(collect(&head, pieces).await?),
	};
	response.headers_mut().insert(RECEIPT, id.clone());
	response.headers_mut().insert(REQUEST_ID, id);
	Ok(response)
}

/// Returns the address that a request came from. The server always notes one; requests without it would be one client.
fn peer(request: &extract::Request) -> Peer {
	request.extensions().get::<Peer>().copied().unwrap_or(Peer(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
}

/// Encodes a prompt and starts its generation. Its place is given back when the generation is over.
async fn begin(
	gateway: Arc<Gateway>,
	request: Request,
	id: String,
	began_at: Instant,
	place: Place,
) -> Result<mpsc::UnboundedReceiver<Piece>, ApiError> {
	let (param, tokens_param) = (request.prompt.param(), request.generation.tokens_param);
	// The place goes with the prompt: what encodes a long text is one of those that are counted.
	let encoding = gateway.clone();
	let encoded = tokio::task::spawn_blocking(move || encode(&encoding, &request).map(|job| (job, place)));
	let ((job, seed), place) = encoded.await.map_err(ApiError::failed)??;
	let (settings, prompt_tokens) = (job.settings.clone(), job.prompt.len());
	let generation = gateway.engine().submit(job).await;
	let generation = generation.map_err(|error| match error {
		ServeError::Prompt(_) => ApiError::invalid(param, "invalid_value", error.to_string()),
		ServeError::Settings(_) => ApiError::invalid("stop", "invalid_value", error.to_string()),
		ServeError::Memory { .. } => {
			ApiError::invalid(tokens_param, "context_length_exceeded", error.to_string())
		}
		ServeError::Busy { .. } => ApiError::full(gateway.config().places),
		error => ApiError::failed(error),
	})?;
	let (sender, pieces) = mpsc::unbounded_channel();
	let inputs = Inputs { id, prompt_tokens, settings, seed, began_at };
	tokio::spawn(transcript::follow(gateway, generation, inputs, sender, place));
	Ok(pieces)
}

/// Makes the job of a request, and returns it with its seed.
fn encode(gateway: &Gateway, request: &Request) -> Result<(Job, u64), ApiError> {
	let (model, generation) = (gateway.model(), &request.generation);
	let prompt: Vec<TokenId> = model.encode(&request.prompt)?;
	let tokens_max = model.tokens_max(&request.prompt, prompt.len(), generation.tokens_max)?;
	let seed = generation.seed.unwrap_or_else(|| rand::thread_rng().gen::<u64>() >> (u64::BITS - SEED_BITS));
	let settings = Settings {
		sampling: Sampling {
			temperature: generation.temperature_q8,
			top_p: generation.top_p_q8.min(TOP_P_ALL),
			seed: Sampling::key_of(seed),
		},
		tokens_max,
		stop: generation.stop.clone(),
	};
	Ok((Job { prompt, settings }, seed))
}

/// Waits for a whole answer. Dropping this future cancels it.
async fn collect(head: &Head, mut pieces: mpsc::UnboundedReceiver<Piece>) -> Result<Value, ApiError> {
	let mut text = String::new();
	while let Some(piece) = pieces.recv().await {
		match piece {
			Piece::Text(more) => text.push_str(&more),
			Piece::Done(Summary { outcome, usage, .. }) => return Ok(head.whole(&text, outcome?, &usage)),
		}
	}
	Err(ApiError::failed("the generation was given up"))
}

fn send(value: Value) -> Response {
	let kind = HeaderValue::from_static("application/json");
	([(header::CONTENT_TYPE, kind)], value.to_string()).into_response()
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
