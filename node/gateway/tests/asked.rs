//! Requests held against the records of their answers, and a server that gives none any more.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use blyan_gateway::asked::{deviations, AskedError};
use blyan_open_model::GenerationRecord;
use serde_json::{json, Value};
use support::{chat, completion, World};

const CHAT: &str = "/v1/chat/completions";
const COMPLETIONS: &str = "/v1/completions";

fn fields(
	world: &World,
	route: &str,
	body: &Value,
	index: u32,
	record: &GenerationRecord,
) -> Vec<&'static str> {
	let found =
		deviations(world.gateway.model(), (route, body.to_string().as_bytes()), index, record).unwrap();
	found.into_iter().map(|part| part.field).collect()
}

#[tokio::test]
async fn an_answer_is_about_its_own_request_and_about_no_other() {
	let world = World::new().await;
	let more =
		json!({ "max_tokens": 6, "temperature": 0.5, "top_p": 0.9, "seed": "18446744073709551615", "n": 2 });
	let body = chat("hello", more.clone());
	let answer = world.answer(CHAT, &body).await;
	let id = answer["id"].as_str().unwrap();
	let (first, second) = (world.receipt(id).await, world.receipt(&format!("{id}-1")).await);
	assert!(fields(&world, CHAT, &body, 0, &first).is_empty());
	assert!(fields(&world, CHAT, &body, 1, &second).is_empty(), "its seed is the next one");
	assert_eq!(fields(&world, CHAT, &body, 1, &first), ["seed"]);
	assert_eq!(fields(&world, CHAT, &chat("hell", more.clone()), 0, &first), ["prompt"]);
	for (name, value, field) in [
		("temperature", json!(1), "temperature_q8"),
		("top_p", json!(1), "top_p_q8"),
		("seed", json!(3), "seed"),
		("max_tokens", json!(7), "max_tokens"),
		("stop", json!("x"), "stop"),
	] {
		let mut other = body.clone();
		other[name] = value;
		assert_eq!(fields(&world, CHAT, &other, 0, &first), [field]);
	}
	// What the request leaves open is the server's choice.
	let mut open = body.clone();
	open.as_object_mut().unwrap().retain(|name, _| name != "seed" && name != "max_tokens");
	assert!(fields(&world, CHAT, &open, 0, &first).is_empty());
	let model = world.gateway.model();
	let refused = deviations(model, (CHAT, body.to_string().as_bytes()), 2, &first);
	assert_eq!(refused, Err(AskedError::Index { answers: 2, index: 2 }));
	assert!(matches!(deviations(model, ("/v1/models", b"{}"), 0, &first), Err(AskedError::Route(_))));
	assert!(matches!(deviations(model, (CHAT, b"{"), 0, &first), Err(AskedError::Request(_))));
}

#[tokio::test]
async fn a_completion_is_about_its_text() {
	let world = World::new().await;
	let body = completion("hello", json!({ "seed": 5 }));
	let record = world.receipt(world.answer(COMPLETIONS, &body).await["id"].as_str().unwrap()).await;
	assert!(fields(&world, COMPLETIONS, &body, 0, &record).is_empty());
	let shorter = completion("ello", json!({ "seed": 5 }));
	assert_eq!(fields(&world, COMPLETIONS, &shorter, 0, &record), ["prompt"]);
}

#[tokio::test]
async fn a_server_whose_answers_may_be_wrong_gives_none_and_says_why() {
	let world = World::new().await;
	let body = chat("hello", json!({ "max_tokens": 4, "seed": 5 }));
	let answer = world.answer(CHAT, &body).await;
	world.gateway.withhold("an answer of it was wrong".into());
	world.gateway.withhold("another reason".into());
	let refused = world.post(CHAT, &body).await;
	assert_eq!(refused.status(), 503);
	let error: Value = refused.json();
	assert_eq!(error["error"]["code"], "withheld");
	assert!(error["error"]["message"].as_str().unwrap().contains("an answer of it was wrong"), "{error}");
	assert_eq!(world.get("/healthz").await.status(), 503);
	world.receipt(answer["id"].as_str().unwrap()).await;
}
