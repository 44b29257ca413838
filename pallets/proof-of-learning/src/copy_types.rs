//! Evidence that an expert is a near copy of another one, held against the tensor roots on record.

use blyan_exact::{
	block::{BlockShape, Layout},
	similarity::{overlap, Overlap, Tile, Tiles},
	Hash, ModelConfig,
};
use blyan_primitives::{BlockRef, CopyEvidence};

/// The blocks that evidence is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compared {
	pub(crate) original: BlockRef,
	pub(crate) original_parent: Option<BlockRef>,
	pub(crate) copy_parent: BlockRef,
	pub(crate) copy: BlockRef,
}

/// Fault of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EvidenceFault {
	/// A tile is not one of the block that it should be of, or the original's parent is not on record.
	Unproven,
	/// The tiles hold no such neurons.
	Malformed,
}

impl Compared {
	/// Checks every tile against its block's tensor root, and counts what they have in common.
	pub(crate) fn overlap(
		&self,
		config: &ModelConfig,
		evidence: &CopyEvidence,
	) -> Result<Overlap, EvidenceFault> {
		let layout = Layout::new(BlockShape::expert_of(config)).map_err(|_| EvidenceFault::Unproven)?;
		let (at, copy_at) = (usize::from(evidence.tile), usize::from(evidence.copy_tile));
		let parents = match (&evidence.original_parent, self.original_parent) {
			(None, _) => None,
			(Some(tile), Some(block)) => Some((tile, block)),
			(Some(_), None) => return Err(EvidenceFault::Unproven),
		};
		let tiles = [
			(at, &evidence.original, self.original),
			(at, &evidence.copy_parent, self.copy_parent),
			(copy_at, &evidence.copy, self.copy),
		];
		let own_parent = parents.map(|(tile, block)| (at, tile, block));
		let is_proven = tiles.into_iter().chain(own_parent).all(|(index, proof, block)| {
			let path: alloc::vec::Vec<Hash> = proof.path.iter().map(|hash| hash.0).collect();
			let tile = Tile { index, bytes: &proof.bytes, tiles: &proof.tiles.0, path: &path };
			tile.is_of(&layout, &block.tensor_root.0)
		});
		if !is_proven {
			return Err(EvidenceFault::Unproven);
		}
		let tiles = Tiles {
			at,
			original: &evidence.original.bytes,
			original_parent: &evidence.original_parent.as_ref().unwrap_or(&evidence.copy_parent).bytes,
			copy_parent: &evidence.copy_parent.bytes,
			copy_at,
			copy: &evidence.copy.bytes,
		};
		overlap(&layout, &tiles, &evidence.moved).ok_or(EvidenceFault::Malformed)
	}
}
