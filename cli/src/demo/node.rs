//! The demo's node: found, started in a session of its own, watched, and stopped.

use crate::{
	client::Client,
	failure::{Context, Failure, Kind, Outcome},
	home::write_private,
	output::Output,
};
use nix::{
	errno::Errno,
	sys::signal::{kill, Signal},
	unistd::{setsid, Pid},
};
use serde::{Deserialize, Serialize};
use std::{
	fs,
	net::{Ipv4Addr, TcpListener},
	os::unix::process::CommandExt,
	path::{Path, PathBuf},
	process::{Child, Command, Stdio},
	thread,
	time::{Duration, Instant},
};

/// Time within which a node must produce its first block.
const START_TIMEOUT: Duration = Duration::from_secs(180);
/// Time within which a node must end when asked to.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// Ports tried after the one that was asked for.
const PORTS: u16 = 50;

/// Configuration of a demo node.
pub struct NodeConfig {
	/// Its binary.
	pub binary: PathBuf,
	/// Directory for database, blobs, log.
	pub dir: PathBuf,
	/// Port of its JSON-RPC.
	pub port: u16,
	/// Milliseconds between blocks.
	pub block_time_ms: u64,
	/// Genesis model other than the built-in one.
	pub model: Option<PathBuf>,
}

/// Record of a running node, kept in a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeRecord {
	/// Its process.
	pub pid: i32,
	/// Port of its JSON-RPC.
	pub port: u16,
	/// Its `--base-path`, by which its process is recognised.
	pub base_path: PathBuf,
	/// Where it logs.
	pub log: PathBuf,
}

/// A running node. Dropping it stops it, unless it was released.
pub struct Node {
	record: NodeRecord,
	child: Option<Child>,
	record_path: PathBuf,
}

/// The node's binary: the one named, the one beside this program, or the one in the path.
pub fn find_binary(named: Option<&Path>) -> Outcome<PathBuf> {
	if let Some(path) = named {
		return path
			.canonicalize()
			.context_next(path.display(), "name the built blyan-node with --node PATH");
	}
	let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join("blyan-node")));
	let path = std::env::var_os("PATH").unwrap_or_default();
	let in_path = std::env::split_paths(&path).map(|folder| folder.join("blyan-node"));
	beside.into_iter().chain(in_path).find(|path| path.is_file()).ok_or_else(|| {
		Failure::new("there is no blyan-node beside this program, nor in the path")
			.next("build it with: cargo build --bins   or name it with --node PATH")
	})
}

/// Returns `wanted`, or the next free port.
pub fn free_port(wanted: u16) -> Outcome<u16> {
	let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
	(wanted..=wanted.saturating_add(PORTS)).find(is_free).ok_or_else(|| {
		Failure::new(format!("ports {wanted} to {} are all in use", wanted.saturating_add(PORTS)))
			.next("name another with --port")
	})
}

impl NodeRecord {
	/// The node an earlier demo left running in `dir`.
	pub fn find(dir: &Path) -> Option<Self> {
		let record: Self = serde_json::from_slice(&fs::read(dir.join(RECORD)).ok()?).ok()?;
		record.is_running().then_some(record)
	}

	/// Reports whether the process is alive and still is that node: process numbers are reused.
	fn is_running(&self) -> bool {
		let Ok(command) = fs::read(format!("/proc/{}/cmdline", self.pid)) else {
			return false;
		};
		let base_path = self.base_path.as_os_str().as_encoded_bytes();
		command.split(|byte| *byte == 0).any(|argument| argument == base_path)
	}

	/// Asks the process to end, and insists after a while.
	pub fn stop(&self) -> Outcome<()> {
		let pid = Pid::from_raw(self.pid);
		let asked_at = Instant::now();
		let mut signal = Signal::SIGTERM;
		while self.is_running() {
			match kill(pid, signal) {
				Ok(()) => {}
				Err(Errno::ESRCH) => break,
				Err(error) => {
					return Err(Failure::new(format!("process {} cannot be stopped: {error}", self.pid))
						.next(format!("stop it as the user who started it: kill {}", self.pid)))
				}
			}
			let limit = asked_at.elapsed() + STOP_TIMEOUT;
			while self.is_running() && asked_at.elapsed() < limit {
				thread::sleep(Duration::from_millis(50));
			}
			signal = Signal::SIGKILL;
		}
		Ok(())
	}

	/// Its address.
	pub fn url(&self) -> String {
		format!("ws://127.0.0.1:{}", self.port)
	}
}

const RECORD: &str = "node.json";

impl Node {
	/// Starts a node on a fresh chain. Its log replaces that of the last one.
	pub fn start(config: &NodeConfig) -> Outcome<Self> {
		let base_path = config.dir.join("chain");
		if base_path.exists() {
			fs::remove_dir_all(&base_path).context(base_path.display())?;
		}
		let log_path = config.dir.join("node.log");
		let log = fs::File::create(&log_path).context(log_path.display())?;
		// Nothing else may be disturbed: the other ports are any free ones.
		let p2p_port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
		let mut command = Command::new(&config.binary);
		command
			.arg("--dev")
			.args(["--dev-block-time", &config.block_time_ms.to_string()])
			.arg("--base-path")
			.arg(&base_path)
			.args(["--rpc-port", &config.port.to_string()])
			.args(["--port", &p2p_port.to_string()])
			.args(["--no-mdns", "--no-prometheus", "--no-telemetry"])
			.stdin(Stdio::null())
			.stdout(log.try_clone()?)
			.stderr(log);
		if let Some(model) = &config.model {
			command.arg("--genesis-model").arg(model);
		}
		// SAFETY: setsid is async-signal-safe and touches no memory of the parent.
		unsafe {
			command.pre_exec(|| setsid().map(drop).map_err(std::io::Error::from));
		}
		let child =
			command.spawn().context_next(config.binary.display(), "name another binary with --node PATH")?;
		let record = NodeRecord {
			pid: i32::try_from(child.id()).unwrap_or(i32::MAX),
			port: config.port,
			base_path,
			log: log_path,
		};
		let record_path = config.dir.join(RECORD);
		let node = Self { record, child: Some(child), record_path };
		write_private(&node.record_path, serde_json::to_string_pretty(&node.record)?.as_bytes())?;
		Ok(node)
	}

	/// Waits for the first block and connects.
	pub async fn connect(&mut self, output: &Output) -> Outcome<Client> {
		let spinner = output.spinner("node");
		let started = Instant::now();
		loop {
			if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().transpose()) {
				return Err(Failure::new(format!("the node ended at once ({})", status?))
					.kind(Kind::Unreachable)
					.next(format!(
						"the end of its log, {}:\n{}",
						self.record.log.display(),
						self.log_end()
					)));
			}
			if started.elapsed() > START_TIMEOUT {
				return Err(Failure::new("the node makes no blocks").kind(Kind::Unreachable).next(format!(
					"the end of its log, {}:\n{}",
					self.record.log.display(),
					self.log_end()
				)));
			}
			// Looking at the port first keeps failed handshakes out of the node's log.
			if TcpListener::bind((Ipv4Addr::LOCALHOST, self.record.port)).is_err() {
				if let Ok(client) = Client::connect(&self.record.url()).await {
					if client.finalised_block().await.unwrap_or(0) > 0 {
						return Ok(client);
					}
				}
			}
			spinner.note("waiting for the first block");
			tokio::time::sleep(Duration::from_millis(250)).await;
		}
	}

	/// Returns the node's record.
	pub fn record(&self) -> &NodeRecord {
		&self.record
	}

	/// Leaves it running.
	pub fn release(mut self) -> NodeRecord {
		self.child = None;
		self.record.clone()
	}

	fn log_end(&self) -> String {
		let log = fs::read_to_string(&self.record.log).unwrap_or_default();
		let lines: Vec<&str> = log.lines().rev().take(15).collect();
		lines.into_iter().rev().collect::<Vec<_>>().join("\n")
	}
}

impl Drop for Node {
	fn drop(&mut self) {
		let Some(mut child) = self.child.take() else { return };
		// An ended child is a zombie, whose command line is empty, so this ends when the node has.
		if let Err(failure) = self.record.stop() {
			eprintln!("warning: {}", failure.message);
		}
		let _ = child.wait();
		let _ = fs::remove_file(&self.record_path);
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn config(dir: &Path, script: &str) -> NodeConfig {
		let binary = dir.join("node.sh");
		fs::write(&binary, format!("#!/bin/sh\n{script}\n")).unwrap();
		let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
		fs::set_permissions(&binary, mode).unwrap();
		NodeConfig { binary, dir: dir.into(), port: 9, block_time_ms: 100, model: None }
	}

	/// The kernel refuses to run a file that another thread's child still holds open for writing.
	fn start(config: &NodeConfig) -> Node {
		loop {
			match Node::start(config) {
				Err(failure) if failure.message.contains("busy") => thread::sleep(Duration::from_millis(10)),
				started => return started.unwrap(),
			}
		}
	}

	#[test]
	fn a_dropped_node_is_stopped_and_forgotten() {
		let dir = tempfile::tempdir().unwrap();
		let node = start(&config(dir.path(), "sleep 60"));
		let record = node.record().clone();
		assert!(record.is_running());
		assert_eq!(NodeRecord::find(dir.path()).unwrap().pid, record.pid);
		drop(node);
		assert!(!record.is_running());
		assert!(NodeRecord::find(dir.path()).is_none());
	}

	#[test]
	fn a_released_node_is_found_and_stopped_later() {
		let dir = tempfile::tempdir().unwrap();
		let mut node = start(&config(dir.path(), "sleep 60"));
		let mut child = node.child.take().unwrap();
		let record = node.release();
		assert!(record.is_running());
		let reaper = thread::spawn(move || child.wait().unwrap());
		NodeRecord::find(dir.path()).unwrap().stop().unwrap();
		reaper.join().unwrap();
		assert!(NodeRecord::find(dir.path()).is_none());
	}

	#[test]
	fn another_process_with_the_same_number_is_left_alone() {
		let own = i32::try_from(std::process::id()).unwrap();
		let dir = tempfile::tempdir().unwrap();
		let record = NodeRecord {
			pid: own,
			port: 9,
			base_path: dir.path().join("chain"),
			log: dir.path().join("log"),
		};
		assert!(!record.is_running());
		record.stop().unwrap();
	}

	#[test]
	fn free_port_passes_over_a_port_in_use() {
		let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
		let port = taken.local_addr().unwrap().port();
		assert!(free_port(port).unwrap() > port);
	}
}
