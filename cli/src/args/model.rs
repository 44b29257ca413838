//! Arguments of the commands on models of open checkpoints.

use super::{
	losses::{parse_share, parse_slot, LossArgs},
	SignerArgs,
};
use blyan_open_model::grow::Slot;
use clap::{Args, Subcommand, ValueEnum};
use std::{convert::Infallible, ops::Range, path::PathBuf, str::FromStr};

/// Commands on models of open checkpoints. Only `register` and `show` ask a node.
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
	/// Measure the bits per byte of texts.
	Measure(ModelMeasureArgs),
	/// Say what a model takes, before it is there: bytes, memory, speed, disputes, evaluations.
	///
	/// Computed from its architecture and from the rates of this machine, which are measured, or of another one by its data
	/// sheet.
	Needs(ModelNeedsArgs),
	/// Make a model with experts of a dense one, which computes the same to the bit until an expert is trained.
	///
	/// The same model and settings have the same roots, on any machine. The same command again goes on with one that was
	/// interrupted.
	Upcycle(ModelUpcycleArgs),
	/// Make a model deeper, wider or longer, or give it more experts or fewer, without losing what it knows.
	///
	/// Says beforehand what the operations keep, and compares both models on random prompts to the bit. Exit code 4: they differ, and
	/// --loss-max names no bound that they keep.
	/// The same model and settings have the same roots, on any machine.
	Grow(Box<ModelGrowArgs>),
	/// Compare the exact losses of two models on holdouts. Exit code 4: the loss on one of them rises by more than --loss-max.
	Losses(ModelLossesArgs),
	/// Show how often each expert is used on holdouts, the least used one first: candidates to retire.
	Usage(ModelUsageArgs),
	/// Put a trained expert into a model.
	Apply(ModelApplyArgs),
	/// Write a holdout: sequences of a model's tokens on which experts are measured.
	Holdout(ModelHoldoutArgs),
	/// Register a model on the chain, and hand its bytes to the node.
	///
	/// On a development chain the signer is its sudo key. Elsewhere --calls prints what has to be decided.
	Register(ModelRegisterArgs),
	/// Hand the bytes of a registered model to the node. What it has already is not sent again.
	Upload {
		/// Directory of the model.
		dir: PathBuf,
		/// Its holdouts.
		#[arg(long, value_name = "FILE")]
		holdout: Vec<PathBuf>,
	},
	/// Show a model of the chain, of either definition.
	Show {
		/// Number of the model.
		model: u32,
	},
}

/// `model holdout`.
#[derive(Debug, Args)]
pub struct ModelHoldoutArgs {
	/// Directory of the model.
	pub dir: PathBuf,
	/// Texts in UTF-8.
	#[arg(required = true, value_name = "FILE")]
	pub texts: Vec<PathBuf>,
	/// File to write.
	#[arg(long, value_name = "FILE")]
	pub out: PathBuf,
	/// Tokens that are predicted in a sequence.
	#[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65_534))]
	pub positions: u32,
}

/// `model register`.
#[derive(Debug, Args)]
pub struct ModelRegisterArgs {
	/// Directory of the model.
	pub dir: PathBuf,
	/// Name on the chain; the checkpoint's name if absent.
	#[arg(long)]
	pub name: Option<String>,
	/// Holdout on which experts are measured: `blyan model holdout` writes one.
	#[arg(long, value_name = "FILE")]
	pub holdout: Option<PathBuf>,
	/// Holdout on which an expert must not be worse.
	#[arg(long, value_name = "FILE", requires = "holdout")]
	pub guard: Option<PathBuf>,
	/// Account that the first experts belong to; none if absent.
	#[arg(long, value_name = "ACCOUNT")]
	pub owner: Option<String>,
	/// Register a second model of the same architecture and parts. Without this the same command goes on with one that an
	/// earlier run registered.
	#[arg(long)]
	pub again: bool,
	/// Print the calls and send nothing.
	#[arg(long)]
	pub calls: bool,
	/// Do not hand the bytes to the node.
	#[arg(long)]
	pub no_upload: bool,
	/// Signer.
	#[command(flatten)]
	pub signer: SignerArgs,
}

/// `model measure`.
#[derive(Debug, Args)]
pub struct ModelMeasureArgs {
	/// Directory of the model.
	pub dir: PathBuf,
	/// Texts in UTF-8.
	#[arg(required = true, value_name = "FILE")]
	pub texts: Vec<PathBuf>,
	/// Sequences of each text, evenly spread over it.
	#[arg(long, default_value_t = 8, value_parser = positive)]
	pub sequences: usize,
	/// Tokens that are predicted in a sequence.
	#[arg(long, default_value_t = 256, value_parser = positive)]
	pub positions: usize,
	/// Threads; all cores if absent.
	#[arg(long, value_parser = positive)]
	pub threads: Option<usize>,
}

/// `model needs`.
#[derive(Debug, Args)]
pub struct ModelNeedsArgs {
	/// Directory of a model, a checkpoint, or a config.json alone.
	#[arg(required_unless_present = "like", value_name = "DIR|FILE|CONFIG.json")]
	pub path: Option<PathBuf>,
	/// Well-known model: smollm2-135m, smollm2-1.7b, bitnet-2b, llama-2-7b or olmoe-1b-7b.
	#[arg(long, value_name = "NAME", conflicts_with = "path")]
	pub like: Option<String>,
	/// Weights of a model that is not there; absent: ternary for BitNet, 4 bits for all others.
	#[arg(long, value_enum)]
	pub weights: Option<WeightsArg>,
	/// Length of a prompt, and positions that generated tokens see.
	#[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
	pub positions: u32,
	/// Threads of this machine; all cores if absent.
	#[arg(long, value_parser = positive, conflicts_with_all = ["bandwidth", "multiplies"])]
	pub threads: Option<usize>,
	/// Bytes that another machine reads from memory, by its data sheet, in GB a second.
	#[arg(long, value_name = "GB/S", requires = "multiplies", value_parser = positive_float)]
	pub bandwidth: Option<f64>,
	/// 8-bit multiply-adds of that machine, in 10^12 a second: half of what data sheets call TOPS.
	#[arg(long, value_name = "TERA/S", requires = "bandwidth", value_parser = positive_float)]
	pub multiplies: Option<f64>,
}

/// Storage of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WeightsArg {
	/// 4 bits in groups of 32; embedding, head and router have 8.
	Int4,
	/// 8 bits.
	Int8,
	/// Ternary; embedding and head have 8 bits.
	Ternary,
}

pub(super) fn positive(text: &str) -> Result<usize, String> {
	match text.parse() {
		Ok(0) | Err(_) => Err("a whole number from 1 on".into()),
		Ok(number) => Ok(number),
	}
}

pub(super) fn positive_float(text: &str) -> Result<f64, String> {
	match text.parse::<f64>() {
		Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
		_ => Err("a number above zero".into()),
	}
}

/// `model upcycle`.
#[derive(Debug, Args)]
pub struct ModelUpcycleArgs {
	/// Directory of the model.
	pub dir: PathBuf,
	/// Directory to write. Files that stay the same are shared with DIR.
	#[arg(long, value_name = "DIR")]
	pub out: PathBuf,
	/// Layers that get experts: A..B, counted from 0 and without B, or a single one.
	#[arg(long, value_name = "A..B", value_parser = parse_layers)]
	pub layers: Range<u8>,
	/// Experts of each of these layers.
	#[arg(long)]
	pub experts: u16,
	/// Experts that a token is routed to.
	#[arg(long)]
	pub top_k: u8,
	/// Make the experts adapters of this rank (4 to 64) instead of full copies of the layer's network.
	#[arg(long)]
	pub rank: Option<u8>,
	/// Threads; all cores if absent.
	#[arg(long, value_parser = positive)]
	pub threads: Option<usize>,
}

/// `model grow`.
#[derive(Debug, Args)]
pub struct ModelGrowArgs {
	/// Directory of the model.
	pub dir: PathBuf,
	/// Directory to write. Files that stay the same are shared with DIR.
	#[arg(long, value_name = "DIR")]
	pub out: PathBuf,
	/// Retire experts, with their rows of the router: such as 3.1,3.14, both numbers counted from 0.
	#[arg(long, value_name = "LAYER.EXPERT,..", value_delimiter = ',', value_parser = parse_slot)]
	pub retire: Vec<Slot>,
	/// Insert a copy that adds nothing yet behind each of these layers, counted from 0.
	#[arg(long, value_name = "LAYER,..", value_delimiter = ',')]
	pub deepen: Vec<u8>,
	/// Make hidden layers of feed-forward networks 2, 4, 8 or 16 times as wide.
	#[arg(long, value_name = "FACTOR")]
	pub widen: Option<u32>,
	/// Add copies of experts to each routed layer: 8 make 16 of 8.
	#[arg(long, value_name = "EXPERTS")]
	pub add_experts: Option<u16>,
	/// Experts that a token is routed to.
	#[arg(long, value_name = "EXPERTS")]
	pub top_k: Option<u8>,
	/// Longest sequence in tokens.
	#[arg(long, value_name = "TOKENS")]
	pub context: Option<u32>,
	/// Layers that are widened and get experts: A..B, counted from 0 and without B, or a single one; all if absent.
	#[arg(long, value_name = "A..B", value_parser = parse_layers)]
	pub layers: Option<Range<u8>>,
	/// Share of an added expert's weights that are moved by one step, such as 0.01.
	#[arg(long, default_value = "0", requires = "add_experts", value_parser = parse_share)]
	pub noise: u32,
	/// Share of the weights of its row in the router that are moved by one step.
	#[arg(long, default_value = "0", requires = "add_experts", value_parser = parse_share)]
	pub router_noise: u32,
	/// Seed of everything random.
	#[arg(long, default_value_t = 0)]
	pub seed: u64,
	/// Random prompts on which both models are compared.
	#[arg(long, default_value_t = 32, value_parser = positive)]
	pub prompts: usize,
	/// Holdouts on which losses are compared.
	#[command(flatten)]
	pub losses: LossArgs,
	/// Threads; all cores if absent.
	#[arg(long, value_parser = positive)]
	pub threads: Option<usize>,
}

/// `model apply`.
#[derive(Debug, Args)]
pub struct ModelApplyArgs {
	/// Directory of the model.
	pub dir: PathBuf,
	/// File of the expert.
	pub file: PathBuf,
	/// Layer of the expert, counted from 0.
	#[arg(long)]
	pub layer: u8,
	/// Its index in the layer, counted from 0.
	#[arg(long)]
	pub expert: u16,
	/// Directory to write. All other files are shared with DIR.
	#[arg(long, value_name = "DIR")]
	pub out: PathBuf,
}

fn parse_layers(text: &str) -> Result<Range<u8>, String> {
	let read = || {
		let (from, to) = match text.split_once("..") {
			Some((from, to)) => (from.parse().ok()?, to.parse().ok()?),
			None => {
				let layer: u8 = text.parse().ok()?;
				(layer, layer.checked_add(1)?)
			}
		};
		(from < to).then_some(from..to)
	};
	read().ok_or_else(|| "layers are A..B without B, such as 26..30, or a single one, such as 29".to_string())
}

/// `model losses`.
#[derive(Debug, Args)]
pub struct ModelLossesArgs {
	/// Directory of the model as it was.
	pub old: PathBuf,
	/// Directory of the changed model.
	pub new: PathBuf,
	/// Holdouts.
	#[command(flatten)]
	pub losses: LossArgs,
	/// Threads; all cores if absent.
	#[arg(long, value_parser = positive)]
	pub threads: Option<usize>,
}

/// `model usage`.
#[derive(Debug, Args)]
pub struct ModelUsageArgs {
	/// Directory of the model.
	pub dir: PathBuf,
	/// Holdouts that are read: `blyan model holdout` writes them.
	#[arg(required = true, value_name = "HOLDOUT")]
	pub holdouts: Vec<PathBuf>,
	/// Threads; all cores if absent.
	#[arg(long, value_parser = positive)]
	pub threads: Option<usize>,
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
