//! Checks of a manifest, in order: signature, datasets, batches, gain. The first fault ends them.

use super::mixture::{dataset_name, Mixture};
use crate::failure::{Failure, Kind, Outcome};
use blyan_primitives::{batch_leaf, is_gain_consistent, DatasetRef, TrainingLog, TrainingManifest};
use sp_core::H256;

/// Fault that refutes a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestFault {
	/// The miner has not signed it, or what was signed is another one.
	InvalidSignature,
	/// The chain knows no such dataset in use, or the run's log names another root for it.
	DatasetUnknown(DatasetRef),
	/// A batch is not the one that follows from datasets, seed and step; or the log contradicts the manifest, so that no batch
	/// follows from it.
	BatchMismatch(u32),
	/// Expected and measured gain, bits per byte in Q16, differ by more than a tenth.
	GainInconsistent {
		/// Gain that the miner measured.
		expected: i64,
		/// Gain that the network measured.
		measured: i64,
	},
}

impl ManifestFault {
	/// Name of the fault, for programs.
	pub fn name(&self) -> String {
		match self {
			Self::InvalidSignature => "InvalidSignature".into(),
			Self::DatasetUnknown(dataset) => format!("DatasetUnknown({})", dataset_name(*dataset)),
			Self::BatchMismatch(batch) => format!("BatchMismatch({batch})"),
			Self::GainInconsistent { .. } => "GainInconsistent".into(),
		}
	}

	/// The fault as a failure of the command.
	pub fn failure(&self) -> Failure {
		let (reason, next) = match self {
			Self::InvalidSignature => (
				"the miner has not signed this manifest".to_string(),
				"a miner signs with `blyan submit --manifest`, or without a chain with `blyan dataset sign-manifest`",
			),
			Self::DatasetUnknown(dataset) => (
				format!("dataset {} is not in use with this root", dataset_name(*dataset)),
				"look at it with: blyan dataset show N.VERSION; if its folder is another version, fetch the right one",
			),
			Self::BatchMismatch(batch) => (
				format!("batch {batch} is not the one that datasets, seed and step give"),
				"write its proof with --proofs DIR, and give that to others: blyan dataset verify-batch FILE",
			),
			Self::GainInconsistent { expected, measured } => (
				format!(
					"the miner measured a gain of {:.5} bits/byte, the network {:.5}",
					*expected as f64 / 65_536.0,
					*measured as f64 / 65_536.0
				),
				"samples differ, so this alone proves nothing; docs/datasets.md says how far to trust it",
			),
		};
		Failure::new(format!("{}: {reason}", self.name())).kind(Kind::Refused).next(next)
	}
}

/// Checks that log and leaves are those of the manifest.
///
/// A log with another hash, or leaves with other roots, are not the miner's: with those nothing can be decided. A log of the right hash that
/// contradicts the manifest is a fault.
pub fn check_log(
	manifest: &TrainingManifest,
	log: &TrainingLog,
	leaves: &[H256],
) -> Outcome<Option<ManifestFault>> {
	let undecided = |message: &str| {
		Failure::new(message)
			.kind(Kind::Undecided)
			.next("ask the miner for the .log and the .leaves of this run")
	};
	if log.hash() != manifest.log {
		return Err(undecided("the log is not the one that the manifest names"));
	}
	if !log.is_of(manifest) {
		return Ok(Some(ManifestFault::BatchMismatch(0)));
	}
	match log.roots(leaves).as_slice() == manifest.batch_roots.as_slice() {
		true => Ok(None),
		false => Err(undecided("the leaves are not those that the manifest commits to")),
	}
}

/// Makes batches again; returns the first one that is another.
pub fn check_batches(
	mixture: &Mixture,
	log: &TrainingLog,
	leaves: &[H256],
	batches: &[u32],
) -> Outcome<Option<ManifestFault>> {
	let order = log.order();
	for batch in batches {
		let step = log.step(*batch);
		let bytes = mixture.batch(&order, step, log.sequences, log.length)?;
		let claimed = usize::try_from(*batch).ok().and_then(|place| leaves.get(place));
		if claimed != Some(&batch_leaf(step, &bytes)) {
			return Ok(Some(ManifestFault::BatchMismatch(*batch)));
		}
	}
	Ok(None)
}

/// Compares the gain that the miner measured with the network's, where both are known.
pub fn check_gain(log: &TrainingLog, measured: Option<i64>) -> Option<ManifestFault> {
	let (expected, measured) = log.expected_gain.zip(measured)?;
	let fault = ManifestFault::GainInconsistent { expected, measured };
	(!is_gain_consistent(expected, measured)).then_some(fault)
}
