//! A node process with a directory and a port of its own.

use crate::{binary, process, tiny_model, Metrics};
use std::{
	fs::File,
	io::{Read, Write},
	net::{TcpListener, TcpStream},
	path::{Path, PathBuf},
	process::{Child, Command, Stdio},
	time::{Duration, Instant},
};

/// Time within which a node must answer, on a busy machine with two cores.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// Configuration of a node.
#[derive(Clone, Debug)]
pub struct NodeConfig {
	/// Where the chain, the keys and the blobs are kept.
	pub base_path: PathBuf,
	/// Directory of the genesis model; `None` for the one built into the node.
	pub model: Option<PathBuf>,
	/// Secrets of the operators whose keys the node holds.
	pub operators: Vec<String>,
	/// Milliseconds between two blocks.
	pub block_time_ms: u64,
	/// True if transactions make blocks, instead of time.
	pub is_sealing_on_demand: bool,
	/// Threads of the engine.
	pub engine_threads: u16,
	/// The port under which other nodes follow this one, if any may.
	pub open_at: Option<u16>,
	/// Where the node is that this one follows, if it does not seal blocks itself.
	pub following: Option<String>,
	/// True if it exports Prometheus metrics.
	pub metrics: bool,
	/// True if it serves its page of facts.
	pub status_page: bool,
	/// The chain's specification, for a node that knows the chain but not its model's bytes.
	pub spec: Option<PathBuf>,
	/// Further arguments.
	pub args: Vec<String>,
}

/// The identity of a node that others follow, and the name that comes of it.
const NODE_KEY: &str = "0000000000000000000000000000000000000000000000000000000000000001";
const NODE_NAME: &str = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";

impl NodeConfig {
	/// A development node with the tiny model, three operators and a block every half second.
	pub fn new(base_path: &Path) -> Self {
		Self {
			base_path: base_path.to_path_buf(),
			model: Some(tiny_model()),
			operators: ["//Alice", "//Bob", "//Charlie"].map(String::from).to_vec(),
			block_time_ms: 500,
			is_sealing_on_demand: false,
			engine_threads: 1,
			open_at: None,
			following: None,
			metrics: false,
			status_page: false,
			spec: None,
			args: Vec::new(),
		}
	}

	/// Tells Prometheus about itself.
	pub fn metrics(mut self) -> Self {
		self.metrics = true;
		self
	}

	/// Serves its page of facts.
	pub fn status_page(mut self) -> Self {
		self.status_page = true;
		self
	}

	/// Says this on its command line, too.
	pub fn args(mut self, args: &[&str]) -> Self {
		self.args.extend(args.iter().map(|arg| arg.to_string()));
		self
	}

	/// With a block every so many milliseconds.
	pub fn block_time_ms(mut self, block_time_ms: u64) -> Self {
		self.block_time_ms = block_time_ms;
		self
	}

	/// Lets other nodes follow.
	pub fn open(mut self) -> Self {
		self.open_at = Some(free_port());
		self
	}

	/// Follows a node that was started [`open`](Self::open).
	///
	/// # Panics
	///
	/// If it was not.
	pub fn following(mut self, node: &Node) -> Self {
		let port = node.config.open_at.expect("the other node is open");
		self.following = Some(format!("/ip4/127.0.0.1/tcp/{port}/p2p/{NODE_NAME}"));
		self
	}

	/// Without the bytes of the chain's model: all it knows of it is the chain's specification.
	pub fn without_model(mut self, spec: &Path) -> Self {
		(self.model, self.spec) = (None, Some(spec.to_path_buf()));
		self
	}

	/// With a block for every transaction, and none without.
	pub fn sealing_on_demand(mut self) -> Self {
		self.is_sealing_on_demand = true;
		self
	}

	/// With the genesis model in this directory.
	pub fn model(mut self, dir: &Path) -> Self {
		self.model = Some(dir.to_path_buf());
		self
	}

	/// With the keys of these operators only.
	pub fn operators(mut self, operators: &[&str]) -> Self {
		self.operators = operators.iter().map(|suri| suri.to_string()).collect();
		self
	}

	/// Starts it and waits until it answers.
	///
	/// # Panics
	///
	/// If it ends or stays silent; the message holds the end of its log.
	pub fn start(self) -> Node {
		let port = free_port();
		std::fs::create_dir_all(&self.base_path).expect("the test's directory can be written");
		let log_path = self.base_path.join("node.log");
		let log = File::options().create(true).append(true).open(&log_path).expect("the log can be written");
		let mut command = Command::new(binary("blyan-node"));
		command
			.arg("--dev")
			.arg("--base-path")
			.arg(&self.base_path)
			.args(["--rpc-port", &port.to_string()])
			// Nodes of different tests must neither meet nor fight over a port.
			.args(["--port", &self.open_at.unwrap_or_else(free_port).to_string(), "--no-mdns", "--no-telemetry"])
			.args(["--engine-threads", &self.engine_threads.to_string()])
			.stdin(Stdio::null())
			.stdout(log.try_clone().expect("a file handle can be duplicated"))
			.stderr(log);
		let metrics_port = self.metrics.then(free_port);
		match metrics_port {
			Some(port) => command.args(["--prometheus-port", &port.to_string()]),
			None => command.arg("--no-prometheus"),
		};
		let status_port = self.status_page.then(free_port);
		if let Some(port) = status_port {
			command.args(["--status-port", &port.to_string()]);
		}
		match &self.following {
			Some(address) => command.args(["--dev-follow", "--bootnodes", address]),
			None if self.is_sealing_on_demand => command.arg("--instant-seal"),
			None => command.args(["--dev-block-time", &self.block_time_ms.to_string()]),
		};
		if self.open_at.is_some() {
			command.args(["--dev-open", "--node-key", NODE_KEY]);
		}
		if let Some(model) = &self.model {
			command.arg("--genesis-model").arg(model);
		}
		if let Some(spec) = &self.spec {
			command.arg("--chain").arg(spec);
		}
		if self.operators.is_empty() {
			command.arg("--no-dev-operators");
		}
		for suri in &self.operators {
			command.args(["--operator", suri]);
		}
		command.args(&self.args);
		let child = command.spawn().expect("the node can be started");
		let mut node = Node { config: self, child, port, metrics_port, status_port, log_path };
		node.wait_until_it_listens();
		node
	}
}

/// A running node. Dropping it kills it.
#[derive(Debug)]
pub struct Node {
	config: NodeConfig,
	child: Child,
	port: u16,
	metrics_port: Option<u16>,
	status_port: Option<u16>,
	log_path: PathBuf,
}

impl Node {
	/// Where clients connect.
	pub fn url(&self) -> String {
		format!("ws://127.0.0.1:{}", self.port)
	}

	/// Its process.
	pub fn process_id(&self) -> u32 {
		self.child.id()
	}

	/// Returns the metrics that Prometheus would read now.
	///
	/// # Panics
	///
	/// If the node was started without [`NodeConfig::metrics`], or does not answer.
	pub fn metrics(&self) -> Metrics {
		let port = self.metrics_port.expect("the node was started with metrics");
		Metrics::parse(&get(port, "/metrics"))
	}

	/// Returns a document of its page of facts.
	///
	/// # Panics
	///
	/// If the node was started without [`NodeConfig::status_page`], or does not answer.
	pub fn facts(&self, path: &str) -> String {
		get(self.status_port.expect("the node was started with its page of facts"), path)
	}

	/// Reports whether it has ended by itself.
	///
	/// # Panics
	///
	/// If the process is not ours.
	pub fn has_ended(&mut self) -> bool {
		self.child.try_wait().expect("the node is our child").is_some()
	}

	/// The directory of its genesis model.
	pub fn model(&self) -> Option<&Path> {
		self.config.model.as_deref()
	}

	/// All it logged so far, over all restarts.
	pub fn log(&self) -> String {
		std::fs::read_to_string(&self.log_path).unwrap_or_default()
	}

	/// Ends it the hard way, as a power failure would, and returns how to start it again.
	pub fn kill(mut self) -> NodeConfig {
		self.child.kill().expect("the node is ours to kill");
		self.child.wait().expect("a killed process can be waited for");
		self.config.clone()
	}

	/// Asks it to end, waits, and returns how to start it again.
	///
	/// # Panics
	///
	/// If it does not end in time, or ends with an error.
	pub fn stop(mut self) -> NodeConfig {
		process::terminate(&mut self.child)
			.unwrap_or_else(|error| panic!("the node {error}:\n{}", self.log_end()));
		self.config.clone()
	}

	fn wait_until_it_listens(&mut self) {
		let started_at = Instant::now();
		while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
			if let Some(status) = self.child.try_wait().expect("the node is our child") {
				panic!("the node ended with {status}:\n{}", self.log_end());
			}
			assert!(started_at.elapsed() < START_TIMEOUT, "the node does not listen:\n{}", self.log_end());
			std::thread::sleep(Duration::from_millis(100));
		}
	}

	fn log_end(&self) -> String {
		process::last_lines(&self.log(), 40)
	}
}

impl Drop for Node {
	fn drop(&mut self) {
		// It may have ended already, and then there is nothing to do.
		let _ = self.child.kill();
		let _ = self.child.wait();
		if std::thread::panicking() {
			eprintln!("--- end of the node's log ---\n{}", self.log_end());
		}
	}
}

/// Returns a free port.
/// Body of the answer to a request over HTTP.
fn get(port: u16, path: &str) -> String {
	let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("the node listens");
	let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
	socket.write_all(request.as_bytes()).expect("the node listens");
	let mut answer = String::new();
	socket.read_to_string(&mut answer).expect("the node answers");
	answer.split_once("\r\n\r\n").expect("an answer has a body").1.into()
}

fn free_port() -> u16 {
	let listener = TcpListener::bind(("127.0.0.1", 0)).expect("the loopback interface has a free port");
	listener.local_addr().expect("a bound socket has an address").port()
}
