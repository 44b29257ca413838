//! The `blyan` command line, run the way a program would: with `--json`.

use crate::binary;
use serde_json::Value;
use std::{
	io::{BufRead, BufReader},
	path::{Path, PathBuf},
	process::{ChildStdout, Stdio},
};

/// The command line of one user: a home directory and a node to talk to.
#[derive(Clone, Debug)]
pub struct Command {
	home: PathBuf,
	url: String,
}

/// A command on its way. Dropping it kills it.
pub struct Running {
	child: std::process::Child,
	/// The reading end of its output: without one, the next line that it prints would end it.
	output: Option<BufReader<ChildStdout>>,
}

impl Drop for Running {
	fn drop(&mut self) {
		drop(self.output.take());
		// It may have ended already, and then there is nothing to do.
		let _ = self.child.kill();
		let _ = self.child.wait();
	}
}

/// Result of a command that ended.
#[derive(Debug)]
pub struct Finished {
	/// Exit status; `None` if a signal ended it.
	pub code: Option<i32>,
	/// The JSON values it printed, in order.
	pub values: Vec<Value>,
	/// Its standard error.
	pub error: String,
}

impl Command {
	/// A user whose keys and settings are kept in `home`.
	pub fn new(home: &Path, url: &str) -> Self {
		Self { home: home.to_path_buf(), url: url.to_string() }
	}

	/// Runs `blyan ARGS --json` to its end. Values on standard output must be JSON.
	///
	/// # Panics
	///
	/// If it cannot be started or prints something that is not JSON.
	pub fn run(&self, args: &[&str]) -> Finished {
		let output = self.process(args).output().expect("the command line can be started");
		let values = String::from_utf8_lossy(&output.stdout)
			.lines()
			.filter(|line| !line.trim().is_empty())
			.map(|line| {
				serde_json::from_str(line)
					.unwrap_or_else(|_| panic!("`blyan {args:?}` printed no JSON: {line}"))
			})
			.collect();
		Finished {
			code: output.status.code(),
			values,
			error: String::from_utf8_lossy(&output.stderr).into_owned(),
		}
	}

	/// Starts `blyan ARGS --json` and lets it run; what it says is lost.
	///
	/// # Panics
	///
	/// If it cannot be started.
	pub fn start(&self, args: &[&str]) -> Running {
		let child = self.process(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
		Running { child: child.expect("the command line can be started"), output: None }
	}

	/// Runs `blyan ARGS --json` until it prints an event of that name, and kills it at that moment as a power failure would.
	/// Returns all that it printed.
	///
	/// # Panics
	///
	/// If it cannot be started, prints something that is not JSON, or ends before.
	pub fn kill_at(&self, event: &str, args: &[&str]) -> Vec<Value> {
		// Dropping it kills it.
		self.start_until(event, args).1
	}

	/// Starts `blyan ARGS --json`, waits until it prints an event of that name, and lets it run. Returns all that it printed.
	///
	/// # Panics
	///
	/// If it cannot be started, prints something that is not JSON, or ends before.
	pub fn start_until(&self, event: &str, args: &[&str]) -> (Running, Vec<Value>) {
		let child = self.process(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
		let mut running = Running { child: child.expect("the command line can be started"), output: None };
		let mut output = BufReader::new(running.child.stdout.take().expect("its output is piped"));
		let mut values = Vec::new();
		loop {
			let mut line = String::new();
			let read = output.read_line(&mut line).expect("a pipe can be read");
			assert!(read > 0, "`blyan {args:?}` ended before {event}: {values:#?}");
			let value: Value = serde_json::from_str(&line)
				.unwrap_or_else(|_| panic!("`blyan {args:?}` printed no JSON: {line}"));
			let is_moment = value["event"] == event;
			values.push(value);
			if is_moment {
				running.output = Some(output);
				return (running, values);
			}
		}
	}

	fn process(&self, args: &[&str]) -> std::process::Command {
		let mut process = std::process::Command::new(binary("blyan"));
		process
			.args(args)
			.args(["--json", "--url", &self.url])
			.arg("--home")
			.arg(&self.home)
			// Keys are encrypted at rest; a test has nobody to ask.
			.env("BLYAN_PASSWORD", "end to end")
			.stdin(Stdio::null());
		process
	}

	/// Runs a command that must succeed and returns what it printed.
	///
	/// # Panics
	///
	/// If it fails.
	pub fn expect(&self, args: &[&str]) -> Vec<Value> {
		let finished = self.run(args);
		assert_eq!(finished.code, Some(0), "`blyan {args:?}` failed: {finished:#?}");
		finished.values
	}

	/// Runs a command that must fail with this exit status, and returns all it said.
	///
	/// # Panics
	///
	/// If it ends in any other way.
	pub fn expect_failure(&self, code: i32, args: &[&str]) -> String {
		let finished = self.run(args);
		assert_eq!(finished.code, Some(code), "`blyan {args:?}` should have been refused: {finished:#?}");
		let mut said = finished.error;
		for value in finished.values {
			said.push_str(&value.to_string());
		}
		said
	}
}

/// Exit status of a command that the chain or the network refused.
pub const REFUSED: i32 = 4;
/// Exit status of a command that found itself on another network.
pub const WRONG_NETWORK: i32 = 5;
