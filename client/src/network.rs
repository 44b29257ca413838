//! The network that a node is on.

use super::Client;
use crate::failure::Outcome;
use serde::{Deserialize, Serialize};
use subxt::rpcs::client::RpcParams;

/// A node's description of its network.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Network {
	/// Hash of block 0, 0x-hex.
	pub genesis: String,
	/// Name of the chain.
	pub chain: String,
	/// "Development", "Local" or "Live".
	pub kind: String,
}

impl Client {
	/// The node's network.
	pub async fn network(&self) -> Outcome<Network> {
		Ok(Network {
			genesis: format!("0x{}", hex::encode(self.genesis())),
			chain: self.request("system_chain", RpcParams::new()).await?,
			kind: match self.request("system_chainType", RpcParams::new()).await? {
				serde_json::Value::String(kind) => kind,
				other => other.to_string(),
			},
		})
	}
}
