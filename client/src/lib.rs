//! The connection to one node: metadata and state through subxt, everything else through JSON-RPC.
//!
//! Knows the chain and its node, and neither a terminal nor a user's files: progress is told to closures, and a [`failure::Failure`] says in words
//! what went wrong and what to do next.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod account;
mod answers;
mod blobs;
mod browse;
pub mod chain_model;
mod datasets;
mod delegation;
mod disputes;
mod events;
pub mod evolution;
pub mod failure;
mod fit;
pub mod governance;
mod holdouts;
mod network;
mod operators;
mod proxies;
mod rpc;
mod serving;
mod status;
mod sync;
mod transaction;
mod versions;

pub use answers::{answer_verdict, Challenge, Stage};
pub use blobs::{download, hash, upload};
pub use datasets::DatasetName;
pub use disputes::Tile;
pub use events::as_u128;
pub use network::Network;
pub use serving::{Ground, Offer, PaidSession};
pub use transaction::Receipt;

use crate::failure::{is_oversized, Failure, Kind, Outcome};
use fit::Runtime;
use serde::de::DeserializeOwned;
use sp_core::{crypto::AccountId32, H256};
use std::{
	future::Future,
	sync::{Arc, Mutex},
	time::Duration,
};
use subxt::{
	client::OnlineClientAtBlock,
	config::SubstrateConfig,
	dynamic::{self, Value},
	rpcs::{
		client::{jsonrpsee_client, rpc_params, JsonrpseeRpcClient, RpcParams},
		RpcClient,
	},
	OnlineClient,
};

/// Time within which a node must answer before it counts as gone.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A node, connected.
pub struct Client {
	/// Its address.
	pub url: String,
	/// The connection, for the node's own methods.
	node: Arc<JsonrpseeRpcClient>,
	/// The same connection, for everything else.
	rpc: RpcClient,
	api: OnlineClient<SubstrateConfig>,
	runtime: Mutex<Option<Arc<Runtime>>>,
}

/// A block of the chain.
pub type AtBlock = OnlineClientAtBlock<SubstrateConfig>;

fn unreachable(url: &str, reason: impl std::fmt::Display) -> Failure {
	let reason = reason.to_string();
	if is_oversized(&reason) {
		return Failure::oversized(format!("what {url} says of its chain"));
	}
	let failure = Failure::new(format!("no answer from {url}: {reason}")).kind(Kind::Unreachable);
	// HTTP's "too many requests", with which a node refuses connections beyond its limit.
	if reason.contains("429") {
		return failure.next(
			"the node has as many connections as it takes: try again later, or start it with a larger --rpc-max-connections",
		);
	}
	failure.next(
		"start a node (blyan-node --dev, or blyan demo) or name a running one with --url ws://HOST:PORT",
	)
}

impl Client {
	/// Connects. Plain ws:// is meant for the own machine and is accepted anywhere.
	pub async fn connect(url: &str) -> Outcome<Self> {
		let connecting = async {
			let node = Arc::new(jsonrpsee_client(url).await.map_err(|error| unreachable(url, error))?);
			let rpc = RpcClient::new(node.clone());
			let api =
				OnlineClient::from_rpc_client(rpc.clone()).await.map_err(|error| unreachable(url, error))?;
			Ok(Self { url: url.into(), node, rpc, api, runtime: Mutex::default() })
		};
		tokio::time::timeout(ANSWER_TIMEOUT, connecting).await.map_err(|_| unreachable(url, "timeout"))?
	}

	/// The newest block, with the metadata of its runtime.
	async fn here(&self) -> Outcome<AtBlock> {
		self.in_time(self.api.at_current_block()).await
	}

	/// A block, with the metadata of its runtime.
	pub async fn at(&self, block: u64) -> Outcome<AtBlock> {
		self.in_time(self.api.at_block(block)).await
	}

	/// A node that cannot run its chain's runtime leaves this question open for ever.
	async fn in_time<E: Into<Failure>>(
		&self,
		asked: impl Future<Output = Result<AtBlock, E>>,
	) -> Outcome<AtBlock> {
		match tokio::time::timeout(ANSWER_TIMEOUT, asked).await {
			Ok(answer) => answer.map_err(Into::into),
			Err(_) => Err(Failure::new(format!(
				"the node behind {} does not say what its chain's runtime is like",
				self.url
			))
			.kind(Kind::Unreachable)
			.next("look at its log: a node that is older than the runtime says there what it lacks")),
		}
	}

	/// Hash of block 0, which names the network.
	pub fn genesis(&self) -> [u8; 32] {
		self.api.genesis_hash().0
	}

	/// Calls a JSON-RPC method.
	pub async fn request<T: DeserializeOwned>(&self, method: &str, params: RpcParams) -> Outcome<T> {
		self.answer(method, self.rpc.request(method, params)).await
	}

	/// Waits for the answer to a call of a method.
	async fn answer<T, E: Into<subxt::rpcs::Error>>(
		&self,
		method: &str,
		call: impl Future<Output = Result<T, E>>,
	) -> Outcome<T> {
		let Ok(answer) = tokio::time::timeout(ANSWER_TIMEOUT, call).await else {
			return Err(unreachable(&self.url, format!("{method} timed out")));
		};
		answer.map_err(|error| match error.into() {
			subxt::rpcs::Error::User(error) => rpc_failure(method, error.code, &error.message),
			subxt::rpcs::Error::Client(error) => unreachable(&self.url, error),
			error => Failure::new(format!("{method}: {error}")),
		})
	}

	/// Number of the best block.
	pub async fn best_block(&self) -> Outcome<u64> {
		self.block_number(RpcParams::new()).await
	}

	/// Number of the latest finalised block.
	pub async fn finalised_block(&self) -> Outcome<u64> {
		let hash: String = self.request("chain_getFinalizedHead", RpcParams::new()).await?;
		self.block_number(rpc_params![hash]).await
	}

	/// Hash of a block.
	pub async fn block_hash(&self, number: u64) -> Outcome<H256> {
		self.request::<Option<H256>>("chain_getBlockHash", rpc_params![number])
			.await?
			.ok_or_else(|| Failure::new(format!("the node has no block {number}")))
	}

	async fn block_number(&self, of: RpcParams) -> Outcome<u64> {
		let header: serde_json::Value = self.request("chain_getHeader", of).await?;
		let number = header["number"].as_str().unwrap_or_default();
		u64::from_str_radix(number.trim_start_matches("0x"), 16)
			.map_err(|_| Failure::new("the node's header has no number"))
	}

	/// Free and held balance of an account.
	pub async fn balance(&self, account: &AccountId32) -> Outcome<Balance> {
		let address = dynamic::storage::<([u8; 32],), Value>("System", "Account");
		let at = self.here().await?;
		let key: [u8; 32] = *account.as_ref();
		let Some(value) = at.storage().try_fetch(address, (key,)).await? else {
			return Ok(Balance { free: 0, held: 0 });
		};
		let value = events::to_json(&value.decode()?);
		let number = |field: &str| events::as_u128(&value["data"][field]).unwrap_or_default();
		Ok(Balance { free: number("free"), held: number("reserved") })
	}

	/// Reports whether the runtime has a pallet of that name.
	pub async fn has_pallet(&self, name: &str) -> Outcome<bool> {
		let at = self.here().await?;
		Ok(at.metadata_ref().pallet_by_name(name).is_some())
	}
}

fn rpc_failure(method: &str, code: i32, message: &str) -> Failure {
	const METHOD_NOT_FOUND: i32 = -32601;
	/// Of jsonrpsee for a response and for a batch, and of its earlier releases.
	const TOO_LARGE: [i32; 3] = [-32008, -32011, -32702];
	if code == METHOD_NOT_FOUND {
		return Failure::new(format!("the node does not know {method}"))
			.kind(Kind::WrongNetwork)
			.next("--url must name a blyan-node of this version");
	}
	if TOO_LARGE.contains(&code) {
		return Failure::oversized(method);
	}
	Failure::new(format!("{method}: {message}")).kind(Kind::Refused)
}

/// Balance of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
	/// Spendable part.
	pub free: u128,
	/// Part held by bonds and stakes.
	pub held: u128,
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn limits_of_a_node_are_named_by_the_flags_that_set_them() {
		for failure in [
			rpc_failure("blyan_experts", -32702, "Response is too big"),
			rpc_failure("blyan_experts", -32008, "Response is too big"),
			unreachable("ws://x", "Call(ErrorObject { code: ServerError(-32008) })"),
		] {
			assert_eq!(failure.kind, Kind::Oversized);
			assert!(!failure.message.contains("-32"), "{}", failure.message);
			assert!(failure.next.unwrap().contains("--rpc-max-response-size"));
		}
		let full = unreachable("ws://x", "Connection rejected with status code: 429");
		assert_eq!(full.kind, Kind::Unreachable);
		assert!(full.next.unwrap().contains("--rpc-max-connections"));
		assert!(unreachable("ws://x", "refused").next.unwrap().contains("blyan-node --dev"));
	}
}
