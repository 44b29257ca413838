//! The command line.

use crate::slot::SlotName;
use clap::{Args, Parser, Subcommand};
use std::{ops::Range, path::PathBuf};

/// Trains, submits and uses experts of a model that lives on a chain.
///
/// Start with `blyan demo`: it starts a node and shows the whole loop.
#[derive(Debug, Parser)]
#[command(name = "blyan", version, propagate_version = true)]
pub struct Cli {
	/// Options that every command takes.
	#[command(flatten)]
	pub global: Global,
	/// What to do.
	#[command(subcommand)]
	pub command: Command,
}

/// Options that every command takes.
#[derive(Debug, Args)]
pub struct Global {
	/// Address of the node.
	#[arg(long, global = true, env = "BLYAN_URL", default_value = "ws://127.0.0.1:9944")]
	pub url: String,

	/// Print JSON, one value a line, and no progress bars.
	#[arg(long, global = true)]
	pub json: bool,

	/// Directory of keys and settings; ~/.local/share/blyan if absent.
	#[arg(long, global = true, env = "BLYAN_HOME", value_name = "DIR")]
	pub home: Option<PathBuf>,

	/// Refuse any network whose genesis hash is another.
	#[arg(long, global = true, value_name = "HASH", value_parser = parse_hash)]
	pub genesis: Option<Hash>,

	/// File whose first line is the key's password; else BLYAN_PASSWORD, else a prompt.
	#[arg(long, global = true, value_name = "FILE")]
	pub password_file: Option<PathBuf>,
}

/// A 32-byte hash on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash(pub [u8; 32]);

fn parse_hash(text: &str) -> Result<Hash, String> {
	let mut hash = [0u8; 32];
	hex::decode_to_slice(text.trim_start_matches("0x"), &mut hash)
		.map_err(|_| "a hash is 0x and 64 hexadecimal digits".to_string())?;
	Ok(Hash(hash))
}

fn parse_buckets(text: &str) -> Result<Range<u16>, String> {
	let read = || {
		let (from, to) = text.split_once("..")?;
		let buckets: Range<u16> = from.parse().ok()?..to.parse().ok()?;
		(!buckets.is_empty() && buckets.end <= 256).then_some(buckets)
	};
	read().ok_or_else(|| "buckets are FROM..TO within 0..256, such as 192..256".to_string())
}

/// Who signs.
#[derive(Clone, Debug, Default, Args)]
pub struct SignerArgs {
	/// Name of the key that signs; made when "default" is missing.
	#[arg(long, value_name = "NAME", conflicts_with = "suri")]
	pub key: Option<String>,

	/// Secret that signs, for development: //Alice, a phrase or a 0x seed.
	#[arg(long, value_name = "SECRET")]
	pub suri: Option<String>,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
	/// Keys, encrypted at rest in the format of polkadot.js.
	#[command(subcommand)]
	Keys(KeysCommand),

	/// Make a dataset: JSON lines with text, licence and origin.
	#[command(subcommand)]
	Dataset(DatasetCommand),

	/// Train without submitting.
	#[command(subcommand)]
	Train(TrainCommand),

	/// Train an expert of the network's model, submit it and follow it to the decision.
	Mine(MineArgs),

	/// Submit an expert that is trained already (a .tblk file).
	Submit(SubmitArgs),

	/// List a model's experts.
	Experts(ModelArgs),

	/// Show the models.
	Models,

	/// List submissions, or follow one.
	Submissions(SubmissionsArgs),

	/// List the operators.
	Operators,

	/// Show an account's balance.
	Balance(BalanceArgs),

	/// Send tokens.
	Transfer(TransferArgs),

	/// Generate text with the model on the chain.
	Chat(ChatArgs),

	/// Start a node and watch its chain improve its own model.
	Demo(DemoArgs),

	/// Show the node, its chain and its engine.
	Status,

	/// Networks remembered by the address of their node.
	#[command(subcommand)]
	Network(NetworkCommand),
}

/// Commands on keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
	/// Make a key and show the phrase that restores it.
	New {
		/// Name of the key.
		#[arg(default_value = "default")]
		name: String,
		/// The only network the key may sign for: a genesis hash.
		#[arg(long, value_name = "HASH", value_parser = parse_hash)]
		pin: Option<Hash>,
	},
	/// List the keys.
	List,
	/// Show one key.
	Show {
		/// Name of the key.
		#[arg(default_value = "default")]
		name: String,
	},
	/// Import a key from its phrase (asked for, or --phrase) or from a polkadot.js JSON file.
	Import {
		/// Name of the key.
		name: String,
		/// Phrase, 0x seed or //Name. Visible to others in the process list: leave it out to be asked.
		#[arg(long, value_name = "SECRET", conflicts_with = "json_file")]
		phrase: Option<String>,
		/// Key file exported from polkadot.js.
		#[arg(long, value_name = "FILE")]
		json_file: Option<PathBuf>,
	},
}

/// Ways to make a dataset.
#[derive(Debug, Subcommand)]
pub enum DatasetCommand {
	/// From the sources of the crates in cargo's registry.
	FromCrates {
		/// Registry sources; $CARGO_HOME/registry/src if absent.
		#[arg(long, value_name = "DIR")]
		registry: Option<PathBuf>,
		/// Which crates, by the hash of their name: FROM..TO within 0..256. The genesis model learned from
		/// 0..192 and is measured on the rest.
		#[arg(long, value_name = "FROM..TO", default_value = "192..256", value_parser = parse_buckets)]
		buckets: Range<u16>,
		/// Where and how much.
		#[command(flatten)]
		output: DatasetOutput,
	},
	/// From files and directories of UTF-8 text.
	FromFiles {
		/// Files or directories.
		#[arg(required = true)]
		paths: Vec<PathBuf>,
		/// SPDX expression that they are under.
		#[arg(long, value_name = "SPDX")]
		licence: String,
		/// Where and how much.
		#[command(flatten)]
		output: DatasetOutput,
	},
}

/// Where a dataset goes.
#[derive(Debug, Args)]
pub struct DatasetOutput {
	/// File to write.
	#[arg(long, short, default_value = "dataset.jsonl", value_name = "FILE")]
	pub out: PathBuf,
	/// Stop after this many MiB of text.
	#[arg(long, value_name = "MiB", default_value_t = 64)]
	pub limit: u64,
}

/// Ways to train.
#[derive(Debug, Subcommand)]
pub enum TrainCommand {
	/// Train a whole model from scratch and write its TensorBlocks, holdout and manifest.
	Base(TrainBaseArgs),
	/// Train one expert of a model on disk with the rest frozen.
	Expert(TrainExpertArgs),
}

/// How to train.
#[derive(Clone, Debug, Args)]
pub struct TrainingArgs {
	/// Dataset (JSON lines). Absent: the sources in cargo's registry.
	#[arg(long, value_name = "FILE")]
	pub dataset: Option<PathBuf>,
	/// Stop after this many minutes.
	#[arg(long, value_name = "MINUTES")]
	pub minutes: Option<f64>,
	/// Stop after this many steps.
	#[arg(long)]
	pub steps: Option<u64>,
	/// Sequences a step.
	#[arg(long)]
	pub batch: Option<usize>,
	/// Peak learning rate.
	#[arg(long, value_name = "RATE")]
	pub learning_rate: Option<f64>,
	/// Seed of initialisation and order.
	#[arg(long, default_value_t = 0)]
	pub seed: u64,
}

/// `train base`.
#[derive(Debug, Args)]
pub struct TrainBaseArgs {
	/// Directory to write.
	#[arg(long, short, value_name = "DIR")]
	pub out: PathBuf,
	/// Name of the model.
	#[arg(long, default_value = "genesis")]
	pub name: String,
	/// Width of the residual stream.
	#[arg(long, default_value_t = 128)]
	pub d_model: u16,
	/// Width of an expert's hidden layer.
	#[arg(long, default_value_t = 256)]
	pub d_ff: u16,
	/// Layers.
	#[arg(long, default_value_t = 4)]
	pub layers: u8,
	/// Attention heads.
	#[arg(long, default_value_t = 4)]
	pub heads: u8,
	/// Experts in every layer.
	#[arg(long, default_value_t = 8)]
	pub experts: u16,
	/// Experts a byte is routed to.
	#[arg(long, default_value_t = 2)]
	pub top_k: u8,
	/// Longest sequence in bytes.
	#[arg(long, default_value_t = 128)]
	pub context: u16,
	/// Sequences that candidates will be measured on.
	#[arg(long, default_value_t = 1_024)]
	pub holdout_sequences: usize,
	/// Measure on them every so many steps, and at the end; 0 never.
	#[arg(long, default_value_t = 0)]
	pub evaluate_every: u64,
	/// Keep a checkpoint here, and resume from it if it exists.
	#[arg(long, value_name = "FILE")]
	pub checkpoint: Option<PathBuf>,
	/// How to train.
	#[command(flatten)]
	pub training: TrainingArgs,
}

/// `train expert`.
#[derive(Debug, Args)]
pub struct TrainExpertArgs {
	/// Directory of the model (its manifest.json and blocks).
	#[arg(long, value_name = "DIR")]
	pub model: PathBuf,
	/// Which expert: LAYER.EXPERT.
	#[arg(long, value_name = "LAYER.EXPERT")]
	pub slot: SlotName,
	/// TensorBlock to write.
	#[arg(long, short, value_name = "FILE", default_value = "expert.tblk")]
	pub out: PathBuf,
	/// How to train.
	#[command(flatten)]
	pub training: TrainingArgs,
}

/// `mine`.
#[derive(Debug, Args)]
pub struct MineArgs {
	/// Model to improve.
	#[arg(long, default_value_t = 0)]
	pub model: u32,
	/// Which expert: LAYER.EXPERT. Absent: of those improved least often, the deepest and most used.
	#[arg(long, value_name = "LAYER.EXPERT")]
	pub slot: Option<SlotName>,
	/// Keep the trained TensorBlock here.
	#[arg(long, value_name = "FILE")]
	pub out: Option<PathBuf>,
	/// How to train.
	#[command(flatten)]
	pub training: TrainingArgs,
	/// Who signs and is paid.
	#[command(flatten)]
	pub signer: SignerArgs,
	/// How to wait.
	#[command(flatten)]
	pub waiting: WaitingArgs,
}

/// How long to wait for a decision.
#[derive(Clone, Debug, Args)]
pub struct WaitingArgs {
	/// Return as soon as the submission is on chain and its bytes are uploaded.
	#[arg(long)]
	pub no_wait: bool,
	/// Give up waiting for the decision after this many seconds.
	#[arg(long, value_name = "SECONDS", default_value_t = 900)]
	pub timeout: u64,
}

/// `submit`.
#[derive(Debug, Args)]
pub struct SubmitArgs {
	/// The expert's TensorBlock.
	pub block: PathBuf,
	/// Model to improve.
	#[arg(long, default_value_t = 0)]
	pub model: u32,
	/// Which expert it replaces: LAYER.EXPERT.
	#[arg(long, value_name = "LAYER.EXPERT")]
	pub slot: SlotName,
	/// Version it was trained from; the current one if absent.
	#[arg(long)]
	pub parent: Option<u32>,
	/// Training manifest; only its hash goes on chain.
	#[arg(long, value_name = "FILE")]
	pub manifest: Option<PathBuf>,
	/// Do not upload the bytes.
	#[arg(long)]
	pub no_upload: bool,
	/// Who signs and is paid.
	#[command(flatten)]
	pub signer: SignerArgs,
	/// How to wait.
	#[command(flatten)]
	pub waiting: WaitingArgs,
}

/// A model by number.
#[derive(Debug, Args)]
pub struct ModelArgs {
	/// The model.
	#[arg(long, default_value_t = 0)]
	pub model: u32,
}

/// `submissions`.
#[derive(Debug, Args)]
pub struct SubmissionsArgs {
	/// Show one, with its reports.
	pub id: Option<u64>,
	/// Follow it to its decision.
	#[arg(long, requires = "id")]
	pub follow: bool,
	/// How many of the latest to list.
	#[arg(long, default_value_t = 20)]
	pub count: u32,
}

/// `balance`.
#[derive(Debug, Args)]
pub struct BalanceArgs {
	/// Address, key name or //Name; the default key if absent.
	pub account: Option<String>,
}

/// `transfer`.
#[derive(Debug, Args)]
pub struct TransferArgs {
	/// Address, key name or //Name.
	pub to: String,
	/// How much, in BLY.
	pub amount: String,
	/// Who pays.
	#[command(flatten)]
	pub signer: SignerArgs,
}

/// `chat`.
#[derive(Clone, Debug, Args)]
pub struct ChatArgs {
	/// Model to ask.
	#[arg(long, default_value_t = 0)]
	pub model: u32,
	/// Text to continue; absent: a conversation at the terminal.
	#[arg(long, short)]
	pub prompt: Option<String>,
	/// Bytes to generate at most.
	#[arg(long, default_value_t = 200)]
	pub max_bytes: u32,
	/// Randomness; 0 takes the most likely byte every time.
	#[arg(long, default_value_t = 0.7)]
	pub temperature: f32,
	/// Share of the probability mass to choose from, 0 to 1.
	#[arg(long, default_value_t = 0.9)]
	pub top_p: f32,
	/// Seed: equal seeds give equal text.
	#[arg(long)]
	pub seed: Option<u64>,
}

/// `demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
	/// Stop the node that an earlier demo left running, and do nothing else.
	#[arg(long)]
	pub stop: bool,
	/// Stop the node at the end instead of leaving it running.
	#[arg(long)]
	pub stop_at_end: bool,
	/// The node's binary; beside this one if absent.
	#[arg(long, value_name = "PATH")]
	pub node: Option<PathBuf>,
	/// Directory of the demo: chain, log, dataset, plot. Below --home if absent.
	#[arg(long, value_name = "DIR")]
	pub dir: Option<PathBuf>,
	/// Port of the node; the next free one is taken when it is in use.
	#[arg(long, default_value_t = 9944)]
	pub port: u16,
	/// Minutes of training.
	#[arg(long, default_value_t = 3.0)]
	pub minutes: f64,
	/// Steps of training, instead of minutes.
	#[arg(long)]
	pub steps: Option<u64>,
	/// Experts to train, one after another.
	#[arg(long, default_value_t = 1)]
	pub rounds: u32,
	/// Milliseconds between blocks.
	#[arg(long, default_value_t = 3_000)]
	pub block_time: u64,
	/// Directory of another genesis model.
	#[arg(long, value_name = "DIR")]
	pub model: Option<PathBuf>,
	/// Dataset (JSON lines) instead of crate sources.
	#[arg(long, value_name = "FILE")]
	pub dataset: Option<PathBuf>,
	/// Which expert to train: LAYER.EXPERT.
	#[arg(long, value_name = "LAYER.EXPERT")]
	pub slot: Option<SlotName>,
	/// Text to continue before and after.
	#[arg(long, default_value = "pub fn new(")]
	pub prompt: String,
	/// A tiny model, fast blocks and a few steps, for tests.
	#[arg(long)]
	pub fast: bool,
}

/// Commands on remembered networks.
#[derive(Debug, Subcommand)]
pub enum NetworkCommand {
	/// Show the node's network and what is remembered.
	Show,
	/// Remember the node's network: from then on this address must answer with it.
	Pin,
	/// Forget what is remembered for this address.
	Forget,
}

#[cfg(test)]
mod tests {
	use super::*;
	use clap::CommandFactory;

	fn parse(line: &str) -> Result<Cli, clap::Error> {
		Cli::try_parse_from(std::iter::once("blyan").chain(line.split_whitespace()))
	}

	#[test]
	fn the_definition_is_consistent() {
		Cli::command().debug_assert();
	}

	#[test]
	fn global_options_may_follow_the_command() {
		let cli = parse("transfer //Bob 1.5 --suri //Alice --url ws://x:1 --json").unwrap();
		assert_eq!(cli.global.url, "ws://x:1");
		assert!(cli.global.json);
		let Command::Transfer(args) = cli.command else { panic!("another command") };
		assert_eq!(args.signer.suri.as_deref(), Some("//Alice"));
	}

	#[test]
	fn contradictions_and_nonsense_are_refused() {
		for line in [
			"transfer //Bob 1 --suri //Alice --key default",
			"submissions --follow",
			"mine --slot three",
			"balance --genesis 0x12",
			"dataset from-files",
			"dataset from-crates --buckets 5",
			"dataset from-crates --buckets 9..9",
			"dataset from-crates --buckets 0..257",
			"keys import a --phrase x --json-file y",
			"",
		] {
			assert!(parse(line).is_err(), "{line}");
		}
	}

	#[test]
	fn slots_are_read_in_both_notations() {
		let Command::Mine(args) = parse("mine --slot layer3.expert5 --minutes 0.5").unwrap().command else {
			panic!("another command")
		};
		assert_eq!(args.slot, Some(SlotName { layer: 3, expert: 5 }));
		assert_eq!(args.training.minutes, Some(0.5));
	}
}
