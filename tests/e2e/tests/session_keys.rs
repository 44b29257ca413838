//! Session keys that are registered on the chain and whose secrets the node has not got any more.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{wait_until, Node, World};
use std::path::{Path, PathBuf};

/// Words of the node about such a key.
const WARNING: &str = "cannot sign for it";

/// The keystore's file of an operator's session key, below the node's directory.
fn key_file(base: &Path, suri: &str) -> PathBuf {
	let name = format!("626c7961{}", hex::encode(blyan_e2e::account(suri)));
	let chains = std::fs::read_dir(base.join("chains")).unwrap();
	let found =
		chains.flatten().map(|chain| chain.path().join("keystore").join(&name)).find(|path| path.is_file());
	found.unwrap_or_else(|| panic!("the node keeps {suri}'s key as {name}"))
}

/// Times that the node has warned, over all restarts.
fn warnings(world: &World) -> usize {
	world.node.log().matches(WARNING).count()
}

async fn wait_for_warnings(world: &World, count: usize) {
	wait_until("the node warns", || async { (warnings(world) >= count).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_key_without_its_secret_is_reported_until_it_is_back() {
	let world = World::new().await;
	world.chain.wait_for_blocks(1).await;
	assert_eq!(warnings(&world), 0, "all three can sign");
	let base = world.files.path("node");
	let file = key_file(&base, "//Alice");
	let secret = std::fs::read(&file).unwrap();

	// Gone, as after a restore without the keystore. The other two are kept there, whatever the command line says.
	let key = hex::encode(blyan_e2e::account("//Alice"));
	let world = world
		.restart(|node| {
			let config = node.stop().operators(&["//Bob", "//Charlie"]);
			std::fs::remove_file(&file).unwrap();
			config
		})
		.await;
	wait_for_warnings(&world, 1).await;
	let log = world.node.log();
	assert!(log.contains(&format!("session key 0x{key} is not in this node's keystore")), "{log}");
	assert!(log.contains("blyan operator rotate-key"), "it says what to do: {log}");
	world.chain.wait_for_blocks(2).await;

	// Cut off, as by a power failure while it was written.
	let world = world
		.restart(|node| {
			let config = node.stop();
			std::fs::write(&file, b"").unwrap();
			config
		})
		.await;
	wait_for_warnings(&world, 2).await;
	assert!(world.node.log().contains("is in the keystore and cannot be read"));

	// Back: no word more.
	let world = world
		.restart(|node| {
			let config = node.stop();
			std::fs::write(&file, secret).unwrap();
			config
		})
		.await;
	world.chain.wait_for_blocks(3).await;
	assert_eq!(warnings(&world), 2);
	Node::stop(world.node);
}
