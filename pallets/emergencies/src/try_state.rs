//! Invariants of the storage, one function each.

use crate::{Active, Agenda, Config, Effect, Frozen, Pallet, Proposals, ProposedBy, Supporters};
use alloc::collections::BTreeSet;
use frame_support::ensure;
use sp_runtime::TryRuntimeError;

impl<T: Config> Pallet<T> {
	/// Checks every invariant.
	pub(crate) fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_every_voice_has_one_proposal()?;
		Self::check_open_proposals_lack_voices()?;
		Self::check_every_measure_ends()?;
		Self::check_frozen_accounts_are_set_free()
	}

	/// Each proposal is its author's only one.
	fn check_every_voice_has_one_proposal() -> Result<(), TryRuntimeError> {
		for (proposal, record) in Proposals::<T>::iter() {
			let of_author = ProposedBy::<T>::get(&record.author);
			ensure!(of_author == Some(proposal), "a proposal is not its author's");
		}
		let authors = ProposedBy::<T>::iter_keys().count();
		ensure!(authors == Proposals::<T>::iter_keys().count(), "an author has no proposal");
		Ok(())
	}

	/// Whatever has enough voices was enacted; the voices are different, and those of a known proposal.
	fn check_open_proposals_lack_voices() -> Result<(), TryRuntimeError> {
		for (proposal, supporters) in Supporters::<T>::iter() {
			let record = Proposals::<T>::get(proposal).ok_or("there are voices for no proposal")?;
			let needed = usize::try_from(record.needed).unwrap_or(usize::MAX);
			ensure!(supporters.len() < needed, "a proposal has enough voices and was not enacted");
			let different: BTreeSet<_> = supporters.iter().collect();
			ensure!(different.len() == supporters.len(), "a voice supports a proposal twice");
		}
		Ok(())
	}

	/// Each measure in effect is on the agenda, and nothing else is.
	fn check_every_measure_ends() -> Result<(), TryRuntimeError> {
		let agenda = Agenda::<T>::get();
		for (ends_at, proposal) in &agenda {
			let active = Active::<T>::get(proposal).ok_or("the agenda names no measure")?;
			ensure!(active.ends_at == *ends_at, "the agenda names another end");
		}
		ensure!(Active::<T>::iter_keys().count() == agenda.len(), "a measure has no end");
		Ok(())
	}

	/// Each frozen account is named by the measure that sets it free.
	fn check_frozen_accounts_are_set_free() -> Result<(), TryRuntimeError> {
		for (who, proposal) in Frozen::<T>::iter() {
			let active = Active::<T>::get(proposal).ok_or("an account is frozen for ever")?;
			let is_named = matches!(active.effect, Effect::Frozen { accounts } if accounts.contains(&who));
			ensure!(is_named, "an account is frozen by a measure that does not name it");
		}
		Ok(())
	}
}
