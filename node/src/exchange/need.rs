//! Fetch targets: blobs to fetch, and the proofs that tell right pieces from wrong ones.

use blyan_exact::{
	block::{BlockShape, Layout, HEADER_BYTES},
	ModelConfig,
};
use blyan_primitives::{BlobRef, BlockRef};
use sp_core::H256;
use std::ops::Range;

/// Tiles in a piece. A piece is a mebibyte, the most that one answer holds.
const TILES_PER_PIECE: usize = 16;
/// Bytes of a piece of a blob that is no block.
const PIECE_BYTES: u64 = super::message::RANGE_BYTES_MAX as u64;

/// Proof by which the pieces of a blob are verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
	/// Tile by tile, by the root that the chain names, so that pieces may come from any peer.
	Tiles {
		/// Shape of the block's contents.
		shape: BlockShape,
		/// The root over its tiles.
		tensor_root: H256,
	},
	/// Not before the whole is there, so that all of it has to come from one peer, who answers for it.
	Whole,
}

/// A blob that the chain names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
	/// Its hash and its size in bytes.
	pub blob: BlobRef,
	/// Proof of its pieces.
	pub proof: Proof,
}

impl Need {
	/// A blob that is verified as a whole.
	pub fn whole(blob: BlobRef) -> Self {
		Self { blob, proof: Proof::Whole }
	}

	/// The trunk of a model.
	pub fn trunk(config: &ModelConfig, block: &BlockRef) -> Self {
		Self::block(BlockShape::Trunk(*config), block)
	}

	/// An expert for a model, or what claims to be one.
	pub fn expert(config: &ModelConfig, block: &BlockRef) -> Self {
		Self::block(BlockShape::expert_of(config), block)
	}

	/// A block whose announced size is not that of its shape proves nothing about its tiles.
	fn block(shape: BlockShape, block: &BlockRef) -> Self {
		let fits =
			Layout::new(shape).is_ok_and(|layout| layout.file_len() as u64 == u64::from(block.blob.size));
		match fits {
			true => Self { blob: block.blob, proof: Proof::Tiles { shape, tensor_root: block.tensor_root } },
			false => Self::whole(block.blob),
		}
	}

	/// Returns the layout of its pieces.
	pub fn pieces(&self) -> Pieces {
		match self.proof {
			Proof::Tiles { shape, .. } => match Layout::new(shape) {
				Ok(layout) => Pieces::Tiles(Box::new(layout)),
				Err(_) => Pieces::Whole(u64::from(self.blob.size)),
			},
			Proof::Whole => Pieces::Whole(u64::from(self.blob.size)),
		}
	}
}

/// Layout of a blob's pieces.
#[derive(Clone, Debug)]
pub enum Pieces {
	/// Along its tiles. Header and index are no pieces.
	Tiles(Box<Layout>),
	/// Into equal parts of so many bytes in all.
	Whole(u64),
}

impl Pieces {
	/// Returns the number of pieces.
	pub fn count(&self) -> u32 {
		let count = match self {
			Self::Tiles(layout) => layout.tiles.div_ceil(TILES_PER_PIECE) as u64,
			Self::Whole(size) => size.div_ceil(PIECE_BYTES),
		};
		u32::try_from(count).unwrap_or(u32::MAX)
	}

	/// The tiles in a piece; `None` if it is not cut along tiles.
	pub fn tiles(&self, piece: u32) -> Option<Range<usize>> {
		let Self::Tiles(layout) = self else { return None };
		let first = piece as usize * TILES_PER_PIECE;
		Some(first..(first + TILES_PER_PIECE).min(layout.tiles))
	}

	/// The bytes of a piece.
	pub fn range(&self, piece: u32) -> Range<u64> {
		match self {
			Self::Tiles(layout) => {
				let tiles = self.tiles(piece).unwrap_or_default();
				let start = HEADER_BYTES + tiles.start * blyan_exact::block::TILE_BYTES;
				let end = layout.tile(tiles.end.saturating_sub(1)).end;
				start as u64..end as u64
			}
			Self::Whole(size) => {
				let start = u64::from(piece) * PIECE_BYTES;
				start..(start + PIECE_BYTES).min(*size)
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_exact::golden;
	use proptest::prelude::*;

	proptest! {
		#[test]
		fn pieces_cover_every_byte_once_and_fit_an_answer(size in 1_u32..(70 << 20), layers in 1_u8..8) {
			let config = ModelConfig { d_model: 256, d_ff: 1_024, layers, heads: 4, experts: 2, top_k: 1, context: 64 };
			let layout = Layout::new(BlockShape::Trunk(config)).expect("within bounds");
			let blob = BlobRef { hash: H256::zero(), size: layout.file_len() as u32 };
			let block = Need::trunk(&config, &BlockRef { tensor_root: H256::zero(), blob });
			let raw = Need::whole(BlobRef { hash: H256::zero(), size });
			let ends = [
				(block.pieces(), HEADER_BYTES as u64, layout.index_offset() as u64),
				(raw.pieces(), 0, u64::from(size)),
			];
			for (pieces, start, end) in ends {
				let mut at = start;
				for piece in 0..pieces.count() {
					let range = pieces.range(piece);
					prop_assert_eq!(range.start, at);
					prop_assert!(range.end > at && range.end - at <= PIECE_BYTES);
					at = range.end;
				}
				prop_assert_eq!(at, end);
			}
		}
	}

	#[test]
	fn a_block_of_another_size_is_verified_as_a_whole() {
		let blob = BlobRef { hash: H256::zero(), size: 77 };
		let need = Need::expert(&golden::CONFIG, &BlockRef { tensor_root: H256::zero(), blob });
		assert_eq!(need, Need::whole(blob));
	}
}
