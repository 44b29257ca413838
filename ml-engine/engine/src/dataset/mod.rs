//! Text with its provenance: where each document came from, and under which licence.
//!
//! Files of any other kind than crates are read by the crate `blyan-datasets`.
//!
//! A dataset is a JSONL file, one [`Document`] a line, in an order that depends on nothing but the
//! documents. Whether a document is held out follows from its family alone ([`Document::is_held_out`]), and its
//! family from the crate and file it is of, or else from its words; so everyone who builds a dataset from the same
//! sources agrees on which texts are held out of training, wherever those lie.

mod collector;
mod crates;
mod error;
mod holdout;
mod jsonl;
mod lines;
mod skipped;

pub use blyan_datasets::{Document, Licence, LicenceError};
pub use collector::Collected;
pub use crates::{from_crates, CratesOptions};
pub use error::DatasetError;
pub use holdout::{Holdout, HoldoutOptions};
pub use jsonl::{read_jsonl, write_jsonl, JsonlReader};
pub use skipped::{SkipReason, Skipped};

use blyan_datasets::{bucket, hexadecimal};

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
