//! A node, a user and their files, made in one breath.

use crate::{binary, tiny_model, workspace, Chain, Command, Node, NodeConfig};
use blyan_exact::merkle;
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
		Self::with_model(files, model, configure).await
	}

	/// A chain whose model is as large as a model with one expert a layer can be, and knows nothing.
	pub async fn with_a_large_model(configure: impl FnOnce(NodeConfig) -> NodeConfig) -> Self {
		let files = Files::new();
		let model = files.large_model("large");
		Self::with_model(files, model, configure).await
	}

	async fn with_model(
		files: Files,
		model: PathBuf,
		configure: impl FnOnce(NodeConfig) -> NodeConfig,
	) -> Self {
		Self::start(files, |mut config| {
			config.model = Some(model);
			configure(config)
		})
		.await
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

impl Default for Files {
	fn default() -> Self {
		Self::new()
	}
}

impl Files {
	/// An empty directory.
	///
	/// # Panics
	///
	/// If the temporary directory cannot be written.
	pub fn new() -> Self {
		Self(tempfile::tempdir().expect("the temporary directory can be written"))
	}

	/// A path for a file of this story.
	pub fn path(&self, name: &str) -> PathBuf {
		self.0.path().join(name)
	}

	/// The command line of this story's user, talking to the node at `url`.
	pub fn command(&self, url: &str) -> Command {
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
		let tiny = manifest(&tiny_model());
		let shape = SHAPE.map(|field| tiny["config"][field].to_string());
		self.train(name, steps, seed, shape)
	}

	/// An untrained model whose trunk and experts have some mebibytes each in all.
	pub fn large_model(&self, name: &str) -> PathBuf {
		let shape = ["512", "2048", "16", "8", "1", "1", "128"].map(String::from);
		self.train(name, 0, 1, shape)
	}

	/// The tiny model with a holdout of so many bytes that no text is in.
	pub fn model_with_holdout(&self, bytes: usize) -> PathBuf {
		let (dir, tiny) = (self.path("holdout"), tiny_model());
		std::fs::create_dir_all(&dir).expect("the story's directory can be written");
		for file in std::fs::read_dir(&tiny).expect("the tiny model is there").flatten() {
			std::fs::copy(file.path(), dir.join(file.file_name()))
				.expect("the story's directory can be written");
		}
		// Bytes that do not compress, and always the same.
		let mut state = 1_u64;
		let words = std::iter::repeat_with(|| {
			state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
			state.rotate_right(29).to_le_bytes()
		});
		let holdout: Vec<u8> = words.take(bytes / 8).flatten().collect();
		let mut manifest = manifest(&tiny);
		let sequence_len =
			manifest["holdout"]["sequence_len"].as_u64().expect("a holdout has a length") as usize;
		let hash = H256(sp_crypto_hashing::blake2_256(&holdout));
		let old = manifest["holdout"]["blob"]["hash"].as_str().expect("a holdout has a blob").to_string();
		let files = manifest["files"].as_object_mut().expect("a manifest names its files");
		let name = files.remove(&old).expect("the holdout has a file");
		std::fs::write(dir.join(name.as_str().expect("files have names")), &holdout)
			.expect("the story's directory can be written");
		files.insert(format!("{hash:?}"), name);
		manifest["holdout"] = serde_json::json!({
			"blob": { "hash": hash, "size": holdout.len() },
			"root": H256(merkle::root_of(holdout.chunks(sequence_len))),
			"sequence_len": sequence_len,
			"sequences": holdout.len() / sequence_len,
		});
		std::fs::write(dir.join("manifest.json"), manifest.to_string())
			.expect("the story's directory can be written");
		dir
	}

	/// A chain specification of the model in a folder: what a node needs to follow the chain without its bytes.
	pub fn spec(&self, model: &Path) -> PathBuf {
		let spec = self.path("spec.json");
		let exported = std::process::Command::new(binary("blyan-node"))
			.args(["export-chain-spec", "--chain", "dev", "--raw", "--genesis-model"])
			.arg(model)
			.arg("--output")
			.arg(&spec)
			.status();
		assert!(exported.is_ok_and(|status| status.success()), "the chain's specification can be exported");
		spec
	}

	fn train(&self, name: &str, steps: u32, seed: u64, shape: [String; 7]) -> PathBuf {
		let dir = self.path(name);
		let [d_model, d_ff, layers, heads, experts, top_k, context] = shape;
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

/// A model's shape, in the order in which stories state it.
const SHAPE: [&str; 7] = ["d_model", "d_ff", "layers", "heads", "experts", "top_k", "context"];

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
	/// The chain's reference to it.
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
