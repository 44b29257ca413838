//! Arguments of the commands on TensorBlock files.

use super::{parse_hash, Hash};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Commands on TensorBlock files. No node is asked.
#[derive(Debug, Subcommand)]
pub enum BlockCommand {
	/// Show what a block's header says: shape, sections, roots.
	Inspect {
		/// The TensorBlock.
		file: PathBuf,
	},
	/// Check every byte of a block, and that it is the one with this tensor root.
	Verify {
		/// The TensorBlock.
		file: PathBuf,
		/// The tensor root that it must have, as the chain names it.
		#[arg(long, value_name = "HASH", value_parser = parse_hash)]
		root: Option<Hash>,
	},
	/// Write a block as a safetensors file, for other tools.
	Export {
		/// The TensorBlock.
		file: PathBuf,
		/// File to write.
		#[arg(long, value_name = "FILE")]
		to: PathBuf,
	},
	/// Make a block of a safetensors file; floats are rounded as training does.
	Import(BlockImportArgs),
}

/// `block import`.
#[derive(Debug, Args)]
pub struct BlockImportArgs {
	/// The safetensors file: tensors up [d_ff, d_model], gain [d_ff] and down [d_model, d_ff] for an expert.
	pub file: PathBuf,
	/// TensorBlock to write.
	#[arg(long, value_name = "FILE")]
	pub to: PathBuf,
	/// Directory of the model (its manifest.json) whose expert it has to be.
	#[arg(long, value_name = "DIR")]
	pub model: Option<PathBuf>,
}
