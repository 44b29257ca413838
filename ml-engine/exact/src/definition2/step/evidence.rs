//! Witnesses: everything that computing one block reads, with proofs.

use crate::{
	definition2::{
		block::SectionScale,
		tensors::{Name, Part},
	},
	hash::Hash,
	step::StepError,
};
use alloc::vec::Vec;
use core::ops::Range;

/// Everything that computing one block reads, with proofs, in the order in which it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
	feature = "codec",
	derive(codec::Encode, codec::Decode, codec::DecodeWithMemTracking, scale_info::TypeInfo),
	scale_info(capture_docs = "always")
)]
pub struct Witness(pub Vec<Evidence>);

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
	feature = "codec",
	derive(codec::Encode, codec::Decode, codec::DecodeWithMemTracking, scale_info::TypeInfo),
	scale_info(capture_docs = "always")
)]
pub enum Evidence {
	/// Consecutive blocks of a row of an earlier operator.
	Blocks {
		/// Their bytes.
		bytes: Vec<u8>,
		/// Path of the blocks to the row: [`prove_span`](crate::definition2::span::prove_span).
		row: Vec<Hash>,
		/// Path of the row to the operator's root: [`tree::prove`](crate::tree::prove).
		path: Vec<Hash>,
	},
	/// The whole output of an earlier operator.
	Output(Vec<u8>),
	/// Preimage of the model root, beside the architecture's record.
	Model {
		/// Merkle root over the tensor roots of all parts but the experts.
		parts: Hash,
		/// Merkle root over the tensor roots of the experts.
		experts: Hash,
	},
	/// Preimage of a part's tensor root, beside its shape.
	Part {
		/// Scales of its sections, as in the header of its file.
		scales: Vec<u8>,
		/// Merkle root over its tiles.
		tiles: Hash,
		/// Path of its tensor root to the root over the parts or the experts: [`merkle::prove`](crate::merkle::prove).
		/// Empty for the candidate.
		path: Vec<Hash>,
	},
	/// Consecutive chunks of a tile of a part.
	Chunks {
		/// Their bytes.
		bytes: Vec<u8>,
		/// Hashes of the tile's other chunks, in order.
		others: Vec<Hash>,
		/// The tile's path to the root over the tiles: [`merkle::prove`](crate::merkle::prove).
		path: Vec<Hash>,
	},
	/// The sequence.
	Sequence {
		/// Its token ids, four bytes each, little endian.
		bytes: Vec<u8>,
		/// Its path to the root of the holdout: [`merkle::prove`](crate::merkle::prove).
		path: Vec<Hash>,
	},
	/// A whole tile of a part, with the preimage of its tensor root: [`prove_tile`](super::prove_tile). Computing a block reads no
	/// such evidence.
	Tile {
		/// Scales of the part's sections, as in the header of its file.
		scales: Vec<u8>,
		/// Merkle root over the part's tiles.
		tiles: Hash,
		/// Bytes of the tile.
		bytes: Vec<u8>,
		/// Its path to the root over the tiles: [`merkle::prove`](crate::merkle::prove).
		path: Vec<Hash>,
	},
}

impl Witness {
	/// Returns the bytes of the content, which is the SCALE encoding but for a few bytes of lengths and tags each.
	pub fn bytes(&self) -> usize {
		self.0.iter().map(Evidence::bytes).sum()
	}
}

impl Evidence {
	/// Returns the bytes of the content.
	pub fn bytes(&self) -> usize {
		let hashes = |hashes: &[Hash]| 32 * hashes.len();
		match self {
			Self::Blocks { bytes, row, path } => bytes.len() + hashes(row) + hashes(path),
			Self::Output(bytes) => bytes.len(),
			Self::Model { .. } => 64,
			Self::Part { scales, path, .. } => scales.len() + 32 + hashes(path),
			Self::Chunks { bytes, others, path } => bytes.len() + hashes(others) + hashes(path),
			Self::Sequence { bytes, path } => bytes.len() + hashes(path),
			Self::Tile { scales, bytes, path, .. } => scales.len() + 32 + bytes.len() + hashes(path),
		}
	}
}

/// Source of the inputs of a block. Each method returns exactly as many bytes as were asked for.
pub trait Inputs {
	/// Reads consecutive blocks of a row of an earlier operator's output.
	fn blocks(&mut self, operator: usize, row: usize, blocks: Range<usize>) -> Result<Vec<u8>, StepError>;
	/// Reads the whole output of an earlier operator.
	fn output(&mut self, operator: usize) -> Result<Vec<u8>, StepError>;
	/// Reads bytes of a part's payload, by their place in its file.
	fn tensor(&mut self, part: Part, range: Range<u64>) -> Result<Vec<u8>, StepError>;
	/// Reads the scale of a tensor.
	fn scale(&mut self, part: Part, name: Name) -> Result<SectionScale, StepError>;
	/// Reads the token ids of the sequence: one more than there are positions.
	fn sequence(&mut self) -> Result<Vec<u32>, StepError>;
}

/// Decodes token ids.
pub(super) fn token_ids(bytes: &[u8]) -> Vec<u32> {
	bytes.as_chunks().0.iter().map(|id| u32::from_le_bytes(*id)).collect()
}

/// Returns the bytes of a sequence, which are its leaf in the tree over a holdout.
pub fn sequence_bytes(ids: &[u32]) -> Vec<u8> {
	ids.iter().flat_map(|id| id.to_le_bytes()).collect()
}
