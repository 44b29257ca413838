//! Blobs between nodes: what is uploaded at one of them reaches those who need it, and no node is fooled on the way.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{wait_until, Chain, Node, NodeConfig, World, SLOT};
use blyan_primitives::ModelInfo;
use blyan_runtime_api::SubmissionOutcome;
use codec::Encode;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use subxt::rpcs::client::RpcParams;

async fn model(chain: &Chain) -> ModelInfo {
	chain.runtime_api::<Option<ModelInfo>>("ModelsApi_model", &0u32.encode()).await.unwrap()
}

/// Returns the status of a node's exchange.
async fn status(chain: &Chain) -> Json {
	chain.request("blyan_exchangeStatus", RpcParams::new()).await.unwrap()
}

/// Waits until a node has every blob of its model and counts what it fetched.
async fn wait_for_model(chain: &Chain) -> u64 {
	let model = model(chain).await;
	wait_until("all of the model", || async {
		let mut blobs = vec![model.trunk().unwrap().blob.hash];
		blobs.extend(model.heads.iter().map(|head| head.block.blob.hash));
		for blob in blobs {
			if !chain.has_blob(blob).await {
				return None;
			}
		}
		Some(())
	})
	.await;
	status(chain).await["fetched"].as_u64().unwrap()
}

/// A node that follows and knows nothing of the model but its chain's specification.
///
/// - `prefetch`: whether it fetches all of the model by itself: `always`, or only blobs that are asked for: `never`.
fn newcomer(world: &World, spec: &Path, prefetch: &str) -> NodeConfig {
	NodeConfig::new(&world.files.path("newcomer"))
		.without_model(spec)
		.operators(&[])
		.args(&["--blob-prefetch", prefetch])
		.following(&world.node)
}

/// The file of a blob in a node's store.
fn stored(world: &World, node: &str, name: &str) -> PathBuf {
	world.files.path(node).join("chains/blyan-dev/blobs").join(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expert_that_one_node_was_given_is_scored_and_served_by_others() {
	// The node of the miner seals the blocks; the operators' nodes are others.
	let world = World::with_a_beginner_and(|config| config.operators(&[]).open()).await;
	let follower = |name: &str, operators: &[&str]| {
		let mut config = NodeConfig::new(&world.files.path(name)).operators(operators).following(&world.node);
		config.model = Some(world.files.path("beginner"));
		config.start()
	};
	let nodes = [
		follower("first", &["//Alice", "//Bob"]),
		follower("second", &["//Charlie"]),
		follower("served", &[]),
	];
	let dataset = world.files.dataset();
	let said = world.command.expect(&[
		"mine",
		"--suri",
		"//Dave",
		"--slot",
		SLOT,
		"--dataset",
		&dataset,
		"--steps",
		"60",
	]);
	let outcome = world.chain.wait_for_outcome(0).await;
	assert!(matches!(outcome, SubmissionOutcome::Accepted { .. }), "{outcome:?}: {said:#?}");
	let accepted = model(&world.chain).await.heads[0].block.blob.hash;
	for node in &nodes[..2] {
		let chain = Chain::connect(&node.url()).await;
		assert!(chain.has_blob(accepted).await, "whoever scored it has it");
		let status = status(&chain).await;
		assert_eq!((&status["fetched"], &status["bans"]), (&1.into(), &0.into()), "{status}");
	}
	// This one operates nothing and fetches nothing in advance. Asked to answer, it does.
	let served = Chain::connect(&nodes[2].url()).await;
	wait_until("the new head", || async { (model(&served).await.generation == 1).then_some(()) }).await;
	let command = world.files.command(&nodes[2].url());
	let ask = || command.run(&["chat", "--prompt", "pub fn ", "--max-bytes", "24", "--seed", "7"]);
	let first = ask();
	assert!(
		first.code == Some(0) || !served.has_blob(accepted).await || status(&served).await["fetched"] == 1
	);
	wait_until("the head to be here", || async { served.has_blob(accepted).await.then_some(()) }).await;
	let [here, there] =
		[ask(), world.command.run(&["chat", "--prompt", "pub fn ", "--max-bytes", "24", "--seed", "7"])];
	let text = |finished: &blyan_e2e::Finished| finished.values.last().map(|value| value["text"].clone());
	assert_eq!(here.code, Some(0), "{here:#?}");
	assert_eq!(text(&here), text(&there), "the same model answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_fetches_the_model_and_goes_on_where_it_was_killed() {
	let slow = ["--blob-upload-rate", "1024"];
	let world = World::with_a_large_model(|config| config.operators(&[]).open().args(&slow)).await;
	let spec = world.files.spec(&world.files.path("large"));
	let node = newcomer(&world, &spec, "always").start();
	let chain = Chain::connect(&node.url()).await;
	// In the middle of the trunk, which takes some seconds.
	wait_until("the trunk to be half here", || async {
		let status = status(&chain).await;
		let half = |blob: &&Json| blob["pieces"].as_u64() > Some(4) && blob["received"].as_u64() > Some(1);
		status["fetching"].as_array().unwrap().iter().find(half).map(drop)
	})
	.await;
	drop(chain);
	let node = node.kill().start();
	let chain = Chain::connect(&node.url()).await;
	wait_for_model(&chain).await;
	let log = node.log();
	let resumed = log.lines().filter(|line| line.contains("goes on")).count();
	assert!(resumed > 0, "it goes on and does not begin again:\n{log}");
	assert!(!log.contains("wrong bytes"), "nobody is blamed for that");
	let trunk = *model(&chain).await.trunk().unwrap();
	let bytes = std::fs::read(stored(&world, "newcomer", &hex(&trunk.blob.hash.0))).unwrap();
	assert_eq!(sp_crypto_hashing::blake2_256(&bytes), trunk.blob.hash.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_disk_rotted_is_found_out_by_the_first_tile() {
	// Nobody alone has sent the trunk before the other is asked, too.
	let slow = ["--blob-upload-rate", "1024"];
	let world = World::with_a_large_model(|config| config.operators(&[]).open().args(&slow)).await;
	let large = world.files.path("large");
	let trunk = model(&world.chain).await.trunk().unwrap().blob.hash;
	let rotten = {
		let mut config = NodeConfig::new(&world.files.path("rotten")).operators(&[]).following(&world.node);
		config.model = Some(large.clone());
		config.args(&slow).start()
	};
	let path = stored(&world, "rotten", &hex(&trunk.0));
	let mut bytes = std::fs::read(&path).unwrap();
	// One bit in every tile.
	bytes[128..].chunks_mut(1 << 16).for_each(|tile| tile[tile.len() / 2] ^= 1);
	std::fs::write(&path, bytes).unwrap();

	let spec = world.files.spec(&large);
	let peer = identity(&rotten).await;
	let node = newcomer(&world, &spec, "never").start();
	let chain = Chain::connect(&node.url()).await;
	wait_until("both to be connected", || async { (status(&chain).await["peers"] == 2).then_some(()) }).await;
	// Somebody asks for an answer, again and again, until the model is there.
	let command = world.files.command(&node.url());
	wait_until("the trunk", || async {
		command.run(&["chat", "--prompt", "pub fn ", "--max-bytes", "1"]);
		chain.has_blob(trunk).await.then_some(())
	})
	.await;
	let status = status(&chain).await;
	assert!(status["bad_pieces"].as_u64() > Some(0), "{status}");
	assert_eq!((&status["bans"], &status["peers_banned"]), (&1.into(), &1.into()), "{status}");
	let blamed = format!("Peer {peer} sent wrong bytes");
	assert!(node.log().contains(&blamed), "the right one is blamed");
	let good = std::fs::read(stored(&world, "newcomer", &hex(&trunk.0))).unwrap();
	assert_eq!(sp_crypto_hashing::blake2_256(&good), trunk.0);
}

/// A node's name in the network.
async fn identity(node: &Node) -> String {
	let chain = Chain::connect(&node.url()).await;
	let name = chain.request("system_localPeerId", RpcParams::new()).await.unwrap();
	name.as_str().unwrap().to_string()
}

fn hex(bytes: &[u8; 32]) -> String {
	hex::encode(bytes)
}
