//! Calls that are certain to fail.
//!
//! What a draw asked and what was claimed about it does not change; a claim that has fallen does not rise; a game that has
//! ended is never played again. Left to the block that includes it is every move in a game: the opening that is wrong for
//! this round may be right for the next, and a clock that ran out goes on when its claim gets into another game. A refused
//! move can cost the whole game.

use crate::{Call, Cases, Config, Error, GameId, Games, NextGame, Pallet};
use blyan_primitives::{traits::Claims, Refusal, Subject};

impl<T: Config> Pallet<T> {
	/// Returns why a signed call is certain to fail, whatever comes before it.
	///
	/// What operators say is authorised by their session keys, and checked there.
	pub fn refusal(call: &Call<T>) -> Option<Refusal> {
		match call {
			Call::challenge { subject, against, verdict } => {
				if *against == verdict.digest() {
					return Some(Refusal::Malformed);
				}
				Self::about(*subject, Self::ensure_may_challenge(*subject, *against, verdict).err()?)
			}
			Call::demand_tile { subject, digest, tile } => {
				Self::about(*subject, Self::ensure_may_demand(*subject, *digest, *tile).err()?)
			}
			Call::prove_blob { subject, blob } => {
				Self::about(*subject, Self::ensure_shows(*subject, blob).err()?)
			}
			Call::supply_tile { subject, digest, tile, evidence } => {
				// A demand that is not there may come.
				Self::ensure_demanded(*subject, *digest, *tile).ok()?;
				Self::about(*subject, Self::ensure_tile(*subject, *tile, evidence).err()?)
			}
			Call::descend { game, side, opening } => {
				Self::of_game(*game, Self::ensure_may_open(*game, *side, opening).err()?)
			}
			Call::execute { game, witness } => match Games::<T>::get(game) {
				Some(record) => Self::of_game(*game, Self::ensure_executable(&record, witness).err()?),
				None => Self::of_game(*game, Error::GameUnknown),
			},
			Call::claim_timeout { game } => Self::of_game(*game, Self::ensure_timed_out(*game).err()?),
			Call::settle { game } => Self::of_game(*game, Self::ensure_settled(*game).err()?),
			Call::report_equivocation { first, second, key } => {
				match Self::ensure_equivocation(first, second, key).err()? {
					Error::NoEquivocation => Some(Refusal::Malformed),
					Error::BadSignature => Some(Refusal::Unproven),
					Error::DrawUnknown => Some(Refusal::Unknown),
					Error::AlreadyReported => Some(Refusal::Over),
					_ => None,
				}
			}
			_ => None,
		}
	}

	/// Returns the meaning of an error about a subject for good, if it has one.
	fn about(subject: Subject, error: Error<T>) -> Option<Refusal> {
		match error {
			Error::NotDisputable => {
				T::Claims::missing(subject).filter(|_| !Cases::<T>::contains_key(subject))
			}
			Error::SameClaim | Error::ClaimInconsistent | Error::NotAScore | Error::TileUnknown => {
				Some(Refusal::Malformed)
			}
			Error::AlreadyRefuted
			| Error::DefinitionChanged
			| Error::ComputationTooLarge
			| Error::CandidateTooLarge => Some(Refusal::Over),
			Error::WrongBytes | Error::TileUnproven => Some(Refusal::Unproven),
			_ => None,
		}
	}

	/// Returns the meaning of an error about a game for good, if it has one.
	fn of_game(game: GameId, error: Error<T>) -> Option<Refusal> {
		match error {
			Error::GameUnknown => Refusal::of_missing(game, NextGame::<T>::get()),
			Error::DefinitionChanged => Some(Refusal::Over),
			Error::OpeningTooLarge | Error::WitnessTooLarge => Some(Refusal::Malformed),
			_ => None,
		}
	}
}
