//! Facts of the chain and its node for `blyan status`, all of them at one block.

use super::{events, AtBlock, Client};
use crate::{chain_model::ChainModel, failure::Outcome, submissions::SubmissionRecord};
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

/// Training runs of this machine, as the manifests of its kept blocks have them, the latest first.
pub fn machine(records: &[SubmissionRecord]) -> Machine {
	let seconds = records.iter().filter_map(|record| record.manifest["result"]["seconds"].as_f64());
	Machine { training_seconds: seconds.filter(|seconds| *seconds > 0.0).collect() }
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{home::Home, submissions::SubmissionStore};
	use blyan_primitives::{BlobRef, BlockRef, ExpertSlot};
	use serde_json::json;

	#[test]
	fn the_pace_of_a_machine_is_read_from_manifests_that_have_one() {
		let dir = tempfile::tempdir().unwrap();
		let store = SubmissionStore::new(&Home::find(Some(dir.path().join("home"))).unwrap(), [7; 32]);
		let record = |manifest| {
			let slot = ExpertSlot { model: 0, layer: 1, expert: 2 };
			let blob = BlobRef { hash: H256::zero(), size: 1 };
			let block = BlockRef { tensor_root: H256::zero(), blob };
			store.record("ws://x", "5Eve".into(), slot, 3, block, H256::zero(), manifest)
		};
		let records = [
			record(json!({ "result": { "seconds": 61.5 } })),
			record(json!(null)),
			record(json!({ "result": { "seconds": 0 } })),
			record(json!({ "result": { "seconds": 30 } })),
		];
		assert_eq!(machine(&records).training_seconds, [61.5, 30.0]);
	}
}
