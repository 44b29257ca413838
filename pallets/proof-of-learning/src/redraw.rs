//! Draws that come to no decision.
//!
//! Members that seal nothing, or something else than the others, could refuse any expert if that closed the submission;
//! and the bytes of a refused expert are public, so that a copy behind it in the queue would earn what the original was
//! worth. So the submission keeps its place, and is drawn again from others. What was claimed in the draw that came to
//! nothing stays open to disputes, in which whoever lied loses as in any other.

use crate::{
	Config, EvaluationRecordOf, Event, Forgetting, Inconclusive, InconclusiveRecord, OpenSubmissions, Pallet,
	Phase, SubmissionRecordOf, WeightInfo, LOG_TARGET,
};
use blyan_primitives::{
	randomness::AppointedRandomness,
	traits::{ExpertRegistry, SealedHoldouts},
	DrawId, SubmissionId,
};
use frame_support::{
	traits::Get,
	weights::{Weight, WeightMeter},
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::traits::Saturating;

impl<T: Config> Pallet<T> {
	/// Whether a submission whose draw came to nothing may be drawn again.
	pub(crate) fn may_redraw(record: &SubmissionRecordOf<T>) -> bool {
		record.redraws < T::MaxRedraws::get() && Self::is_current(record.claim.slot, record.claim.parent)
	}

	/// Leaves a submission at its place in the queue, to be drawn again without those who had its bytes and sealed nothing.
	pub(crate) fn redraw(
		submission: SubmissionId,
		mut record: SubmissionRecordOf<T>,
		evaluation: EvaluationRecordOf<T>,
	) {
		let now = Self::now();
		// Of those alone who said that they had the bytes. The others may have been shown none, and without them a group that
		// hides the bytes would soon be among itself.
		let attested = record.attested.clone();
		for member in Self::absentees(&evaluation.seats).filter(|member| attested.contains(member)) {
			if record.absent.is_full() {
				record.absent.remove(0);
			}
			// There is room now.
			let _ = record.absent.try_push(member.clone());
		}
		record.redraws = record.redraws.saturating_add(1);
		let redraw = record.redraws;
		let draw = Self::set_aside(submission, &record, evaluation, now);
		Self::restart(submission, record, now);
		Self::deposit_event(Event::Redrawn { submission, draw, redraw });
	}

	/// Leaves the claims of a draw that decides nothing open to disputes, if there are any. Returns the draw's name.
	pub(crate) fn set_aside(
		submission: SubmissionId,
		record: &SubmissionRecordOf<T>,
		evaluation: EvaluationRecordOf<T>,
		now: BlockNumberFor<T>,
	) -> DrawId {
		let draw = evaluation.terms.draw_id(&record.claim.slot, &record.claim.block);
		if evaluation.seats.iter().any(|seat| seat.verdict.is_some()) {
			let until = now.saturating_add(T::ChallengeWindow::get());
			let inconclusive = InconclusiveRecord {
				submission,
				claim: record.claim.clone(),
				terms: evaluation.terms,
				seats: evaluation.seats,
				until,
				disputes: 0,
			};
			Inconclusive::<T>::insert(draw, inconclusive);
			Self::await_forgetting(draw, until);
		} else {
			T::Experts::release(record.claim.slot.model, evaluation.terms.generation);
		}
		draw
	}

	/// Has a submission wait for a draw at its place in the queue.
	pub(crate) fn restart(
		submission: SubmissionId,
		mut record: SubmissionRecordOf<T>,
		now: BlockNumberFor<T>,
	) {
		record.appointment = T::Randomness::appoint();
		record.phase = Phase::Queued { draw_from: now.saturating_add(T::Delay::get()) };
		OpenSubmissions::<T>::insert(submission, record);
	}

	/// Forgets draws whose time for disputes is over, the earliest first, as far as `remaining` allows.
	pub(crate) fn forget_due(now: BlockNumberFor<T>, remaining: Weight) -> Weight {
		let mut meter = WeightMeter::with_limit(remaining);
		let step = T::WeightInfo::settle().saturating_add(Self::sealed_weight());
		for (draw, until) in Forgetting::<T>::get() {
			if until > now || meter.try_consume(step).is_err() {
				break;
			}
			if let Some(record) = Inconclusive::<T>::take(draw) {
				T::Experts::release(record.claim.slot.model, record.terms.generation);
				T::SealedHoldouts::note_undisputed(draw);
			}
			Forgetting::<T>::mutate(|forgetting| forgetting.retain(|(id, _)| *id != draw));
		}
		meter.consumed()
	}

	fn await_forgetting(draw: DrawId, until: BlockNumberFor<T>) {
		let inserted = Forgetting::<T>::mutate(|forgetting| {
			let place = forgetting.partition_point(|(_, at)| *at <= until);
			forgetting.try_insert(place, (draw, until))
		});
		if inserted.is_err() {
			// The list has room for as many as there may be.
			log::error!(target: LOG_TARGET, "draw {draw:?} will not be forgotten by itself");
		}
	}

	/// Counts disputes about a draw that came to nothing; it is kept as long as there are any.
	pub(crate) fn note_disputes(draw: DrawId, change: impl FnOnce(u32) -> u32) {
		let Some(mut record) = Inconclusive::<T>::get(draw) else { return };
		record.disputes = change(record.disputes);
		let (disputes, until) = (record.disputes, record.until);
		Inconclusive::<T>::insert(draw, record);
		Forgetting::<T>::mutate(|forgetting| forgetting.retain(|(id, _)| *id != draw));
		if disputes == 0 {
			Self::await_forgetting(draw, until);
		}
	}
}
