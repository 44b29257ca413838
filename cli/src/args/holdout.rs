//! Arguments of sealed holdouts.

use super::SignerArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Sealed test sequences.
#[derive(Debug, Subcommand)]
pub enum HoldoutCommand {
	/// Keep sealed chunks of texts: commit to them, and open each when the chain appoints it. Runs until it is stopped.
	///
	/// Texts must not be published anywhere. The same command again goes on where an earlier run ended.
	Keep(HoldoutKeepArgs),
	/// List the keepers, and the rules of a model.
	List {
		/// Number of the model.
		#[arg(long, default_value_t = 0)]
		model: u32,
	},
	/// Show which submissions wait for a chunk, and whose turn it is.
	Status,
}

/// `holdout keep`.
#[derive(Debug, Args)]
pub struct HoldoutKeepArgs {
	/// Files, directories or datasets (.jsonl) of texts that are on no other machine.
	#[arg(required = true)]
	pub paths: Vec<PathBuf>,
	/// Number of the model.
	#[arg(long, default_value_t = 0)]
	pub model: u32,
	/// Directory of the model, for its tokenizer: for models whose sequences are token ids.
	#[arg(long, value_name = "DIR")]
	pub model_dir: Option<PathBuf>,
	/// Chunks to have sealed at any time.
	#[arg(long, default_value_t = 8)]
	pub chunks: u32,
	/// Bond, in BLY; the least that the chain asks for if absent. The chance of an appointment is in proportion to it.
	#[arg(long, value_name = "AMOUNT")]
	pub bond: Option<String>,
	/// The keeper.
	#[command(flatten)]
	pub signer: SignerArgs,
}
