//! `blyan serve`: a model is imported and served, answers over HTTP, and `blyan audit replay` checks the receipts.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../../ml-engine/open-model/tests/support/synthetic.rs"]
mod synthetic;

use nix::{
	sys::signal::{kill, Signal},
	unistd::Pid,
};
use serde_json::{json, Value};
use std::{
	fs,
	io::{BufRead, BufReader, Read, Write},
	net::TcpStream,
	os::unix::fs::PermissionsExt,
	path::PathBuf,
	process::{Child, Command, Stdio},
};
use synthetic::{Groups, Llama};

const EQUAL: i32 = 0;
const DIFFERS: i32 = 1;

/// A model with a token for each byte, and few more.
const SMALL: Llama =
	Llama { layers: 2, d_model: 64, hidden: 128, heads: 2, kv_heads: 1, vocabulary: 288, context: 512 };

/// A directory with an imported model.
struct Place(tempfile::TempDir);

impl Place {
	fn new() -> Self {
		let place = Self(tempfile::tempdir().unwrap());
		SMALL.write_gguf(&place.path("small.gguf"), Groups::Q8_0).unwrap();
		let (code, errors) = place.run(&["model", "import", "small.gguf", "--out", "small"]);
		assert_eq!(code, 0, "{errors}");
		place
	}

	fn path(&self, name: &str) -> PathBuf {
		self.0.path().join(name)
	}

	fn command(&self, args: &[&str]) -> Command {
		let mut command = Command::new(env!("CARGO_BIN_EXE_blyan"));
		command.current_dir(self.0.path()).args(args);
		command.args(["--json", "--home", "home", "--url", "ws://127.0.0.1:1"]);
		command
	}

	fn run(&self, args: &[&str]) -> (i32, String) {
		let output = self.command(args).output().unwrap();
		(output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
	}
}

/// A running server.
struct Served {
	child: Child,
	lines: BufReader<std::process::ChildStdout>,
	address: String,
	model_root: String,
}

impl Served {
	fn start(place: &Place) -> Self {
		Self::start_with(place, &[]).0
	}

	/// Starts a server with these arguments, too, and returns it with its first event.
	fn start_with(place: &Place, more: &[&str]) -> (Self, Value) {
		let args =
			["serve", "--model", "small", "--listen", "127.0.0.1:0", "--threads", "2", "--memory", "64M"];
		let mut child = place.command(&args).args(more).stdout(Stdio::piped()).spawn().unwrap();
		let mut lines = BufReader::new(child.stdout.take().unwrap());
		let mut line = String::new();
		lines.read_line(&mut line).unwrap();
		let event: Value = serde_json::from_str(&line).unwrap();
		assert_eq!((&event["event"], &event["model"]), (&json!("serving"), &json!("small")));
		let text = |key: &str| event[key].as_str().unwrap().to_owned();
		let (address, model_root) = (text("address"), text("model_root"));
		(Self { child, lines, address, model_root }, event)
	}

	/// Sends a request and returns the body of the answer.
	fn ask(&self, method: &str, path: &str, body: &str) -> String {
		let mut stream = TcpStream::connect(&self.address).unwrap();
		write!(
			stream,
			"{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
			self.address,
			body.len()
		)
		.unwrap();
		let mut answer = String::new();
		stream.read_to_string(&mut answer).unwrap();
		let (head, body) = answer.split_once("\r\n\r\n").unwrap();
		assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
		body.into()
	}

	/// Sends a signal.
	fn signal(&self, signal: Signal) {
		kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
	}

	/// Waits for the next event.
	fn event(&mut self) -> Value {
		let mut line = String::new();
		self.lines.read_line(&mut line).unwrap();
		serde_json::from_str(&line).unwrap()
	}

	/// Asks the server to end, and returns its last event and its exit status.
	fn end(mut self) -> (Value, i32) {
		self.signal(Signal::SIGTERM);
		let last = self.event();
		(last, self.child.wait().unwrap().code().unwrap())
	}
}

impl Drop for Served {
	fn drop(&mut self) {
		// It has ended, unless a test has failed.
		drop(self.child.kill());
		drop(self.child.wait());
	}
}

#[test]
fn an_answer_over_http_has_a_receipt_that_replay_finds_equal_and_an_altered_one_different() {
	let place = Place::new();
	let served = Served::start(&place);
	let models: Value = serde_json::from_str(&served.ask("GET", "/v1/models", "")).unwrap();
	assert_eq!(models["data"][0]["model_root"], served.model_root.as_str());
	let body = json!({
		"model": "small", "messages": [{ "role": "user", "content": "hello" }], "max_tokens": 24, "seed": 3,
	});
	let answer: Value =
		serde_json::from_str(&served.ask("POST", "/v1/chat/completions", &body.to_string())).unwrap();
	let id = answer["id"].as_str().unwrap();
	let receipt = served.ask("GET", &format!("/v1/receipts/{id}"), "");
	fs::write(place.path("receipt.json"), &receipt).unwrap();
	let replay = ["audit", "replay", "receipt.json", "--model-dir", "small"];
	let (code, errors) = place.run(&replay);
	assert_eq!(code, EQUAL, "{errors}");
	let mut altered: Value = serde_json::from_str(&receipt).unwrap();
	let token = altered["answer"][1].as_u64().unwrap();
	altered["answer"][1] = json!((token + 1) % 256);
	fs::write(place.path("receipt.json"), altered.to_string()).unwrap();
	assert_eq!(place.run(&replay).0, DIFFERS);
	let (last, code) = served.end();
	assert_eq!((&last["event"], code), (&json!("ended"), 0));
}

#[test]
fn a_port_that_is_taken_and_a_directory_without_a_model_are_refused_with_the_way_out() {
	let place = Place(tempfile::tempdir().unwrap());
	let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
	let address = taken.local_addr().unwrap().to_string();
	let (code, errors) = place.run(&["serve", "--model", ".", "--listen", &address]);
	assert!(code == 1 && errors.contains("--listen"), "{errors}");
	let (code, errors) = place.run(&["serve", "--model", ".", "--listen", "127.0.0.1:0"]);
	assert!(code == 1 && errors.contains("blyan model import"), "{errors}");
}

/// Writes a certificate for this machine, and its key: those of the gateway's tests.
fn certify(place: &Place, name: &str) {
	let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
	let from = here.join("../node/gateway/tests/certificates");
	for (kind, ending) in [("cert.pem", "pem"), ("key.pem", "key")] {
		let _ = fs::remove_file(place.path(kind));
		fs::copy(from.join(format!("{name}.{ending}")), place.path(kind)).unwrap();
	}
	fs::set_permissions(place.path("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_server_with_a_certificate_answers_by_tls_alone_sends_browsers_over_and_takes_the_next_certificate() {
	let place = Place::new();
	certify(&place, "first");
	let tls = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
	fs::set_permissions(place.path("key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
	let args = ["serve", "--model", "small", "--listen", "127.0.0.1:0"];
	let (code, errors) = place.run(&[&args[..], &tls].concat());
	assert!(code == 4 && errors.contains("chmod 600"), "{errors}");
	fs::set_permissions(place.path("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();

	let (mut served, event) = Served::start_with(&place, &[&tls[..], &["--tls-redirect", "0"]].concat());
	assert_eq!(event["scheme"], "https");
	let raw = |address: &str| {
		let mut stream = TcpStream::connect(address).unwrap();
		write!(stream, "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
		let mut answer = Vec::new();
		// The server may end the connection before it has read all of it.
		drop(stream.read_to_end(&mut answer));
		String::from_utf8_lossy(&answer).into_owned()
	};
	assert!(!raw(&served.address).starts_with("HTTP/"), "no answer without TLS");
	let sent_over = raw(event["redirect"].as_str().unwrap());
	let (_, port) = served.address.rsplit_once(':').unwrap();
	assert!(sent_over.starts_with("HTTP/1.1 301 "), "{sent_over}");
	assert!(sent_over.contains(&format!("location: https://localhost:{port}/v1/models\r\n")), "{sent_over}");

	certify(&place, "second");
	served.signal(Signal::SIGHUP);
	assert_eq!(served.event()["event"], "certificate");
	let (last, code) = served.end();
	assert_eq!((&last["event"], code), (&json!("ended"), 0));
}
