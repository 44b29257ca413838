//! TensorBlocks as safetensors files and back, so that experts can come from and go to any tool.
//!
//! ```text
//! expert  up          I8 [d_ff, d_model]   ternary weights, -1, 0 or 1     up.scale    F64 []
//!         gain        I16 [d_ff]           Q8: 256 stands for 1
//!         down        I8 [d_model, d_ff]                                   down.scale  F64 []
//! trunk   embedding   I8 [256, d_model]    8-bit weights                   embedding.scale
//!         rotary      I16 [context, head size / 2, 2]   cos and sin, Q14
//!         layers.N.attn_gain | wq | wk | wv | wo | attn_out_gain | ffn_gain | router, scales as above
//!         final_gain | head
//! whole     layers.N.experts.M.up | gain | down, scales as above: [`experts`] makes a file of each expert
//! metadata  "blyan": {"kind": "expert", "d_model": .., "d_ff": ..} or {"kind": "trunk", "config": {..}}
//! ```
//!
//! Real weights are weights times scale, `[out, in]` as in PyTorch's `Linear`. Export writes exactly these, and its
//! import is the same block byte for byte. Import takes floats in their place and rounds them as training does
//! ([`crate::quantise`]): absmean for ternary weights, the largest magnitude to 127 for 8-bit ones, Q8 for gains. A
//! trunk's rotary table may be left out; it is computed then. Limits, checked before anything is allocated:
//! [`FILE_BYTES_MAX`], [`HEADER_BYTES_MAX`], and the exact shape of every tensor.

mod error;
mod experts;
mod export;
mod import;
mod schema;
#[cfg(test)]
mod tests;

pub use error::SafetensorsError;
pub use experts::{experts, Experts};
pub use export::export;
pub use import::{import, Imported};
pub use schema::section_names;

/// Largest file that is imported: twice a trunk at its bounds in 64-bit floats.
pub const FILE_BYTES_MAX: u64 = 1 << 29;
/// Largest header of such a file. That of a trunk of 32 layers has 60 KiB.
pub const HEADER_BYTES_MAX: u64 = 1 << 20;
/// The key of the metadata.
const METADATA_KEY: &str = "blyan";
