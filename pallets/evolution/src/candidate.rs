//! Delivery of the candidate.

use crate::{
	phases::Window, ArchitectureBytes, CandidateParts, Comparison, Config, Current, Error, Event, HoldReason,
	Pallet, Proposals,
};
use alloc::{format, vec::Vec};
use blyan_primitives::{
	evolution::EpochPhase,
	record_id,
	traits::{ExpertRegistry, OpenModel, OpenModels},
	BlockRef,
};
use frame_support::{
	ensure,
	pallet_prelude::DispatchResult,
	traits::{fungible::MutateHold, Get},
};
use sp_runtime::traits::{SaturatedConversion, Saturating};

impl<T: Config> Pallet<T> {
	pub(crate) fn do_submit_candidate(
		who: T::AccountId,
		architecture: ArchitectureBytes,
		parts: CandidateParts,
		heads: Vec<BlockRef>,
	) -> DispatchResult {
		let mut epoch = Self::epoch_in(EpochPhase::Training)?;
		let id = epoch.selected.ok_or(Error::<T>::WrongPhase)?;
		let mut record = Proposals::<T>::get(id).ok_or(Error::<T>::ProposalUnknown)?;
		ensure!(record.proposer == who, Error::<T>::NotYourProposal);
		ensure!(record_id(&architecture) == record.architecture, Error::<T>::ArchitectureDiffers);
		let base = record.proposal.base;
		let base_generation = T::Models::generation(base).ok_or(Error::<T>::BaseUnknown)?;

		let blocks = parts.len().saturating_add(heads.len()).saturated_into::<u32>();
		record.candidate_deposit = T::DepositPerBlock::get().saturating_mul(blocks.into());
		T::Currency::hold(&HoldReason::Candidate.into(), &who, record.candidate_deposit)?;
		let candidate = T::Models::register(OpenModel {
			// A name of the chain's: one of the proposer's choice could pass for a model that was promoted.
			name: format!("evolution-{}", epoch.id).into_bytes(),
			architecture: architecture.into_inner(),
			parts: parts.into_inner(),
			heads,
		})?;
		Proposals::<T>::insert(id, record);
		let is_base_kept = T::Models::keep(base, base_generation);
		epoch.comparison = Some(Comparison { candidate, base_generation, is_base_kept });
		epoch.phase = EpochPhase::Evaluation;
		// Steps of the evaluation have their own times.
		epoch.until = Self::window_end(Window::Draw);
		Current::<T>::put(epoch);
		Self::deposit_event(Event::CandidateSubmitted { epoch: epoch.id, candidate, base_generation });
		Self::appoint(epoch.id, 0);
		Ok(())
	}
}
