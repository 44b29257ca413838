//! Proposals and endorsements.

use crate::{
	feasibility, Config, Current, EndorsementRecord, Endorsements, EpochRecordOf, Error, Event, HoldReason,
	NextProposal, Pallet, ProposalRecord, ProposalRecordOf, Proposals, TokenizerBlobs, Tokenizers,
};
use blyan_primitives::{
	evolution::{EpochPhase, Proposal, ProposalError, ProposalId, TokenizerRef},
	record_id,
	traits::{ArchitectureRegistry, BlobAnnouncements, ExpertRegistry, OpenModels, OperatorSet},
	voting::Electorates,
	ModelId, MILLIONTHS,
};
use frame_support::{
	ensure,
	pallet_prelude::DispatchResult,
	traits::{fungible::MutateHold, Get},
};
use sp_core::H256;
use sp_runtime::traits::Zero;

impl<T: Config> Pallet<T> {
	/// The present epoch, if it is in a phase whose time is not over.
	pub(crate) fn epoch_in(phase: EpochPhase) -> Result<EpochRecordOf<T>, Error<T>> {
		let epoch = Current::<T>::get().ok_or(Error::<T>::WrongPhase)?;
		ensure!(epoch.phase == phase && Self::now() <= epoch.until, Error::<T>::WrongPhase);
		Ok(epoch)
	}

	pub(crate) fn do_propose(who: T::AccountId, proposal: Proposal, architecture: &[u8]) -> DispatchResult {
		let epoch = Self::epoch_in(EpochPhase::Nomination)?;
		proposal.check(T::TasksMin::get()..=T::TasksMax::get()).map_err(|error| match error {
			ProposalError::NotSupported => Error::<T>::NotSupported,
			ProposalError::Difficulty => Error::<T>::DifficultyInvalid,
			ProposalError::Minimum => Error::<T>::MinimumInvalid,
			ProposalError::Suites => Error::<T>::SuitesInvalid,
		})?;
		let body = T::Models::body(proposal.base).ok_or(Error::<T>::BaseUnknown)?;
		let base = body.architecture().and_then(|id| T::Models::architecture(&id));
		let base = base.ok_or(Error::<T>::BaseUnknown)?;
		ensure!(Tokenizers::<T>::contains_key(proposal.base), Error::<T>::TokenizerUnknown);
		let infeasible = |reason| Error::<T>::Infeasible { reason };
		let target = feasibility::read(architecture).map_err(infeasible)?;
		let feasibility = feasibility::feasibility(proposal.kind, &base, &target, &T::Models::limits())
			.map_err(infeasible)?;
		Self::ensure_allowed(proposal.base, &base, &target)?;
		ensure!(Proposals::<T>::count() < T::MaxProposals::get(), Error::<T>::TooManyProposals);

		let deposit = T::ProposalDeposit::get();
		T::Currency::hold(&HoldReason::Proposal.into(), &who, deposit)?;
		let id = NextProposal::<T>::get();
		NextProposal::<T>::put(id.saturating_add(1));
		let record: ProposalRecordOf<T> = ProposalRecord {
			proposer: who.clone(),
			proposal,
			architecture: record_id(architecture),
			feasibility,
			endorsements: 0,
			deposit,
			candidate_deposit: Zero::zero(),
		};
		Proposals::<T>::insert(id, record);
		Self::deposit_event(Event::Proposed { epoch: epoch.id, proposal: id, proposer: who, feasibility });
		Ok(())
	}

	pub(crate) fn do_endorse(who: T::AccountId, id: ProposalId) -> DispatchResult {
		let mut epoch = Self::epoch_in(EpochPhase::Nomination)?;
		if epoch.electorate.is_none() {
			// There was no list when the epoch began.
			Self::enlist(&mut epoch);
			Current::<T>::put(epoch);
		}
		let electorate = epoch.electorate.ok_or(Error::<T>::NoVoice)?;
		let voice = T::Electorates::voice(electorate, &who).ok_or(Error::<T>::NoVoice)?;
		ensure!(!Endorsements::<T>::contains_key(&voice), Error::<T>::AlreadyEndorsed);
		let mut record = Proposals::<T>::get(id).ok_or(Error::<T>::ProposalUnknown)?;
		let owner = T::Operators::belongs_to(&record.proposer);
		ensure!(record.proposer != who && owner != voice, Error::<T>::OwnProposal);
		ensure!(record.endorsements < Self::endorsements_max(&epoch), Error::<T>::EndorsedEnough);

		let bond = T::EndorsementBond::get();
		T::Currency::hold(&HoldReason::Endorsement.into(), &who, bond)?;
		record.endorsements = record.endorsements.saturating_add(1);
		let endorsements = record.endorsements;
		Proposals::<T>::insert(id, record);
		Endorsements::<T>::insert(&voice, EndorsementRecord { proposal: id, endorser: who, bond });
		Self::deposit_event(Event::Endorsed { proposal: id, voice, endorsements });
		Ok(())
	}

	/// Fixes the operators that may endorse in this epoch.
	pub(crate) fn enlist(epoch: &mut EpochRecordOf<T>) {
		if let Some((electorate, voices)) = T::Electorates::enlist() {
			epoch.electorate = Some(electorate);
			epoch.voices = voices;
		}
	}

	/// Voices that may endorse one proposal: those that endorse do not measure, and enough must be left.
	pub(crate) fn endorsements_max(epoch: &EpochRecordOf<T>) -> u32 {
		(epoch.voices / 3).max(1)
	}

	/// Voices without which a proposal is not selected.
	pub(crate) fn endorsements_min(epoch: &EpochRecordOf<T>) -> u32 {
		let share = u64::from(epoch.voices).saturating_mul(T::EndorsementsMin::get().into());
		let least = share.div_ceil(MILLIONTHS.into());
		// Where a third is less than one more than the share, all that may endorse are enough.
		u32::try_from(least).unwrap_or(u32::MAX).clamp(1, Self::endorsements_max(epoch))
	}

	pub(crate) fn do_set_tokenizer(model: ModelId, tokenizer: TokenizerRef) -> DispatchResult {
		let body = T::Models::body(model).ok_or(Error::<T>::BaseUnknown)?;
		ensure!(body.is_second(), Error::<T>::BaseUnknown);
		let is_compared = Current::<T>::get().is_some_and(|epoch| {
			let is_running = matches!(epoch.phase, EpochPhase::Training | EpochPhase::Evaluation);
			let selected = epoch.selected.and_then(Proposals::<T>::get);
			is_running && selected.is_some_and(|record| record.proposal.base == model)
		});
		ensure!(!is_compared, Error::<T>::TokenizerInUse);
		let blob = tokenizer.blob;
		let known = TokenizerBlobs::<T>::get(blob.hash).unwrap_or(blob.size);
		ensure!(blob.size > 0 && known == blob.size, Error::<T>::TokenizerInvalid);
		TokenizerBlobs::<T>::insert(blob.hash, blob.size);
		Tokenizers::<T>::insert(model, &tokenizer);
		Self::deposit_event(Event::TokenizerSet { model, tokenizer });
		Ok(())
	}
}

/// Tokenizers, so that nodes accept their blobs.
impl<T: Config> BlobAnnouncements for Pallet<T> {
	fn announced(hash: &H256) -> Option<u32> {
		TokenizerBlobs::<T>::get(hash)
	}
}
