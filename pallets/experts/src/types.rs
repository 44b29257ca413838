//! Records of models, versions and blobs. No storage access.

use alloc::{string::String, vec::Vec};
use blyan_primitives::{BlockRef, ExpertSlot, JobBody, ModelBody, ModelVersion, VersionIndex};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{traits::ConstU32, BoundedVec};
use frame_system::pallet_prelude::BlockNumberFor;
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

/// Longest name of a model in bytes.
pub const NAME_LEN_MAX: u32 = 64;
/// Most versions that one version may name as its dependencies, beside its parent.
pub const DEPENDENCIES_MAX: u32 = 8;

/// Most bytes of the record of an architecture of the second definition: 35, and 25 for each of 128 layers.
pub const ARCHITECTURE_BYTES_MAX: u32 = 35 + 128 * 25;
/// Most parts of a model of the second definition: embedding, 128 layers, head.
pub const PARTS_MAX: u32 = 130;

/// Record of an architecture: `Architecture::to_bytes`.
pub type ArchitectureRecord = BoundedVec<u8, ConstU32<ARCHITECTURE_BYTES_MAX>>;
/// Parts of a model of the second definition: embedding, layers, head.
pub type ModelParts = BoundedVec<BlockRef, ConstU32<PARTS_MAX>>;
/// A model's name, UTF-8.
pub type ModelName = BoundedVec<u8, ConstU32<NAME_LEN_MAX>>;
/// Versions that another one was trained against.
pub type Dependencies = BoundedVec<ExpertVersion, ConstU32<DEPENDENCIES_MAX>>;
/// [`ModelRecord`] of a runtime.
pub type ModelRecordOf<T> = ModelRecord<<T as frame_system::Config>::AccountId>;
/// [`VersionRecord`] of a runtime.
pub type VersionRecordOf<T> = VersionRecord<<T as frame_system::Config>::AccountId, BlockNumberFor<T>>;

/// Specification of a model, as its registration states it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct ModelSpec {
	/// Its name.
	pub name: ModelName,
	/// Architecture and everything that is not an expert.
	pub body: ModelBody,
	/// Version of the architecture.
	pub version: ModelVersion,
	/// Oldest version of the architecture whose experts fit this model's slots.
	pub compatible_from: ModelVersion,
}

impl ModelSpec {
	/// Reports whether the name is UTF-8 and not empty.
	pub fn is_name_valid(&self) -> bool {
		!self.name.is_empty() && core::str::from_utf8(&self.name).is_ok()
	}

	/// Reports whether the compatibility range contains the model's own version and stays in one major version.
	pub fn is_compatibility_valid(&self) -> bool {
		self.compatible_from.major == self.version.major && self.compatible_from <= self.version
	}
}

/// A registered model.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct ModelRecord<AccountId> {
	/// Its specification.
	pub spec: ModelSpec,
	/// The account that registered it, if it does not belong to the network.
	pub owner: Option<AccountId>,
	/// Experts promoted since registration, over all slots.
	pub generation: u32,
}

/// A version of one slot's expert.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub struct ExpertVersion {
	/// The slot.
	pub slot: ExpertSlot,
	/// The version.
	pub version: VersionIndex,
}

/// A node of the dependency graph.
///
/// A version can only name versions that exist when it is written, and its generation is above all of
/// theirs: the graph cannot contain a cycle.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo)]
#[scale_info(capture_docs = "always")]
pub struct VersionRecord<AccountId, BlockNumber> {
	/// The version it replaced as head; `None` for the first one.
	pub parent: Option<VersionIndex>,
	/// The account that made it; `None` if it belongs to the network.
	pub owner: Option<AccountId>,
	/// Its tensors.
	pub block: BlockRef,
	/// When it became the head.
	pub promoted_at: BlockNumber,
	/// The model's generation that it created; 0 for the first version of every slot.
	///
	/// The heads of generation `generation - 1` are the model that it was measured in.
	pub generation: u32,
	/// Further versions of the same model that it needs.
	pub depends_on: Dependencies,
}

/// A version that is no longer part of the history, but that a computation which can still be disputed needs.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub struct KeptVersion {
	/// Its tensors.
	pub block: BlockRef,
	/// The generation that it created: the first one in which it was the head.
	pub from: u32,
	/// The generation that replaced it: the first one in which it was not.
	pub until: u32,
}

/// A blob that belongs to a model, or did not long ago.
#[derive(
	Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
#[scale_info(capture_docs = "always")]
pub struct BlobRecord {
	/// Length in bytes.
	pub size: u32,
	/// Trunks, parts and remembered versions that name it; never zero.
	pub references: u32,
	/// Trunks, parts and heads that name it: those among the references that are in use now.
	pub current: u32,
}

/// A model of the genesis state. A model manifest's JSON has these fields among others, so it can be read as is: `config` and `trunk`
/// of a model of the first definition; `architecture`, the record in hexadecimal digits, and `parts` of one of the second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenesisModel {
	/// Its name.
	pub name: String,
	/// Architecture and everything that is not an expert.
	#[serde(flatten)]
	pub body: JobBody,
	/// Version of the architecture.
	pub version: ModelVersion,
	/// The experts in row-major order.
	pub heads: Vec<BlockRef>,
}
