//! A local server that speaks OpenAI's interface, and pays for every answer, out of one session or of one with each of several operators.
//!
//! ```text
//! POST /v1/chat/completions, /v1/completions    paid
//! GET  /v1/...                                  passed on as it is
//! GET  /blyan/session                           the session: promised, charged, open; of several operators all of them
//! ```
//!
//! Any program that reaches it spends the session's deposit. So it refuses requests whose host is not this machine and pages of
//! other sites, unless it listens to the network on purpose. Credentials that a client sends stay here: they are meant for another server.

use super::{
	channel::ChannelError,
	operators::Operators,
	payer::{Patience, PayError, Request as Asked},
	relay,
	request::Route,
	upstream::UpstreamError,
};
use axum::{
	body::{to_bytes, Bytes},
	extract::{Request, State},
	http::{
		header::{self, HeaderMap, HeaderName},
		uri::{PathAndQuery, Uri},
		HeaderValue, Method, StatusCode,
	},
	response::{IntoResponse, Response},
	serve::ListenerExt,
	Router,
};
use serde_json::{json, Value};
use std::{future::Future, sync::Arc};
use tokio::net::TcpListener;

/// Largest body of a request, as gateways take it.
const BODY_BYTES_MAX: usize = 4 << 20;
/// Headers that are between two machines, or for another server.
const NOT_PASSED: [HeaderName; 13] = [
	header::HOST,
	header::CONNECTION,
	header::PROXY_AUTHORIZATION,
	header::PROXY_AUTHENTICATE,
	header::TE,
	header::TRAILER,
	header::TRANSFER_ENCODING,
	header::UPGRADE,
	header::CONTENT_LENGTH,
	header::AUTHORIZATION,
	header::COOKIE,
	// An answer is read along, and its head is waited for.
	header::ACCEPT_ENCODING,
	header::EXPECT,
];
/// Tells OpenAI's clients that the same request will fail again.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Local server over the sessions with one or several operators.
pub struct Proxy {
	operators: Arc<Operators>,
	is_loopback: bool,
}

impl Proxy {
	/// Makes a server that pays these operators. On a loopback address it answers requests for this machine only.
	pub fn new(operators: Arc<Operators>, is_loopback: bool) -> Self {
		Self { operators, is_loopback }
	}

	/// Serves until `shutdown`, and then until the answers that are on their way have ended.
	pub async fn serve(
		self,
		listener: TcpListener,
		shutdown: impl Future<Output = ()> + Send + 'static,
	) -> std::io::Result<()> {
		let router = Router::new().fallback(handle).with_state(Arc::new(self));
		// Tokens are sent one by one; with Nagle's algorithm each would wait for the receipt of the one before.
		let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
		axum::serve(listener, router).with_graceful_shutdown(shutdown).await
	}
}

async fn handle(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
	match answer(&proxy, request).await {
		Ok(response) => response,
		Err(refusal) => refusal.into_response(),
	}
}

async fn answer(proxy: &Proxy, request: Request) -> Result<Response, Refusal> {
	proxy.ensure_welcome(&request)?;
	let (head, body) = request.into_parts();
	if head.uri.path() == "/blyan/session" {
		return Ok(send(&proxy.operators.to_json().await));
	}
	let path = head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
	let body = to_bytes(body, BODY_BYTES_MAX).await.map_err(|error| Refusal {
		status: StatusCode::PAYLOAD_TOO_LARGE,
		code: "request_too_large",
		message: format!("the request cannot be read: {error}; it may have {BODY_BYTES_MAX} bytes"),
	})?;
	let mut headers = passed_on(&head.headers);
	if !body.is_empty() {
		headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
	}
	match Route::of(head.uri.path()).filter(|_| head.method == Method::POST) {
		Some(route) => {
			let asked = Asked { route, path, headers, body, patience: Patience::ALONE };
			let mut response = relay::ask(&proxy.operators, asked).await?;
			drop_hops(response.headers_mut());
			Ok(response)
		}
		None => free(proxy, head.method, &path, headers, body).await,
	}
}

fn send(value: &Value) -> Response {
	let kind = HeaderValue::from_static("application/json");
	([(header::CONTENT_TYPE, kind)], value.to_string()).into_response()
}

/// Passes on what costs nothing.
async fn free(
	proxy: &Proxy,
	method: Method,
	path: &PathAndQuery,
	headers: HeaderMap,
	body: Bytes,
) -> Result<Response, Refusal> {
	let forwarded = proxy.operators.forward(method, path, headers, body).await;
	let mut response = forwarded.map_err(PayError::Upstream)?;
	drop_hops(response.headers_mut());
	Ok(response)
}

impl Proxy {
	/// Refuses a request for another host, and one of another site's page.
	fn ensure_welcome(&self, request: &Request) -> Result<(), Refusal> {
		let refuse = |code, message: &str| {
			Err(Refusal { status: StatusCode::FORBIDDEN, code, message: message.into() })
		};
		if !self.is_loopback {
			// Machines may spend it, on purpose; a page that one of them happens to look at may not.
			return match is_of_other_site(request.headers()) {
				true => {
					refuse("wrong_origin", "pages of other sites may not spend the deposit of this session")
				}
				false => Ok(()),
			};
		}
		if !blyan_loopback::is_for_this_machine(request) {
			return refuse("wrong_host", "the Host of the request is not this machine: ask http://127.0.0.1");
		}
		let origin = request.headers().get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
		let host =
			origin.map(|origin| origin.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)));
		match host {
			None => Ok(()),
			Some(Some(host)) if blyan_loopback::is_loopback(&host) => Ok(()),
			Some(_) => {
				refuse("wrong_origin", "pages of other sites may not spend the deposit of this session")
			}
		}
	}
}

/// Reports whether a page of another host than the one that is asked sends this.
fn is_of_other_site(headers: &HeaderMap) -> bool {
	let Some(origin) = headers.get(header::ORIGIN) else { return false };
	let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
	let origin = origin.and_then(|origin| origin.authority().map(ToString::to_string));
	let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
	origin.is_none() || origin.as_deref() != host
}

fn passed_on(headers: &HeaderMap) -> HeaderMap {
	let mut passed = headers.clone();
	for name in &NOT_PASSED {
		passed.remove(name);
	}
	passed
}

/// Removes what is between the operator's gateway and this program.
fn drop_hops(headers: &mut HeaderMap) {
	for name in [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE, header::TRAILER] {
		headers.remove(name);
	}
}

/// Refusal in the shape of OpenAI's interface.
#[derive(Debug)]
struct Refusal {
	status: StatusCode,
	code: &'static str,
	message: String,
}

impl From<PayError> for Refusal {
	fn from(error: PayError) -> Self {
		let (status, code, message) = match error {
			PayError::Channel(error) => {
				let code = match error {
					ChannelError::Deposit { .. } => "session_deposit_exhausted",
					ChannelError::Stopped { .. } | ChannelError::NotOpen(_) => "session_stopped",
					ChannelError::Overcharged { .. } | ChannelError::AboveCeiling { .. } => {
						"operator_overcharges"
					}
				};
				(StatusCode::PAYMENT_REQUIRED, code, error.to_string())
			}
			PayError::Disk(failure) => (
				StatusCode::INSUFFICIENT_STORAGE,
				"session_not_written",
				format!(
					"the record of the session cannot be written, so nothing is promised: {}",
					failure.message
				),
			),
			PayError::Upstream(UpstreamError::Timeout) => {
				(StatusCode::GATEWAY_TIMEOUT, "operator_timeout", UpstreamError::Timeout.to_string())
			}
			PayError::Upstream(error) => (StatusCode::BAD_GATEWAY, "operator_unreachable", error.to_string()),
			PayError::Demand(words) => (
				StatusCode::PAYMENT_REQUIRED,
				"payment_refused",
				format!("the operator does not take this session's voucher: {words}"),
			),
		};
		Self { status, code, message }
	}
}

impl IntoResponse for Refusal {
	fn into_response(self) -> Response {
		let Self { status, code, message } = self;
		let kind = if status.is_server_error() { "server_error" } else { "invalid_request_error" };
		let error = json!({ "error": { "message": message, "type": kind, "param": null, "code": code } });
		let mut response = send(&error);
		*response.status_mut() = status;
		// A connection that failed may come back; nothing else does by itself.
		let may_retry = matches!(status, StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT);
		response
			.headers_mut()
			.insert(SHOULD_RETRY, HeaderValue::from_static(if may_retry { "true" } else { "false" }));
		response
	}
}
