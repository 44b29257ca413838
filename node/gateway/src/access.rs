//! Checks and headers that all routes share: which hosts and origins may ask, and what a browser may do with an answer.

use crate::{
	access_log::AccessLine,
	clients::Peer,
	error::{ApiError, RefusalCode},
	gateway::{Config, Gateway},
};
use axum::{
	extract::{MatchedPath, Request, State},
	http::{
		header::{self, HeaderName},
		uri::Authority,
		HeaderMap, HeaderValue, Method, StatusCode, Uri,
	},
	middleware::Next,
	response::{IntoResponse, Response},
};
use std::{
	sync::Arc,
	time::{Duration, Instant},
};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// Header with the identifier of an answer's receipt.
pub const RECEIPT: HeaderName = HeaderName::from_static("x-blyan-receipt");
/// Header with the identifier of an answer, which official clients show.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Header with the identifier of an answer's receipt, by the name that payers look for.
pub const RECEIPT_ID: HeaderName = HeaderName::from_static("x-receipt-id");
/// Header with what an answer was charged, in planck.
pub const CHARGED: HeaderName = HeaderName::from_static("x-blyan-charged");
/// Header of x402 with what has to be paid.
const PAYMENT_REQUIRED: HeaderName = HeaderName::from_static("payment-required");
/// Header of x402 with what was paid.
pub const PAYMENT_RESPONSE: HeaderName = HeaderName::from_static("payment-response");
/// Header with the version of this interface.
const API_VERSION: HeaderName = HeaderName::from_static("x-api-version");
/// Version of this interface.
const VERSION: HeaderValue = HeaderValue::from_static("1");
/// Lets browsers ask by TLS only for a year, where they came by it; on a connection without TLS they pass it over.
const TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Policy for everything that is not the page: a browser may do nothing with it.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// Time for which a browser need not ask again what another origin may do.
const PREFLIGHT_AGE: Duration = Duration::from_secs(600);

/// Refuses strangers, and adds the headers and figures of every answer.
pub async fn guard(State(gateway): State<Arc<Gateway>>, mut request: Request, next: Next) -> Response {
	let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
	let peer = Peer::of(&request).behind(gateway.proxies(), request.headers());
	request.extensions_mut().insert(peer);
	let (client, method, began_at) = (peer.client(), request.method().clone(), Instant::now());
	let mut response = match ensure_welcome(gateway.config(), &request) {
		Ok(()) => next.run(request).await,
		Err(error) => error.into_response(),
	};
	let refusal = response.extensions().get::<RefusalCode>().map(|code| code.0);
	gateway.metrics().note_request(&route, response.status().as_u16(), refusal);
	if let Some(log) = gateway.access_log() {
		let (status, duration) = (response.status().as_u16(), began_at.elapsed());
		log(&AccessLine { client, method: &method, route: &route, status, refusal, duration });
	}
	let headers = response.headers_mut();
	put_if_absent(headers, header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
	put_if_absent(headers, header::CONTENT_SECURITY_POLICY, NOTHING);
	headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
	headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
	headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
	headers.insert(header::STRICT_TRANSPORT_SECURITY, TRANSPORT);
	headers.insert(API_VERSION, VERSION);
	response
}

fn put_if_absent(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
	headers.entry(name).or_insert(value);
}

/// Refuses a request for another host, and one of another site's page.
fn ensure_welcome(config: &Config, request: &Request) -> Result<(), ApiError> {
	if config.is_loopback && !blyan_loopback::is_for_this_machine(request) {
		return Err(ApiError::request(
			StatusCode::FORBIDDEN,
			"wrong_host",
			"the Host of the request is not this machine: ask http://127.0.0.1, or start the server with --listen and the \
			address of this machine",
		));
	}
	// A page may send a POST to any host and only cannot read the answer, so that it is refused before it is computed.
	let mut origins = request.headers().get_all(header::ORIGIN).iter();
	match origins.find(|origin| !is_allowed(config, origin) && !is_own(origin, request)) {
		None => Ok(()),
		Some(origin) => Err(ApiError::request(
			StatusCode::FORBIDDEN,
			"wrong_origin",
			format!(
				"pages of {origin:?} may not ask this server: start it with --allow-origin and that origin"
			),
		)),
	}
}

/// Refuses a question of another site's page that names no origin, as one for a picture does. Only browsers send this header, and always where they
/// ask this machine.
pub fn ensure_asked_here(headers: &HeaderMap) -> Result<(), ApiError> {
	let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
	match site {
		Some(b"cross-site" | b"same-site") if !headers.contains_key(header::ORIGIN) => Err(ApiError::request(
			StatusCode::FORBIDDEN,
			"wrong_origin",
			"pages of other sites may not make this server compute: open its address itself, or ask by POST from an origin that \
			is allowed",
		)),
		_ => Ok(()),
	}
}

fn is_allowed(config: &Config, origin: &HeaderValue) -> bool {
	config.origins.iter().any(|allowed| allowed == "*" || allowed == origin)
}

/// Reports whether an origin is the host that the request names.
fn is_own(origin: &HeaderValue, request: &Request) -> bool {
	let authority = |origin: &HeaderValue| origin.to_str().ok()?.parse::<Uri>().ok()?.authority().cloned();
	let host = || request.headers().get(header::HOST)?.to_str().ok()?.parse::<Authority>().ok();
	let named = request.uri().authority().cloned().or_else(host);
	named.is_some() && authority(origin) == named
}

/// Returns the answers to browsers that ask for another origin's page; `None` if no other origin may ask.
pub fn cors(config: &Config) -> Option<CorsLayer> {
	if config.origins.is_empty() {
		return None;
	}
	let origins = match config.origins.iter().any(|origin| origin == "*") {
		true => AllowOrigin::any(),
		false => AllowOrigin::list(config.origins.iter().cloned()),
	};
	Some(
		CorsLayer::new()
			.allow_origin(origins)
			.allow_methods([Method::GET, Method::POST])
			// Official clients send nine headers of their own.
			.allow_headers(AllowHeaders::mirror_request())
			.expose_headers([RECEIPT, RECEIPT_ID, REQUEST_ID, CHARGED, PAYMENT_REQUIRED, PAYMENT_RESPONSE])
			.max_age(PREFLIGHT_AGE),
	)
}
