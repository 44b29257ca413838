//! Turnout: polls are followed from their submission to their end, and counted once.
//!
//! The referenda forget the tally of a poll that has ended, and report the end to no pallet. So a poll's class and electorate are
//! noted when it is submitted, a few polls are looked at in each block, and the votes of one that has ended are added up before
//! they can be removed. Nothing depends on these figures but what clients show: they are worth no lie.

use crate::{
	ClassOf, Config, ElectorateRecordOf, Electorates, LastLook, NextPoll, Pallet, Participations, PollNumber,
	PollRecord, Tally, Turnouts, Voting, Watched, WeightInfo,
};
use alloc::{collections::BTreeSet, vec::Vec};
use frame_support::{
	traits::{Get, PollStatus, Polling},
	weights::{Weight, WeightMeter},
	BoundedBTreeMap,
};

/// New polls, and polls that run, that one block looks at.
pub(crate) const LOOKS_MAX: u32 = 8;

impl<T: Config> Pallet<T> {
	/// Notes new polls and counts those that have ended, as far as `remaining` allows.
	pub(crate) fn follow_polls(remaining: Weight) -> Weight {
		let mut meter = WeightMeter::with_limit(remaining);
		Self::watch_new_polls(&mut meter);
		Self::look_at_polls(&mut meter);
		meter.consumed()
	}

	/// Notes the polls that were submitted since the last look.
	fn watch_new_polls(meter: &mut WeightMeter) {
		if meter.try_consume(T::DbWeight::get().reads(2)).is_err() {
			return;
		}
		let (first, end) = (NextPoll::<T>::get(), T::PollCount::get());
		let end = end.min(first.saturating_add(LOOKS_MAX));
		let mut next = first;
		while next < end && meter.try_consume(T::WeightInfo::follow_poll()).is_ok() {
			Self::watch(next);
			next = next.saturating_add(1);
		}
		if next != first {
			NextPoll::<T>::put(next);
		}
	}

	/// Notes a poll that runs, if any voice can vote in it.
	pub(crate) fn watch(poll: PollNumber) {
		let Some((tally, class)) = T::Polls::as_ongoing(poll) else { return };
		let Some(electorate) = tally.electorate.filter(|_| tally.voices > 0) else { return };
		Watched::<T>::insert(poll, PollRecord { class, voices: tally.voices, electorate });
	}

	/// Counts polls that have ended among the next few.
	fn look_at_polls(meter: &mut WeightMeter) {
		if meter.try_consume(T::DbWeight::get().reads(1)).is_err() {
			return;
		}
		let before = LastLook::<T>::get();
		let mut polls = match before {
			Some(last) => Watched::<T>::iter_keys_from_key(last),
			None => Watched::<T>::iter_keys(),
		};
		let (mut last, mut ended) = (before, Vec::new());
		for _ in 0..LOOKS_MAX {
			if meter.try_consume(T::WeightInfo::follow_poll()).is_err() {
				break;
			}
			// Behind the last one, the next block begins with the first one again.
			last = polls.next();
			let Some(poll) = last else { break };
			if T::Polls::as_ongoing(poll).is_none() {
				ended.push(poll);
			}
		}
		if last != before {
			LastLook::<T>::set(last);
		}
		// After the walk: a map must not change under its iterator. One that finds no weight is met again in the next round.
		for poll in ended {
			if meter.try_consume(T::WeightInfo::count_poll()).is_err() {
				break;
			}
			Self::count_poll(poll);
		}
	}

	/// Counts a poll that has ended, unless that was done. Returns whether it was counted now.
	pub(crate) fn count_poll(poll: PollNumber) -> bool {
		let Some(record) = Watched::<T>::take(poll) else { return false };
		let approved = T::Polls::access_poll(poll, |status| match status {
			PollStatus::Completed(_, approved) => Some(approved),
			PollStatus::None | PollStatus::Ongoing(..) => None,
		});
		let mut turnout = Turnouts::<T>::get(&record.class);
		match approved {
			Some(approved) => {
				let (tally, voted) = Self::votes_of(poll, &record);
				turnout.add(poll, approved, tally.ayes, tally.nays, record.voices);
				if let Some(electorate) = Electorates::<T>::get(record.electorate) {
					Self::note_participation(poll, &electorate, &voted);
				}
			}
			None => turnout.undecided = turnout.undecided.saturating_add(1),
		}
		Turnouts::<T>::insert(&record.class, turnout);
		true
	}

	/// Votes of a poll that were not removed: their tally, and the voices that cast them.
	fn votes_of(poll: PollNumber, record: &PollRecord<ClassOf<T>>) -> (Tally<T>, BTreeSet<T::AccountId>) {
		let mut tally = Tally::<T>::empty(Some(record.electorate), record.voices);
		let mut voted = BTreeSet::new();
		for (voice, vote) in Voting::<T>::iter_prefix(poll) {
			tally.add(vote);
			voted.insert(voice);
		}
		(tally, voted)
	}

	/// Adds a poll to what its operators could vote in.
	fn note_participation(
		poll: PollNumber,
		electorate: &ElectorateRecordOf<T>,
		voted: &BTreeSet<T::AccountId>,
	) {
		let mut records = Participations::<T>::get().into_inner();
		for elector in electorate.electors.iter() {
			let record = records.entry(elector.operator.clone()).or_default();
			record.could = record.could.saturating_add(1);
			if voted.contains(&elector.voice) {
				record.cast = record.cast.saturating_add(1);
			}
			record.last_poll = record.last_poll.max(poll);
		}
		let excess = records.len().saturating_sub(T::MaxOperators::get() as usize);
		if excess > 0 {
			let mut oldest: Vec<_> =
				records.iter().map(|(operator, record)| (record.last_poll, operator.clone())).collect();
			oldest.sort_unstable();
			for (_, operator) in oldest.into_iter().take(excess) {
				records.remove(&operator);
			}
		}
		// As many are left as there is room for.
		if let Ok(records) = BoundedBTreeMap::<_, _, T::MaxOperators>::try_from(records) {
			Participations::<T>::put(records);
		}
	}
}
