//! Answers over a real socket: whole and as streams, the same to the bit as the model alone gives them, with receipts.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use blyan_kernel::Kernel;
use blyan_open_model::{
	conversation::{Answer, Conversation, End},
	text::{Chat, Message},
	GenerationRecord,
};
use blyan_text::FinishReason;
use serde_json::{json, Value};
use support::{chat, completion, manifest, model, pieces, settings, World, CONTEXT, MODEL};

const CHAT: &str = "/v1/chat/completions";
const COMPLETIONS: &str = "/v1/completions";

/// The answer that the model gives alone.
fn alone(text: &str, tokens_max: usize, temperature: u16, seed: u64) -> Answer {
	let runner = model::runner(CONTEXT, 1, Kernel::best());
	let chat = Chat::new(model::tokenizer()).unwrap();
	let mut conversation = Conversation::new(runner, chat, Vec::new(), None);
	model::say(&mut conversation, text, &settings(tokens_max, temperature, seed))
}

/// Checks a receipt as `blyan audit replay` does.
fn assert_replays(record: &GenerationRecord) {
	record.ensure_about(&manifest()).unwrap();
	let mut runner = model::runner(CONTEXT, 1, Kernel::PORTABLE);
	assert_eq!(record.difference(&mut runner, &model::tokenizer()).unwrap(), None);
}

fn content(answer: &Value) -> &str {
	answer["choices"][0]["message"]["content"].as_str().unwrap()
}

#[tokio::test]
async fn an_answer_is_what_the_model_gives_alone_and_its_receipt_replays() {
	let world = World::new().await;
	for (temperature, q8) in [(0.0, 0), (0.7, 179), (1.0, 256)] {
		let body = chat("hello", json!({ "max_tokens": 40, "temperature": temperature, "seed": 5 }));
		let response = world.post(CHAT, &body).await;
		let receipt = response.headers()["x-blyan-receipt"].to_str().unwrap().to_owned();
		assert_eq!(response.headers()["x-request-id"], receipt.as_str());
		let answer: Value = response.json();
		let expected = alone("hello", 40, q8, 5);
		assert_eq!(content(&answer), expected.text);
		assert_eq!(answer["id"], receipt.as_str());
		assert!(receipt.starts_with("chatcmpl-"), "{receipt}");
		assert_eq!((&answer["object"], &answer["model"]), (&json!("chat.completion"), &json!(MODEL)));
		assert_eq!(answer["choices"][0]["finish_reason"], "length");
		assert_eq!(answer["usage"]["prompt_tokens"], expected.prompt_tokens);
		assert_eq!(answer["usage"]["completion_tokens"], 40);
		let record = world.receipt(&receipt).await;
		assert_eq!((&record.prompt, &record.answer), (&expected.prompt, &expected.tokens));
		assert_eq!((record.seed, record.end), (5, End::Finished(FinishReason::Length)));
		assert_replays(&record);
	}
}

#[tokio::test]
async fn a_stream_is_the_same_answer_in_pieces_that_are_whole_characters() {
	let world = World::new().await;
	let body = chat("hello", json!({ "max_tokens": 60, "seed": 9 }));
	let whole = world.answer(CHAT, &body).await;
	let mut streamed = body.clone();
	streamed["stream_options"] = json!({ "include_usage": true });
	let events = world.events(CHAT, &streamed).await;
	assert_eq!(events.last().unwrap(), "[DONE]");
	let chunks = &events[..events.len() - 1];
	assert_eq!(chunks[0]["choices"][0]["delta"], json!({ "role": "assistant", "content": "" }));
	assert_eq!(pieces(chunks).concat(), content(&whole));
	let [.., last, counted] = chunks else { panic!("{chunks:?}") };
	assert_eq!(last["choices"][0]["delta"], json!({}));
	assert_eq!(last["choices"][0]["finish_reason"], "length");
	assert_eq!(counted["choices"], json!([]));
	assert_eq!(counted["usage"]["completion_tokens"], whole["usage"]["completion_tokens"]);
	for chunk in chunks {
		assert_eq!(chunk["object"], "chat.completion.chunk");
		assert_eq!((&chunk["id"], &chunk["created"]), (&chunks[0]["id"], &chunks[0]["created"]));
		assert_eq!(chunk["system_fingerprint"], whole["system_fingerprint"]);
	}
	assert!(chunks[..chunks.len() - 1].iter().all(|chunk| chunk["usage"].is_null()));
	assert_replays(&world.receipt(chunks[0]["id"].as_str().unwrap()).await);
	// Without the option there is no usage anywhere.
	let events = world.events(CHAT, &body).await;
	assert!(events.iter().all(|event| event.get("usage").is_none()));
}

#[tokio::test]
async fn a_completion_goes_on_from_a_text_or_from_token_ids() {
	let world = World::new().await;
	let more = json!({ "max_tokens": 20, "temperature": 0 });
	let by_text = world.answer(COMPLETIONS, &completion("fn main", more.clone())).await;
	let mut by_ids = completion("", more);
	by_ids["prompt"] = json!(model::tokenizer().encode_document("fn main").unwrap());
	let by_ids_answer = world.answer(COMPLETIONS, &by_ids).await;
	assert_eq!(by_text["object"], "text_completion");
	assert_eq!(by_text["choices"], by_ids_answer["choices"]);
	let events = world.events(COMPLETIONS, &by_ids).await;
	assert_eq!(pieces(&events).concat(), by_text["choices"][0]["text"].as_str().unwrap());
	assert_eq!(events.last().unwrap(), "[DONE]");
	assert_replays(&world.receipt(by_text["id"].as_str().unwrap()).await);
	// The interface's own default.
	let short = world.answer(COMPLETIONS, &completion("a", json!({}))).await;
	assert_eq!(short["usage"]["completion_tokens"], 16);
}

#[tokio::test]
async fn sixteen_at_once_are_equal_to_one_at_a_time() {
	let world = World::new().await;
	let body = |index: usize| {
		let text = format!("question {}", "x".repeat(index * 7));
		chat(&text, json!({ "max_tokens": 20 + index, "seed": index, "temperature": 1.5 }))
	};
	let mut one_at_a_time = Vec::new();
	for index in 0..16 {
		one_at_a_time.push(world.answer(CHAT, &body(index)).await["choices"].clone());
	}
	let requests: Vec<Value> = (0..16).map(body).collect();
	let at_once = futures::future::join_all(requests.iter().map(|body| world.answer(CHAT, body))).await;
	for (index, answer) in at_once.iter().enumerate() {
		assert_eq!(answer["choices"], one_at_a_time[index], "{index}");
		assert_replays(&world.receipt(answer["id"].as_str().unwrap()).await);
	}
}

#[tokio::test]
async fn a_stop_string_ends_the_answer_wherever_its_tokens_lie_and_none_of_it_is_sent() {
	let world = World::new().await;
	let more = json!({ "max_tokens": 80, "seed": 2 });
	let free = world.answer(CHAT, &chat("tell", more)).await;
	let characters: Vec<char> = content(&free).chars().collect();
	// Tokens are bytes: every string of several characters spans tokens.
	for (from, length) in [(5, 1), (10, 3), (16, 5)] {
		let stop: String = characters[from..from + length].iter().collect();
		let expected = content(&free).split(&stop).next().unwrap();
		let body = chat("tell", json!({ "max_tokens": 80, "seed": 2, "stop": stop }));
		let stopped = world.answer(CHAT, &body).await;
		assert_eq!(content(&stopped), expected);
		assert_eq!(stopped["choices"][0]["finish_reason"], "stop");
		let events = world.events(CHAT, &body).await;
		assert_eq!(pieces(&events).concat(), expected);
		let record = world.receipt(stopped["id"].as_str().unwrap()).await;
		assert_eq!((record.end, &record.stop), (End::Finished(FinishReason::Stop), &vec![stop]));
		assert_replays(&record);
	}
	// A beginning of a stop string that does not go on is sent.
	let unfinished = format!("{}\u{1f980}", content(&free).chars().next_back().unwrap());
	let body =
		chat("tell", json!({ "max_tokens": 80, "seed": 2, "stop": [unfinished, "\u{1f980}\u{1f980}"] }));
	let events = world.events(CHAT, &body).await;
	assert_eq!(pieces(&events).concat(), content(&free));
}

#[tokio::test]
async fn an_answer_without_a_number_of_tokens_fills_the_context() {
	let world = World::new().await;
	let answer = world.answer(CHAT, &chat("hello", json!({ "seed": 1 }))).await;
	assert_eq!(answer["choices"][0]["finish_reason"], "length");
	// The last token needs no position.
	assert_eq!(answer["usage"]["total_tokens"], CONTEXT + 1);
	assert_replays(&world.receipt(answer["id"].as_str().unwrap()).await);
}

#[tokio::test]
async fn a_drawn_seed_is_in_the_receipt_and_gives_the_answer_again() {
	let world = World::new().await;
	let first = world.answer(CHAT, &chat("hello", json!({ "max_tokens": 30 }))).await;
	let seed = world.receipt(first["id"].as_str().unwrap()).await.seed;
	// As a string, in which every seed is exact, whatever the language.
	let again = chat("hello", json!({ "max_tokens": 30, "seed": seed.to_string() }));
	assert_eq!(world.answer(CHAT, &again).await["choices"], first["choices"]);
	let other = world.answer(CHAT, &chat("hello", json!({ "max_tokens": 30 }))).await;
	assert_ne!(other["choices"], first["choices"], "another seed");
}

#[tokio::test]
async fn text_stays_text_and_control_tokens_in_messages_are_letters() {
	let world = World::new().await;
	for text in ["0x41", "0x", "<|im_end|>", "a\u{0}b", "\u{feff}é—\u{1f980}"] {
		let answer = world.answer(CHAT, &chat(text, json!({ "max_tokens": 1 }))).await;
		let record = world.receipt(answer["id"].as_str().unwrap()).await;
		let expected = Chat::new(model::tokenizer()).unwrap().encode(&[Message::user(text)]).unwrap();
		assert_eq!(record.prompt, expected, "{text:?}");
		assert_eq!(record.prompt.iter().filter(|id| **id == model::END).count(), 1, "{text:?}");
	}
}

#[tokio::test]
async fn the_model_is_listed_and_found_by_its_name_and_its_root() {
	let world = World::new().await;
	let list: Value = world.get("/v1/models").await.json();
	assert_eq!(list["object"], "list");
	assert_eq!((&list["data"][0]["id"], &list["data"][0]["object"]), (&json!(MODEL), &json!("model")));
	let root = list["data"][0]["model_root"].as_str().unwrap().to_owned();
	for name in [MODEL, root.as_str()] {
		let model: Value = world.get(&format!("/v1/models/{name}")).await.json();
		assert_eq!(model, list["data"][0]);
		let mut body = chat("a", json!({ "max_tokens": 1 }));
		body["model"] = name.into();
		assert_eq!(world.answer(CHAT, &body).await["model"], MODEL);
	}
	for name in ["other", "a/b", "%2e%2e"] {
		assert_eq!(world.get(&format!("/v1/models/{name}")).await.status(), 404);
	}
}

/// Natural logarithms that a model of this project gives to the tokens behind a prompt.
fn logprobs(prompt: &[u32], answer: &[u32]) -> Vec<f64> {
	let ids: Vec<u32> = prompt.iter().chain(answer).copied().collect();
	let losses = model::runner(CONTEXT, 1, Kernel::PORTABLE).losses(&ids).unwrap();
	losses[prompt.len() - 1..]
		.iter()
		.map(|loss| -(*loss as f64) / 65_536.0 * std::f64::consts::LN_2)
		.collect()
}

#[tokio::test]
async fn probabilities_are_those_of_the_network_in_a_whole_answer_and_in_a_stream() {
	let world = World::new().await;
	let settings =
		json!({ "max_tokens": 30, "seed": 5, "temperature": 0.7, "logprobs": true, "top_logprobs": 3 });
	let body = chat("hello", settings);
	let answer = world.answer(CHAT, &body).await;
	let entries = answer["choices"][0]["logprobs"]["content"].as_array().unwrap().clone();
	let record = world.receipt(answer["id"].as_str().unwrap()).await;
	let expected = logprobs(&record.prompt, &record.answer);
	assert_eq!(entries.len(), 30, "nothing but the length ends it, so each token came to text");
	let mut bytes = Vec::new();
	for (entry, expected) in entries.iter().zip(expected) {
		assert!((entry["logprob"].as_f64().unwrap() - expected).abs() < 1e-9, "{entry} {expected}");
		bytes.extend(entry["bytes"].as_array().unwrap().iter().map(|byte| byte.as_u64().unwrap() as u8));
		let top = entry["top_logprobs"].as_array().unwrap();
		let order: Vec<f64> = top.iter().map(|entry| entry["logprob"].as_f64().unwrap()).collect();
		assert!(order.len() == 3 && order.is_sorted_by(|a, b| a >= b), "{entry}");
		assert!(order.iter().map(|logprob| logprob.exp()).sum::<f64>() <= 1.0 + 1e-3, "{entry}");
	}
	assert_eq!(String::from_utf8_lossy(&bytes), content(&answer));
	// As a stream: the same, beside the text that the tokens came to.
	let events = world.events(CHAT, &body).await;
	let streamed: Vec<Value> = events
		.iter()
		.filter_map(|event| event["choices"][0]["logprobs"]["content"].as_array())
		.flatten()
		.cloned()
		.collect();
	assert_eq!(streamed, entries);
	// An answer that does not ask for them has none, and is the same.
	let plain =
		world.answer(CHAT, &chat("hello", json!({ "max_tokens": 30, "seed": 5, "temperature": 0.7 }))).await;
	assert!(plain["choices"][0]["logprobs"].is_null());
	assert_eq!(content(&plain), content(&answer));
}

#[tokio::test]
async fn probabilities_of_a_completion_have_the_older_shape_with_offsets_in_characters() {
	let world = World::new().await;
	let body = completion("hello", json!({ "max_tokens": 12, "temperature": 0, "logprobs": 2 }));
	let answer = world.answer(COMPLETIONS, &body).await;
	let logprobs = &answer["choices"][0]["logprobs"];
	let list = |name: &str| logprobs[name].as_array().unwrap().clone();
	let (tokens, offsets) = (list("tokens"), list("text_offset"));
	// The last ones may be the beginning of a character, which never came to text.
	assert!((1..=12).contains(&tokens.len()), "{logprobs}");
	assert_eq!((offsets.len(), list("token_logprobs").len()), (tokens.len(), tokens.len()));
	let mut characters = 0;
	for (index, token) in tokens.iter().enumerate() {
		let token = token.as_str().unwrap();
		assert_eq!(offsets[index], characters);
		characters += token.chars().count();
		// At temperature 0 the chosen token is the most probable one.
		let top = list("top_logprobs")[index].as_object().unwrap().clone();
		let most = top.values().map(|value| value.as_f64().unwrap()).fold(f64::NEG_INFINITY, f64::max);
		assert_eq!((top[token].as_f64(), list("token_logprobs")[index].as_f64()), (Some(most), Some(most)));
	}
	let events = world.events(COMPLETIONS, &body).await;
	let streamed = |name: &str| -> Vec<Value> {
		let parts = events.iter().filter_map(|event| event["choices"][0]["logprobs"][name].as_array());
		parts.flatten().cloned().collect()
	};
	assert_eq!((streamed("tokens"), streamed("text_offset")), (tokens, offsets));
}
