//! Disputes: what is played, and how it ended.

use crate::{Balance, BlockNumber};
use alloc::vec::Vec;
use blyan_primitives::{EvaluationJob, PartIndex, Query, Subject};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;

/// A game's number, given out in order.
pub type GameId = u64;

/// Outcome of a game.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[scale_info(capture_docs = "always")]
pub enum GameEnd {
	/// The chain computed the block in question.
	Executed,
	/// A side used up its clock.
	TimedOut,
	/// A claim fell elsewhere: in another game, or by the candidate's bytes.
	Settled,
	/// The definition changed: what the claims say can be neither proven nor refuted any more. Neither fell.
	Void,
}

/// One game as clients read it. Pairs are in the order of the game's sides.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
#[scale_info(capture_docs = "always")]
pub struct GameInfo {
	/// Its number.
	pub id: GameId,
	/// Subject of the claims.
	pub subject: Subject,
	/// The first part in which they differ.
	pub part: PartIndex,
	/// The two claims.
	pub digests: [H256; 2],
	/// The opening that is owed now; `None` when the game is over.
	pub query: Option<Query>,
	/// The sides that owe it.
	pub owes: [bool; 2],
	/// Blocks each side had left when the round began.
	pub clocks: [BlockNumber; 2],
	/// When the round began: the clocks of those who owe a move have run since.
	pub round_began: BlockNumber,
	/// True once a witness, from any account, ends the game.
	pub executing: bool,
	/// Which claims have been refuted, here or elsewhere.
	pub refuted: [bool; 2],
	/// Outcome of the game, and when it ended.
	pub ended: Option<(GameEnd, BlockNumber)>,
}

/// A demand for a tile of a candidate's block.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
#[scale_info(capture_docs = "always")]
pub struct DemandInfo {
	/// Whose candidate.
	pub subject: Subject,
	/// The claim that falls if it is not supplied in time.
	pub digest: H256,
	/// The tile.
	pub tile: u32,
	/// Last block in which it can be supplied without contradiction.
	pub until: BlockNumber,
}

/// Price of a challenge, and time limit of a game.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
#[scale_info(capture_docs = "always")]
pub struct DisputeTerms {
	/// Bond of a challenge, and of a demand for a tile; lost if the own claim falls.
	#[serde(with = "blyan_primitives::json::decimal")]
	pub bond: Balance,
	/// Blocks a side has for all of its moves in one game.
	pub clock: BlockNumber,
	/// Blocks in which a demanded tile must be supplied.
	pub demand_window: BlockNumber,
	/// Blocks between the commitment to a finding and its showing.
	pub commitment_age: BlockNumber,
}

sp_api::decl_runtime_apis! {
	/// Disputes: open games, and the most recently ended.
	#[api_version(4)]
	pub trait DisputesApi {
		/// Open games about a subject.
		fn games(subject: Subject) -> Vec<GameInfo>;
		/// One game; `None` if it never existed or ended long ago.
		fn game(id: GameId) -> Option<GameInfo>;
		/// All open games, ascending.
		fn open_games() -> Vec<GameId>;
		/// Tiles of a subject's candidate that are demanded, and must be supplied.
		fn demands(subject: Subject) -> Vec<DemandInfo>;
		/// Returns the present terms of a challenge.
		fn terms() -> DisputeTerms;
		/// Claims about a subject that have been refuted.
		fn refuted(subject: Subject) -> Vec<H256>;
		/// Subjects whose claims can be disputed, or appealed about, ascending.
		fn answerable() -> Vec<Subject>;
		/// The work of claimants about such a subject for one part of its verdicts; `None` if there is no
		/// such part.
		fn job(subject: Subject, part: PartIndex) -> Option<EvaluationJob>;
		/// The same, of a runtime whose models all follow the first definition.
		#[changed_in(3)]
		fn job(subject: Subject, part: PartIndex) -> Option<blyan_primitives::legacy::Job>;
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn games_round_trip_through_json_and_scale() {
		let open = GameInfo {
			id: 3,
			subject: Subject::Submission(7, H256([7; 32])),
			part: 1,
			digests: [H256([1; 32]), H256([2; 32])],
			query: Some(Query::Rows { item: 5, trace: 1, operator: 9, level: 2, index: 0 }),
			owes: [true, false],
			clocks: [100, 90],
			round_began: 40,
			executing: false,
			refuted: [false, false],
			ended: None,
		};
		let over = GameInfo {
			query: None,
			owes: [false, false],
			refuted: [false, true],
			ended: Some((GameEnd::Executed, 60)),
			..open.clone()
		};
		for info in [open, over] {
			let json = serde_json::to_string(&info).unwrap();
			assert_eq!(serde_json::from_str::<GameInfo>(&json).unwrap(), info);
			assert_eq!(GameInfo::decode(&mut &info.encode()[..]).unwrap(), info);
		}
	}
}
