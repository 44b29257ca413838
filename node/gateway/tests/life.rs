//! Life of the server: readers that leave, readers that do not read, engines that fail, and the end.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use blyan_gateway::engine::{Engine, Event, Generation, Job, Load, ServeError};
use blyan_open_model::{conversation::End, run::RunError};
use futures::{future::BoxFuture, FutureExt};
use serde_json::json;
use std::{
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc,
	},
	time::Duration,
};
use support::{chat, read_all, read_until, Wanted, World};
use tokio::sync::mpsc;

const CHAT: &str = "/v1/chat/completions";

/// A context in which an answer takes far longer than a test.
fn long() -> Wanted {
	Wanted { context: 20_000, ..Wanted::default() }
}

#[tokio::test]
async fn a_reader_that_leaves_cancels_its_answer_whether_it_is_a_stream_or_not() {
	let world = World::with(long()).await;
	let body = chat("a", json!({ "stream": true, "max_tokens": 15_000 }));
	let mut reader = world.begin(CHAT, &body).await;
	let head = read_until(&mut reader, "\"content\"").await;
	drop(reader);
	world.wait_for("blyan_gateway_generations_total{end=\"cancelled\"} 1").await;
	let id = head.lines().find_map(|line| line.strip_prefix("x-blyan-receipt: ")).unwrap();
	let record = world.receipt(id).await;
	assert_eq!(record.end, End::Cancelled);
	assert!(record.answer.len() < 15_000, "{}", record.answer.len());
	let reader = world.begin(CHAT, &chat("a", json!({ "max_tokens": 15_000 }))).await;
	// One that leaves before its generation has begun is none.
	world.wait_for("blyan_gateway_generations_active 1").await;
	drop(reader);
	world.wait_for("blyan_gateway_generations_total{end=\"cancelled\"} 2").await;
	world.wait_for("blyan_gateway_places_taken 0").await;
	world.wait_for("blyan_gateway_generations_active 0").await;
}

#[tokio::test]
async fn a_reader_that_does_not_read_gives_its_place_back_when_its_answer_is_done() {
	let world = World::with(Wanted { places: 2, ..Wanted::default() }).await;
	let body = chat("a", json!({ "stream": true, "max_tokens": 200 }));
	let idle = [world.begin(CHAT, &body).await, world.begin(CHAT, &body).await];
	world.wait_for("blyan_gateway_generations_total{end=\"length\"} 2").await;
	world.wait_for("blyan_gateway_places_taken 0").await;
	world.answer(CHAT, &chat("b", json!({ "max_tokens": 1 }))).await;
	drop(idle);
}

#[tokio::test]
async fn a_server_that_ends_says_so_in_every_stream() {
	let world = World::with(long()).await;
	let body = chat("a", json!({ "stream": true, "max_tokens": 15_000 }));
	let mut stream = world.begin(CHAT, &body).await;
	let mut whole = world.begin(CHAT, &chat("b", json!({ "max_tokens": 15_000 }))).await;
	read_until(&mut stream, "\"content\"").await;
	world.wait_for("blyan_gateway_places_taken 2").await;
	let served = world.stop();
	let rest = read_all(&mut stream).await;
	assert!(rest.contains("\"shutting_down\""), "{rest}");
	assert!(!rest.contains("[DONE]"), "{rest}");
	let answer = read_all(&mut whole).await;
	assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: "), "{answer}");
	served.await.unwrap();
}

#[tokio::test]
async fn answers_that_end_in_time_are_whole_although_the_server_ends() {
	let world = World::with(Wanted { drain: Duration::from_secs(600), ..Wanted::default() }).await;
	let body = chat("a", json!({ "stream": true, "max_tokens": 300 }));
	let mut stream = world.begin(CHAT, &body).await;
	read_until(&mut stream, "\"role\"").await;
	let served = world.stop();
	assert!(read_all(&mut stream).await.contains("[DONE]"));
	served.await.unwrap();
}

/// An engine that chooses one token and then fails, or refuses.
struct Failing {
	is_refusing: AtomicBool,
}

impl Engine for Failing {
	fn submit(&self, _: Job) -> BoxFuture<'static, Result<Generation, ServeError>> {
		if self.is_refusing.load(Ordering::Relaxed) {
			return async { Err(ServeError::Stopped) }.boxed();
		}
		let (sender, receiver) = mpsc::unbounded_channel();
		sender.send(Event::Token(5)).unwrap();
		sender.send(Event::Text("é".into())).unwrap();
		sender.send(Event::Failed(RunError::Empty)).unwrap();
		async move { Ok(Generation::new(receiver, || {})) }.boxed()
	}

	fn load(&self) -> Load {
		Load::default()
	}

	fn is_running(&self) -> bool {
		!self.is_refusing.load(Ordering::Relaxed)
	}
}

#[tokio::test]
async fn an_engine_that_fails_is_an_error_of_the_server_and_no_answer() {
	for is_refusing in [false, true] {
		let engine = Failing { is_refusing: AtomicBool::new(is_refusing) };
		let world = World::with(Wanted { engine: Some(Box::new(engine)), ..Wanted::default() }).await;
		let response = world.post(CHAT, &chat("a", json!({ "max_tokens": 5 }))).await;
		assert_eq!(response.status(), 500);
		let error: serde_json::Value = response.json();
		assert_eq!(error["error"]["code"], "generation_failed");
		assert_eq!(world.get("/healthz").await.status(), if is_refusing { 500 } else { 200 });
		world.wait_for("blyan_gateway_places_taken 0").await;
	}
	let engine = Failing { is_refusing: AtomicBool::new(false) };
	let world = World::with(Wanted { engine: Some(Box::new(engine)), ..Wanted::default() }).await;
	let events = world.events(CHAT, &chat("a", json!({ "max_tokens": 5 }))).await;
	assert_eq!(support::pieces(&events), ["é"]);
	assert_eq!(events.last().unwrap()["error"]["type"], "server_error");
}

/// An engine that never comes to an end, and notes that it was asked to stop.
struct Silent {
	is_begun: Arc<AtomicBool>,
	is_cancelled: Arc<AtomicBool>,
}

impl Engine for Silent {
	fn submit(&self, _: Job) -> BoxFuture<'static, Result<Generation, ServeError>> {
		let (sender, receiver) = mpsc::unbounded_channel();
		let is_cancelled = self.is_cancelled.clone();
		let cancel = move || {
			is_cancelled.store(true, Ordering::Relaxed);
			drop(sender);
		};
		let is_begun = self.is_begun.clone();
		async move {
			is_begun.store(true, Ordering::Relaxed);
			Ok(Generation::new(receiver, cancel))
		}
		.boxed()
	}

	fn load(&self) -> Load {
		Load::default()
	}

	fn is_running(&self) -> bool {
		true
	}
}

#[tokio::test]
async fn a_generation_without_a_token_is_cancelled_when_its_reader_leaves() {
	let [is_begun, is_cancelled] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
	let engine = Silent { is_begun: is_begun.clone(), is_cancelled: is_cancelled.clone() };
	let world = World::with(Wanted { engine: Some(Box::new(engine)), ..Wanted::default() }).await;
	let reader = world.begin(CHAT, &chat("a", json!({ "stream": true }))).await;
	// The place is taken before the generation begins.
	while !is_begun.load(Ordering::Relaxed) {
		tokio::time::sleep(Duration::from_millis(5)).await;
	}
	drop(reader);
	world.wait_for("blyan_gateway_places_taken 0").await;
	assert!(is_cancelled.load(Ordering::Relaxed));
}

#[tokio::test]
async fn the_page_the_health_and_the_figures_are_there_with_their_policies() {
	let world = World::new().await;
	let page = world.get("/").await;
	let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
	assert!(policy.contains("connect-src 'self'") && !policy.contains("unsafe"), "{policy}");
	assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
	assert!(page.text().starts_with("<!doctype html>"));
	let health = world.get("/healthz").await;
	assert_eq!(health.headers()["cache-control"], "no-store");
	assert_eq!(health.headers()["x-content-type-options"], "nosniff");
	assert_eq!(health.headers()["x-frame-options"], "DENY");
	assert_eq!(health.headers()["strict-transport-security"], "max-age=31536000");
	assert_eq!(health.headers()["x-api-version"], "1");
	assert_eq!(health.headers()["content-security-policy"], "default-src 'none'; frame-ancestors 'none'");
	assert_eq!(health.json::<serde_json::Value>()["status"], "ok");
	world.answer(CHAT, &chat("a", json!({ "max_tokens": 3 }))).await;
	let figures = world.get("/metrics").await.text();
	for line in [
		"blyan_gateway_requests_total{route=\"/v1/chat/completions\",status=\"200\"} 1",
		"blyan_gateway_requests_total{route=\"/healthz\",status=\"200\"} 1",
		"blyan_gateway_answer_tokens_total 3",
		"blyan_gateway_receipts 1",
	] {
		assert!(figures.lines().any(|found| found == line), "{line} in {figures}");
	}
}
