//! Queues of models: one submission is judged after the other, and every block advances some of them.

use crate::{
	BusyModels, Config, Decisions, Error, Inconclusive, OpenSubmissions, Pallet, Phase, Queues, Stage,
	SubmissionRecordOf, WeightInfo,
};
use alloc::vec::Vec;
use blyan_primitives::{
	randomness::{Appointed, AppointedRandomness},
	traits::{ExpertRegistry, SealedHoldouts},
	ModelId, SealedHoldout, SubmissionId,
};
use frame_support::{
	traits::Get,
	weights::{Weight, WeightMeter},
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::traits::{SaturatedConversion, Saturating, Zero};

/// Submissions at the front of a queue that are looked through for one that does not wait for a sealed chunk.
const STARVED_MAX: usize = 16;

impl<T: Config> Pallet<T> {
	/// Does what is due, the queues first, as far as `remaining` allows.
	pub(crate) fn do_on_idle(now: BlockNumberFor<T>, remaining: Weight) -> Weight {
		let queues = Self::advance_queues(now, remaining);
		if queues.is_zero() {
			// Not even looking was affordable.
			return queues;
		}
		let expired = Self::expire_announced(now, remaining.saturating_sub(queues));
		let queues = queues.saturating_add(expired);
		let settled = queues.saturating_add(Self::settle_due(now, remaining.saturating_sub(queues)));
		let forgotten = settled.saturating_add(Self::forget_due(now, remaining.saturating_sub(settled)));
		forgotten.saturating_add(Self::expire_commitments(now, remaining.saturating_sub(forgotten)))
	}

	/// Does what is due in up to `ModelsPerBlock` queues, as far as `remaining` allows.
	///
	/// Where more models are busy, each block starts after those of the block before.
	pub(crate) fn advance_queues(now: BlockNumberFor<T>, remaining: Weight) -> Weight {
		let mut meter = WeightMeter::with_limit(remaining);
		if meter.try_consume(T::WeightInfo::idle()).is_err() {
			return meter.consumed();
		}
		let busy = BusyModels::<T>::get();
		let per_block = T::ModelsPerBlock::get();
		let start = now.saturated_into::<u32>().saturating_mul(per_block);
		let start = start.checked_rem(busy.len().saturated_into()).unwrap_or(0);
		let in_turn = busy.iter().cycle().skip(start.saturated_into());
		let turns = busy.len().min(per_block.saturated_into());
		let models: Vec<ModelId> = in_turn.take(turns).copied().collect();
		let step = T::WeightInfo::draw().max(T::WeightInfo::decide()).saturating_add(Self::sealed_weight());
		for model in models {
			if meter.try_consume(step).is_err() {
				break;
			}
			let first = Queues::<T>::get(model).first().copied();
			if let Some((submission, record)) =
				first.and_then(|id| OpenSubmissions::<T>::get(id).map(|record| (id, record)))
			{
				Self::advance(submission, record, now);
			}
		}
		meter.consumed()
	}

	/// Does what is due for the first submission of a queue. Returns whether anything was.
	pub(crate) fn advance(
		submission: SubmissionId,
		record: SubmissionRecordOf<T>,
		now: BlockNumberFor<T>,
	) -> bool {
		match &record.phase {
			Phase::Announced { .. } => false,
			Phase::Queued { draw_from } if now < *draw_from => false,
			Phase::Queued { draw_from } => {
				let last_chance = draw_from.saturating_add(T::DrawWindow::get());
				// A stale one is closed below, whatever it waits for.
				if Self::is_current(record.claim.slot, record.claim.parent) {
					match Self::sealed_holdout(submission, &record) {
						SealedHoldout::Asked => return true,
						SealedHoldout::Waiting => {
							return Self::give_way(record.claim.slot.model, submission, now);
						}
						SealedHoldout::Ready { draw, .. } if record.appointment < draw => {
							Self::await_sealed_draw(submission, record, draw, now);
							return true;
						}
						SealedHoldout::Ready { .. } | SealedHoldout::Public => {}
					}
				}
				let seed = match T::Randomness::seed_of(record.appointment, b"blyan/draw") {
					Appointed::Seed(seed) => Some(seed),
					Appointed::Pending => None,
					Appointed::Missed => {
						// It waited longer than seeds are kept.
						let appointment = T::Randomness::appoint();
						OpenSubmissions::<T>::insert(
							submission,
							SubmissionRecordOf::<T> { appointment, ..record },
						);
						return true;
					}
				};
				Self::draw_with(submission, record, now, last_chance, seed)
			}
			Phase::Evaluating(evaluation) => match evaluation.stage {
				_ if !Self::is_computable(record.claim.slot.model, &evaluation.terms) => {
					// Engines and the chain compute by another definition now: what was sealed can be judged by none.
					T::Experts::release(record.claim.slot.model, evaluation.terms.generation);
					Self::restart(submission, record, now);
					true
				}
				Stage::First if !evaluation.awaits_second(now) => false,
				Stage::First => {
					Self::end_first(submission, record);
					true
				}
				Stage::Between { appointment } => Self::draw_second(submission, record, now, appointment),
				Stage::Last if !evaluation.is_due(now) => false,
				// What cannot be held open to disputes is not decided.
				Stage::Last if Self::open_to_disputes() >= T::MaxMaturing::get() => false,
				Stage::Last => {
					let evaluation = evaluation.clone();
					Self::decide(submission, record, evaluation);
					true
				}
			},
		}
	}

	/// Decisions, and draws without one, about which disputes may be open.
	fn open_to_disputes() -> u32 {
		Decisions::<T>::count().saturating_add(Inconclusive::<T>::count())
	}

	/// Puts a submission in front of its model's queue, behind one that is being evaluated: it was there before.
	pub(crate) fn enqueue_first(model: ModelId, submission: SubmissionId) -> Result<(), Error<T>> {
		let is_busy = Queues::<T>::get(model)
			.first()
			.and_then(OpenSubmissions::<T>::get)
			.is_some_and(|first| matches!(first.phase, Phase::Evaluating(_)));
		Self::enqueue(model, submission)?;
		Queues::<T>::mutate(model, |queue| {
			let place = usize::from(is_busy).min(queue.len());
			if let Some(behind) = queue.get_mut(place..) {
				behind.rotate_right(1);
			}
		});
		Ok(())
	}

	/// Puts a submission at the end of its model's queue.
	pub(crate) fn enqueue(model: ModelId, submission: SubmissionId) -> Result<(), Error<T>> {
		Queues::<T>::try_mutate(model, |queue| {
			if queue.is_empty() {
				BusyModels::<T>::try_append(model).map_err(|_| Error::<T>::TooManyOpen)?;
			}
			queue.try_push(submission).map_err(|_| Error::<T>::TooManyOpen)
		})
	}

	/// Takes a submission out of its queue; the next one's draw is due from now on, if its delay is over.
	pub(crate) fn dequeue(model: ModelId, submission: SubmissionId) {
		let mut queue = Queues::<T>::get(model);
		let was_first = queue.first() == Some(&submission);
		queue.retain(|id| *id != submission);
		let Some(next) = queue.first().copied() else {
			Queues::<T>::remove(model);
			BusyModels::<T>::mutate(|busy| busy.retain(|id| *id != model));
			return;
		};
		Queues::<T>::insert(model, queue);
		if was_first {
			Self::begin_window(next, Self::now());
		}
	}

	/// Puts a submission for which no sealed chunk is to be had, and those like it, behind the first that does not wait for that: a miner
	/// that is related to most keepers would otherwise hold up all others for as long as it likes. Returns whether there is one.
	fn give_way(model: ModelId, submission: SubmissionId, now: BlockNumberFor<T>) -> bool {
		if !T::SealedHoldouts::is_starved(submission) {
			return false;
		}
		let mut queue = Queues::<T>::get(model);
		let is_other = |other: &SubmissionId| !T::SealedHoldouts::is_starved(*other);
		let Some(place) = queue.iter().take(STARVED_MAX).position(is_other) else { return false };
		if let Some(all) = queue.get_mut(..) {
			all.rotate_left(place);
		}
		let first = queue.first().copied();
		Queues::<T>::insert(model, queue);
		if let Some(first) = first {
			Self::begin_window(first, now);
		}
		true
	}

	/// Has the window for the draw of a submission begin, now that it is the first of its queue, if its delay is over.
	fn begin_window(submission: SubmissionId, now: BlockNumberFor<T>) {
		OpenSubmissions::<T>::mutate(submission, |record| {
			if let Some(Phase::Queued { draw_from }) = record.as_mut().map(|record| &mut record.phase) {
				*draw_from = now.max(*draw_from);
			}
		});
	}
}
