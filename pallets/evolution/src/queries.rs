//! Runtime API implementation, for nodes and clients.

use crate::{
	BalanceOf, Config, Credits, Current, EpochRecordOf, Evaluation, History, Pallet, Proposals, SeatState,
	Successors, SummaryRecordOf, Tokenizers,
};
use alloc::vec::Vec;
use blyan_exact::definition2;
use blyan_primitives::{
	evolution::{self, BenchmarkJob, BenchmarkModel, EpochId, EpochPhase, Template, TokenizerRef},
	traits::{ArchitectureRegistry, ExpertRegistry},
	JobBody, ModelId,
};
use blyan_runtime_api::{
	evolution::{
		EpochInfo, EpochSummary, EvaluationInfo, EvaluatorSeat, EvolutionTerms, ProposalInfo, SuccessorInfo,
	},
	AccountId, Balance,
};
use frame_support::traits::Get;
use sp_core::H256;
use sp_runtime::traits::SaturatedConversion;

/// Epochs looked at in one question.
const PAGE_MAX: u32 = 100;

impl<T: Config> Pallet<T> {
	/// The newest successor of a model.
	pub fn successor(model: ModelId) -> Option<SuccessorInfo> {
		let record = Successors::<T>::get(model)?;
		Some(SuccessorInfo { model: record.model, epoch: record.epoch, gain_ppm: record.gain_ppm })
	}

	/// Tokenizer of a model, if it was named.
	pub fn tokenizer(model: ModelId) -> Option<TokenizerRef> {
		Tokenizers::<T>::get(model)
	}

	/// Least demands on proposals, by kind.
	pub fn templates() -> Vec<Template> {
		evolution::templates().to_vec()
	}

	/// Credits that an account earned.
	pub fn credits(who: &T::AccountId) -> u32 {
		Credits::<T>::get(who)
	}

	/// The job that evaluators compute. Walks over both models' slots, so only questions from outside of blocks ask it.
	pub fn benchmark_job() -> Option<BenchmarkJob> {
		let epoch = Current::<T>::get()?;
		let draw = Evaluation::<T>::get()?.draw;
		if draw == H256::zero() {
			return None;
		}
		let record = Proposals::<T>::get(epoch.selected?)?;
		let comparison = epoch.comparison?;
		let base = record.proposal.base;
		Some(BenchmarkJob {
			definition: definition2::REVISION,
			rules: BenchmarkJob::RULES,
			base: Self::side(base, comparison.base_generation)?,
			candidate: Self::side(comparison.candidate, 0)?,
			tokenizer: Tokenizers::<T>::get(base)?,
			suites: record.proposal.suites,
			entropy: draw,
		})
	}

	/// One side of a comparison.
	fn side(model: ModelId, generation: u32) -> Option<BenchmarkModel> {
		let info = T::Models::model_at(model, generation)?;
		let architecture = T::Models::architecture(&info.body.architecture()?)?.to_bytes();
		let heads = info.heads.iter().map(|head| head.block).collect();
		let body = JobBody::Second { architecture, parts: info.parts };
		Some(BenchmarkModel { model, generation, body, heads })
	}

	/// Last moment of a phase, or of the evaluation's step.
	fn phase_end(epoch: &EpochRecordOf<T>) -> frame_system::pallet_prelude::BlockNumberFor<T> {
		match (epoch.phase, Evaluation::<T>::get()) {
			(EpochPhase::Evaluation, Some(evaluation)) => evaluation.until,
			_ => epoch.until,
		}
	}
}

impl<T: Config<AccountId = AccountId>> Pallet<T> {
	/// The present epoch.
	pub fn epoch() -> Option<EpochInfo> {
		let epoch = Current::<T>::get()?;
		Some(EpochInfo {
			epoch: epoch.id,
			opened_at: epoch.opened_at.saturated_into(),
			phase: epoch.phase,
			until: Self::phase_end(&epoch).saturated_into(),
			now: Self::now().saturated_into(),
			next_at: epoch.next_at.saturated_into(),
			voices: epoch.voices,
			endorsements_min: Self::endorsements_min(&epoch),
			endorsements_max: Self::endorsements_max(&epoch),
			selected: epoch.selected,
			candidate: epoch.comparison.map(|comparison| comparison.candidate),
			outcome: epoch.outcome,
		})
	}

	/// Proposals of the present epoch, by number.
	pub fn proposals() -> Vec<ProposalInfo> {
		let mut proposals: Vec<ProposalInfo> = Proposals::<T>::iter()
			.map(|(id, record)| ProposalInfo {
				id,
				proposer: record.proposer,
				proposal: record.proposal,
				architecture: record.architecture,
				feasibility: record.feasibility,
				endorsements: record.endorsements,
			})
			.collect();
		proposals.sort_by_key(|proposal| proposal.id);
		proposals
	}

	/// The evaluation that is under way.
	pub fn evaluation() -> Option<EvaluationInfo> {
		let evaluation = Evaluation::<T>::get()?;
		let seats = evaluation.seats.iter().map(|seat| EvaluatorSeat {
			operator: seat.operator.clone(),
			sealed: seat.state != SeatState::Waiting,
			revealed: matches!(seat.state, SeatState::Revealed(_)),
		});
		Some(EvaluationInfo {
			draw: evaluation.draw,
			step: evaluation.step,
			until: evaluation.until.saturated_into(),
			round: evaluation.round,
			seats: seats.collect(),
		})
	}

	/// Epochs that were decided, with a number in `start..start + count`.
	pub fn history(start: EpochId, count: u32) -> Vec<EpochSummary> {
		let end = start.saturating_add(count.min(PAGE_MAX));
		(start..end).filter_map(|epoch| Some(summary::<T>(epoch, History::<T>::get(epoch)?))).collect()
	}
}

impl<T: Config> Pallet<T>
where
	BalanceOf<T>: Into<Balance>,
{
	/// Deposits, bonds and bounds of taking part.
	pub fn terms() -> EvolutionTerms {
		EvolutionTerms {
			proposal_deposit: T::ProposalDeposit::get().into(),
			endorsement_bond: T::EndorsementBond::get().into(),
			deposit_per_block: T::DepositPerBlock::get().into(),
			tasks_min: T::TasksMin::get(),
			tasks_max: T::TasksMax::get(),
		}
	}
}

fn summary<T: Config<AccountId = AccountId>>(epoch: EpochId, record: SummaryRecordOf<T>) -> EpochSummary {
	let (tried, proposer, proposal) = match record.tried {
		Some(tried) => (Some(tried.id), Some(tried.proposer), Some(tried.proposal)),
		None => (None, None, None),
	};
	EpochSummary {
		epoch,
		outcome: record.outcome,
		decided_at: record.decided_at.saturated_into(),
		tried,
		proposer,
		proposal,
		candidate: record.candidate,
		draw: record.draw,
		benchmark: record.benchmark,
	}
}
