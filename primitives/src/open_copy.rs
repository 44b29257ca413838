//! Near copies among adapters of open models: the evidence of a report.
//!
//! A report shows of each expert all tiles in which the two matrices of one projection lie, so the chain compares their products by
//! itself: `blyan_exact::definition2::similarity`.

use crate::{
	copy::{Comparand, Original},
	model::{BlockRef, LayerIndex},
	score::SubmissionId,
};
use alloc::{boxed::Box, vec::Vec};
use blyan_exact::definition2::{
	block::{SCALE_BYTES, SECTIONS_MAX, TILE_BYTES},
	similarity::{LEAVES_MAX, TILES_MAX},
	Name,
};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::{bounded::BoundedVec, ConstU32, H256};

/// Domain separator of the signed payload of a report of a copy of adapters.
pub const OPEN_COPY_CONTEXT: &[u8] = b"blyan/open-copy/1";

/// Most bytes of the scales in a header.
pub const SHOWN_SCALES_MAX: u32 = (SECTIONS_MAX * SCALE_BYTES) as u32;
/// Most tiles of an expert whose adapters are compared.
pub const SHOWN_LEAVES_MAX: u32 = LEAVES_MAX as u32;
/// Most bytes that are shown of an expert.
pub const SHOWN_BYTES_MAX: u32 = TILES_MAX as u32 * TILE_BYTES as u32;

/// Matrix of a network that an adapter stands on.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub enum Projection {
	/// The gate.
	Gate,
	/// Up.
	Up,
	/// Down.
	Down,
}

impl Projection {
	/// All of them.
	pub const ALL: [Self; 3] = [Self::Gate, Self::Up, Self::Down];

	/// Returns the name of the matrix.
	pub fn name(self) -> Name {
		match self {
			Self::Gate => Name::Gate,
			Self::Up => Name::Up,
			Self::Down => Name::Down,
		}
	}
}

/// The tiles of an expert that hold one adapter, and what proves them: the scales and the hashes of all tiles lead to the root.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct ShownAdapter {
	/// Entries of all sections' scales in the header.
	pub scales: BoundedVec<u8, ConstU32<SHOWN_SCALES_MAX>>,
	/// Hashes of all tiles.
	pub leaves: BoundedVec<H256, ConstU32<SHOWN_LEAVES_MAX>>,
	/// The tiles, one after the other.
	pub bytes: BoundedVec<u8, ConstU32<SHOWN_BYTES_MAX>>,
}

impl ShownAdapter {
	/// Returns the hashes as the measure reads them.
	pub fn hashes(&self) -> Vec<blyan_exact::Hash> {
		self.leaves.iter().map(|leaf| leaf.0).collect()
	}
}

/// Adapters that show that one expert is a near copy of another: 1.1 MiB at most.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct OpenCopyEvidence {
	/// Matrix whose adapters are compared.
	pub projection: Projection,
	/// The original's adapter.
	pub original: ShownAdapter,
	/// That of the original's parent; none to measure both experts from the copy's parent, as is right where they share it.
	pub original_parent: Option<ShownAdapter>,
	/// That of the copy's parent.
	pub copy_parent: ShownAdapter,
	/// The copy's.
	pub copy: ShownAdapter,
}

impl OpenCopyEvidence {
	/// Returns the most bytes that are shown of an expert. In evidence that holds, as many are shown of each.
	pub fn shown_bytes(&self) -> u32 {
		let all =
			[Some(&self.original), self.original_parent.as_ref(), Some(&self.copy_parent), Some(&self.copy)];
		let most = all.into_iter().flatten().map(|shown| shown.bytes.len()).max().unwrap_or_default();
		u32::try_from(most).unwrap_or(u32::MAX)
	}
}

/// Returns the bytes that an operator's session key signs for a report of a copy of adapters: as [`crate::copy_report_payload`], under
/// a context of its own.
pub fn open_copy_report_payload(
	genesis: &H256,
	copy: SubmissionId,
	original: &Original,
	evidence: &OpenCopyEvidence,
) -> Vec<u8> {
	(OPEN_COPY_CONTEXT, genesis, copy, original, sp_crypto_hashing::blake2_256(&evidence.encode())).encode()
}

/// Comparison of a candidate of an open model with earlier experts of its slot.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct OpenCopyQuery {
	/// Record of the model's architecture: `Architecture::to_bytes`.
	pub architecture: Vec<u8>,
	/// Layer of the slot.
	pub layer: LayerIndex,
	/// The candidate.
	pub candidate: BlockRef,
	/// Its parent.
	pub parent: BlockRef,
	/// The earlier experts. Those whose bytes are not on this node are left out.
	pub originals: Vec<Comparand>,
}

/// Stage of a comparison of adapters.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub enum OpenComparison {
	/// Waits, or is under way.
	Running,
	/// None of the earlier experts whose bytes are here is like the candidate.
	Distinct,
	/// The candidate is a near copy.
	Copy(Box<OpenCopyFinding>),
}

/// A near copy among adapters, and what proves it to the chain.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct OpenCopyFinding {
	/// Place of the original, the most alike one, in [`OpenCopyQuery::originals`].
	pub original: u32,
	/// The most telling projection.
	pub evidence: OpenCopyEvidence,
}
