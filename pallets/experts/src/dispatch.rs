//! Bodies of the calls, and the genesis state.

use crate::{
	BlobRecord, Blobs, Config, Error, Event, GenesisModel, Heads, ModelCount, ModelRecord, ModelSpec, Models,
	Pallet, VersionRecord, Versions,
};
use blyan_primitives::{BlobRef, BlockRef, ExpertHead, ExpertSlot, ModelConfig, ModelId};
use frame_support::{ensure, traits::Get};
use sp_runtime::{traits::Zero, DispatchError};

impl<T: Config> Pallet<T> {
	/// Registers a model and fills its slots. See [`Pallet::register_model`].
	pub fn do_register_model(
		spec: ModelSpec,
		owner: Option<T::AccountId>,
		heads: &[BlockRef],
	) -> Result<ModelId, DispatchError> {
		let ModelSpec { config, version, trunk, .. } = spec;
		ensure!(spec.is_name_valid(), Error::<T>::NameInvalid);
		ensure!(spec.is_compatibility_valid(), Error::<T>::CompatibilityInvalid);
		ensure!(config.validate().is_ok(), Error::<T>::ConfigInvalid);
		ensure!(config.slots() <= T::MaxSlots::get(), Error::<T>::TooManySlots);
		ensure!(u32::try_from(heads.len()) == Ok(config.slots()), Error::<T>::HeadCountWrong);

		let model = ModelCount::<T>::get();
		ensure!(model < T::MaxModels::get(), Error::<T>::TooManyModels);
		ModelCount::<T>::put(model.checked_add(1).ok_or(Error::<T>::Overflow)?);

		Self::reference_blob(trunk.blob)?;
		for (slot, block) in slots(model, config).zip(heads) {
			Self::reference_blob(block.blob)?;
			Heads::<T>::insert(slot, ExpertHead { version: 0, block: *block });
			Versions::<T>::insert(
				slot,
				0,
				VersionRecord {
					parent: None,
					owner: owner.clone(),
					block: *block,
					promoted_at: frame_system::Pallet::<T>::block_number(),
					generation: 0,
					depends_on: Default::default(),
				},
			);
		}
		Self::plant_tree(model, heads);
		Models::<T>::insert(model, ModelRecord { spec, owner, generation: 0 });
		Self::deposit_event(Event::ModelRegistered { model, config, version });
		Ok(model)
	}

	/// Registers a model of the genesis state: it belongs to the network and fits its own version only.
	pub(crate) fn build_model(model: &GenesisModel) -> Result<ModelId, DispatchError> {
		let GenesisModel { name, config, version, trunk, heads } = model;
		let spec = ModelSpec {
			name: name.clone().into_bytes().try_into().map_err(|_| Error::<T>::NameInvalid)?,
			config: *config,
			version: *version,
			compatible_from: *version,
			trunk: *trunk,
		};
		Self::do_register_model(spec, None, heads)
	}

	/// Notes that one more trunk or version in use names `blob`.
	pub(crate) fn reference_blob(blob: BlobRef) -> Result<(), DispatchError> {
		Blobs::<T>::try_mutate(blob.hash, |entry| {
			let record = entry.get_or_insert(BlobRecord { size: blob.size, references: 0, current: 0 });
			ensure!(record.size == blob.size, Error::<T>::BlobSizeDisagrees);
			record.references = record.references.checked_add(1).ok_or(Error::<T>::Overflow)?;
			// Never more than the references.
			record.current = record.current.saturating_add(1);
			Ok(())
		})
	}

	/// Notes that a head that names `blob` was replaced. Its version is remembered, and so is the blob.
	pub(crate) fn retire_blob(blob: BlobRef) {
		Blobs::<T>::mutate(blob.hash, |entry| {
			if let Some(record) = entry {
				record.current = record.current.saturating_sub(1);
			}
		});
	}

	/// Notes that a retired version that names `blob` was forgotten; so is the blob after the last one.
	pub(crate) fn release_blob(blob: BlobRef) {
		Blobs::<T>::mutate_exists(blob.hash, |entry| {
			if let Some(record) = entry {
				record.references = record.references.saturating_sub(1);
				if record.references.is_zero() {
					*entry = None;
				}
			}
		});
	}
}

/// The slots of a model in row-major order.
pub(crate) fn slots(model: ModelId, config: ModelConfig) -> impl Iterator<Item = ExpertSlot> {
	(0..config.layers)
		.flat_map(move |layer| (0..config.experts).map(move |expert| ExpertSlot { model, layer, expert }))
}
