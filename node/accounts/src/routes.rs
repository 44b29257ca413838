//! Routes of accounts, which the gateway serves beside its own.
//!
//! | route | body | answer |
//! |---|---|---|
//! | `POST /wallet/request_nonce` | `{"address", "chain_id"?}` | the nonce, and the message to sign |
//! | `POST /wallet/authenticate` | `{"message", "signature"}`; with a demo account's token in `Authorization`, that account goes over | tokens |
//! | `POST /wallet/refresh` | `{"refresh_token"}` | tokens |
//! | `POST /wallet/sign_out` | | |
//! | `POST /account/demo` | | tokens |
//! | `GET /account`, `GET /account/history` | | limits and what is left of them; requests with their receipts |
//! | `POST /account/appeal` | `{"text"}` | |

use crate::{
	accounts::{access_token, Accounts},
	refusal,
	sign_in::SignInRequest,
};
use axum::{
	body::{to_bytes, Body},
	extract::{Request, State},
	http::{header, HeaderMap, HeaderValue, StatusCode},
	response::{IntoResponse, Response},
	routing::{get, post},
	Router,
};
use blyan_gateway::{till::Refusal, Peer};
use serde_json::{Map, Value};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::time::timeout;

/// Bytes of a body.
const BODY_BYTES_MAX: usize = 16 << 10;
/// Time within which a client must have sent it.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A request, as far as the routes read it.
struct Asked {
	headers: HeaderMap,
	client: IpAddr,
	body: Map<String, Value>,
}

impl Asked {
	/// Reads a request. A body that is empty has no fields.
	async fn read(request: Request) -> Result<Self, Refusal> {
		let client = Peer::of(&request).client();
		let (parts, body) = request.into_parts();
		let late = |_| refusal::body("the request took too long to arrive: send it again");
		let bytes = timeout(BODY_TIMEOUT, to_bytes(body, BODY_BYTES_MAX)).await.map_err(late)?;
		let bytes = bytes.map_err(|error| refusal::body(format!("the body cannot be read: {error}")))?;
		let body = match bytes.is_empty() {
			true => Map::new(),
			false => serde_json::from_slice(&bytes)
				.map_err(|error| refusal::body(format!("the body is not an object of JSON: {error}")))?,
		};
		Ok(Self { headers: parts.headers, client, body })
	}

	fn field(&self, name: &str) -> Result<&str, Refusal> {
		let found = self.body.get(name).and_then(Value::as_str);
		found.ok_or_else(|| refusal::body(format!("the body has no field {name:?} that is a string")))
	}

	fn header(&self, name: header::HeaderName) -> Option<&str> {
		self.headers.get(name).and_then(|value| value.to_str().ok())
	}

	fn token(&self) -> Result<&str, Refusal> {
		access_token(self.header(header::AUTHORIZATION)).ok_or_else(refusal::sign_in_required)
	}
}

/// Builds the routes.
pub fn router(accounts: Arc<Accounts>) -> Router {
	Router::new()
		.route("/wallet/request_nonce", post(request_nonce))
		.route("/wallet/authenticate", post(authenticate))
		.route("/wallet/refresh", post(refresh))
		.route("/wallet/sign_out", post(sign_out))
		.route("/account", get(describe))
		.route("/account/demo", post(make_demo))
		.route("/account/history", get(history))
		.route("/account/appeal", post(appeal))
		.with_state(accounts)
}

/// Answers a request away from the threads that serve: signatures are checked, and the disk is read.
async fn answer(
	accounts: Arc<Accounts>,
	request: Request,
	work: impl FnOnce(&Accounts, &Asked) -> Result<Value, Refusal> + Send + 'static,
) -> Response {
	let asked = match Asked::read(request).await {
		Ok(asked) => asked,
		Err(refusal) => return refusal.into_response(),
	};
	match tokio::task::spawn_blocking(move || work(&accounts, &asked)).await {
		Ok(Ok(value)) => {
			let kind = HeaderValue::from_static("application/json");
			([(header::CONTENT_TYPE, kind)], Body::from(value.to_string())).into_response()
		}
		Ok(Err(refusal)) => refusal.into_response(),
		Err(error) => {
			tracing::error!("a route of accounts has failed: {error}");
			Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed: see its log")
				.into_response()
		}
	}
}

async fn request_nonce(State(accounts): State<Arc<Accounts>>, request: Request) -> Response {
	let work = |accounts: &Accounts, asked: &Asked| {
		// A number of Ethereum's, or the name of another chain.
		let chain = match asked.body.get("chain_id") {
			None | Some(Value::Null) => None,
			Some(Value::Number(number)) => Some(number.to_string()),
			Some(_) => Some(asked.field("chain_id")?.to_owned()),
		};
		accounts.request_nonce(&SignInRequest {
			address: asked.field("address")?,
			chain: chain.as_deref(),
			host: asked.header(header::HOST),
			client: asked.client,
		})
	};
	answer(accounts, request, work).await
}

async fn authenticate(State(accounts): State<Arc<Accounts>>, request: Request) -> Response {
	let work = |accounts: &Accounts, asked: &Asked| {
		let demo = access_token(asked.header(header::AUTHORIZATION));
		accounts.authenticate(asked.field("message")?, asked.field("signature")?, demo)
	};
	answer(accounts, request, work).await
}

async fn refresh(State(accounts): State<Arc<Accounts>>, request: Request) -> Response {
	let work = |accounts: &Accounts, asked: &Asked| accounts.refresh(asked.field("refresh_token")?);
	answer(accounts, request, work).await
}

async fn sign_out(State(accounts): State<Arc<Accounts>>, request: Request) -> Response {
	answer(accounts, request, |accounts, asked| accounts.sign_out(asked.token()?)).await
}

async fn make_demo(State(accounts): State<Arc<Accounts>>, request: Request) -> Response {
	answer(accounts, request, |accounts, asked| accounts.make_demo(asked.client)).await
}

async fn describe(State(accounts): State<Arc<Accounts>>, request: Request) -> Response {
	answer(accounts, request, |accounts, asked| accounts.describe(asked.token()?)).await
}

async fn history(State(accounts): State<Arc<Accounts>>, request: Request) -> Response {
	answer(accounts, request, |accounts, asked| accounts.history(asked.token()?)).await
}

async fn appeal(State(accounts): State<Arc<Accounts>>, request: Request) -> Response {
	answer(accounts, request, |accounts, asked| accounts.appeal(asked.token()?, asked.field("text")?)).await
}
