//! Facts of the chain and its node for `blyan status`, all of them at one block.

use super::{events, AtBlock, Client};
use crate::{chain_model::ChainModel, failure::Outcome};
use blyan_primitives::ModelInfo;
use blyan_runtime_api::{OperatorInfo, SubmissionInfo, SubmissionTerms};
use blyan_status::{projection::Machine, Block, Facts, Network, Node, LATEST, NEWCOMER, PAGE};
use serde::Deserialize;
use sp_core::{crypto::AccountId32, H256};
use subxt::{
	dynamic::{self, Value},
	rpcs::client::RpcParams,
};

/// The node's answer to `system_health`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Health {
	peers: u64,
	is_syncing: bool,
}

impl Client {
	/// Reads the facts at the newest final block.
	///
	/// - `account`: whose terms are read; without one, those of an account that has never submitted.
	pub async fn facts(&self, account: Option<AccountId32>, machine: Machine) -> Outcome<Facts> {
		let at = self.here().await?;
		let models: Vec<u32> = self.ask_at(at.clone(), "ModelsApi", "models", ()).await?;
		let mut found = Vec::new();
		for id in models {
			let info: Option<ModelInfo> = self.ask_at(at.clone(), "ModelsApi", "model", id).await?;
			let Some(info) = info else { continue };
			let record: Option<Vec<u8>> = match info.body.architecture() {
				Some(id) => self.ask_at(at.clone(), "ModelsApi", "architecture", id).await?,
				None => None,
			};
			let model = ChainModel::new(info, record.as_deref())?;
			let slots = model.slots();
			found.push((model.info, slots));
		}
		let (latest, older_open) = self.submissions_at(&at).await?;
		let newcomer = self.terms_at(&at, &NEWCOMER).await?;
		let terms = match &account {
			Some(account) => self.terms_at(&at, account).await?,
			None => newcomer.clone(),
		};
		let operators: Vec<OperatorInfo> = self.ask_at(at.clone(), "OperatorsApi", "operators", ()).await?;
		let network = self.network().await?;
		Ok(Facts {
			network: Network {
				chain: network.chain,
				kind: network.kind,
				genesis: H256(self.genesis()),
				spec_version: at.spec_version(),
			},
			block: self.block_facts(&at).await?,
			node: self.node_facts().await?,
			operators,
			models: found,
			latest,
			older_open,
			account,
			terms,
			newcomer_quota: newcomer.quota_left,
			machine: Some(machine),
		})
	}

	async fn terms_at(&self, at: &AtBlock, account: &AccountId32) -> Outcome<SubmissionTerms> {
		self.ask_at(at.clone(), "LearningApi", "terms", account).await
	}

	/// The latest submissions, and open ones that are older.
	async fn submissions_at(&self, at: &AtBlock) -> Outcome<(Vec<SubmissionInfo>, Vec<SubmissionInfo>)> {
		let end: u64 = self.ask_at(at.clone(), "LearningApi", "submission_count", ()).await?;
		let first = end.saturating_sub(LATEST.into());
		let (mut latest, mut start) = (Vec::new(), first);
		while start < end {
			let page: Vec<SubmissionInfo> =
				self.ask_at(at.clone(), "LearningApi", "submissions", (start, PAGE)).await?;
			latest.extend(page);
			start = start.saturating_add(PAGE.into());
		}
		let open: Vec<u64> = self.ask_at(at.clone(), "LearningApi", "open_submissions", ()).await?;
		let mut older_open = Vec::new();
		for id in open.into_iter().filter(|id| *id < first) {
			let info: Option<SubmissionInfo> =
				self.ask_at(at.clone(), "LearningApi", "submission", id).await?;
			older_open.extend(info);
		}
		Ok((latest, older_open))
	}

	async fn block_facts(&self, at: &AtBlock) -> Outcome<Block> {
		let number = u32::try_from(at.block_number())?;
		let earlier = Block::earlier(number);
		// The state of an earlier block may be gone.
		let earlier_ms = match self.at(earlier.into()).await {
			Ok(block) => time_ms(&block).await,
			Err(_) => None,
		};
		Ok(Block::new(number, at.block_hash(), time_ms(at).await, (earlier, earlier_ms)))
	}

	async fn node_facts(&self) -> Outcome<Node> {
		let health: Health = self.request("system_health", RpcParams::new()).await?;
		Ok(Node {
			release: self.request("system_version", RpcParams::new()).await?,
			url: Some(self.url.clone()),
			peers: Some(health.peers),
			is_syncing: Some(health.is_syncing),
			engine: serde_json::to_value(self.engine_status().await?)?,
		})
	}
}

/// A block's timestamp; `None` if it has none, or its state is gone.
async fn time_ms(at: &AtBlock) -> Option<u64> {
	let address = dynamic::storage::<(), Value>("Timestamp", "Now");
	let value = at.storage().try_fetch(address, ()).await.ok()??;
	let number = events::as_u128(&events::to_json(&value.decode().ok()?))?;
	u64::try_from(number).ok()
}
