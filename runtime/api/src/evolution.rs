//! Evolution: the present epoch, what is proposed and measured, what came of earlier epochs.

use crate::{AccountId, Balance, BlockNumber};
use alloc::vec::Vec;
use blyan_primitives::{
	evolution::{
		BenchmarkJob, BenchmarkOutcome, EpochId, EpochOutcome, EpochPhase, EvaluationStep, Proposal,
		ProposalId, Template, TokenizerRef,
	},
	ArchitectureId, ModelId,
};
use codec::{Decode, Encode};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};
use sp_core::H256;

macro_rules! answer {
	($(#[$meta:meta])* pub $($rest:tt)*) => {
		$(#[$meta])*
		#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, Serialize, Deserialize)]
		#[scale_info(capture_docs = "always")]
		pub $($rest)*
	};
}

answer! {
	/// The present epoch.
	pub struct EpochInfo {
		/// Its number.
		pub epoch: EpochId,
		/// When it began.
		pub opened_at: BlockNumber,
		/// Its phase.
		pub phase: EpochPhase,
		/// Last block of the phase, or of the evaluation's present step.
		pub until: BlockNumber,
		/// The present block in the time that phases are in, which stands still while transactions are barred.
		pub now: BlockNumber,
		/// When the next epoch begins, if this one is over.
		pub next_at: BlockNumber,
		/// Voices that may endorse.
		pub voices: u32,
		/// Endorsements without which a proposal is not selected.
		pub endorsements_min: u32,
		/// Endorsements that one proposal may have.
		pub endorsements_max: u32,
		/// The proposal that is tried.
		pub selected: Option<ProposalId>,
		/// Its candidate, once it is delivered.
		pub candidate: Option<ModelId>,
		/// Its outcome, once it is decided.
		pub outcome: Option<EpochOutcome>,
	}
}

answer! {
	/// A proposal of the present epoch.
	pub struct ProposalInfo {
		/// Its number.
		pub id: ProposalId,
		/// The proposer.
		pub proposer: AccountId,
		/// The proposal.
		pub proposal: Proposal,
		/// The target architecture.
		pub architecture: ArchitectureId,
		/// Automatic feasibility, in millionths.
		pub feasibility: u32,
		/// Voices that endorse it.
		pub endorsements: u32,
	}
}

answer! {
	/// An evaluator.
	pub struct EvaluatorSeat {
		/// The operator.
		pub operator: AccountId,
		/// True once a finding is sealed.
		pub sealed: bool,
		/// True once it is open.
		pub revealed: bool,
	}
}

answer! {
	/// The evaluation that is under way.
	pub struct EvaluationInfo {
		/// Names the draw; zero before.
		pub draw: H256,
		/// Step.
		pub step: EvaluationStep,
		/// Last block of the step.
		pub until: BlockNumber,
		/// 0, or 1 if the committee was drawn again.
		pub round: u8,
		/// The evaluators.
		pub seats: Vec<EvaluatorSeat>,
	}
}

answer! {
	/// An epoch that was decided.
	pub struct EpochSummary {
		/// The epoch.
		pub epoch: EpochId,
		/// Its outcome.
		pub outcome: EpochOutcome,
		/// When it was decided.
		pub decided_at: BlockNumber,
		/// The proposal that was tried.
		pub tried: Option<ProposalId>,
		/// Its proposer.
		pub proposer: Option<AccountId>,
		/// The proposal itself.
		pub proposal: Option<Proposal>,
		/// The candidate, if it was delivered.
		pub candidate: Option<ModelId>,
		/// Names the draw, if there was one: `blyan benchmark run --held-out` computes its tasks again.
		pub draw: Option<H256>,
		/// The results that the evaluators agreed on.
		pub benchmark: Option<BenchmarkOutcome>,
	}
}

answer! {
	/// A model's successor.
	pub struct SuccessorInfo {
		/// The successor.
		pub model: ModelId,
		/// The epoch that promoted it.
		pub epoch: EpochId,
		/// Its mean gain, in parts per million.
		pub gain_ppm: i32,
	}
}

answer! {
	/// Deposits, bonds and bounds of taking part.
	pub struct EvolutionTerms {
		/// Deposit of a proposal.
		pub proposal_deposit: Balance,
		/// Bond of an endorsement.
		pub endorsement_bond: Balance,
		/// Deposit for each block of a candidate.
		pub deposit_per_block: Balance,
		/// Least tasks of a suite.
		pub tasks_min: u32,
		/// Most tasks of a suite.
		pub tasks_max: u32,
	}
}

sp_api::decl_runtime_apis! {
	/// Evolution.
	#[api_version(1)]
	pub trait EvolutionApi {
		/// The present epoch; `None` before the first.
		fn epoch() -> Option<EpochInfo>;
		/// Proposals of the present epoch, by number.
		fn proposals() -> Vec<ProposalInfo>;
		/// The evaluation that is under way.
		fn evaluation() -> Option<EvaluationInfo>;
		/// The job that evaluators compute, so that any client can do it again; `None` before the draw and after the decision.
		fn benchmark_job() -> Option<BenchmarkJob>;
		/// Epochs that were decided and are remembered, with a number in `start..start + count`. At most 100 are looked at.
		fn history(start: EpochId, count: u32) -> Vec<EpochSummary>;
		/// The newest successor of a model.
		fn successor(model: ModelId) -> Option<SuccessorInfo>;
		/// Tokenizer of a model, if it was named.
		fn tokenizer(model: ModelId) -> Option<TokenizerRef>;
		/// Least demands on proposals, by kind.
		fn templates() -> Vec<Template>;
		/// Deposits, bonds and bounds of taking part.
		fn terms() -> EvolutionTerms;
		/// Credits that an account earned.
		fn credits(who: AccountId) -> u32;
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn answers_round_trip_through_json_and_scale() {
		let epoch = EpochInfo {
			epoch: 3,
			opened_at: 1,
			phase: EpochPhase::Evaluation,
			until: 20,
			now: 10,
			next_at: 400,
			voices: 9,
			endorsements_min: 1,
			endorsements_max: 3,
			selected: Some(7),
			candidate: Some(2),
			outcome: Some(EpochOutcome::Refused { gain_ppm: -5 }),
		};
		let json = serde_json::to_string(&epoch).unwrap();
		assert_eq!(serde_json::from_str::<EpochInfo>(&json).unwrap(), epoch);
		assert_eq!(EpochInfo::decode(&mut &epoch.encode()[..]), Ok(epoch));
	}
}
