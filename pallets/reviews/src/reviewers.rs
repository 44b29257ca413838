//! Life of a reviewer: bond, place in the list, record, loss of the right.

use crate::{
	rules, Config, Error, Event, HoldReason, Pallet, ReviewerRecord, Reviewers, Roster, RosterSize, Score,
};
use frame_support::{
	ensure,
	traits::{fungible::MutateHold, tokens::Precision, Get},
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::{
	traits::{BlockNumberProvider, Saturating},
	DispatchResult,
};

impl<T: Config> Pallet<T> {
	/// The time that reviews are in.
	pub(crate) fn now() -> BlockNumberFor<T> {
		T::WorkingTime::current_block_number()
	}

	pub(crate) fn do_join(who: T::AccountId) -> DispatchResult {
		ensure!(!Reviewers::<T>::contains_key(&who), Error::<T>::AlreadyReviewer);
		let place = RosterSize::<T>::get();
		ensure!(place < T::MaxReviewers::get(), Error::<T>::TooManyReviewers);
		let bond = T::Bond::get();
		T::Currency::hold(&HoldReason::Bond.into(), &who, bond)?;
		let record = ReviewerRecord {
			bond,
			since: Self::now(),
			place: Some(place),
			seats: 0,
			kept: Score::default(),
			refused: Score::default(),
			missed: 0,
		};
		Roster::<T>::insert(place, &who);
		RosterSize::<T>::put(place.saturating_add(1));
		Reviewers::<T>::insert(&who, record);
		Self::deposit_event(Event::Joined { who, bond });
		Ok(())
	}

	pub(crate) fn do_leave(who: T::AccountId) -> DispatchResult {
		let record = Reviewers::<T>::get(&who).ok_or(Error::<T>::NotReviewer)?;
		ensure!(record.seats == 0, Error::<T>::HasSeat);
		let free_at = record.since.saturating_add(T::Patience::get());
		ensure!(record.place.is_some() || Self::now() >= free_at, Error::<T>::TooEarly);
		if let Some(place) = record.place {
			Self::strike_from_roster(place);
		}
		Reviewers::<T>::remove(&who);
		let bond = T::Currency::release(&HoldReason::Bond.into(), &who, record.bond, Precision::BestEffort)?;
		Self::deposit_event(Event::Left { who, bond });
		Ok(())
	}

	/// Takes a place out of the list; the last one moves there.
	fn strike_from_roster(place: u32) {
		let last = RosterSize::<T>::get().saturating_sub(1);
		RosterSize::<T>::put(last);
		let Some(moved) = Roster::<T>::take(last) else { return };
		if last == place {
			return;
		}
		Roster::<T>::insert(place, &moved);
		Reviewers::<T>::mutate(&moved, |entry| {
			if let Some(record) = entry {
				record.place = Some(place);
			}
		});
	}

	/// Takes the right to be drawn. Does nothing to one that has none.
	pub(crate) fn bar(who: &T::AccountId) {
		let Some(mut record) = Reviewers::<T>::get(who) else { return };
		let Some(place) = record.place.take() else { return };
		record.since = Self::now();
		let since = record.since;
		Reviewers::<T>::insert(who, record);
		Self::strike_from_roster(place);
		Self::deposit_event(Event::RightLost { who: who.clone(), since });
	}

	/// Ends a seat without consequences.
	pub(crate) fn free_seat(who: &T::AccountId) {
		Reviewers::<T>::mutate(who, |entry| {
			if let Some(record) = entry {
				record.seats = record.seats.saturating_sub(1);
			}
		});
	}

	/// Notes a seat that was left without answers. One that does it too often in a row is drawn no more.
	pub(crate) fn note_missed(who: &T::AccountId) {
		let missed = Reviewers::<T>::mutate(who, |entry| {
			let Some(record) = entry else { return 0 };
			record.missed = record.missed.saturating_add(1);
			record.missed
		});
		if missed >= T::Repute::get().missed_max {
			Self::bar(who);
		}
	}

	/// Notes answers that were judged, and returns the records that they are paid for. A reviewer whose record has become too bad is drawn no more.
	pub(crate) fn note_answers(who: &T::AccountId, (kept, refused): (Score, Score)) -> u32 {
		let rules = T::Repute::get();
		let Some(mut record) = Reviewers::<T>::get(who) else { return 0 };
		let judged_before = record.kept.judged.saturating_add(record.refused.judged);
		record.missed = 0;
		record.kept = rules::add(record.kept, kept, rules.judged_max);
		record.refused = rules::add(record.refused, refused, rules.judged_max);
		let is_good = rules::is_good(record.kept, &rules) && rules::is_good(record.refused, &rules);
		Reviewers::<T>::insert(who, record);
		if !is_good {
			Self::bar(who);
		}
		rules::paid(kept, refused, judged_before, &rules)
	}
}
