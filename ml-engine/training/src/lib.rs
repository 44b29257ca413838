//! Quantisation-aware training: the only crate of this project that computes results in floats.
//!
//! A model is trained as the integer network will run it: every forward pass uses weights and activations
//! rounded to what integers can hold ([`network`]), and rounding passes gradients straight through.
//! [`base::train_base`] makes a model from nothing; [`expert::train_expert`] improves one expert of a
//! finished model, which is what a miner does; [`open::train_adapter`] does the same for an open model of the second
//! definition. No node links this crate: the tensor library (burn) ends here.
#![deny(unsafe_op_in_unsafe_fn)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod base;
mod checkpoint;
mod convert;
mod corpus;
mod device;
mod error;
pub mod expert;
mod frozen;
mod holdout;
mod lock;
mod network;
pub mod open;
mod ops;
mod optimiser;
mod progress;
mod quantiser;
#[cfg(test)]
mod tests;
mod trainer;
mod weights;
mod workers;

pub use convert::{export, ExactWeights};
pub use corpus::{Corpus, TrainingSource};
pub use device::cuda_device;
pub use error::TrainError;
pub use lock::ensure_checkpoint_is_free;
pub use ops::TrainBackend;
pub use optimiser::{OptimiserConfig, Schedule};
pub use progress::Progress;
pub use quantiser::Format;
pub use weights::{parameter_specs, Latent, ParameterSpec};
