//! Models, slots and blobs as the chain names them.

use alloc::vec::Vec;
use blyan_exact::{
	definition2::{self, model::model_root_over},
	merkle, ModelConfig,
};
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

/// Identifier of an architecture of the second definition: `blyan_exact::definition2::model::architecture_hash`.
pub type ArchitectureId = H256;

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

/// Definition-dependent part of a model, beside its experts.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Hash,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[scale_info(capture_docs = "always")]
// JSON names the fields alone, as records of models did before there was a second definition.
#[serde(untagged)]
pub enum ModelBody {
	/// Model of the first definition.
	First {
		/// Architecture.
		config: ModelConfig,
		/// Everything that is not an expert: embeddings, attention, norms, routers, head.
		trunk: BlockRef,
	},
	/// Model of the second definition.
	Second {
		/// Its architecture; the record is in the registry.
		architecture: ArchitectureId,
		/// Merkle root over the tensor roots of its parts: embedding, layers, head.
		#[serde(rename = "parts_root")]
		parts: H256,
	},
}

impl ModelBody {
	/// Architecture of a model of the first definition.
	pub fn config(&self) -> Option<&ModelConfig> {
		match self {
			Self::First { config, .. } => Some(config),
			Self::Second { .. } => None,
		}
	}

	/// Everything of a model of the first definition that is not an expert.
	pub fn trunk(&self) -> Option<&BlockRef> {
		match self {
			Self::First { trunk, .. } => Some(trunk),
			Self::Second { .. } => None,
		}
	}

	/// Architecture of a model of the second definition.
	pub fn architecture(&self) -> Option<ArchitectureId> {
		match self {
			Self::First { .. } => None,
			Self::Second { architecture, .. } => Some(*architecture),
		}
	}

	/// Reports whether the model follows the second definition.
	pub fn is_second(&self) -> bool {
		matches!(self, Self::Second { .. })
	}

	/// Version of the model's definition by which this build computes: `blyan_exact::DEFINITION` or
	/// `blyan_exact::definition2::REVISION`.
	pub fn definition(&self) -> u32 {
		match self {
			Self::First { .. } => blyan_exact::DEFINITION,
			Self::Second { .. } => definition2::REVISION,
		}
	}

	/// Root of the model with experts whose tensor roots have this Merkle root.
	pub fn model_root(&self, experts: &H256) -> H256 {
		H256(match self {
			Self::First { config, trunk } => {
				blyan_exact::model_root_over(config, &trunk.tensor_root.0, &experts.0)
			}
			Self::Second { architecture, parts } => model_root_over(&architecture.0, &parts.0, &experts.0),
		})
	}
}

/// Merkle root over the tensor roots of blocks: of a model's parts, or of its experts.
pub fn blocks_root<'a>(blocks: impl IntoIterator<Item = &'a BlockRef>) -> H256 {
	H256(merkle::root_of(blocks.into_iter().map(|block| block.tensor_root.as_bytes())))
}

wire! {
	/// A model as clients read it through the runtime API.
	///
	/// In JSON the fields of the body stand beside the others: `config` and `trunk` under the first definition, `architecture` and
	/// `parts_root` under the second.
	pub struct ModelInfo {
		/// Its number.
		pub id: ModelId,
		/// Its name, UTF-8.
		#[serde(with = "crate::json::text")]
		pub name: Vec<u8>,
		/// Architecture and everything that is not an expert.
		#[serde(flatten)]
		pub body: ModelBody,
		/// Version of the architecture.
		pub version: ModelVersion,
		/// Experts promoted since genesis, over all slots.
		pub generation: u32,
		/// Parts of a model of the second definition in the order of `Architecture::parts`: embedding, layers, head. Empty under the first.
		#[serde(default, skip_serializing_if = "Vec::is_empty")]
		pub parts: Vec<BlockRef>,
		/// Current expert of every slot, in row-major order (layer, then expert).
		pub heads: Vec<ExpertHead>,
	}
}

impl ModelInfo {
	/// Architecture of a model of the first definition.
	pub fn config(&self) -> Option<&ModelConfig> {
		self.body.config()
	}

	/// Everything of a model of the first definition that is not an expert.
	pub fn trunk(&self) -> Option<&BlockRef> {
		self.body.trunk()
	}

	/// Root of the model with its heads.
	pub fn model_root(&self) -> H256 {
		self.body.model_root(&blocks_root(self.heads.iter().map(|head| &head.block)))
	}
}

#[cfg(test)]
mod tests;
