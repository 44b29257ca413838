//! Arguments of referenda, votes and emergencies.

use super::{parse_bytes, Bytes, SignerArgs};
use crate::slot::SlotName;
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Looks at referenda.
#[derive(Debug, Subcommand)]
pub enum ReferendaCommand {
	/// List the latest referenda: track, votes, and how they stand.
	List {
		/// Number of the latest to list.
		#[arg(long, default_value_t = 20)]
		count: u32,
	},
	/// Show one referendum: its call, its votes, and who voted.
	Show {
		/// Number of the referendum.
		referendum: u32,
	},
	/// Show turnout by track, and how often operators vote.
	Stats,
}

/// `propose`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("subject").required(true).args(["spend", "set_parameter", "upgrade", "call", "call_file"])))]
pub struct ProposeArgs {
	/// Amount that the treasury shall pay to --to, in BLY.
	#[arg(long, value_name = "AMOUNT", requires = "to")]
	pub spend: Option<String>,
	/// Recipient of --spend: address, key name or //Name.
	#[arg(long, value_name = "ACCOUNT", requires = "spend")]
	pub to: Option<String>,
	/// Parameter and its value, as the metadata names them, such as Learning.Delta=40. Without a value the default comes back.
	#[arg(long, value_name = "GROUP.NAME=VALUE")]
	pub set_parameter: Option<String>,
	/// Runtime that any account may apply afterwards: a .wasm file. Its hash is what is voted about.
	#[arg(long, value_name = "FILE")]
	pub upgrade: Option<PathBuf>,
	/// Encoded call, as hexadecimal digits; `blyan model register --calls` prints such.
	#[arg(long, value_name = "HEX", value_parser = parse_bytes, requires = "track")]
	pub call: Option<Bytes>,
	/// File of an encoded call: its bytes, or hexadecimal digits behind 0x.
	#[arg(long, value_name = "FILE", requires = "track")]
	pub call_file: Option<PathBuf>,
	/// Track of the referendum; follows from the subject but for --call and --call-file.
	#[arg(long, value_enum)]
	pub track: Option<Track>,
	/// Let the technical council's whitelist and two thirds decide an --upgrade, in days instead of weeks.
	#[arg(long, conflicts_with_all = ["track", "spend", "set_parameter", "call", "call_file"])]
	pub whitelisted: bool,
	/// Leave the decision deposit to others.
	#[arg(long)]
	pub no_deposit: bool,
	/// Account that proposes, and pays the deposits.
	#[command(flatten)]
	pub signer: SignerArgs,
}

/// `vote`.
#[derive(Debug, Args)]
pub struct VoteArgs {
	/// Number of the referendum.
	pub referendum: u32,
	/// The vote.
	#[arg(value_enum)]
	pub vote: Vote,
	/// Operator, or the account that it belongs to.
	#[command(flatten)]
	pub signer: SignerArgs,
}

/// A vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Vote {
	/// Approve.
	Aye,
	/// Reject.
	Nay,
}

/// Track of a referendum: the power that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Track {
	/// Everything.
	Root,
	/// Calls that the technical council has whitelisted.
	WhitelistedCaller,
	/// Parameters.
	Parameters,
	/// Payments of the treasury.
	Treasury,
	/// The budget, and what rewards are.
	Budget,
	/// Models and their data.
	Models,
	/// Members of the technical council.
	Council,
	/// Offences and appeals.
	Judge,
	/// Cancelling referenda.
	Canceller,
	/// Killing referenda.
	Killer,
}

impl Track {
	/// Its origin on the chain; none is root.
	pub fn origin(self) -> Option<&'static str> {
		Some(match self {
			Self::Root => return None,
			Self::WhitelistedCaller => "WhitelistedCaller",
			Self::Parameters => "ParameterAdmin",
			Self::Treasury => "Treasurer",
			Self::Budget => "BudgetAdmin",
			Self::Models => "ModelAdmin",
			Self::Council => "CouncilAdmin",
			Self::Judge => "Judge",
			Self::Canceller => "Canceller",
			Self::Killer => "Killer",
		})
	}

	/// Name of the track with this number.
	pub fn name(number: u64) -> String {
		usize::try_from(number)
			.ok()
			.and_then(|number| Self::value_variants().get(number))
			.and_then(|track| track.to_possible_value())
			.map_or_else(|| format!("track {number}"), |value| value.get_name().to_string())
	}
}

/// Calls emergencies, and supports what others propose about them.
#[derive(Debug, Subcommand)]
pub enum EmergencyCommand {
	/// Call an emergency and propose what is done about it.
	Propose {
		/// Kind of emergency: it says how many operators must agree, and what is allowed.
		#[arg(long, value_enum)]
		kind: EmergencyKind,
		/// Reason, for the other operators.
		#[arg(long, value_name = "TEXT")]
		why: String,
		/// Action that is proposed.
		#[command(subcommand)]
		action: EmergencyAction,
		/// Operator, or the account that it belongs to.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// Support a proposal. The vote that makes it enough carries it out.
	Vote {
		/// Number of the proposal.
		proposal: u32,
		/// Operator, or the account that it belongs to.
		#[command(flatten)]
		signer: SignerArgs,
	},
	/// List open proposals, and measures in effect.
	List,
}

/// Kind of an emergency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EmergencyKind {
	/// Keys, nodes or a model were broken into: two thirds, 72 hours.
	Breach,
	/// Money is taken or made against the rules: three quarters, 48 hours.
	EconomicAttack,
	/// Blocks cannot be relied on: four fifths, 24 hours.
	ConsensusFailure,
}

/// Action that is proposed.about an emergency.
#[derive(Debug, Subcommand)]
pub enum EmergencyAction {
	/// Enter the safe mode (breach, consensus failure).
	Pause,
	/// Take the head of a slot back (breach, consensus failure).
	RevertHead {
		/// The model.
		#[arg(long, default_value_t = 0)]
		model: u32,
		/// The slot: LAYER.EXPERT.
		#[arg(long)]
		slot: SlotName,
		/// Version of the head that is taken back.
		#[arg(long = "head", value_name = "VERSION")]
		head_version: u32,
	},
	/// Keep operators out of draws (breach).
	Quarantine {
		/// Addresses, key names or //Names.
		#[arg(required = true, num_args = 1..=32)]
		operators: Vec<String>,
	},
	/// Keep accounts from moving what they have (economic attack).
	Freeze {
		/// Addresses, key names or //Names.
		#[arg(required = true, num_args = 1..=32)]
		accounts: Vec<String>,
	},
	/// Emit only a part of what the budget says (economic attack).
	LowerRewards {
		/// Part that is still emitted, in per cent.
		#[arg(value_parser = clap::value_parser!(u8).range(0..=100))]
		keep: u8,
	},
	/// Put coins of the year's emission into the treasury's envelope now (economic attack).
	Mint {
		/// Amount, in BLY.
		amount: String,
	},
	/// Keep a model readable as it is (consensus failure).
	Checkpoint {
		/// The model.
		#[arg(default_value_t = 0)]
		model: u32,
	},
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn tracks_have_the_numbers_of_the_chain() {
		// As in `runtime/src/governance/tracks.rs`, which this program never links.
		assert_eq!(Track::name(0), "root");
		assert_eq!(Track::name(3), "treasury");
		assert_eq!(Track::name(9), "killer");
		assert_eq!(Track::name(10), "track 10");
	}
}
