//! Sealed holdouts, as the chain knows them.

use super::Client;
use crate::failure::Outcome;
use blyan_primitives::{ModelId, SealingRules};
use blyan_runtime_api::holdouts::{ChunkInfo, KeeperInfo, KeepingTerms, RoundInfo};
use sp_core::crypto::AccountId32;

const API: &str = "HoldoutsApi";

impl Client {
	/// Rules of a model whose candidates are measured on sealed chunks.
	pub async fn sealing(&self, model: ModelId) -> Outcome<Option<SealingRules>> {
		self.ask(API, "sealing", model).await
	}

	/// All keepers.
	pub async fn keepers(&self) -> Outcome<Vec<KeeperInfo>> {
		self.ask(API, "keepers", ()).await
	}

	/// A keeper's sealed chunks for a model, the oldest first.
	pub async fn sealed_chunks(&self, keeper: &AccountId32, model: ModelId) -> Outcome<Vec<ChunkInfo>> {
		self.ask(API, "chunks", (keeper, model)).await
	}

	/// Rounds at the latest finalised block: a chunk that is opened for an appointment that a fork takes back is wasted.
	pub async fn rounds(&self) -> Outcome<Vec<RoundInfo>> {
		let finalised = self.at(self.finalised_block().await?).await?;
		self.ask_at(finalised, API, "rounds", ()).await
	}

	/// Terms on which accounts keep chunks.
	pub async fn keeping_terms(&self) -> Outcome<KeepingTerms> {
		self.ask(API, "keeping_terms", ()).await
	}
}
