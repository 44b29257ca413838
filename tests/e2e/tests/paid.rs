//! Answers for money: offered, paid for by vouchers, cut short, killed in the middle, and settled to the planck.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "the texts are for mining")]
mod tiny_open;

use blyan_e2e::{parameter, wait_until, Command, Running, World};
use serde_json::{json, Value};
use std::{
	io::{Read, Write},
	net::{SocketAddr, TcpListener, TcpStream},
	time::Duration,
};

/// Deposit of the session: 5 BLY.
const DEPOSIT: u128 = 5_000_000_000_000;
/// Blocks that an operator has to settle a session that is closed.
const CLOSING: u32 = 20;

/// An operator and a user, each with a home of their own, and the port between them.
struct Scene {
	world: World,
	operator: Command,
	user: Command,
	port: u16,
	model: String,
}

fn free_port() -> u16 {
	TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Returns the event of this name that a command printed.
fn event<'a>(values: &'a [Value], name: &str) -> &'a Value {
	let found = values.iter().find(|value| value["event"] == name);
	found.unwrap_or_else(|| panic!("no event {name} in {values:#?}"))
}

fn planck(value: &Value) -> u128 {
	value.as_str().unwrap_or_else(|| panic!("{value} is no amount")).parse().unwrap()
}

impl Scene {
	async fn new() -> Self {
		let world = World::new().await;
		world.chain.set_parameter(parameter::SESSION_CLOSING, CLOSING).await;
		tiny_open::write_model(&world.files.path("model"));
		let home = |name: &str| Command::new(&world.files.path(name), &world.node.url());
		let (operator, user) = (home("operator"), home("user"));
		let model = world.files.path("model").display().to_string();
		Self { operator, user, port: free_port(), model, world }
	}

	/// Becomes an operator that serves, and offers the model. Returns the offer's number.
	fn offer(&self) -> String {
		let update = "operator update --capabilities evaluate,serve --no-hardware --suri //Alice";
		self.operator.expect(&update.split(' ').collect::<Vec<_>>());
		let endpoint = format!("http://127.0.0.1:{}", self.port);
		let prices = ["--input-price", "0.001", "--output-price", "0.002"];
		let make = ["offer", "make", "--model", &self.model, "--endpoint", &endpoint, "--suri", "//Alice"];
		let made = self.operator.expect(&[&make[..], &prices[..]].concat());
		let offer = made[0]["offer"].to_string();
		let listed = self.user.expect(&["offer", "list"]);
		assert_eq!(listed[0][0]["endpoint"], endpoint);
		offer
	}

	fn serve(&self, offer: &str) -> Running {
		let listen = format!("127.0.0.1:{}", self.port);
		let serve =
			["serve", "--offer", offer, "--model", &self.model, "--listen", &listen, "--threads", "1"];
		self.operator.start_until("serving", &[&serve[..], &["--suri", "//Alice"][..]].concat()).0
	}

	fn connect(&self, session: &str) -> (Running, SocketAddr) {
		let connect =
			["connect", "--session", session, "--listen", "127.0.0.1:0", "--model-dir", &self.model];
		let (running, printed) = self.user.start_until("connected", &connect);
		(running, event(&printed, "connected")["address"].as_str().unwrap().parse().unwrap())
	}

	fn balance(&self, account: &str) -> u128 {
		let said = self.user.expect(&["balance", account]);
		planck(&said[0]["free"]) + planck(&said[0]["held"])
	}
}

/// Sends a request as any client of OpenAI's interface would.
fn send(address: SocketAddr, head: &str, body: &str) -> TcpStream {
	let mut stream = TcpStream::connect(address).unwrap();
	stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
	let length = body.len();
	let kind = "content-type: application/json";
	write!(stream, "{head} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{kind}\r\ncontent-length: {length}\r\n\r\n{body}")
		.unwrap();
	stream
}

fn read(mut stream: TcpStream) -> String {
	let mut bytes = Vec::new();
	stream.read_to_end(&mut bytes).unwrap();
	String::from_utf8_lossy(&bytes).into_owned()
}

fn complete(address: SocketAddr, seed: u64, tokens: u32) -> TcpStream {
	let body = json!({ "model": "model", "prompt": "abcd", "max_tokens": tokens, "seed": seed, "stream": true,
		"temperature": 1 });
	send(address, "POST /v1/completions", &body.to_string())
}

fn session_of(address: SocketAddr) -> Value {
	let answer = read(send(address, "GET /blyan/session", ""));
	serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// Waits until the receipts of so many answers were looked at.
async fn wait_for_answers(address: SocketAddr, count: u64) -> Value {
	wait_until("the receipts", || async {
		let session = session_of(address);
		assert_eq!(session["stopped"], Value::Null, "{session:#}");
		(session["answers"].as_u64().unwrap() >= count).then_some(session)
	})
	.await
}

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

/// Receipts are signed, and their answers are what the model says.
fn check_receipts(scene: &Scene, session: &str) {
	let verified = scene.user.expect(&["receipts", "verify", session]);
	assert!(verified.iter().all(|value| value["sound"] == true) && verified.len() >= 4, "{verified:#?}");
	let genesis = hex::encode(scene.world.chain.genesis());
	let file = scene.world.files.path(&format!("user/sessions/{genesis}/{session}.receipts.json"));
	scene.user.expect(&["audit", "replay", file.to_str().unwrap(), "--model-dir", &scene.model]);
}

/// Closes and finishes a session of which so much was charged. Returns the fees.
async fn end(scene: &Scene, session: &str, charged: u128) -> u128 {
	let closed = scene.user.expect(&["session", "close", session, "--suri", "//Dave"]);
	let settled = || async {
		let said = scene.user.expect(&["session", "status", session]);
		(planck(&said[0]["chain"]["settled"]) >= charged).then_some(())
	};
	scene.world.chain.wait_until("the settlement", settled).await;
	scene.world.chain.wait_for_blocks(u64::from(CLOSING) + 2).await;
	let finished = scene.user.expect(&["session", "finish", session, "--suri", "//Dave"]);
	assert_eq!(planck(&finished[0]["returned"]), DEPOSIT - charged);
	planck(&closed[0]["fee"]) + planck(&finished[0]["fee"])
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
