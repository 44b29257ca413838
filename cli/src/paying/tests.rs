//! A payer against operators of every kind, over real sockets.

#[path = "../../../ml-engine/open-model/tests/support/letters.rs"]
pub(super) mod letters;
mod pool;

use super::{
	channel::{Channel, SessionTerms},
	check::{
		self,
		tests::{billed, pair, serving_terms, GENESIS},
	},
	delivery::Delivered,
	operators::Operators,
	payer::{Bill, Paid, Patience, PayError, Payer, Request},
	proxy::Proxy,
	request::Route,
	store::ChannelStore,
	upstream::Upstream,
	wire::{self, IDEMPOTENCY_KEY, PAYMENT_REQUIRED, RECEIPT_ID, RETRY_COUNT, VOUCHER},
};
use crate::home::Home;
use axum::{
	body::{Body, Bytes},
	extract::{Path, State},
	http::{header, HeaderMap, StatusCode},
	response::{IntoResponse, Response},
	routing::{get, post},
	Router,
};
use base64::{engine::general_purpose::STANDARD, Engine};
use futures::StreamExt;
use http_body_util::BodyExt;
use hyper::http::uri::PathAndQuery;
use serde_json::{json, Value};
use sp_core::{Pair, H256};
use std::{
	collections::BTreeMap,
	sync::{Arc, Mutex},
	time::Duration,
};
use tokio::{net::TcpListener, sync::mpsc};

/// Cost of an answer of the scripted operator: three tokens read and two written.
const COST: u128 = 7;
/// Most that it holds for one.
const CEILING: u128 = 100;
/// The answer as it is streamed.
const EVENTS: [&str; 3] = [
	"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"he\"}}]}\n\n",
	"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"y\"}}]}\n\n",
	"data: [DONE]\n\n",
];

/// Character of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Character {
	Honest,
	/// Asks for more than anything costs.
	Greedy,
	/// Charges more than its prices.
	Overcharging,
	/// Gives no receipts.
	Silent,
	/// Signs with another key.
	Stranger,
	/// Closes the connection of the first request after it was served.
	Broken,
	/// Loses the connection of the first request before it has answered, and charges three planck for what was on its way.
	Vanishing,
	/// Never ends its answer.
	Endless,
	/// Loses the connection of every answer in its middle.
	Dying,
	/// Loses it before its first words.
	Mute,
	/// Says behind its answer, again and again, that it is still there.
	Lingering,
	/// Answers something else.
	Contrary,
	/// Has no room for answers.
	Full,
}

struct Operator {
	character: Character,
	script: Mutex<Script>,
}

#[derive(Default)]
struct Script {
	served: u128,
	/// Largest voucher.
	promised: u128,
	/// Signed receipts by their identifiers.
	receipts: BTreeMap<String, Value>,
	/// Identifiers of answers by idempotency key.
	keys: BTreeMap<String, String>,
	/// Requests that came, vouchers that were too small included.
	requests: usize,
	/// Headers of the last of them.
	headers: HeaderMap,
	/// Body of the last of them.
	body: Bytes,
}

impl Operator {
	fn receipt(&self, id: &str, number: u64) -> Value {
		let mut billed = billed();
		// Every answer has a seed of its own.
		(billed.generation.seed, billed.generation.engine) = (number, id.into());
		let mut receipt = blyan_till::receipt::receipt(&billed.generation, 3, 7, COST).unwrap();
		if self.character == Character::Overcharging {
			receipt.charged = COST + 1;
		}
		let mut signed = check::tests::signed(billed.generation.clone(), receipt).signed;
		if self.character == Character::Stranger {
			signed.key = sp_core::sr25519::Pair::from_seed(&[77; 32]).public();
		}
		let mut value = serde_json::to_value(&billed.generation).unwrap();
		value["format"] = json!("blyan/generation");
		value["version"] = json!(1);
		value["signed_receipt"] = blyan_till::receipt::to_json(&signed, &GENESIS);
		value
	}
}

async fn complete(State(operator): State<Arc<Operator>>, headers: HeaderMap, body: Bytes) -> Response {
	let mut script = operator.script.lock().unwrap();
	script.requests += 1;
	(script.headers, script.body) = (headers.clone(), body);
	if operator.character == Character::Full {
		let error = json!({ "error": { "code": "operator_store_full" } }).to_string();
		return (StatusCode::SERVICE_UNAVAILABLE, error).into_response();
	}
	let voucher = headers[&VOUCHER].to_str().unwrap().to_owned();
	let amount: u128 = voucher.split(':').nth(1).unwrap().parse().unwrap();
	let key = headers[&IDEMPOTENCY_KEY].to_str().unwrap().to_owned();
	if let Some(id) = script.keys.get(&key) {
		return answer(id, operator.character);
	}
	let needed = script.served + if operator.character == Character::Greedy { 1 << 40 } else { CEILING };
	if amount < needed {
		let accepts = json!([{ "scheme": blyan_till::x402::SCHEME, "amount": CEILING.to_string(), "extra": { "voucher": needed.to_string() } }]);
		let required = STANDARD.encode(json!({ "x402Version": 2, "accepts": accepts }).to_string());
		let error = json!({ "error": { "message": "the voucher is too small" } }).to_string();
		return (StatusCode::PAYMENT_REQUIRED, [(PAYMENT_REQUIRED, required)], error).into_response();
	}
	script.promised = script.promised.max(amount);
	script.served += COST;
	let number = script.receipts.len() as u64;
	let id = format!("chatcmpl-{number}");
	let receipt = operator.receipt(&id, number);
	script.receipts.insert(id.clone(), receipt);
	script.keys.insert(key, id.clone());
	if operator.character == Character::Vanishing && number == 0 {
		script.served += 3;
		drop(script);
		panic!("as a server that dies: its connection breaks");
	}
	if operator.character == Character::Broken && number == 0 {
		// A beginning, on its way before the rest fails.
		let begun = futures::stream::iter([Ok(Bytes::from(EVENTS[0]))]);
		let broken = begun.chain(futures::stream::once(async {
			tokio::time::sleep(Duration::from_millis(100)).await;
			Err(std::io::Error::other("cut"))
		}));
		return Body::from_stream(broken).into_response();
	}
	answer(&id, operator.character)
}

fn answer(id: &str, character: Character) -> Response {
	let said = |event: &str| match character {
		Character::Contrary => event.replace("he", "ha"),
		_ => event.to_owned(),
	};
	let events = EVENTS.map(|event| Ok::<_, std::io::Error>(Bytes::from(said(event))));
	let events = futures::stream::iter(events);
	let headers = [(header::CONTENT_TYPE, "text/event-stream".to_owned()), (RECEIPT_ID, id.to_owned())];
	let is_mute = character == Character::Mute;
	let body = match character {
		Character::Endless => Body::from_stream(events.take(2).chain(futures::stream::pending())),
		Character::Dying | Character::Mute => {
			Body::from_stream(events.take(usize::from(!is_mute)).chain(futures::stream::once(async {
				tokio::time::sleep(Duration::from_millis(100)).await;
				Err(std::io::Error::other("cut"))
			})))
		}
		Character::Lingering => Body::from_stream(events.chain(futures::stream::unfold((), |()| async {
			tokio::time::sleep(Duration::from_millis(100)).await;
			Some((Ok(Bytes::from_static(b": still here\n\n")), ()))
		}))),
		_ => Body::from_stream(events),
	};
	(headers, body).into_response()
}

async fn receipt(State(operator): State<Arc<Operator>>, Path(id): Path<String>) -> Response {
	let script = operator.script.lock().unwrap();
	match script.receipts.get(&id).filter(|_| operator.character != Character::Silent) {
		Some(receipt) => receipt.to_string().into_response(),
		None => StatusCode::NOT_FOUND.into_response(),
	}
}

async fn account(State(operator): State<Arc<Operator>>, headers: HeaderMap) -> Response {
	let script = operator.script.lock().unwrap();
	let voucher = wire::voucher(&GENESIS, 7, script.promised, &pair());
	drop(headers);
	let (served, known) = (script.served.to_string(), script.promised.to_string());
	json!({ "served": served, "held": "0", "known": known, "voucher": voucher.to_str().unwrap() })
		.to_string()
		.into_response()
}

/// A payer, its operator, and the directory that they meet in.
struct Scene {
	operator: Arc<Operator>,
	payer: Arc<Payer>,
	bills: mpsc::UnboundedReceiver<Bill>,
	store: ChannelStore,
	_dir: tempfile::TempDir,
}

impl Scene {
	async fn new(character: Character) -> Self {
		Self::with_deposit(character, 1_000).await
	}

	async fn with_deposit(character: Character, deposit: u128) -> Self {
		let operator = Arc::new(Operator { character, script: Mutex::default() });
		let router = Router::new()
			.route("/v1/chat/completions", post(complete))
			.route("/v1/receipts/{id}", get(receipt))
			.route("/v1/account", get(account))
			.with_state(operator.clone());
		let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
		let endpoint = format!("http://{}", listener.local_addr().unwrap());
		tokio::spawn(async move { axum::serve(listener, router).await });
		let dir = tempfile::tempdir().unwrap();
		let store = ChannelStore::new(&Home::find(Some(dir.path().join("home"))).unwrap(), GENESIS.0);
		let terms = SessionTerms { endpoint, voucher_key: H256(pair().public().0), ..serving_terms() };
		store.insert(&Channel::new(GENESIS, 7, terms, deposit)).unwrap();
		let (payer, bills) = open(&store);
		Self { operator, payer, bills, store, _dir: dir }
	}

	async fn ask(&self, headers: HeaderMap) -> Result<Paid, PayError> {
		let body = Bytes::from_static(br#"{"messages": [], "max_tokens": 2}"#);
		let path = PathAndQuery::from_static("/v1/chat/completions");
		self.payer.ask(Request { route: Route::Chat, path, headers, body, patience: Patience::ALONE }).await
	}

	/// Asks, reads all of the answer, and waits for the bill.
	async fn answer(&self, headers: HeaderMap) -> (String, Bill) {
		let Paid { response, bill } = self.ask(headers).await.unwrap();
		let text = response.into_body().collect().await.unwrap().to_bytes();
		(String::from_utf8(text.to_vec()).unwrap(), bill.await.unwrap())
	}

	fn requests(&self) -> usize {
		self.operator.script.lock().unwrap().requests
	}
}

fn open(store: &ChannelStore) -> (Arc<Payer>, mpsc::UnboundedReceiver<Bill>) {
	let held = store.hold(7).unwrap();
	let endpoint = store.read(7).unwrap().unwrap().terms.endpoint;
	let (bills, reported) = mpsc::unbounded_channel();
	(Payer::new(Upstream::new(&endpoint).unwrap(), held, pair(), None, store.receipts(7), bills), reported)
}

/// A payer by itself, as the local server has it.
async fn alone(scene: &Scene) -> Arc<Operators> {
	let payers = vec![(scene.payer.clone(), scene.payer.channel().await)];
	Operators::new(payers, scene.store.receipts(7).with_extension("differences")).0
}

fn retry() -> HeaderMap {
	HeaderMap::from_iter([(RETRY_COUNT, "1".parse().unwrap())])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_operator_is_promised_what_it_asks_and_charged_what_it_signed() {
	let mut scene = Scene::new(Character::Honest).await;
	for round in 1..=3 {
		let (text, bill) = scene.answer(HeaderMap::new()).await;
		assert_eq!(text, EVENTS.concat(), "it is passed on unchanged");
		assert_eq!((bill.charged, bill.fault, bill.channel.charged), (COST, None, round * COST));
		// Each answer needs a voucher for what was served and one more ceiling, and not a unit more.
		assert_eq!(bill.channel.promised, (round - 1) * COST + CEILING);
		assert!(scene.bills.recv().await.is_some());
	}
	assert_eq!(scene.requests(), 6, "a request, a demand, and the request again");
	let kept = std::fs::read_to_string(scene.store.receipts(7)).unwrap();
	assert_eq!(kept.lines().count(), 3);
	assert_eq!(crate::records::read(&scene.store.receipts(7)).unwrap().len(), 3, "audit replay reads them");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_greedy_operator_gets_no_voucher_and_no_second_chance() {
	let scene = Scene::new(Character::Greedy).await;
	assert!(matches!(scene.ask(HeaderMap::new()).await, Err(PayError::Channel(_))));
	let channel = scene.payer.channel().await;
	assert_eq!(channel.promised, 0);
	assert!(channel.stopped.unwrap().contains("asks for"));
	let before = scene.requests();
	assert!(scene.ask(HeaderMap::new()).await.is_err());
	assert_eq!(scene.requests(), before, "it is not asked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_whose_receipt_is_wrong_is_paid_no_more() {
	for (character, words) in
		[(Character::Overcharging, "charges 8 planck"), (Character::Stranger, "not a serving key")]
	{
		let scene = Scene::new(character).await;
		let (_, bill) = scene.answer(HeaderMap::new()).await;
		assert!(bill.fault.unwrap().contains(words), "{character:?}");
		assert_eq!(bill.charged, 0);
		assert!(matches!(scene.ask(HeaderMap::new()).await, Err(PayError::Channel(_))), "{character:?}");
	}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_of_an_answer_that_came_is_charged_once() {
	let scene = Scene::new(Character::Honest).await;
	scene.answer(HeaderMap::new()).await;
	let (text, bill) = scene.answer(retry()).await;
	assert_eq!((text, bill.charged), (EVENTS.concat(), 0));
	assert_eq!(bill.channel.charged, COST);
	assert_eq!(scene.operator.script.lock().unwrap().served, COST);
	let (_, bill) = scene.answer(HeaderMap::new()).await;
	assert_eq!(bill.charged, COST, "the same words may be meant twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_is_tried_again_under_the_same_key() {
	let scene = Scene::new(Character::Broken).await;
	let Paid { response, .. } = scene.ask(HeaderMap::new()).await.unwrap();
	assert!(response.into_body().collect().await.is_err(), "the operator broke off");
	let mut bills = scene.bills;
	let first = bills.recv().await.unwrap();
	assert_eq!(first.charged, 0, "the head named no receipt");
	let scene = Scene { bills, ..scene };
	// No counter: the operator broke off, so the same body is the same request.
	let (text, bill) = scene.answer(HeaderMap::new()).await;
	assert_eq!((text, bill.charged), (EVENTS.concat(), COST));
	assert_eq!(scene.operator.script.lock().unwrap().served, COST);
	scene.payer.reconcile().await;
	assert!(scene.payer.channel().await.open.is_empty(), "what broke off was agreed on");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_charged_behind_a_connection_that_broke_is_no_reason_to_accuse_an_operator() {
	let scene = Scene::new(Character::Vanishing).await;
	let (text, bill) = scene.answer(HeaderMap::new()).await;
	assert_eq!((text, bill.charged, bill.fault), (EVENTS.concat(), COST, None));
	assert_eq!(bill.channel.open.len(), 1, "what the first connection carried may be charged as well");
	scene.payer.reconcile().await;
	let channel = scene.payer.channel().await;
	assert_eq!((channel.charged, channel.open.len(), channel.stopped), (COST + 3, 0, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_is_charged_by_the_receipt() {
	let mut scene = Scene::new(Character::Endless).await;
	let Paid { response, .. } = scene.ask(HeaderMap::new()).await.unwrap();
	let mut body = response.into_body();
	assert!(body.frame().await.is_some());
	drop(body);
	let bill = tokio::time::timeout(Duration::from_secs(10), scene.bills.recv()).await.unwrap().unwrap();
	assert_eq!((bill.charged, bill.fault), (COST, None));
	assert!(bill.channel.open.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_that_is_used_up_says_how_to_go_on() {
	let scene = Scene::with_deposit(Character::Honest, CEILING).await;
	scene.answer(HeaderMap::new()).await;
	let Err(PayError::Channel(error)) = scene.ask(HeaderMap::new()).await else { panic!("it was served") };
	assert!(error.to_string().contains("blyan session top-up 7"), "{error}");
	let channel = scene.payer.channel().await;
	assert_eq!((channel.open.len(), channel.stopped), (0, None), "after a top-up it goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_payer_goes_on_where_it_was() {
	let scene = Scene::new(Character::Endless).await;
	// It is killed while an answer is on its way: nothing of what it had in memory is left.
	let Paid { response, .. } = scene.ask(HeaderMap::new()).await.unwrap();
	let record = scene.store.read(7).unwrap().unwrap();
	assert_eq!((record.promised, record.charged, record.open.len()), (CEILING, 0, 1));
	let other = tempfile::tempdir().unwrap();
	let store = ChannelStore::new(&Home::find(Some(other.path().join("home"))).unwrap(), GENESIS.0);
	store.insert(&record).unwrap();
	let (payer, _bills) = open(&store);
	payer.reconcile().await;
	let channel = payer.channel().await;
	assert_eq!((channel.promised, channel.charged, channel.open.len()), (CEILING, COST, 0));
	drop(response);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_server_passes_answers_on_and_keeps_credentials_and_strangers_out() {
	let scene = Scene::new(Character::Honest).await;
	let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
	let address = listener.local_addr().unwrap();
	let (end, ended) = tokio::sync::oneshot::channel::<()>();
	let proxy = Proxy::new(alone(&scene).await, true);
	let serving = tokio::spawn(proxy.serve(listener, async move { drop(ended.await) }));
	let client = Upstream::new(&format!("http://{address}")).unwrap();
	let send = |headers: &[(&'static str, &str)]| {
		let headers: HeaderMap =
			headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
		let body = Bytes::from_static(br#"{"messages": [], "max_tokens": 2}"#);
		let path = PathAndQuery::from_static("/v1/chat/completions");
		let client = &client;
		async move { client.send(hyper::Method::POST, &path, headers, body).await.unwrap() }
	};
	let response =
		send(&[("authorization", "Bearer sk-secret"), ("cookie", "a=b"), ("x-stainless-lang", "js")]).await;
	assert_eq!(response.status(), StatusCode::OK);
	let text = response.into_body().collect().await.unwrap().to_bytes();
	assert_eq!(text, EVENTS.concat());
	{
		let script = scene.operator.script.lock().unwrap();
		assert!(!script.headers.contains_key("authorization") && !script.headers.contains_key("cookie"));
		assert_eq!(script.headers["x-stainless-lang"], "js");
	}
	for stranger in [("host", "evil.example"), ("origin", "https://evil.example"), ("origin", "null")] {
		assert_eq!(send(&[stranger]).await.status(), StatusCode::FORBIDDEN, "{stranger:?}");
	}
	assert_eq!(send(&[("origin", "http://localhost:3000")]).await.status(), StatusCode::OK);
	scene.payer.settled().await;
	let (_, body) = client.get("/blyan/session", HeaderMap::new()).await.unwrap();
	let session: Value = serde_json::from_slice(&body).unwrap();
	assert_eq!((&session["charged"], &session["answers"]), (&json!((2 * COST).to_string()), &json!(2)));
	let (status, _) = client.get("/v1/receipts/chatcmpl-0", HeaderMap::new()).await.unwrap();
	assert_eq!(status, 200, "what is free is passed on");
	drop(end);
	drop(client);
	tokio::time::timeout(Duration::from_secs(10), serving).await.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_spend_nothing_on_a_network_either() {
	let scene = Scene::new(Character::Honest).await;
	let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
	let address = listener.local_addr().unwrap();
	tokio::spawn(Proxy::new(alone(&scene).await, false).serve(listener, std::future::pending()));
	let client = Upstream::new(&format!("http://{address}")).unwrap();
	let own = format!("http://{address}");
	for (origin, status) in [("https://evil.example", 403), ("null", 403), (own.as_str(), 200)] {
		let headers = HeaderMap::from_iter([(header::ORIGIN, origin.parse().unwrap())]);
		assert_eq!(client.get("/blyan/session", headers).await.unwrap().0, status, "{origin}");
	}
	assert_eq!(client.get("/blyan/session", HeaderMap::new()).await.unwrap().0, 200);
}

#[test]
fn the_text_that_came_is_that_of_the_tokens() {
	use blyan_open_model::text::{Tokenizer, TokenizerFiles};
	let json = letters::tokenizer_json('a'..='z');
	let tokenizer = json.as_bytes();
	let files = TokenizerFiles { tokenizer, config: None, generation_config: None, chat_template: None };
	let tokenizer = Arc::new(Tokenizer::from_files(files).unwrap());
	let mut billed = billed();
	(billed.generation.answer, billed.generation.max_tokens) = (vec![7, 4, 24], 3);
	let came = |text: &str, is_whole| Delivered {
		texts: BTreeMap::from([(0, text.to_owned())]),
		is_whole,
		..Delivered::default()
	};
	let ensure = |billed: &check::Billed, delivered: &Delivered| billed.ensure_text(&tokenizer, 0, delivered);
	assert!(ensure(&billed, &came("hey", true)).is_ok());
	assert!(ensure(&billed, &came("he", true)).is_ok(), "its reader left");
	assert!(ensure(&billed, &came("hex", true)).is_err());
	billed.generation.end = serde_json::from_value(json!("length")).unwrap();
	assert!(ensure(&billed, &came("hey", true)).is_ok());
	let fault = ensure(&billed, &came("he", true)).unwrap_err();
	assert!(fault.to_string().contains("\"hey\""), "{fault}");
	// The operator had sent all of it when the reader left.
	assert!(ensure(&billed, &came("he", false)).is_ok());
	assert!(ensure(&billed, &came("hx", false)).is_err());
	// Another text in the place of a choice that does not come.
	let elsewhere =
		Delivered { texts: BTreeMap::from([(7, "hex".into())]), is_whole: true, ..Delivered::default() };
	assert!(ensure(&billed, &elsewhere).is_err());
	let error = Delivered { is_whole: true, ..Delivered::default() };
	assert!(ensure(&billed, &error).is_ok(), "no answer came");
}
