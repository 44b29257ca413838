//! A node, a user and their files, made in one breath.

use crate::{tiny_model, workspace, Chain, Command, Node, NodeConfig};
use blyan_primitives::{BlobRef, BlockRef};
use serde_json::Value as Json;
use sp_core::H256;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The slot that the stories are about.
pub const SLOT: &str = "0.0";

/// Everything a story needs. Dropping it ends the node and deletes the files.
pub struct World {
	/// The running node.
	pub node: Node,
	/// A client of the chain.
	pub chain: Chain,
	/// The command line of a miner.
	pub command: Command,
	/// The story's directory.
	pub files: Files,
}

impl World {
	/// A chain with three operators' keys in its node.
	pub async fn new() -> Self {
		Self::with(|config| config).await
	}

	/// The same with a node that is started differently.
	pub async fn with(configure: impl FnOnce(NodeConfig) -> NodeConfig) -> Self {
		Self::start(Files::new(), configure).await
	}

	/// A chain whose model has seen its text only briefly, so that there is much left to learn.
	pub async fn with_a_beginner() -> Self {
		Self::with_a_beginner_and(|config| config).await
	}

	/// The same with a node that is started differently.
	pub async fn with_a_beginner_and(configure: impl FnOnce(NodeConfig) -> NodeConfig) -> Self {
		let files = Files::new();
		let model = files.model("beginner", 40, 3);
		Self::start(files, |config| configure(config.model(&model))).await
	}

	async fn start(files: Files, configure: impl FnOnce(NodeConfig) -> NodeConfig) -> Self {
		let node = configure(NodeConfig::new(&files.path("node"))).start();
		Self { chain: Chain::connect(&node.url()).await, command: files.command(&node.url()), node, files }
	}

	/// Ends the node by `end`, starts it again on the same files and connects to it.
	pub async fn restart(self, end: impl FnOnce(Node) -> NodeConfig) -> Self {
		let Self { node, chain, files, .. } = self;
		drop(chain);
		let node = end(node).start();
		Self { chain: Chain::connect(&node.url()).await, command: files.command(&node.url()), node, files }
	}
}

/// The directory of one story, and what is made in it without a node.
pub struct Files(TempDir);

impl Files {
	fn new() -> Self {
		Self(tempfile::tempdir().expect("the temporary directory can be written"))
	}

	/// A path for a file of this story.
	pub fn path(&self, name: &str) -> PathBuf {
		self.0.path().join(name)
	}

	fn command(&self, url: &str) -> Command {
		Command::new(&self.path("home"), url)
	}

	/// A dataset made of this project's own sources.
	pub fn dataset(&self) -> String {
		let out = self.path("dataset.jsonl");
		if !out.exists() {
			let sources = ["ml-engine", "pallets", "primitives", "node"];
			let sources = sources.map(|folder| text(&workspace().join(folder)));
			let mut args = vec!["dataset", "from-files"];
			args.extend(sources.iter().map(String::as_str));
			let out = text(&out);
			args.extend(["--licence", "Apache-2.0 OR MIT", "--out", &out]);
			self.command(NO_NODE).expect(&args);
		}
		text(&out)
	}

	/// A model of the tiny one's shape after so many steps of training on the dataset.
	pub fn model(&self, name: &str, steps: u32, seed: u64) -> PathBuf {
		let dir = self.path(name);
		let tiny = manifest(&tiny_model());
		let config = |field: &str| tiny["config"][field].to_string();
		let [d_model, d_ff, layers, heads, experts, top_k, context] =
			["d_model", "d_ff", "layers", "heads", "experts", "top_k", "context"].map(config);
		let (out, dataset, steps, seed) = (text(&dir), self.dataset(), steps.to_string(), seed.to_string());
		self.command(NO_NODE).expect(&[
			"train",
			"base",
			"--name",
			name,
			"--out",
			&out,
			"--dataset",
			&dataset,
			"--steps",
			&steps,
			"--seed",
			&seed,
			"--d-model",
			&d_model,
			"--d-ff",
			&d_ff,
			"--layers",
			&layers,
			"--heads",
			&heads,
			"--experts",
			&experts,
			"--top-k",
			&top_k,
			"--context",
			&context,
		]);
		dir
	}

	/// An expert that fits the tiny model and knows nothing: one of an untrained model of its shape.
	pub fn noise(&self, seed: u64) -> Expert {
		let dir = self.model(&format!("noise{seed}"), 0, seed);
		let block =
			serde_json::from_value(manifest(&dir)["heads"][0].clone()).expect("heads are block references");
		Expert { path: dir.join("l0e0.tblk"), block }
	}
}

/// Where no node is: for commands that need none.
const NO_NODE: &str = "ws://127.0.0.1:1";

fn manifest(model: &Path) -> Json {
	let bytes = std::fs::read(model.join("manifest.json")).expect("a model has a manifest");
	serde_json::from_slice(&bytes).expect("manifests are JSON")
}

/// An expert on disk.
#[derive(Clone, Debug)]
pub struct Expert {
	/// Its TensorBlock.
	pub path: PathBuf,
	/// How the chain names it.
	pub block: BlockRef,
}

impl Expert {
	/// The file's bytes.
	pub fn bytes(&self) -> Vec<u8> {
		std::fs::read(&self.path).expect("the expert was written")
	}

	/// The path as an argument.
	pub fn arg(&self) -> String {
		text(&self.path)
	}
}

/// Bytes that are no expert, under a name the chain cannot tell from an expert's.
pub fn no_expert(bytes: &[u8]) -> BlockRef {
	let hash = H256(sp_crypto_hashing::blake2_256(bytes));
	BlockRef { tensor_root: hash, blob: BlobRef { hash, size: bytes.len() as u32 } }
}

fn text(path: &Path) -> String {
	path.to_str().expect("temporary paths are UTF-8").to_string()
}
