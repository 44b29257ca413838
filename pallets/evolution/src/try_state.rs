//! Invariants of this pallet's storage, one function each.

use crate::{
	BalanceOf, Config, Current, Endorsements, Evaluation, FormerEvaluators, History, HoldReason, NextEpoch,
	NextProposal, Pallet, Proposals, SeatState, Successors, TokenizerBlobs, Tokenizers,
};
use alloc::collections::{BTreeMap, BTreeSet};
use blyan_primitives::evolution::{EpochPhase, EvaluationStep};
use frame_support::{
	ensure,
	traits::{fungible::InspectHold, Get},
};
use sp_runtime::{
	traits::{Saturating, Zero},
	TryRuntimeError,
};

impl<T: Config> Pallet<T> {
	/// Checks everything below.
	pub fn do_try_state() -> Result<(), TryRuntimeError> {
		Self::check_epoch()?;
		Self::check_proposals()?;
		Self::check_endorsements()?;
		Self::check_evaluation()?;
		Self::check_holds()?;
		Self::check_records()?;
		Self::check_offers()?;
		Self::check_network()?;
		Self::check_outcomes()
	}

	/// The present epoch is the last that was opened, and has what its phase needs.
	fn check_epoch() -> Result<(), TryRuntimeError> {
		let next = NextEpoch::<T>::get();
		let Some(epoch) = Current::<T>::get() else {
			ensure!(next == 0, "an epoch is missing");
			return Ok(());
		};
		ensure!(epoch.id.saturating_add(1) == next, "the present epoch is not the last");
		let is_decided = matches!(epoch.phase, EpochPhase::CleanUp | EpochPhase::Rest);
		ensure!(epoch.outcome.is_some() == is_decided, "an epoch is decided in another phase");
		let is_tried = matches!(epoch.phase, EpochPhase::Training | EpochPhase::Evaluation);
		ensure!(!is_tried || epoch.selected.is_some(), "nothing is tried");
		let is_nominating = epoch.phase == EpochPhase::Nomination;
		ensure!(!is_nominating || epoch.selected.is_none(), "a proposal was selected too early");
		let is_measuring = epoch.phase == EpochPhase::Evaluation;
		ensure!(Evaluation::<T>::exists() == is_measuring, "an evaluation belongs to another phase");
		ensure!(!is_measuring || epoch.comparison.is_some(), "there is nothing to compare");
		let is_open = epoch.phase != EpochPhase::Rest;
		ensure!(is_open || FormerEvaluators::<T>::get().is_empty(), "former evaluators are kept");
		ensure!(is_open || Proposals::<T>::count() == 0, "a proposal outlives its epoch");
		ensure!(
			is_open || Endorsements::<T>::iter_keys().next().is_none(),
			"an endorsement outlives its epoch"
		);
		Ok(())
	}

	/// Proposals have numbers that were given out, are as many as may be, and are feasible.
	fn check_proposals() -> Result<(), TryRuntimeError> {
		ensure!(Proposals::<T>::count() <= T::MaxProposals::get(), "there are too many proposals");
		let tried = Current::<T>::get().and_then(|epoch| epoch.selected);
		for (id, record) in Proposals::<T>::iter() {
			ensure!(id < NextProposal::<T>::get(), "a number was not given out");
			ensure!(record.feasibility > 0, "an infeasible architecture was proposed");
			ensure!(
				record.candidate_deposit.is_zero() || tried == Some(id),
				"a candidate belongs to a proposal that is not tried"
			);
		}
		Ok(())
	}

	/// As many voices endorse a proposal as it counts, until clean-up settles them.
	fn check_endorsements() -> Result<(), TryRuntimeError> {
		let mut counted: BTreeMap<u32, u32> = BTreeMap::new();
		for endorsement in Endorsements::<T>::iter_values() {
			let count = counted.entry(endorsement.proposal).or_default();
			*count = count.saturating_add(1);
		}
		let is_settling = Current::<T>::get().is_some_and(|epoch| epoch.phase == EpochPhase::CleanUp);
		for (id, count) in &counted {
			let record = Proposals::<T>::get(id).ok_or("a voice endorses nothing")?;
			ensure!(*count <= record.endorsements, "more voices endorse a proposal than it counts");
		}
		for (id, record) in Proposals::<T>::iter() {
			let count = counted.get(&id).copied().unwrap_or(0);
			ensure!(is_settling || count == record.endorsements, "endorsements are miscounted");
		}
		Ok(())
	}

	/// No operator sits twice, those who gain by the outcome do not sit, and nothing is opened too early.
	fn check_evaluation() -> Result<(), TryRuntimeError> {
		let Some(evaluation) = Evaluation::<T>::get() else { return Ok(()) };
		let seated: BTreeSet<_> = evaluation.seats.iter().map(|seat| &seat.operator).collect();
		ensure!(seated.len() == evaluation.seats.len(), "an evaluator sits twice");
		let is_revealed = |state: &SeatState| matches!(state, SeatState::Revealed(_));
		let is_early = evaluation.step != EvaluationStep::Revealing;
		ensure!(
			!(is_early && evaluation.seats.iter().any(|seat| is_revealed(&seat.state))),
			"a finding was opened while others are sealed"
		);
		let is_appointed = evaluation.step == EvaluationStep::Appointed;
		ensure!(evaluation.seats.is_empty() == is_appointed, "a committee is missing");
		let tried = Current::<T>::get().and_then(|epoch| Proposals::<T>::get(epoch.selected?));
		let proposer = tried.map(|record| record.proposer);
		ensure!(proposer.is_none_or(|who| !seated.contains(&who)), "a proposer measures its own candidate");
		Ok(())
	}

	/// Deposits and bonds are on hold.
	fn check_holds() -> Result<(), TryRuntimeError> {
		let zero = || [BalanceOf::<T>::zero(); 3];
		let mut owed: BTreeMap<T::AccountId, [BalanceOf<T>; 3]> = BTreeMap::new();
		for record in Proposals::<T>::iter_values() {
			let [proposal, _, candidate] = owed.entry(record.proposer).or_insert_with(zero);
			*proposal = proposal.saturating_add(record.deposit);
			*candidate = candidate.saturating_add(record.candidate_deposit);
		}
		for record in Endorsements::<T>::iter_values() {
			let [_, endorsement, _] = owed.entry(record.endorser).or_insert_with(zero);
			*endorsement = endorsement.saturating_add(record.bond);
		}
		for (who, [proposal, endorsement, candidate]) in owed {
			let held = |reason: HoldReason| T::Currency::balance_on_hold(&reason.into(), &who);
			ensure!(held(HoldReason::Proposal) == proposal, "deposits of proposals are not on hold");
			ensure!(held(HoldReason::Endorsement) == endorsement, "bonds of endorsements are not on hold");
			ensure!(held(HoldReason::Candidate) == candidate, "deposits of candidates are not on hold");
		}
		Ok(())
	}

	/// Only epochs that were decided are remembered; tokenizers are announced; no model is its own successor.
	fn check_outcomes() -> Result<(), TryRuntimeError> {
		let next = NextEpoch::<T>::get();
		ensure!(History::<T>::iter_keys().all(|epoch| epoch < next), "an epoch is remembered that never was");
		let kept = History::<T>::iter_keys().count();
		ensure!(kept as u64 <= u64::from(T::MaxHistory::get()), "too many epochs are remembered");
		for (base, successor) in Successors::<T>::iter() {
			ensure!(successor.model != base, "a model is its own successor");
			ensure!(Tokenizers::<T>::contains_key(successor.model), "a successor has no tokenizer");
		}
		for tokenizer in Tokenizers::<T>::iter_values() {
			let size = TokenizerBlobs::<T>::get(tokenizer.blob.hash);
			ensure!(size == Some(tokenizer.blob.size), "a tokenizer is not announced");
		}
		Ok(())
	}
}
