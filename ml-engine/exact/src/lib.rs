//! The integer network: the one definition of every score, answer and proof.
//!
//! A byte-level Mixture-of-Experts transformer in integers only, whose result is one bit string on any
//! machine. One file an operator; [`Model`] strings them together in plain loops. Faster paths live
//! elsewhere and are tested against this one.
//!
//! Numbers: residual stream Q12 within 2^22; activations 8 bits; accumulators `i32`; scales [`Scale`];
//! logits and losses Q16 in bits. Rounding is to nearest, halves away from zero, everywhere
//! ([`number::div_round`]), except where a doc comment says otherwise. Every 64-bit intermediate has its
//! bound beside it and a test at the extreme; what the bounds rest on is checked once, when a model is
//! admitted ([`Model::new`], [`ModelConfig::validate`]).
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
// Indexing and plain arithmetic stay allowed: the loops are the specification and must read like it. Their
// indices follow from validated shapes and their operands from the bounds stated beside them.
#![cfg_attr(not(test), deny(clippy::float_arithmetic, clippy::panic, clippy::expect_used))]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod attention;
pub mod block;
mod config;
pub mod definition2;
pub mod exponential;
mod forward;
pub mod gain;
pub mod golden;
mod hash;
mod linear;
mod loss;
pub mod merkle;
pub mod norm;
pub mod number;
mod program;
pub mod rotary;
pub mod routing;
pub mod sampling;
pub mod similarity;
pub mod step;
pub mod trace;
pub mod tree;
mod weights;

/// Version of this definition. Whatever changes one number that a score, an answer or a proof is made of changes it; claims
/// name the version they were computed under.
pub const DEFINITION: u32 = if cfg!(feature = "next-definition") { 2 } else { 1 };

pub use config::{ConfigError, ModelConfig, SlotIndex, VOCAB};
pub use forward::{argmax, Logits, Model};
pub use hash::{blake2_256, Hash};
pub use linear::{add_residual, dot, Matrix, LOGIT_MAX, PROJECTION_MAX, RESIDUAL_MAX};
pub use loss::loss;
pub use norm::Activations;
pub use number::{Rescale, Scale};
pub use program::{Operator, Program, Shape};
pub use sampling::Sampling;
pub use trace::Trace;
pub use weights::{model_root, model_root_over, Expert, Layer, ModelError, Trunk};
