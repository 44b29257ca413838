//! Whole tiles of a part, proven to its tensor root: how an operator shows that it has the bytes of a candidate.

use super::evidence::{Evidence, Witness};
use crate::{
	definition2::block::{hash_tile, Layout, HEADER_BYTES, TILES_OFFSET},
	hash::Hash,
	merkle,
};

/// Proves a tile of a part's file; `None` if the file has another shape or no such tile.
pub fn prove_tile(layout: &Layout, file: &[u8], tile: usize) -> Option<Evidence> {
	layout.check_header(file).ok()?;
	let path = merkle::prove(layout.index(file)?, tile)?;
	let range = layout.tile(tile);
	let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
	let bytes = file.get(range)?.to_vec();
	let tiles = *file.get(TILES_OFFSET..HEADER_BYTES)?.first_chunk()?;
	Some(Evidence::Tile { scales: layout.scales(file).to_vec(), tiles, bytes, path })
}

/// Joins the two pieces of evidence by which a witness shows a whole tile: its part, and all of its chunks. A tile that stands
/// alone stays as it is; `None` for every other witness.
pub fn tile_from(witness: Witness) -> Option<Evidence> {
	let mut evidence = witness.0.into_iter();
	match (evidence.next()?, evidence.next(), evidence.next()) {
		(tile @ Evidence::Tile { .. }, None, None) => Some(tile),
		(Evidence::Part { scales, tiles, .. }, Some(Evidence::Chunks { bytes, path, .. }), None) => {
			Some(Evidence::Tile { scales, tiles, bytes, path })
		}
		_ => None,
	}
}

/// Returns whether `evidence` is tile number `tile` of the part of this layout with this tensor root.
pub fn proves_tile(layout: &Layout, tensor_root: &Hash, tile: usize, evidence: &Evidence) -> bool {
	let Evidence::Tile { scales, tiles, bytes, path } = evidence else { return false };
	if tile >= layout.tiles() {
		return false;
	}
	let range = layout.tile(tile);
	bytes.len() as u64 == range.end - range.start
		&& layout.root(scales, tiles).as_ref() == Some(tensor_root)
		&& merkle::verify(tiles, layout.tiles(), tile, &hash_tile(bytes), path)
}
