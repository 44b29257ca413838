//! Arguments of the commands on models of open checkpoints.

use clap::{Args, Subcommand};
use std::{convert::Infallible, path::PathBuf, str::FromStr};

/// Commands on models of open checkpoints. No node is asked.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
	/// Make an exact integer model of an open checkpoint: a GGUF file, or a directory of safetensors.
	///
	/// One checkpoint has one set of roots, on any machine. The same command again goes on with an import that was
	/// interrupted.
	Import(ModelImportArgs),
	/// Show a model: architecture, roots, sizes, origin and licence.
	Inspect {
		/// Directory of the model.
		dir: PathBuf,
		/// Check every byte against the roots.
		#[arg(long)]
		verify: bool,
	},
}

/// `model import`.
#[derive(Debug, Args)]
pub struct ModelImportArgs {
	/// GGUF file, or directory with config.json and safetensors.
	pub checkpoint: PathBuf,
	/// Directory to write.
	#[arg(long, value_name = "DIR")]
	pub out: PathBuf,
	/// Measure the bits per byte of this text, in integers and in the checkpoint's floats.
	#[arg(long, value_name = "TEXTFILE")]
	pub measure: Option<PathBuf>,
	/// Sequences of 256 tokens to measure, evenly spread over the text.
	#[arg(long, default_value_t = 8, requires = "measure")]
	pub sequences: usize,
}

/// Model to talk to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatModel {
	/// Number of a model on the chain.
	Chain(u32),
	/// Directory of a model on this machine.
	Directory(PathBuf),
}

impl FromStr for ChatModel {
	type Err = Infallible;

	fn from_str(text: &str) -> Result<Self, Infallible> {
		Ok(text.parse().map_or_else(|_| Self::Directory(text.into()), Self::Chain))
	}
}

/// Options of a chat with a model on this machine.
#[derive(Clone, Debug, Default, Args)]
pub struct LocalChatArgs {
	/// Instructions in front of the conversation; needs a directory as --model.
	#[arg(long, value_name = "TEXT")]
	pub system: Option<String>,
	/// End the answer at this text; may be repeated; needs a directory as --model.
	#[arg(long, value_name = "TEXT")]
	pub stop: Vec<String>,
	/// Tokens to generate at most, with a directory as --model; 512 if absent.
	#[arg(long)]
	pub max_tokens: Option<usize>,
	/// Threads, with a directory as --model; all cores if absent.
	#[arg(long)]
	pub threads: Option<usize>,
}

impl LocalChatArgs {
	/// Reports whether an option was given that only a model on this machine takes.
	pub fn is_given(&self) -> bool {
		let Self { system, stop, max_tokens, threads } = self;
		system.is_some() || !stop.is_empty() || max_tokens.is_some() || threads.is_some()
	}
}
