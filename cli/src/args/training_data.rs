//! Data of a training run on the command line, and arguments about training manifests.

use super::SignerArgs;
use blyan_primitives::{DatasetMix, DatasetRef, DatasetTier, CHECKED_SHARE, MILLIONTHS};
use clap::{Args, ValueEnum};
use std::{path::PathBuf, str::FromStr};

/// Data that a run learns from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrainingData {
	/// A file of JSON lines.
	File(PathBuf),
	/// A dataset of the chain, in a folder.
	OfChain(ChainData),
}

/// A dataset of the chain, in a folder of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainData {
	/// Its name.
	pub dataset: DatasetRef,
	/// Its tier; the node is asked if absent.
	pub tier: Option<DatasetTier>,
	/// The folder.
	pub folder: PathBuf,
}

impl FromStr for ChainData {
	type Err = String;

	fn from_str(text: &str) -> Result<Self, String> {
		let read = || {
			let (name, folder) = text.split_once('=').filter(|(_, folder)| !folder.is_empty())?;
			let (name, tier) = match name.split_once(':') {
				None => (name, None),
				Some((name, tier)) => (name, Some(parse_tier(tier)?)),
			};
			let (dataset, version) = name.split_once('@')?;
			let dataset = DatasetRef { dataset: dataset.parse().ok()?, version: version.parse().ok()? };
			Some(Self { dataset, tier, folder: folder.into() })
		};
		read().ok_or_else(|| {
			"a dataset of the chain is NUMBER@VERSION=DIR, or NUMBER@VERSION:TIER=DIR without a node, such as 7@1:gold=data"
				.into()
		})
	}
}

fn parse_tier(text: &str) -> Option<DatasetTier> {
	match text {
		"gold" => Some(DatasetTier::Gold),
		"silver" => Some(DatasetTier::Silver),
		"experimental" => Some(DatasetTier::Experimental),
		_ => None,
	}
}

impl FromStr for TrainingData {
	type Err = String;

	fn from_str(text: &str) -> Result<Self, String> {
		let is_name =
			|name: &str| name.contains('@') && name.starts_with(|first: char| first.is_ascii_digit());
		match text.split_once('=') {
			Some((name, _)) if is_name(name) => text.parse::<ChainData>().map(Self::OfChain),
			_ => Ok(Self::File(text.into())),
		}
	}
}

/// Rule by which datasets share the samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MixName {
	/// 60 % gold, 30 % silver, 10 % experimental.
	#[default]
	Balanced,
	/// Gold alone.
	Gold,
	/// Every dataset alike.
	DiversityMax,
}

impl From<MixName> for DatasetMix {
	fn from(name: MixName) -> Self {
		match name {
			MixName::Balanced => Self::Balanced,
			MixName::Gold => Self::Gold,
			MixName::DiversityMax => Self::DiversityMax,
		}
	}
}

/// Reads a share: `1%`, `0.5%`, or a number of millionths.
fn parse_share(text: &str) -> Result<u32, String> {
	let read = || -> Option<u32> {
		let Some(percent) = text.strip_suffix('%') else { return text.parse().ok() };
		let (whole, part) = percent.split_once('.').unwrap_or((percent, ""));
		let digits = format!("{part:0<4}");
		if digits.len() != 4 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
			return None;
		}
		whole.parse::<u32>().ok()?.checked_mul(10_000)?.checked_add(digits.parse().ok()?)
	};
	read().filter(|share| *share <= MILLIONTHS).ok_or_else(|| "a share is from 0% to 100%, such as 1%".into())
}

/// Submission or file that a manifest is taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestSource {
	/// A submission on the chain.
	Submission(u64),
	/// A file, with `.signature` beside it.
	File(PathBuf),
}

impl FromStr for ManifestSource {
	type Err = std::convert::Infallible;

	fn from_str(text: &str) -> Result<Self, Self::Err> {
		Ok(text.parse::<u64>().map_or_else(|_| Self::File(text.into()), Self::Submission))
	}
}

/// `dataset declare`.
#[derive(Debug, Args)]
pub struct DeclareArgs {
	/// The own submission.
	pub submission: u64,
	/// The manifest, as `blyan train expert` wrote it.
	pub manifest: PathBuf,
	/// The submission's miner.
	#[command(flatten)]
	pub signer: SignerArgs,
}

/// `dataset sign-manifest`.
#[derive(Debug, Args)]
pub struct SignManifestArgs {
	/// The manifest; its signature is written beside it.
	pub manifest: PathBuf,
	/// The miner.
	#[command(flatten)]
	pub signer: SignerArgs,
}

/// `dataset verify-manifest`.
#[derive(Debug, Args)]
pub struct VerifyManifestArgs {
	/// A submission whose manifest was declared, or the file of a manifest.
	#[arg(value_name = "SUBMISSION|FILE")]
	pub manifest: ManifestSource,
	/// Datasets of the manifest, each in a folder: NUMBER@VERSION=DIR.
	#[arg(long, required = true, num_args = 1.., value_name = "N@VERSION=DIR")]
	pub data: Vec<ChainData>,
	/// Log of the run, from its miner; the leaves of its batches are looked for beside it. Absent: beside the manifest.
	#[arg(long, value_name = "FILE")]
	pub log: Option<PathBuf>,
	/// Share of the batches that are made again; at least one is.
	#[arg(long, default_value_t = CHECKED_SHARE, value_parser = parse_share)]
	pub share: u32,
	/// Write the proof of each batch that is looked at into this folder.
	#[arg(long, value_name = "DIR")]
	pub proofs: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_dataset_of_the_chain_has_a_number_a_version_and_a_folder() {
		let of = |text: &str| text.parse::<TrainingData>();
		let dataset = DatasetRef { dataset: 7, version: 1 };
		let data = |tier| TrainingData::OfChain(ChainData { dataset, tier, folder: "a/b=c".into() });
		assert_eq!(of("7@1=a/b=c"), Ok(data(None)));
		assert_eq!(of("7@1:gold=a/b=c"), Ok(data(Some(DatasetTier::Gold))));
		for file in ["a.jsonl", "7.jsonl", "a=b", "me@home=x"] {
			assert_eq!(of(file), Ok(TrainingData::File(file.into())), "{file}");
		}
		for wrong in ["7@1=", "7@=x", "7@x=y", "7@1:best=x", "7@70000=x"] {
			assert!(of(wrong).is_err(), "{wrong}");
		}
	}

	#[test]
	fn shares_are_percentages_or_millionths() {
		for (text, share) in [("1%", 10_000), ("0.5%", 5_000), ("100%", MILLIONTHS), ("7", 7), ("0.0001%", 1)]
		{
			assert_eq!(parse_share(text), Ok(share), "{text}");
		}
		for wrong in ["101%", "x", "1.00001%", "-1%", "1.-5%", "%"] {
			assert!(parse_share(wrong).is_err(), "{wrong}");
		}
	}
}
