//! Arguments of datasets.

use super::{DeclareArgs, SignManifestArgs, SignerArgs, VerifyManifestArgs};
pub use blyan_client::DatasetName;
use clap::{Args, Subcommand, ValueEnum};
use std::{ops::Range, path::PathBuf};

fn parse_buckets(text: &str) -> Result<Range<u16>, String> {
	let read = || {
		let (from, to) = text.split_once("..")?;
		let buckets: Range<u16> = from.parse().ok()?..to.parse().ok()?;
		(!buckets.is_empty() && buckets.end <= 256).then_some(buckets)
	};
	read().ok_or_else(|| "buckets are FROM..TO within 0..256, such as 192..256".to_string())
}

/// Ways to make a dataset, and commands about those on the chain.
#[derive(Debug, Subcommand)]
pub enum DatasetCommand {
	/// From anything, filtered, into a folder of blobs with a manifest. The same command goes on with one that was interrupted.
	#[command(name = "create")]
	Create {
		/// Sources that it is made of.
		#[command(flatten)]
		sources: DatasetSources,
		/// Folder to write.
		#[arg(long, short, value_name = "DIR")]
		out: PathBuf,
	},
	/// Check a dataset against its manifest, or see what would become of files.
	#[command(name = "check")]
	Check(DatasetSources),
	/// From the sources of the crates in cargo's registry.
	#[command(name = "from-crates")]
	Crates {
		/// Registry sources; $CARGO_HOME/registry/src if absent.
		#[arg(long, value_name = "DIR")]
		registry: Option<PathBuf>,
		/// Which crates, by the hash of their name: FROM..TO within 0..256. The genesis model learned from
		/// 0..192 and is measured on the rest.
		#[arg(long, value_name = "FROM..TO", default_value = "192..256", value_parser = parse_buckets)]
		buckets: Range<u16>,
		/// Where and how much.
		#[command(flatten)]
		output: DatasetOutput,
	},
	/// From files and directories of any format, filtered, as one file of JSON lines. Long texts are cut at paragraphs.
	#[command(name = "from-files")]
	Files {
		/// Files or directories.
		#[arg(required = true)]
		paths: Vec<PathBuf>,
		/// Licence of these texts.
		#[command(flatten)]
		licence: LicenceArgs,
		/// Where and how much.
		#[command(flatten)]
		output: DatasetOutput,
	},
	/// From files of JSON lines with a text, as Hugging Face has them. A line's own licence counts first.
	#[command(name = "from-jsonl")]
	Jsonl {
		/// Files.
		#[arg(required = true)]
		paths: Vec<PathBuf>,
		/// Licence of the lines without one of their own.
		#[command(flatten)]
		licence: LicenceArgs,
		/// Where and how much.
		#[command(flatten)]
		output: DatasetOutput,
	},
	/// Convert a table into JSON lines, row by row, without a filter. What is written can be made a dataset of.
	#[command(name = "from-csv")]
	Csv(FromCsvArgs),
	/// Offer a dataset to the network: name it on the chain, upload its blobs, have it audited.
	///
	/// The folder of a dataset is offered as it is; of anything else a dataset is made first. The same command again goes on
	/// where the first one was interrupted.
	Offer(Box<DatasetOfferArgs>),
	/// List the datasets on the chain.
	List {
		/// Number of the latest to list.
		#[arg(long, default_value_t = 20)]
		count: u32,
	},
	/// Show a dataset's record, its audit and its blobs.
	Show {
		/// The dataset: NUMBER, or NUMBER.VERSION; the newest version if absent.
		dataset: DatasetName,
		/// Print it as JSON-LD (schema.org), for catalogues.
		#[arg(long)]
		json_ld: bool,
	},
	/// Show where a dataset stands, or follow it to the decision.
	Status {
		/// The dataset: NUMBER, or NUMBER.VERSION.
		dataset: DatasetName,
		/// Follow it to the decision.
		#[arg(long)]
		follow: bool,
		/// Give up waiting for the decision after this many seconds.
		#[arg(long, value_name = "SECONDS", default_value_t = FOLLOW_SECONDS)]
		timeout: u64,
	},
	/// Vote on a dataset, as the owner of an operator.
	Vote(DatasetVoteArgs),
	/// Appeal a rejection or a quarantine, once: other auditors look, and it is final.
	Appeal(OwnDatasetArgs),
	/// Take an own dataset back before it is decided.
	Withdraw(OwnDatasetArgs),
	/// List the submissions that were trained on a dataset, or the data that taught a submission.
	Lineage {
		/// The dataset: NUMBER, or NUMBER.VERSION.
		#[arg(required_unless_present = "submission", conflicts_with = "submission")]
		dataset: Option<DatasetName>,
		/// The submission.
		#[arg(long, value_name = "N")]
		submission: Option<u64>,
	},
	/// Declare on the chain which datasets taught the expert of an own submission.
	Declare(DeclareArgs),
	/// Sign the manifest of a run, for those who check it without a chain.
	SignManifest(SignManifestArgs),
	/// Check a manifest: signature, datasets, a share of the batches, gain. Exit code 4 if it is false, 2 if it cannot be checked.
	VerifyManifest(VerifyManifestArgs),
	/// Check the proof of one batch, without the data.
	VerifyBatch {
		/// The proof, as `verify-manifest --proofs` wrote it.
		proof: PathBuf,
	},
}

/// Longest time that a dataset is followed: an audit, a vote and its extension.
const FOLLOW_SECONDS: u64 = 14 * 24 * 3_600;

/// `dataset from-csv`.
#[derive(Debug, Args)]
pub struct FromCsvArgs {
	/// Table whose first row names the columns; separated by tabs if its name says .tsv. Plain, gzip or zstd.
	pub file: PathBuf,
	/// File to write.
	#[arg(long, short, value_name = "OUT.jsonl")]
	pub out: PathBuf,
	/// Shape of the lines.
	#[arg(long, value_enum, default_value = "text")]
	pub format: TableFormat,
	/// Leave the category out.
	#[arg(long)]
	pub no_category: bool,
}

/// Shape of the lines that a table becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
	/// A text a line.
	Text,
	/// Instruction, input and output a line.
	Instruction,
}

/// `dataset offer`.
#[derive(Debug, Args)]
pub struct DatasetOfferArgs {
	/// Dataset to offer, or files and folders to make one of.
	#[command(flatten)]
	pub sources: DatasetSources,
	/// Folder of the dataset that is made; PATH.dataset if absent.
	#[arg(long, short, value_name = "DIR")]
	pub out: Option<PathBuf>,
	/// Where the data comes from: an address, or words. At most 256 bytes, and public.
	#[arg(long, value_name = "TEXT", default_value = "unstated")]
	pub source: String,
	/// Own dataset that this is a new version of.
	#[arg(long, value_name = "NUMBER")]
	pub version_of: Option<u32>,
	/// Follow it to the decision.
	#[arg(long)]
	pub follow: bool,
	/// Give up waiting for the decision after this many seconds.
	#[arg(long, value_name = "SECONDS", default_value_t = FOLLOW_SECONDS)]
	pub timeout: u64,
	/// Account that signs.
	#[command(flatten)]
	pub signer: SignerArgs,
}

/// `dataset vote`.
#[derive(Debug, Args)]
pub struct DatasetVoteArgs {
	/// The dataset: NUMBER, or NUMBER.VERSION.
	pub dataset: DatasetName,
	/// Vote for its use, or against it.
	#[arg(value_enum)]
	pub vote: DatasetVote,
	/// Rating from 1 to 5, with a vote for it.
	#[arg(long, value_name = "1..5", value_parser = clap::value_parser!(u8).range(1..=5))]
	pub stars: Option<u8>,
	/// Reason of a vote against it.
	#[arg(long, value_enum, required_if_eq("vote", "no"), conflicts_with = "stars")]
	pub reason: Option<VoteReason>,
	/// Account that votes: the owner of an operator.
	#[command(flatten)]
	pub signer: SignerArgs,
}

/// A vote on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DatasetVote {
	/// For it.
	Yes,
	/// Against it.
	No,
}

/// A reason about data on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VoteReason {
	/// Known copyrighted text, or a licence that does not allow use.
	Copyright,
	/// Damaged or worthless.
	Quality,
	/// Personal data, secrets, toxic text.
	Safety,
	/// One-sided about people.
	Bias,
	/// Nearly all of it is elsewhere.
	Duplicate,
}

/// An own dataset, and the account that signs for it.
#[derive(Debug, Args)]
pub struct OwnDatasetArgs {
	/// The dataset: NUMBER, or NUMBER.VERSION.
	pub dataset: DatasetName,
	/// Its contributor.
	#[command(flatten)]
	pub signer: SignerArgs,
}

/// Texts of any format that become a dataset, and the rules for them.
#[derive(Clone, Debug, Args)]
pub struct DatasetSources {
	/// Files or folders: JSON lines, CSV, TSV, Parquet, text, Markdown; plain, gzip or zstd. A folder may describe itself in the
	/// front matter of its README.md or in Croissant.
	#[arg(required = true, value_name = "PATH")]
	pub paths: Vec<PathBuf>,
	/// SPDX expression that they are under, such as CC0-1.0 or "MIT OR Apache-2.0". Absent: what the folder states.
	#[arg(long, value_name = "SPDX")]
	pub licence: Option<String>,
	/// Take texts under a licence that is not permissive; what comes of it may not be yours to publish.
	#[arg(long)]
	pub any_licence: bool,
	/// Take texts that a program wrote, as a comment in their first lines says.
	#[arg(long)]
	pub keep_generated: bool,
	/// Field or column with the text; the usual names are tried if absent.
	#[arg(long, value_name = "NAME")]
	pub text_field: Option<String>,
	/// Put the category of an instruction in front of it.
	#[arg(long)]
	pub with_category: bool,
	/// Stop after this many MiB of text.
	#[arg(long, value_name = "MiB")]
	pub limit: Option<u64>,
	/// Memory for sorting texts and finding near duplicates; with less of it more lies on disk, and the dataset is the same.
	#[arg(long, value_name = "MiB", default_value_t = 256)]
	pub memory: usize,
	/// Advice of the classifiers.
	#[command(flatten)]
	pub gate: GateArgs,
}

/// Advice of the classifiers about records. Nothing is left out by it.
#[derive(Clone, Debug, Default, Args)]
pub struct GateArgs {
	/// Count records that look like low quality, abuse, or another language than they say, by classifiers beside the rules.
	#[arg(long)]
	pub gate: bool,
	/// Score of low quality from which on a record counts; that of the training if absent.
	#[arg(long, requires = "gate", value_name = "1..1000", value_parser = clap::value_parser!(u16).range(1..=1000))]
	pub gate_quality: Option<u16>,
	/// Score from which on the classifier is sure of a language.
	#[arg(long, requires = "gate", value_name = "1..1000", value_parser = clap::value_parser!(u16).range(1..=1000))]
	pub gate_language: Option<u16>,
	/// Score of abuse from which on a record counts.
	#[arg(long, requires = "gate", value_name = "1..1000", value_parser = clap::value_parser!(u16).range(1..=1000))]
	pub gate_toxicity: Option<u16>,
	/// Languages that are wanted, such as en,de; a record of another one counts. Any if absent.
	#[arg(long, requires = "gate", value_name = "CODES", value_delimiter = ',')]
	pub languages: Vec<String>,
	/// Program that runs the classifiers; BLYAN_GATE, or blyan-gate beside this program, if absent.
	#[arg(long, requires = "gate", value_name = "FILE")]
	pub gate_program: Option<PathBuf>,
}

/// The licence of texts that name none themselves.
#[derive(Debug, Args)]
pub struct LicenceArgs {
	/// SPDX expression that they are under, such as CC0-1.0 or "MIT OR Apache-2.0".
	#[arg(long, value_name = "SPDX")]
	pub licence: String,
	/// Take texts under a licence that is not permissive; what comes of it may not be yours to publish.
	#[arg(long)]
	pub any_licence: bool,
}

/// Where a dataset goes.
#[derive(Debug, Args)]
pub struct DatasetOutput {
	/// File to write.
	#[arg(long, short, default_value = "dataset.jsonl", value_name = "FILE")]
	pub out: PathBuf,
	/// Stop after this many MiB of text.
	#[arg(long, value_name = "MiB", default_value_t = 64)]
	pub limit: u64,
	/// Take texts that a program wrote, as their first lines or their long lines show.
	#[arg(long)]
	pub keep_generated: bool,
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_dataset_is_a_number_and_perhaps_a_version() {
		let name = |text: &str| text.parse::<DatasetName>();
		assert_eq!(name("7"), Ok(DatasetName { dataset: 7, version: None }));
		assert_eq!(name("7.1"), Ok(DatasetName { dataset: 7, version: Some(1) }));
		assert_eq!(["7", "7.1"].map(|text| name(text).unwrap().to_string()), ["7", "7.1"]);
		for wrong in ["", "x", "7.", ".1", "7.1.2", "-1", "7.70000"] {
			assert!(name(wrong).is_err(), "{wrong}");
		}
	}

	#[test]
	fn a_vote_against_needs_one_of_the_reasons_about_data() {
		use clap::Parser;
		let parse = |line: &str| crate::args::Cli::try_parse_from(format!("blyan dataset {line}").split(' '));
		for line in
			["vote 7 no --reason bias", "vote 7.1 yes --stars 5", "vote 7 yes", "offer a b --version-of 7"]
		{
			assert!(parse(line).is_ok(), "{line}");
		}
		for line in [
			"vote 7 maybe",
			"vote 7 no --reason withdrawn",
			"vote 7 no --reason bias --stars 1",
			"offer d --version-of x",
		] {
			assert!(parse(line).is_err(), "{line}");
		}
	}
}
