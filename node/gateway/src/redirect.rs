//! The port without encryption beside one with TLS: it sends browsers over, and answers nothing else.

use crate::error::ApiError;
use axum::{
	extract::{Request, State},
	http::{header, uri::Authority, HeaderMap, HeaderValue, Method, StatusCode, Uri},
	response::{IntoResponse, Response},
	Router,
};
use hyper::server::conn::http1;
use hyper_util::{
	rt::{TokioIo, TokioTimer},
	service::TowerToHyperService,
};
use std::{sync::Arc, time::Duration};
use tokio::{
	net::{TcpListener, TcpStream},
	sync::Semaphore,
	time::{sleep, timeout},
};

/// Connections at once; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 64;
/// Time of a connection, from its beginning to its end.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a request's headers.
const BUFFER_BYTES_MAX: usize = 16 << 10;
/// Pause after an error that has nothing to do with one client.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Port that addresses with `https` have without naming one.
const HTTPS: u16 = 443;

/// Sends everything that is asked on a port without encryption to the same address with TLS, by its port there. Never returns.
pub async fn redirect(listener: TcpListener, tls_port: u16) {
	let router = Router::new().fallback(send_over).with_state(tls_port);
	let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
	loop {
		// The semaphore is never closed.
		let Ok(place) = places.clone().acquire_owned().await else { return };
		let Ok((stream, _)) = listener.accept().await else {
			sleep(ACCEPT_PAUSE).await;
			continue;
		};
		let router = router.clone();
		tokio::spawn(async move {
			converse(stream, router).await;
			drop(place);
		});
	}
}

/// Answers one request.
async fn converse(stream: TcpStream, router: Router) {
	let connection = http1::Builder::new()
		.timer(TokioTimer::new())
		.header_read_timeout(CONNECTION_TIMEOUT)
		.keep_alive(false)
		.max_buf_size(BUFFER_BYTES_MAX)
		.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
	// A reader that takes nothing is given up with the rest.
	if let Ok(Err(error)) = timeout(CONNECTION_TIMEOUT, connection).await {
		tracing::trace!("a connection without TLS ended: {error}");
	}
}

async fn send_over(State(port): State<u16>, request: Request) -> Response {
	// Sent again by the browser it would work, and never be noticed: prompts and keys would go over the wire twice, once for all to read.
	if !matches!(*request.method(), Method::GET | Method::HEAD) {
		return ApiError::request(
			StatusCode::FORBIDDEN,
			"tls_required",
			"this port has no encryption, and what was sent to it could be read on the way: ask by https, and change keys that were sent",
		)
		.into_response();
	}
	match target(request.uri(), request.headers(), port) {
		Some(target) => (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, target)]).into_response(),
		None => ApiError::request(
			StatusCode::BAD_REQUEST,
			"invalid_host",
			"the request names no host: ask by https and the name of this server",
		)
		.into_response(),
	}
}

/// Returns the same address with TLS: the host that the request names, which only its own client believes.
fn target(uri: &Uri, headers: &HeaderMap, port: u16) -> Option<HeaderValue> {
	let named = || headers.get(header::HOST)?.to_str().ok()?.parse::<Authority>().ok();
	let authority = uri.authority().cloned().or_else(named)?;
	let host = authority.host();
	if host.is_empty() {
		return None;
	}
	let path = uri.path_and_query().map_or("/", |path| path.as_str());
	let address = match port {
		HTTPS => format!("https://{host}{path}"),
		port => format!("https://{host}:{port}{path}"),
	};
	HeaderValue::try_from(address).ok()
}

#[cfg(test)]
mod tests {
	use super::*;

	fn to(uri: &str, host: Option<&str>, port: u16) -> Option<String> {
		let mut headers = HeaderMap::new();
		if let Some(host) = host {
			headers.insert(header::HOST, host.parse().unwrap());
		}
		target(&uri.parse().unwrap(), &headers, port).map(|target| target.to_str().unwrap().to_owned())
	}

	#[test]
	fn a_browser_is_sent_to_the_same_page_of_the_same_host() {
		assert_eq!(to("/a?b=c", Some("chat.example"), 443).unwrap(), "https://chat.example/a?b=c");
		assert_eq!(to("/", Some("chat.example:80"), 8443).unwrap(), "https://chat.example:8443/");
		assert_eq!(to("/", Some("[::1]:80"), 8443).unwrap(), "https://[::1]:8443/");
		assert_eq!(to("http://chat.example/a", Some("other"), 443).unwrap(), "https://chat.example/a");
	}

	#[test]
	fn attack_send_a_browser_elsewhere_by_a_path_or_a_name_stays_with_the_host() {
		assert_eq!(
			to("//evil.example/", Some("chat.example"), 443).unwrap(),
			"https://chat.example//evil.example/"
		);
		assert_eq!(to("/", Some("evil.example@chat.example"), 443).unwrap(), "https://chat.example/");
		assert_eq!(to("/", None, 443), None);
		assert_eq!(to("/", Some("a b"), 443), None);
	}
}
