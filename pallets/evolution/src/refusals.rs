//! Calls that are certain to fail.

use crate::{feasibility, reservations::is_offer, Call, Config, NextProposal, Pallet, Proposals};
use blyan_primitives::Refusal;
use frame_support::traits::Get;

impl<T: Config> Pallet<T> {
	/// Returns why a signed call is certain to fail, whatever comes before it.
	///
	/// Messages of evaluators are authorised by their session keys, and checked there.
	pub fn refusal(call: &Call<T>) -> Option<Refusal> {
		match call {
			Call::propose { proposal, architecture } => {
				let tasks = T::TasksMin::get()..=T::TasksMax::get();
				let is_malformed = proposal.check(tasks).is_err() || feasibility::read(architecture).is_err();
				is_malformed.then_some(Refusal::Malformed)
			}
			Call::submit_candidate { architecture, .. } => {
				feasibility::read(architecture).is_err().then_some(Refusal::Malformed)
			}
			Call::endorse { proposal } => {
				let next = NextProposal::<T>::get();
				if *proposal >= next {
					return Refusal::of_missing((*proposal).into(), next.into());
				}
				// Its epoch is over.
				(!Proposals::<T>::contains_key(proposal)).then_some(Refusal::Over)
			}
			Call::offer_gpus { gpus, hours, price } => {
				(!is_offer(*gpus, *hours, *price)).then_some(Refusal::Malformed)
			}
			Call::reserve_hours { hours, price_max } => {
				(*hours == 0 || *price_max == 0).then_some(Refusal::Malformed)
			}
			_ => None,
		}
	}
}
