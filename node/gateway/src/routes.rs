//! Routes, and what each of them does.

use crate::{
	access::{self, CHARGED, PAYMENT_RESPONSE, RECEIPT, RECEIPT_ID, REQUEST_ID},
	answer::{charged, has_bill, Head, Whole},
	clients::Peer,
	error::ApiError,
	files,
	gateway::Gateway,
	generation::{self, Asked, Begun},
	native, page,
	piece::{Piece, Reader, Summary},
	request::Kind,
	socket, stream,
};
use axum::{
	body::{Body, Bytes},
	extract::{self, Path, State},
	http::{header, HeaderMap, HeaderValue, Method, StatusCode},
	middleware,
	response::{IntoResponse, Response},
	routing::{get, post},
	Router,
};
use base64::{engine::general_purpose::STANDARD, Engine as _};
use serde_json::{json, Value};
use std::{sync::Arc, time::Instant};

/// Result of a route.
type Answered = Result<Response, ApiError>;

/// Builds all routes.
pub fn router(gateway: Arc<Gateway>) -> Router {
	let router = Router::new()
		.route("/", get(chat_page))
		.route("/healthz", get(health))
		.route("/health", get(health))
		.route("/ready", get(health))
		.route("/metrics", get(metrics))
		.route("/v1/models", get(models))
		.route("/v1/models/{*id}", get(model))
		.route("/v1/chat/completions", post(chat))
		.route("/v1/completions", post(completion))
		.route("/v1/receipts/{id}", get(receipt))
		.route("/v1/quote", get(prices).post(quote))
		.route("/v1/account", get(account))
		.route("/chat/stream", get(native_stream))
		.route("/ws/chat", get(socket::open))
		.merge(gateway.routes().with_state(()))
		.fallback(page_file)
		.method_not_allowed_fallback(wrong_method);
	let router = match access::cors(gateway.config()) {
		Some(cors) => router.layer(cors),
		None => router,
	};
	// The outermost: nothing is done for a request that is not welcome.
	router.layer(middleware::from_fn_with_state(gateway.clone(), access::guard)).with_state(gateway)
}

async fn chat_page(State(gateway): State<Arc<Gateway>>, request: extract::Request) -> Answered {
	if gateway.page().is_some() {
		return page_file(State(gateway), request).await;
	}
	let mut response = Response::new(Body::from(page::page()));
	let headers = response.headers_mut();
	headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
	headers.insert(header::CONTENT_SECURITY_POLICY, page::content_security_policy());
	Ok(response)
}

/// Sends a file of the page's folder, if there is one.
async fn page_file(State(gateway): State<Arc<Gateway>>, request: extract::Request) -> Answered {
	if let Some(page) = gateway.page() {
		if matches!(*request.method(), Method::GET | Method::HEAD) {
			if let Some(found) = page.send(request).await? {
				return Ok(found);
			}
		}
	}
	Err(unknown_route())
}

async fn health(State(gateway): State<Arc<Gateway>>) -> Answered {
	gateway.ensure_serving()?;
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

/// Returns the description of a model, or with `/files/NAME` behind its name one of its files.
async fn model(
	State(gateway): State<Arc<Gateway>>,
	Path(id): Path<String>,
	request: extract::Request,
) -> Answered {
	let model = gateway.model();
	if model.is_called(&id) {
		return Ok(send(model.description()));
	}
	match id.split_once("/files/").filter(|(id, _)| model.is_called(id)) {
		Some((_, name)) => match gateway.model_files() {
			Some(files) => {
				access::ensure_asked_here(request.headers())?;
				files.send(model, name, request).await
			}
			None => Err(files::not_shared()),
		},
		None => Err(ApiError::no_such_model(&id, model.id())),
	}
}

async fn receipt(State(gateway): State<Arc<Gateway>>, Path(id): Path<String>) -> Answered {
	let kept = match gateway.receipts().get(&id) {
		Some(receipt) => Some(receipt),
		// What was signed is on the till's disk, whatever became of the process.
		None => {
			let read = tokio::task::spawn_blocking(move || gateway.till().receipt(&id)).await;
			read.map_err(ApiError::failed)?.map(Bytes::from)
		}
	};
	let Some(receipt) = kept else {
		return Err(ApiError::request(
			StatusCode::NOT_FOUND,
			"receipt_not_found",
			"there is no such receipt: it is written when its answer ends, and the oldest are forgotten",
		));
	};
	let kind = HeaderValue::from_static("application/json");
	Ok(([(header::CONTENT_TYPE, kind)], receipt).into_response())
}

fn unknown_route() -> ApiError {
	let routes = "/v1/models, /v1/models/ID/files/NAME, /v1/chat/completions, /v1/completions, /v1/receipts/ID, /v1/quote, /v1/account, /chat/stream, \
		/ws/chat, /healthz, /metrics, those that its operator has switched on (docs/gateway.md), and the page at /";
	ApiError::request(
		StatusCode::NOT_FOUND,
		"unknown_url",
		format!("there is no such route: there are {routes}"),
	)
}

async fn wrong_method() -> ApiError {
	let message = "this route takes another method: POST for completions and quotes, GET for everything else";
	ApiError::request(StatusCode::METHOD_NOT_ALLOWED, "method_not_supported", message)
}

/// Returns the prices.
async fn prices(State(gateway): State<Arc<Gateway>>) -> Response {
	let prices = gateway.till().prices();
	send(json!({
		"object": "prices", "is_free": prices.are_free(), "unit": "planck per 1000 tokens",
		"input": prices.input.to_string(), "output": prices.output.to_string(),
	}))
}

/// Returns what a request would cost at most; its body is that of the request.
async fn quote(State(gateway): State<Arc<Gateway>>, request: extract::Request) -> Answered {
	let peer = Peer::of(&request);
	let (parts, body) = request.into_parts();
	let body = gateway.body_memory().read(body).await?;
	let kind = kind_of(body.bytes());
	let (request, hash) =
		(generation::read(&gateway, kind, body.bytes())?, generation::body_hash(body.bytes()));
	drop(body);
	let order = generation::price(gateway.clone(), request, hash, peer).await?;
	let prices = gateway.till().prices();
	let mut quote = json!({
		"object": "quote", "is_free": prices.are_free(),
		"prices": { "input": prices.input.to_string(), "output": prices.output.to_string() },
		"prompt_tokens": order.prompt_tokens, "max_answer_tokens": order.answer_tokens_max, "answers": order.answers,
		"input_cost": prices.cost(order.prompt_tokens, 0).to_string(), "ceiling": order.ceiling(&prices).to_string(),
		"body": format!("0x{}", hex::encode(order.body)),
	});
	if let (Some(signed), Value::Object(fields)) = (gateway.till().quote(&parts.headers, &order), &mut quote)
	{
		fields.insert("signed_quote".into(), signed);
	}
	Ok(send(quote))
}

/// Tells requests by their bodies: those of a chat have messages.
fn kind_of(body: &[u8]) -> Kind {
	let value = serde_json::from_slice::<Value>(body).unwrap_or_default();
	match value.get("prompt") {
		Some(_) => Kind::Completion,
		None => Kind::Chat,
	}
}

async fn account(State(gateway): State<Arc<Gateway>>, headers: HeaderMap) -> Answered {
	Ok(send(gateway.till().account(&headers).await?))
}

async fn native_stream(State(gateway): State<Arc<Gateway>>, request: extract::Request) -> Answered {
	let (peer, began_at) = (Peer::of(&request), Instant::now());
	let (parts, _) = request.into_parts();
	access::ensure_asked_here(&parts.headers)?;
	let body = native::body(gateway.model().id(), parts.uri.query().unwrap_or_default())?;
	let asked = Asked {
		request: generation::read(&gateway, Kind::Chat, &body)?,
		body: generation::body_hash(&body),
		route: "/chat/stream",
		headers: parts.headers,
		peer,
		began_at,
	};
	let begun = generation::begin(gateway, asked).await?;
	let id = begun.head.id.clone();
	named(stream::send(native::events(begun)), &id)
}

async fn chat(State(gateway): State<Arc<Gateway>>, request: extract::Request) -> Answered {
	generate(gateway, Kind::Chat, "/v1/chat/completions", request).await
}

async fn completion(State(gateway): State<Arc<Gateway>>, request: extract::Request) -> Answered {
	generate(gateway, Kind::Completion, "/v1/completions", request).await
}

/// Answers a prompt.
async fn generate(
	gateway: Arc<Gateway>,
	kind: Kind,
	route: &'static str,
	request: extract::Request,
) -> Answered {
	let (peer, began_at) = (Peer::of(&request), Instant::now());
	let (parts, body) = request.into_parts();
	let body = gateway.body_memory().read(body).await?;
	let asked = Asked {
		request: generation::read(&gateway, kind, body.bytes())?,
		body: generation::body_hash(body.bytes()),
		route,
		headers: parts.headers,
		peer,
		began_at,
	};
	drop(body);
	let is_stream = asked.request.is_stream;
	let Begun { head, readers, .. } = generation::begin(gateway, asked).await?;
	let id = head.id.clone();
	let response = match is_stream {
		true => stream::respond(head, readers),
		false => collect(&head, readers).await?,
	};
	named(response, &id)
}

/// Names the receipt in the headers.
fn named(mut response: Response, id: &str) -> Answered {
	let id = HeaderValue::from_str(id).map_err(ApiError::failed)?;
	for name in [RECEIPT, RECEIPT_ID, REQUEST_ID] {
		response.headers_mut().insert(name, id.clone());
	}
	Ok(response)
}

/// Waits for whole answers. Dropping this future cancels them.
async fn collect(head: &Head, readers: Vec<Reader>) -> Answered {
	// All are read at the same time: a reader that waits for its turn would not take what is charged when it is taken.
	let answers = futures::future::try_join_all(readers.into_iter().map(whole)).await?;
	let (choices, summaries): (Vec<Whole>, Vec<Summary>) = answers.into_iter().unzip();
	let mut response = send(head.whole(&choices, &summaries));
	if has_bill(&summaries) {
		let headers = response.headers_mut();
		let charged = charged(&summaries);
		headers.insert(CHARGED, HeaderValue::from_str(&charged.to_string()).map_err(ApiError::failed)?);
		if let Some(mut payment) = summaries.first().and_then(|summary| summary.bill.payment.clone()) {
			if let Value::Object(fields) = &mut payment {
				fields.insert("amount".into(), charged.to_string().into());
			}
			let payment = STANDARD.encode(payment.to_string());
			headers.insert(PAYMENT_RESPONSE, HeaderValue::from_str(&payment).map_err(ApiError::failed)?);
		}
	}
	Ok(response)
}

/// Waits for one whole answer.
async fn whole(mut reader: Reader) -> Result<(Whole, Summary), ApiError> {
	let (mut text, mut scores) = (String::new(), Vec::new());
	while let Some(piece) = reader.next().await {
		match piece {
			Piece::Text { text: more, scores: further, .. } => {
				text.push_str(&more);
				scores.extend(further);
			}
			Piece::Done(summary) => {
				let end = summary.outcome.clone()?;
				return Ok((Whole { text, scores, end }, *summary));
			}
		}
	}
	Err(ApiError::failed("the generation was given up"))
}

fn send(value: Value) -> Response {
	let kind = HeaderValue::from_static("application/json");
	([(header::CONTENT_TYPE, kind)], value.to_string()).into_response()
}
