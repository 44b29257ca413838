//! Questions of `proof-of-learning`: what a submission is measured on, and what follows from its score.

use crate::{Config, Event, Pallet, Phase, RoundRecord, Rounds, Sealed, LOG_TARGET, LOOKS_MAX};
use alloc::vec::Vec;
use blyan_primitives::{
	traits::SealedHoldouts, ChunkScore, DrawId, Look, ModelId, SealedHoldout, SubmissionId,
};
use frame_support::{traits::Get, BoundedVec};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::traits::SaturatedConversion;

impl<T: Config> SealedHoldouts<T::AccountId, BlockNumberFor<T>> for Pallet<T> {
	fn request(
		submission: SubmissionId,
		model: ModelId,
		miner: &T::AccountId,
		known_at: BlockNumberFor<T>,
	) -> SealedHoldout {
		let is_sealed = Sealed::<T>::contains_key(model);
		if let Some(round) = Rounds::<T>::get(submission) {
			return match round.phase {
				Phase::Ready { holdout, draw, .. } => SealedHoldout::Ready { holdout, draw },
				_ if is_sealed => SealedHoldout::Waiting,
				_ => SealedHoldout::Public,
			};
		}
		if !is_sealed {
			return SealedHoldout::Public;
		}
		let round = RoundRecord {
			model,
			miner: miner.clone(),
			chunks_before: known_at,
			looked: BoundedVec::new(),
			tries: 0,
			phase: Self::named(),
		};
		if !Self::activate(submission, round) {
			log::warn!(target: LOG_TARGET, "submission {submission} waits: too many others wait for a chunk");
			return SealedHoldout::Waiting;
		}
		Self::deposit_event(Event::RoundOpened { submission, model });
		SealedHoldout::Asked
	}

	fn is_starved(submission: SubmissionId) -> bool {
		Rounds::<T>::get(submission).is_some_and(|round| matches!(round.phase, Phase::Starved { .. }))
	}

	fn note_measured(submission: SubmissionId, score: &ChunkScore) -> Look {
		let Some(mut round) = Rounds::<T>::get(submission) else { return Look::Last };
		let (Phase::Ready { keeper, .. }, Some(rules)) = (&round.phase, Sealed::<T>::get(round.model)) else {
			return Look::Last;
		};
		let keeper = keeper.clone();
		let is_sound = rules.is_sound(score.baseline_loss, score.positions);
		let looks: u32 = round.looked.len().saturated_into::<u32>().saturating_add(1);
		if is_sound && (!score.convinces || looks >= T::Looks::get().min(LOOKS_MAX)) {
			return Look::Last;
		}
		if is_sound {
			// There is room for as many as are asked for.
			let _ = round.looked.try_push(keeper.clone());
		}
		round.tries = 0;
		if !Self::activate(submission, round) {
			// `integrity_test` keeps more room than models can need. Without it the score stands, for the chunk it was made on.
			log::error!(target: LOG_TARGET, "submission {submission}: no room to look for another chunk");
			return Look::Last;
		}
		if is_sound {
			Self::deposit_event(Event::LookPassed { submission, keeper, looks });
			return Look::Another;
		}
		// Its deposit returned when its bytes were there.
		Self::hold_penalty(keeper, score);
		Look::Void
	}

	fn note_refuted(draw: DrawId, digest: H256) {
		Self::return_penalty(draw, digest);
	}

	fn note_undisputed(draw: DrawId) {
		Self::collect_penalty(draw);
	}

	fn keepers(submission: SubmissionId) -> Vec<T::AccountId> {
		let Some(round) = Rounds::<T>::get(submission) else { return Vec::new() };
		let mut keepers = round.looked.into_inner();
		if let Phase::Ready { keeper, .. } = round.phase {
			if !keepers.contains(&keeper) {
				keepers.push(keeper);
			}
		}
		keepers
	}

	fn note_closed(submission: SubmissionId) {
		Self::dissolve(submission);
	}
}
