//! Files of a model: one part a file, each of which proves itself.
//!
//! ```text
//! 0     magic "TBLOCK02" | kind u8 | 0 (3 bytes) | section count u32 | tile bytes u32 | tile count u32 |
//!       payload bytes u64
//! 32    table of 26 sections: name u8 | kind u8 | 0 (2 bytes) | rows u32 | columns u32 | 0 (4 bytes)
//! 448   scales of 26 sections: mantissa u32 | exponent i16 | 0 (2 bytes) | peak u32 | 0 (4 bytes)
//! 864   0 (96 bytes)
//! 960   Merkle root of the tiles
//! 992   tensor root = blake2_256("blyan/tensorblock/2" ++ bytes 0..960 ++ root of the tiles)
//! 1024  payload: sections, each padded with zeros to 64 bytes
//! ...   Merkle index: one entry for each 64 KiB tile of the payload
//! ```
//!
//! All numbers are little endian. All of the header but scales and roots follows from the shape, so it is compared,
//! not interpreted: nothing that a file says is ever used as a length. The scales lie in the header, so that a proof
//! of some rows of a matrix needs no tile for them.
//!
//! A matrix is row-major, and a row holds everything that its outputs need: ternary codes, four to a byte; or `i8`
//! codes and the row's factor as `u16`; or `u4` codes, column 2j in the low half, and d and m of each group, `u16`
//! each, side by side. So an output is one range of bytes, and a matrix is used where it lies.

mod check;
mod header;
mod layout;
mod shape;
mod tile;
mod view;
mod writer;

pub use check::{check_content, check_scale, Fault};
pub use header::{
	claimed_root, claimed_shape, SectionScale, HEADER_BYTES, MAGIC, ROOT_OFFSET, SCALES_OFFSET, SCALE_BYTES,
	TILES_OFFSET,
};
pub use layout::{Layout, Placed, ALIGNMENT, HASH_BYTES};
pub use shape::{
	tensor_bytes, PartKind, PartShape, Section, ShapeError, COLUMNS_MAX, ROWS_MAX, SECTIONS_MAX,
};
pub use tile::{chunk_hashes, chunks_in, hash_tile, leaf_from, tile_leaf, CHUNK_BYTES, TILE_BYTES};
pub use view::{GainTensor, LoadedPart, PartView};
pub use writer::{
	assemble, part_file, seal, sealed_header, AssembleError, PartWriter, SectionData, WriteError,
};

#[cfg(test)]
mod tests;
