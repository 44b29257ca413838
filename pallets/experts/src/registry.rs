//! The registry as the neighbours see it: reading models, promoting heads, naming blobs.

use crate::{
	dispatch::slots, Blobs, Config, Dependencies, Error, Event, ExpertVersion, Heads, Models, Pallet,
	VersionRecord, Versions,
};
use alloc::vec::Vec;
use blyan_primitives::{
	traits::{BlobAnnouncements, ExpertRegistry},
	BlockRef, ExpertHead, ExpertSlot, ModelConfig, ModelId, ModelInfo, VersionIndex,
};
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
			let mut model = Models::<T>::get(slot.model).ok_or(Error::<T>::ModelUnknown)?;
			let head = Heads::<T>::get(slot).ok_or(Error::<T>::SlotUnknown)?;
			ensure!(head.version == parent, Error::<T>::ParentNotHead);
			for dependency in &depends_on {
				let known = dependency.slot.model == slot.model
					&& Versions::<T>::contains_key(dependency.slot, dependency.version);
				ensure!(known, Error::<T>::DependencyUnknown);
			}
			let depends_on =
				Dependencies::try_from(depends_on).map_err(|_| Error::<T>::TooManyDependencies)?;
			let version = parent.checked_add(1).ok_or(Error::<T>::Overflow)?;
			let generation = model.generation.checked_add(1).ok_or(Error::<T>::Overflow)?;

			Self::reference_blob(block.blob)?;
			Self::release_blob(head.block.blob);
			Heads::<T>::insert(slot, ExpertHead { version, block });
			Versions::<T>::insert(
				slot,
				version,
				VersionRecord {
					parent: Some(parent),
					owner: Some(owner.clone()),
					block,
					promoted_at: frame_system::Pallet::<T>::block_number(),
					generation,
					depends_on,
				},
			);
			if let Some(forgotten) = version.checked_sub(T::MaxHistory::get()) {
				Versions::<T>::remove(slot, forgotten);
			}
			model.generation = generation;
			Models::<T>::insert(slot.model, model);
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
}

impl<T: Config> ExpertRegistry<T::AccountId> for Pallet<T> {
	fn model(id: ModelId) -> Option<ModelInfo> {
		let record = Models::<T>::get(id)?;
		let heads = slots(id, record.spec.config).map(Heads::<T>::get).collect::<Option<Vec<_>>>()?;
		Some(ModelInfo {
			id,
			name: record.spec.name.into_inner(),
			config: record.spec.config,
			version: record.spec.version,
			generation: record.generation,
			trunk: record.spec.trunk,
			heads,
		})
	}

	fn head(slot: ExpertSlot) -> Option<ExpertHead> {
		Heads::<T>::get(slot)
	}

	fn config(id: ModelId) -> Option<ModelConfig> {
		Models::<T>::get(id).map(|record| record.spec.config)
	}

	fn generation(id: ModelId) -> Option<u32> {
		Models::<T>::get(id).map(|record| record.generation)
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

impl<T: Config> BlobAnnouncements for Pallet<T> {
	fn announced(hash: &H256) -> Option<u32> {
		Blobs::<T>::get(hash).map(|blob| blob.size)
	}
}
