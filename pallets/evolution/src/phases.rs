//! Phases of an epoch: what is due when, selection, decision, clean-up.
//!
//! One epoch is under way at a time, and each block that has room does at most one step of it. A phase that is late ends late, and an
//! epoch begins when the one before has ended: blocks without room delay epochs and skip none.

use crate::{
	bonds::{ENDORSER_CREDITS, PROPOSER_CREDITS},
	Comparison, Config, Current, Endorsements, EpochRecord, EpochRecordOf, Error, Evaluation, Event,
	FormerEvaluators, History, HoldReason, NetworkProposal, NextEpoch, Pallet, ProposalRecordOf, Proposals,
	SuccessorRecord, Successors, SummaryRecord, Tokenizers, TriedProposal, WeightInfo,
};
use alloc::vec::Vec;
use blyan_primitives::{
	evolution::{BenchmarkOutcome, EpochOutcome, EpochPhase, EvaluationStep, ProposalId},
	traits::ExpertRegistry,
};
use core::cmp::Reverse;
use frame_support::{
	ensure,
	pallet_prelude::DispatchResult,
	traits::Get,
	weights::{Weight, WeightMeter},
};
use frame_system::pallet_prelude::BlockNumberFor;
use sp_core::H256;
use sp_runtime::{
	traits::{BlockNumberProvider, CheckedDiv, Saturating, Zero},
	Perbill,
};

/// Bonds, offers or deposits that one step of a clean-up settles.
const SETTLED_PER_STEP: usize = 8;

/// Windows, as parts of an epoch. With two committees all of them take fifteen sixteenths of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
	/// Proposals and endorsements.
	Nomination,
	/// Training and delivery.
	Training,
	/// The seed of a draw.
	Draw,
	/// Measuring and sealing.
	Seal,
	/// Opening of seals.
	Reveal,
}

impl Window {
	/// The window is an epoch divided by this.
	fn divisor(self) -> u32 {
		match self {
			Self::Nomination => 4,
			Self::Training => 2,
			Self::Draw | Self::Reveal => 64,
			Self::Seal => 16,
		}
	}
}

impl<T: Config> Pallet<T> {
	/// The time that phases are in.
	pub(crate) fn now() -> BlockNumberFor<T> {
		T::WorkingTime::current_block_number()
	}

	/// Last moment of a window of the present epoch that begins now. The epoch keeps the length that it began with: accounts with bonds
	/// in it would lose them were the parameter lowered, or set to zero so that no other epoch begins.
	pub(crate) fn window_end(window: Window) -> BlockNumberFor<T> {
		let length = Current::<T>::get()
			.map_or_else(Zero::zero, |epoch| epoch.next_at.saturating_sub(epoch.opened_at));
		Self::window_end_in(length, window)
	}

	/// Last moment of a window that begins now, in an epoch of this length.
	fn window_end_in(length: BlockNumberFor<T>, window: Window) -> BlockNumberFor<T> {
		let part = length.checked_div(&window.divisor().into()).unwrap_or_else(Zero::zero);
		Self::now().saturating_add(part.max(T::WindowMin::get()))
	}

	/// Does one step if one is due, as far as `remaining` allows.
	pub(crate) fn tick(remaining: Weight) -> Weight {
		let mut meter = WeightMeter::with_limit(remaining);
		if meter.try_consume(T::WeightInfo::idle()).is_err() {
			return meter.consumed();
		}
		if Self::is_due() && meter.try_consume(T::WeightInfo::step()).is_ok() {
			Self::step();
		}
		meter.consumed()
	}

	pub(crate) fn do_advance() -> DispatchResult {
		// A draw whose seed is not known yet is looked at by blocks alone.
		ensure!(Self::is_due() && Self::step(), Error::<T>::NothingDue);
		Ok(())
	}

	pub(crate) fn do_begin_epoch() -> DispatchResult {
		let is_over = Current::<T>::get().is_none_or(|epoch| epoch.phase == EpochPhase::Rest);
		ensure!(is_over, Error::<T>::WrongPhase);
		ensure!(!T::EpochLength::get().is_zero(), Error::<T>::NothingDue);
		Self::open();
		Ok(())
	}

	/// Reports whether the present epoch waits for a step.
	fn is_due() -> bool {
		let now = Self::now();
		let Some(epoch) = Current::<T>::get() else { return !T::EpochLength::get().is_zero() };
		match epoch.phase {
			EpochPhase::Nomination | EpochPhase::Training => now > epoch.until,
			EpochPhase::Evaluation => Evaluation::<T>::get().is_none_or(|evaluation| {
				let is_over = now > evaluation.until;
				match evaluation.step {
					EvaluationStep::Appointed => true,
					EvaluationStep::Sealing => is_over || evaluation.is_sealed(),
					EvaluationStep::Revealing => is_over || evaluation.is_open(),
				}
			}),
			EpochPhase::CleanUp => true,
			EpochPhase::Rest => now >= epoch.next_at && !T::EpochLength::get().is_zero(),
		}
	}

	/// Does the step that is due. Returns whether anything changed.
	pub(crate) fn step() -> bool {
		let Some(epoch) = Current::<T>::get() else {
			Self::open();
			return true;
		};
		match epoch.phase {
			EpochPhase::Nomination => Self::select(epoch),
			EpochPhase::Training => Self::close(epoch, EpochOutcome::NotDelivered, None, None),
			EpochPhase::Evaluation => return Self::step_evaluation(epoch),
			EpochPhase::CleanUp => Self::clean_up(epoch),
			EpochPhase::Rest => Self::open(),
		}
		true
	}

	/// Begins an epoch.
	fn open() {
		let now = Self::now();
		let id = NextEpoch::<T>::get();
		NextEpoch::<T>::put(id.saturating_add(1));
		let length = T::EpochLength::get();
		let until = Self::window_end_in(length, Window::Nomination);
		let mut epoch: EpochRecordOf<T> = EpochRecord {
			id,
			opened_at: now,
			phase: EpochPhase::Nomination,
			until,
			next_at: now.saturating_add(length),
			electorate: None,
			voices: 0,
			selected: None,
			comparison: None,
			outcome: None,
		};
		Self::enlist(&mut epoch);
		Current::<T>::put(epoch);
		Self::deposit_event(Event::EpochOpened { epoch: id, until });
	}

	/// Selects the proposal of the most merit; of several, the first.
	fn select(mut epoch: EpochRecordOf<T>) {
		let least = Self::endorsements_min(&epoch);
		// What no account adopted would not be delivered.
		let network = Self::network();
		let chosen = Proposals::<T>::iter()
			.filter(|(_, record)| record.endorsements >= least && record.proposer != network)
			.max_by_key(|(id, record)| (record.merit(), Reverse(*id)));
		let Some((proposal, _)) = chosen else {
			return Self::close(epoch, EpochOutcome::NoProposal, None, None);
		};
		epoch.selected = Some(proposal);
		epoch.phase = EpochPhase::Training;
		epoch.until = Self::window_end(Window::Training);
		Current::<T>::put(epoch);
		Self::deposit_event(Event::Selected { epoch: epoch.id, proposal, until: epoch.until });
	}

	/// Decides an epoch, and begins its clean-up.
	///
	/// - `draw`, `benchmark`: the last committee's draw, and what it agreed on.
	pub(crate) fn close(
		mut epoch: EpochRecordOf<T>,
		outcome: EpochOutcome,
		draw: Option<H256>,
		benchmark: Option<BenchmarkOutcome>,
	) {
		let tried = epoch.selected.and_then(|id| Some((id, Proposals::<T>::get(id)?)));
		if let (Some((_, record)), Some(comparison)) = (&tried, &epoch.comparison) {
			Self::end_comparison(epoch.id, record, comparison, outcome);
		}
		let tried = tried.map(|(id, record)| TriedProposal {
			id,
			proposer: record.proposer,
			proposal: record.proposal,
			architecture: record.architecture,
			endorsements: record.endorsements,
		});
		let summary = SummaryRecord {
			outcome,
			decided_at: Self::now(),
			tried,
			candidate: epoch.comparison.map(|comparison| comparison.candidate),
			draw,
			benchmark,
		};
		History::<T>::insert(epoch.id, summary);
		if let Some(oldest) = epoch.id.checked_sub(T::MaxHistory::get()) {
			History::<T>::remove(oldest);
		}
		Evaluation::<T>::kill();
		epoch.phase = EpochPhase::CleanUp;
		epoch.outcome = Some(outcome);
		Current::<T>::put(epoch);
		Self::deposit_event(Event::EpochDecided { epoch: epoch.id, outcome });
	}

	/// Gives the base's generation up, and names the successor if there is one.
	fn end_comparison(
		epoch: u32,
		record: &ProposalRecordOf<T>,
		comparison: &Comparison,
		outcome: EpochOutcome,
	) {
		let base = record.proposal.base;
		if comparison.is_base_kept {
			T::Models::release(base, comparison.base_generation);
		}
		let EpochOutcome::Promoted { gain_ppm } = outcome else { return };
		let successor = comparison.candidate;
		Successors::<T>::insert(base, SuccessorRecord { model: successor, epoch, gain_ppm });
		if let Some(tokenizer) = Tokenizers::<T>::get(base) {
			Tokenizers::<T>::insert(successor, tokenizer);
		}
		Self::inherit_record(base, successor);
		Self::deposit_event(Event::Promoted { epoch, base, successor, gain_ppm });
	}

	/// Settles some bonds, then some offers of GPUs, then some deposits; when all are settled the epoch is over.
	fn clean_up(mut epoch: EpochRecordOf<T>) {
		let Some(outcome) = epoch.outcome else { return };
		let bonds: Vec<_> = Endorsements::<T>::iter().take(SETTLED_PER_STEP).collect();
		for (voice, endorsement) in &bonds {
			Endorsements::<T>::remove(voice);
			let is_tried = epoch.selected == Some(endorsement.proposal);
			let loss =
				if is_tried && outcome.is_failure() { T::EndorserLoss::get() } else { Perbill::zero() };
			Self::settle(HoldReason::Endorsement, &endorsement.endorser, endorsement.bond, loss);
			if is_tried && outcome.is_promoted() {
				Self::grant(voice, ENDORSER_CREDITS);
			}
		}
		if !bonds.is_empty() || Self::settle_offers(&epoch, SETTLED_PER_STEP) {
			return;
		}
		let proposals: Vec<_> = Proposals::<T>::iter().take(SETTLED_PER_STEP).collect();
		for (id, record) in &proposals {
			Proposals::<T>::remove(id);
			Self::settle_proposal(*id, record, epoch.selected, outcome);
		}
		if !proposals.is_empty() {
			return;
		}
		FormerEvaluators::<T>::kill();
		NetworkProposal::<T>::kill();
		epoch.phase = EpochPhase::Rest;
		Current::<T>::put(epoch);
		Self::deposit_event(Event::EpochCleaned { epoch: epoch.id, next_at: epoch.next_at });
	}

	/// Returns a proposal's deposits, or what is left of them.
	fn settle_proposal(
		id: ProposalId,
		record: &ProposalRecordOf<T>,
		selected: Option<ProposalId>,
		outcome: EpochOutcome,
	) {
		let has_failed = selected == Some(id) && outcome.is_failure();
		let loss =
			if has_failed || record.endorsements == 0 { T::ProposerLoss::get() } else { Perbill::zero() };
		Self::settle(HoldReason::Proposal, &record.proposer, record.deposit, loss);
		// The registry keeps a candidate for ever, and one that failed is of no use to the network.
		let loss = if has_failed { Perbill::one() } else { Perbill::zero() };
		Self::settle(HoldReason::Candidate, &record.proposer, record.candidate_deposit, loss);
		if selected == Some(id) && outcome.is_promoted() {
			Self::grant(&record.proposer, PROPOSER_CREDITS);
		}
	}
}
