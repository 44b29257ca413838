//! Evolution, as the chain knows it.

use super::{events, Client};
use crate::failure::Outcome;
use blyan_primitives::evolution::Template;
use blyan_runtime_api::evolution::{EpochInfo, EpochSummary, EvaluationInfo, EvolutionTerms, ProposalInfo};
use serde_json::{json, Value as Json};
use sp_core::crypto::AccountId32;
use subxt::dynamic::{self, Value};

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

	/// Record of a model about its successors, as JSON in the fields of the chain; `None` if it has none.
	pub async fn model_record(&self, model: u32) -> Outcome<Option<Json>> {
		let address = dynamic::storage::<(u32,), Value>(EVOLUTION, "ModelRecords");
		let at = self.here().await?;
		let Some(value) = at.storage().try_fetch(address, (model,)).await? else { return Ok(None) };
		let mut record = events::to_json(&value.decode()?);
		if record["layers"].is_object() {
			// A list of one looks like a newtype.
			let layer = record["layers"].take();
			record["layers"] = json!([layer]);
		}
		Ok(Some(record))
	}
	/// GPU hours that operators offer in the present epoch, by price and then by operator, as JSON in the fields of the chain.
	pub async fn gpu_offers(&self) -> Outcome<Vec<(AccountId32, Json)>> {
		let address = dynamic::storage::<([u8; 32],), Value>(EVOLUTION, "GpuOffers");
		let at = self.here().await?;
		let mut entries = at.storage().iter(address, ()).await?;
		let mut offers = Vec::new();
		while let Some(entry) = entries.next().await {
			let entry = entry?;
			// The hasher is one that leaves the key at the end.
			let key = entry.key_bytes();
			let operator: Option<[u8; 32]> =
				key.len().checked_sub(32).and_then(|start| key.get(start..)?.try_into().ok());
			let Some(operator) = operator else { continue };
			offers.push((AccountId32::new(operator), events::to_json(&entry.value().decode()?)));
		}
		offers.sort_by_key(|(operator, offer)| (events::as_u128(&offer["price"]), operator.clone()));
		Ok(offers)
	}
}
