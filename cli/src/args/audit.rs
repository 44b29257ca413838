//! Arguments of audits.

use super::SignerArgs;
use clap::{Args, Subcommand};

/// What anybody can check.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
	/// Evaluate a submission here and compare with what each operator said. Exit status 1 if one was wrong.
	Replay(ReplayArgs),
	/// Evaluate a submission here; if a claim about it is wrong, have the chain prove that.
	Challenge(ChallengeArgs),
	/// List open games, or all about one submission.
	Games(GamesArgs),
	/// Show one game.
	Game {
		/// The game.
		id: u64,
	},
	/// Ask a node for random pieces of a model and check them against the chain. Exit status 1 if one is wrong.
	SpotCheck(SpotCheckArgs),
	/// List what an operator is accused of, or was punished for.
	Offences {
		/// Address, key name or //Name.
		account: String,
	},
}

/// `audit replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
	/// The submission.
	pub submission: u64,
}

/// `audit challenge`.
#[derive(Debug, Args)]
pub struct ChallengeArgs {
	/// The submission.
	#[arg(required_unless_present = "resume")]
	pub submission: Option<u64>,
	/// The claim to refute: its digest, or an operator that made it. The first wrong one if absent.
	#[arg(long, value_name = "DIGEST|ACCOUNT", conflicts_with = "resume")]
	pub against: Option<String>,
	/// Go on with a game of an earlier run.
	#[arg(long, value_name = "GAME", conflicts_with = "submission")]
	pub resume: Option<u64>,
	/// Do not ask before the bond is put down.
	#[arg(long, short)]
	pub yes: bool,
	/// Who signs, and whose bond it is.
	#[command(flatten)]
	pub signer: SignerArgs,
}

/// `audit games`.
#[derive(Debug, Args)]
pub struct GamesArgs {
	/// Only those about this submission.
	pub submission: Option<u64>,
}

/// `audit spot-check`.
#[derive(Debug, Args)]
pub struct SpotCheckArgs {
	/// The model.
	#[arg(long, default_value_t = 0)]
	pub model: u32,
	/// Tiles to ask for.
	#[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=10_000))]
	pub tiles: u32,
	/// Seed of the choice; another one every time if absent.
	#[arg(long)]
	pub seed: Option<u64>,
}
