//! Agenda: what is due when, and block hooks.
//!
//! Every dataset that waits for a moment stands in the agenda once. Whatever happens to it moves its entry; a block looks at as many
//! entries as it has room for, the earliest first, so that a flood is worked off in the order in which it came.

use crate::{Agenda, Config, Cursor, Due, NextDataset, Pallet, WeightInfo, LOG_TARGET};
use blyan_primitives::DatasetRef;
use frame_support::{
	traits::Get,
	weights::{Weight, WeightMeter},
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::traits::{BlockNumberProvider, One, Saturating};

/// Moments that are looked through for room.
pub(crate) const PROBES: u32 = 64;
/// Empty moments that one block passes over.
const MOMENTS_PER_BLOCK: u32 = 64;

impl<T: Config> Pallet<T> {
	/// The time that stages are in.
	pub(crate) fn now() -> BlockNumberFor<T> {
		T::WorkingTime::current_block_number()
	}

	/// Enters a dataset at `at`, or as soon after as there is room, and nowhere else.
	pub(crate) fn schedule(dataset: DatasetRef, at: BlockNumberFor<T>) {
		Self::unschedule(dataset);
		let mut moment = at.max(Cursor::<T>::get());
		for _ in 0..PROBES {
			if Agenda::<T>::try_append(moment, dataset).is_ok() {
				Due::<T>::insert(dataset, moment);
				return;
			}
			moment = moment.saturating_add(One::one());
		}
		// `integrity_test` keeps more room than there are datasets that can be due in one stretch.
		log::error!(target: LOG_TARGET, "the agenda has no room for {dataset:?}; advance moves it on");
	}

	/// Removes a dataset's entry.
	pub(crate) fn unschedule(dataset: DatasetRef) {
		let Some(moment) = Due::<T>::take(dataset) else { return };
		Agenda::<T>::mutate_exists(moment, |entry| {
			if let Some(due) = entry {
				due.retain(|one| *one != dataset);
				if due.is_empty() {
					*entry = None;
				}
			}
		});
	}

	/// Moves on what is due, as far as `remaining` allows.
	pub(crate) fn tick(now: BlockNumberFor<T>, remaining: Weight) -> Weight {
		let mut meter = WeightMeter::with_limit(remaining);
		if meter.try_consume(T::WeightInfo::idle()).is_err() {
			return meter.consumed();
		}
		let mut cursor = Cursor::<T>::get();
		// Nothing was ever entered. A chain that is older than this pallet does not walk through its past, or for days nothing would end.
		if cursor < now && NextDataset::<T>::get() == 0 {
			cursor = now;
		}
		let (mut steps, mut moments) = (0, 0);
		while cursor <= now && moments < MOMENTS_PER_BLOCK && steps < T::StepsPerBlock::get() {
			let Some(dataset) = Agenda::<T>::get(cursor).first().copied() else {
				if meter.try_consume(T::WeightInfo::idle()).is_err() {
					break;
				}
				cursor = cursor.saturating_add(One::one());
				moments = moments.saturating_add(1);
				Cursor::<T>::put(cursor);
				continue;
			};
			if meter.try_consume(T::WeightInfo::step()).is_err() {
				break;
			}
			steps = steps.saturating_add(1);
			Self::step(dataset, now);
			if Due::<T>::get(dataset) == Some(cursor) {
				// Nothing was due after all: it must not hold up the others.
				Self::schedule(dataset, now.saturating_add(One::one()));
			}
		}
		meter.consumed()
	}
}
