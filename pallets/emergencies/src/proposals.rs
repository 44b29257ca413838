//! Life of a proposal: made, supported, enacted or closed.

use crate::{
	Action, ActionOf, Config, Error, Event, Justification, Kind, NextProposal, Pallet, ProposalId,
	ProposalRecord, Proposals, ProposedBy, Supporters,
};
use blyan_primitives::voting::Electorates;
use frame_support::{ensure, traits::Get};
use sp_runtime::{traits::Saturating, DispatchError, DispatchResult};

impl<T: Config> Pallet<T> {
	/// Calls an emergency. See [`Pallet::propose`]. Returns whether it was enacted.
	pub fn do_propose(
		who: &T::AccountId,
		kind: Kind,
		action: ActionOf<T>,
		justification: Justification,
	) -> Result<bool, DispatchError> {
		ensure!(kind.allows(&action), Error::<T>::ActionNotAllowed);
		ensure!(!justification.is_empty(), Error::<T>::JustificationMissing);
		ensure!(names_some(&action), Error::<T>::NoAccounts);
		let (electorate, voices) = T::Electorates::enlist().ok_or(Error::<T>::NotElector)?;
		let author = T::Electorates::voice(electorate, who).ok_or(Error::<T>::NotElector)?;
		Self::forget_expired_of(&author)?;

		let now = frame_system::Pallet::<T>::block_number();
		let expires_at = now.saturating_add(T::Day::get());
		let proposal = Self::next_number();
		let record = ProposalRecord {
			kind,
			action,
			justification,
			author: author.clone(),
			electorate,
			needed: kind.needed(voices),
			expires_at,
		};
		Proposals::<T>::insert(proposal, record);
		ProposedBy::<T>::insert(&author, proposal);
		Self::deposit_event(Event::Proposed { proposal, who: author, kind, expires_at });
		Self::do_support(who, proposal)
	}

	/// Supports a proposal. See [`Pallet::support`]. Returns whether it was enacted.
	pub fn do_support(who: &T::AccountId, proposal: ProposalId) -> Result<bool, DispatchError> {
		let record = Proposals::<T>::get(proposal).ok_or(Error::<T>::UnknownProposal)?;
		let now = frame_system::Pallet::<T>::block_number();
		ensure!(now <= record.expires_at, Error::<T>::Expired);
		let voice = T::Electorates::voice(record.electorate, who).ok_or(Error::<T>::NotElector)?;
		let mut supporters = Supporters::<T>::get(proposal);
		ensure!(!supporters.contains(&voice), Error::<T>::AlreadySupported);
		// An electorate has no more voices than fit.
		supporters.try_push(voice.clone()).map_err(|_| Error::<T>::NotElector)?;

		let votes = u32::try_from(supporters.len()).unwrap_or(u32::MAX);
		let needed = record.needed;
		Self::deposit_event(Event::Supported { proposal, who: voice, votes, needed });
		if votes < needed {
			Supporters::<T>::insert(proposal, supporters);
			return Ok(false);
		}
		Self::forget(proposal, &record.author);
		Self::enact(proposal, record)?;
		Ok(true)
	}

	/// Forgets an expired proposal. See [`Pallet::close`].
	pub fn do_close(proposal: ProposalId) -> DispatchResult {
		let record = Proposals::<T>::get(proposal).ok_or(Error::<T>::UnknownProposal)?;
		let now = frame_system::Pallet::<T>::block_number();
		ensure!(now > record.expires_at, Error::<T>::NotExpired);
		Self::forget(proposal, &record.author);
		Self::deposit_event(Event::Closed { proposal });
		Ok(())
	}

	/// Number of a proposal or of a pause.
	pub(crate) fn next_number() -> ProposalId {
		NextProposal::<T>::mutate(|next| {
			let number = *next;
			*next = next.saturating_add(1);
			number
		})
	}

	/// Makes room for a proposal of `author`, which may have an expired one and no other.
	fn forget_expired_of(author: &T::AccountId) -> DispatchResult {
		match ProposedBy::<T>::get(author) {
			Some(earlier) => Self::do_close(earlier).map_err(|_| Error::<T>::ProposalOpen.into()),
			None => Ok(()),
		}
	}

	fn forget(proposal: ProposalId, author: &T::AccountId) {
		Proposals::<T>::remove(proposal);
		Supporters::<T>::remove(proposal);
		ProposedBy::<T>::remove(author);
	}
}

/// Reports whether an action names an account, if it is about accounts.
pub(crate) fn names_some<AccountId>(action: &Action<AccountId>) -> bool {
	match action {
		Action::Quarantine { operators: accounts } | Action::FreezeAccounts { accounts } => {
			!accounts.is_empty()
		}
		_ => true,
	}
}
