//! Rounds: which keeper is appointed, and what happens when time passes.
//!
//! ```text
//!  request        seed          reveal              attestations
//!  |--------------|-------------|-------------------|------------> Ready: committee and sample are drawn
//!  Drawing        Revealing     Attesting
//!     ^              |              |
//!     |              | RevealWindow | AttestWindow over: penalty
//!     +--------------+--------------+
//!     |
//!     +--- Starved: MaxTries came to nothing, or fewer than MinKeepers may be appointed; after Pause
//! ```

use crate::{
	Active, BalanceOf, Chunks, Config, Event, Fault, HoldReason, KeeperRecordOf, Keepers, Pallet, Phase,
	RoundRecordOf, Rounds, Sealed, WeightInfo, LOG_TARGET,
};
use alloc::vec::Vec;
use blyan_primitives::{
	randomness::{Appointed, AppointedRandomness, RelayNumber},
	traits::OperatorSet,
	SealingRules, SubmissionId,
};
use blyan_support::sampling::{total, uniform, waiting_time};
use codec::Encode;
use frame_support::{
	traits::Get,
	weights::{Weight, WeightMeter},
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::traits::{CheckedDiv, SaturatedConversion, Saturating, Zero};

/// Steps of a keeper's weight for each `MinBond` in its bond.
const WEIGHT_STEPS: u32 = 16;

impl<T: Config> Pallet<T> {
	/// Moves up to `StepsPerBlock` rounds on, as far as `remaining` allows. Where more wait, each block starts after those of the
	/// block before.
	pub(crate) fn advance_rounds(now: BlockNumberFor<T>, remaining: Weight) -> Weight {
		let mut meter = WeightMeter::with_limit(remaining);
		if meter.try_consume(T::WeightInfo::idle()).is_err() {
			return meter.consumed();
		}
		let active = Active::<T>::get();
		let per_block = T::StepsPerBlock::get();
		let start = now.saturated_into::<u32>().saturating_mul(per_block);
		let start = start.checked_rem(active.len().saturated_into()).unwrap_or(0);
		let turns = active.len().min(per_block.saturated_into());
		let in_turn: Vec<_> =
			active.iter().cycle().skip(start.saturated_into()).take(turns).copied().collect();
		for submission in in_turn {
			if meter.try_consume(T::WeightInfo::step(Keepers::<T>::count())).is_err() {
				break;
			}
			Self::step(submission);
		}
		meter.consumed()
	}

	/// Does what is due for a round. Returns whether anything was.
	pub(crate) fn step(submission: SubmissionId) -> bool {
		let Some(round) = Rounds::<T>::get(submission) else { return false };
		if round.phase.is_ready() {
			return false;
		}
		let Some(rules) = Sealed::<T>::get(round.model) else {
			// The model is measured on its public holdout again: no keeper owes anything any more.
			Self::dissolve(submission);
			return true;
		};
		let now = Self::now();
		match round.phase.clone() {
			Phase::Drawing { appointment, named_at } => {
				Self::appoint_keeper(submission, round, &rules, (appointment, named_at))
			}
			Phase::Revealing { keeper, chunk, until } if now > until => {
				Self::penalise(&keeper, Fault::Silent, chunk.deposit);
				Self::try_again(submission, round);
				true
			}
			Phase::Attesting { keeper, deposit, until, .. } if now > until => {
				Self::penalise(&keeper, Fault::Withheld, deposit);
				Self::try_again(submission, round);
				true
			}
			Phase::Starved { until } if now >= until => {
				Self::draw_again(submission, RoundRecordOf::<T> { tries: 0, ..round });
				true
			}
			_ => false,
		}
	}

	/// Appoints a keeper with the seed that was named before, once there is one. Returns whether anything happened.
	fn appoint_keeper(
		submission: SubmissionId,
		mut round: RoundRecordOf<T>,
		rules: &SealingRules,
		(appointment, named_at): (RelayNumber, BlockNumberFor<T>),
	) -> bool {
		let seed = match T::Randomness::seed_of(appointment, b"blyan/sealed-holdout") {
			Appointed::Seed(seed) => seed,
			Appointed::Pending => return false,
			Appointed::Missed => {
				Self::draw_again(submission, round);
				return true;
			}
		};
		let candidates = Self::candidates(&round, rules, named_at);
		let Some(keeper) = Self::draw_keeper(submission, &round, &candidates, &seed) else {
			log::debug!(target: LOG_TARGET, "submission {submission}: too few keepers may be appointed");
			// Older chunks do not come back: those that are here by now count when it goes on, or it would wait for ever. The submission
			// is known to their keepers, who could have given the chunk to its miner as well.
			round.chunks_before = round.chunks_before.max(frame_system::Pallet::<T>::block_number());
			Self::starve(submission, round);
			return true;
		};
		let before = round.chunks_before;
		let chunk =
			Self::take_chunk(round.model, &keeper, |chunk| chunk.committed_at < before && chunk.fits(rules));
		// It is a candidate because it has one.
		let Some(chunk) = chunk else { return false };
		let until = Self::now().saturating_add(T::RevealWindow::get());
		let commitment = chunk.commitment;
		round.phase = Phase::Revealing { keeper: keeper.clone(), chunk, until };
		Rounds::<T>::insert(submission, round);
		Self::deposit_event(Event::KeeperAppointed { submission, keeper, commitment, until });
		true
	}

	/// The keeper that the seed appoints; `None` if there are too few with a chunk that is old enough, or they have less than half of
	/// the bonds. Those who keep chunks the longest would otherwise be the only ones for a candidate that waited long.
	fn draw_keeper(
		submission: SubmissionId,
		round: &RoundRecordOf<T>,
		candidates: &[Candidate<T::AccountId>],
		seed: &H256,
	) -> Option<T::AccountId> {
		let bonds = total(candidates.iter().map(|one| one.weight));
		let old = || candidates.iter().filter(|one| one.is_old);
		let old_bonds = total(old().map(|one| one.weight));
		// Those of earlier looks count: they are as unrelated as those that are left.
		let count: u32 = old().count().saturating_add(round.looked.len()).saturated_into();
		if count < T::MinKeepers::get() || old_bonds.saturating_mul(2) < bonds {
			return None;
		}
		// Each keeper has a number of its own, so one that leaves the draw when the seed is known moves none of the others.
		let time = |one: &Candidate<T::AccountId>| {
			waiting_time(uniform(&preimage(seed, submission, &one.keeper)), one.weight)
		};
		old()
			.filter_map(|one| Some((time(one)?, &one.keeper)))
			.min_by_key(|(time, _)| *time)
			.map(|(_, keeper)| keeper.clone())
	}

	/// Keepers with a chunk of the rules' shape that are unrelated to the miner and to the keepers of earlier looks, and whose bonds were
	/// there before the seed was named.
	fn candidates(
		round: &RoundRecordOf<T>,
		rules: &SealingRules,
		named_at: BlockNumberFor<T>,
	) -> Vec<Candidate<T::AccountId>> {
		let owner = |who: &T::AccountId| T::Operators::belongs_to(who);
		let excluded: Vec<T::AccountId> =
			round.looked.iter().chain(core::iter::once(&round.miner)).map(owner).collect();
		let now = Self::now();
		Chunks::<T>::iter_prefix(round.model)
			.filter(|(_, chunks)| chunks.iter().any(|chunk| chunk.fits(rules)))
			.filter_map(|(keeper, chunks)| {
				let record = Keepers::<T>::get(&keeper)?;
				let is_free = record.bond >= T::MinBond::get()
					&& record.bonded_at < named_at
					&& record.suspended_until <= now
					&& !excluded.contains(&owner(&keeper));
				let is_old =
					chunks.iter().any(|chunk| chunk.committed_at < round.chunks_before && chunk.fits(rules));
				is_free.then(|| Candidate { keeper, weight: Self::weight(&record), is_old })
			})
			.collect()
	}

	/// Number of the keepers that may be appointed.
	#[cfg(feature = "runtime-benchmarks")]
	pub(crate) fn count_candidates(submission: SubmissionId) -> usize {
		let Some(round) = Rounds::<T>::get(submission) else { return 0 };
		let named_at = frame_system::Pallet::<T>::block_number();
		Sealed::<T>::get(round.model).map_or(0, |rules| Self::candidates(&round, &rules, named_at).len())
	}

	/// Tickets of a keeper: in proportion to its bond, so that splitting it among accounts wins none.
	fn weight(record: &KeeperRecordOf<T>) -> u32 {
		let steps = record.bond.saturating_mul(WEIGHT_STEPS.into());
		let unit: BalanceOf<T> = T::MinBond::get();
		steps.checked_div(&unit).unwrap_or_else(Zero::zero).saturated_into()
	}

	/// Appoints another keeper, or pauses if too many came to nothing.
	fn try_again(submission: SubmissionId, mut round: RoundRecordOf<T>) {
		round.tries = round.tries.saturating_add(1);
		if round.tries >= T::MaxTries::get() {
			Self::starve(submission, round);
		} else {
			Self::draw_again(submission, round);
		}
	}

	/// Names the seed that appoints the next keeper.
	fn draw_again(submission: SubmissionId, mut round: RoundRecordOf<T>) {
		round.phase = Self::named();
		Rounds::<T>::insert(submission, round);
	}

	/// The phase in which a seed was named just now.
	pub(crate) fn named() -> Phase<T::AccountId, BalanceOf<T>, BlockNumberFor<T>> {
		Phase::Drawing {
			appointment: T::Randomness::appoint(),
			named_at: frame_system::Pallet::<T>::block_number(),
		}
	}

	/// Lets a round wait: its submission is not measured on anything else.
	fn starve(submission: SubmissionId, mut round: RoundRecordOf<T>) {
		let until = Self::now().saturating_add(T::Pause::get());
		round.phase = Phase::Starved { until };
		Rounds::<T>::insert(submission, round);
		Self::deposit_event(Event::RoundStarved { submission, until });
	}

	/// Starts the search for a chunk. Returns whether there was room for it.
	pub(crate) fn activate(submission: SubmissionId, round: RoundRecordOf<T>) -> bool {
		if Active::<T>::try_append(submission).is_err() {
			return false;
		}
		Self::draw_again(submission, round);
		true
	}

	/// Ends the search for a chunk.
	pub(crate) fn deactivate(submission: SubmissionId) {
		Active::<T>::mutate(|active| active.retain(|other| *other != submission));
	}

	/// Removes a round. A chunk that was not opened is sealed still.
	pub(crate) fn dissolve(submission: SubmissionId) {
		let Some(round) = Rounds::<T>::take(submission) else { return };
		Self::deactivate(submission);
		round.looked.iter().for_each(Self::note_chunk_gone);
		match round.phase {
			Phase::Revealing { keeper, chunk, .. } => Self::return_chunk(round.model, &keeper, chunk),
			Phase::Attesting { keeper, deposit, .. } => {
				Self::release(HoldReason::Chunk, &keeper, deposit);
				Self::note_chunk_gone(&keeper);
			}
			Phase::Ready { keeper, .. } => Self::note_chunk_gone(&keeper),
			Phase::Drawing { .. } | Phase::Starved { .. } => {}
		}
	}
}

/// A keeper that may be appointed.
struct Candidate<AccountId> {
	keeper: AccountId,
	/// Its tickets.
	weight: u32,
	/// True if it has a chunk that is older than the candidate.
	is_old: bool,
}

/// Names a keeper's number in an appointment.
fn preimage(seed: &H256, submission: SubmissionId, keeper: &impl Encode) -> Vec<u8> {
	(b"sealed-holdout", seed, submission, keeper).encode()
}
