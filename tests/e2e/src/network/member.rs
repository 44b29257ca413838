//! One process of a network: how it is started, how it ends, and what it says.

use super::place::Place;
use crate::process;
use serde_json::Value as Json;
use std::{
	fs::File,
	path::{Path, PathBuf},
	process::{Child, Stdio},
	sync::Mutex,
	time::Duration,
};
use subxt::rpcs::{
	client::{RpcClient, RpcParams},
	rpc_params,
};

/// Time within which a member must answer a question before it counts as silent.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Role of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
	/// Validates the relay chain, and with it the parachain.
	Validator,
	/// Authors the parachain's blocks.
	Collator,
	/// Follows the parachain and evaluates for it.
	Operator,
}

/// Progress of a chain, as one node sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
	/// Number of the best block.
	pub best: u64,
	/// Number of the last finalised block.
	pub finalised: u64,
}

/// One process of a network, running or not. Dropping it kills the process.
#[derive(Debug)]
pub struct Member {
	name: String,
	role: Role,
	place: Place,
	program: PathBuf,
	args: Vec<String>,
	env: Mutex<Vec<(String, String)>>,
	dir: PathBuf,
	child: Mutex<Option<Child>>,
}

impl Member {
	/// A member that is not started yet.
	///
	/// - `name`: unique in its network; also the name of its folder below `dir`.
	/// - `args`: what the program is started with, besides the base path.
	pub(super) fn new(
		name: &str,
		role: Role,
		place: Place,
		program: PathBuf,
		dir: &Path,
		args: Vec<String>,
	) -> Self {
		Self {
			name: name.to_string(),
			role,
			place,
			program,
			args,
			env: Mutex::default(),
			dir: dir.join(name),
			child: Mutex::default(),
		}
	}

	/// Its name, as in `collator-1`.
	pub fn name(&self) -> &str {
		&self.name
	}

	/// Returns its role.
	pub fn role(&self) -> Role {
		self.role
	}

	/// Where it runs.
	pub fn place(&self) -> &Place {
		&self.place
	}

	/// The folder it keeps everything in.
	pub fn dir(&self) -> &Path {
		&self.dir
	}

	/// Where clients connect.
	pub fn url(&self) -> String {
		format!("ws://{}:{}", self.place.address, self.place.ports.rpc)
	}

	/// Replaces what is added to its environment at the next start.
	pub fn set_env(&self, env: &[(&str, &str)]) {
		*lock(&self.env) = env.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
	}

	/// Starts it. Returns at once; nothing waits until it answers.
	///
	/// # Panics
	///
	/// If it runs already or cannot be started.
	pub fn start(&self) {
		let mut child = lock(&self.child);
		assert!(child.is_none(), "{} runs already", self.name);
		std::fs::create_dir_all(&self.dir).expect("the test's directory can be written");
		let log =
			File::options().create(true).append(true).open(self.log_path()).expect("the log can be written");
		let started = self
			.place
			.command(&self.program)
			.args(&self.args)
			.envs(lock(&self.env).iter().map(|(name, value)| (name, value)))
			.stdin(Stdio::null())
			.stdout(log.try_clone().expect("a file handle can be duplicated"))
			.stderr(log)
			.spawn();
		*child = Some(started.unwrap_or_else(|error| panic!("{} cannot be started: {error}", self.name)));
	}

	/// Its process; `None` if it does not run.
	pub fn process_id(&self) -> Option<u32> {
		lock(&self.child).as_ref().map(Child::id)
	}

	/// Ends it the hard way, as a power failure would.
	///
	/// # Panics
	///
	/// If it does not run.
	pub fn kill(&self) {
		let mut child = lock(&self.child).take().unwrap_or_else(|| panic!("{} does not run", self.name));
		child.kill().expect("the member is ours to kill");
		child.wait().expect("a killed process can be waited for");
	}

	/// Asks it to end and waits for that.
	///
	/// # Panics
	///
	/// If it does not run, does not end in time, or ends with an error.
	pub fn stop(&self) {
		let mut child = lock(&self.child).take().unwrap_or_else(|| panic!("{} does not run", self.name));
		process::terminate(&mut child)
			.unwrap_or_else(|error| panic!("{} {error}:\n{}", self.name, self.log_end()));
	}

	/// Returns its exit status, if it was started and ended by itself.
	pub fn ended(&self) -> Option<std::process::ExitStatus> {
		let mut child = lock(&self.child);
		let status = child.as_mut()?.try_wait().expect("the member is our child")?;
		*child = None;
		Some(status)
	}

	/// Calls a JSON-RPC method; the error is the message of the side that refused.
	pub async fn request(&self, method: &str, params: RpcParams) -> Result<Json, String> {
		let ask = async {
			let client = RpcClient::from_insecure_url(self.url()).await.map_err(|error| error.to_string())?;
			client.request(method, params).await.map_err(|error| error.to_string())
		};
		let answer = tokio::time::timeout(ANSWER_TIMEOUT, ask).await;
		answer.unwrap_or_else(|_| Err(format!("{} is silent", self.name)))
	}

	/// Returns the progress of its chain: the relay chain of a validator, the parachain of all others.
	pub async fn progress(&self) -> Result<Progress, String> {
		let header = |hash: Option<Json>| async move {
			let params = hash.map_or_else(RpcParams::new, |hash| rpc_params![hash]);
			let header = self.request("chain_getHeader", params).await?;
			let number = header["number"].as_str().ok_or("a header has a number")?;
			u64::from_str_radix(number.trim_start_matches("0x"), 16).map_err(|error| error.to_string())
		};
		let finalised = self.request("chain_getFinalizedHead", RpcParams::new()).await?;
		Ok(Progress { best: header(None).await?, finalised: header(Some(finalised)).await? })
	}

	/// Hash of its block of that number; `None` if it has none.
	pub async fn block_hash(&self, number: u64) -> Result<Option<String>, String> {
		let hash = self.request("chain_getBlockHash", rpc_params![number as u32]).await?;
		Ok(hash.as_str().map(String::from))
	}

	/// All it logged so far, over all restarts.
	pub fn log(&self) -> String {
		let bytes = std::fs::read(self.log_path()).unwrap_or_default();
		String::from_utf8_lossy(&bytes).into_owned()
	}

	/// The last lines of its log.
	pub fn log_end(&self) -> String {
		process::last_lines(&self.log(), 40)
	}

	/// The lines of its log that tell of a panic.
	///
	/// Without those of a runtime that was handed bytes which are no transaction: that is how every runtime refuses them, in
	/// its sandbox, and it says so on the next line.
	pub fn panics(&self) -> Vec<String> {
		panics(&self.log())
	}

	fn log_path(&self) -> PathBuf {
		self.dir.join("node.log")
	}
}

impl Drop for Member {
	fn drop(&mut self) {
		if let Some(mut child) = lock(&self.child).take() {
			// It may have ended already, and then there is nothing to do.
			let _ = child.kill();
			let _ = child.wait();
		}
		if std::thread::panicking() {
			eprintln!("--- end of the log of {} ---\n{}", self.name, self.log_end());
		}
	}
}

fn panics(log: &str) -> Vec<String> {
	/// Error of the runtime's interface when it cannot decode a transaction.
	const REFUSAL: &str = "Bad input data provided to validate_transaction";
	let mut lines = log.lines().peekable();
	let mut panics = Vec::new();
	while let Some(line) = lines.next() {
		let is_panic = line.contains("panicked at") || line.contains("a job panicked");
		if is_panic && !lines.peek().is_some_and(|next| next.starts_with(REFUSAL)) {
			panics.push(line.to_string());
		}
	}
	panics
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
	mutex.lock().expect("nothing panics while it holds this lock")
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn panics_are_told_from_refused_transactions() {
		let log = "1 panicked at runtime/src/apis.rs:36:1:\n\
			Bad input data provided to validate_transaction: Codec error. Nothing bad happened\n\
			2 Thread 'aura' panicked at 'no', src/lib.rs:1\n\
			3 a job panicked on thread blyan-1: no\n\
			4 panicked at runtime/src/lib.rs:1:1:";
		let numbers: Vec<_> = panics(log).iter().map(|line| line[..1].to_string()).collect();
		assert_eq!(numbers, ["2", "3", "4"]);
	}
}
