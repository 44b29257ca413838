//! Votes: one for each owner of operators, on a list that was fixed before.

use crate::{
	rules, Config, DatasetRecordOf, Datasets, ElectorateId, ElectorateRecord, ElectorateRecordOf,
	Electorates, Error, Event, NextElectorate, Pallet, PeoplesReview, Tally, Voted,
};
use alloc::{collections::BTreeSet, vec, vec::Vec};
use blyan_primitives::{
	conduct::Consequence, traits::OperatorSet, voter_root, Ballot, DatasetReason, DatasetRef, DatasetStage,
	VoterProof,
};
use frame_support::{ensure, pallet_prelude::DispatchResult, traits::Get, BoundedVec};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_runtime::traits::{One, SaturatedConversion, Saturating};

impl<T: Config> Pallet<T> {
	pub(crate) fn open_vote(dataset: DatasetRef, mut record: DatasetRecordOf<T>) {
		let now = Self::now();
		let (electorate, list) = Self::electorate(now);
		let voters: u32 = list.voters.len().saturated_into();
		let voter_root = list.root;
		Electorates::<T>::insert(
			electorate,
			ElectorateRecord { votes: list.votes.saturating_add(1), ..list },
		);
		record.vote = Some(Tally {
			electorate,
			voters,
			voter_root,
			yes: 0,
			no: Default::default(),
			stars: 0,
			rated: 0,
			extended: false,
		});
		T::Review::open(dataset, &record.creator, record.records);
		record.stage = DatasetStage::Vote;
		record.until = now.saturating_add(T::VoteWindow::get());
		let until = record.until;
		Datasets::<T>::insert(dataset, record);
		let places: Vec<u8> = vec![0; list_bytes(voters)];
		Voted::<T>::insert(dataset, BoundedVec::truncate_from(places));
		Self::schedule(dataset, until.saturating_add(One::one()));
		Self::deposit_event(Event::VoteOpened { dataset, voter_root, voters, until });
	}

	/// The newest list of voters, or a new one if that is too old. An operator that registers when it knows of a vote is on a later one.
	fn electorate(now: BlockNumberFor<T>) -> (ElectorateId, ElectorateRecordOf<T>) {
		let next = NextElectorate::<T>::get();
		let newest = next.saturating_sub(1);
		if let Some(list) = Electorates::<T>::get(newest).filter(|_| next > 0) {
			if now < list.taken_at.saturating_add(T::ElectorateAge::get()) {
				return (newest, list);
			}
			if list.votes == 0 {
				Electorates::<T>::remove(newest);
			}
		}
		// One for each owner, however many operators it has; a machine is one operator's, as `operators` sees to.
		let owners: BTreeSet<T::AccountId> =
			T::Operators::eligible().into_iter().map(|one| one.owner).collect();
		let voters: BoundedVec<_, T::MaxVoters> = BoundedVec::truncate_from(owners.into_iter().collect());
		NextElectorate::<T>::put(next.saturating_add(1));
		(next, ElectorateRecord { taken_at: now, root: voter_root(&voters), voters, votes: 0 })
	}

	pub(crate) fn do_vote(
		who: T::AccountId,
		dataset: DatasetRef,
		ballot: Ballot,
		proof: &VoterProof,
	) -> DispatchResult {
		let mut record = Datasets::<T>::get(dataset).ok_or(Error::<T>::DatasetUnknown)?;
		let is_open = record.stage == DatasetStage::Vote && Self::now() <= record.until;
		let Some(tally) = record.vote.as_mut().filter(|_| is_open) else {
			return Err(Error::<T>::WrongStage.into());
		};
		ensure!(ballot.is_valid(), Error::<T>::BallotInvalid);
		ensure!(proof.proves(&tally.voter_root, tally.voters, &who), Error::<T>::NotAVoter);
		let is_own = record.creator == who || T::Operators::belongs_to(&record.creator) == who;
		ensure!(!is_own, Error::<T>::OwnDataset);
		ensure!(Self::mark(dataset, proof.index), Error::<T>::AlreadySaid);
		match ballot {
			Ballot::Yes { stars } => {
				tally.yes = tally.yes.saturating_add(1);
				if let Some(stars) = stars {
					tally.stars = tally.stars.saturating_add(stars.into());
					tally.rated = tally.rated.saturating_add(1);
				}
			}
			Ballot::No { reason } => {
				let place = DatasetReason::ALL.iter().position(|one| *one == reason);
				if let Some(votes) = place.and_then(|place| tally.no.get_mut(place)) {
					*votes = votes.saturating_add(1);
				}
			}
		}
		Datasets::<T>::insert(dataset, record);
		Self::deposit_event(Event::Voted { dataset, who, ballot });
		Ok(())
	}

	/// Marks a place as having voted. Returns false if it has before.
	fn mark(dataset: DatasetRef, index: u32) -> bool {
		let bit = 1u8.wrapping_shl(index % 8);
		Voted::<T>::mutate(dataset, |places| {
			let place = usize::try_from(index / 8).ok().and_then(|at| places.get_mut(at));
			match place {
				Some(byte) if *byte & bit == 0 => {
					*byte |= bit;
					true
				}
				_ => false,
			}
		})
	}

	/// Ends a vote whose time is over, or extends it.
	pub(crate) fn end_vote(dataset: DatasetRef, mut record: DatasetRecordOf<T>, now: BlockNumberFor<T>) {
		let (Some(tally), Some(report)) = (record.vote.as_mut(), record.report) else { return };
		let is_low = !rules::reaches(tally.votes(), tally.voters, T::ParticipationMin::get());
		if is_low && !tally.extended {
			tally.extended = true;
			record.until = now.saturating_add(T::VoteExtension::get());
			let until = record.until;
			Datasets::<T>::insert(dataset, record);
			Self::schedule(dataset, until.saturating_add(One::one()));
			return Self::deposit_event(Event::VoteExtended { dataset, until });
		}
		let tally = *tally;
		let has_quorum =
			tally.votes() > 0 && rules::reaches(tally.votes(), tally.voters, T::QuorumMin::get());
		if !has_quorum {
			return Self::reject_untried(dataset, record);
		}
		let refused = T::Review::refused(dataset);
		let tier = rules::tier(&tally, &report, &T::TierRules::get()).and_then(|tier| {
			rules::reviewed(tier, refused, &T::ReviewLimits::get()).ok_or(DatasetReason::Quality)
		});
		match tier {
			Ok(tier) => {
				Self::close_ballot(dataset, &record);
				Self::approve(dataset, record, tier);
			}
			Err(reason) => {
				Self::reject(dataset, record, reason, Consequence::Failure);
			}
		}
	}

	/// Clears what only an open vote needs. Does nothing in any other stage.
	pub(crate) fn close_ballot(dataset: DatasetRef, record: &DatasetRecordOf<T>) {
		let Some(tally) = record.vote.filter(|_| record.stage == DatasetStage::Vote) else { return };
		Voted::<T>::remove(dataset);
		T::Review::close(dataset);
		let is_newest = NextElectorate::<T>::get() == tally.electorate.saturating_add(1);
		Electorates::<T>::mutate_exists(tally.electorate, |entry| {
			if let Some(list) = entry {
				list.votes = list.votes.saturating_sub(1);
				if list.votes == 0 && !is_newest {
					*entry = None;
				}
			}
		});
	}
}

/// Bytes in which each voter has a bit.
fn list_bytes(voters: u32) -> usize {
	voters.div_ceil(8).saturated_into()
}
