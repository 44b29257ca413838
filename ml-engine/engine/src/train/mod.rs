//! Training: the only part of the engine that computes in floats.
//!
//! A model is trained as the integer network will run it: every forward pass uses weights and activations
//! rounded to what integers can hold ([`network`]), and rounding passes gradients straight through.
//! [`base::train_base`] makes a model from nothing; [`expert::train_expert`] improves one expert of a
//! finished model, which is what a miner does.

pub mod base;
mod checkpoint;
pub(crate) mod convert;
mod corpus;
mod device;
mod error;
pub mod expert;
mod frozen;
mod network;
mod ops;
mod optimiser;
mod progress;
mod quantiser;
mod rotary;
#[cfg(test)]
mod tests;
mod weights;
mod workers;

pub use convert::{export, ExactWeights};
pub use corpus::Corpus;
pub use device::cuda_device;
pub use error::TrainError;
pub use ops::TrainBackend;
pub use optimiser::{OptimiserConfig, Schedule};
pub use progress::Progress;
pub use quantiser::Format;
pub use rotary::rotary_table;
pub use weights::{parameter_specs, Latent, ParameterSpec};
