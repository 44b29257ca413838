//! The interface of this project beside OpenAI's: several answers, prices, the native stream and the WebSocket.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use futures::{SinkExt, StreamExt};
use serde_json::{json, Value};
use support::{chat, completion, pieces, World};
use tokio::net::TcpStream;
use tokio_tungstenite::{client_async, tungstenite::Message, WebSocketStream};

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn several_answers_have_consecutive_seeds_and_are_each_what_a_request_of_its_own_gives() {
	let world = World::new().await;
	let body = |seed: u64, n: u32| chat("hello", json!({ "max_tokens": 20, "seed": seed, "n": n }));
	let answer = world.answer(CHAT, &body(5, 3)).await;
	assert_eq!(answer["usage"]["completion_tokens"], 60);
	for index in 0..3 {
		let alone = world.answer(CHAT, &body(5 + index, 1)).await;
		let choice = &answer["choices"][index as usize];
		assert_eq!(choice["index"], index);
		assert_eq!(choice["message"], alone["choices"][0]["message"], "{index}");
	}
	let id = answer["id"].as_str().unwrap();
	assert_eq!(world.receipt(id).await.seed, 5);
	assert_eq!(world.receipt(&format!("{id}-2")).await.seed, 7);
	// As a stream: the same texts by their indices, one end each, one count for all.
	let mut streamed = body(5, 3);
	streamed["stream_options"] = json!({ "include_usage": true });
	let events = world.events(CHAT, &streamed).await;
	assert_eq!(events.last().unwrap(), "[DONE]");
	for index in 0..3 {
		let own: Vec<Value> =
			events.iter().filter(|event| event["choices"][0]["index"] == index).cloned().collect();
		let expected = answer["choices"][index]["message"]["content"].as_str().unwrap();
		assert_eq!(pieces(&own).concat(), expected);
		assert_eq!(own.last().unwrap()["choices"][0]["finish_reason"], "length");
	}
	assert_eq!(events[events.len() - 2]["usage"]["completion_tokens"], 60);
	let completions = world.answer("/v1/completions", &completion("a", json!({ "n": 2, "seed": 1 }))).await;
	assert_eq!(completions["choices"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_free_server_says_so_before_anything_is_sent() {
	let world = World::new().await;
	let prices: Value = world.get("/v1/quote").await.json();
	assert_eq!((&prices["is_free"], &prices["input"]), (&json!(true), &json!("0")));
	let quote: Value = world.post("/v1/quote", &chat("hello", json!({ "max_tokens": 7 }))).await.json();
	assert_eq!((&quote["ceiling"], &quote["max_answer_tokens"]), (&json!("0"), &json!(7)));
	let answer = world.answer(CHAT, &chat("hello", json!({ "max_tokens": 1 }))).await;
	assert_eq!(quote["prompt_tokens"], answer["usage"]["prompt_tokens"]);
	assert!(answer["usage"].get("blyan").is_none());
	let account: Value = world.get("/v1/account").await.json();
	assert_eq!(account["kind"], "free");
	assert_eq!(world.post("/v1/quote", &json!({ "model": "other", "messages": [] })).await.status(), 400);
}

#[tokio::test]
async fn the_native_stream_tells_its_beginning_its_tokens_and_its_end() {
	let world = World::new().await;
	let whole = world.answer(CHAT, &chat("héllo you", json!({ "max_tokens": 12, "seed": 3 }))).await;
	let response = world.get("/chat/stream?prompt=h%C3%A9llo+you&max_tokens=12&seed=3").await;
	assert_eq!(
		(response.status().as_u16(), &response.headers()["content-type"]),
		(200, &"text/event-stream".parse().unwrap())
	);
	let id = response.headers()["x-receipt-id"].to_str().unwrap().to_owned();
	let text = response.text();
	let events: Vec<(&str, Value)> = text
		.split("\n\n")
		.filter_map(|event| {
			let (name, data) = event.split_once('\n')?;
			Some((name.strip_prefix("event: ")?, serde_json::from_str(data.strip_prefix("data: ")?).unwrap()))
		})
		.collect();
	let [(first, start), tokens @ .., (last, end)] = events.as_slice() else { panic!("{text}") };
	assert_eq!((*first, *last), ("stream_start", "stream_end"));
	assert_eq!((&start["stream_id"], &start["max_tokens"]), (&json!(id), &json!(12)));
	let written: String = tokens.iter().map(|(_, token)| token["token"].as_str().unwrap()).collect();
	assert_eq!(written, whole["choices"][0]["message"]["content"].as_str().unwrap());
	assert_eq!((&end["total_tokens"], &end["total_cost"]), (&json!(12), &json!("0")));
	assert_eq!(world.receipt(&id).await.seed, 3);
	assert_eq!(world.get("/chat/stream?colour=red").await.status(), 400);
}

async fn socket(world: &World) -> WebSocketStream<TcpStream> {
	let stream = TcpStream::connect(world.address).await.unwrap();
	client_async(format!("ws://{}/ws/chat", world.address), stream).await.unwrap().0
}

async fn say(socket: &mut WebSocketStream<TcpStream>, message: &Value) {
	socket.send(Message::Text(message.to_string().into())).await.unwrap();
}

async fn hear(socket: &mut WebSocketStream<TcpStream>) -> Value {
	loop {
		match socket.next().await.unwrap().unwrap() {
			Message::Text(text) => return serde_json::from_str(&text).unwrap(),
			Message::Ping(_) => {}
			other => panic!("{other:?}"),
		}
	}
}

#[tokio::test]
async fn one_socket_carries_several_streams_and_each_is_the_answer_of_a_request_of_its_own() {
	let world = World::new().await;
	let mut socket = socket(&world).await;
	let request = |seed: u64| chat("hello", json!({ "max_tokens": 15, "seed": seed }));
	for seed in 0..3 {
		let start = json!({ "type": "start", "stream_id": format!("s{seed}"), "request": request(seed) });
		say(&mut socket, &start).await;
	}
	say(&mut socket, &json!({ "type": "ping" })).await;
	let (mut texts, mut ends, mut pongs) = ([String::new(), String::new(), String::new()], 0, 0);
	while ends < 3 {
		let message = hear(&mut socket).await;
		let index =
			|| message["stream_id"].as_str().unwrap().strip_prefix('s').unwrap().parse::<usize>().unwrap();
		match message["type"].as_str().unwrap() {
			"pong" => pongs += 1,
			"token" => texts[index()].push_str(message["token"].as_str().unwrap()),
			"stream_end" => {
				ends += 1;
				let record = world.receipt(message["receipt"].as_str().unwrap()).await;
				assert_eq!(record.seed, index() as u64);
			}
			"stream_start" => {}
			other => panic!("{other}: {message}"),
		}
	}
	assert_eq!(pongs, 1);
	for (seed, text) in texts.iter().enumerate() {
		let alone = world.answer(CHAT, &request(seed as u64)).await;
		assert_eq!(alone["choices"][0]["message"]["content"], text.as_str());
	}
}

#[tokio::test]
async fn a_stream_of_a_socket_is_cancelled_by_its_name_and_all_with_the_socket() {
	let world = World::with(support::Wanted { context: 20_000, ..Default::default() }).await;
	let mut socket = socket(&world).await;
	let long = chat("a", json!({ "max_tokens": 15_000 }));
	for name in ["a", "b"] {
		say(&mut socket, &json!({ "type": "start", "stream_id": name, "request": long })).await;
	}
	while hear(&mut socket).await["type"] != "token" {}
	// The client reads no more: much waits for it, and what it says is heard all the same.
	world.wait_for("blyan_gateway_generations_active 2").await;
	say(&mut socket, &json!({ "type": "cancel", "stream_id": "a" })).await;
	world.wait_for("blyan_gateway_generations_total{end=\"cancelled\"} 1").await;
	// Behind the reply there is nothing of the answer, and its name is free for another one.
	let settle = async |socket: &mut _| while hear(socket).await["type"] != "cancelled" {};
	settle(&mut socket).await;
	say(
		&mut socket,
		&json!({ "type": "start", "stream_id": "a", "request": chat("a", json!({ "max_tokens": 3 })) }),
	)
	.await;
	let mut own = Vec::new();
	while own.last() != Some(&json!("stream_end")) {
		let message = hear(&mut socket).await;
		if message["stream_id"] == "a" {
			own.push(message["type"].clone());
		}
	}
	assert_eq!(own.first(), Some(&json!("stream_start")));
	drop(socket);
	world.wait_for("blyan_gateway_generations_total{end=\"cancelled\"} 2").await;
	world.wait_for("blyan_gateway_places_taken 0").await;
}

#[tokio::test]
async fn messages_that_are_not_understood_get_an_error_and_the_socket_goes_on() {
	let world = World::new().await;
	let mut socket = socket(&world).await;
	for (message, param) in [
		(json!("hello"), "type"),
		(json!({ "type": "stop" }), "type"),
		(json!({ "type": "start", "request": {} }), "stream_id"),
		(json!({ "type": "start", "stream_id": "a", "request": { "model": "tiny" } }), "messages"),
		(
			json!({ "type": "start", "stream_id": "a", "request": chat("a", json!({})), "voucher": "a\nb" }),
			"voucher",
		),
	] {
		say(&mut socket, &message).await;
		let error = hear(&mut socket).await;
		assert_eq!((&error["type"], &error["error"]["param"]), (&json!("error"), &json!(param)), "{error}");
	}
	say(&mut socket, &json!({ "type": "ping" })).await;
	assert_eq!(hear(&mut socket).await["type"], "pong");
	assert_eq!(world.get("/ws/chat").await.status(), 426);
}
