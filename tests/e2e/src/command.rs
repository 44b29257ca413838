//! The `blyan` command line, run the way a program would: with `--json`.

use crate::binary;
use serde_json::Value;
use std::{
	path::{Path, PathBuf},
	process::Stdio,
};

/// The command line of one user: a home directory and a node to talk to.
#[derive(Clone, Debug)]
pub struct Command {
	home: PathBuf,
	url: String,
}

/// A command on its way. Dropping it kills it.
pub struct Running(std::process::Child);

impl Drop for Running {
	fn drop(&mut self) {
		// It may have ended already, and then there is nothing to do.
		let _ = self.0.kill();
		let _ = self.0.wait();
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
		Running(child.expect("the command line can be started"))
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
