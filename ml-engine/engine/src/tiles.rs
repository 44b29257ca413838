//! Tiles of served blocks: a node's answer, and the client's check of it without trust.
//!
//! A client that knows a tensor root from the chain may ask a node for any tile of that block, and finds out whether the
//! node has it, unchanged, at the cost of 64 KiB.

use crate::blobs::{BlobError, BlobStore};
use blyan_exact::{
	block::{self, BlockShape, Layout, DESCRIPTOR_BYTES, HASH_BYTES, HEADER_BYTES},
	merkle, ConfigError, Hash,
};
use sp_core::H256;
use std::ops::Range;

/// A tile and its way to the root that names its block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenTile {
	/// The bytes.
	pub bytes: Vec<u8>,
	/// Merkle root over the block's tiles.
	pub tiles: H256,
	/// Siblings from the tile up to it.
	pub path: Vec<H256>,
}

/// Why there is no such tile, or why it is not what it says.
#[derive(Debug, thiserror::Error)]
pub enum TileError {
	/// The blob cannot be read.
	#[error(transparent)]
	Blob(#[from] BlobError),
	/// The blob is here and is no block.
	#[error("blob {0:?} is no TensorBlock, or was damaged")]
	NotABlock(H256),
	/// The block has fewer tiles.
	#[error("there is no tile {index}: the block has {count}, counted from 0")]
	NoSuchTile {
		/// The tile that was asked for.
		index: u32,
		/// Tiles of the block.
		count: usize,
	},
	/// The shape is out of bounds.
	#[error("no block has this shape: {0}")]
	Shape(ConfigError),
	/// The bytes are not what the tensor root names.
	#[error("tile {0} is not the one that the tensor root names")]
	Unproven(u32),
	/// The index is not that of the tensor root.
	#[error("the index is not the one that the tensor root names")]
	UnprovenIndex,
	/// There are more bytes than tiles.
	#[error("{0} bytes follow the last tile")]
	Surplus(usize),
}

impl ProvenTile {
	/// Reads tile `index` of a block in a store, proof included. Reads no more of the file than that takes.
	pub fn read(store: &BlobStore, hash: &H256, index: u32) -> Result<Self, TileError> {
		let size = store.size(hash).ok_or(BlobError::Missing(*hash))?;
		let not_a_block = || TileError::NotABlock(*hash);
		let header = store.read_range(hash, 0, HEADER_BYTES)?;
		let shape = BlockShape::claimed_by(&header).ok_or_else(not_a_block)?;
		let layout = Layout::new(shape).map_err(|_| not_a_block())?;
		let is_described = header.get(..DESCRIPTOR_BYTES).is_some_and(|bytes| bytes == layout.descriptor());
		if size != layout.file_len() as u64 || header.len() != HEADER_BYTES || !is_described {
			return Err(not_a_block());
		}
		let no_such_tile = TileError::NoSuchTile { index, count: layout.tiles };
		let tile = usize::try_from(index).ok().filter(|tile| *tile < layout.tiles).ok_or(no_such_tile)?;
		let place = layout.tile(tile);
		let bytes = store.read_range(hash, place.start as u64, place.len())?;
		let entries =
			store.read_range(hash, layout.index_offset() as u64, size_of::<Hash>() * layout.tiles)?;
		let leaves: &[Hash] = entries.as_chunks().0;
		let path = merkle::prove(leaves, tile).ok_or_else(not_a_block)?;
		let proven =
			Self { bytes, tiles: H256(merkle::root(leaves)), path: path.into_iter().map(H256).collect() };
		// A file that does not prove its own tile is none of ours.
		let (tiles, tensors) = (H256::from_slice(&header[64..96]), H256::from_slice(&header[96..128]));
		if tiles != proven.tiles || proven.verify(shape, &tensors, index).is_err() {
			return Err(not_a_block());
		}
		Ok(proven)
	}

	/// Checks that this is tile `index` of the block of this shape that `tensor_root` names. Trusts no peer.
	pub fn verify(&self, shape: BlockShape, tensor_root: &H256, index: u32) -> Result<(), TileError> {
		let layout = Layout::new(shape).map_err(TileError::Shape)?;
		let no_such_tile = TileError::NoSuchTile { index, count: layout.tiles };
		let tile = usize::try_from(index).ok().filter(|tile| *tile < layout.tiles).ok_or(no_such_tile)?;
		let path: Vec<Hash> = self.path.iter().map(|hash| hash.0).collect();
		if layout.proves_tile(&tensor_root.0, tile, &self.bytes, &self.tiles.0, &path) {
			Ok(())
		} else {
			Err(TileError::Unproven(index))
		}
	}
}

/// The index of a block, proven by the root that names the block. With it every tile is checked alone, as it arrives
/// and its sender, and header, index and tiles together are the whole file.
#[derive(Clone, Debug)]
pub struct TileIndex {
	layout: Layout,
	root: Hash,
	tensor_root: H256,
	leaves: Vec<Hash>,
}

impl TileIndex {
	/// Checks that `entries`, the last bytes of a block's file, are the index of the block of this shape that
	/// `tensor_root` names. Trusts no peer.
	pub fn prove(shape: BlockShape, tensor_root: &H256, entries: &[u8]) -> Result<Self, TileError> {
		let layout = Layout::new(shape).map_err(TileError::Shape)?;
		let leaves = entries.as_chunks().0.to_vec();
		let root = merkle::root(&leaves);
		let proven = entries.len() == layout.tiles * HASH_BYTES
			&& block::tensor_root(&layout.descriptor(), &root) == tensor_root.0;
		if !proven {
			return Err(TileError::UnprovenIndex);
		}
		Ok(Self { layout, root, tensor_root: *tensor_root, leaves })
	}

	/// The layout of the block.
	pub fn layout(&self) -> &Layout {
		&self.layout
	}

	/// The file's header, which follows from what is proven.
	pub fn header(&self) -> Vec<u8> {
		[&self.layout.descriptor()[..], &self.root, self.tensor_root.as_bytes()].concat()
	}

	/// Checks tiles `range` of the block, given their bytes one after another; returns the first that is wrong.
	pub fn check(&self, range: Range<usize>, bytes: &[u8]) -> Result<(), TileError> {
		let mut rest = bytes;
		for tile in range {
			let wrong = TileError::Unproven(u32::try_from(tile).unwrap_or(u32::MAX));
			let Some(leaf) = self.leaves.get(tile) else { return Err(wrong) };
			let Some((bytes, behind)) = rest.split_at_checked(self.layout.tile(tile).len()) else {
				return Err(wrong);
			};
			if merkle::leaf(bytes) != *leaf {
				return Err(wrong);
			}
			rest = behind;
		}
		if rest.is_empty() {
			Ok(())
		} else {
			Err(TileError::Surplus(rest.len()))
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::block::{blob_ref, block_ref, write_expert, write_trunk};
	use blyan_exact::{golden, ModelConfig};

	const CONFIG: ModelConfig =
		ModelConfig { d_model: 256, d_ff: 1_024, layers: 1, heads: 4, experts: 2, top_k: 1, context: 64 };

	fn store() -> (tempfile::TempDir, BlobStore) {
		let dir = tempfile::tempdir().unwrap();
		let store = BlobStore::open(dir.path(), 1 << 26).unwrap();
		(dir, store)
	}

	#[test]
	fn every_tile_of_a_stored_block_is_proven_by_its_root_alone() {
		let (_dir, store) = store();
		let model = golden::random_model(CONFIG, b"tiles");
		let files = [
			(BlockShape::Trunk(CONFIG), write_trunk(&model.trunk, &CONFIG).unwrap()),
			(BlockShape::expert_of(&CONFIG), write_expert(&model.experts[0], &CONFIG).unwrap()),
		];
		for (shape, file) in files {
			store.put(&file).unwrap();
			let reference = block_ref(&file);
			let count = Layout::new(shape).unwrap().tiles as u32;
			assert!(count > 1);
			for index in 0..count {
				let tile = ProvenTile::read(&store, &reference.blob.hash, index).unwrap();
				tile.verify(shape, &reference.tensor_root, index).unwrap();
				let other = (index + 1) % count;
				let unproven = |tile: &ProvenTile, root: &H256, index| {
					matches!(tile.verify(shape, root, index), Err(TileError::Unproven(_)))
				};
				assert!(unproven(&tile, &reference.tensor_root, other));
				assert!(unproven(&tile, &H256::zero(), index));
				let mut lie = tile.clone();
				lie.bytes[9] ^= 1;
				assert!(unproven(&lie, &reference.tensor_root, index));
				let short = ProvenTile { bytes: tile.bytes[1..].to_vec(), ..tile.clone() };
				assert!(unproven(&short, &reference.tensor_root, index));
				let root = ProvenTile { tiles: H256([3; 32]), ..tile.clone() };
				assert!(unproven(&root, &reference.tensor_root, index));
				let path = ProvenTile { path: [tile.path.as_slice(), &[H256::zero()]].concat(), ..tile };
				assert!(unproven(&path, &reference.tensor_root, index));
			}
			for beyond in [count, u32::MAX] {
				let read = ProvenTile::read(&store, &reference.blob.hash, beyond);
				assert!(matches!(read, Err(TileError::NoSuchTile { .. })));
				let empty = ProvenTile { bytes: Vec::new(), tiles: H256::zero(), path: Vec::new() };
				let verified = empty.verify(shape, &reference.tensor_root, beyond);
				assert!(matches!(verified, Err(TileError::NoSuchTile { .. })));
			}
		}
	}

	#[test]
	fn an_index_proves_every_tile_and_the_whole_file() {
		let model = golden::random_model(CONFIG, b"index");
		let files = [
			(BlockShape::Trunk(CONFIG), write_trunk(&model.trunk, &CONFIG).unwrap()),
			(BlockShape::expert_of(&CONFIG), write_expert(&model.experts[0], &CONFIG).unwrap()),
		];
		for (shape, file) in files {
			let root = block_ref(&file).tensor_root;
			let layout = Layout::new(shape).unwrap();
			let entries = &file[layout.index_offset()..];
			let index = TileIndex::prove(shape, &root, entries).unwrap();
			let payload = &file[HEADER_BYTES..layout.index_offset()];
			assert_eq!([&index.header(), payload, entries].concat(), file);
			index.check(0..layout.tiles, payload).unwrap();
			for tile in 0..layout.tiles {
				let mut bytes = file[layout.tile(tile)].to_vec();
				index.check(tile..tile + 1, &bytes).unwrap();
				assert!(matches!(index.check(tile..tile + 1, &bytes[1..]), Err(TileError::Unproven(_))));
				bytes[7] ^= 4;
				assert!(matches!(index.check(tile..tile + 1, &bytes), Err(TileError::Unproven(_))));
			}
			let surplus = [payload, b"x"].concat();
			assert!(matches!(index.check(0..layout.tiles, &surplus), Err(TileError::Surplus(1))));
			let beyond = index.check(layout.tiles..layout.tiles + 1, b"x");
			assert!(matches!(beyond, Err(TileError::Unproven(_))));
			let mut wrong = entries.to_vec();
			wrong[3] ^= 1;
			for (root, entries) in [(root, &wrong[..]), (root, &entries[1..]), (H256::zero(), entries)] {
				assert!(matches!(TileIndex::prove(shape, &root, entries), Err(TileError::UnprovenIndex)));
			}
		}
	}

	#[test]
	fn blobs_that_are_no_blocks_are_refused() {
		let (_dir, store) = store();
		let model = golden::random_model(CONFIG, b"tiles");
		let good = write_expert(&model.experts[0], &CONFIG).unwrap();
		let mut changes = vec![b"noise".to_vec(), vec![0xff; 4_096], vec![0; 4_096], Vec::new()];
		changes.extend((0..HEADER_BYTES).map(|at| {
			let mut file = good.clone();
			file[at] ^= 0x81;
			file
		}));
		for file in changes {
			store.put(&file).unwrap();
			let read = ProvenTile::read(&store, &blob_ref(&file).hash, 0);
			assert!(matches!(read, Err(TileError::NotABlock(_))));
		}
		let missing = ProvenTile::read(&store, &H256([7; 32]), 0);
		assert!(matches!(missing, Err(TileError::Blob(BlobError::Missing(_)))));
		let shape = BlockShape::Expert { d_model: 65, d_ff: 64 };
		let empty = ProvenTile { bytes: Vec::new(), tiles: H256::zero(), path: Vec::new() };
		assert!(matches!(empty.verify(shape, &H256::zero(), 0), Err(TileError::Shape(_))));
	}
}
