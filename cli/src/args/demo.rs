//! Arguments of the demo.

use crate::slot::SlotName;
use clap::Args;
use std::path::PathBuf;

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
	/// Open checkpoint (GGUF) that the demo is about, instead of the model that is built in; `scripts/demo --open` fetches one.
	#[arg(long, value_name = "FILE", conflicts_with_all = ["fast", "model", "steps", "rounds", "dataset", "slot"])]
	pub checkpoint: Option<PathBuf>,
	/// Question to an open model, before and after.
	#[arg(long, default_value = "What is the capital of France, and what is it known for?")]
	pub question: String,
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
