//! `status`: the node, its chain and its engine.

use crate::{failure::Outcome, session::Session};
use serde_json::{json, Value};
use subxt::rpcs::client::RpcParams;

/// Shows the node.
pub async fn run(session: &Session) -> Outcome<()> {
	let client = session.connect().await?;
	let network = client.network().await?;
	let version: String = client.request("system_version", RpcParams::new()).await?;
	let health: Value = client.request("system_health", RpcParams::new()).await?;
	let block = client.best_block().await?;
	let engine = client.engine_status().await?;
	let models = client.models().await?.len();
	let operators = client.operators().await?.len();
	let value = json!({
		"url": session.url,
		"version": version,
		"network": network,
		"block": block,
		"health": health,
		"models": models,
		"operators": operators,
		"engine": engine,
	});
	let text = format!(
		"node       {version} at {}\nchain      {} ({}), genesis {}\nblock      {block}\npeers      {}\n\
		models     {models}\noperators  {operators}\nengine     {engine}",
		session.url, network.chain, network.kind, network.genesis, health["peers"]
	);
	session.output.result(&value, text);
	Ok(())
}
