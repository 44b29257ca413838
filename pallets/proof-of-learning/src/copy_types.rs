//! Evidence that an expert is a near copy of another one, as a report carries it.

use blyan_exact::{
	block::{BlockShape, Layout},
	similarity::{overlap, Moved, Overlap, Tile, Tiles},
	Hash, ModelConfig,
};
use blyan_primitives::{BlockRef, SubmissionId, VersionIndex};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use scale_info::TypeInfo;
use sp_core::H256;

/// Largest tile in bytes: `blyan_exact::block::TILE_BYTES`.
pub const TILE_BYTES_MAX: u32 = 64 * 1024;
/// Longest path of an expert's tile to its root: the largest has nine tiles.
pub const TILE_PATH_MAX: u32 = 4;
/// Most neurons of an expert.
pub const NEURONS_MAX: u32 = 2_048;

/// The expert that another one is a copy of.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub enum Original {
	/// A submission with a lower number: open, decided, or closed and not forgotten.
	Submission(SubmissionId),
	/// A version of the slot's expert that the registry remembers, up to the copy's parent.
	Version(VersionIndex),
}

/// A tile of an expert's block, with its path to the tensor root.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct TileProof {
	/// The bytes.
	pub bytes: BoundedVec<u8, ConstU32<TILE_BYTES_MAX>>,
	/// Root over the block's tiles.
	pub tiles: H256,
	/// Siblings from the tile up to it.
	pub path: BoundedVec<H256, ConstU32<TILE_PATH_MAX>>,
}

/// Tiles that show that one expert is a near copy of another: 272 KiB at most.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct CopyEvidence {
	/// Number of the tile of the original, and of both parents.
	pub tile: u8,
	/// Number of the tile of the copy; the same one unless neurons moved to another.
	pub copy_tile: u8,
	/// The original's tile.
	pub original: TileProof,
	/// That of the original's parent; none to measure both experts from the copy's parent, as is right where they share it.
	pub original_parent: Option<TileProof>,
	/// That of the copy's parent.
	pub copy_parent: TileProof,
	/// The copy's.
	pub copy: TileProof,
	/// Neurons that stand elsewhere in the copy, by rising number there.
	pub moved: BoundedVec<Moved, ConstU32<NEURONS_MAX>>,
}

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

impl CopyEvidence {
	/// Checks every tile against its block's tensor root, and counts what they have in common.
	pub(crate) fn overlap(&self, config: &ModelConfig, blocks: &Compared) -> Result<Overlap, EvidenceFault> {
		let layout = Layout::new(BlockShape::expert_of(config)).map_err(|_| EvidenceFault::Unproven)?;
		let (at, copy_at) = (usize::from(self.tile), usize::from(self.copy_tile));
		let parents = match (&self.original_parent, blocks.original_parent) {
			(None, _) => None,
			(Some(tile), Some(block)) => Some((tile, block)),
			(Some(_), None) => return Err(EvidenceFault::Unproven),
		};
		let tiles = [
			(at, &self.original, blocks.original),
			(at, &self.copy_parent, blocks.copy_parent),
			(copy_at, &self.copy, blocks.copy),
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
			original: &self.original.bytes,
			original_parent: &self.original_parent.as_ref().unwrap_or(&self.copy_parent).bytes,
			copy_parent: &self.copy_parent.bytes,
			copy_at,
			copy: &self.copy.bytes,
		};
		overlap(&layout, &tiles, &self.moved).ok_or(EvidenceFault::Malformed)
	}
}
