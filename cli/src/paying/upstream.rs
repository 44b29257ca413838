//! HTTP to an operator's gateway, with TLS where its address says https.

use crate::failure::{Failure, Outcome};
use axum::body::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, header::HeaderMap, http::uri::PathAndQuery, Method, Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
	client::legacy::{connect::HttpConnector, Client},
	rt::{TokioExecutor, TokioTimer},
};
use std::time::Duration;

/// Time within which a gateway must accept a connection. A packet that is lost is sent again after a second.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Time within which it must begin to answer: a whole answer is computed first.
const HEAD_TIMEOUT: Duration = Duration::from_secs(900);
/// Time after which a connection that is not used is closed, before the gateway closes it (75 s).
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Connections to a gateway that wait to be used again.
const IDLE_MAX: usize = 20;
/// Largest body that is read whole: a receipt of the longest conversation, or an answer.
const BODY_BYTES_MAX: usize = 32 << 20;

/// Reason why a gateway gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
	/// It could not be reached: it has seen nothing of the request.
	#[error("the operator's gateway cannot be reached: {0}")]
	Connect(String),
	/// The connection broke: it may have seen the request.
	#[error("the connection to the operator's gateway broke: {0}")]
	Broken(String),
	/// It does not answer.
	#[error("the operator's gateway does not answer")]
	Timeout,
	/// The request is malformed.
	#[error("the request cannot be sent: {0}")]
	Request(String),
}

/// Connections of either kind. Those without TLS need no certificates of this machine.
enum Connections {
	Plain(Client<HttpConnector, Full<Bytes>>),
	Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

/// A gateway.
pub struct Upstream {
	connections: Connections,
	base: Uri,
}

impl Upstream {
	/// Names a gateway by its address. No connection is made yet.
	pub fn new(endpoint: &str) -> Outcome<Self> {
		let refuse = |reason: &str| {
			Failure::new(format!("{endpoint:?} is not the address of a gateway: {reason}"))
				.next("an operator's offer names one such as https://blyan.example: blyan offer list")
		};
		let base: Uri = endpoint.parse().map_err(|_| refuse("it is not a URL"))?;
		if base.host().is_none() || !matches!(base.scheme_str(), Some("http" | "https")) {
			return Err(refuse("it must begin with https:// or http:// and name a host"));
		}
		let mut connector = HttpConnector::new();
		connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
		connector.set_nodelay(true);
		let mut builder = Client::builder(TokioExecutor::new());
		builder
			.pool_idle_timeout(IDLE_TIMEOUT)
			.pool_max_idle_per_host(IDLE_MAX)
			.pool_timer(TokioTimer::new());
		if base.scheme_str() == Some("http") {
			return Ok(Self { connections: Connections::Plain(builder.build(connector)), base });
		}
		connector.enforce_http(false);
		let tls = HttpsConnectorBuilder::new()
			.with_native_roots()
			.map_err(|error| Failure::new(format!("this machine's certificates cannot be read: {error}")))?;
		// The second version where the gateway, or the proxy in front of it, offers it: any number of answers over one connection.
		let connector = tls.https_only().enable_http1().enable_http2().wrap_connector(connector);
		Ok(Self { connections: Connections::Tls(builder.build(connector)), base })
	}

	/// Reports whether others on the way can read what is sent.
	pub fn is_open(&self) -> bool {
		self.base.scheme_str() == Some("http") && !self.base.host().is_some_and(blyan_loopback::is_loopback)
	}

	/// Sends a request and returns the beginning of its answer.
	pub async fn send(
		&self,
		method: Method,
		path: &PathAndQuery,
		headers: HeaderMap,
		body: Bytes,
	) -> Result<Response<Incoming>, UpstreamError> {
		let refuse = |error: hyper::http::Error| UpstreamError::Request(error.to_string());
		let prefix = self.base.path().trim_end_matches('/');
		let mut uri = Uri::builder().path_and_query(format!("{prefix}{path}"));
		if let (Some(scheme), Some(authority)) = (self.base.scheme(), self.base.authority()) {
			uri = uri.scheme(scheme.clone()).authority(authority.clone());
		}
		let mut request = Request::builder()
			.method(method)
			.uri(uri.build().map_err(refuse)?)
			.body(Full::new(body))
			.map_err(refuse)?;
		*request.headers_mut() = headers;
		let answer = match &self.connections {
			Connections::Plain(client) => client.request(request),
			Connections::Tls(client) => client.request(request),
		};
		let answered = tokio::time::timeout(HEAD_TIMEOUT, answer).await;
		answered.map_err(|_| UpstreamError::Timeout)?.map_err(|error| {
			let is_connect = error.is_connect();
			let reason = with_sources(&error);
			if is_connect {
				UpstreamError::Connect(reason)
			} else {
				UpstreamError::Broken(reason)
			}
		})
	}

	/// Asks for a path, and reads the whole answer: its status and its body.
	pub async fn get(&self, path: &str, headers: HeaderMap) -> Result<(u16, Bytes), UpstreamError> {
		let path = path.parse::<PathAndQuery>().map_err(|error| UpstreamError::Request(error.to_string()))?;
		let response = self.send(Method::GET, &path, headers, Bytes::new()).await?;
		let status = response.status().as_u16();
		Ok((status, read(response.into_body()).await?))
	}
}

/// Reads a body whole, up to a limit.
pub async fn read(body: Incoming) -> Result<Bytes, UpstreamError> {
	let collected = Limited::new(body, BODY_BYTES_MAX).collect().await;
	collected.map(|collected| collected.to_bytes()).map_err(|error| UpstreamError::Broken(error.to_string()))
}

/// An error with its causes, of which the last one says what is wrong.
fn with_sources(error: &dyn std::error::Error) -> String {
	let mut words = error.to_string();
	let mut source = error.source();
	while let Some(cause) = source {
		words.push_str(": ");
		words.push_str(&cause.to_string());
		source = cause.source();
	}
	words
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::sync::{
		atomic::{AtomicUsize, Ordering},
		Arc,
	};

	#[test]
	fn a_gateway_is_named_by_a_url_with_a_host() {
		for endpoint in ["", "blyan.example", "ws://blyan.example", "http://", "/v1"] {
			assert!(Upstream::new(endpoint).is_err(), "{endpoint}");
		}
		let is_open = |endpoint: &str| Upstream::new(endpoint).unwrap().is_open();
		assert!(is_open("http://blyan.example:8000") && !is_open("http://127.0.0.1:8000"));
	}

	#[tokio::test]
	async fn a_connection_is_kept_for_the_next_request() {
		use axum::serve::ListenerExt;
		let accepted = Arc::new(AtomicUsize::new(0));
		let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
		let upstream = Upstream::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
		let counter = accepted.clone();
		let listener = listener.tap_io(move |_| {
			counter.fetch_add(1, Ordering::SeqCst);
		});
		let router = axum::Router::new().fallback(|| async { "here" });
		tokio::spawn(async move { axum::serve(listener, router).await });
		for _ in 0..5 {
			assert_eq!(upstream.get("/healthz", HeaderMap::new()).await.unwrap().0, 200);
			// The connection goes back beside the answer.
			tokio::time::sleep(Duration::from_millis(50)).await;
		}
		assert_eq!(accepted.load(Ordering::SeqCst), 1);
	}

	#[tokio::test]
	async fn a_gateway_that_is_not_there_has_seen_nothing() {
		let upstream = Upstream::new("http://127.0.0.1:1").unwrap();
		let error = upstream.get("/healthz", HeaderMap::new()).await.unwrap_err();
		assert!(matches!(error, UpstreamError::Connect(_)), "{error}");
	}
}
