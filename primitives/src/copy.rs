//! Near copies: the evidence of a report, and the comparison that the runtime asks the native engine for.
//!
//! Evidence holds tiles, the only tensors that cross a boundary: the chain measures a likeness by itself.

use crate::{
	model::{wire, BlockRef, VersionIndex},
	score::SubmissionId,
};
use alloc::{boxed::Box, vec::Vec};
use blyan_exact::{similarity::Moved, ModelConfig};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::{bounded::BoundedVec, ConstU32, H256};

/// Largest tile in bytes: `blyan_exact::block::TILE_BYTES`.
pub const TILE_BYTES_MAX: u32 = 64 * 1024;
/// Longest path of an expert's tile to its root: the largest has nine tiles.
pub const TILE_PATH_MAX: u32 = 4;
/// Most neurons of an expert.
pub const NEURONS_MAX: u32 = 2_048;

/// Domain separator of the signed payload of a report of a copy.
pub const COPY_CONTEXT: &[u8] = b"blyan/copy/1";

/// The expert that another one is a copy of.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub enum Original {
	/// A submission with a lower number and no younger commitment: open, decided, or closed and not forgotten.
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

/// Returns the bytes that an operator's session key signs for a report: context, genesis hash of the chain, copy, original
/// and a hash of the evidence. On a fork the numbers may mean other experts; then the evidence proves nothing.
pub fn copy_report_payload(
	genesis: &H256,
	copy: SubmissionId,
	original: &Original,
	evidence: &CopyEvidence,
) -> Vec<u8> {
	(COPY_CONTEXT, genesis, copy, original, sp_crypto_hashing::blake2_256(&evidence.encode())).encode()
}

wire! {
	/// An expert that a candidate is compared with.
	#[derive(Copy)]
	pub struct Comparand {
		/// Its tensors.
		pub block: BlockRef,
		/// Its parent, if that is on record and not the candidate's.
		pub parent: Option<BlockRef>,
	}
}

wire! {
	/// Comparison of a candidate with earlier experts of its slot.
	pub struct CopyQuery {
		/// The model's architecture.
		pub config: ModelConfig,
		/// The candidate.
		pub candidate: BlockRef,
		/// Its parent.
		pub parent: BlockRef,
		/// The earlier experts. Those whose bytes are not on this node are left out.
		pub originals: Vec<Comparand>,
	}
}

/// Where a comparison stands.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub enum Comparison {
	/// Waits, or is under way.
	Running,
	/// None of the earlier experts whose bytes are here is like the candidate.
	Distinct,
	/// The candidate is a near copy.
	Copy(Box<CopyFinding>),
}

/// A near copy, and what proves it to the chain.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct CopyFinding {
	/// Place of the original, the most alike one, in [`CopyQuery::originals`].
	pub original: u32,
	/// The most telling tiles.
	pub evidence: CopyEvidence,
}
