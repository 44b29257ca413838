//! TensorBlock: one file a trunk or an expert, read in place.
//!
//! The format is [`blyan_exact::block`]'s, because the chain has to know it as well. Nothing a file says is ever used
//! as a length. Limits, all checked before anything is allocated: the bounds of
//! [`ModelConfig`](blyan_exact::ModelConfig), and the exact length of the file.

mod error;
#[cfg(test)]
mod fuzz;
mod mapping;
mod reader;
pub mod safetensors;
#[cfg(test)]
mod tests;
mod verified;
mod writer;

pub use blyan_exact::block::{BlockShape, Layout, ALIGNMENT, HEADER_BYTES, TILE_BYTES};
pub use error::BlockError;
pub(crate) use mapping::{map as mapped, Bytes};
pub use reader::{read, TensorBlock};
pub use writer::{blob_ref, block_ref, write_expert, write_trunk};
