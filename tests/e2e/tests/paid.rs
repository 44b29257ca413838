//! Answers for money: offered, paid for by vouchers, cut short, killed in the middle, and settled to the planck.
#![allow(clippy::unwrap_used)]

mod shop;
#[allow(dead_code, reason = "the texts are for mining")]
mod tiny_open;

use serde_json::Value;
use shop::{complete, end, planck, read, session_of, wait_for_answers, Scene};
use std::{io::Read, net::SocketAddr};

/// A stream that comes whole, the same again, and one whose reader leaves: each is paid by its receipt.
async fn streams(address: SocketAddr) {
	let answer = read(complete(address, 1, 8));
	assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("data: [DONE]"), "{answer}");
	let first = wait_for_answers(address, 1).await;
	let charged = planck(&first["charged"]);
	// Four tokens read and eight written, at a millionth and two millionths of a BLY.
	assert_eq!(charged, 4 * 1_000_000 + 8 * 2_000_000);
	assert!(planck(&first["promised"]) >= charged);
	let again = read(complete(address, 1, 8));
	assert!(again.starts_with("HTTP/1.1 200"), "{again}");
	let second = wait_for_answers(address, 2).await;
	assert_eq!(planck(&second["charged"]), 2 * charged, "without a counter of retries it is meant twice");
	let mut cancelled = complete(address, 2, 40);
	let mut some = [0; 64];
	assert!(cancelled.read(&mut some).unwrap() > 0);
	drop(cancelled);
	let third = wait_for_answers(address, 3).await;
	let cut = planck(&third["charged"]) - planck(&second["charged"]);
	assert!(cut <= 4 * 1_000_000 + 40 * 2_000_000, "{cut}");
}

/// Receipts are signed, about what was asked for, and their answers are what the model says.
fn check_receipts(scene: &Scene, session: &str) {
	let verified = scene.user.expect(&["receipts", "verify", session, "--model", &scene.model]);
	let is_sound = |value: &Value| value["sound"] == true && value["prompt_compared"] == true;
	assert!(verified.iter().all(is_sound) && verified.len() >= 4, "{verified:#?}");
	let right = scene.user.expect(&[
		"audit",
		"challenge-answer",
		session,
		"--model",
		&scene.model,
		"--suri",
		"//Eve",
	]);
	assert_eq!(right.last().unwrap()["event"], "right", "nothing is sent: {right:#?}");
	let genesis = hex::encode(scene.world.chain.genesis());
	let file = scene.world.files.path(&format!("user/sessions/{genesis}/{session}.receipts.json"));
	scene.user.expect(&["audit", "replay", file.to_str().unwrap(), "--model-dir", &scene.model]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_client_pays_by_the_token_and_no_kill_loses_a_planck() {
	let scene = Scene::new().await;
	let offer = scene.offer();
	let server = scene.serve(&offer);
	let before = scene.balance("//Dave");
	let opened = scene.user.expect(&["session", "open", &offer, "--deposit", "5", "--suri", "//Dave"]);
	let session = opened[0]["session"].to_string();
	let (proxy, address) = scene.connect(&session);
	streams(address).await;

	// The server is killed in the middle of an answer: what was promised is in its store.
	let broken = complete(address, 3, 40);
	drop(server);
	drop(read(broken));
	let server = scene.serve(&offer);
	let answer = read(complete(address, 4, 8));
	assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("data: [DONE]"), "{answer}");
	let promised = planck(&session_of(address)["promised"]);

	// So is the payer: its record says at least what was promised.
	drop(proxy);
	let (proxy, address) = scene.connect(&session);
	let resumed = session_of(address);
	assert!(planck(&resumed["promised"]) >= promised, "{resumed:#}");
	assert_eq!(resumed["open"], 0, "what broke off was agreed on: {resumed:#}");
	let answer = read(complete(address, 5, 8));
	assert!(answer.contains("data: [DONE]"), "{answer}");
	let last = wait_for_answers(address, resumed["answers"].as_u64().unwrap() + 1).await;
	drop(proxy);

	check_receipts(&scene, &session);
	let charged = planck(&last["charged"]);
	let fees = planck(&opened[0]["fee"]) + end(&scene, &session, charged).await;
	assert_eq!(scene.balance("//Dave"), before - charged - fees, "to the planck");
	drop(server);
}
