//! Life of a vote: cast, replaced, struck, removed.

use crate::{Config, Electorates, Error, Event, Pallet, PollIndexOf, Tally, VoteRecord, Voting};
use frame_support::{
	ensure,
	traits::{PollStatus, Polling},
};
use sp_runtime::{DispatchError, DispatchResult};

impl<T: Config> Pallet<T> {
	/// Casts or replaces the vote of an account's voice. See [`Pallet::vote`]. Returns whether the voice had none before.
	pub fn do_vote(who: &T::AccountId, poll: PollIndexOf<T>, aye: bool) -> Result<bool, DispatchError> {
		T::Polls::try_access_poll(poll, |status| {
			let tally = ongoing(status)?;
			let electorate = tally.electorate.ok_or(Error::<T>::NotElector)?;
			let record = Electorates::<T>::get(electorate).ok_or(Error::<T>::ElectorateForgotten)?;
			let voice = Self::voice_in(&record, who).ok_or(Error::<T>::NotElector)?;
			ensure!(Self::stands(&record, &voice), Error::<T>::NotStanding);

			let before = Voting::<T>::get(poll, &voice);
			if let Some(before) = before {
				tally.retract(before);
			}
			let vote = VoteRecord::from(aye);
			tally.add(vote);
			Voting::<T>::insert(poll, &voice, vote);
			Self::deposit_event(Event::Voted { who: voice, poll, vote, tally: tally.clone() });
			Ok(before.is_none())
		})
	}

	/// Removes a vote that no operator stands for. See [`Pallet::strike`].
	pub fn do_strike(poll: PollIndexOf<T>, voice: &T::AccountId) -> DispatchResult {
		T::Polls::try_access_poll(poll, |status| {
			let tally = ongoing(status)?;
			let vote = Voting::<T>::get(poll, voice).ok_or(Error::<T>::NoVote)?;
			let electorate = tally.electorate.and_then(Electorates::<T>::get);
			let record = electorate.ok_or(Error::<T>::ElectorateForgotten)?;
			ensure!(!Self::stands(&record, voice), Error::<T>::StillStanding);

			tally.retract(vote);
			Voting::<T>::remove(poll, voice);
			Self::deposit_event(Event::VoteStruck { who: voice.clone(), poll, tally: tally.clone() });
			Ok(())
		})
	}

	/// Removes votes of a poll that has ended. See [`Pallet::cleanup_poll`]. Returns their number, and whether they had to be counted
	/// first.
	pub fn do_cleanup_poll(poll: PollIndexOf<T>, max: u32) -> Result<(u32, bool), DispatchError> {
		ensure!(T::Polls::as_ongoing(poll).is_none(), Error::<T>::Ongoing);
		let removes = max > 0 && Voting::<T>::iter_key_prefix(poll).next().is_some();
		ensure!(removes, Error::<T>::NoneRemaining);
		// Votes that are gone cannot be counted any more.
		let counted = Self::count_poll(poll);
		// One by one: `clear_prefix` counts no vote that was cast in this block.
		let removed = Voting::<T>::drain_prefix(poll).take(max as usize).count() as u32;
		Ok((removed, counted))
	}
}

/// Tally of a poll that has not ended.
fn ongoing<T: Config, Moment, Class>(
	status: PollStatus<&mut Tally<T>, Moment, Class>,
) -> Result<&mut Tally<T>, Error<T>> {
	match status {
		PollStatus::Ongoing(tally, _) => Ok(tally),
		PollStatus::None | PollStatus::Completed(..) => Err(Error::<T>::NotPolling),
	}
}
