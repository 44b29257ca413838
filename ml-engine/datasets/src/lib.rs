//! Datasets as people bring them, and the pre-filter that runs before any model.
//!
//! ```text
//! files, folders ──> source ──> cut ──> filter ──> job: exact and near duplicates ──> blobs, manifest
//!   any format       bounded    pieces   a verdict      in the order of the hashes
//!                    memory              per text
//!
//! manifest, seed ──> audit: a sample of the blobs, judged again by those who did not make them ──> figures
//! ```
//!
//! All that a dataset says of itself depends on the bytes of its sources alone: not on where they lie, how they are named,
//! in which order they are given, or on the machine. Figures are integers, reasons closed lists; nothing is dropped uncounted.
//! docs/datasets.md has the limits and lists.
//!
//! Without the feature `pipeline` this crate has no readers and no jobs; without `audit` it is documents, licences and how texts are cut.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod cut;
mod document;
mod license;

#[cfg(feature = "audit")]
pub mod audit;
#[cfg(feature = "audit")]
mod counts;
#[cfg(feature = "pipeline")]
mod error;
#[cfg(feature = "audit")]
pub mod filter;
#[cfg(feature = "pipeline")]
pub mod job;
#[cfg(feature = "audit")]
pub mod manifest;
#[cfg(feature = "pipeline")]
pub mod reader;
#[cfg(feature = "audit")]
mod reason;
#[cfg(feature = "audit")]
mod record;
#[cfg(feature = "pipeline")]
pub mod source;

pub use document::{bucket, hexadecimal, text_family, Document};
pub use license::{Licence, LicenceError};

#[cfg(feature = "audit")]
pub use counts::{Counts, Tally};
#[cfg(feature = "pipeline")]
pub use error::Error;
#[cfg(feature = "audit")]
pub use reason::{Fault, Finding, Note, Reason};
