//! Models, fast exact evaluation, serving and TensorBlock files.
//!
//! The engine turns hashes into work: it opens blocks from its blob store, evaluates candidates to the bit
//! that [`blyan_exact`] defines, and generates text. It knows nothing of accounts, extrinsics or storage.
#![deny(unsafe_op_in_unsafe_fn)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod benchmark;
pub mod blobs;
pub mod block;
pub mod copies;
#[cfg(feature = "cuda-eval")]
pub mod cuda;
pub mod dataset;
pub mod dataset_audit;
pub mod decode;
pub mod eval;
pub mod model;
pub mod open_copies;
pub mod packed;
pub mod quantise;
pub mod queue;
pub mod stream;
pub mod tiles;

pub use blyan_kernel as kernel;
