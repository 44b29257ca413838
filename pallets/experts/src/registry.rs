//! The registry as the neighbours see it: reading models, promoting and reverting heads, naming blobs.

use crate::{
	dispatch::slots_of, ArchitectureRecord, Architectures, Blobs, Config, Dependencies, Error, Event,
	ExpertVersion, Heads, ModelParts, ModelRecordOf, ModelSpec, Models, Pallet, Parts, VersionRecord,
	Versions,
};
use alloc::vec::Vec;
use blyan_exact::definition2::Architecture;
use blyan_primitives::{
	blocks_root, record_id,
	traits::{ArchitectureRegistry, BlobAnnouncements, ExpertRegistry, ModelLimits, OpenModel, OpenModels},
	ArchitectureId, BlockRef, ExpertHead, ExpertSlot, ModelBody, ModelId, ModelInfo, ModelVersion, Slots,
	VersionIndex,
};
use core::marker::PhantomData;
use frame_support::{ensure, storage::with_storage_layer, traits::Get};
use sp_core::H256;
use sp_runtime::DispatchError;

impl<T: Config> Pallet<T> {
	/// Makes `block` the head of `slot`, trained from `parent` and against `depends_on`.
	///
	/// Every dependency must exist and belong to the same model, so that no cycle can be written.
	/// Either everything is written or nothing.
	pub fn do_promote(
		slot: ExpertSlot,
		parent: VersionIndex,
		owner: &T::AccountId,
		block: BlockRef,
		depends_on: Vec<ExpertVersion>,
	) -> Result<VersionIndex, DispatchError> {
		with_storage_layer(|| {
			let model = Models::<T>::get(slot.model).ok_or(Error::<T>::ModelUnknown)?;
			let head = Heads::<T>::get(slot).ok_or(Error::<T>::SlotUnknown)?;
			ensure!(head.version == parent, Error::<T>::ParentNotHead);
			for dependency in &depends_on {
				let known = dependency.slot.model == slot.model
					&& Versions::<T>::contains_key(dependency.slot, dependency.version);
				ensure!(known, Error::<T>::DependencyUnknown);
			}
			let depends_on =
				Dependencies::try_from(depends_on).map_err(|_| Error::<T>::TooManyDependencies)?;
			let (version, generation) =
				Self::append(slot, model, head, block, Some(owner.clone()), depends_on)?;
			Self::deposit_event(Event::HeadPromoted {
				slot,
				version,
				parent,
				owner: owner.clone(),
				block,
				generation,
			});
			Ok(version)
		})
	}

	/// Makes the tensors that `version` replaced the head of `slot` again, under a new version: versions only grow,
	/// and what was the head for a while stays in the history. Owner and dependencies come back with the tensors.
	///
	/// Either everything is written or nothing.
	pub fn do_revert(slot: ExpertSlot, version: VersionIndex) -> Result<VersionIndex, DispatchError> {
		with_storage_layer(|| {
			let model = Models::<T>::get(slot.model).ok_or(Error::<T>::ModelUnknown)?;
			let head = Heads::<T>::get(slot).ok_or(Error::<T>::SlotUnknown)?;
			ensure!(head.version == version, Error::<T>::VersionNotHead);
			let parent = version.checked_sub(1).ok_or(Error::<T>::ParentForgotten)?;
			let restored = Versions::<T>::get(slot, parent).ok_or(Error::<T>::ParentForgotten)?;
			let (new_version, generation) =
				Self::append(slot, model, head, restored.block, restored.owner, restored.depends_on)?;
			Self::deposit_event(Event::HeadReverted {
				slot,
				version: new_version,
				reverted: version,
				restored: parent,
				block: restored.block,
				generation,
			});
			Ok(new_version)
		})
	}

	/// Puts a version after `head` and makes it the head. Returns its number and the generation it creates.
	fn append(
		slot: ExpertSlot,
		mut model: ModelRecordOf<T>,
		head: ExpertHead,
		block: BlockRef,
		owner: Option<T::AccountId>,
		depends_on: Dependencies,
	) -> Result<(VersionIndex, u32), DispatchError> {
		let slots = Self::layout(&model.spec.body).ok_or(Error::<T>::ModelUnknown)?;
		let version = head.version.checked_add(1).ok_or(Error::<T>::Overflow)?;
		let generation = model.generation.checked_add(1).ok_or(Error::<T>::Overflow)?;
		Self::reference_blob(block.blob)?;
		Self::retire_blob(head.block.blob);
		Heads::<T>::insert(slot, ExpertHead { version, block });
		Self::replace_leaf(slot, &slots, block);
		Versions::<T>::insert(
			slot,
			version,
			VersionRecord {
				parent: Some(head.version),
				owner,
				block,
				promoted_at: frame_system::Pallet::<T>::block_number(),
				generation,
				depends_on,
			},
		);
		if let Some(oldest) = version.checked_sub(T::MaxHistory::get()) {
			Self::retire(slot, oldest);
		}
		model.generation = generation;
		Models::<T>::insert(slot.model, model);
		Ok((version, generation))
	}

	/// Returns the layout of a model's slots; `None` if its architecture is not in the registry, which has that of every model.
	pub(crate) fn layout(body: &ModelBody) -> Option<Slots> {
		match body {
			ModelBody::First { config, .. } => Some(Slots::first(config)),
			ModelBody::Second { architecture, .. } => {
				Self::architecture(architecture).as_ref().map(Slots::second)
			}
		}
	}

	/// Returns a model as clients read it, with the heads that `head` finds; `None` if it lacks one.
	fn info(
		id: ModelId,
		record: ModelRecordOf<T>,
		generation: u32,
		head: impl Fn(ExpertSlot) -> Option<ExpertHead>,
	) -> Option<ModelInfo> {
		let slots = Self::layout(&record.spec.body)?;
		let heads = slots_of(id, &slots).map(head).collect::<Option<Vec<_>>>()?;
		Some(ModelInfo {
			id,
			name: record.spec.name.into_inner(),
			body: record.spec.body,
			version: record.spec.version,
			generation,
			parts: Parts::<T>::get(id).into_inner(),
			heads,
		})
	}

	/// Returns the expert that filled `slot` when the model was at `generation`; `None` if that was pruned.
	fn head_at(slot: ExpertSlot, generation: u32) -> Option<ExpertHead> {
		let mut version = Heads::<T>::get(slot)?.version;
		// At most `MaxHistory` steps: older records are gone, but for those that are kept.
		loop {
			let Some(record) = Versions::<T>::get(slot, version) else {
				return Self::kept_head(slot, generation);
			};
			if record.generation <= generation {
				return Some(ExpertHead { version, block: record.block });
			}
			version = record.parent?;
		}
	}
}

impl<T: Config> ArchitectureRegistry for Pallet<T> {
	fn architecture(id: &ArchitectureId) -> Option<Architecture> {
		// Records are decoded before they are written.
		Architecture::from_bytes(&Architectures::<T>::get(id)?).ok()
	}
}

impl<T: Config> ExpertRegistry<T::AccountId> for Pallet<T> {
	fn model(id: ModelId) -> Option<ModelInfo> {
		let record = Models::<T>::get(id)?;
		let generation = record.generation;
		Self::info(id, record, generation, Heads::<T>::get)
	}

	fn head(slot: ExpertSlot) -> Option<ExpertHead> {
		Heads::<T>::get(slot)
	}

	fn version(slot: ExpertSlot, version: VersionIndex) -> Option<(BlockRef, Option<T::AccountId>)> {
		Versions::<T>::get(slot, version).map(|record| (record.block, record.owner))
	}

	fn body(id: ModelId) -> Option<ModelBody> {
		Models::<T>::get(id).map(|record| record.spec.body)
	}

	fn parts(id: ModelId) -> Vec<BlockRef> {
		Parts::<T>::get(id).into_inner()
	}

	fn generation(id: ModelId) -> Option<u32> {
		Models::<T>::get(id).map(|record| record.generation)
	}

	/// As `blyan_exact::model_root` computes it from all heads, which `try_state` does too; but at the cost of two reads, three
	/// under the second definition.
	fn model_root(id: ModelId) -> Option<H256> {
		let body = Models::<T>::get(id)?.spec.body;
		let slots = Self::layout(&body)?;
		Some(body.model_root(&Self::heads_root(id, slots.count())?))
	}

	fn model_at(id: ModelId, generation: u32) -> Option<ModelInfo> {
		let record = Models::<T>::get(id).filter(|record| generation <= record.generation)?;
		Self::info(id, record, generation, |slot| Self::head_at(slot, generation))
	}

	fn keep(id: ModelId, generation: u32) -> bool {
		Self::do_keep(id, generation)
	}

	fn release(id: ModelId, generation: u32) {
		Self::do_release(id, generation);
	}

	fn revert(slot: ExpertSlot, version: VersionIndex) -> Result<VersionIndex, DispatchError> {
		Self::do_revert(slot, version)
	}

	fn promote(
		slot: ExpertSlot,
		parent: VersionIndex,
		owner: &T::AccountId,
		block: BlockRef,
	) -> Result<VersionIndex, DispatchError> {
		Self::do_promote(slot, parent, owner, block, Vec::new())
	}

	#[cfg(feature = "runtime-benchmarks")]
	fn ensure_model_for_benchmark() -> ExpertSlot {
		crate::benchmarking::register_largest_model::<T>()
	}
}

/// The first version of an architecture that no earlier one fits.
const FIRST_VERSION: ModelVersion = ModelVersion { major: 1, minor: 0, patch: 0 };

impl<T: Config> OpenModels for Pallet<T> {
	fn limits() -> ModelLimits {
		ModelLimits {
			slots: T::MaxSlots::get(),
			expert_bytes: T::MaxBlockBytes::get(),
			part_bytes: T::MaxPartBytes::get(),
		}
	}

	fn register(model: OpenModel) -> Result<ModelId, DispatchError> {
		let OpenModel { name, architecture, parts, heads } = model;
		let spec = ModelSpec {
			name: name.try_into().map_err(|_| Error::<T>::NameInvalid)?,
			body: ModelBody::Second { architecture: record_id(&architecture), parts: blocks_root(&parts) },
			version: FIRST_VERSION,
			compatible_from: FIRST_VERSION,
		};
		let record: ArchitectureRecord =
			architecture.try_into().map_err(|_| Error::<T>::ArchitectureInvalid)?;
		let parts: ModelParts = parts.try_into().map_err(|_| Error::<T>::PartCountWrong)?;
		with_storage_layer(|| Self::do_register_open_model(spec, record, parts, None, &heads))
	}
}

/// Trunks, parts, heads, and the versions that are remembered: an auditor that computes an earlier score again needs those too.
impl<T: Config> BlobAnnouncements for Pallet<T> {
	fn announced(hash: &H256) -> Option<u32> {
		Blobs::<T>::get(hash).map(|blob| blob.size)
	}
}

/// Blobs that the models are made of now, without their history.
///
/// A candidate whose bytes are in use is a duplicate; one that was replaced, or taken back, may be offered again.
pub struct CurrentBlobs<T>(PhantomData<T>);

impl<T: Config> BlobAnnouncements for CurrentBlobs<T> {
	fn announced(hash: &H256) -> Option<u32> {
		Blobs::<T>::get(hash).filter(|blob| blob.current > 0).map(|blob| blob.size)
	}
}
