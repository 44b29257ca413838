//! Arguments of training and submitting.

use super::{ChainData, MineOpenArgs, MineRoundsArgs, MixName, SignerArgs, TrainAdapterArgs, TrainingData};
use crate::{
	failure::{Failure, Kind, Outcome},
	slot::SlotName,
};
use blyan_training::Schedule;
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

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
	/// Dataset (JSON lines), or datasets of the chain, each as NUMBER@VERSION=DIR: then a manifest of the run is written, too.
	/// NUMBER@VERSION:TIER=DIR needs no node. Absent: the sources in cargo's registry.
	#[arg(long, num_args = 1.., value_name = "FILE|N@VERSION=DIR")]
	pub dataset: Vec<TrainingData>,
	/// Shares of datasets of the chain.
	#[arg(long, value_enum, default_value_t)]
	pub mix: MixName,
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

impl TrainingArgs {
	/// The file to learn from, for runs that take nothing else.
	pub fn file(&self) -> Outcome<Option<&Path>> {
		match self.dataset.as_slice() {
			[] => Ok(None),
			[TrainingData::File(path)] => Ok(Some(path)),
			[TrainingData::OfChain(_), ..] => {
				Err(Failure::new("this command learns from a file, and writes no manifest of datasets")
					.kind(Kind::Refused)
					.next("train with: blyan train expert --dataset N@V=DIR; then: blyan submit"))
			}
			_ => Err(Failure::new("more than one file is named to learn from")
				.next("join them, or make one dataset of them with: blyan dataset create")),
		}
	}

	/// The datasets of the chain to learn from; none if a file is named, or nothing.
	pub fn of_chain(&self) -> Outcome<Vec<ChainData>> {
		let of_chain = |data: &TrainingData| match data {
			TrainingData::OfChain(data) => Some(data.clone()),
			TrainingData::File(_) => None,
		};
		let datasets: Vec<ChainData> = self.dataset.iter().filter_map(of_chain).collect();
		match datasets.is_empty() || datasets.len() == self.dataset.len() {
			true => Ok(datasets),
			false => Err(Failure::new("a file cannot be mixed with datasets of the chain")
				.next("leave the file out, or offer it: blyan dataset offer")),
		}
	}
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
	/// Options for rounds and for machines that have other work.
	#[command(flatten)]
	pub rounds: MineRoundsArgs,
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
	#[arg(required_unless_present = "state_dict")]
	pub block: Option<PathBuf>,
	/// Model to improve.
	#[arg(long, default_value_t = 0)]
	pub model: u32,
	/// Which expert it replaces: LAYER.EXPERT.
	#[arg(long, value_name = "LAYER.EXPERT", required_unless_present = "state_dict")]
	pub slot: Option<SlotName>,
	/// A whole model in place of one expert: its experts that differ from the heads are submitted one by one. A directory of
	/// `blyan train base` or `blyan model import`; of a model of the first definition also a safetensors file with
	/// layers.L.experts.E.up, gain and down; of an open model also a checkpoint of its architecture.
	#[arg(long, value_name = "PATH", conflicts_with_all = ["block", "slot", "parent", "manifest", "no_upload"])]
	pub state_dict: Option<PathBuf>,
	/// Submit what was found; without it, findings and prices are shown and nothing is sent.
	#[arg(long, requires = "state_dict")]
	pub yes: bool,
	/// Version it was trained from; the current one if absent.
	#[arg(long)]
	pub parent: Option<u32>,
	/// Training manifest, as `blyan train expert` wrote it, or any file; only its hash goes on chain. That of datasets is
	/// declared afterwards with: blyan dataset declare.
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

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn files_and_datasets_of_the_chain_are_not_mixed() {
		let args = |dataset: &[&str]| TrainingArgs {
			dataset: dataset.iter().map(|text| text.parse().unwrap()).collect(),
			..TrainingArgs::default()
		};
		assert_eq!(args(&[]).file().unwrap(), None);
		assert_eq!(args(&["a"]).file().unwrap(), Some(Path::new("a")));
		assert!(args(&["a", "b"]).file().is_err() && args(&["1@0=d"]).file().is_err());
		assert_eq!(args(&["1@0=d", "2@0=e"]).of_chain().unwrap().len(), 2);
		assert!(args(&["1@0=d", "a"]).of_chain().is_err());
		assert_eq!(args(&["a"]).of_chain().unwrap(), []);
	}
}
