//! The past that stays readable.
//!
//! A score that can be disputed must be computable, by those who defend it and by those who refute it. It is measured in a
//! generation of the model, and a slot can pass through its whole history within a challenge window. So what refers to a
//! generation keeps it, and of every slot the one version stays that was the head then. What lies in between goes, so
//! that many small promotions neither break a claim nor fill the storage.

use crate::{
	Config, ExpertVersion, KeptGenerations, KeptQueue, KeptQueued, KeptVersion, KeptVersions, Models, Pallet,
	Versions, WeightInfo, LOG_TARGET,
};
use blyan_primitives::{ExpertHead, ExpertSlot, ModelId, VersionIndex};
use frame_support::weights::{Weight, WeightMeter};

/// Kept versions that one block looks at: a promotion adds one at most, so the queue never grows by itself.
const LOOKED_AT_PER_BLOCK: u32 = 4;

impl<T: Config> Pallet<T> {
	/// Counts one more reference to a generation. See `ExpertRegistry::keep`.
	pub(crate) fn do_keep(id: ModelId, generation: u32) -> bool {
		let Some(current) = Models::<T>::get(id).map(|record| record.generation) else { return false };
		KeptGenerations::<T>::mutate(id, |kept| {
			match kept.binary_search_by_key(&generation, |(kept, _)| *kept) {
				Ok(place) => {
					let Some((_, count)) = kept.get_mut(place) else { return false };
					*count = count.saturating_add(1);
					true
				}
				// Of an earlier generation versions may be gone already.
				Err(_) if generation != current => false,
				Err(place) => kept.try_insert(place, (generation, 1)).is_ok(),
			}
		})
	}

	/// Counts one reference less. See `ExpertRegistry::release`.
	pub(crate) fn do_release(id: ModelId, generation: u32) {
		let mut kept = KeptGenerations::<T>::get(id);
		let Ok(place) = kept.binary_search_by_key(&generation, |(kept, _)| *kept) else {
			log::error!(target: LOG_TARGET, "generation {generation} of model {id} was not kept");
			return;
		};
		if let Some((_, count)) = kept.get_mut(place) {
			*count = count.saturating_sub(1);
		}
		kept.retain(|(_, count)| *count > 0);
		if kept.is_empty() {
			KeptGenerations::<T>::remove(id);
		} else {
			KeptGenerations::<T>::insert(id, kept);
		}
	}

	/// Takes the oldest version of a slot out of its history. It is kept if it was the head at a generation that is.
	pub(crate) fn retire(slot: ExpertSlot, version: VersionIndex) {
		let Some(record) = Versions::<T>::take(slot, version) else { return };
		let next = version.checked_add(1).and_then(|next| Versions::<T>::get(slot, next));
		let until = next.map_or(record.generation, |next| next.generation);
		let kept = KeptVersion { block: record.block, from: record.generation, until };
		if !Self::is_needed(slot.model, &kept) {
			return Self::release_blob(record.block.blob);
		}
		KeptVersions::<T>::insert(slot, version, kept);
		let (first, end) = KeptQueue::<T>::get();
		KeptQueued::<T>::insert(end, ExpertVersion { slot, version });
		KeptQueue::<T>::put((first, end.saturating_add(1)));
	}

	/// Reports whether a version was the head at a generation that is kept.
	fn is_needed(model: ModelId, version: &KeptVersion) -> bool {
		let kept = KeptGenerations::<T>::get(model);
		let place = kept.partition_point(|(generation, _)| *generation < version.from);
		kept.get(place).is_some_and(|(generation, _)| *generation < version.until)
	}

	/// The kept version that filled `slot` when the model was at `generation`.
	pub(crate) fn kept_head(slot: ExpertSlot, generation: u32) -> Option<ExpertHead> {
		KeptVersions::<T>::iter_prefix(slot)
			.find(|(_, kept)| (kept.from..kept.until).contains(&generation))
			.map(|(version, kept)| ExpertHead { version, block: kept.block })
	}

	/// Forgets kept versions that nothing needs any more: looks at a few, and puts those that are needed at the end.
	pub(crate) fn forget_unneeded(remaining: Weight) -> Weight {
		let mut meter = WeightMeter::with_limit(remaining);
		for _ in 0..LOOKED_AT_PER_BLOCK {
			if meter.try_consume(T::WeightInfo::forget()).is_err() {
				break;
			}
			let (first, end) = KeptQueue::<T>::get();
			let Some(place) = KeptQueued::<T>::take(first) else { break };
			let mut queue = (first.saturating_add(1), end);
			let ExpertVersion { slot, version } = place;
			match KeptVersions::<T>::get(slot, version) {
				Some(kept) if Self::is_needed(slot.model, &kept) => {
					KeptQueued::<T>::insert(end, place);
					queue.1 = end.saturating_add(1);
				}
				Some(kept) => {
					KeptVersions::<T>::remove(slot, version);
					Self::release_blob(kept.block.blob);
				}
				None => {}
			}
			KeptQueue::<T>::put(queue);
		}
		meter.consumed()
	}
}
