//! Proof of one batch: enough of the data to make it again, for those who have none.
//!
//! ```text
//! record's line ─path─> root of its blob ─manifest of the dataset─> root in the log      which records
//! log ──hash──> manifest                                                                 which of them are drawn
//! leaf of the batch ─path─> root of its epoch in the manifest                            what the miner committed to
//! ```

use super::mixture::{learned, Mixture};
use crate::failure::{Failure, Kind, Outcome};
use blyan_datasets::reader::{check_record, read_manifest};
use blyan_primitives::{batch_leaf, TrainingLog, TrainingManifest};
use serde::{Deserialize, Serialize};
use sp_core::H256;
use std::{
	cell::RefCell,
	collections::{BTreeMap, BTreeSet},
};

/// A record of a dataset, with its path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordProof {
	/// Place of the dataset in the log.
	pub dataset: usize,
	/// Number of the record.
	pub record: u64,
	/// Canonical line.
	pub line: String,
	/// Siblings from its leaf to the root of its blob.
	pub path: Vec<H256>,
}

/// Proof of one batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchProof {
	/// Manifest of the run.
	pub manifest: TrainingManifest,
	/// Log of the run.
	pub log: TrainingLog,
	/// The batch.
	pub batch: u32,
	/// Its leaf, as the miner committed to it.
	pub leaf: H256,
	/// Siblings from the leaf to the root of its epoch.
	pub path: Vec<H256>,
	/// Canonical manifests of the datasets, in the order of the log.
	pub datasets: Vec<String>,
	/// Records that its draws look at, those that are held out included.
	pub records: Vec<RecordProof>,
}

impl BatchProof {
	/// Makes the proof of a batch.
	pub fn make(
		mixture: &Mixture,
		manifest: &TrainingManifest,
		log: &TrainingLog,
		leaves: &[H256],
		batch: u32,
	) -> Outcome<Self> {
		let missing = || Failure::new(format!("the run has no batch {batch}")).next("name an earlier one");
		let leaf = usize::try_from(batch).ok().and_then(|place| leaves.get(place)).ok_or_else(missing)?;
		let path = log.path(leaves, batch).ok_or_else(missing)?;
		let looked_at = RefCell::new(BTreeSet::new());
		let mut text = |dataset: usize, record: u64| -> Outcome<Option<Vec<u8>>> {
			looked_at.borrow_mut().insert((dataset, record));
			Ok(learned(mixture.reader(dataset)?.document(record)?))
		};
		log.order().batch(log.step(batch), log.sequences, log.length, &mut text)?;
		let record = |(dataset, record): (usize, u64)| -> Outcome<RecordProof> {
			let reader = mixture.reader(dataset)?;
			let line = String::from_utf8(reader.line(record)?)?;
			let path = reader.path(record)?.into_iter().map(H256).collect();
			Ok(RecordProof { dataset, record, line, path })
		};
		let records = looked_at.into_inner().into_iter().map(record).collect::<Outcome<Vec<_>>>()?;
		let of_dataset = |place: usize| -> Outcome<String> {
			Ok(String::from_utf8(mixture.reader(place)?.manifest().canonical()?)?)
		};
		let datasets = (0..log.datasets.len()).map(of_dataset).collect::<Outcome<Vec<_>>>()?;
		let (manifest, log) = (manifest.clone(), log.clone());
		Ok(Self { manifest, log, batch, leaf: *leaf, path, datasets, records })
	}

	/// Makes the batch again; true if it is the one that the miner committed to, false if that is refuted.
	///
	/// # Errors
	/// A proof that shows neither, and why.
	pub fn check(&self) -> Outcome<bool> {
		let Self { manifest, log, batch, leaf, path, .. } = self;
		if !log.is_valid() || !log.is_of(manifest) {
			return Err(undecided("its log is not that of its manifest"));
		}
		if !log.proves(manifest, *batch, leaf, path) {
			return Err(undecided("its leaf is not one that the manifest commits to"));
		}
		let mut of_datasets = Vec::new();
		for (planned, text) in log.datasets.iter().zip(&self.datasets) {
			let dataset = read_manifest(text.as_bytes()).map_err(|reason| undecided(&reason))?;
			let is_it = dataset.root == hex::encode(planned.root) && dataset.documents == planned.records;
			if !is_it {
				return Err(undecided("the manifest of a dataset is not that of the root in the log"));
			}
			of_datasets.push(dataset);
		}
		// A log may ask for a batch of millions of sequences, which look at the same few records: each is checked once.
		let listed: BTreeMap<(usize, u64), &RecordProof> =
			self.records.iter().rev().map(|proof| ((proof.dataset, proof.record), proof)).collect();
		let mut checked: BTreeMap<(usize, u64), Option<Vec<u8>>> = BTreeMap::new();
		let mut text = |place: usize, number: u64| -> Outcome<Option<Vec<u8>>> {
			if let Some(text) = checked.get(&(place, number)) {
				return Ok(text.clone());
			}
			let missing = || undecided("a record that the batch is drawn from is missing");
			let dataset = of_datasets.get(place).ok_or_else(missing)?;
			let proof = listed.get(&(place, number)).ok_or_else(missing)?;
			let path: Vec<[u8; 32]> = proof.path.iter().map(|sibling| sibling.0).collect();
			let document = check_record(dataset, number, proof.line.as_bytes(), &path)
				.map_err(|reason| undecided(&format!("record {number}: {reason}")))?;
			let text = learned(document);
			checked.insert((place, number), text.clone());
			Ok(text)
		};
		let step = log.step(*batch);
		let bytes = log.order().batch(step, log.sequences, log.length, &mut text)?;
		// Where no batch can be made, none was.
		Ok(bytes.is_some_and(|bytes| batch_leaf(step, &bytes) == *leaf))
	}
}

fn undecided(reason: &str) -> Failure {
	Failure::new(format!("the proof shows nothing: {reason}"))
		.kind(Kind::Undecided)
		.next("have it made again with: blyan dataset verify-manifest --proofs DIR")
}
