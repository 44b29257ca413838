//! The integer network: the one definition of every score, answer and proof.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod config;

pub use config::{ConfigError, ModelConfig};
