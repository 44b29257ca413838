//! Several operators behind one address: who is asked, who goes on, and what each is paid.

use super::*;
use crate::paying::{delivery::Reader, notice::Notice, relay};

/// Operators of these scenes, in their order.
async fn pool(scenes: &[&Scene]) -> (Arc<Operators>, mpsc::UnboundedReceiver<Notice>) {
	let mut payers = Vec::new();
	for scene in scenes {
		payers.push((scene.payer.clone(), scene.payer.channel().await));
	}
	let differences = scenes[0].store.receipts(7).with_extension("differences");
	Operators::new(payers, differences)
}

async fn ask(operators: &Arc<Operators>, headers: HeaderMap) -> Response {
	let body = Bytes::from_static(br#"{"messages": [], "max_tokens": 2}"#);
	let path = PathAndQuery::from_static("/v1/chat/completions");
	let request = Request { route: Route::Chat, path, headers, body, patience: Patience::ALONE };
	relay::ask(operators, request).await.unwrap()
}

/// Reads an answer to its end: the bytes, and what they say.
async fn read(response: Response) -> (String, Delivered) {
	let bytes = response.into_body().collect().await.unwrap().to_bytes();
	let mut reader = Reader::new(true);
	reader.push(&bytes);
	(String::from_utf8(bytes.to_vec()).unwrap(), reader.finish(true))
}

async fn bill(scene: &mut Scene) -> Bill {
	tokio::time::timeout(Duration::from_secs(10), scene.bills.recv()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_sees_one_stream_when_its_operator_dies_in_the_middle_and_each_is_paid_by_its_receipt() {
	let (mut first, mut second) = (Scene::new(Character::Dying).await, Scene::new(Character::Honest).await);
	let (operators, mut notices) = pool(&[&first, &second]).await;
	let (text, delivered) = read(ask(&operators, HeaderMap::new()).await).await;
	assert_eq!(delivered.texts[&0], "hey", "{text}");
	assert!(delivered.is_whole && text.starts_with(EVENTS[0]), "what came of the first is unchanged: {text}");
	let notice = notices.recv().await.unwrap();
	let Notice::Followed { took, .. } = notice else { panic!("{notice:?}") };
	assert!(took < relay::SILENCE_MAX, "{took:?}");
	let (one, other) = (bill(&mut first).await, bill(&mut second).await);
	assert_eq!((one.charged, one.fault), (COST, None), "as far as it has signed");
	assert_eq!((other.charged, other.fault), (COST, None), "all that it computed");
	// Both had the same request, with a seed that the payer drew.
	let bodies = [&first, &second].map(|scene| scene.operator.script.lock().unwrap().body.clone());
	assert_eq!(bodies[0], bodies[1]);
	let value: Value = serde_json::from_slice(&bodies[0]).unwrap();
	assert!(value["seed"].is_u64(), "{value}");
	// The next one is asked of the one that lives.
	read(ask(&operators, HeaderMap::new()).await).await;
	assert_eq!((first.requests(), second.requests()), (2, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_falls_silent_is_followed_after_three_seconds() {
	let (first, second) = (Scene::new(Character::Endless).await, Scene::new(Character::Honest).await);
	let (operators, _notices) = pool(&[&first, &second]).await;
	let began_at = std::time::Instant::now();
	let (text, delivered) = read(ask(&operators, HeaderMap::new()).await).await;
	assert_eq!((delivered.texts[&0].as_str(), delivered.is_whole), ("hey", true), "{text}");
	assert!(began_at.elapsed() >= relay::SILENCE_MAX);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_operators_that_say_different_things_end_the_answer_and_both_are_kept() {
	let (first, second) = (Scene::new(Character::Dying).await, Scene::new(Character::Contrary).await);
	let (operators, mut notices) = pool(&[&first, &second]).await;
	let (text, delivered) = read(ask(&operators, HeaderMap::new()).await).await;
	assert!(text.contains("operators_differ") && !delivered.is_whole, "{text}");
	assert_eq!(delivered.texts[&0], "he", "nothing of the second comes behind the first: {text}");
	assert!(matches!(notices.recv().await, Some(Notice::Followed { .. })));
	assert_eq!(notices.recv().await, Some(Notice::Differs { sessions: [7, 7], is_kept: true }));
	let kept = std::fs::read_to_string(operators.differences()).unwrap();
	let kept: Value = serde_json::from_str(kept.trim()).unwrap();
	assert_eq!((&kept["answers"][0]["text"], &kept["answers"][1]["text"]), (&json!("he"), &json!("ha")));
	assert_eq!(kept["answers"][0]["receipt"], "chatcmpl-0");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_without_room_is_passed_over_and_rests() {
	let (first, second) = (Scene::new(Character::Full).await, Scene::new(Character::Honest).await);
	let (operators, _notices) = pool(&[&first, &second]).await;
	for _ in 0..2 {
		assert_eq!(read(ask(&operators, HeaderMap::new()).await).await.1.texts[&0], "hey");
	}
	assert_eq!(first.requests(), 1, "it is not asked again at once");
	// Where all are like that, the client hears so.
	let (one, other) = (Scene::new(Character::Full).await, Scene::new(Character::Full).await);
	let (operators, _notices) = pool(&[&one, &other]).await;
	let refused = ask(&operators, HeaderMap::new()).await;
	assert_eq!((refused.status(), one.requests(), other.requests()), (StatusCode::SERVICE_UNAVAILABLE, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_by_a_client_that_cuts_its_answers_makes_no_other_operator_work() {
	let (mut first, second) = (Scene::new(Character::Endless).await, Scene::new(Character::Honest).await);
	let (operators, _notices) = pool(&[&first, &second]).await;
	let mut body = ask(&operators, HeaderMap::new()).await.into_body();
	assert!(body.frame().await.is_some());
	drop(body);
	let cut = bill(&mut first).await;
	assert_eq!((cut.charged, cut.fault), (COST, None), "what was delivered is paid");
	tokio::time::sleep(Duration::from_millis(200)).await;
	assert_eq!(second.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_asked_of_the_operator_that_was_paid_and_costs_nothing() {
	let (mut first, second) = (Scene::new(Character::Honest).await, Scene::new(Character::Honest).await);
	let (operators, _notices) = pool(&[&first, &second]).await;
	read(ask(&operators, HeaderMap::new()).await).await;
	assert_eq!(bill(&mut first).await.charged, COST);
	let (text, delivered) = read(ask(&operators, retry()).await).await;
	assert_eq!(delivered.texts[&0], "hey", "{text}");
	assert_eq!(bill(&mut first).await.charged, 0);
	assert_eq!(second.requests(), 0);
	// Another request is the other's turn.
	read(ask(&operators, HeaderMap::new()).await).await;
	assert!(second.requests() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_asked_of_the_operator_that_went_on_and_costs_nothing() {
	let (first, mut second) = (Scene::new(Character::Dying).await, Scene::new(Character::Honest).await);
	let (operators, _notices) = pool(&[&first, &second]).await;
	read(ask(&operators, HeaderMap::new()).await).await;
	assert_eq!(bill(&mut second).await.charged, COST);
	let asked = first.requests();
	let (text, delivered) = read(ask(&operators, retry()).await).await;
	assert_eq!(delivered.texts[&0], "hey", "{text}");
	assert_eq!((first.requests(), bill(&mut second).await.charged), (asked, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_is_laid_at_the_door_of_those_that_said_it() {
	let scenes = [Character::Dying, Character::Mute, Character::Contrary].map(Scene::new);
	let scenes = futures::future::join_all(scenes).await;
	let (operators, _notices) = pool(&scenes.iter().collect::<Vec<_>>()).await;
	let (text, _) = read(ask(&operators, HeaderMap::new()).await).await;
	assert!(text.contains("operators_differ"), "{text}");
	let kept = std::fs::read_to_string(operators.differences()).unwrap();
	let kept: Value = serde_json::from_str(kept.trim()).unwrap();
	let said: Vec<_> = kept["answers"].as_array().unwrap().iter().map(|answer| &answer["text"]).collect();
	assert_eq!(said, ["he", "", "ha"], "the second had said nothing yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_by_an_operator_that_does_not_end_its_stream_keeps_no_client() {
	let (mut first, second) = (Scene::new(Character::Lingering).await, Scene::new(Character::Honest).await);
	let (operators, _notices) = pool(&[&first, &second]).await;
	let response = ask(&operators, HeaderMap::new()).await;
	let (text, delivered) = tokio::time::timeout(Duration::from_secs(30), read(response)).await.unwrap();
	assert!(delivered.is_whole && text.ends_with("[DONE]\n\n"), "{text}");
	assert_eq!((bill(&mut first).await.charged, second.requests()), (COST, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_by_operators_that_die_on_purpose_costs_three_answers_at_most() {
	let scenes = [Character::Dying; 4].map(Scene::new);
	let scenes = futures::future::join_all(scenes).await;
	let (operators, _notices) = pool(&scenes.iter().collect::<Vec<_>>()).await;
	let (text, delivered) = read(ask(&operators, HeaderMap::new()).await).await;
	assert!(text.contains("operator_unreachable") && !delivered.is_whole, "{text}");
	let asked = scenes.iter().filter(|scene| scene.requests() > 0).count();
	assert_eq!(asked, 3);
}
