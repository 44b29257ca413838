//! Runtime API implementation, for nodes and clients.

use crate::{ClassOf, Config, Pallet, Participations, Turnouts, TURNOUT_GOAL};
use alloc::vec::Vec;
use blyan_runtime_api::{
	governance::{ParticipationInfo, TrackTurnout, TurnoutInfo},
	AccountId,
};
use frame_support::traits::Polling;

impl<T: Config<AccountId = AccountId>> Pallet<T>
where
	ClassOf<T>: Into<u16>,
{
	/// Turnout of every track.
	pub fn turnout() -> TurnoutInfo {
		let tracks = T::Polls::classes().into_iter().map(Self::track_turnout).collect();
		TurnoutInfo { goal_ppm: TURNOUT_GOAL.deconstruct(), tracks }
	}

	fn track_turnout(class: ClassOf<T>) -> TrackTurnout {
		let record = Turnouts::<T>::get(&class);
		TrackTurnout {
			track: class.into(),
			approved: record.approved,
			rejected: record.rejected,
			undecided: record.undecided,
			ayes: record.ayes,
			nays: record.nays,
			voices: record.voices,
			mean_ppm: record.mean_ppm(),
			last_ppm: record.last_ppm,
			last_referendum: record.last_poll,
		}
	}

	/// Votes of operators in what they could vote in, ordered by operator.
	pub fn participation() -> Vec<ParticipationInfo> {
		let info = |(operator, record): (AccountId, crate::ParticipationRecord)| ParticipationInfo {
			operator,
			could: record.could,
			cast: record.cast,
			last_referendum: record.last_poll,
		};
		Participations::<T>::get().into_inner().into_iter().map(info).collect()
	}
}
