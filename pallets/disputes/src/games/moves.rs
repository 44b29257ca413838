//! Moves of a game: openings, the block that decides, clocks, and what ends without a move.

use crate::{
	game::{Disputed, Refusal, Side},
	Agreed, Config, Error, Event, Fall, GameId, GameRecordOf, Games, NoExpert, Pallet, Posted, Referee,
	Refuted, OPENING_BYTES_MAX, WITNESS_BYTES_MAX,
};
use blyan_exact::step::StepError;
use blyan_primitives::{BlockWitness, Opening, Subject, Verdict};
use blyan_runtime_api::disputes::GameEnd;
use codec::{Decode, Encode};
use frame_support::{ensure, BoundedVec};
use sp_runtime::{
	traits::{SaturatedConversion, Saturating},
	DispatchError, DispatchResult,
};

impl<T> From<Refusal> for Error<T> {
	fn from(refusal: Refusal) -> Self {
		match refusal {
			Refusal::WrongKind => Self::OpeningOfWrongKind,
			Refusal::WrongCount => Self::OpeningOfWrongLength,
			_ => Self::OpeningNotCommitted,
		}
	}
}

impl<T: Config> Pallet<T> {
	pub(crate) fn do_descend(
		mover: T::AccountId,
		id: GameId,
		side: Side,
		opening: Opening,
	) -> DispatchResult {
		let (mut game, disputed) = Self::ensure_may_open(id, side, &opening)?;
		Self::note_move(&mut game, side);
		Self::deposit_event(Event::Opened { game: id, side, mover });
		let Some(earlier) = Posted::<T>::take(id) else {
			let bytes = BoundedVec::try_from(opening.encode()).map_err(|_| Error::<T>::OpeningTooLarge)?;
			side.of_mut(&mut game.sides).moved = true;
			Posted::<T>::insert(id, bytes);
			Games::<T>::insert(id, game);
			return Ok(());
		};
		let earlier = Opening::decode(&mut &earlier[..]).map_err(|_| DispatchError::Corruption)?;
		let openings = match side {
			Side::First => [&opening, &earlier],
			Side::Second => [&earlier, &opening],
		};
		let step = game.position.advance(&disputed, openings).map_err(Error::<T>::from)?;
		if let Some(agreed) = step.agreed {
			Agreed::<T>::insert(id, BoundedVec::truncate_from(agreed));
		}
		game.position = step.position;
		game.round_began = Self::now();
		for side in &mut game.sides {
			side.moved = false;
		}
		Self::deposit_event(Event::Descended { game: id, query: game.position.query() });
		Games::<T>::insert(id, game);
		Ok(())
	}

	/// Everything that must hold before a side's opening counts. Cheap checks first.
	pub(crate) fn ensure_may_open(
		id: GameId,
		side: Side,
		opening: &Opening,
	) -> Result<(GameRecordOf<T>, Disputed), Error<T>> {
		let game = Self::ensure_owed(id, side, opening)?;
		let disputed = Self::ensure_committed(&game, side, opening)?;
		Ok((game, disputed))
	}

	/// The cheap checks of an opening: the game waits for it, and it is of a permitted size.
	pub(crate) fn ensure_owed(
		id: GameId,
		side: Side,
		opening: &Opening,
	) -> Result<GameRecordOf<T>, Error<T>> {
		let game = Games::<T>::get(id).ok_or(Error::GameUnknown)?;
		ensure!(game.statement.is_current(), Error::<T>::DefinitionChanged);
		ensure!(game.position.is_descent() && game.owes(side), Error::<T>::NotOwed);
		ensure!(Self::now() <= game.deadline(side, Self::loads(&game)), Error::<T>::ClockRanOut);
		ensure!(opening.encoded_size() <= OPENING_BYTES_MAX as usize, Error::<T>::OpeningTooLarge);
		Ok(game)
	}

	/// Checks an opening against what its side is bound to. Returns the computation that the game is about.
	pub(crate) fn ensure_committed(
		game: &GameRecordOf<T>,
		side: Side,
		opening: &Opening,
	) -> Result<Disputed, Error<T>> {
		let disputed = Self::disputed(&game.statement)?;
		game.position.check(&disputed, side, opening)?;
		Ok(disputed)
	}

	/// Takes the time of a move from its side's clock.
	fn note_move(game: &mut GameRecordOf<T>, side: Side) {
		let taken = Self::now().saturating_sub(game.round_began);
		let load = *side.of(&Self::loads(game));
		let taken = taken.saturated_into::<u64>().checked_div(load.into()).unwrap_or(0).saturated_into();
		let side = side.of_mut(&mut game.sides);
		side.clock = side.clock.saturating_sub(taken);
	}

	pub(crate) fn do_execute(id: GameId, witness: BlockWitness) -> DispatchResult {
		let game = Games::<T>::get(id).ok_or(Error::<T>::GameUnknown)?;
		let lost = Self::execution(id, &game, &witness)?;
		Self::end(id, game, lost, GameEnd::Executed);
		Ok(())
	}

	/// Whom the block in question refutes, computed from a witness.
	pub(crate) fn execution(
		id: GameId,
		game: &GameRecordOf<T>,
		witness: &BlockWitness,
	) -> Result<[bool; 2], Error<T>> {
		Self::ensure_executable(game, witness)?;
		let (at, place) = game.position.block().ok_or(Error::NotExecuting)?;
		let disputed = Self::disputed(&game.statement)?;
		let commitments = game.statement.commitments(at.item, at.trace).ok_or(Error::StatementUnknown)?;
		let agreed = Agreed::<T>::get(id).unwrap_or_default();
		match T::Referee::execute(disputed.computation(), &commitments, &agreed, place, witness) {
			Ok(hash) => Ok(game.position.refuted_by(&hash)),
			// Bytes that are no tensor, or agreed numbers that no computation leads to: there is no such score.
			Err(error) if error.condemns_both() => Ok([true, true]),
			Err(StepError::WitnessUnproven) => Err(Error::WitnessUnproven),
			Err(_) => Err(Error::WitnessMalformed),
		}
	}

	/// The cheap checks of an execution.
	pub(crate) fn ensure_executable(game: &GameRecordOf<T>, witness: &BlockWitness) -> Result<(), Error<T>> {
		ensure!(game.statement.is_current(), Error::<T>::DefinitionChanged);
		ensure!(game.position.block().is_some(), Error::<T>::NotExecuting);
		ensure!(witness.encoded_size() <= WITNESS_BYTES_MAX as usize, Error::<T>::WitnessTooLarge);
		Ok(())
	}

	pub(crate) fn do_claim_timeout(id: GameId) -> DispatchResult {
		let (game, lost) = Self::ensure_timed_out(id)?;
		Self::end(id, game, lost, GameEnd::TimedOut);
		Ok(())
	}

	/// A game in which a clock ran out, and whose claims fall.
	pub(crate) fn ensure_timed_out(id: GameId) -> Result<(GameRecordOf<T>, [bool; 2]), Error<T>> {
		let game = Games::<T>::get(id).ok_or(Error::GameUnknown)?;
		ensure!(game.statement.is_current(), Error::<T>::DefinitionChanged);
		let lost = game.timed_out(Self::now(), Self::loads(&game));
		ensure!(lost != [false, false], Error::<T>::ClockStillRuns);
		Ok((game, lost))
	}

	pub(crate) fn do_settle(id: GameId) -> DispatchResult {
		let (game, lost, end) = Self::ensure_settled(id)?;
		Self::end(id, game, lost, end);
		Ok(())
	}

	/// A game with a claim that fell elsewhere, and which; or one that can be played no further.
	pub(crate) fn ensure_settled(id: GameId) -> Result<(GameRecordOf<T>, [bool; 2], GameEnd), Error<T>> {
		let game = Games::<T>::get(id).ok_or(Error::GameUnknown)?;
		let lost = Self::fallen(&game);
		if lost != [false, false] {
			return Ok((game, lost, GameEnd::Settled));
		}
		ensure!(!game.statement.is_current(), Error::<T>::NothingToSettle);
		Ok((game, lost, GameEnd::Void))
	}

	/// Which claims of a game have fallen. On appeal, those still stand that merely were not defended.
	pub(crate) fn fallen(game: &GameRecordOf<T>) -> [bool; 2] {
		Side::BOTH.map(|side| {
			let verdict = &side.of(&game.sides).verdict;
			let fall = Self::fall(game.subject, verdict);
			fall.is_some_and(|fall| !game.is_appeal || fall == Fall::Proven)
		})
	}

	/// How a claim has fallen, if it has.
	pub(crate) fn fall(subject: Subject, verdict: &Verdict) -> Option<Fall> {
		let is_score = matches!(verdict, Verdict::Scored(_));
		if is_score && NoExpert::<T>::contains_key(subject) {
			return Some(Fall::Proven);
		}
		Refuted::<T>::get(subject, verdict.digest())
	}

	/// Whether a claim has fallen.
	pub(crate) fn is_refuted(subject: Subject, verdict: &Verdict) -> bool {
		Self::fall(subject, verdict).is_some()
	}
}
