//! Sync check: does the node know the chain's present state?
//!
//! A node that syncs answers every question, from the past: an account that was funded since is empty there.

use super::Client;
use crate::failure::{Failure, Kind, Outcome};
use serde::Deserialize;
use subxt::rpcs::client::RpcParams;

/// Blocks that a node may be behind the highest it has heard of and still count as synced.
const BEHIND_MAX: u64 = 5;

/// The node's answer to `system_health`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Health {
	peers: u64,
	is_syncing: bool,
	should_have_peers: bool,
}

/// The node's answer to `system_syncState`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SyncState {
	current_block: u64,
	#[serde(default)]
	highest_block: Option<u64>,
}

impl Client {
	/// Refuses a node that cannot know what is on the chain now.
	pub async fn ensure_synced(&self) -> Outcome<()> {
		let health: Health = self.request("system_health", RpcParams::new()).await?;
		let state: SyncState = self.request("system_syncState", RpcParams::new()).await?;
		ensure_synced(&self.url, health, state)
	}

	/// The node's own state as the reason of a failure that it may explain, else that failure.
	pub async fn blame_sync(&self, failure: Failure) -> Failure {
		match self.ensure_synced().await {
			Err(unsynced) if unsynced.kind == Kind::NotSynced => {
				Failure { message: format!("{}; but {}", failure.message, unsynced.message), ..unsynced }
			}
			_ => failure,
		}
	}
}

fn ensure_synced(url: &str, health: Health, state: SyncState) -> Outcome<()> {
	let SyncState { current_block: block, highest_block } = state;
	let highest = highest_block.unwrap_or(block);
	let what = if health.should_have_peers && health.peers == 0 {
		format!("the node at {url} has no peers, and is at block {block}")
	} else if health.is_syncing || highest > block + BEHIND_MAX {
		format!("the node at {url} is at block {block} of {}", highest.max(block))
	} else {
		return Ok(());
	};
	Err(Failure::new(what)
		.kind(Kind::NotSynced)
		.next("wait until it has synced (blyan status), or name another node with --url"))
}

#[cfg(test)]
mod tests {
	use super::*;

	fn check(peers: u64, is_syncing: bool, should_have_peers: bool, blocks: (u64, u64)) -> Outcome<()> {
		let health = Health { peers, is_syncing, should_have_peers };
		let state = SyncState { current_block: blocks.0, highest_block: Some(blocks.1) };
		ensure_synced("ws://x", health, state)
	}

	#[test]
	fn a_node_that_syncs_or_is_alone_is_named_with_its_block() {
		for (failure, said) in [
			(check(3, true, true, (120, 5_120)), "is at block 120 of 5120"),
			(check(3, false, true, (120, 5_120)), "is at block 120 of 5120"),
			(check(0, false, true, (7, 7)), "has no peers, and is at block 7"),
		] {
			let failure = failure.unwrap_err();
			assert_eq!(failure.kind, Kind::NotSynced);
			assert!(failure.message.contains(said), "{}", failure.message);
			assert!(failure.next.unwrap().contains("--url"));
		}
	}

	#[test]
	fn a_synced_node_and_a_development_chain_of_one_node_are_fine() {
		assert!(check(3, false, true, (120, 121)).is_ok());
		assert!(check(0, false, false, (9, 9)).is_ok());
	}

	#[test]
	fn answers_are_read_with_and_without_a_highest_block() {
		let state: SyncState = serde_json::from_str(r#"{"startingBlock":0,"currentBlock":4}"#).unwrap();
		assert_eq!((state.current_block, state.highest_block), (4, None));
		let state: SyncState =
			serde_json::from_str(r#"{"startingBlock":0,"currentBlock":4,"highestBlock":9}"#).unwrap();
		assert_eq!(state.highest_block, Some(9));
	}
}
