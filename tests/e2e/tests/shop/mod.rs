//! An operator that sells answers of a tiny open model, a user that buys them, and any client of OpenAI's interface between them.
#![allow(dead_code, reason = "every story uses a part of it")]

use super::tiny_open;
use blyan_e2e::{parameter, wait_until, Command, Running, World};
use serde_json::{json, Value};
use std::{
	io::{Read, Write},
	net::{SocketAddr, TcpListener, TcpStream},
	time::Duration,
};

/// Blocks that an operator has to settle a session that is closed.
pub const CLOSING: u32 = 20;
/// Deposit of a session: 5 BLY.
pub const DEPOSIT: u128 = 5_000_000_000_000;

/// An operator and a user, each with a home of their own, and the port between them.
pub struct Scene {
	pub world: World,
	pub operator: Command,
	pub user: Command,
	pub port: u16,
	pub model: String,
}

pub fn free_port() -> u16 {
	TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Returns the event of this name that a command printed.
pub fn event<'a>(values: &'a [Value], name: &str) -> &'a Value {
	let found = values.iter().find(|value| value["event"] == name);
	found.unwrap_or_else(|| panic!("no event {name} in {values:#?}"))
}

pub fn planck(value: &Value) -> u128 {
	value.as_str().unwrap_or_else(|| panic!("{value} is no amount")).parse().unwrap()
}

impl Scene {
	pub async fn new() -> Self {
		let world = World::new().await;
		world.chain.set_parameter(parameter::SESSION_CLOSING, CLOSING).await;
		tiny_open::write_model(&world.files.path("model"));
		let home = |name: &str| Command::new(&world.files.path(name), &world.node.url());
		let (operator, user) = (home("operator"), home("user"));
		let model = world.files.path("model").display().to_string();
		Self { operator, user, port: free_port(), model, world }
	}

	/// Becomes an operator that serves, and offers the model. Returns the offer's number.
	pub fn offer(&self) -> String {
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

	pub fn serve(&self, offer: &str) -> Running {
		let listen = format!("127.0.0.1:{}", self.port);
		let serve =
			["serve", "--offer", offer, "--model", &self.model, "--listen", &listen, "--threads", "1"];
		self.operator.start_until("serving", &[&serve[..], &["--suri", "//Alice"][..]].concat()).0
	}

	pub fn connect(&self, session: &str) -> (Running, SocketAddr) {
		let connect =
			["connect", "--session", session, "--listen", "127.0.0.1:0", "--model-dir", &self.model];
		let (running, printed) = self.user.start_until("connected", &connect);
		(running, event(&printed, "connected")["address"].as_str().unwrap().parse().unwrap())
	}

	pub fn balance(&self, account: &str) -> u128 {
		let said = self.user.expect(&["balance", account]);
		planck(&said[0]["free"]) + planck(&said[0]["held"])
	}
}

/// Sends a request as any client of OpenAI's interface would.
pub fn send(address: SocketAddr, head: &str, body: &str) -> TcpStream {
	let mut stream = TcpStream::connect(address).unwrap();
	stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
	let length = body.len();
	let kind = "content-type: application/json";
	write!(stream, "{head} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{kind}\r\ncontent-length: {length}\r\n\r\n{body}")
		.unwrap();
	stream
}

pub fn read(mut stream: TcpStream) -> String {
	let mut bytes = Vec::new();
	stream.read_to_end(&mut bytes).unwrap();
	String::from_utf8_lossy(&bytes).into_owned()
}

pub fn complete(address: SocketAddr, seed: u64, tokens: u32) -> TcpStream {
	let body = json!({ "model": "model", "prompt": "abcd", "max_tokens": tokens, "seed": seed, "stream": true,
		"temperature": 1 });
	send(address, "POST /v1/completions", &body.to_string())
}

pub fn session_of(address: SocketAddr) -> Value {
	let answer = read(send(address, "GET /blyan/session", ""));
	serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// Waits until the receipts of so many answers were looked at.
pub async fn wait_for_answers(address: SocketAddr, count: u64) -> Value {
	wait_until("the receipts", || async {
		let session = session_of(address);
		assert_eq!(session["stopped"], Value::Null, "{session:#}");
		(session["answers"].as_u64().unwrap() >= count).then_some(session)
	})
	.await
}

/// Closes and finishes a session of which so much was charged. Returns the fees.
pub async fn end(scene: &Scene, session: &str, charged: u128) -> u128 {
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
