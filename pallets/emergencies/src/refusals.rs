//! Calls that are certain to fail.

use crate::{proposals::names_some, Call, Config, NextProposal, Pallet, ProposalId, Proposals};
use blyan_primitives::Refusal;

impl<T: Config> Pallet<T> {
	/// Returns why a call is certain to fail, whatever comes before it.
	pub fn refusal(call: &Call<T>) -> Option<Refusal> {
		match call {
			Call::propose { kind, action, justification } => {
				let is_sound = kind.allows(action) && names_some(action) && !justification.is_empty();
				(!is_sound).then_some(Refusal::Malformed)
			}
			Call::support { proposal } | Call::close { proposal } => Self::missing(*proposal),
			_ => None,
		}
	}

	/// The reason for which there is no proposal of this number, and will be none soon.
	fn missing(proposal: ProposalId) -> Option<Refusal> {
		if Proposals::<T>::contains_key(proposal) {
			return None;
		}
		Refusal::of_missing(proposal.into(), NextProposal::<T>::get().into())
	}
}
