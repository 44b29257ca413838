//! Refusals: in OpenAI's shape, with the field that is the reason, and before anything is computed.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use serde_json::{json, Value};
use support::{chat, completion, read_all, Response, Wanted, World, CONTEXT, MODEL};

const CHAT: &str = "/v1/chat/completions";
const COMPLETIONS: &str = "/v1/completions";

/// Returns the status of a refusal and the error in it, whose four keys are checked.
async fn refusal(response: Response) -> (u16, Value) {
	let status = response.status().as_u16();
	let body: Value = response.json();
	let error = body["error"].clone();
	for key in ["message", "type", "param", "code"] {
		assert!(error.as_object().unwrap().contains_key(key), "{body}");
	}
	(status, error)
}

#[tokio::test]
async fn requests_that_cannot_be_computed_are_refused_by_the_field_that_is_the_reason() {
	let world = World::new().await;
	for (body, status, param, code) in [
		(json!({ "model": MODEL }), 400, json!("messages"), "missing_required_parameter"),
		(json!({ "messages": [] }), 400, json!("model"), "missing_required_parameter"),
		(chat("a", json!({ "model": "gpt-5" })), 404, json!("model"), "model_not_found"),
		(chat("a", json!({ "model": 5 })), 400, json!("model"), "invalid_type"),
		(chat("a", json!({ "messages": [] })), 400, json!("messages"), "invalid_value"),
		(chat("a", json!({ "temperature": 3 })), 400, json!("temperature"), "invalid_value"),
		(chat("a", json!({ "temperature": "hot" })), 400, json!("temperature"), "invalid_type"),
		(chat("a", json!({ "max_tokens": 0 })), 400, json!("max_tokens"), "invalid_value"),
		(chat("a", json!({ "max_tokens": CONTEXT })), 400, json!("messages"), "context_length_exceeded"),
		(chat(&"a".repeat(700), json!({})), 400, json!("messages"), "context_length_exceeded"),
		(chat("a", json!({ "n": 9 })), 400, json!("n"), "invalid_value"),
		(chat("a", json!({ "top_logprobs": 2 })), 400, json!("top_logprobs"), "invalid_value"),
		(chat("a", json!({ "tools": [1] })), 400, json!("tools"), "unsupported_parameter"),
		(chat("a", json!({ "stop": [""] })), 400, json!("stop"), "invalid_value"),
		(chat("a", json!({ "top_k": 5 })), 400, json!("top_k"), "unknown_parameter"),
		(json!([]), 400, json!("body"), "invalid_type"),
	] {
		let (found, error) = refusal(world.post(CHAT, &body).await).await;
		assert_eq!(
			(found, &error["param"], &error["code"]),
			(status, &param, &json!(code)),
			"{body} {error}"
		);
		assert_eq!(error["type"], "invalid_request_error");
	}
	for (body, param) in [
		(completion("a", json!({ "prompt": [1_000_000] })), "prompt[0]"),
		(completion("a", json!({ "prompt": [] })), "prompt"),
		(completion("", json!({})), "prompt"),
		(completion("a", json!({ "echo": true })), "echo"),
	] {
		let (status, error) = refusal(world.post(COMPLETIONS, &body).await).await;
		assert_eq!((status, &error["param"]), (400, &json!(param)), "{body} {error}");
	}
	let figures = world.gateway.metrics_text().unwrap();
	assert!(
		figures.contains("blyan_gateway_refusals_total{code=\"context_length_exceeded\"} 2"),
		"{figures}"
	);
	assert!(!figures.contains("blyan_gateway_generations_total{"), "nothing was computed");
}

#[tokio::test]
async fn bodies_that_are_no_request_are_refused_and_the_server_goes_on() {
	let world = World::new().await;
	for body in ["", "{", "nonsense", "{\"model\": \"\\ud83d\"}", "[[[[[["] {
		let request = format!(
			"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
			body.len()
		);
		let answer = read_all(&mut world.send(&request).await).await;
		assert!(answer.starts_with("HTTP/1.1 400 "), "{body:?}: {answer}");
		assert!(answer.contains("invalid_json"), "{answer}");
	}
	let (status, error) = refusal(world.post(CHAT, &chat(&"a".repeat(5 << 20), json!({}))).await).await;
	assert_eq!((status, &error["code"]), (413, &json!("request_too_large")));
	world.answer(CHAT, &chat("a", json!({ "max_tokens": 1 }))).await;
}

#[tokio::test]
async fn unknown_routes_and_methods_and_receipts_are_refused_in_the_same_shape() {
	let world = World::new().await;
	for (path, code) in
		[("/v1/embeddings", "unknown_url"), ("/v1", "unknown_url"), ("/v1/receipts/x", "receipt_not_found")]
	{
		let (status, error) = refusal(world.get(path).await).await;
		assert_eq!((status, &error["code"]), (404, &json!(code)), "{path}");
	}
	let (status, error) = refusal(world.get(CHAT).await).await;
	assert_eq!((status, &error["code"]), (405, &json!("method_not_supported")));
	let (status, _) = refusal(world.post("/v1/models", &json!({})).await).await;
	assert_eq!(status, 405);
}

#[tokio::test]
async fn a_server_without_a_free_place_says_when_to_come_back() {
	let world = World::with(Wanted { places: 1, context: 20_000, ..Wanted::default() }).await;
	let mut first = world.begin(CHAT, &chat("a", json!({ "stream": true, "max_tokens": 15_000 }))).await;
	support::read_until(&mut first, "\"role\"").await;
	let response = world.post(CHAT, &chat("b", json!({ "max_tokens": 1 }))).await;
	assert_eq!(response.headers()["retry-after"], "1");
	let (status, error) = refusal(response).await;
	assert_eq!((status, &error["code"]), (429, &json!("rate_limit_exceeded")));
	drop(first);
	world.wait_for("blyan_gateway_places_taken 0").await;
	world.answer(CHAT, &chat("b", json!({ "max_tokens": 1 }))).await;
}

#[tokio::test]
async fn a_client_that_has_its_share_of_places_waits_and_others_do_not() {
	let wanted =
		Wanted { places_per_client: Some(1), context: 20_000, is_loopback: false, ..Wanted::default() };
	let world = World::with(wanted).await;
	let mut first = world.begin(CHAT, &chat("a", json!({ "stream": true, "max_tokens": 15_000 }))).await;
	support::read_until(&mut first, "\"role\"").await;
	let short = chat("b", json!({ "max_tokens": 1 }));
	let response = world.post(CHAT, &short).await;
	assert_eq!(response.headers()["retry-after"], "1");
	let (status, error) = refusal(response).await;
	assert_eq!((status, &error["code"]), (429, &json!("rate_limit_exceeded")));
	assert!(error["message"].as_str().unwrap().contains("your address"), "{error}");
	// Every address of 127.0.0.0/8 is one of a Linux machine's own.
	if cfg!(target_os = "linux") {
		let mut other = world.begin_from("127.0.0.2", CHAT, &short).await;
		let answer = support::read_until(&mut other, "chat.completion").await;
		assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
	}
	drop(first);
	world.wait_for("blyan_gateway_places_taken 0").await;
	world.answer(CHAT, &short).await;
}

#[tokio::test]
async fn bodies_that_fill_the_memory_for_them_turn_others_away_until_they_are_gone() {
	let world = World::new().await;
	let bytes = 4 << 20;
	let head = format!("POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {bytes}\r\n\r\n");
	// The last byte does not come.
	let slow = world.send(&format!("{head}{}", " ".repeat(bytes - 1))).await;
	world.wait_for(&format!("blyan_gateway_body_bytes {bytes}")).await;
	let short = chat("b", json!({ "max_tokens": 1 }));
	let response = world.post(CHAT, &short).await;
	assert_eq!(response.headers()["retry-after"], "1");
	let (status, error) = refusal(response).await;
	assert_eq!((status, &error["code"]), (503, &json!("overloaded")));
	drop(slow);
	world.wait_for("blyan_gateway_body_bytes 0").await;
	world.answer(CHAT, &short).await;
}

#[tokio::test]
async fn requests_for_another_host_are_refused_on_loopback_only() {
	let ask =
		|host: &'static str| format!("GET /v1/models HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
	let world = World::new().await;
	for host in ["evil.example", "127.0.0.1.evil.example", "10.0.0.1"] {
		let answer = read_all(&mut world.send(&ask(host)).await).await;
		assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("wrong_host"), "{host}: {answer}");
	}
	for host in ["localhost:8000", "127.0.0.1", "[::1]:9"] {
		let answer = read_all(&mut world.send(&ask(host)).await).await;
		assert!(answer.starts_with("HTTP/1.1 200 "), "{host}: {answer}");
	}
	let world = World::with(Wanted { is_loopback: false, ..Wanted::default() }).await;
	let answer = read_all(&mut world.send(&ask("node.example")).await).await;
	assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn pages_of_other_sites_may_ask_only_if_they_are_allowed() {
	let ask = |method: &str, origin: &str, more: &str| {
		format!(
			"{method} {CHAT} HTTP/1.1\r\nHost: localhost:8000\r\nOrigin: {origin}\r\nConnection: close\r\n{more}\r\n"
		)
	};
	let preflight =
		"Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization, x-stainless-lang\r\n";
	let world = World::new().await;
	for origin in ["https://evil.example", "null", "http://localhost:9"] {
		let answer = read_all(&mut world.send(&ask("POST", origin, "Content-Length: 0\r\n")).await).await;
		assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("wrong_origin"), "{origin}: {answer}");
		let answer = read_all(&mut world.send(&ask("OPTIONS", origin, preflight)).await).await;
		assert!(!answer.contains("access-control-allow-origin"), "{origin}: {answer}");
	}
	// A picture of another site names no origin.
	for (site, status) in [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)] {
		let headers = [("sec-fetch-site", site)];
		let answer = world.get_with("/chat/stream?prompt=a&max_tokens=1", &headers).await;
		assert_eq!(answer.status().as_u16(), status, "{site}");
	}
	let own =
		read_all(&mut world.send(&ask("POST", "http://localhost:8000", "Content-Length: 0\r\n")).await).await;
	assert!(own.starts_with("HTTP/1.1 400 "), "the page's own request is read: {own}");
	let wanted = Wanted { origins: vec!["https://chat.example"], ..Wanted::default() };
	let world = World::with(wanted).await;
	let answer = read_all(&mut world.send(&ask("OPTIONS", "https://chat.example", preflight)).await).await;
	assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
	for header in ["access-control-allow-origin: https://chat.example", "x-stainless-lang"] {
		assert!(answer.contains(header), "{header}: {answer}");
	}
	let answer = read_all(&mut world.send(&ask("OPTIONS", "https://evil.example", preflight)).await).await;
	assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
}
