//! Tiles of a payload, and the chunks that a dispute shows of them.
//!
//! A tile is what a reader verifies at once, and has one entry in the index: the hash over its chunks' hashes. A
//! chunk is what a witness shows, so that a proof of a few rows is not a proof of 64 KiB.

use crate::{
	hash::{blake2_256, Hash},
	merkle,
};
use alloc::vec::Vec;
use core::ops::Range;

/// Bytes of a tile, the unit of verification; the last one may be shorter.
pub const TILE_BYTES: u64 = 64 * 1024;
/// Bytes of a chunk, the unit of proof; the last one may be shorter.
pub const CHUNK_BYTES: u64 = 4 * 1024;

/// Returns the number of chunks in so many bytes.
pub fn chunks_in(bytes: u64) -> usize {
	bytes.div_ceil(CHUNK_BYTES) as usize
}

/// Returns the hashes of the chunks of a tile: [`merkle::leaf`] of each.
pub fn chunk_hashes(tile: &[u8]) -> Vec<Hash> {
	tile.chunks(CHUNK_BYTES as usize).map(merkle::leaf).collect()
}

/// Returns a tile's entry in the index, from the hashes of its chunks.
pub fn tile_leaf(chunks: &[Hash]) -> Hash {
	// Under a first byte of its own, beside those of leaves and nodes.
	blake2_256(&[&[2], chunks.as_flattened()])
}

/// Returns a tile's entry in the index.
pub fn hash_tile(tile: &[u8]) -> Hash {
	tile_leaf(&chunk_hashes(tile))
}

/// Returns the entry in the index of a tile of `count` chunks, of which `shown` has the bytes from chunk
/// `range.start` on and `others` the hashes of all others; `None` if the numbers do not agree.
pub fn leaf_from(count: usize, range: &Range<usize>, shown: &[u8], others: &[Hash]) -> Option<Hash> {
	if range.end > count
		|| chunks_in(shown.len() as u64) != range.len()
		|| others.len() + range.len() != count
	{
		return None;
	}
	let mut hashes = others.to_vec();
	hashes.splice(range.start..range.start, chunk_hashes(shown));
	Some(tile_leaf(&hashes))
}
