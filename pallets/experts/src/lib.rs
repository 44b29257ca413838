#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
	not(test),
	deny(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::float_arithmetic)
)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

extern crate alloc;

#[cfg(feature = "runtime-benchmarks")]
mod benchmarking;
mod dispatch;
mod head_tree;
mod history;
pub mod migrations;
mod registry;
#[cfg(test)]
mod tests;
#[cfg(any(feature = "try-runtime", test))]
mod try_state;
mod types;
pub mod weights;

pub use pallet::*;
pub use registry::CurrentBlobs;
pub use types::*;
pub use weights::WeightInfo;

/// Target of this pallet's log lines.
pub const LOG_TARGET: &str = "blyan::experts";

/// Models and their experts: the head of every slot, its history, and the blobs that hold the weights.
#[frame_support::pallet]
pub mod pallet {
	use super::{types::*, weights::WeightInfo};
	use alloc::vec::Vec;
	use blyan_primitives::{
		ArchitectureId, BlockRef, ExpertHead, ExpertSlot, ModelBody, ModelId, ModelVersion, VersionIndex,
	};
	use frame_support::pallet_prelude::*;
	use frame_system::pallet_prelude::*;
	use sp_core::H256;

	const STORAGE_VERSION: StorageVersion = StorageVersion::new(2);

	#[pallet::pallet]
	#[pallet::storage_version(STORAGE_VERSION)]
	pub struct Pallet<T>(_);

	#[pallet::config]
	pub trait Config: frame_system::Config<RuntimeEvent: From<Event<Self>>> {
		/// Origin that may register a model. A model takes room for ever, so this is not open to every account.
		type RegisterOrigin: EnsureOrigin<Self::RuntimeOrigin>;

		/// Models that can ever be registered: none is removed.
		#[pallet::constant]
		type MaxModels: Get<u32>;

		/// Expert slots of one model, over all its layers. Bounds the largest `register_model` and `register_open_model`, and what
		/// reading a whole model costs; at most 16,384, the most that any `ModelConfig` describes.
		#[pallet::constant]
		type MaxSlots: Get<u32>;

		/// Bytes of an expert's block, at most: every operator of a committee fetches that of a candidate.
		#[pallet::constant]
		type MaxBlockBytes: Get<u32>;

		/// Bytes of the block of a trunk or a part, at most. It is fetched once by those who serve or judge the model.
		#[pallet::constant]
		type MaxPartBytes: Get<u32>;

		/// Versions of one slot whose records are kept, the head included. Older ones are forgotten when
		/// a new head is promoted; their place in the history stays readable from the events.
		#[pallet::constant]
		type MaxHistory: Get<u32>;

		/// Generations of one model that are kept at a time, however far back, for those who may still have to compute
		/// with them. Where there are as many, no further one is kept, and what would have referred to it waits.
		#[pallet::constant]
		type MaxKept: Get<u32>;

		/// Weights of the calls.
		type WeightInfo: WeightInfo;
	}

	/// Number of models registered, and so the number of the next one. At most `MaxModels`.
	#[pallet::storage]
	pub type ModelCount<T: Config> = StorageValue<_, ModelId, ValueQuery>;

	/// Every model, under the numbers 0 to [`ModelCount`]. At most `MaxModels`; never removed.
	// Twox64Concat: the pallet gives the numbers out, so nobody can grind them.
	#[pallet::storage]
	pub type Models<T: Config> = StorageMap<_, Twox64Concat, ModelId, ModelRecordOf<T>>;

	/// Records of the architectures of the second definition, by their hash: at most `MaxModels`; never removed. Models of one
	/// architecture share one.
	// Identity: the key is a hash of the value.
	#[pallet::storage]
	pub type Architectures<T: Config> = StorageMap<_, Identity, ArchitectureId, ArchitectureRecord>;

	/// Parts of the models of the second definition, in the order of `Architecture::parts`. Never removed; their Merkle root is
	/// part of the model's body.
	// Twox64Concat: only registered models are keys.
	#[pallet::storage]
	pub type Parts<T: Config> = StorageMap<_, Twox64Concat, ModelId, ModelParts, ValueQuery>;

	/// The current expert of every slot of every model: at most `MaxModels` x `MaxSlots`.
	/// Each has its record in [`Versions`] and its blob in [`Blobs`].
	// Twox64Concat: only slots of registered models are keys.
	#[pallet::storage]
	pub type Heads<T: Config> = StorageMap<_, Twox64Concat, ExpertSlot, ExpertHead>;

	/// Nodes of the Merkle tree over the tensor roots of each model's heads, in row-major order: by level, counted from the
	/// leaves, and place. Less than `MaxModels` x (2 x `MaxSlots` + 16); kept in step with [`Heads`].
	// Twox64Concat, twice: numbers of registered models, and places in their trees.
	#[pallet::storage]
	pub type HeadTree<T: Config> =
		StorageDoubleMap<_, Twox64Concat, ModelId, Twox64Concat, (u8, u32), H256, OptionQuery>;

	/// Records of the versions of every slot: the newest `MaxHistory` of each.
	/// `promote` writes them and removes the one that became too old, to [`KeptVersions`] if it is needed.
	// Twox64Concat, twice: slots are those of registered models, versions are counted up.
	#[pallet::storage]
	pub type Versions<T: Config> = StorageDoubleMap<
		_,
		Twox64Concat,
		ExpertSlot,
		Twox64Concat,
		VersionIndex,
		VersionRecordOf<T>,
		OptionQuery,
	>;

	/// Generations of each model that something refers to which can still be disputed, and how many do, ascending. At
	/// most `MaxKept` a model; `keep` and `release` count.
	// Twox64Concat: only registered models are keys.
	#[pallet::storage]
	pub type KeptGenerations<T: Config> =
		StorageMap<_, Twox64Concat, ModelId, BoundedVec<(u32, u32), T::MaxKept>, ValueQuery>;

	/// Versions that fell out of [`Versions`] but were the head at one of [`KeptGenerations`]: at most `MaxKept` a slot, and
	/// those that nothing refers to any more and that `on_idle` has not come to.
	// Twox64Concat, twice: slots are those of registered models, versions are counted up.
	#[pallet::storage]
	pub type KeptVersions<T: Config> =
		StorageDoubleMap<_, Twox64Concat, ExpertSlot, Twox64Concat, VersionIndex, KeptVersion, OptionQuery>;

	/// First and end of the places in [`KeptQueued`].
	#[pallet::storage]
	pub type KeptQueue<T: Config> = StorageValue<_, (u64, u64), ValueQuery>;

	/// Every entry of [`KeptVersions`], in the order in which `on_idle` looks whether it is still needed.
	// Twox64Concat: the pallet counts the keys up.
	#[pallet::storage]
	pub type KeptQueued<T: Config> = StorageMap<_, Twox64Concat, u64, ExpertVersion>;

	/// Blobs that make up the models and their remembered history, by hash: at most
	/// `MaxModels` x (`MaxSlots` x `MaxHistory` + 130), and one for each of [`KeptVersions`]. An entry lives as long as a
	/// trunk, a part or a version in [`Versions`] or [`KeptVersions`] names it.
	// Blake2_128Concat: miners choose the bytes, and so the hash.
	#[pallet::storage]
	pub type Blobs<T: Config> = StorageMap<_, Blake2_128Concat, H256, BlobRecord>;

	/// The models that the chain starts with.
	#[pallet::genesis_config]
	#[derive(frame_support::DefaultNoBound)]
	pub struct GenesisConfig<T: Config> {
		/// The models, numbered in this order.
		pub models: Vec<GenesisModel>,
		/// Marker of the runtime.
		#[serde(skip)]
		pub _runtime: core::marker::PhantomData<T>,
	}

	#[pallet::genesis_build]
	impl<T: Config> BuildGenesisConfig for GenesisConfig<T> {
		fn build(&self) {
			for model in &self.models {
				// A chain specification that contradicts itself must not start a chain.
				Pallet::<T>::build_model(model).expect("the genesis models are valid");
			}
		}
	}

	#[pallet::event]
	#[pallet::generate_deposit(pub(super) fn deposit_event)]
	pub enum Event<T: Config> {
		/// A model can be learned and served from now on.
		ModelRegistered {
			/// Its number.
			model: ModelId,
			/// Its architecture and everything that is not an expert.
			body: ModelBody,
			/// Version of the architecture.
			version: ModelVersion,
		},
		/// A new version is the head of a slot.
		HeadPromoted {
			/// The slot.
			slot: ExpertSlot,
			/// Version of the new head.
			version: VersionIndex,
			/// Version that it replaced.
			parent: VersionIndex,
			/// The account that made it.
			owner: T::AccountId,
			/// Its tensors.
			block: BlockRef,
			/// Experts promoted in this model since it was registered, this one included.
			generation: u32,
		},
		/// A head was taken back; what it had replaced fills the slot again.
		HeadReverted {
			/// The slot.
			slot: ExpertSlot,
			/// Version of the new head.
			version: VersionIndex,
			/// Version that was taken back.
			reverted: VersionIndex,
			/// Version whose tensors these are.
			restored: VersionIndex,
			/// The tensors.
			block: BlockRef,
			/// The generation of the model that this created.
			generation: u32,
		},
	}

	#[pallet::error]
	pub enum Error<T> {
		/// No model has this number. Models are numbered from 0 in order of registration.
		ModelUnknown,
		/// The model has no such layer or expert. Its configuration says how many there are.
		SlotUnknown,
		/// As many models are registered as the chain has room for.
		TooManyModels,
		/// The model has more expert slots than the chain accepts; use fewer layers or experts.
		TooManySlots,
		/// The configuration breaks a bound of the exact network; see `ModelConfig`.
		ConfigInvalid,
		/// The name is empty or not UTF-8.
		NameInvalid,
		/// The compatibility range is empty or crosses a major version.
		CompatibilityInvalid,
		/// There must be exactly one expert a slot, in row-major order (layer, then expert).
		HeadCountWrong,
		/// Another version became the head in the meantime. Train from the current head.
		ParentNotHead,
		/// The version to take back is not the head (any more).
		VersionNotHead,
		/// The version to return to fell out of the history, or there never was one.
		ParentForgotten,
		/// A version named as a dependency is not known (any more).
		DependencyUnknown,
		/// A version names more dependencies than a record holds.
		TooManyDependencies,
		/// The chain knows this blob hash with another size; one of the two is wrong.
		BlobSizeDisagrees,
		/// A counter is at its end.
		Overflow,
		/// The model follows the other definition: `register_model` is for the first, `register_open_model` for the second.
		DefinitionWrong,
		/// The bytes are not the canonical record of a valid architecture; take them from the model's manifest.
		ArchitectureInvalid,
		/// There must be exactly one block a part: embedding, layers, head.
		PartCountWrong,
		/// The body does not follow from the record and the parts: hash of the record, Merkle root over the parts' tensor roots.
		BodyDisagrees,
		/// A block is not as long as the architecture says.
		BlockSizeWrong,
		/// A block is larger than the chain accepts: `MaxBlockBytes` for an expert, `MaxPartBytes` for a trunk or a part.
		BlockTooLarge,
	}

	#[pallet::hooks]
	impl<T: Config> Hooks<BlockNumberFor<T>> for Pallet<T> {
		fn on_idle(_: BlockNumberFor<T>, remaining: Weight) -> Weight {
			Self::forget_unneeded(remaining)
		}

		fn integrity_test() {
			assert!(T::MaxModels::get() > 0, "a chain without room for a model cannot learn");
			assert!(
				(1..=16_384).contains(&T::MaxSlots::get()),
				"MaxSlots lies between 1 and the most that a ModelConfig describes"
			);
			assert!(T::MaxBlockBytes::get() > 0, "a model without experts learns nothing");
			assert!(
				T::MaxBlockBytes::get() <= T::MaxPartBytes::get(),
				"what serves a model can hold its experts"
			);
			assert!(T::MaxHistory::get() > 0, "the head itself is part of the history");
			assert!(T::MaxKept::get() > 0, "a draw refers to a generation");
		}

		#[cfg(feature = "try-runtime")]
		fn try_state(_: BlockNumberFor<T>) -> Result<(), sp_runtime::TryRuntimeError> {
			Self::do_try_state()
		}
	}

	#[pallet::call]
	impl<T: Config> Pallet<T> {
		/// Register a model of the first definition with the expert that fills each of its slots at first.
		///
		/// - `origin`: `RegisterOrigin`.
		/// - `spec`: name, architecture, versions and trunk.
		/// - `owner`: the account that the first experts belong to; `None` if they belong to the network.
		/// - `heads`: one block a slot, in row-major order (layer, then expert).
		///
		/// Emits [`Event::ModelRegistered`].
		#[pallet::call_index(0)]
		#[pallet::weight(T::WeightInfo::register_model(heads.len() as u32))]
		pub fn register_model(
			origin: OriginFor<T>,
			spec: ModelSpec,
			owner: Option<T::AccountId>,
			heads: BoundedVec<BlockRef, T::MaxSlots>,
		) -> DispatchResult {
			T::RegisterOrigin::ensure_origin(origin)?;
			Self::do_register_model(spec, owner, &heads)?;
			Ok(())
		}

		/// Register a model of the second definition with the expert that fills each of its slots at first. A model without
		/// routed layers has none: it can be served, and not learn.
		///
		/// - `origin`: `RegisterOrigin`.
		/// - `spec`: name, body and versions. The body must be that of `architecture` and `parts`.
		/// - `architecture`: the canonical record of the architecture.
		/// - `parts`: embedding, layers, head.
		/// - `owner`: the account that the first experts belong to; `None` if they belong to the network.
		/// - `heads`: one block a slot, layer by layer.
		///
		/// Emits [`Event::ModelRegistered`].
		#[pallet::call_index(1)]
		#[pallet::weight(T::WeightInfo::register_open_model(parts.len() as u32, heads.len() as u32))]
		pub fn register_open_model(
			origin: OriginFor<T>,
			spec: ModelSpec,
			architecture: ArchitectureRecord,
			parts: ModelParts,
			owner: Option<T::AccountId>,
			heads: BoundedVec<BlockRef, T::MaxSlots>,
		) -> DispatchResult {
			T::RegisterOrigin::ensure_origin(origin)?;
			Self::do_register_open_model(spec, architecture, parts, owner, &heads)?;
			Ok(())
		}
	}
}
