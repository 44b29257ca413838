//! Answers to what outsiders ask through the runtime API.

use crate::{game::Side, Cases, Config, Demands, Ended, GameRecordOf, Games, Pairs, Pallet, Refuted};
use alloc::vec::Vec;
use blyan_primitives::{traits::Claims, EvaluationJob, PartIndex, Subject};
use blyan_runtime_api::disputes::{DemandInfo, GameId, GameInfo};
use sp_core::H256;
use sp_runtime::traits::{SaturatedConversion, Saturating, Zero};

impl<T: Config> Pallet<T> {
	/// Open games about a subject, in no particular order.
	pub fn games(subject: Subject) -> Vec<GameInfo> {
		Pairs::<T>::iter_prefix_values(subject).filter_map(Self::game).collect()
	}

	/// One game, open or ended.
	pub fn game(id: GameId) -> Option<GameInfo> {
		if let Some(open) = Games::<T>::get(id) {
			return Some(Self::info(id, &open));
		}
		let ended = Ended::<T>::get(id)?;
		let at = ended.at.saturated_into();
		Some(GameInfo {
			id,
			subject: ended.subject,
			part: ended.part,
			digests: ended.digests,
			query: None,
			owes: [false, false],
			clocks: [Zero::zero(), Zero::zero()],
			round_began: at,
			executing: false,
			refuted: ended.refuted,
			ended: Some((ended.end, at)),
		})
	}

	/// All open games, ascending.
	pub fn open_games() -> Vec<GameId> {
		let mut games: Vec<_> = Games::<T>::iter_keys().collect();
		games.sort_unstable();
		games
	}

	/// Tiles of a subject's candidate that are demanded.
	pub fn demands(subject: Subject) -> Vec<DemandInfo> {
		Demands::<T>::iter_prefix(subject)
			.map(|((digest, tile), demand)| DemandInfo {
				subject,
				digest,
				tile,
				until: Self::block_at(demand.until).saturated_into(),
			})
			.collect()
	}

	/// Claims about a subject that have fallen.
	pub fn refuted(subject: Subject) -> Vec<H256> {
		Refuted::<T>::iter_key_prefix(subject).collect()
	}

	/// Subjects whose claims can be disputed, or appealed about, ascending.
	pub fn answerable() -> Vec<Subject> {
		let mut subjects = T::Claims::disputable();
		subjects.extend(Cases::<T>::iter_keys());
		subjects.sort_unstable();
		subjects.dedup();
		subjects
	}

	/// The work of claimants about a subject for one part of its verdicts.
	pub fn evaluation_job(subject: Subject, part: PartIndex) -> Option<EvaluationJob> {
		Self::job(subject, part)
	}

	fn info(id: GameId, game: &GameRecordOf<T>) -> GameInfo {
		let loads = Self::loads(game);
		// What a clock comes to in blocks, at the pace it runs at.
		let clock = |side: Side| side.of(&game.sides).clock.saturating_mul((*side.of(&loads)).into());
		GameInfo {
			id,
			subject: game.subject,
			part: game.part,
			digests: game.digests(),
			query: Some(game.position.query()),
			owes: Side::BOTH.map(|side| game.owes(side)),
			clocks: Side::BOTH.map(|side| clock(side).saturated_into()),
			round_began: Self::block_at(game.round_began).saturated_into(),
			executing: game.position.block().is_some(),
			refuted: Self::fallen(game),
			ended: None,
		}
	}
}
