//! Evolution, as the chain knows it.

use super::Client;
use crate::failure::Outcome;
use blyan_primitives::evolution::Template;
use blyan_runtime_api::evolution::{EpochInfo, EpochSummary, EvaluationInfo, EvolutionTerms, ProposalInfo};

const API: &str = "EvolutionApi";
/// Epochs of one question.
const PAGE: u32 = 100;

/// Pallet of evolution.
pub const EVOLUTION: &str = "Evolution";

impl Client {
	/// The present epoch; `None` before the first.
	pub async fn epoch(&self) -> Outcome<Option<EpochInfo>> {
		self.ask(API, "epoch", ()).await
	}

	/// Proposals of the present epoch.
	pub async fn evolution_proposals(&self) -> Outcome<Vec<ProposalInfo>> {
		self.ask(API, "proposals", ()).await
	}

	/// The evaluation that is under way.
	pub async fn evolution_evaluation(&self) -> Outcome<Option<EvaluationInfo>> {
		self.ask(API, "evaluation", ()).await
	}

	/// The latest `count` epochs that were decided and are remembered, oldest first.
	pub async fn evolution_history(&self, count: u32) -> Outcome<Vec<EpochSummary>> {
		let Some(present) = self.epoch().await? else { return Ok(Vec::new()) };
		let end = present.epoch.saturating_add(1);
		let mut all: Vec<EpochSummary> = Vec::new();
		let mut start = end.saturating_sub(count);
		while start < end {
			all.extend(self.ask::<Vec<EpochSummary>>(API, "history", (start, PAGE.min(end - start))).await?);
			start = start.saturating_add(PAGE);
		}
		Ok(all)
	}

	/// Least demands on proposals, by kind.
	pub async fn evolution_templates(&self) -> Outcome<Vec<Template>> {
		self.ask(API, "templates", ()).await
	}

	/// Deposits, bonds and bounds of taking part.
	pub async fn evolution_terms(&self) -> Outcome<EvolutionTerms> {
		self.ask(API, "terms", ()).await
	}
}
