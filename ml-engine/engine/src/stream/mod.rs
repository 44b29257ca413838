//! Weights that are used while they are read, within a budget of memory.
//!
//! ```text
//!  reader thread         decoding threads                      the caller
//!  file -> [ stored ] -> base 3 or zstd, hashes -> [ plain ] -> rows times activations
//!             ^--------- given back ---------'        ^--- given back ---'
//! ```
//!
//! A [`TileFile`] holds the payload of a block, or any matrix of ternary codes, cut into the tiles that the Merkle tree
//! of its root is over. Each tile is compressed alone: weights in base 3, anything else by zstd. [`Streamer`] reads
//! several tiles at a time, decompresses them, holds them against the root and hands them on in order. There are two
//! buffers on either side of each decoding thread, so reading, decoding and computing go on at once; the buffers are
//! all there is, and they are used again. [`StreamedMatrix`] and [`StreamedExpert`] compute with what arrives, to the bit
//! what the weights in memory give.

mod error;
mod expert;
mod file;
mod matrix;
mod pipeline;
mod ternary;
#[cfg(test)]
mod tests;

pub use error::StreamError;
pub use expert::{stream_experts, ExpertSteps, StreamedExpert};
pub use file::{Compression, TileFile};
pub use matrix::StreamedMatrix;
pub use pipeline::{Slab, StreamConfig, Streamer};
