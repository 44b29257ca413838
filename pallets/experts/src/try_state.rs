//! The invariants of the storage, one function each.

use crate::{
	dispatch::slots_of, Architectures, BlobRecord, Blobs, Config, HeadTree, Heads, KeptGenerations,
	KeptQueue, KeptQueued, KeptVersions, ModelCount, ModelRecordOf, Models, Pallet, Parts, Versions,
};
use alloc::{
	collections::{BTreeMap, BTreeSet},
	vec::Vec,
};
use blyan_primitives::{
	blocks_root,
	traits::{ArchitectureRegistry, ExpertRegistry},
	BlobRef, ModelBody, Slots,
};
use frame_support::{ensure, traits::Get};
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// Checks every invariant.
	pub(crate) fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_models_are_numbered()?;
		Self::check_architectures_and_parts()?;
		Self::check_heads_are_complete()?;
		Self::check_trees_stand_over_heads()?;
		Self::check_generation_counts_promotions()?;
		Self::check_history_leads_to_heads()?;
		Self::check_kept_versions()?;
		Self::check_dependencies_are_older()?;
		Self::check_blobs_are_counted()
	}

	/// Models carry the numbers 0 to `ModelCount`, and are valid.
	fn check_models_are_numbered() -> Result<(), TryRuntimeError> {
		let count = ModelCount::<T>::get();
		ensure!(count <= T::MaxModels::get(), "more models than the chain has room for");
		ensure!(Models::<T>::iter().count() as u64 == u64::from(count), "a model has no number");
		for model in 0..count {
			let spec = Models::<T>::get(model).ok_or("a number has no model")?.spec;
			ensure!(spec.is_name_valid() && spec.is_compatibility_valid(), "a model's spec is invalid");
			if let ModelBody::First { config, .. } = spec.body {
				ensure!(config.validate().is_ok(), "a model's configuration is invalid");
			}
			let slots = Self::layout(&spec.body).ok_or("a model has no architecture")?;
			ensure!(slots.count() <= T::MaxSlots::get(), "a model has too many slots");
		}
		Ok(())
	}

	/// Records of architectures are those of models, under their hashes; parts are those that the models' bodies name.
	fn check_architectures_and_parts() -> Result<(), TryRuntimeError> {
		let mut named = BTreeSet::new();
		for (model, record) in Models::<T>::iter() {
			let ModelBody::Second { architecture: id, parts: root } = record.spec.body else {
				ensure!(!Parts::<T>::contains_key(model), "a model of the first definition has parts");
				continue;
			};
			named.insert(id);
			let architecture = Self::architecture(&id).ok_or("an architecture's record is missing")?;
			let parts = Parts::<T>::get(model);
			ensure!(architecture.parts().len() == parts.len(), "a model has too few or too many parts");
			ensure!(blocks_root(&parts) == root, "a model's parts are not those of its body");
		}
		for (id, record) in Architectures::<T>::iter() {
			ensure!(named.contains(&id), "an architecture belongs to no model");
			ensure!(blyan_primitives::record_id(&record) == id, "a record is under another hash");
		}
		ensure!(Parts::<T>::iter_keys().all(Models::<T>::contains_key), "parts belong to no model");
		Ok(())
	}

	/// The layout of a model's slots.
	fn slots_in(record: &ModelRecordOf<T>) -> Result<Slots, TryRuntimeError> {
		Self::layout(&record.spec.body).ok_or("a model has no architecture".into())
	}

	/// Every slot of every model has a head, and there are no others.
	fn check_heads_are_complete() -> Result<(), TryRuntimeError> {
		let mut expected = 0u64;
		for (model, record) in Models::<T>::iter() {
			for slot in slots_of(model, &Self::slots_in(&record)?) {
				ensure!(Heads::<T>::contains_key(slot), "a slot has no head");
				expected = expected.saturating_add(1);
			}
		}
		ensure!(Heads::<T>::iter().count() as u64 == expected, "a head belongs to no slot");
		Ok(())
	}

	/// Every model's tree has its nodes and no others, and the root that follows from its heads.
	fn check_trees_stand_over_heads() -> Result<(), TryRuntimeError> {
		for (model, record) in Models::<T>::iter() {
			let slots = Self::slots_in(&record)?;
			let heads: Vec<_> =
				slots_of(model, &slots).filter_map(Heads::<T>::get).map(|head| head.block).collect();
			let root = record.spec.body.model_root(&blocks_root(&heads));
			ensure!(Self::model_root(model) == Some(root), "a model's root is not that of its heads");
			let mut expected = 0u64;
			let mut width = u64::from(slots.count());
			while width > 1 {
				expected = expected.saturating_add(width);
				width = width.div_ceil(2);
			}
			let nodes = HeadTree::<T>::iter_key_prefix(model).count() as u64;
			// The root besides, where there is one.
			ensure!(nodes == expected.saturating_add(width), "a tree has too few or too many nodes");
		}
		ensure!(
			HeadTree::<T>::iter_keys().all(|(model, _)| Models::<T>::contains_key(model)),
			"a tree belongs to no model"
		);
		Ok(())
	}

	/// A model's generation is the number of promotions in its slots.
	fn check_generation_counts_promotions() -> Result<(), TryRuntimeError> {
		for (model, record) in Models::<T>::iter() {
			let promotions = slots_of(model, &Self::slots_in(&record)?)
				.filter_map(Heads::<T>::get)
				.fold(0u64, |sum, head| sum.saturating_add(head.version.into()));
			ensure!(promotions == u64::from(record.generation), "a generation was not counted");
		}
		Ok(())
	}

	/// The records of a slot are the newest ones without a gap, and the last of them is the head.
	fn check_history_leads_to_heads() -> Result<(), TryRuntimeError> {
		let kept = T::MaxHistory::get();
		for (slot, head) in Heads::<T>::iter() {
			let record = Versions::<T>::get(slot, head.version).ok_or("a head has no record")?;
			ensure!(record.block == head.block, "a head and its record name different blocks");
			let oldest = head.version.saturating_add(1).saturating_sub(kept);
			for version in oldest..=head.version {
				let record = Versions::<T>::get(slot, version).ok_or("the history has a gap")?;
				ensure!(record.parent == version.checked_sub(1), "a version does not follow its parent");
			}
			let recorded = Versions::<T>::iter_prefix(slot).count() as u64;
			let expected = u64::from(head.version.saturating_sub(oldest)).saturating_add(1);
			ensure!(recorded == expected, "the history holds a version that is too old or too new");
		}
		for (slot, version) in Versions::<T>::iter_keys() {
			ensure!(Heads::<T>::contains_key(slot), "a version belongs to no slot");
			ensure!(Heads::<T>::get(slot).is_some_and(|head| version <= head.version), "a version is ahead");
		}
		Ok(())
	}

	/// Kept generations ascend and are referred to; kept versions are behind the history, do not overlap, wait in the queue
	/// once each, and are there for every kept generation of which the history has no version.
	fn check_kept_versions() -> Result<(), TryRuntimeError> {
		for (model, kept) in KeptGenerations::<T>::iter() {
			let current = Models::<T>::get(model).ok_or("a generation of no model is kept")?.generation;
			ensure!(
				kept.windows(2).all(|pair| matches!(pair, [(a, _), (b, _)] if a < b)),
				"kept generations have no order"
			);
			for (generation, count) in kept {
				ensure!(count > 0 && generation <= current, "a generation is kept for nothing");
				ensure!(Self::model_at(model, generation).is_some(), "a kept generation is not readable");
			}
		}
		let (first, end) = KeptQueue::<T>::get();
		let mut queued = BTreeSet::new();
		for place in first..end {
			let version = KeptQueued::<T>::get(place).ok_or("the queue of kept versions has a gap")?;
			let kept = KeptVersions::<T>::get(version.slot, version.version);
			ensure!(kept.is_some_and(|kept| kept.from < kept.until), "the queue holds what is not kept");
			ensure!(!Versions::<T>::contains_key(version.slot, version.version), "a version is held twice");
			ensure!(
				queued.insert((version.slot.layer, version.slot.expert, version.slot.model, version.version)),
				"a kept version is queued twice"
			);
		}
		ensure!(KeptVersions::<T>::iter_keys().count() == queued.len(), "a kept version is not queued");
		ensure!(KeptQueued::<T>::iter_keys().count() == queued.len(), "the queue has places outside of it");
		Ok(())
	}

	/// Dependencies of a version have a lower generation, so the graph has no cycle.
	fn check_dependencies_are_older() -> Result<(), TryRuntimeError> {
		for (slot, version, record) in Versions::<T>::iter() {
			let parent = record.parent.map(|parent| crate::ExpertVersion { slot, version: parent });
			for dependency in parent.iter().chain(&record.depends_on) {
				ensure!(dependency.slot.model == slot.model, "a version depends on another model");
				// A dependency that fell out of the history was checked while it was in it.
				if let Some(older) = Versions::<T>::get(dependency.slot, dependency.version) {
					ensure!(older.generation < record.generation, "a version depends on a later one");
				}
			}
			let is_first = record.parent.is_none() && version == 0;
			ensure!(is_first == (record.generation == 0), "only first versions have generation 0");
		}
		Ok(())
	}

	/// Blobs are those that trunks, parts and versions name, with their sizes and as often as they name them; in use are
	/// those of trunks, parts and heads.
	fn check_blobs_are_counted() -> Result<(), TryRuntimeError> {
		let mut expected = BTreeMap::new();
		let trunks = || {
			let trunks = Models::<T>::iter_values().filter_map(|record| record.spec.body.trunk().copied());
			trunks.chain(Parts::<T>::iter_values().flatten()).map(|block| block.blob)
		};
		let versions = Versions::<T>::iter_values().map(|record| record.block.blob);
		let versions = versions.chain(KeptVersions::<T>::iter_values().map(|kept| kept.block.blob));
		for BlobRef { hash, size } in trunks().chain(versions) {
			let record = expected.entry(hash).or_insert(BlobRecord { size, references: 0, current: 0 });
			ensure!(record.size == size, "one blob is said to have two sizes");
			record.references = record.references.saturating_add(1);
		}
		let heads = Heads::<T>::iter_values().map(|head| head.block.blob);
		for blob in trunks().chain(heads) {
			let record = expected.get_mut(&blob.hash).ok_or("a head's blob belongs to no version")?;
			record.current = record.current.saturating_add(1);
		}
		ensure!(Blobs::<T>::iter().collect::<BTreeMap<_, _>>() == expected, "the blobs were not counted");
		Ok(())
	}
}
