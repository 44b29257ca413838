//! `demo`: a chain that improves its own model, from one command.

mod miner;
mod node;
mod open_story;
mod story;

use crate::{
	args::DemoArgs,
	client::Client,
	failure::{Context, Failure, Outcome},
	home::{create_private_dir, Home},
	output::Output,
	session::Session,
};
use node::{Node, NodeConfig, NodeRecord};
use serde_json::json;
use std::path::{Path, PathBuf};

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
	let prepared = Prepared::of(session, &dir, &args, &mut stages).await?;
	let config = NodeConfig {
		binary,
		dir: dir.clone(),
		port,
		block_time_ms: args.block_time,
		model: prepared.genesis_model(),
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

	let told = prepared.tell(session, &client, &record, &dir, &args, &mut stages).await;
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

/// Files that a story made before its node started.
enum Prepared {
	/// About the model that is built in.
	Genesis(story::Prepared),
	/// About an open model.
	Open(open_story::Prepared),
}

impl Prepared {
	async fn of(session: &Session, dir: &Path, args: &DemoArgs, stages: &mut Stages) -> Outcome<Self> {
		Ok(match &args.checkpoint {
			Some(checkpoint) => Self::Open(open_story::prepare(session, dir, checkpoint, stages).await?),
			None => Self::Genesis(story::prepare(&session.output, dir, args, stages).await?),
		})
	}

	async fn tell(
		self,
		session: &Session,
		client: &Client,
		node: &NodeRecord,
		dir: &Path,
		args: &DemoArgs,
		stages: &mut Stages,
	) -> Outcome<()> {
		match self {
			Self::Genesis(prepared) => {
				story::tell(&session.output, client, dir, args, prepared, stages).await
			}
			Self::Open(prepared) => {
				// Every demo's chain has the same genesis: what a miner kept of an earlier one is not for this one.
				let session = session.at(node.url(), own_home(dir)?);
				open_story::tell(&session, client, dir, args, prepared, stages).await
			}
		}
	}

	/// Genesis model other than the built-in one.
	fn genesis_model(&self) -> Option<PathBuf> {
		match self {
			Self::Genesis(prepared) => prepared.model.clone(),
			Self::Open(_) => None,
		}
	}
}

/// An empty directory for what a miner keeps.
fn own_home(dir: &Path) -> Outcome<Home> {
	let path = dir.join("home");
	if path.exists() {
		std::fs::remove_dir_all(&path).context(path.display())?;
	}
	create_private_dir(&path)?;
	Home::find(Some(path))
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
