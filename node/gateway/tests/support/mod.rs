//! A server with a small random model on a port of its own, and clients of it.
#![allow(dead_code)] // every test uses a part of it

#[path = "../../../../ml-engine/open-model/tests/support/mod.rs"]
pub mod model;

use axum::{
	body::Bytes,
	http::{response::Parts, HeaderMap, Request, StatusCode},
	Router,
};
use blyan_exact::Sampling;
use blyan_gateway::{engine::Engine, AccessLog, Batched, Config, Gateway, ServedModel, Till, Tls};
use blyan_kernel::Kernel;
use blyan_open_model::{
	conversation::Settings, directory::PartRecord, serve::Limits, GenerationRecord, Manifest,
};
use http_body_util::{BodyExt, Full};
use hyper_util::{
	client::legacy::{connect::HttpConnector, Client},
	rt::TokioExecutor,
};
use serde::de::DeserializeOwned;
use serde_json::{json, Value};
use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
	io::{AsyncReadExt, AsyncWriteExt},
	net::{TcpListener, TcpSocket, TcpStream},
	sync::oneshot,
	task::JoinHandle,
};

/// Positions that the model takes, unless a test says otherwise.
pub const CONTEXT: u32 = 600;
/// Name of the model.
pub const MODEL: &str = "tiny";
/// Time after which a test gives up waiting for what must happen.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running server.
pub struct World {
	pub address: SocketAddr,
	pub gateway: Arc<Gateway>,
	client: Client<HttpConnector, Full<Bytes>>,
	stop: oneshot::Sender<()>,
	served: JoinHandle<()>,
}

/// An answer, whole.
pub struct Response {
	parts: Parts,
	body: Bytes,
}

impl Response {
	pub fn status(&self) -> StatusCode {
		self.parts.status
	}

	pub fn headers(&self) -> &HeaderMap {
		&self.parts.headers
	}

	pub fn text(&self) -> String {
		String::from_utf8(self.body.to_vec()).unwrap()
	}

	pub fn json<T: DeserializeOwned>(&self) -> T {
		serde_json::from_slice(&self.body).unwrap()
	}
}

/// Settings of a test's server.
pub struct Wanted {
	pub context: u32,
	pub places: usize,
	pub places_per_client: Option<usize>,
	pub origins: Vec<&'static str>,
	pub is_loopback: bool,
	pub drain: Duration,
	pub engine: Option<Box<dyn Engine>>,
	pub till: Option<Arc<dyn Till>>,
	pub page: Option<PathBuf>,
	pub page_sources: Option<&'static str>,
	pub model_files: Option<PathBuf>,
	pub parts: Vec<PartRecord>,
	pub routes: Option<Router>,
	pub access_log: Option<AccessLog>,
	pub tls: Option<Arc<Tls>>,
}

impl Default for Wanted {
	fn default() -> Self {
		Self {
			context: CONTEXT,
			places: 64,
			places_per_client: None,
			origins: Vec::new(),
			is_loopback: true,
			drain: Duration::ZERO,
			engine: None,
			till: None,
			page: None,
			page_sources: None,
			model_files: None,
			parts: Vec::new(),
			routes: None,
			access_log: None,
			tls: None,
		}
	}
}

/// The description of the model. Nothing ends its answers but their length, so that they are as long as a test asks.
pub fn manifest() -> Manifest {
	Manifest {
		format: "blyan-model/2".into(),
		definition: 2,
		model_root: "ab".repeat(32),
		architecture: String::new(),
		parts: Vec::new(),
		tokenizer: tokenizer_hash(),
		ends: Vec::new(),
		source: Value::Null,
		changes: Vec::new(),
	}
}

fn tokenizer_hash() -> String {
	hex::encode(model::tokenizer().hash())
}

/// Settings of a request that gives only these.
pub fn settings(tokens_max: usize, temperature: u16, seed: u64) -> Settings {
	let sampling = Sampling { temperature, top_p: 256, seed: Sampling::key_of(seed) };
	Settings { sampling, tokens_max, stop: Vec::new() }
}

impl World {
	/// Starts a server as most tests want it.
	pub async fn new() -> Self {
		Self::with(Wanted::default()).await
	}

	/// Starts a server.
	pub async fn with(wanted: Wanted) -> Self {
		let runner = model::runner(wanted.context, 2, Kernel::best());
		let shape = &runner.weights().shape;
		let sizes = (shape.context, shape.vocabulary);
		let described = Manifest { parts: wanted.parts, ..manifest() };
		let served =
			ServedModel::new(MODEL.into(), described, model::tokenizer(), sizes, 1_764_000_000).unwrap();
		let engine = wanted.engine.unwrap_or_else(|| {
			let ends = manifest().ends;
			Box::new(Batched::start(runner, model::tokenizer(), ends, Limits::default()).unwrap())
		});
		let config = Config {
			places: wanted.places,
			places_per_client: wanted.places_per_client,
			// As much as one body may have.
			body_memory: 0,
			is_loopback: wanted.is_loopback,
			origins: wanted.origins.iter().map(|origin| origin.parse().unwrap()).collect(),
			drain: wanted.drain,
		};
		let mut gateway = Gateway::new(served, engine, config).unwrap();
		if let Some(till) = wanted.till {
			gateway = gateway.with_till(till);
		}
		if let Some(routes) = wanted.routes {
			gateway = gateway.with_routes(routes);
		}
		if let Some(log) = wanted.access_log {
			gateway = gateway.with_access_log(log);
		}
		if let Some(page) = wanted.page {
			gateway = gateway.with_page(&page);
		}
		if let Some(sources) = wanted.page_sources {
			gateway = gateway.with_page_sources(sources);
		}
		if let Some(directory) = wanted.model_files {
			gateway = gateway.with_model_files(&directory);
		}
		let gateway = Arc::new(gateway);
		let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
		let address = listener.local_addr().unwrap();
		let (stop, stopped) = oneshot::channel::<()>();
		let shutdown = async move { drop(stopped.await) };
		let served = match wanted.tls {
			None => tokio::spawn(blyan_gateway::serve(listener, gateway.clone(), shutdown)),
			Some(tls) => tokio::spawn(blyan_gateway::serve_tls(listener, tls, gateway.clone(), shutdown)),
		};
		Self { address, gateway, client: Client::builder(TokioExecutor::new()).build_http(), stop, served }
	}

	pub async fn get(&self, path: &str) -> Response {
		self.request(Request::get(self.url(path)).body(Full::default()).unwrap()).await
	}

	pub async fn post(&self, path: &str, body: &Value) -> Response {
		self.post_with(path, body, &[]).await
	}

	/// As [`Self::post`], with these headers.
	pub async fn post_with(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Response {
		let mut request = Request::post(self.url(path)).header("content-type", "application/json");
		for (name, value) in headers {
			request = request.header(*name, *value);
		}
		self.request(request.body(Full::from(body.to_string())).unwrap()).await
	}

	/// As [`Self::get`], with these headers.
	pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Response {
		let mut request = Request::get(self.url(path));
		for (name, value) in headers {
			request = request.header(*name, *value);
		}
		self.request(request.body(Full::default()).unwrap()).await
	}

	fn url(&self, path: &str) -> String {
		format!("http://{}{path}", self.address)
	}

	async fn request(&self, request: Request<Full<Bytes>>) -> Response {
		let (parts, body) = self.client.request(request).await.unwrap().into_parts();
		Response { parts, body: body.collect().await.unwrap().to_bytes() }
	}

	/// Asks for an answer that must come.
	pub async fn answer(&self, path: &str, body: &Value) -> Value {
		let response = self.post(path, body).await;
		let status = response.status();
		let answer: Value = response.json();
		assert_eq!(status, 200, "{answer}");
		answer
	}

	/// Asks for a stream and returns its events to the end of the connection; the last one may be the string `[DONE]`.
	pub async fn events(&self, path: &str, body: &Value) -> Vec<Value> {
		let mut body = body.clone();
		body["stream"] = true.into();
		let response = self.post(path, &body).await;
		assert_eq!(response.status(), 200);
		assert_eq!(response.headers()["content-type"], "text/event-stream");
		events(&response.text())
	}

	/// Returns the receipt of an answer.
	pub async fn receipt(&self, id: &str) -> GenerationRecord {
		let response = self.get(&format!("/v1/receipts/{id}")).await;
		assert_eq!(response.status(), 200, "{id}");
		let mut receipt: Value = response.json();
		let fields = receipt.as_object_mut().unwrap();
		fields.remove("signed_receipt");
		assert_eq!(fields.remove("format"), Some("blyan/generation".into()));
		assert_eq!(fields.remove("version"), Some(1.into()));
		serde_json::from_value(receipt).unwrap()
	}

	/// Sends bytes on a connection of its own, which stays open.
	pub async fn send(&self, request: &str) -> TcpStream {
		let mut stream = TcpStream::connect(self.address).await.unwrap();
		stream.write_all(request.as_bytes()).await.unwrap();
		stream
	}

	/// Begins a request whose answer nothing has read yet.
	pub async fn begin(&self, path: &str, body: &Value) -> TcpStream {
		self.send(&self.raw(path, body, &[])).await
	}

	/// As [`Self::begin`], with these headers.
	pub async fn begin_with(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> TcpStream {
		self.send(&self.raw(path, body, headers)).await
	}

	/// As [`Self::begin`], from another address of this machine.
	pub async fn begin_from(&self, address: &str, path: &str, body: &Value) -> TcpStream {
		let socket = TcpSocket::new_v4().unwrap();
		socket.bind(SocketAddr::new(address.parse().unwrap(), 0)).unwrap();
		let mut stream = socket.connect(self.address).await.unwrap();
		stream.write_all(self.raw(path, body, &[]).as_bytes()).await.unwrap();
		stream
	}

	fn raw(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> String {
		let body = body.to_string();
		let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
		format!(
			"POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
			self.address,
			body.len()
		)
	}

	/// Waits until the figures have a line.
	pub async fn wait_for(&self, line: &str) {
		let wait = async {
			while !self.gateway.metrics_text().unwrap().lines().any(|found| found == line) {
				tokio::time::sleep(Duration::from_millis(5)).await;
			}
		};
		let waited = tokio::time::timeout(PATIENCE, wait).await;
		assert!(waited.is_ok(), "no {line:?} in\n{}", self.gateway.metrics_text().unwrap());
	}

	/// Asks the server to end.
	pub fn stop(self) -> JoinHandle<()> {
		self.stop.send(()).unwrap();
		self.served
	}
}

/// Events of a stream.
pub fn events(text: &str) -> Vec<Value> {
	let data = text.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
	data.map(|data| match data {
		"[DONE]" => "[DONE]".into(),
		data => serde_json::from_str(data).unwrap(),
	})
	.collect()
}

/// Pieces of the text of a stream's first choice.
pub fn pieces(events: &[Value]) -> Vec<&str> {
	events
		.iter()
		.filter_map(|event| {
			let choice = event.get("choices")?.get(0)?;
			let text = choice.get("delta").map_or_else(|| choice.get("text"), |delta| delta.get("content"));
			text?.as_str()
		})
		.filter(|text| !text.is_empty())
		.collect()
}

/// A chat of one message.
pub fn chat(content: &str, more: Value) -> Value {
	let mut body = json!({ "model": MODEL, "messages": [{ "role": "user", "content": content }] });
	body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
	body
}

/// A completion.
pub fn completion(prompt: &str, more: Value) -> Value {
	let mut body = json!({ "model": MODEL, "prompt": prompt });
	body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
	body
}

/// Reads until a text has come.
pub async fn read_until(stream: &mut TcpStream, text: &str) -> String {
	let mut read = Vec::new();
	let wait = async {
		while !String::from_utf8_lossy(&read).contains(text) {
			let mut buffer = [0; 4_096];
			let count = stream.read(&mut buffer).await.unwrap();
			assert!(count > 0, "the connection ended before {text:?}: {}", String::from_utf8_lossy(&read));
			read.extend_from_slice(&buffer[..count]);
		}
	};
	assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "{text:?} never came");
	String::from_utf8_lossy(&read).into_owned()
}

/// Reads to the end of the connection.
pub async fn read_all(stream: &mut TcpStream) -> String {
	let mut read = Vec::new();
	let wait = stream.read_to_end(&mut read);
	assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "the connection stays open");
	String::from_utf8_lossy(&read).into_owned()
}
