//! The manifest of a dataset: roots over its documents, counts by reason, figures of quality.
//!
//! ```text
//! leaf    of a document = hash of its canonical line
//! root    of a blob     = Merkle root over its documents' leaves
//! root    of a dataset  = Merkle root over its blobs' roots
//! id      of a dataset  = Blake2b-256 of the manifest's canonical bytes
//! ```
//!
//! Canonical bytes are RFC 8785: keys in the order of the alphabet, no spaces, integers only. Neither paths nor names of people or
//! machines are among the fields.

use crate::{filter::Rules, hexadecimal, Counts};
use blyan_exact::{blake2_256, merkle, Hash};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Name of the format.
pub const FORMAT: &str = "blyan-dataset";
/// Version of the format.
pub const VERSION: u16 = 1;
/// Percentage of families that are held out of training.
pub const HELD_OUT_PERCENT: u8 = 10;

/// One file of documents, at most 64 MiB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobRecord {
	/// Bytes of the file.
	pub bytes: u64,
	/// Documents in it.
	pub documents: u64,
	/// Blake2b-256 of the file, hexadecimal.
	pub hash: String,
	/// Merkle root over its documents, hexadecimal.
	pub root: String,
}

/// Clusters of near duplicates, of which one document each was kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clusters {
	/// Clusters with more than one text.
	pub count: u64,
	/// Texts of the largest.
	pub largest: u64,
	/// Clusters by their texts, rounded down to a power of two.
	pub sizes: BTreeMap<u64, u64>,
}

impl Clusters {
	/// Counts clusters by how many texts each lost to its representative.
	pub fn of(lost: impl IntoIterator<Item = u64>) -> Self {
		let mut clusters = Self::default();
		lost.into_iter().for_each(|lost| clusters.add(lost));
		clusters
	}

	/// Counts a cluster that lost this many texts to its representative.
	pub fn add(&mut self, lost: u64) {
		let size = lost.saturating_add(1);
		self.count += 1;
		self.largest = self.largest.max(size);
		*self.sizes.entry(1 << size.ilog2()).or_default() += 1;
	}
}

/// Manifest of a dataset.
// The fields are in the order of the alphabet: that is the canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
	/// Files, in the order of their documents' hashes.
	pub blobs: Vec<BlobRecord>,
	/// Bytes of text.
	pub bytes: u64,
	/// Clusters of near duplicates.
	pub clusters: Clusters,
	/// Counts of what was read, left out, found, put right.
	pub counts: Counts,
	/// Documents in all blobs.
	pub documents: u64,
	/// [`FORMAT`].
	pub format: String,
	/// Documents that are held out of training.
	pub held_out: u64,
	/// Documents by language, where their source names one.
	pub languages: BTreeMap<String, u64>,
	/// Licence of documents that name none themselves.
	pub licence: String,
	/// Bytes of text by licence.
	pub licences: BTreeMap<String, u64>,
	/// Merkle root over the blobs' roots, hexadecimal.
	pub root: String,
	/// Rules of the filter.
	pub rules: Rules,
	/// [`VERSION`].
	pub version: u16,
}

impl Manifest {
	/// The canonical bytes.
	///
	/// # Errors
	///
	/// Fails only if the serialiser does, which these types never make it do.
	pub fn canonical(&self) -> Result<Vec<u8>, serde_json::Error> {
		serde_json::to_vec(self)
	}

	/// The dataset's id.
	///
	/// # Errors
	///
	/// As [`Self::canonical`].
	pub fn id(&self) -> Result<Hash, serde_json::Error> {
		Ok(blake2_256(&[&self.canonical()?]))
	}
}

/// The root over blobs.
pub fn root(blobs: &[Hash]) -> String {
	hexadecimal(&merkle::root(blobs))
}

/// File name of the blob of a number.
pub fn blob_name(number: usize) -> String {
	format!("blobs/{number:05}.jsonl")
}

#[cfg(test)]
mod tests {
	use super::*;

	fn manifest() -> Manifest {
		Manifest {
			blobs: vec![BlobRecord { bytes: 1, documents: 2, hash: "a".into(), root: "b".into() }],
			bytes: 3,
			clusters: Clusters::of([1, 2, 6]),
			counts: Counts::default(),
			documents: 2,
			format: FORMAT.into(),
			held_out: 0,
			languages: BTreeMap::from([("en".into(), 2)]),
			licence: "MIT".into(),
			licences: BTreeMap::from([("MIT".into(), 3)]),
			root: root(&[]),
			rules: Rules::default(),
			version: VERSION,
		}
	}

	#[test]
	fn canonical_bytes_have_their_keys_in_order_and_round_trip() {
		let bytes = manifest().canonical().unwrap();
		let read: Manifest = serde_json::from_slice(&bytes).unwrap();
		assert_eq!(read, manifest());
		assert_eq!(read.canonical().unwrap(), bytes);
		// A map of the standard library orders keys as the standard asks.
		let ordered: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&bytes).unwrap();
		let text = String::from_utf8(bytes).unwrap();
		let places: Vec<usize> =
			ordered.keys().map(|key| text.find(&format!("\"{key}\":")).unwrap()).collect();
		assert_eq!(places[0], 1);
		assert!(!text.contains(' ') && !text.contains('.'));
		for record in [
			"{\"bytes\":1,\"documents\":2,\"hash\":",
			"\"counts\":{\"findings\":{},\"left_out\":{},\"notes\":{},\"read\":0}",
		] {
			assert!(text.contains(record), "{text}");
		}
	}

	#[test]
	fn clusters_are_counted_by_their_size() {
		let clusters = Clusters::of([1, 2, 6]);
		assert_eq!((clusters.count, clusters.largest), (3, 7));
		assert_eq!(clusters.sizes, BTreeMap::from([(2, 2), (4, 1)]));
	}

	#[test]
	fn the_id_changes_with_any_field() {
		let other = Manifest { held_out: 1, ..manifest() };
		assert_ne!(other.id().unwrap(), manifest().id().unwrap());
	}
}
