//! Arguments of evolution.

use super::SignerArgs;
use blyan_primitives::evolution::EvolutionKind;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Proposes architectures, endorses them, and follows what becomes of them.
#[derive(Debug, Subcommand)]
pub enum EvolutionCommand {
	/// List the kinds of changes, and what each must at least gain.
	Templates,
	/// Show the present epoch: its phase, its proposals, and who measures.
	Status,
	/// List the epochs that were decided.
	History {
		/// Number of the latest to list.
		#[arg(long, default_value_t = 20)]
		count: u32,
	},
	/// Compare reports of your own with the finding that decided an epoch, to the bit.
	Check {
		/// Number of the epoch.
		epoch: u32,
		/// Reports on the old model, measured with `--held-out` and the epoch's draw.
		old: PathBuf,
		/// Reports on the new model.
		new: PathBuf,
	},
	/// Propose the architecture of a model's folder, such as one that `blyan model grow` wrote.
	Propose(Box<EvolutionProposeArgs>),
	/// Endorse a proposal, as an operator. It is final, and a bond is held until the epoch is over.
	Endorse {
		/// Number of the proposal.
		proposal: u32,
		/// Operator, or the account that it belongs to.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Deliver the trained candidate of an own proposal that was selected, and upload its bytes.
	Deliver {
		/// Folder of the model.
		dir: PathBuf,
		/// Leave its bytes to others, or to `blyan model upload`.
		#[arg(long)]
		no_upload: bool,
		/// Account that proposed.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// File the network's own proposal, which follows from the chain's state. Free, once an epoch.
	File {
		/// Any account.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Become the proposer of the network's own proposal, to train its candidate. It is not tried before.
	Adopt {
		/// Account that pays the deposit, and delivers the candidate.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Offer hours of GPUs for the training of what is tried in this epoch, as an operator. Another offer replaces it until hours are reserved.
	OfferGpus {
		/// GPUs.
		#[arg(long)]
		gpus: u16,
		/// Hours of all of them together.
		#[arg(long)]
		hours: u32,
		/// Credits an hour.
		#[arg(long, value_name = "CREDITS")]
		price: u32,
		/// The operator.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Reserve GPU hours of the cheapest offers with own credits, for an own proposal that was selected.
	Reserve {
		/// Hours.
		hours: u32,
		/// Highest price of an hour.
		#[arg(long, value_name = "CREDITS")]
		price: u32,
		/// Account that proposed.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Claim reserved hours as worked, as an operator, once and finally. The others are not paid; silence costs credits.
	Claim {
		/// Hours.
		hours: u32,
		/// The operator.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Confirm the hours that an operator claimed, so that it is paid. Another number denies them, and burns their credits.
	Confirm {
		/// Address, key name or //Name of the operator.
		operator: String,
		/// Hours that it claimed.
		hours: u32,
		/// Account that proposed.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// List the GPU hours that are offered, reserved and claimed in this epoch.
	Reservations,
	/// Have the next epoch begin now, as the chain's rule.
	Begin {
		/// Print the call for a referendum, and send nothing.
		#[arg(long)]
		call: bool,
		/// Account that may do what root may.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Show how a model's successors may differ from it, or set it as the chain's rule.
	Record {
		/// The model.
		model: u32,
		/// JSON file with the record to set, in the form that this command shows with `--json`.
		#[arg(long, value_name = "FILE")]
		set: Option<PathBuf>,
		/// Print the call for a referendum, and send nothing.
		#[arg(long, requires = "set")]
		call: bool,
		/// Account that may do what root may.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Name the tokenizer of a model on the chain, as the chain's rule, and upload it.
	Tokenizer {
		/// The model.
		model: u32,
		/// Folder of that model.
		dir: PathBuf,
		/// Print the call for a referendum, and send nothing.
		#[arg(long)]
		call: bool,
		/// Account that may do what root may.
		#[command(flatten)]
		signer: SignerArgs,
	},
}

/// `evolution propose`.
#[derive(Debug, Args)]
pub struct EvolutionProposeArgs {
	/// Folder of a model with the target architecture. Its weights are not read.
	pub dir: PathBuf,
	/// Model on the chain that is to be surpassed.
	#[arg(long, value_name = "MODEL")]
	pub base: u32,
	/// Kind of change: scale_experts, widen, deepen, efficiency or memory.
	#[arg(long, value_parser = parse_kind)]
	pub kind: EvolutionKind,
	/// Difficulty, 1 to 4; the template's if absent. A higher one asks for a larger gain.
	#[arg(long)]
	pub difficulty: Option<u8>,
	/// Mean gain from which on the candidate is promoted, in parts per million; the least of the difficulty if absent.
	#[arg(long, value_name = "PPM")]
	pub minimum: Option<u32>,
	/// Tasks of each suite; the least that the chain takes if absent.
	#[arg(long)]
	pub tasks: Option<u32>,
	/// Hours of a GPU that training is expected to take; the template's if absent.
	#[arg(long, value_name = "HOURS")]
	pub gpu_hours: Option<u32>,
	/// File with the recipe of the training. Its hash is proposed.
	#[arg(long, value_name = "FILE")]
	pub recipe: PathBuf,
	/// File with a description for people. Its hash is proposed.
	#[arg(long, value_name = "FILE")]
	pub description: PathBuf,
	/// Account that proposes, pays the deposit, and delivers the candidate.
	#[command(flatten)]
	pub signer: SignerArgs,
}

fn parse_kind(text: &str) -> Result<EvolutionKind, String> {
	let is_named = |kind: &EvolutionKind| kind.name() == text.replace('-', "_");
	EvolutionKind::ALL.into_iter().find(is_named).ok_or_else(|| {
		let names: Vec<&str> = EvolutionKind::ALL.iter().map(|kind| kind.name()).collect();
		format!("{text:?} is no kind: use one of {}", names.join(", "))
	})
}
