//! Governance: turnout of referenda, and how often operators vote.

use crate::AccountId;
use alloc::vec::Vec;
use codec::{Decode, Encode};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

macro_rules! answer {
	($(#[$meta:meta])* pub $($rest:tt)*) => {
		$(#[$meta])*
		#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
		#[scale_info(capture_docs = "always")]
		pub $($rest)*
	};
}

answer! {
	/// Referenda of one track that have ended, and votes in them. Turnouts are parts per million of the voices that could vote.
	#[derive(Copy)]
	pub struct TrackTurnout {
		/// Number of the track.
		pub track: u16,
		/// Referenda that were approved.
		pub approved: u32,
		/// Referenda that were rejected.
		pub rejected: u32,
		/// Referenda that ended undecided: cancelled, killed, or timed out. Their votes are not counted.
		pub undecided: u32,
		/// Sum of the voices that approved.
		pub ayes: u64,
		/// Sum of the voices that rejected.
		pub nays: u64,
		/// Sum of the voices that could vote.
		pub voices: u64,
		/// Mean turnout of the decided referenda, each weighing the same; 0 if there are none.
		pub mean_ppm: u32,
		/// Turnout of the referendum that was counted last.
		pub last_ppm: u32,
		/// The referendum that was counted last.
		pub last_referendum: Option<u32>,
	}
}

answer! {
	/// Turnout of every track.
	pub struct TurnoutInfo {
		/// Turnout that is aimed at, in parts per million. Nothing enforces it.
		pub goal_ppm: u32,
		/// The tracks, by number.
		pub tracks: Vec<TrackTurnout>,
	}
}

answer! {
	/// Votes of one operator in decided referenda.
	pub struct ParticipationInfo {
		/// The operator.
		pub operator: AccountId,
		/// Decided referenda that it could vote in.
		pub could: u32,
		/// Those of them in which its voice voted.
		pub cast: u32,
		/// The latest referendum that it could vote in.
		pub last_referendum: u32,
	}
}

sp_api::decl_runtime_apis! {
	/// Governance.
	#[api_version(1)]
	pub trait GovernanceApi {
		/// Turnout of every track, counted since the chain counts it.
		fn turnout() -> TurnoutInfo;
		/// Votes of operators in the decided referenda that they could vote in, ordered by operator.
		fn participation() -> Vec<ParticipationInfo>;
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn answers_round_trip_through_json_and_scale() {
		let track = TrackTurnout {
			track: 3,
			approved: 2,
			rejected: 1,
			undecided: 4,
			ayes: 20,
			nays: 3,
			voices: 30,
			mean_ppm: 766_666,
			last_ppm: 500_000,
			last_referendum: Some(9),
		};
		let turnout = TurnoutInfo { goal_ppm: 500_000, tracks: [track].to_vec() };
		let json = serde_json::to_string(&turnout).unwrap();
		assert_eq!(serde_json::from_str::<TurnoutInfo>(&json).unwrap(), turnout);
		assert_eq!(TurnoutInfo::decode(&mut &turnout.encode()[..]), Ok(turnout));
		let info =
			ParticipationInfo { operator: AccountId::new([7; 32]), could: 5, cast: 3, last_referendum: 8 };
		let json = serde_json::to_string(&info).unwrap();
		assert_eq!(serde_json::from_str::<ParticipationInfo>(&json).unwrap(), info);
		assert_eq!(ParticipationInfo::decode(&mut &info.encode()[..]), Ok(info));
	}
}
