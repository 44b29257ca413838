//! Money on its way to the chain, and what happens when the chain, the disk or the process goes.
#![allow(clippy::unwrap_used, missing_docs)]

mod shop;

use blyan_till::{receipt, Ages, ApiKeys, Budget, Cashier, OpenError, Round};
use serde_json::{json, Value};
use shop::{
	config, header, refusal,
	support::{chat, read_until},
	Payer, Scripted, Shop, CHAT, DEPOSIT, GENESIS,
};
use std::{
	sync::{atomic::Ordering, Arc},
	time::Duration,
};

fn body() -> Value {
	chat("hello", json!({ "max_tokens": 10, "seed": 5 }))
}

/// Returns the price of [`body`].
async fn price(shop: &Shop) -> u128 {
	let quote: Value = shop.world.post("/v1/quote", &body()).await.json();
	quote["ceiling"].as_str().unwrap().parse().unwrap()
}

fn paid(shop: &Shop) -> u128 {
	*shop.chain.paid.lock().unwrap()
}

/// Pays for so many answers, each with a voucher for exactly what is needed.
async fn pay(shop: &Shop, payer: &Payer, answers: u128) -> u128 {
	let price = price(shop).await;
	for answer in 1..=answers {
		let response = shop.ask(&body(), &payer.voucher(answer * price)).await;
		assert_eq!(response.status(), 200, "{}", response.text());
	}
	price
}

#[tokio::test]
async fn vouchers_are_settled_when_enough_is_earned_and_all_of_them_at_the_end() {
	let shop = Shop::new(Scripted::quick()).await;
	let [payer, other] = [shop.payer(1), shop.payer(2)];
	let price = pay(&shop, &payer, 3).await;
	pay(&shop, &other, 1).await;
	assert_eq!((shop.till.settle(Round::Usual).await, paid(&shop)), (0, 0), "below the threshold");
	assert_eq!((shop.till.settle(Round::Last).await, paid(&shop)), (2, 4 * price));
	assert_eq!((shop.till.settle(Round::Last).await, paid(&shop)), (0, 4 * price), "once");
	let deposits: u128 = shop.chain.sessions.lock().unwrap().values().map(|session| session.deposit).sum();
	assert_eq!(deposits, 2 * DEPOSIT);
}

#[tokio::test]
async fn sessions_that_close_together_are_settled_together() {
	let shop = Shop::new(Scripted::quick()).await;
	let mut price = 0;
	for id in 1..=20 {
		price = pay(&shop, &shop.payer(id), 1).await;
		shop.chain.change(id, |session| session.is_closing = true);
	}
	shop.chain.settling.lock().unwrap().0 = Duration::from_millis(100);
	assert_eq!((shop.till.settle(Round::Usual).await, paid(&shop)), (20, 20 * price));
	assert!(shop.chain.settling.lock().unwrap().2 > 1, "a payer cannot make the operator late by splitting");
}

#[tokio::test]
async fn a_session_that_closes_is_served_no_more_and_settled_at_once() {
	let shop = Shop::new(Scripted::quick()).await;
	let payer = shop.payer(1);
	let price = pay(&shop, &payer, 1).await;
	shop.chain.change(1, |session| session.is_closing = true);
	let (status, error) = refusal(&shop.ask(&body(), &payer.voucher(2 * price)).await);
	assert_eq!((status, &error["code"]), (402, &json!("session_closing")));
	assert_eq!((shop.till.settle(Round::Usual).await, paid(&shop)), (1, price));
	// When the chain has forgotten it, so does the till.
	shop.chain.sessions.lock().unwrap().clear();
	shop.till.settle(Round::Thorough).await;
	let (_, error) = refusal(&shop.ask(&body(), &payer.voucher(2 * price)).await);
	assert_eq!(error["code"], "session_unknown");
}

#[tokio::test]
async fn a_node_that_does_not_know_a_session_costs_its_operator_nothing_within_an_hour() {
	let shop = Shop::new(Scripted::quick()).await;
	let payer = shop.payer(1);
	let price = pay(&shop, &payer, 1).await;
	let sessions = std::mem::take(&mut *shop.chain.sessions.lock().unwrap());
	assert_eq!(shop.till.settle(Round::Last).await, 0);
	*shop.chain.sessions.lock().unwrap() = sessions;
	assert_eq!((shop.till.settle(Round::Last).await, paid(&shop)), (1, price));
	// What is not there for an hour is over, whatever it owed.
	pay(&shop, &shop.payer(2), 1).await;
	shop.chain.sessions.lock().unwrap().clear();
	shop.till.settle(Round::Usual).await;
	shop.now.fetch_add(3_600_001, Ordering::SeqCst);
	shop.till.settle(Round::Usual).await;
	assert_eq!(shop.account(&shop.payer(2)).await["served"], "0");
}

#[tokio::test]
async fn a_payer_that_keeps_an_answer_open_while_its_session_closes_pays_for_what_it_had() {
	let shop = Shop::new(Scripted::slow(13)).await;
	let payer = shop.payer(1);
	// Everything is promised at once, so that no voucher is earned before all is served.
	let voucher = payer.voucher(DEPOSIT);
	assert_eq!(shop.ask(&body(), &voucher).await.status(), 200);
	let mut streamed = body();
	streamed["stream"] = true.into();
	let mut reader = shop.world.begin_with(CHAT, &streamed, &[("x-blyan-voucher", &voucher)]).await;
	read_until(&mut reader, "\"content\":\"a\"").await;
	shop.chain.change(1, |session| session.is_closing = true);
	// It does not wait for the reader, who could take longer than the chain waits.
	assert_eq!((shop.till.settle(Round::Usual).await, paid(&shop)), (1, DEPOSIT));
	// Nor is more computed.
	shop.tokens.add_permits(1);
	read_until(&mut reader, "payment_ended").await;
}

#[tokio::test]
async fn a_payer_that_promised_more_than_it_used_pays_what_it_used_if_it_says_so_in_time() {
	let shop = Shop::new(Scripted::quick()).await;
	let [careful, careless] = [shop.payer(1), shop.payer(2)];
	let price = price(&shop).await;
	for payer in [&careful, &careless] {
		assert_eq!(shop.ask(&body(), &payer.voucher(price + 500)).await.status(), 200);
	}
	// While the sessions go on, nothing is taken that is not earned.
	assert_eq!((shop.till.settle(Round::Last).await, paid(&shop)), (0, 0));
	let exact = careful.voucher(price);
	let account: Value =
		shop.world.get_with("/v1/account", &[("x-blyan-voucher", exact.as_str())]).await.json();
	assert_eq!(
		(&account["served"], &account["known"]),
		(&json!(price.to_string()), &json!((price + 500).to_string()))
	);
	for id in [1, 2] {
		shop.chain.change(id, |session| session.is_closing = true);
	}
	assert_eq!(shop.till.settle(Round::Usual).await, 2);
	let settled = |id: u64| shop.chain.sessions.lock().unwrap()[&id].settled;
	assert_eq!((settled(1), settled(2)), (price, price + 500));
}

#[tokio::test]
async fn a_session_that_vanishes_ends_its_answers() {
	let shop = Shop::new(Scripted::slow(3)).await;
	let payer = shop.payer(1);
	let price = price(&shop).await;
	let mut body = body();
	body["stream"] = true.into();
	let voucher = payer.voucher(price);
	let mut reader = shop.world.begin_with(CHAT, &body, &[("x-blyan-voucher", &voucher)]).await;
	read_until(&mut reader, "\"content\":\"a\"").await;
	shop.chain.sessions.lock().unwrap().clear();
	shop.till.settle(Round::Thorough).await;
	shop.tokens.add_permits(1);
	read_until(&mut reader, "payment_ended").await;
}

#[tokio::test]
async fn a_chain_that_is_gone_is_served_by_what_is_known_while_that_is_young() {
	let dir = tempfile::tempdir().unwrap();
	let ages = Ages { fresh: Duration::ZERO, usable: Duration::from_secs(4) };
	let shop =
		Shop::with(Scripted::quick(), blyan_till::Config { ages, ..config(dir.path()) }, Arc::default(), dir)
			.await;
	let [payer, unknown] = [shop.payer(1), shop.payer(2)];
	let price = pay(&shop, &payer, 1).await;
	shop.chain.is_gone.store(true, Ordering::SeqCst);
	assert_eq!(shop.ask(&body(), &payer.voucher(2 * price)).await.status(), 200);
	let refused = shop.ask(&body(), &unknown.voucher(price)).await;
	assert_eq!((refused.status().as_u16(), header(&refused, "retry-after")), (503, "6"));
	assert_eq!(refusal(&refused).1["code"], "chain_unreachable");
	tokio::time::sleep(Duration::from_millis(4_100)).await;
	assert_eq!(shop.ask(&body(), &payer.voucher(3 * price)).await.status(), 503);
	shop.chain.is_gone.store(false, Ordering::SeqCst);
	assert_eq!(shop.ask(&body(), &payer.voucher(3 * price)).await.status(), 200);
}

#[tokio::test]
async fn a_process_that_dies_loses_no_voucher_and_charges_no_answer_without_a_receipt() {
	let shop = Shop::new(Scripted::slow(10)).await;
	let payer = shop.payer(1);
	let price = pay(&shop, &payer, 1).await;
	// The second answer is under way when the process dies: its voucher is on the disk, its charge is not made.
	let voucher = payer.voucher(2 * price);
	shop.tokens.add_permits(2);
	let mut streamed = body();
	streamed["stream"] = true.into();
	let mut reader = shop.world.begin_with(CHAT, &streamed, &[("x-blyan-voucher", &voucher)]).await;
	read_until(&mut reader, "\"content\":\"a\"").await;
	let dir = tempfile::tempdir().unwrap();
	std::fs::copy(shop.dir.path().join("till.redb"), dir.path().join("till.redb")).unwrap();
	let config = config(dir.path());
	let again = Shop::with(Scripted::quick(), config, shop.chain.clone(), dir).await;
	let account = again.account(&payer).await;
	assert_eq!(
		(&account["served"], &account["known"]),
		(&json!(price.to_string()), &json!((2 * price).to_string()))
	);
	assert_eq!((again.till.settle(Round::Last).await, paid(&again)), (1, price));
	// The voucher that was not used up pays for the same request now.
	assert_eq!(again.ask(&body(), &voucher).await.status(), 200);
	assert_eq!((again.till.settle(Round::Last).await, paid(&again)), (1, 2 * price));
}

#[tokio::test]
async fn a_receipt_outlives_its_server_and_whatever_was_signed_can_be_defended() {
	let shop = Shop::new(Scripted::quick()).await;
	let payer = shop.payer(1);
	let response = shop.ask(&body(), &payer.voucher(price(&shop).await)).await;
	assert_eq!(response.status(), 200, "{}", response.text());
	let id = header(&response, "x-receipt-id").to_owned();
	// The receipt has left the process, so a process that dies at this moment leaves the answer behind.
	let dir = tempfile::tempdir().unwrap();
	std::fs::copy(shop.dir.path().join("till.redb"), dir.path().join("till.redb")).unwrap();
	let signed = shop.receipt(&id).await;
	let config = config(dir.path());
	let again = Shop::with(Scripted::quick(), config, shop.chain.clone(), dir).await;
	assert_eq!(again.receipt(&id).await, signed);
	let kept = again.till.kept_answer(&signed.id(&GENESIS)).unwrap().unwrap();
	receipt::verify(&signed, &kept.record().unwrap(), &GENESIS).unwrap();
	assert_eq!((kept.id, kept.signed), (id, signed));
	assert_eq!(again.world.get("/v1/receipts/chatcmpl-00").await.status(), 404);
	assert_eq!(again.till.former_keys().unwrap(), Vec::<[u8; 32]>::new(), "the key signs still");
}

/// Room for one answer of [`body`] that is on its way, and for less than one that is kept.
async fn narrow_room() -> u64 {
	let shop = Shop::new(Scripted::quick()).await;
	let quote: Value = shop.world.post("/v1/quote", &body()).await.json();
	blyan_till::kept::bytes_max(quote["prompt_tokens"].as_u64().unwrap() + 10) + 1_000
}

#[tokio::test]
async fn a_full_store_ends_the_serving_forgets_nothing_and_goes_on_with_more_room() {
	let dir = tempfile::tempdir().unwrap();
	let config = |dir: &std::path::Path, kept_bytes_max| blyan_till::Config { kept_bytes_max, ..config(dir) };
	let room = narrow_room().await;
	let narrow = config(dir.path(), room);
	let shop = Shop::with(Scripted::quick(), narrow, Arc::default(), dir).await;
	let payer = shop.payer(1);
	let price = pay(&shop, &payer, 1).await;
	let refused = shop.ask(&body(), &payer.voucher(2 * price)).await;
	let (status, error) = refusal(&refused);
	assert_eq!((status, &error["code"]), (503, &json!("operator_store_full")));
	assert_eq!(header(&refused, "x-should-retry"), "false");
	let account = shop.account(&payer).await;
	assert_eq!((&account["served"], &account["held"]), (&json!(price.to_string()), &json!("0")));
	let figures = shop.world.get("/metrics").await.text();
	assert!(figures.contains(&format!("blyan_gateway_signed_answer_bytes_max {room}")), "{figures}");
	assert!(figures.contains("code=\"operator_store_full\""), "{figures}");
	// What was paid is sent again.
	let voucher = payer.voucher(price);
	let headers = [("x-blyan-voucher", voucher.as_str()), ("x-stainless-retry-count", "1")];
	let again = shop.world.post_with(CHAT, &body(), &headers).await;
	assert_eq!(again.status(), 200, "{}", again.text());
	shop.receipt(header(&again, "x-receipt-id")).await;

	let dir = tempfile::tempdir().unwrap();
	std::fs::copy(shop.dir.path().join("till.redb"), dir.path().join("till.redb")).unwrap();
	let wide = config(dir.path(), 1 << 30);
	let wider = Shop::with(Scripted::quick(), wide, shop.chain.clone(), dir).await;
	assert_eq!(wider.ask(&body(), &payer.voucher(2 * price)).await.status(), 200);
}

#[tokio::test]
async fn a_till_whose_disk_is_lost_begins_at_what_the_chain_has_settled() {
	let shop = Shop::new(Scripted::quick()).await;
	let payer = shop.payer(1);
	let price = pay(&shop, &payer, 2).await;
	shop.till.settle(Round::Last).await;
	let dir = tempfile::tempdir().unwrap();
	let config = config(dir.path());
	let again = Shop::with(Scripted::quick(), config, shop.chain.clone(), dir).await;
	let (_, error) = refusal(&again.ask(&body(), &payer.voucher(2 * price)).await);
	assert_eq!(error["details"]["voucher"], (3 * price).to_string());
}

#[tokio::test]
async fn an_api_key_has_a_budget_a_day_and_requests_an_hour() {
	let shop = Shop::new(Scripted::quick()).await;
	let price = price(&shop).await;
	let mut keys = ApiKeys::open(&shop.dir.path().join("api-keys.json")).unwrap();
	let budget = Budget { planck_per_day: Some(price * 2), requests_per_hour: Some(2), tokens_per_day: None };
	let (key, record) = keys.create("laptop", budget, 0).unwrap();
	let ask = |key: String| {
		let shop = &shop;
		async move {
			let bearer = format!("Bearer {key}");
			shop.world.post_with(CHAT, &body(), &[("authorization", &bearer)]).await
		}
	};
	let (status, error) = refusal(&ask("blyan-wrong".into()).await);
	assert_eq!(
		(status, &error["code"], &error["type"]),
		(401, &json!("invalid_api_key"), &json!("invalid_request_error"))
	);
	for _ in 0..2 {
		let response = ask(key.clone()).await;
		assert_eq!(response.status(), 200, "{}", response.text());
		let signed = shop.receipt(header(&response, "x-receipt-id")).await;
		assert_eq!((signed.receipt.session, signed.receipt.charged), (0, price));
	}
	let limited = ask(key.clone()).await;
	assert_eq!(
		(limited.status().as_u16(), refusal(&limited).1["code"].as_str()),
		(429, Some("rate_limit_exceeded"))
	);
	assert_eq!(header(&limited, "x-ratelimit-remaining-requests"), "0");
	shop.now.fetch_add(3_600_000, Ordering::SeqCst);
	let exhausted = ask(key.clone()).await;
	assert_eq!(
		(exhausted.status().as_u16(), refusal(&exhausted).1["code"].as_str()),
		(429, Some("insufficient_quota"))
	);
	assert_eq!(header(&exhausted, "x-should-retry"), "false");
	shop.now.fetch_add(86_400_000, Ordering::SeqCst);
	assert_eq!(ask(key.clone()).await.status(), 200);
	keys.revoke(&record.id).unwrap();
	assert_eq!(ask(key).await.status(), 401);
}

#[tokio::test]
async fn a_free_server_signs_receipts_over_nothing() {
	let dir = tempfile::tempdir().unwrap();
	let free =
		blyan_till::Config { offer: None, prices: Default::default(), api_keys: None, ..config(dir.path()) };
	let shop = Shop::with(Scripted::quick(), free, Arc::default(), dir).await;
	let response = shop.world.post(CHAT, &body()).await;
	assert_eq!(response.status(), 200);
	let signed = shop.receipt(header(&response, "x-receipt-id")).await;
	assert_eq!((signed.receipt.session, signed.receipt.charged), (0, 0));
	let prices: Value = shop.world.get("/v1/quote").await.json();
	assert_eq!(prices["is_free"], true);
	// An offer without a key is refused before anything is served.
	let dir = tempfile::tempdir().unwrap();
	let unsigned = blyan_till::Config { key: None, ..config(dir.path()) };
	assert!(matches!(Cashier::open(unsigned, shop.chain.clone()), Err(OpenError::NoServingKey)));
}
