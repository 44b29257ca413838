//! The runtime one release ahead, as WebAssembly: [`WASM_BINARY`] is what tests upgrade a running chain to.
//!
//! It is `blyan-runtime` with its feature `next`.
#![cfg_attr(substrate_runtime, no_std)]
#![allow(missing_docs)] // The generated constants carry none.

#[cfg(substrate_runtime)]
pub use blyan_runtime::*;

#[cfg(not(substrate_runtime))]
include!(concat!(env!("OUT_DIR"), "/wasm_binary.rs"));
