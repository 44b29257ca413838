//! Operators of the second definition (docs/definition-2.md), bit-equal to it on every instruction set.
//!
//! Products are written with intrinsics for AVX-512 VNNI and AVX2, and in plain Rust for every other processor;
//! row-wise steps are plain loops compiled once per instruction set.

mod adapter;
mod attention;
mod heads;
mod hidden;
// Tiles are read by the kernels of x86-64 alone.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
mod inputs;
mod linear;
mod matrix;
mod quantise;
mod rescale;
mod rows;
mod sampling;
#[cfg(test)]
mod tests;

pub use adapter::{adapt, Adapted, PackedAdapter};
pub use attention::{attend, attend_pieces, HeadCache, Queries, Scratch};
pub use heads::{angles, normalise, quantise_heads, rotate, value_step};
pub use inputs::{Inputs, InputsView, TOKENS};
pub use linear::{accumulate, embed, linear};
pub use matrix::{Packed, PackedView, ROWS};
pub use rows::{add, loss, mix, peaks, sums};
pub use sampling::{masses, MASSES, TERM_DISTANCE_MAX};

use crate::Kernel;
use blyan_exact::definition2::{Real, WeightKind};
