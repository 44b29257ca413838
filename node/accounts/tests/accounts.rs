//! Accounts of a gateway that runs: people, wallets and programs at its routes.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../gateway/tests/support/mod.rs"]
mod support;

use blyan_accounts::{
	captcha::{Captcha, CaptchaError, Widget, CAPTCHA},
	challenge::Challenge,
	review::{decide, read_review, Decision, Verdict},
	router, Accounts, AccountsTill, Config,
};
use blyan_gateway::{AccessLine, Free};
use futures::{future::BoxFuture, FutureExt};
use serde_json::{json, Value};
use sp_core::{sr25519, Pair};
use std::sync::{
	atomic::{AtomicU64, Ordering},
	Arc, Mutex,
};
use support::{chat, Response, Wanted, World};
use tempfile::TempDir;

const CHAT: &str = "/v1/chat/completions";
/// Noon of a day.
const NOON: u64 = 20_000 * 86_400_000 + 43_200_000;

/// A gateway with accounts and a clock that the test turns.
struct Shop {
	world: World,
	now: Arc<AtomicU64>,
	dir: TempDir,
	log: Arc<Mutex<Vec<String>>>,
}

impl Shop {
	async fn new(free_tokens_per_day: u64) -> Self {
		Self::with_captcha(free_tokens_per_day, None).await
	}

	async fn with_captcha(free_tokens_per_day: u64, captcha: Option<Arc<dyn Captcha>>) -> Self {
		let dir = tempfile::tempdir().unwrap();
		let now = Arc::new(AtomicU64::new(NOON));
		let config = Config {
			domains: vec!["chat.example".into()],
			is_secure: true,
			folder: dir.path().into(),
			free_tokens_per_day,
			requires_account: true,
		};
		let clock = now.clone();
		let accounts = Accounts::with_clock(config, Arc::new(move || clock.load(Ordering::SeqCst))).unwrap();
		let accounts = Arc::new(match captcha {
			Some(captcha) => accounts.with_captcha(captcha),
			None => accounts,
		});
		let log = Arc::new(Mutex::new(Vec::new()));
		let lines = log.clone();
		let wanted = Wanted {
			context: 20_000,
			till: Some(Arc::new(AccountsTill::new(accounts.clone(), Arc::new(Free)))),
			routes: Some(router(accounts)),
			access_log: Some(Box::new(move |line: &AccessLine<'_>| {
				lines.lock().unwrap().push(line.to_string())
			})),
			..Wanted::default()
		};
		Self { world: World::with(wanted).await, now, dir, log }
	}

	async fn post(&self, path: &str, body: Value, token: Option<&str>) -> Response {
		let bearer = token.map(|token| format!("Bearer {token}"));
		let headers: Vec<(&str, &str)> =
			bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
		self.world.post_with(path, &body, &headers).await
	}

	async fn get(&self, path: &str, token: &str) -> Value {
		let bearer = format!("Bearer {token}");
		self.world.get_with(path, &[("authorization", bearer.as_str())]).await.json()
	}

	/// Asks for a short answer.
	async fn ask(&self, words: &str, token: Option<&str>) -> Response {
		self.post(CHAT, chat(words, json!({ "max_tokens": 3 })), token).await
	}

	async fn demo(&self) -> Value {
		self.post("/account/demo", json!({}), None).await.json()
	}

	/// Asks for a nonce, and returns the message and its signature.
	async fn signed(&self, pair: &sr25519::Pair) -> (String, String) {
		use sp_core::crypto::Ss58Codec;
		let body = json!({ "address": pair.public().to_ss58check() });
		let nonce: Value = self.post("/wallet/request_nonce", body, None).await.json();
		let message = nonce["message"].as_str().unwrap().to_owned();
		let signature = pair.sign(format!("<Bytes>{message}</Bytes>").as_bytes());
		(message, format!("0x{}", hex::encode(signature.0)))
	}

	async fn sign_in(&self, pair: &sr25519::Pair, demo: Option<&str>) -> Value {
		let (message, signature) = self.signed(pair).await;
		let body = json!({ "message": message, "signature": signature });
		self.post("/wallet/authenticate", body, demo).await.json()
	}
}

fn code(response: &Response) -> String {
	let body: Value = response.json();
	body["error"]["code"].as_str().unwrap_or("none").to_owned()
}

fn token(session: &Value) -> &str {
	session["access_token"].as_str().unwrap_or_else(|| panic!("{session}"))
}

fn pair(seed: u8) -> sr25519::Pair {
	sr25519::Pair::from_seed(&[seed; 32])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_asks_five_times_without_a_name_and_signs_in_with_that_history() {
	let shop = Shop::new(1_000_000).await;
	let refused = shop.ask("hello", None).await;
	assert_eq!((refused.status().as_u16(), code(&refused).as_str()), (401, "sign_in_required"));
	assert_eq!(refused.json::<Value>()["get_key"], "/account/demo");
	let demo = shop.demo().await;
	for _ in 0..5 {
		assert_eq!(shop.ask("hello", Some(token(&demo))).await.status(), 200);
	}
	let refused = shop.ask("hello", Some(token(&demo))).await;
	assert_eq!((refused.status().as_u16(), code(&refused).as_str()), (429, "free_requests_used"));
	assert_eq!(refused.headers()["x-should-retry"], "false");
	assert!(refused.text().contains("sign in with a wallet"), "{}", refused.text());
	let wallet = shop.sign_in(&pair(1), Some(token(&demo))).await;
	let history = shop.get("/account/history", token(&wallet)).await;
	let entries = history["data"].as_array().unwrap();
	assert_eq!(entries.len(), 5);
	for entry in entries {
		assert_eq!(
			(&entry["answer_tokens"], &entry["is_free"], &entry["is_whole"]),
			(&json!(3), &json!(true), &json!(true))
		);
		shop.world.receipt(entry["receipt"].as_str().unwrap()).await;
	}
	assert_eq!(
		code(&shop.ask("hello", Some(token(&demo))).await),
		"invalid_session",
		"the demo account is no more"
	);
	let account = shop.get("/account", token(&wallet)).await;
	assert_eq!(
		(&account["kind"], &account["level"], &account["free_requests_left"]),
		(&json!("wallet"), &json!("newbie"), &json!(0))
	);
	shop.now.fetch_add(86_400_000 / 2, Ordering::SeqCst);
	assert_eq!(shop.ask("hello", Some(token(&wallet))).await.status(), 200, "another day");
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_sign_in_with_a_message_that_was_signed_before_for_another_site_or_by_another_wallet() {
	let shop = Shop::new(0).await;
	let (message, signature) = shop.signed(&pair(1)).await;
	let body = json!({ "message": message, "signature": signature });
	let first = shop.post("/wallet/authenticate", body.clone(), None).await;
	assert_eq!(first.status(), 200, "{}", first.text());
	assert_eq!(code(&shop.post("/wallet/authenticate", body, None).await), "nonce_unknown");
	// A site in the middle asks for the nonce and lets a person sign its own name.
	let (message, _) = shop.signed(&pair(1)).await;
	let message = message.replace("chat.example", "evil.example");
	let signature = format!("0x{}", hex::encode(pair(1).sign(message.as_bytes()).0));
	let refused =
		shop.post("/wallet/authenticate", json!({ "message": message, "signature": signature }), None).await;
	assert_eq!(code(&refused), "wrong_domain");
	let (message, _) = shop.signed(&pair(1)).await;
	let signature = format!("0x{}", hex::encode(pair(2).sign(message.as_bytes()).0));
	let refused =
		shop.post("/wallet/authenticate", json!({ "message": message, "signature": signature }), None).await;
	assert_eq!((refused.status().as_u16(), code(&refused).as_str()), (401, "invalid_signature"));
	let (message, signature) = shop.signed(&pair(1)).await;
	shop.now.fetch_add(120_000, Ordering::SeqCst);
	let late =
		shop.post("/wallet/authenticate", json!({ "message": message, "signature": signature }), None).await;
	assert_eq!(code(&late), "nonce_unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_renewed_once_and_end_by_signing_out() {
	let shop = Shop::new(0).await;
	let first = shop.sign_in(&pair(3), None).await;
	let refresh = |session: &Value| json!({ "refresh_token": session["refresh_token"] });
	let second: Value = shop.post("/wallet/refresh", refresh(&first), None).await.json();
	assert_eq!(second["account"], first["account"]);
	assert_eq!(code(&shop.post("/wallet/refresh", refresh(&first), None).await), "session_revoked");
	assert_eq!(code(&shop.post("/wallet/refresh", refresh(&second), None).await), "invalid_session");
	let third = shop.sign_in(&pair(3), None).await;
	assert_eq!(shop.post("/wallet/sign_out", json!({}), Some(token(&third))).await.status(), 200);
	assert_eq!(code(&shop.post("/wallet/sign_out", json!({}), Some(token(&third))).await), "invalid_session");
}

#[tokio::test(flavor = "multi_thread")]
async fn free_answers_come_out_of_what_the_operator_gives_and_are_short() {
	let none = Shop::new(0).await;
	let demo = none.demo().await;
	let refused = none.ask("hello", Some(token(&demo))).await;
	assert_eq!(code(&refused), "free_tokens_used");
	assert_eq!(
		none.get("/account", token(&demo)).await["free_requests_left"],
		5,
		"it was not one of the five"
	);
	let shop = Shop::new(200).await;
	let demo = shop.demo().await;
	let long = shop.post(CHAT, chat("hello", json!({ "max_tokens": 1_025 })), Some(token(&demo))).await;
	assert_eq!((long.status().as_u16(), code(&long).as_str()), (400, "free_answer_too_long"));
	let mut answered = 0;
	while shop.ask("hello", Some(token(&demo))).await.status() == 200 {
		answered += 1;
	}
	let account = shop.get("/account", token(&demo)).await;
	let left = account["gateway_free_tokens_left"].as_u64().unwrap();
	assert!(answered >= 1 && left < 200, "{answered} answers, {left} tokens left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_works_for_its_requests_is_put_aside_and_comes_back_by_the_operator() {
	let shop = Shop::new(1_000_000).await;
	let session = shop.sign_in(&pair(4), None).await;
	let (mut proof, mut challenges, mut last) = (None::<String>, 0, String::new());
	for step in 0..200 {
		shop.now.fetch_add(20_000, Ordering::SeqCst);
		let bearer = format!("Bearer {}", token(&session));
		let mut headers = vec![("authorization", bearer.as_str())];
		headers.extend(proof.as_deref().map(|proof| ("x-blyan-proof", proof)));
		let response = shop
			.world
			.post_with(CHAT, &chat(&format!("question {step}"), json!({ "max_tokens": 1 })), &headers)
			.await;
		last = if response.status() == 200 { "answered".into() } else { code(&response) };
		proof = None;
		if last == "proof_of_work_required" {
			challenges += 1;
			let body: Value = response.json();
			let details = &body["error"]["details"];
			let token = hex::decode(details["challenge"].as_str().unwrap()).unwrap().try_into().unwrap();
			proof = Some(Challenge { token, bits: details["bits"].as_u64().unwrap() as u32 }.solve());
		}
		if last == "account_quarantined" {
			break;
		}
	}
	assert_eq!((last.as_str(), challenges), ("account_quarantined", 3));
	let appealed = shop
		.post("/account/appeal", json!({ "text": "I am a\u{1b}[2J clock-maker" }), Some(token(&session)))
		.await;
	assert_eq!(appealed.status(), 200, "{}", appealed.text());
	let again = shop.post("/account/appeal", json!({ "text": "and again" }), Some(token(&session))).await;
	assert_eq!((again.status().as_u16(), code(&again).as_str()), (409, "already_appealed"));
	let listed = read_review(shop.dir.path()).unwrap();
	assert_eq!(listed.len(), 1);
	assert_eq!(listed[0].appeal.as_deref(), Some("I am a[2J clock-maker"));
	let at = shop.now.load(Ordering::SeqCst);
	let decision = Decision { account: listed[0].account.clone(), verdict: Verdict::Release, at };
	decide(shop.dir.path(), decision).unwrap();
	shop.now.fetch_add(86_400_000, Ordering::SeqCst);
	// Its access token was for a day.
	let refreshed: Value =
		shop.post("/wallet/refresh", json!({ "refresh_token": session["refresh_token"] }), None).await.json();
	assert_eq!(shop.ask("hello again", Some(token(&refreshed))).await.status(), 200);
	assert!(read_review(shop.dir.path()).unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_of_accounts_have_the_headers_of_the_gateway_and_a_line_of_the_log_without_words() {
	let shop = Shop::new(1_000).await;
	let demo = shop.demo().await;
	shop.ask("a secret question", Some(token(&demo))).await;
	let response = shop.world.get("/account").await;
	assert_eq!((response.status().as_u16(), code(&response).as_str()), (401, "sign_in_required"));
	for (name, value) in [
		("x-content-type-options", "nosniff"),
		("x-frame-options", "DENY"),
		("x-api-version", "1"),
		("cache-control", "no-store"),
	] {
		assert_eq!(response.headers()[name], value);
	}
	let refused =
		shop.world.post_with("/account/demo", &json!({}), &[("origin", "https://evil.example")]).await;
	assert_eq!(code(&refused), "wrong_origin");
	let wrong = shop.post("/wallet/request_nonce", json!({ "address": "0x12" }), None).await;
	assert_eq!((wrong.status().as_u16(), code(&wrong).as_str()), (400, "invalid_address"));
	let log = shop.log.lock().unwrap();
	assert!(log.iter().any(|line| line.starts_with("127.0.0.1 POST /v1/chat/completions 200 - ")), "{log:?}");
	assert!(
		log.iter().any(|line| line.starts_with("127.0.0.1 GET /account 401 sign_in_required ")),
		"{log:?}"
	);
	assert!(!log.iter().any(|line| line.contains("secret")), "{log:?}");
}

/// Codes of requests that the ladder let pass: answered, or stopped by the limits behind it.
const PASSED: [&str; 3] = ["none", "free_requests_used", "inferences_used"];

/// A service that takes each solution that begins with `solved` once, and is out of order for one.
struct Service {
	widget: Widget,
	asked: Mutex<Vec<String>>,
}

impl Captcha for Service {
	fn widget(&self) -> &Widget {
		&self.widget
	}

	fn verify<'a>(&'a self, solution: &'a str) -> BoxFuture<'a, Result<bool, CaptchaError>> {
		async move {
			let mut asked = self.asked.lock().unwrap();
			let is_new = !asked.iter().any(|known| known == solution);
			asked.push(solution.to_owned());
			match solution {
				"out of order" => Err(CaptchaError::Unreachable("it is gone".into())),
				solution => Ok(solution.starts_with("solved") && is_new),
			}
		}
		.boxed()
	}
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_work_off_every_challenge_meets_a_captcha_at_the_second_of_a_day() {
	let widget = Widget { service: "turnstile".into(), site_key: "a key".into() };
	let service = Arc::new(Service { widget, asked: Mutex::default() });
	let shop = Shop::with_captcha(1_000_000, Some(service.clone())).await;
	let session = shop.sign_in(&pair(5), None).await;
	let bearer = format!("Bearer {}", token(&session));
	let ask = async |step: u32, more: Option<(&str, &str)>| {
		shop.now.fetch_add(20_000, Ordering::SeqCst);
		let mut headers = vec![("authorization", bearer.as_str())];
		headers.extend(more);
		let body = chat(&format!("question {step}"), json!({ "max_tokens": 1 }));
		shop.world.post_with(CHAT, &body, &headers).await
	};
	// Work is asked for first, and done; the solution that comes with a request meanwhile is not worth a question.
	let (mut proof, mut step) = (None::<String>, 0);
	let asked = loop {
		step += 1;
		assert!(step < 200, "no CAPTCHA");
		let more = proof.take();
		let response = match &more {
			Some(proof) => ask(step, Some(("x-blyan-proof", proof.as_str()))).await,
			None => ask(step, Some((CAPTCHA, "solved too early"))).await,
		};
		match code(&response).as_str() {
			"proof_of_work_required" => {
				let body: Value = response.json();
				let details = &body["error"]["details"];
				let token = hex::decode(details["challenge"].as_str().unwrap()).unwrap().try_into().unwrap();
				proof = Some(Challenge { token, bits: details["bits"].as_u64().unwrap() as u32 }.solve());
			}
			"captcha_required" => break response,
			other => assert!(PASSED.contains(&other), "{other}"),
		}
	};
	assert_eq!(asked.status(), 429);
	let body: Value = asked.json();
	let details = json!({ "service": "turnstile", "site_key": "a key", "header": CAPTCHA });
	assert_eq!(body["error"]["details"], details);
	assert!(service.asked.lock().unwrap().is_empty());

	let wrong = ask(201, Some((CAPTCHA, "wrong"))).await;
	assert_eq!(code(&wrong), "captcha_required");
	let unknown = ask(202, Some((CAPTCHA, "out of order"))).await;
	assert_eq!((unknown.status().as_u16(), code(&unknown).as_str()), (503, "captcha_unavailable"));
	let work = ask(203, Some(("x-blyan-proof", "00:0"))).await;
	assert_eq!(code(&work), "captcha_required", "work is not taken in its place");
	let solved = ask(204, Some((CAPTCHA, "solved"))).await;
	assert!(PASSED.contains(&code(&solved).as_str()), "{}", solved.text());
	assert_eq!(*service.asked.lock().unwrap(), ["wrong", "out of order", "solved"]);
}
