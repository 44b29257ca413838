//! Datasets as people bring them, and the pre-filter that runs before any model.
//!
//! ```text
//! files, folders ──> source ──> cut ──> filter ──> job: exact and near duplicates ──> blobs, manifest
//!   any format       bounded    pieces   a verdict      in the order of the hashes
//!                    memory              per text
//! ```
//!
//! All that a dataset says of itself depends on the bytes of its sources alone: not on where they lie, how they are named,
//! in which order they are given, or on the machine. Figures are integers, reasons closed lists; nothing is dropped uncounted.
//! docs/datasets.md has the limits and lists.
//!
//! Without the feature `pipeline` this crate is documents, licences and how texts are cut.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod cut;
mod document;
mod license;

#[cfg(feature = "pipeline")]
mod counts;
#[cfg(feature = "pipeline")]
mod error;
#[cfg(feature = "pipeline")]
pub mod filter;
#[cfg(feature = "pipeline")]
pub mod job;
#[cfg(feature = "pipeline")]
pub mod manifest;
#[cfg(feature = "pipeline")]
mod reason;
#[cfg(feature = "pipeline")]
pub mod source;

pub use document::{bucket, hexadecimal, text_family, Document};
pub use license::{Licence, LicenceError};

#[cfg(feature = "pipeline")]
pub use counts::{Counts, Tally};
#[cfg(feature = "pipeline")]
pub use error::Error;
#[cfg(feature = "pipeline")]
pub use reason::{Finding, Note, Reason};
