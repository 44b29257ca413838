//! The second committee: operators of whom nobody could know when the first one sealed.
//!
//! Whoever lies must be sure that no honest member looks at the same score, since that one would contradict, and the chain
//! computes who is right. In one committee a group sees after the draw whether it sits alone, and lies only then: that is
//! free. So the first committee must bind itself before the second one is known, and all of it is lost if a single
//! stranger computes the truth. Nothing is revealed in between, so a stranger has nothing to copy.

use crate::{
	draw::draw_present, Config, Event, OpenSubmissions, Pallet, Phase, Seat, Stage, SubmissionRecordOf,
	LOG_TARGET,
};
use alloc::vec::Vec;
use blyan_primitives::{
	randomness::{Appointed, AppointedRandomness, RelayNumber},
	traits::{EligibleOperator, OperatorSet},
	SubmissionId,
};
use codec::Encode;
use frame_support::traits::Get;
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_io::hashing::blake2_256;
use sp_runtime::traits::Saturating;

impl<T: Config> Pallet<T> {
	/// Of `eligible`, those with any weight that neither sit among `seated` nor belong to the owner of one who does.
	pub(crate) fn strangers<'a>(
		eligible: &'a [EligibleOperator<T::AccountId>],
		seated: &'a [T::AccountId],
	) -> impl Iterator<Item = &'a EligibleOperator<T::AccountId>> {
		// Also of those that are not on the list, since they left when they had sealed.
		let owners: Vec<T::AccountId> = seated.iter().map(T::Operators::belongs_to).collect();
		let listed: Vec<&T::AccountId> = eligible
			.iter()
			.filter(|operator| seated.contains(&operator.account))
			.map(|operator| &operator.owner)
			.collect();
		eligible.iter().filter(move |operator| {
			let is_related = owners.contains(&operator.owner) || listed.contains(&&operator.owner);
			operator.weight > 0 && !seated.contains(&operator.account) && !is_related
		})
	}

	/// Ends the first committee's time. Where it sealed nothing at all there is nothing for a second one to check.
	pub(crate) fn end_first(submission: SubmissionId, mut record: SubmissionRecordOf<T>) {
		let Phase::Evaluating(evaluation) = &mut record.phase else { return };
		if evaluation.seats.iter().all(|seat| seat.seal.is_none()) {
			let evaluation = evaluation.clone();
			return Self::decide(submission, record, evaluation);
		}
		// Whoever has sealed is bound; the seed is that of a relay-chain block which nobody knows yet.
		evaluation.stage = Stage::Between { appointment: T::Randomness::appoint() };
		OpenSubmissions::<T>::insert(submission, record);
	}

	/// Draws the second committee, once the seed that was named after the first one's last seal is there. Returns whether
	/// anything happened.
	pub(crate) fn draw_second(
		submission: SubmissionId,
		mut record: SubmissionRecordOf<T>,
		now: BlockNumberFor<T>,
		appointment: RelayNumber,
	) -> bool {
		let Phase::Evaluating(evaluation) = &mut record.phase else { return false };
		let seed = T::Randomness::seed_of(appointment, b"blyan/second-draw");
		let (randomness, electorate) = match (seed, T::Operators::electorate(appointment)) {
			(Appointed::Seed(seed), Some(electorate)) => (seed, electorate),
			(Appointed::Pending, _) => {
				log::debug!(target: LOG_TARGET, "submission {submission} waits for the seed of its second draw");
				return false;
			}
			(Appointed::Missed, _) | (_, None) => {
				evaluation.stage = Stage::Between { appointment: T::Randomness::appoint() };
				OpenSubmissions::<T>::insert(submission, record);
				return true;
			}
		};
		let seed = H256(blake2_256(&(randomness, submission, b"second").encode()));
		let seated: Vec<T::AccountId> = evaluation.seats.iter().map(|seat| seat.operator.clone()).collect();
		// Where hardly anybody but the miner's relatives is left, none of them judges it.
		let eligible = Self::judges_of(submission, &record.claim.miner, electorate).unwrap_or_default();
		let absent = &record.absent;
		let strangers: Vec<_> = Self::strangers(&eligible, &seated)
			.filter(|operator| !absent.contains(&operator.account))
			.cloned()
			.collect();
		let room = T::MaxCommittee::get().saturating_sub(evaluation.first);
		let size = T::SecondCommitteeSize::get().min(room);
		let per_owner = T::MaxSeatsPerOwner::get();
		let members = draw_present(&seed, strangers, size, per_owner, T::Operators::is_eligible);
		for seat in Self::seats(&eligible, members.clone()) {
			// As many were drawn as there is room for.
			let _ = evaluation.seats.try_push(seat);
		}
		evaluation.stage = Stage::Last;
		let window = if members.is_empty() { Default::default() } else { T::SealWindow::get() };
		evaluation.seal_deadline = now.saturating_add(window);
		evaluation.reveal_deadline = evaluation.seal_deadline.saturating_add(T::RevealWindow::get());
		let seal_deadline = Self::block_at(evaluation.seal_deadline);
		OpenSubmissions::<T>::insert(submission, record);
		Self::deposit_event(Event::SecondCommitteeDrawn { submission, committee: members, seal_deadline });
		true
	}

	/// Members that have sealed nothing.
	pub(crate) fn absentees(seats: &[Seat<T::AccountId>]) -> impl Iterator<Item = &T::AccountId> {
		seats.iter().filter(|seat| seat.seal.is_none()).map(|seat| &seat.operator)
	}
}
