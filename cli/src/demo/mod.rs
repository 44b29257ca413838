//! `demo`: a chain that improves its own model, from one command.

mod miner;
mod node;
mod story;

use crate::{
	args::DemoArgs,
	failure::{Context, Failure, Outcome},
	home::create_private_dir,
	output::Output,
	session::Session,
};
use node::{Node, NodeConfig, NodeRecord};
use serde_json::json;
use std::path::Path;

/// Runs the demo, or stops the node of an earlier one.
pub async fn run(session: &Session, mut args: DemoArgs) -> Outcome<()> {
	let output = &session.output;
	let dir = args.dir.take().unwrap_or_else(|| session.home.path("demo"));
	if args.stop {
		return stop(output, &dir);
	}
	if args.fast {
		args.block_time = args.block_time.min(FAST_BLOCK_TIME_MS);
		args.steps = args.steps.or(Some(FAST_STEPS));
	}
	create_private_dir(&dir)?;
	let dir = dir.canonicalize().context(dir.display())?;
	if let Some(earlier) = NodeRecord::find(&dir) {
		let text = format!("stopping the node of an earlier demo (process {})", earlier.pid);
		output.event("earlier_node_stopped", json!({ "pid": earlier.pid }), text);
		tokio::task::spawn_blocking(move || earlier.stop()).await??;
	}
	let binary = node::find_binary(args.node.as_deref())?;
	let port = node::free_port(args.port)?;
	if port != args.port {
		let text = format!("port {} is in use by another program; taking {port}", args.port);
		output.event("port_in_use", json!({ "wanted": args.port, "taken": port }), text);
	}

	let mut stages = Stages::new(output.clone());
	let prepared = story::prepare(output, &dir, &args, &mut stages).await?;
	let config = NodeConfig {
		binary,
		dir: dir.clone(),
		port,
		block_time_ms: args.block_time,
		model: prepared.model.clone(),
	};
	stages.begin("node");
	let mut node = Node::start(&config)?;
	let client = node.connect(output).await?;
	let record = node.record().clone();
	let fields = json!({ "pid": record.pid, "url": record.url(), "log": record.log });
	output.event(
		"node_started",
		fields,
		format!("node       {} (log {})", record.url(), record.log.display()),
	);

	let told = story::tell(output, &client, &dir, &args, prepared, &mut stages).await;
	drop(client);
	told?;
	stages.finish();

	if args.stop_at_end {
		tokio::task::spawn_blocking(move || drop(node)).await?;
		output.event("node_stopped", json!({ "pid": record.pid }), "the node is stopped");
		return Ok(());
	}
	let record = node.release();
	let apps = format!("https://polkadot.js.org/apps/?rpc=ws://127.0.0.1:{}", record.port);
	let url = if record.port == DEFAULT_PORT { String::new() } else { format!(" --url {}", record.url()) };
	let text = format!(
		"\nThe node runs on in the background (process {}).\n  polkadot.js apps   {apps}\n  \
		talk to the model  blyan chat{url}\n  stop it            blyan demo --stop",
		record.pid
	);
	output.event("node_left_running", json!({ "pid": record.pid, "url": record.url(), "apps": apps }), text);
	Ok(())
}

const DEFAULT_PORT: u16 = 9944;
/// Blocks of `--fast`.
const FAST_BLOCK_TIME_MS: u64 = 300;
/// Training of `--fast`.
const FAST_STEPS: u64 = 40;

fn stop(output: &Output, dir: &Path) -> Outcome<()> {
	let Some(record) = NodeRecord::find(dir) else {
		return Err(Failure::new(format!("no node of a demo in {} is running", dir.display()))
			.next("if it was started with --dir, name the same directory"));
	};
	record.stop()?;
	let text = format!("stopped the demo's node (process {})", record.pid);
	output.event("node_stopped", json!({ "pid": record.pid }), text);
	Ok(())
}

/// The stages of the demo and the time each took.
pub struct Stages {
	output: Output,
	done: Vec<(&'static str, f64)>,
	current: Option<(&'static str, std::time::Instant)>,
}

impl Stages {
	fn new(output: Output) -> Self {
		Self { output, done: Vec::new(), current: None }
	}

	/// Ends the stage before and begins another.
	pub fn begin(&mut self, name: &'static str) {
		self.end();
		self.output.say(format!("\n== {name}"));
		self.current = Some((name, std::time::Instant::now()));
	}

	fn end(&mut self) {
		if let Some((name, since)) = self.current.take() {
			self.done.push((name, since.elapsed().as_secs_f64()));
		}
	}

	fn finish(&mut self) {
		self.end();
		let total: f64 = self.done.iter().map(|(_, seconds)| seconds).sum();
		let parts: Vec<String> =
			self.done.iter().map(|(name, seconds)| format!("{name} {seconds:.1} s")).collect();
		let fields = json!({ "seconds": total, "stages": self.done.iter()
			.map(|(name, seconds)| json!({ "stage": name, "seconds": seconds })).collect::<Vec<_>>() });
		let text = format!("\nall done in {total:.0} s: {}", parts.join(", "));
		self.output.event("finished", fields, text);
	}
}
