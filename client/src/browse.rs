//! The chain as a person browses it: blocks, supply, operators and experts, as JSON.

use super::Client;
use crate::failure::{Failure, Outcome};
use codec::Decode;
use serde_json::{json, Value};
use sp_core::H256;
use sp_crypto_hashing::twox_128;
use subxt::rpcs::client::{rpc_params, RpcParams};

impl Client {
	/// Planck that exist.
	pub async fn issuance(&self) -> Outcome<u128> {
		let key = [twox_128(b"Balances"), twox_128(b"TotalIssuance")].concat();
		let params = rpc_params![format!("0x{}", hex::encode(key))];
		let found: Option<String> = self.request("state_getStorage", params).await?;
		let found = found.unwrap_or_default();
		let bytes = hex::decode(found.trim_start_matches("0x")).unwrap_or_default();
		u128::decode(&mut bytes.as_slice()).map_err(|_| Failure::new("the chain says nothing of its supply"))
	}

	/// A block by its number; `None` if the node has none.
	pub async fn block_summary(&self, number: u64) -> Outcome<Option<Value>> {
		let hash: Option<H256> = self.request("chain_getBlockHash", rpc_params![number]).await?;
		let Some(hash) = hash else { return Ok(None) };
		let found: Option<Value> = self.request("chain_getBlock", rpc_params![hash]).await?;
		Ok(found.map(|found| {
			let (header, extrinsics) = (&found["block"]["header"], found["block"]["extrinsics"].as_array());
			json!({
				"number": number, "hash": hash, "parent": header["parentHash"], "state_root": header["stateRoot"],
				"extrinsics_root": header["extrinsicsRoot"], "extrinsics": extrinsics.map_or(0, Vec::len),
			})
		}))
	}

	/// All operators, as the node describes them.
	pub async fn operators_json(&self) -> Outcome<Vec<Value>> {
		self.request("blyan_operators", RpcParams::new()).await
	}

	/// All experts of all models, as the node describes them, those first that were improved most often.
	pub async fn experts_json(&self) -> Outcome<Vec<Value>> {
		let mut all = Vec::new();
		for model in self.models().await? {
			let experts: Vec<Value> = self.request("blyan_experts", rpc_params![model]).await?;
			all.extend(experts);
		}
		all.sort_by_key(|expert| std::cmp::Reverse(expert["version"].as_u64()));
		Ok(all)
	}
}
