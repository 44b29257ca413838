//! The HTTP endpoint: documents that are made once a block, answered from memory.

use crate::{guide, page, schema::Status};
use http_body_util::Full;
use hyper::{
	body::{Bytes, Incoming},
	header::{self, HeaderMap, HeaderValue},
	server::conn::http1,
	service::service_fn,
	Method, Request, Response, StatusCode,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};
use tokio::{
	net::{TcpListener, TcpStream},
	sync::{watch, Semaphore},
};

/// Connections at once; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 64;
/// Time within which a client must have sent its request's headers.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(5);
/// Time after which a connection is closed, however busy it is.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// Pause after an error that has nothing to do with one client, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Policy for everything that is not the page: a browser may do nothing with it.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// Audience of the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
	/// Programs of this machine. A request must name this machine as its host: the page of a stranger whose name is made
	/// to lead here would name its own.
	Loopback,
	/// Every machine that can connect.
	External,
}

/// The documents of one block.
#[derive(Clone, Debug)]
pub struct Pages {
	json: Bytes,
	html: Bytes,
	guide: Bytes,
}

impl Pages {
	/// Renders all of them.
	pub fn render(status: &Status) -> Result<Self, serde_json::Error> {
		Ok(Self {
			json: serde_json::to_vec(status)?.into(),
			html: page::render(status).into(),
			guide: guide::render(status).into(),
		})
	}
}

/// Answers requests on `listener` with the newest documents, until its task is dropped.
///
/// Before there are any it asks clients to come back.
pub async fn serve(listener: TcpListener, pages: watch::Receiver<Option<Arc<Pages>>>, access: Access) {
	let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
	let policy =
		HeaderValue::from_str(&page::content_security_policy()).unwrap_or(HeaderValue::from_static(NOTHING));
	loop {
		// The semaphore is never closed.
		let Ok(place) = places.clone().acquire_owned().await else { return };
		let stream = match listener.accept().await {
			Ok((stream, _)) => stream,
			Err(error) => {
				log::debug!("cannot accept a connection to the status page: {error}");
				tokio::time::sleep(ACCEPT_PAUSE).await;
				continue;
			}
		};
		let connection = converse(stream, pages.clone(), access, policy.clone());
		tokio::spawn(async move {
			let _ = tokio::time::timeout(CONNECTION_TIMEOUT, connection).await;
			drop(place);
		});
	}
}

/// Serves one connection to its end.
fn converse(
	stream: TcpStream,
	pages: watch::Receiver<Option<Arc<Pages>>>,
	access: Access,
	policy: HeaderValue,
) -> impl Future<Output = ()> + Send {
	let service = service_fn(move |request: Request<Incoming>| {
		let newest = pages.borrow().clone();
		let response = answer(&request, newest.as_deref(), access, &policy);
		async move { Ok::<_, Infallible>(response) }
	});
	let connection = http1::Builder::new()
		.timer(TokioTimer::new())
		.header_read_timeout(HEADERS_TIMEOUT)
		.serve_connection(TokioIo::new(stream), service);
	async move {
		if let Err(error) = connection.await {
			log::trace!("a connection to the status page ended: {error}");
		}
	}
}

fn answer<B>(
	request: &Request<B>,
	pages: Option<&Pages>,
	access: Access,
	policy: &HeaderValue,
) -> Response<Full<Bytes>> {
	if access == Access::Loopback && !blyan_loopback::is_for_this_machine(request) {
		return refuse(
			StatusCode::FORBIDDEN,
			"the Host of the request is not this machine: ask http://127.0.0.1, or start the node with --status-external\n",
		);
	}
	let document: fn(&Pages) -> (&Bytes, &'static str) = match request.uri().path() {
		"/" => |pages| (&pages.html, "text/html; charset=utf-8"),
		"/status.json" => |pages| (&pages.json, "application/json"),
		"/llms.txt" => |pages| (&pages.guide, "text/plain; charset=utf-8"),
		_ => return refuse(StatusCode::NOT_FOUND, "not found: ask for /, /status.json or /llms.txt\n"),
	};
	if !matches!(*request.method(), Method::GET | Method::HEAD) {
		let mut refusal = refuse(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered here\n");
		refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
		return refusal;
	}
	let Some(pages) = pages else {
		let mut refusal = refuse(
			StatusCode::SERVICE_UNAVAILABLE,
			"the chain has not been read yet: ask again in a second\n",
		);
		refusal.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
		// The same for browsers.
		refusal.headers_mut().insert(header::REFRESH, HeaderValue::from_static("1"));
		return refusal;
	};
	let (body, kind) = document(pages);
	respond(StatusCode::OK, body.clone(), kind, policy.clone())
}

fn refuse(status: StatusCode, why: &'static str) -> Response<Full<Bytes>> {
	let policy = HeaderValue::from_static(NOTHING);
	respond(status, Bytes::from_static(why.as_bytes()), "text/plain; charset=utf-8", policy)
}

fn respond(
	status: StatusCode,
	body: Bytes,
	kind: &'static str,
	policy: HeaderValue,
) -> Response<Full<Bytes>> {
	let mut response = Response::new(Full::new(body));
	*response.status_mut() = status;
	let headers: &mut HeaderMap = response.headers_mut();
	headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
	headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
	headers.insert(header::CONTENT_SECURITY_POLICY, policy);
	headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
	headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
	response
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::facts::samples;
	use std::net::SocketAddr;
	use tokio::io::{AsyncReadExt, AsyncWriteExt};

	/// A server on a port of its own. Dropping the sender leaves it with what it has.
	async fn server(access: Access) -> (SocketAddr, watch::Sender<Option<Arc<Pages>>>) {
		let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
		let address = listener.local_addr().unwrap();
		let (sender, receiver) = watch::channel(None);
		tokio::spawn(serve(listener, receiver, access));
		(address, sender)
	}

	fn pages() -> Option<Arc<Pages>> {
		Some(Arc::new(Pages::render(&samples::facts().status()).unwrap()))
	}

	/// Sends bytes and reads all of the answer.
	async fn say(address: SocketAddr, request: &str) -> String {
		let mut stream = TcpStream::connect(address).await.unwrap();
		stream.write_all(request.as_bytes()).await.unwrap();
		let mut answer = String::new();
		stream.read_to_string(&mut answer).await.unwrap();
		answer
	}

	async fn ask(address: SocketAddr, method: &str, path: &str, host: &str) -> String {
		say(address, &format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await
	}

	#[tokio::test]
	async fn documents_have_their_type_and_are_never_cached() {
		let (address, sender) = server(Access::Loopback).await;
		sender.send_replace(pages());
		for (path, kind, text) in [
			("/", "text/html; charset=utf-8", "<!doctype html>"),
			("/status.json", "application/json", "\"schema\":1"),
			("/llms.txt", "text/plain; charset=utf-8", "## This chain now"),
		] {
			let answer = ask(address, "GET", path, "127.0.0.1:9617").await;
			assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
			assert!(answer.contains(&format!("content-type: {kind}\r\n")), "{answer}");
			assert!(answer.contains("cache-control: no-store\r\n"), "{answer}");
			assert!(
				answer.contains("content-security-policy: default-src 'none'; style-src 'sha256-"),
				"{answer}"
			);
			assert!(answer.contains("x-content-type-options: nosniff\r\n"), "{answer}");
			assert!(!answer.contains("access-control-allow-origin"), "no other site may read it");
			assert!(answer.contains(text), "{path}");
			assert!(path == "/status.json" || !answer.contains("<script"), "text of the chain is escaped");
		}
		let answer = ask(address, "HEAD", "/", "localhost").await;
		assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
		let json = ask(address, "GET", "/status.json?x=1", "[::1]:1").await;
		let body = json.split_once("\r\n\r\n").unwrap().1;
		let status: Status = serde_json::from_str(body).unwrap();
		assert_eq!(status.block.number, 1_000);
	}

	#[tokio::test]
	async fn other_paths_and_methods_are_refused_with_the_way_out() {
		let (address, sender) = server(Access::Loopback).await;
		sender.send_replace(pages());
		for path in ["/nothing", "/status.json/", "//", "/..%2fetc", "/STATUS.JSON"] {
			let answer = ask(address, "GET", path, "localhost").await;
			assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
			assert!(answer.contains("ask for /, /status.json or /llms.txt"), "{answer}");
		}
		for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
			let answer = ask(address, method, "/status.json", "localhost").await;
			assert!(answer.starts_with("HTTP/1.1 405 "), "{method}: {answer}");
			assert!(answer.contains("allow: GET, HEAD\r\n"), "{answer}");
		}
	}

	#[tokio::test]
	async fn a_request_for_another_host_is_refused_on_loopback_only() {
		let (address, sender) = server(Access::Loopback).await;
		sender.send_replace(pages());
		for host in
			["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "", "a b"]
		{
			let answer = ask(address, "GET", "/status.json", host).await;
			assert!(answer.starts_with("HTTP/1.1 403 "), "{host:?}: {answer}");
			assert!(!answer.contains("schema"), "{host}");
		}
		let two = "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
		assert!(say(address, two).await.starts_with("HTTP/1.1 403 "));
		assert!(say(address, "GET / HTTP/1.0\r\n\r\n").await.contains(" 403 "));
		let absolute = "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
		assert!(say(address, absolute).await.starts_with("HTTP/1.1 403 "));
		for host in ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:9617", "[::1]:9617"] {
			assert!(ask(address, "GET", "/", host).await.starts_with("HTTP/1.1 200 "), "{host}");
		}
		let (address, sender) = server(Access::External).await;
		sender.send_replace(pages());
		assert!(ask(address, "GET", "/", "node.example").await.starts_with("HTTP/1.1 200 "));
	}

	#[tokio::test]
	async fn clients_are_asked_to_come_back_before_the_first_block_and_see_every_later_one() {
		let (address, sender) = server(Access::Loopback).await;
		let answer = ask(address, "GET", "/", "localhost").await;
		assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 1\r\n"), "{answer}");
		let mut facts = samples::facts();
		facts.block.number = 77;
		sender.send_replace(Some(Arc::new(Pages::render(&facts.status()).unwrap())));
		assert!(ask(address, "GET", "/status.json", "localhost").await.contains("\"number\":77"));
		sender.send_replace(pages());
		assert!(ask(address, "GET", "/status.json", "localhost").await.contains("\"number\":1000"));
	}
}
