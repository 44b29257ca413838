//! TensorBlock: one file a trunk or an expert, read in place.
//!
//! ```text
//! 0    magic "TBLOCK01" | kind u8 | quantisation u8 | version u16 | config 11 bytes | 0
//! 24   section count u32 | tile bytes u32 | payload offset u64 | payload length u64
//! 48   index offset u64 | tile count u32 | 0 (4 bytes)
//! 64   Merkle root of the tiles
//! 96   tensor root = blake2_256("blyan/tensorblock/1" ++ bytes 0..64 ++ root of the tiles)
//! 128  payload: sections, each padded with zeros to 64 bytes
//!      trunk   scales | embedding | rotary |
//!              a layer: attn_gain | wq | wk | wv | wo | attn_out_gain | ffn_gain | router |
//!              final_gain | head
//!      expert  scales | up | gain | down
//! ...  Merkle index: one Blake2b-256 leaf for each 64 KiB tile of the payload
//! ```
//!
//! All numbers are little endian. Bytes 0..64 follow from kind and configuration, so they are compared, not
//! interpreted: nothing a file says is ever used as a length. Limits, all checked before anything is
//! allocated: the bounds of [`ModelConfig`](blyan_exact::ModelConfig), and the exact length of the file.

mod error;
mod layout;
mod mapping;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use error::BlockError;
pub use layout::{BlockShape, Layout, ALIGNMENT, HEADER_BYTES, TILE_BYTES};
pub(crate) use mapping::map as mapped;
pub use reader::TensorBlock;
pub use writer::{blob_ref, block_ref, write_expert, write_trunk};
