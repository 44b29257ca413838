//! The invariants of the storage, one function each.

use crate::{
	dispatch::slots, BlobRecord, Blobs, Config, HeadTree, Heads, KeptGenerations, KeptQueue, KeptQueued,
	KeptVersions, ModelCount, Models, Pallet, Versions,
};
use alloc::{
	collections::{BTreeMap, BTreeSet},
	vec::Vec,
};
use blyan_primitives::{traits::ExpertRegistry, BlobRef};
use frame_support::{ensure, traits::Get};
use sp_core::H256;
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// Checks every invariant.
	pub(crate) fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_models_are_numbered()?;
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
			ensure!(spec.config.validate().is_ok(), "a model's configuration is invalid");
			ensure!(spec.config.slots() <= T::MaxSlots::get(), "a model has too many slots");
		}
		Ok(())
	}

	/// Every slot of every model has a head, and there are no others.
	fn check_heads_are_complete() -> Result<(), TryRuntimeError> {
		let mut expected = 0u64;
		for (model, record) in Models::<T>::iter() {
			for slot in slots(model, record.spec.config) {
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
			let config = record.spec.config;
			let heads: Vec<_> = slots(model, config)
				.filter_map(Heads::<T>::get)
				.map(|head| head.block.tensor_root.0)
				.collect();
			let root = blyan_exact::model_root(&config, &record.spec.trunk.tensor_root.0, &heads);
			ensure!(Self::model_root(model) == Some(H256(root)), "a model's root is not that of its heads");
			let mut expected = 0u64;
			let mut width = u64::from(config.slots());
			while width > 1 {
				expected = expected.saturating_add(width);
				width = width.div_ceil(2);
			}
			let nodes = HeadTree::<T>::iter_key_prefix(model).count() as u64;
			ensure!(nodes == expected.saturating_add(1), "a tree has too few or too many nodes");
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
			let promotions = slots(model, record.spec.config)
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

	/// Blobs are those that trunks and versions name, with their sizes and as often as they name them; in use are
	/// those of trunks and heads.
	fn check_blobs_are_counted() -> Result<(), TryRuntimeError> {
		let mut expected = BTreeMap::new();
		let trunks = || Models::<T>::iter_values().map(|record| record.spec.trunk.blob);
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
