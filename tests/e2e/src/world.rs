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
	dir: TempDir,
}

impl World {
	/// A chain with three operators' keys in its node.
	pub async fn new() -> Self {
		Self::with(|config| config).await
	}

	/// The same with a node that is started differently.
	pub async fn with(configure: impl FnOnce(NodeConfig) -> NodeConfig) -> Self {
		let dir = tempfile::tempdir().expect("the temporary directory can be written");
		let node = configure(NodeConfig::new(&dir.path().join("node"))).start();
		let (chain, command) = connect(&node, dir.path()).await;
		Self { node, chain, command, dir }
	}

	/// Ends the node by `end`, starts it again on the same files and connects to it.
	pub async fn restart(self, end: impl FnOnce(Node) -> NodeConfig) -> Self {
		let Self { node, chain, dir, .. } = self;
		drop(chain);
		let node = end(node).start();
		let (chain, command) = connect(&node, dir.path()).await;
		Self { node, chain, command, dir }
	}

	/// A path for a file of this story.
	pub fn path(&self, name: &str) -> PathBuf {
		self.dir.path().join(name)
	}

	/// A dataset made of this project's own sources.
	pub fn dataset(&self) -> String {
		let out = text(&self.path("dataset.jsonl"));
		let sources =
			["ml-engine", "pallets", "primitives", "node"].map(|folder| text(&workspace().join(folder)));
		let mut args = vec!["dataset", "from-files"];
		args.extend(sources.iter().map(String::as_str));
		args.extend(["--licence", "Apache-2.0 OR MIT", "--out", &out]);
		self.command.expect(&args);
		out
	}

	/// Experts that fit the tiny model and know nothing: those of an untrained model of its shape.
	pub fn noise(&self, seed: u64) -> Expert {
		let dir = self.path(&format!("noise{seed}"));
		if !dir.exists() {
			let manifest =
				std::fs::read(tiny_model().join("manifest.json")).expect("the tiny model has a manifest");
			let manifest: Json = serde_json::from_slice(&manifest).expect("manifests are JSON");
			let config = |field: &str| manifest["config"][field].to_string();
			let [d_model, d_ff, layers, heads, experts, top_k, context] =
				["d_model", "d_ff", "layers", "heads", "experts", "top_k", "context"].map(config);
			let (out, dataset, seed) = (text(&dir), self.dataset(), seed.to_string());
			self.command.expect(&[
				"train",
				"base",
				"--steps",
				"0",
				"--name",
				"noise",
				"--out",
				&out,
				"--dataset",
				&dataset,
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
		}
		let manifest = std::fs::read(dir.join("manifest.json")).expect("the model has a manifest");
		let manifest: Json = serde_json::from_slice(&manifest).expect("manifests are JSON");
		let block: BlockRef =
			serde_json::from_value(manifest["heads"][0].clone()).expect("heads are block references");
		Expert { path: dir.join("l0e0.tblk"), block }
	}
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
	let hash = H256(sp_core::blake2_256(bytes));
	BlockRef { tensor_root: hash, blob: BlobRef { hash, size: bytes.len() as u32 } }
}

fn text(path: &Path) -> String {
	path.to_str().expect("temporary paths are UTF-8").to_string()
}

async fn connect(node: &Node, dir: &Path) -> (Chain, Command) {
	(Chain::connect(&node.url()).await, Command::new(&dir.join("home"), &node.url()))
}
