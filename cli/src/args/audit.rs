//! Arguments of audits.

use super::SignerArgs;
use crate::slot::SlotName;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Audits that need no permission.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
	/// Compute an answer or a score again and compare: what operators said of a submission, or what a file says.
	/// Exit status 0 if all is equal, 1 if something differs, 2 if it cannot be decided here.
	Replay(ReplayArgs),
	/// Score an expert here as operators would, without a node.
	Score(ScoreArgs),
	/// Evaluate a submission here; if a claim about it is wrong, have the chain prove that.
	Challenge(ChallengeArgs),
	/// Compute a signed answer of an open model again; if it is wrong, have the chain prove that. Run again, it goes on where it was.
	ChallengeAnswer(ChallengeAnswerArgs),
	/// Contest an offence: what it is about is computed again, or judged. `blyan serve --offer` does it by itself for answers, operators' nodes play it
	/// for scores.
	Appeal(AppealArgs),
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
	/// A submission's number, or a file written by `blyan chat --save`, `blyan audit score --save` or --save below. Answers of
	/// a model on this machine need its directory as --model-dir, and no node.
	#[arg(value_name = "SUBMISSION|FILE")]
	pub subject: String,
	/// Where blobs come from.
	#[command(flatten)]
	pub sources: SourceArgs,
	/// Write what was computed for a submission, sequence by sequence.
	#[arg(long, value_name = "FILE")]
	pub save: Option<PathBuf>,
	/// Write the hashes of every row that the evaluation came to at the first difference, or at --at.
	#[arg(long, value_name = "FILE")]
	pub save_trace: Option<PathBuf>,
	/// Compare with such hashes of another machine, and name the first operator and row that differ.
	#[arg(long, value_name = "FILE")]
	pub their_trace: Option<PathBuf>,
	/// Write what a challenge or a defence of the answers of an open model claims: the outcome of checking each of them, a root over every number
	/// on the way included.
	#[arg(long, value_name = "FILE")]
	pub save_outcome: Option<PathBuf>,
	/// The byte of an answer, or the sequence of a score in the order of the draw, that a trace is about; counted from 0.
	#[arg(long, value_name = "INDEX")]
	pub at: Option<usize>,
}

/// Where an audit finds what it needs, besides the node.
#[derive(Clone, Debug, Default, Args)]
pub struct SourceArgs {
	/// Folder of the model. Without it blobs of a model on the chain are fetched from the node at --url and kept.
	#[arg(long, value_name = "DIR")]
	pub model_dir: Vec<PathBuf>,
	/// A block or a holdout that is in no such folder, such as a candidate.
	#[arg(long, value_name = "FILE")]
	pub blob: Vec<PathBuf>,
}

/// `audit score`.
#[derive(Debug, Args)]
pub struct ScoreArgs {
	/// The expert, a .tblk file.
	pub expert: PathBuf,
	/// Folder of the model, with its holdout; or directory of an open model.
	#[arg(long, value_name = "DIR")]
	pub model_dir: PathBuf,
	/// Holdout of an open model: `blyan model holdout` writes one.
	#[arg(long, value_name = "FILE")]
	pub holdout: Option<PathBuf>,
	/// Slot of the expert: LAYER.EXPERT.
	#[arg(long)]
	pub slot: SlotName,
	/// Sequences to draw from the holdout.
	#[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
	pub sample: u32,
	/// Seed of the draw.
	#[arg(long, default_value_t = 0)]
	pub seed: u64,
	/// Write the score, sequence by sequence.
	#[arg(long, value_name = "FILE")]
	pub save: Option<PathBuf>,
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
	/// Account that signs, and that pays the bond.
	#[command(flatten)]
	pub signer: SignerArgs,
}

/// `audit challenge-answer`.
#[derive(Debug, Args)]
pub struct ChallengeAnswerArgs {
	/// File with a signed receipt, as `GET /v1/receipts/ID` answers it or `blyan connect` writes it; or the number of a session, whose first wrong answer
	/// is challenged; or SESSION:N for its Nth answer, counted from 1; or SESSION:NAME by the beginning of the receipt's name.
	#[arg(value_name = "FILE|SESSION[:N|:NAME]")]
	pub receipt: String,
	/// Directory of the model.
	#[arg(long, value_name = "DIR")]
	pub model: PathBuf,
	/// Do not ask before the bond is put down.
	#[arg(long, short)]
	pub yes: bool,
	/// Account that signs, and that pays the bond.
	#[command(flatten)]
	pub signer: SignerArgs,
}

/// `audit appeal`.
#[derive(Debug, Args)]
pub struct AppealArgs {
	/// Number of the offence (see `blyan audit offences`).
	pub offence: u64,
	/// Operator that it is held against: address, key name or //Name. The account that signs if absent.
	#[arg(long, value_name = "ACCOUNT")]
	pub operator: Option<String>,
	/// Do not ask before the bond is put down.
	#[arg(long, short)]
	pub yes: bool,
	/// The operator, or its proxy of type Operator.
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
