//! Learning from datasets of the chain, so that it can be checked which records taught an expert.
//!
//! ```text
//! folders ──> mixture ──> batches by order ──> trainer           the order is blyan_primitives::BatchOrder
//!                └─────> log, leaves, manifest                   record: beside the expert
//! manifest, log, leaves, folders ──> the same batches ──> fault  check, proof
//! ```

pub mod check;
pub mod mixture;
pub mod proof;
pub mod record;
mod source;
#[cfg(test)]
mod tests;

pub use check::{check_batches, check_gain, check_log, ManifestFault};
pub use mixture::{dataset_name, Mixture};
pub use proof::BatchProof;
pub use record::{manifest_hash, read_manifest, RunFiles, RunRecord, RunStart};
pub use source::TextSource;
