//! Two operators behind one address: one is killed in the middle of an answer, and the client sees one stream without a changed byte.
#![allow(clippy::unwrap_used)]

mod shop;
#[allow(dead_code, reason = "the texts are for mining")]
mod tiny_open;

use blyan_e2e::{wait_until, Command, Running};
use serde_json::Value;
use shop::{complete, end, event, free_port, planck, read, session_of, wait_for_answers, Scene};
use std::{
	collections::BTreeSet,
	io::{Read, Write},
	net::{Shutdown, SocketAddr, TcpListener, TcpStream},
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc,
	},
	thread,
	time::{Duration, Instant},
};

/// Tokens that each answer has.
const TOKENS: u32 = 24;
/// Events of an answer that the first operator's connection lets through.
const EVENTS: usize = 3;

/// An operator with a home of its own.
struct Seller {
	command: Command,
	suri: &'static str,
	port: u16,
	model: String,
}

impl Seller {
	/// Offers the model at an address and these prices. Returns the offer's number.
	fn offer(&self, port: u16, [input, output]: [&str; 2]) -> String {
		let update =
			["operator", "update", "--capabilities", "evaluate,serve", "--no-hardware", "--suri", self.suri];
		self.command.expect(&update);
		let endpoint = format!("http://127.0.0.1:{port}");
		let made = self.command.expect(&[
			"offer",
			"make",
			"--model",
			&self.model,
			"--endpoint",
			&endpoint,
			"--input-price",
			input,
			"--output-price",
			output,
			"--suri",
			self.suri,
		]);
		made[0]["offer"].to_string()
	}

	fn serve(&self, offer: &str) -> Running {
		let listen = format!("127.0.0.1:{}", self.port);
		let serve =
			["serve", "--offer", offer, "--model", &self.model, "--listen", &listen, "--threads", "1"];
		self.command.start_until("serving", &[&serve[..], &["--suri", self.suri][..]].concat()).0
	}
}

/// Connections to a server that carry everything but answers that are streamed: of those the first events, and then nothing until the server is dead.
struct Line {
	port: u16,
	is_holding: Arc<AtomicBool>,
}

impl Line {
	fn to(server: u16) -> Self {
		let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
		let port = listener.local_addr().unwrap().port();
		let is_holding = Arc::new(AtomicBool::new(false));
		let held = is_holding.clone();
		thread::spawn(move || {
			for client in listener.incoming().map_while(Result::ok) {
				let held = held.clone();
				thread::spawn(move || carry(client, server, &held));
			}
		});
		Self { port, is_holding }
	}
}

fn carry(mut client: TcpStream, server: u16, is_holding: &AtomicBool) {
	// A server that is not there: its client sees a connection that ends.
	let Ok(mut server) = TcpStream::connect(("127.0.0.1", server)) else { return };
	let (mut asked, mut asking) = (client.try_clone().unwrap(), server.try_clone().unwrap());
	thread::spawn(move || {
		drop(std::io::copy(&mut asked, &mut asking));
		drop(asking.shutdown(Shutdown::Write));
	});
	let (mut seen, mut events, mut bytes) = (Vec::new(), 0, [0; 4_096]);
	while let Ok(count @ 1..) = server.read(&mut bytes) {
		let mut passed = Vec::new();
		for byte in &bytes[..count] {
			if events == EVENTS {
				is_holding.store(true, Ordering::SeqCst);
				break;
			}
			seen.push(*byte);
			passed.push(*byte);
			let is_stream = seen.windows(17).any(|bytes| bytes == b"text/event-stream");
			events += usize::from(is_stream && seen.ends_with(b"\n\n"));
		}
		if client.write_all(&passed).is_err() {
			break;
		}
	}
	drop(client.shutdown(Shutdown::Both));
}

/// Body of an answer that came in chunks.
fn body_of(answer: &str) -> String {
	let (_, mut rest) = answer.split_once("\r\n\r\n").unwrap();
	let mut body = String::new();
	while let Some((size, behind)) = rest.split_once("\r\n") {
		let size = usize::from_str_radix(size, 16).unwrap();
		body.push_str(&behind[..size]);
		rest = behind[size..].strip_prefix("\r\n").unwrap_or_default();
	}
	body
}

/// Text of a completion that was streamed, and the names under which it came.
fn text_of(answer: &str) -> (String, BTreeSet<String>) {
	assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("data: [DONE]"), "{answer}");
	let (mut text, mut names) = (String::new(), BTreeSet::new());
	for line in body_of(answer).lines().filter_map(|line| line.strip_prefix("data: {")) {
		let value: Value = serde_json::from_str(&format!("{{{line}")).unwrap();
		names.insert(value["id"].as_str().unwrap().to_owned());
		text.push_str(value["choices"][0]["text"].as_str().unwrap_or_default());
	}
	(text, names)
}

fn connect(scene: &Scene, sessions: &[String; 2]) -> (Running, SocketAddr) {
	let sessions = sessions.join(",");
	let connect = ["connect", "--session", &sessions, "--listen", "127.0.0.1:0", "--model-dir", &scene.model];
	let (running, printed) = scene.user.start_until("connected", &connect);
	(running, event(&printed, "connected")["address"].as_str().unwrap().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_whose_operator_is_killed_in_its_middle_is_ended_by_another_without_a_changed_byte() {
	let scene = Scene::new().await;
	let home = Command::new(&scene.world.files.path("second"), &scene.world.node.url());
	let seller = |command, suri, port| Seller { command, suri, port, model: scene.model.clone() };
	let first = seller(scene.operator.clone(), "//Alice", scene.port);
	let second = seller(home, "//Bob", free_port());
	let line = Line::to(first.port);
	// The first is asked first, since it is cheaper.
	let offers = [first.offer(line.port, ["0.001", "0.002"]), second.offer(second.port, ["0.004", "0.008"])];
	let server = first.serve(&offers[0]);
	let _other = second.serve(&offers[1]);
	let before = scene.balance("//Dave");
	let opened = offers.each_ref().map(|offer| {
		scene.user.expect(&["session", "open", offer, "--deposit", "5", "--suri", "//Dave"]).remove(0)
	});
	let sessions = opened.each_ref().map(|opened| opened["session"].to_string());

	// A lone run, of the second operator.
	let (proxy, address) = scene.connect(&sessions[1]);
	let (lone, _) = text_of(&read(complete(address, 7, TOKENS)));
	let cost = planck(&wait_for_answers(address, 1).await["charged"]);
	assert_eq!(cost, 4 * 4_000_000 + u128::from(TOKENS) * 8_000_000);
	drop(proxy);

	let (proxy, address) = connect(&scene, &sessions);
	let asked = complete(address, 7, TOKENS);
	let answer = tokio::task::spawn_blocking(move || read(asked));
	let is_holding = || async { line.is_holding.load(Ordering::SeqCst).then_some(()) };
	wait_until("the middle of the answer", is_holding).await;
	drop(server);
	let killed_at = Instant::now();
	let answer = answer.await.unwrap();
	assert!(killed_at.elapsed() < Duration::from_secs(3), "{:?}", killed_at.elapsed());
	let (text, names) = text_of(&answer);
	assert_eq!(text, lone, "not a byte is another");
	assert_eq!(names.len(), 1, "it is one answer: {names:?}");
	let state = wait_until("the receipt of the second", || async {
		let state = session_of(address);
		(state["sessions"][1]["answers"] == 2).then_some(state)
	})
	.await;
	assert_eq!(
		state["sessions"][0]["stopped"],
		Value::Null,
		"an operator that dies is not accused: {state:#}"
	);
	drop(proxy);

	// What the first is owed for its part is what its account says, and no more than the answer can cost.
	let _server = first.serve(&offers[0]);
	let (proxy, address) = connect(&scene, &sessions);
	let state = session_of(address);
	drop(proxy);
	let charged = [0, 1].map(|place| planck(&state["sessions"][place]["charged"]));
	assert_eq!(state["sessions"][0]["open"], 0, "{state:#}");
	assert!(charged[0] <= 4 * 1_000_000 + u128::from(TOKENS) * 2_000_000, "{state:#}");
	assert_eq!(charged[1], 2 * cost, "the second is paid for all that it computed");
	let mut fees = 0;
	for (place, session) in sessions.iter().enumerate() {
		fees += planck(&opened[place]["fee"]) + end(&scene, session, charged[place]).await;
	}
	assert_eq!(scene.balance("//Dave"), before - charged[0] - charged[1] - fees, "to the planck");
}
