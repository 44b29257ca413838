//! Models, slots and blobs as the chain names them.

use alloc::vec::Vec;
use blyan_exact::ModelConfig;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// A model's number, given out in order of registration. The genesis model is 0.
pub type ModelId = u32;
/// A transformer layer, counted from zero.
pub type LayerIndex = u8;
/// An expert within its layer, counted from zero.
pub type ExpertIndex = u16;
/// Version of the expert in a slot; the genesis version is 0.
pub type VersionIndex = u32;

macro_rules! wire {
	($(#[$meta:meta])* pub struct $($rest:tt)*) => {
		$(#[$meta])*
		#[derive(
			Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, Serialize, Deserialize,
		)]
		#[scale_info(capture_docs = "always")]
		pub struct $($rest)*
	};
}
pub(crate) use wire;

wire! {
	/// One place for an expert in one model.
	#[derive(Copy, Hash, PartialOrd, Ord, MaxEncodedLen)]
	pub struct ExpertSlot {
		/// The model.
		pub model: ModelId,
		/// The layer in it.
		pub layer: LayerIndex,
		/// The expert in that layer.
		pub expert: ExpertIndex,
	}
}

wire! {
	/// Bytes that live off chain, by content.
	#[derive(Copy, Hash, MaxEncodedLen)]
	pub struct BlobRef {
		/// Blake2b-256 of the bytes.
		pub hash: H256,
		/// Length in bytes.
		pub size: u32,
	}
}

wire! {
	/// A TensorBlock: the root that proofs are made against, and the blob that holds its bytes.
	#[derive(Copy, Hash, MaxEncodedLen)]
	pub struct BlockRef {
		/// Root over the block's header and its 64 KiB tiles.
		pub tensor_root: H256,
		/// The file.
		pub blob: BlobRef,
	}
}

wire! {
	/// Expert that currently fills a slot.
	#[derive(Copy, Hash, MaxEncodedLen)]
	pub struct ExpertHead {
		/// Version of this expert; its parent is the head it replaced.
		pub version: VersionIndex,
		/// The expert's tensors.
		pub block: BlockRef,
	}
}

wire! {
	/// Semantic version of a model's architecture.
	#[derive(Copy, Hash, PartialOrd, Ord, MaxEncodedLen)]
	pub struct ModelVersion {
		/// Incompatible change of shapes or operators.
		pub major: u16,
		/// Compatible growth.
		pub minor: u16,
		/// Repair.
		pub patch: u16,
	}
}

wire! {
	/// A model as clients read it through the runtime API.
	pub struct ModelInfo {
		/// Its number.
		pub id: ModelId,
		/// Its name, UTF-8.
		#[serde(with = "crate::json::text")]
		pub name: Vec<u8>,
		/// Architecture.
		pub config: ModelConfig,
		/// Version of the architecture.
		pub version: ModelVersion,
		/// Experts promoted since genesis, over all slots.
		pub generation: u32,
		/// Everything that is not an expert: embeddings, attention, norms, routers, head.
		pub trunk: BlockRef,
		/// Current expert of every slot, in row-major order (layer, then expert).
		pub heads: Vec<ExpertHead>,
	}
}
