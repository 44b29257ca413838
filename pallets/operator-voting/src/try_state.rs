//! Invariants of the storage, one function each.

use crate::{
	electorate::accounts, voices, Config, Electorates, LastUses, Members, NewestElectorate, NextPoll,
	OldestElectorate, Pallet, Participations, PollIndexOf, Tally, TallyOf, Turnouts, Voting, Watched,
};
use alloc::{collections::BTreeMap, vec::Vec};
use frame_support::{
	ensure,
	traits::{Get, Polling},
};
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// Checks every invariant.
	pub(crate) fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_electorates_are_numbered()?;
		Self::check_electorates_are_ordered_and_counted()?;
		Self::check_members_are_those_of_the_newest_electorate()?;
		Self::check_tallies_are_the_sums_of_their_votes()?;
		Self::check_watched_polls_are_as_they_were_submitted()?;
		Self::check_turnouts_are_parts_of_all_voices()
	}

	/// Electorates lie between the oldest and the newest number, and the newest exists.
	fn check_electorates_are_numbered() -> Result<(), TryRuntimeError> {
		let oldest = OldestElectorate::<T>::get();
		let Some(newest) = NewestElectorate::<T>::get() else {
			ensure!(Electorates::<T>::iter_keys().next().is_none(), "there are electorates without a newest");
			return Ok(());
		};
		ensure!(Electorates::<T>::contains_key(newest), "the newest electorate is missing");
		let mut numbers = Electorates::<T>::iter_keys();
		ensure!(
			numbers.all(|number| (oldest..=newest).contains(&number)),
			"an electorate has a wrong number"
		);
		ensure!(
			LastUses::<T>::iter_keys().all(Electorates::<T>::contains_key),
			"a forgotten electorate is used"
		);
		Ok(())
	}

	/// Electors are ordered by operator, each once, and their voices are counted.
	fn check_electorates_are_ordered_and_counted() -> Result<(), TryRuntimeError> {
		for record in Electorates::<T>::iter_values() {
			let operators: Vec<_> = record.electors.iter().map(|elector| &elector.operator).collect();
			let pairs = operators.iter().zip(operators.iter().skip(1));
			ensure!(pairs.into_iter().all(|(one, next)| one < next), "an electorate is out of order");
			ensure!(record.voices == voices(&record.electors), "the voices of an electorate are miscounted");
		}
		Ok(())
	}

	/// Members are the accounts of the newest electorate.
	fn check_members_are_those_of_the_newest_electorate() -> Result<(), TryRuntimeError> {
		let newest = NewestElectorate::<T>::get().and_then(Electorates::<T>::get);
		let expected = newest.as_ref().map(accounts::<T>).unwrap_or_default();
		ensure!(expected.iter().all(Members::<T>::contains_key), "a member is missing");
		ensure!(Members::<T>::iter_keys().count() == expected.len(), "there is a member too many");
		Ok(())
	}

	/// Each vote of an ongoing poll is of a voice of its electorate, and the tally is their sum.
	fn check_tallies_are_the_sums_of_their_votes() -> Result<(), TryRuntimeError> {
		let mut sums: BTreeMap<PollIndexOf<T>, TallyOf<T>> = BTreeMap::new();
		for (poll, voice, vote) in Voting::<T>::iter() {
			let Some((tally, _)) = T::Polls::as_ongoing(poll) else { continue };
			let record = tally.electorate.and_then(Electorates::<T>::get);
			let record = record.ok_or("a poll with votes has no electorate")?;
			let is_voice = record.electors.iter().any(|elector| elector.voice == voice);
			ensure!(is_voice, "a vote is of no voice of the electorate");
			sums.entry(poll).or_insert_with(|| Tally::empty(tally.electorate, tally.voices)).add(vote);
		}
		for (poll, sum) in sums {
			let tally = T::Polls::as_ongoing(poll).map(|(tally, _)| tally);
			ensure!(tally.as_ref() == Some(&sum), "a tally is not the sum of its votes");
			ensure!(
				sum.ayes.saturating_add(sum.nays) <= sum.voices,
				"there are more votes in a poll than voices"
			);
		}
		Ok(())
	}

	/// Polls that are watched were submitted, and those that run are recorded with their class and electorate.
	fn check_watched_polls_are_as_they_were_submitted() -> Result<(), TryRuntimeError> {
		ensure!(NextPoll::<T>::get() <= T::PollCount::get(), "a poll was noted before it was submitted");
		for (poll, record) in Watched::<T>::iter() {
			ensure!(poll < NextPoll::<T>::get(), "a poll is watched that was not noted");
			ensure!(record.voices > 0, "a poll is watched that no voice votes in");
			let Some((tally, class)) = T::Polls::as_ongoing(poll) else { continue };
			let is_same = record.class == class
				&& record.voices == tally.voices
				&& Some(record.electorate) == tally.electorate;
			ensure!(is_same, "a poll is watched as another one");
		}
		Ok(())
	}

	/// No turnout is larger than all voices, and no operator voted in more polls than it could.
	fn check_turnouts_are_parts_of_all_voices() -> Result<(), TryRuntimeError> {
		for turnout in Turnouts::<T>::iter_values() {
			let votes = turnout.ayes.saturating_add(turnout.nays);
			ensure!(votes <= turnout.voices, "a class has more votes than voices");
			let most = u64::from(turnout.decided()).saturating_mul(1_000_000);
			ensure!(turnout.turnouts_ppm <= most, "a class has a turnout of more than all voices");
		}
		let participations = Participations::<T>::get();
		ensure!(
			participations.values().all(|record| record.cast <= record.could && record.could > 0),
			"an operator voted in more polls than it could"
		);
		Ok(())
	}
}
