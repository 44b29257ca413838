//! Calls of governance that are certain to fail: of what does not exist, of strangers to the council, of what no track is about.

use crate::{governance::Tracks, AccountId, Runtime, RuntimeCall};
use blyan_primitives::Refusal;
use pallet_collective::Instance1;
use pallet_referenda::{ReferendumCount, ReferendumInfoFor, TracksInfo};

/// Returns why a call of governance is certain to fail, if it is.
pub(super) fn refusal(who: &AccountId, call: &RuntimeCall) -> Option<Refusal> {
	match call {
		RuntimeCall::RankedPolls(call) => of_referenda(call),
		RuntimeCall::RankedCollective(call) => of_votes(call),
		RuntimeCall::TechnicalCommittee(call) => of_council(who, call),
		RuntimeCall::Emergencies(call) => pallet_emergencies::Pallet::<Runtime>::refusal(call),
		_ => None,
	}
}

/// The reason for which there is no referendum of this number.
fn missing(referendum: u32) -> Option<Refusal> {
	if ReferendumInfoFor::<Runtime>::contains_key(referendum) {
		return None;
	}
	Refusal::of_missing(referendum.into(), ReferendumCount::<Runtime>::get().into())
}

fn of_referenda(call: &pallet_referenda::Call<Runtime>) -> Option<Refusal> {
	use pallet_referenda::Call;
	match call {
		Call::submit { proposal_origin, .. } => {
			Tracks::track_for(proposal_origin).is_err().then_some(Refusal::Malformed)
		}
		Call::place_decision_deposit { index }
		| Call::refund_decision_deposit { index }
		| Call::refund_submission_deposit { index }
		| Call::set_metadata { index, .. } => missing(*index),
		_ => None,
	}
}

fn of_votes(call: &pallet_operator_voting::Call<Runtime>) -> Option<Refusal> {
	use pallet_operator_voting::Call;
	match call {
		Call::vote { poll, .. } | Call::cleanup_poll { poll, .. } | Call::strike { poll, .. } => {
			missing(*poll)
		}
		_ => None,
	}
}

/// Members are named by referendum, which takes longer than a transaction waits.
fn of_council(who: &AccountId, call: &pallet_collective::Call<Runtime, Instance1>) -> Option<Refusal> {
	use pallet_collective::Call;
	let is_for_members = matches!(call, Call::propose { .. } | Call::execute { .. } | Call::vote { .. });
	let is_member = || pallet_collective::Members::<Runtime, Instance1>::get().contains(who);
	(is_for_members && !is_member()).then_some(Refusal::NotAllowed)
}
