//! Open checkpoints of language models, read in place: GGUF files, and directories of safetensors.
//!
//! [`Checkpoint::open`] checks everything that a file claims against the file before it allocates anything by it, and
//! answers with one neutral [`Architecture`] and one [`Weight`] a [`Role`], whatever the format and the family. A
//! checkpoint that would compute something else than its description says is refused by name ([`CheckpointError`]).
//!
//! The crate knows neither the chain nor the integer definition; [`mod@reference`] computes the model in floats, as a
//! yardstick for what integers cost.

#![deny(unsafe_op_in_unsafe_fn)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod architecture;
mod bytes;
mod checkpoint;
mod description;
mod encoding;
mod error;
pub mod gguf;
pub mod reference;
mod role;
pub mod safetensors;
mod tokenizer;
mod weight;

pub use architecture::{
	Activation, Architecture, Family, FeedForward, PairOrder, QkNorm, Rope, RopeScaling, SpecialTokens,
};
pub use checkpoint::Checkpoint;
pub use description::{FileHash, ModelCard};
pub use encoding::{Encoding, GroupKind, Groups, GROUP};
pub use error::CheckpointError;
pub use role::Role;
pub use tokenizer::{GgufTokenizer, Tokenizer};
pub use weight::Weight;

/// The example of the README, compiled by `cargo test --doc`.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
