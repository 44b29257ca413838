//! Arguments of training and submitting.

use super::{MineOpenArgs, SignerArgs, TrainAdapterArgs};
use crate::slot::SlotName;
use blyan_training::Schedule;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Ways to train.
#[derive(Debug, Subcommand)]
pub enum TrainCommand {
	/// Train a whole model from scratch and write its TensorBlocks, holdout and manifest.
	Base(TrainBaseArgs),
	/// Train one expert of a model on disk with the rest frozen.
	Expert(TrainExpertArgs),
	/// Train the adapter of one expert of an open model, and judge it as a chain would.
	///
	/// The same command again goes on with a run that was interrupted.
	Adapter(Box<TrainAdapterArgs>),
}

/// Training: hyperparameters and limits.
#[derive(Clone, Debug, Default, Args)]
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
	/// Learning rate after the warm-up: constant, linear or cosine.
	#[arg(long, value_name = "NAME")]
	pub schedule: Option<Schedule>,
	/// Part of the run over which it rises from zero, from 0 to 1.
	#[arg(long, value_name = "PART")]
	pub warmup: Option<f64>,
	/// Keep a checkpoint here, and resume from it if it exists.
	#[arg(long, value_name = "FILE")]
	pub checkpoint: Option<PathBuf>,
	/// Use only what everything else on this machine leaves of its processors; for machines that also serve.
	#[arg(long)]
	pub background: bool,
	/// Seed of initialisation and order. Absent, an expert gets one of its own, kept beside its checkpoint: experts of one
	/// seed are so alike that one can be taken for a copy of the other.
	#[arg(long)]
	pub seed: Option<u64>,
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
	/// Training: hyperparameters and limits.
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
	/// Training: hyperparameters and limits.
	#[command(flatten)]
	pub training: TrainingArgs,
}

/// `mine`.
#[derive(Debug, Args)]
pub struct MineArgs {
	/// Model to improve.
	#[arg(long, default_value_t = 0)]
	pub model: u32,
	/// Which expert: LAYER.EXPERT. Absent: of those improved least often, the one in the lowest layer that is used most; of an
	/// open model, the one in the highest layer with adapters.
	#[arg(long, value_name = "LAYER.EXPERT")]
	pub slot: Option<SlotName>,
	/// Write the trained TensorBlock here as well; it is always kept below the home directory.
	#[arg(long, value_name = "FILE")]
	pub out: Option<PathBuf>,
	/// Train again, even if an earlier run's block waits to be submitted or uploaded.
	#[arg(long)]
	pub fresh: bool,
	/// Options for an open model.
	#[command(flatten)]
	pub open: MineOpenArgs,
	/// Training: hyperparameters and limits.
	#[command(flatten)]
	pub training: TrainingArgs,
	/// Account that signs and is paid.
	#[command(flatten)]
	pub signer: SignerArgs,
	/// Waiting for the decision.
	#[command(flatten)]
	pub waiting: WaitingArgs,
}

/// Options for waiting for a decision.
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
	/// Account that signs and is paid.
	#[command(flatten)]
	pub signer: SignerArgs,
	/// Waiting for the decision.
	#[command(flatten)]
	pub waiting: WaitingArgs,
}

/// `upload`.
#[derive(Debug, Args)]
pub struct UploadArgs {
	/// The TensorBlock, as it was submitted.
	#[arg(conflicts_with = "submission")]
	pub block: Option<PathBuf>,
	/// The kept block of this submission.
	#[arg(long, value_name = "N")]
	pub submission: Option<u64>,
}

/// `report-copy`.
#[derive(Debug, Args)]
pub struct ReportCopyArgs {
	/// The submission that is a copy.
	pub copy: u64,
	/// The earlier submission that it is a copy of.
	pub original: u64,
	/// File of the copy's block; otherwise the node is asked.
	#[arg(long, value_name = "FILE")]
	pub copy_file: Option<PathBuf>,
	/// File of the original's block; otherwise the node is asked.
	#[arg(long, value_name = "FILE")]
	pub original_file: Option<PathBuf>,
	/// Account that reports.
	#[command(flatten)]
	pub signer: SignerArgs,
}

/// `withdraw`.
#[derive(Debug, Args)]
pub struct WithdrawArgs {
	/// The submission.
	pub submission: u64,
	/// The miner that submitted it.
	#[command(flatten)]
	pub signer: SignerArgs,
}
