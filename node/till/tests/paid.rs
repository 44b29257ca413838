//! Paying for answers over real sockets: vouchers, receipts, and every way in which one side could take more than its due.
#![allow(clippy::unwrap_used, missing_docs)]

mod shop;

use base64::{engine::general_purpose::STANDARD, Engine as _};
use blyan_primitives::serving::AnswerEnd;
use serde_json::{json, Value};
use shop::{
	header, refusal,
	support::{chat, events, read_until},
	Scripted, Shop, CHAT, DEPOSIT, GENESIS,
};
use sp_core::H256;
use std::{sync::atomic::Ordering, time::Duration};

/// A request of ten tokens, and its price at most: a planck for each token of the prompt, two for each of the answer.
async fn request(shop: &Shop, text: &str) -> (Value, u128) {
	let body = chat(text, json!({ "max_tokens": 10, "seed": 5 }));
	let quote: Value = shop.world.post("/v1/quote", &body).await.json();
	let ceiling: u128 = quote["ceiling"].as_str().unwrap().parse().unwrap();
	assert_eq!(ceiling, quote["prompt_tokens"].as_u64().unwrap() as u128 + 20);
	(body, ceiling)
}

#[tokio::test]
async fn an_answer_is_refused_with_its_price_and_given_for_a_voucher_with_a_receipt() {
	let shop = Shop::new(Scripted::quick()).await;
	let payer = shop.payer(1);
	let (body, price) = request(&shop, "hello").await;
	let refused = shop.world.post(CHAT, &body).await;
	let (status, error) = refusal(&refused);
	assert_eq!((status, &error["code"]), (402, &json!("payment_required")));
	assert_eq!(error["details"]["ceiling"], price.to_string());
	let required = STANDARD.decode(header(&refused, "payment-required")).unwrap();
	let required: Value = serde_json::from_slice(&required).unwrap();
	assert_eq!(required["accepts"][0]["amount"], price.to_string());
	assert_eq!(required["accepts"][0]["scheme"], "blyan-voucher");
	assert_eq!(shop.begun.load(Ordering::SeqCst), 0, "nothing is computed for a refusal");

	let response = shop.ask(&body, &payer.voucher(price)).await;
	assert_eq!(response.status(), 200, "{}", response.text());
	assert_eq!(header(&response, "x-blyan-charged"), price.to_string());
	let paid: Value =
		serde_json::from_slice(&STANDARD.decode(header(&response, "payment-response")).unwrap()).unwrap();
	assert_eq!((&paid["success"], &paid["amount"]), (&json!(true), &json!(price.to_string())));
	let answer: Value = response.json();
	let id = header(&response, "x-receipt-id");
	let signed = shop.receipt(id).await;
	assert_eq!(paid["transaction"], format!("0x{}", hex::encode(signed.id(&GENESIS).0)));
	assert_eq!((signed.receipt.session, signed.receipt.charged), (1, price));
	assert_eq!((signed.receipt.answer_tokens, signed.receipt.end), (10, AnswerEnd::Length));
	assert_eq!(answer["usage"]["blyan"]["charged"], price.to_string());
	assert_eq!(shop.account(&payer).await["served"], price.to_string());
}

#[tokio::test]
async fn a_client_of_x402_pays_with_the_same_voucher_in_its_own_header() {
	let shop = Shop::new(Scripted::quick()).await;
	let payer = shop.payer(1);
	let (body, price) = request(&shop, "hello").await;
	let voucher = payer.voucher(price);
	let [session, amount, signature] = voucher.split(':').collect::<Vec<_>>()[..] else { panic!() };
	let payment = json!({
		"x402Version": 2, "accepted": { "scheme": "blyan-voucher" }, "resource": { "url": CHAT },
		"payload": { "session": session, "amount": amount, "signature": signature },
	});
	let payment = STANDARD.encode(payment.to_string());
	let response = shop.world.post_with(CHAT, &body, &[("payment-signature", &payment)]).await;
	assert_eq!(response.status(), 200, "{}", response.text());
	assert_ne!(header(&response, "payment-response"), "");
}

#[tokio::test]
async fn a_voucher_pays_once_and_the_refusal_says_what_is_missing() {
	let shop = Shop::new(Scripted::quick()).await;
	let payer = shop.payer(1);
	let (body, price) = request(&shop, "hello").await;
	assert_eq!(shop.ask(&body, &payer.voucher(price)).await.status(), 200);
	// The same voucher again, by its payer or by one who has seen it.
	let (status, error) = refusal(&shop.ask(&body, &payer.voucher(price)).await);
	assert_eq!((status, &error["code"]), (402, &json!("insufficient_voucher")));
	assert_eq!(error["details"]["voucher"], (2 * price).to_string());
	assert_eq!(error["details"]["missing"], price.to_string());
	assert_eq!(shop.ask(&body, &payer.voucher(2 * price)).await.status(), 200);
	let (status, error) = refusal(&shop.ask(&body, &payer.voucher(price)).await);
	assert_eq!((status, &error["code"]), (402, &json!("voucher_too_small")));
	assert_eq!(error["details"]["known"], (2 * price).to_string());
	assert_eq!(shop.begun.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_voucher_of_another_session_key_chain_operator_or_offer_pays_nothing() {
	let shop = Shop::new(Scripted::quick()).await;
	let [payer, other] = [shop.payer(1), shop.payer(2)];
	let (body, price) = request(&shop, "hello").await;
	let stolen = payer.voucher(price).replacen("1:", "2:", 1);
	let of_other_chain = payer.voucher_for(price, &H256::zero());
	for voucher in [stolen, of_other_chain] {
		let (status, error) = refusal(&shop.ask(&body, &voucher).await);
		assert_eq!((status, &error["code"]), (401, &json!("invalid_voucher")));
	}
	shop.chain.change(1, |session| session.operator = [3; 32]);
	shop.chain.change(2, |session| session.offer = 5);
	for (payer, code) in [(&payer, "wrong_operator"), (&other, "wrong_offer")] {
		let (status, error) = refusal(&shop.ask(&body, &payer.voucher(price)).await);
		assert_eq!((status, &error["code"]), (402, &json!(code)));
	}
	// Nor is a voucher of another offer taken without a request.
	let voucher = other.voucher(price);
	let asked = shop.world.get_with("/v1/account", &[("x-blyan-voucher", voucher.as_str())]).await;
	assert_eq!(refusal(&asked).1["code"], "wrong_offer");
	let unknown = shop::Payer { session: 77, pair: payer.pair.clone() };
	let (_, error) = refusal(&shop.ask(&body, &unknown.voucher(price)).await);
	assert_eq!(error["code"], "session_unknown");
	let (status, error) = refusal(&shop.ask(&body, "1:-5:00").await);
	assert_eq!((status, &error["code"]), (400, &json!("invalid_credentials")));
	assert_eq!(shop.begun.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn five_at_once_never_overdraw_whatever_they_promise() {
	let shop = Shop::new(Scripted::slow(0)).await;
	let payer = shop.payer(1);
	let (body, price) = request(&shop, "hello").await;
	// Room for two and a half of them in the deposit.
	let deposit = price * 5 / 2;
	shop.chain.change(1, |session| session.deposit = deposit);
	let voucher = payer.voucher(deposit);
	let asked = futures::future::join_all((0..5).map(|_| shop.ask(&body, &voucher)));
	let release = async {
		while shop.begun.load(Ordering::SeqCst) < 2 {
			tokio::time::sleep(Duration::from_millis(5)).await;
		}
		tokio::time::sleep(Duration::from_millis(50)).await;
		shop.tokens.add_permits(1_000);
	};
	let (answers, ()) = tokio::join!(asked, release);
	let given = answers.iter().filter(|answer| answer.status() == 200).count();
	assert_eq!(given, 2);
	for refused in answers.iter().filter(|answer| answer.status() != 200) {
		assert_eq!(refusal(refused).1["code"], "insufficient_deposit");
	}
	assert_eq!(shop.account(&payer).await["served"], (2 * price).to_string());
}

#[tokio::test]
async fn a_stream_that_its_reader_leaves_is_charged_to_the_token_delivered() {
	let shop = Shop::new(Scripted::slow(4)).await;
	let payer = shop.payer(1);
	let (mut body, price) = request(&shop, "hello").await;
	body["stream"] = true.into();
	let voucher = payer.voucher(price);
	let mut reader = shop.world.begin_with(CHAT, &body, &[("x-blyan-voucher", &voucher)]).await;
	let mut head = String::new();
	while head.matches("\"content\":\"a\"").count() < 4 {
		head.push_str(&read_until(&mut reader, "\"content\"").await);
	}
	drop(reader);
	let expected = price - 20 + 4 * 2;
	shop.served(&payer, expected).await;
	let id = head.lines().find_map(|line| line.strip_prefix("x-receipt-id: ")).unwrap();
	let signed = shop.receipt(id).await;
	assert_eq!((signed.receipt.charged, signed.receipt.answer_tokens), (expected, 4));
	assert_eq!(signed.receipt.end, AnswerEnd::Cancelled);
}

#[tokio::test]
async fn a_reader_that_leaves_behind_the_last_token_pays_for_all_of_them() {
	let shop = Shop::new(Scripted::slow(10)).await;
	let payer = shop.payer(1);
	let (mut body, price) = request(&shop, "hello").await;
	body["stream"] = true.into();
	let voucher = payer.voucher(price);
	let mut reader = shop.world.begin_with(CHAT, &body, &[("x-blyan-voucher", &voucher)]).await;
	let mut head = String::new();
	while head.matches("\"content\":\"a\"").count() < 10 {
		head.push_str(&read_until(&mut reader, "\"content\"").await);
	}
	drop(reader);
	shop.served(&payer, price).await;
}

#[tokio::test]
async fn a_stream_says_its_charge_in_its_figures_and_in_a_comment() {
	let shop = Shop::new(Scripted::quick()).await;
	let payer = shop.payer(1);
	let (mut body, price) = request(&shop, "hello").await;
	body["stream"] = true.into();
	body["stream_options"] = json!({ "include_usage": true });
	let response = shop.ask(&body, &payer.voucher(price)).await;
	let text = response.text();
	let id = header(&response, "x-receipt-id");
	assert!(text.contains(&format!(": charged {price} receipt {id}")), "{text}");
	let data: String = text
		.split("\n\n")
		.filter(|event| event.starts_with("data: "))
		.flat_map(|event| [event, "\n\n"])
		.collect();
	let events = events(&data);
	let counted = &events[events.len() - 2]["usage"];
	assert_eq!(
		(&counted["blyan"]["charged"], &counted["blyan"]["receipts"]),
		(&json!(price.to_string()), &json!([id]))
	);
	assert_eq!(counted["blyan"]["signed_receipts"][0]["receipt"]["charged"], price.to_string());
}

#[tokio::test]
async fn a_request_that_comes_again_behind_a_break_pays_the_rest_and_no_more() {
	let shop = Shop::new(Scripted::slow(4)).await;
	let payer = shop.payer(1);
	let (mut body, price) = request(&shop, "hello").await;
	body["stream"] = true.into();
	let voucher = payer.voucher(price);
	let mut reader = shop.world.begin_with(CHAT, &body, &[("x-blyan-voucher", &voucher)]).await;
	read_until(&mut reader, "\"content\":\"a\"").await;
	drop(reader);
	for _ in 0..2_000 {
		if shop.account(&payer).await["held"] == "0" {
			break;
		}
		tokio::time::sleep(Duration::from_millis(5)).await;
	}
	let first: u128 = shop.account(&payer).await["served"].as_str().unwrap().parse().unwrap();
	assert!(first > 0 && first < price, "{first}");
	// The same bytes and the same voucher, as an official client sends them.
	shop.tokens.add_permits(1_000);
	let again = shop.ask(&body, &voucher).await;
	assert_eq!(again.status(), 200, "{}", again.text());
	assert!(again.text().contains(&format!(": charged {} receipt", price - first)), "{}", again.text());
	shop.served(&payer, price).await;
	assert_eq!(shop.receipt(header(&again, "x-receipt-id")).await.receipt.charged, price - first);
	// Two minutes later it is another request.
	shop.now.fetch_add(120_001, Ordering::SeqCst);
	assert_eq!(shop.ask(&body, &voucher).await.status(), 402);
}

#[tokio::test]
async fn a_client_that_always_says_it_asks_again_gets_the_answer_it_paid_for_and_nothing_new() {
	let shop = Shop::new(Scripted::quick()).await;
	let payer = shop.payer(1);
	let (body, price) = request(&shop, "hello").await;
	let voucher = payer.voucher(price);
	let lying = [("x-blyan-voucher", voucher.as_str()), ("x-stainless-retry-count", "1")];
	let first = shop.world.post_with(CHAT, &body, &lying).await;
	assert_eq!(first.status(), 200);
	for _ in 0..5 {
		let again = shop.world.post_with(CHAT, &body, &lying).await;
		let (again, first): (Value, Value) = (again.json(), first.json());
		assert_eq!((&again["choices"], &again["created"]), (&first["choices"], &first["created"]));
		assert_eq!(again["id"], first["id"], "the receipt is found by it");
		assert_eq!(again["usage"]["blyan"]["signed_receipts"][0]["again"], true);
	}
	assert_eq!(shop.begun.load(Ordering::SeqCst), 1, "computed once");
	shop.served(&payer, price).await;
}

#[tokio::test]
async fn an_idempotency_key_names_one_request_and_its_answer() {
	let shop = Shop::new(Scripted::quick()).await;
	let [payer, other] = [shop.payer(1), shop.payer(2)];
	let (body, price) = request(&shop, "hello").await;
	let (voucher, of_other) = (payer.voucher(price), other.voucher(price));
	let named = [("x-blyan-voucher", voucher.as_str()), ("idempotency-key", "k")];
	for _ in 0..3 {
		assert_eq!(shop.world.post_with(CHAT, &body, &named).await.status(), 200);
		shop.now.fetch_add(3_600_000, Ordering::SeqCst);
	}
	assert_eq!(shop.begun.load(Ordering::SeqCst), 1);
	let (status, error) =
		refusal(&shop.world.post_with(CHAT, &request(&shop, "other").await.0, &named).await);
	assert_eq!((status, &error["code"]), (400, &json!("idempotency_key_reused")));
	// Another payer's key of the same name is another key.
	let named = [("x-blyan-voucher", of_other.as_str()), ("idempotency-key", "k")];
	assert_eq!(shop.world.post_with(CHAT, &body, &named).await.status(), 200);
	assert_eq!(shop.begun.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn several_answers_pay_for_the_prompt_once_and_all_or_none_are_computed() {
	let shop = Shop::new(Scripted::quick()).await;
	let payer = shop.payer(1);
	let (mut body, price) = request(&shop, "hello").await;
	body["n"] = 4.into();
	let needed = price + 3 * 20;
	let (_, error) = refusal(&shop.ask(&body, &payer.voucher(needed - 1)).await);
	assert_eq!(error["details"]["voucher"], needed.to_string());
	assert_eq!(shop.begun.load(Ordering::SeqCst), 0);
	let response = shop.ask(&body, &payer.voucher(needed)).await;
	assert_eq!(header(&response, "x-blyan-charged"), needed.to_string());
	let answer: Value = response.json();
	let charges: Vec<&Value> = answer["usage"]["blyan"]["signed_receipts"]
		.as_array()
		.unwrap()
		.iter()
		.map(|signed| &signed["receipt"]["charged"])
		.collect();
	assert_eq!(charges, [&json!(price.to_string()), &json!("20"), &json!("20"), &json!("20")]);
}

#[tokio::test]
async fn a_signed_quote_is_for_one_payer_and_one_body_until_a_block() {
	let shop = Shop::new(Scripted::quick()).await;
	shop.till.settle(blyan_till::Round::Usual).await;
	let body = chat("hello", json!({ "max_tokens": 10 }));
	let payer = format!("0x{}", "05".repeat(32));
	let quote: Value = shop.world.post_with("/v1/quote", &body, &[("x-blyan-payer", &payer)]).await.json();
	let signed = &quote["signed_quote"]["quote"];
	assert_eq!((&signed["payer"], &signed["expires"]), (&json!(payer), &json!(150)));
	assert_eq!((&signed["ceiling"], &signed["prompt"]), (&quote["ceiling"], &quote["body"]));
	let unsigned: Value = shop.world.post("/v1/quote", &body).await.json();
	assert!(unsigned.get("signed_quote").is_none());
	assert_eq!(DEPOSIT, 10_000);
}
