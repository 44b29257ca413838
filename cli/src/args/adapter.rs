//! Arguments of training an adapter of an open model.

use super::model::{positive, positive_float};
use clap::Args;
use std::path::PathBuf;

/// `train adapter`.
#[derive(Debug, Args)]
pub struct TrainAdapterArgs {
	/// Directory of the model.
	#[arg(long, value_name = "DIR")]
	pub model: PathBuf,
	/// Layer of the expert, counted from 0. A step costs least in the last one.
	#[arg(long)]
	pub layer: u8,
	/// Expert of the layer.
	#[arg(long, default_value_t = 0)]
	pub expert: u16,
	/// Rank of the adapter (4 to 64). A dense layer first gets experts of this rank, as by `blyan model upcycle`; experts that
	/// are there must have it.
	#[arg(long)]
	pub rank: Option<u8>,
	/// Experts that a dense layer gets.
	#[arg(long, default_value_t = 8)]
	pub experts: u16,
	/// Experts of a dense layer that a token is routed to.
	#[arg(long, default_value_t = 2)]
	pub top_k: u8,
	/// Texts to learn from, directories of them, or datasets (.jsonl). A tenth is held out and measured, by content. Absent:
	/// the sources in cargo's registry.
	#[arg(long, value_name = "PATH", num_args = 1..)]
	pub data: Vec<PathBuf>,
	/// Other text that must not get worse: files, directories or datasets.
	#[arg(long, value_name = "PATH", num_args = 1..)]
	pub guard: Vec<PathBuf>,
	/// Text that is tokenised to learn from, at most.
	#[arg(long, value_name = "MiB", default_value_t = 8)]
	pub limit: u64,
	/// Stop training after this many minutes, most of them for the exact model; 10 if neither this nor --steps is given.
	#[arg(long, value_name = "MINUTES", value_parser = positive_float)]
	pub minutes: Option<f64>,
	/// Stop training after this many steps.
	#[arg(long)]
	pub steps: Option<u64>,
	/// Tokens a step learns from.
	#[arg(long, default_value_t = 1_024, value_parser = positive)]
	pub batch: usize,
	/// Peak learning rate.
	#[arg(long, value_name = "RATE", value_parser = positive_float)]
	pub learning_rate: Option<f64>,
	/// Tokens that are predicted in a sequence.
	#[arg(long, default_value_t = 256, value_parser = positive)]
	pub positions: usize,
	/// Sequences that parent and candidate are measured on, of what is held out and of the guard each. A chain draws 256.
	#[arg(long, default_value_t = 256, value_parser = positive)]
	pub sequences: usize,
	/// Directory of the model with the adapter; it is written if the rule accepts it.
	#[arg(long, short, value_name = "DIR")]
	pub out: PathBuf,
	/// Directory of the run: cache, checkpoint, and the adapter itself as `expert.tblk`. A run that is in it is resumed. OUT
	/// with `.run` behind it if absent.
	#[arg(long, value_name = "DIR")]
	pub run: Option<PathBuf>,
	/// Seed of initialisation and order. Absent, the run gets one of its own, kept in its directory.
	#[arg(long)]
	pub seed: Option<u64>,
	/// Use only what everything else on this machine leaves of its processors.
	#[arg(long)]
	pub background: bool,
	/// Threads; all cores if absent.
	#[arg(long, value_parser = positive)]
	pub threads: Option<usize>,
}

/// Options of `mine` for a model of the second definition.
#[derive(Debug, Args)]
pub struct MineOpenArgs {
	/// Directory of the open model, where the model on the chain is one: the checkpoint that it came from, imported, and with
	/// experts as it was registered. Experts that the chain accepted since are fetched. --dataset may then be a text or a
	/// directory as well, and --batch counts tokens.
	#[arg(long, value_name = "DIR")]
	pub model_dir: Option<PathBuf>,
	/// Other text that must not get worse: files, directories or datasets.
	#[arg(long, value_name = "PATH", num_args = 1.., requires = "model_dir")]
	pub guard: Vec<PathBuf>,
	/// Text that is tokenised to learn from, at most; 8 if absent.
	#[arg(long, value_name = "MiB", requires = "model_dir")]
	pub limit: Option<u64>,
	/// Submit even what is not better on the text that was held out here. The fee does not come back.
	#[arg(long, requires = "model_dir")]
	pub submit_anyway: bool,
	/// Threads; all cores if absent.
	#[arg(long, value_parser = positive, requires = "model_dir")]
	pub threads: Option<usize>,
}
