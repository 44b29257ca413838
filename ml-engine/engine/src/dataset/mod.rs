//! Text with its provenance: where each document came from, and under which licence.
//!
//! A dataset is a JSONL file, one [`Document`] a line, in an order that depends on nothing but the
//! documents. Whether a document is held out follows from its family alone ([`Document::is_held_out`]), and its
//! family from the crate and file it is of, or else from its words; so everyone who builds a dataset from the same
//! sources agrees on which texts are held out of training, wherever those lie.

mod collector;
mod crates;
mod cut;
mod error;
mod files;
mod holdout;
mod jsonl;
mod license;
mod lines;
mod skipped;

pub use collector::Collected;
pub use crates::{from_crates, CratesOptions};
pub use error::DatasetError;
pub use files::{from_files, from_jsonl, FilesOptions};
pub use holdout::{Holdout, HoldoutOptions};
pub use jsonl::{read_jsonl, write_jsonl, JsonlReader};
pub use license::{Licence, LicenceError};
pub use skipped::{SkipReason, Skipped};

use blyan_exact::blake2_256;
use serde::{Deserialize, Serialize};

/// One document and where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
	/// The text.
	pub text: String,
	/// Where it came from, as in `serde-1.0.0/src/lib.rs`, or `book.txt#2/7` for a piece of a longer text.
	pub origin: String,
	/// Key shared by all versions of this document, as in `serde/src/lib.rs`, or `text/` and a hash of its words. Held
	/// out together.
	pub family: String,
	/// SPDX licence expression.
	pub license: String,
	/// Blake2b-256 of the text, lower-case hexadecimal.
	pub hash: String,
}

impl Document {
	/// A document with its hash.
	pub fn new(text: String, origin: String, family: String, license: String) -> Self {
		let hash = hexadecimal(&blake2_256(&[text.as_bytes()]));
		Self { text, origin, family, license, hash }
	}

	/// Reports whether the document belongs to the `percent` of families that are kept for judging.
	///
	/// By family and not by text: two versions of one file differ in a line, and training on one would
	/// give the other away.
	pub fn is_held_out(&self, percent: u8) -> bool {
		bucket("holdout", &self.family) % 100 < u32::from(percent)
	}
}

/// A number that depends on nothing but the two strings, uniform over u32.
pub(crate) fn bucket(domain: &str, name: &str) -> u32 {
	let digest = blake2_256(&[domain.as_bytes(), b"\0", name.as_bytes()]);
	u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])
}

/// Lower-case hexadecimal.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
	bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Progress of a walk over sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatasetProgress {
	/// Crates or files looked at.
	pub sources: usize,
	/// Crates or files there are.
	pub sources_total: usize,
	/// Documents taken.
	pub documents: usize,
	/// Bytes of text taken.
	pub bytes: u64,
	/// Texts that were left out, by reason.
	pub skipped: Skipped,
}
