//! Bodies of the calls, and the genesis state.

use crate::{
	ArchitectureRecord, Architectures, BlobRecord, Blobs, Config, Error, Event, GenesisModel, Heads,
	ModelCount, ModelParts, ModelRecord, ModelSpec, Models, Pallet, Parts, VersionRecord, Versions,
};
use blyan_exact::definition2::Architecture;
use blyan_primitives::{
	blocks_root, expert_bytes, part_bytes, record_id, BlobRef, BlockRef, ExpertHead, ExpertSlot, JobBody,
	ModelBody, ModelId, Slots,
};
use frame_support::{ensure, traits::Get};
use sp_runtime::{traits::Zero, DispatchError, DispatchResult};

impl<T: Config> Pallet<T> {
	/// Registers a model of the first definition and fills its slots. See [`Pallet::register_model`].
	pub fn do_register_model(
		spec: ModelSpec,
		owner: Option<T::AccountId>,
		heads: &[BlockRef],
	) -> Result<ModelId, DispatchError> {
		let ModelBody::First { config, trunk } = spec.body else {
			return Err(Error::<T>::DefinitionWrong.into());
		};
		ensure!(config.validate().is_ok(), Error::<T>::ConfigInvalid);
		ensure!(trunk.blob.size <= T::MaxPartBytes::get(), Error::<T>::BlockTooLarge);
		Self::add_model(spec, owner, &Slots::first(&config), &[trunk], heads)
	}

	/// Registers a model of the second definition and fills its slots. See [`Pallet::register_open_model`].
	pub fn do_register_open_model(
		spec: ModelSpec,
		record: ArchitectureRecord,
		parts: ModelParts,
		owner: Option<T::AccountId>,
		heads: &[BlockRef],
	) -> Result<ModelId, DispatchError> {
		let ModelBody::Second { architecture: id, parts: root } = spec.body else {
			return Err(Error::<T>::DefinitionWrong.into());
		};
		let architecture = Architecture::from_bytes(&record).map_err(|_| Error::<T>::ArchitectureInvalid)?;
		ensure!(record_id(&record) == id && blocks_root(&parts) == root, Error::<T>::BodyDisagrees);
		Self::ensure_parts(&architecture, &parts)?;
		let slots = Slots::second(&architecture);
		Self::ensure_heads_fit(&architecture, &slots, heads)?;
		let model = Self::add_model(spec, owner, &slots, &parts, heads)?;
		Architectures::<T>::insert(id, record);
		Parts::<T>::insert(model, parts);
		Ok(model)
	}

	/// Refuses parts that are not as many, or not as long, as the architecture says.
	fn ensure_parts(architecture: &Architecture, parts: &[BlockRef]) -> DispatchResult {
		let names = architecture.parts();
		ensure!(names.len() == parts.len(), Error::<T>::PartCountWrong);
		for (name, part) in names.into_iter().zip(parts) {
			ensure!(part.blob.size <= T::MaxPartBytes::get(), Error::<T>::BlockTooLarge);
			let is_fitting = part_bytes(architecture, name) == Some(part.blob.size.into());
			ensure!(is_fitting, Error::<T>::BlockSizeWrong);
		}
		Ok(())
	}

	/// Refuses experts that are not as long as the architecture says. Their number is checked when they are written.
	fn ensure_heads_fit(architecture: &Architecture, slots: &Slots, heads: &[BlockRef]) -> DispatchResult {
		// All experts of a layer have one shape.
		let mut expected = None;
		for ((layer, expert), head) in slots.iter().zip(heads) {
			if expert == 0 {
				expected = expert_bytes(architecture, layer);
			}
			ensure!(expected == Some(head.blob.size.into()), Error::<T>::BlockSizeWrong);
		}
		Ok(())
	}

	/// Writes a model whose body is valid: `parts` is everything of it that is not an expert.
	fn add_model(
		spec: ModelSpec,
		owner: Option<T::AccountId>,
		slots: &Slots,
		parts: &[BlockRef],
		heads: &[BlockRef],
	) -> Result<ModelId, DispatchError> {
		let (body, version) = (spec.body, spec.version);
		ensure!(spec.is_name_valid(), Error::<T>::NameInvalid);
		ensure!(spec.is_compatibility_valid(), Error::<T>::CompatibilityInvalid);
		ensure!(slots.count() <= T::MaxSlots::get(), Error::<T>::TooManySlots);
		ensure!(u32::try_from(heads.len()) == Ok(slots.count()), Error::<T>::HeadCountWrong);
		let is_large = |head: &BlockRef| head.blob.size > T::MaxBlockBytes::get();
		ensure!(!heads.iter().any(is_large), Error::<T>::BlockTooLarge);

		let model = ModelCount::<T>::get();
		ensure!(model < T::MaxModels::get(), Error::<T>::TooManyModels);
		ModelCount::<T>::put(model.checked_add(1).ok_or(Error::<T>::Overflow)?);

		for part in parts {
			Self::reference_blob(part.blob)?;
		}
		for (slot, block) in slots_of(model, slots).zip(heads) {
			Self::reference_blob(block.blob)?;
			Self::fill_slot(slot, *block, owner.clone());
		}
		Self::plant_tree(model, heads);
		Models::<T>::insert(model, ModelRecord { spec, owner, generation: 0 });
		Self::deposit_event(Event::ModelRegistered { model, body, version });
		Ok(model)
	}

	/// Writes the first expert of a slot.
	fn fill_slot(slot: ExpertSlot, block: BlockRef, owner: Option<T::AccountId>) {
		Heads::<T>::insert(slot, ExpertHead { version: 0, block });
		Versions::<T>::insert(
			slot,
			0,
			VersionRecord {
				parent: None,
				owner,
				block,
				promoted_at: frame_system::Pallet::<T>::block_number(),
				generation: 0,
				depends_on: Default::default(),
			},
		);
	}

	/// Registers a model of the genesis state: it belongs to the network and fits its own version only.
	pub(crate) fn build_model(model: &GenesisModel) -> Result<ModelId, DispatchError> {
		let GenesisModel { name, body, version, heads } = model;
		let spec = ModelSpec {
			name: name.clone().into_bytes().try_into().map_err(|_| Error::<T>::NameInvalid)?,
			body: body.model_body(),
			version: *version,
			compatible_from: *version,
		};
		match body {
			JobBody::First { .. } => Self::do_register_model(spec, None, heads),
			JobBody::Second { architecture, parts } => {
				let record: ArchitectureRecord =
					architecture.clone().try_into().map_err(|_| Error::<T>::ArchitectureInvalid)?;
				let parts: ModelParts = parts.clone().try_into().map_err(|_| Error::<T>::PartCountWrong)?;
				Self::do_register_open_model(spec, record, parts, None, heads)
			}
		}
	}

	/// Notes that one more trunk, part or version in use names `blob`.
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
pub(crate) fn slots_of(model: ModelId, slots: &Slots) -> impl Iterator<Item = ExpertSlot> + '_ {
	slots.iter().map(move |(layer, expert)| ExpertSlot { model, layer, expert })
}
