//! A running chain gets the runtime of the next release.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{account, next_runtime, wait_until, Chain, NodeConfig, World, COMMITMENT_SALT, SLOT};
use blyan_primitives::{BlockRef, ExpertSlot, ModelInfo, Slots};
use blyan_runtime_api::APIS;
use blyan_upgrade::{
	client::{Candidate, Client, State},
	Demand, Interface, Snapshot, Versions,
};
use codec::{Decode, Encode};
use serde_json::Value as Json;
use sp_core::H256;
use sp_crypto_hashing::twox_128;
use sp_maybe_compressed_blob::{compress_strongly, decompress, CODE_BLOB_BOMB_LIMIT};
use std::collections::BTreeMap;
use subxt::rpcs::{client::RpcParams, rpc_params};
use subxt_signer::sr25519::dev;

/// Exit status of a command that the chain's runtime is too new or too old for.
const OUTDATED: i32 = 6;
/// Exit status of a command that got no answer.
const UNREACHABLE: i32 = 3;
const UNIT: u128 = 1_000_000_000_000;

async fn block_hash(chain: &Chain, number: u64) -> Json {
	chain.request("chain_getBlockHash", rpc_params![number]).await.unwrap()
}

async fn spec_version_at(chain: &Chain, number: u64) -> u64 {
	let hash = block_hash(chain, number).await;
	chain.request("state_getRuntimeVersion", rpc_params![hash]).await.unwrap()["specVersion"]
		.as_u64()
		.unwrap()
}

/// The value under a key; `None` if there is none.
async fn storage(chain: &Chain, key: &[u8]) -> Option<Vec<u8>> {
	let key = format!("0x{}", hex::encode(key));
	let value = chain.request("state_getStorage", rpc_params![key]).await.unwrap();
	value.as_str().map(|value| hex::decode(value.trim_start_matches("0x")).unwrap())
}

/// Returns the copies made by the next release's migration: the tensor root of every head.
async fn head_roots(chain: &Chain) -> BTreeMap<Vec<u8>, H256> {
	let prefix = [twox_128(b"Rehearsal"), twox_128(b"HeadRoots")].concat();
	let params = rpc_params![format!("0x{}", hex::encode(&prefix)), 1_000];
	let keys: Vec<String> =
		serde_json::from_value(chain.request("state_getKeysPaged", params).await.unwrap()).unwrap();
	let mut roots = BTreeMap::new();
	for key in keys {
		let key = hex::decode(key.trim_start_matches("0x")).unwrap();
		let root = storage(chain, &key).await.unwrap();
		// Behind the prefix: eight bytes of hash, and the slot itself.
		roots.insert(key[prefix.len() + 8..].to_vec(), H256::decode(&mut &root[..]).unwrap());
	}
	roots
}

/// Waits until a node has the same blocks as another up to now.
async fn catch_up(node: &Chain, with: &Chain) {
	let goal = with.block_number().await;
	wait_until("the other node to catch up", || async { (node.block_number().await >= goal).then_some(()) })
		.await;
	assert_eq!(block_hash(node, goal).await, block_hash(with, goal).await, "both have the same block {goal}");
}

/// Commits to a block for the first slot and submits it, as a client of this release does. Returns the submission's number
/// and its bond.
async fn submit(client: &Client, chain: &Chain, block: BlockRef) -> (u64, u128) {
	let slot = ExpertSlot { model: 0, layer: 0, expert: 0 };
	chain.commit(&dev::dave(), slot, &[block]).await.unwrap();
	let candidate = Candidate {
		tensor_root: block.tensor_root.0.into(),
		blob: block.blob.hash.0.into(),
		size: block.blob.size,
	};
	let stamp = chain.work(&dev::dave(), block.tensor_root).await;
	let (stamp, salt) = ((stamp.block, stamp.nonce), COMMITMENT_SALT.0.into());
	client.submit(&dev::dave(), (0, 0), 0, candidate, stamp, salt).await.unwrap()
}

/// State before the first block of a runtime, and behind its migrations in the last. These bar transactions, and give as much time back
/// to those who would dispute a decision: that is taken off again.
async fn around(client: &Client, (begun, done): (u64, u64), accounts: &[[u8; 32]]) -> (State, State) {
	let mut before = client.state(begun - 1, accounts).await.unwrap();
	let mut after = client.state(done, accounts).await.unwrap();
	for (then, now) in before.deadlines().zip(after.deadlines()) {
		let barred = u64::from(*now - *then);
		assert!((1..=done - begun + 1).contains(&barred), "{barred} blocks more, from {begun} to {done}");
		*now = *then;
	}
	(before, after)
}

#[tokio::test(flavor = "multi_thread")]
async fn chain_and_clients_go_on_when_the_runtime_is_upgraded() {
	let world = World::with_a_beginner_and(NodeConfig::open).await;
	// The native runtime of every node here is that of the release before: they execute what the chain has.
	let follower = |name: &str| {
		let model = world.node.model().unwrap();
		NodeConfig::new(&world.files.path(name)).model(model).operators(&[]).following(&world.node)
	};
	let online = follower("online").start();
	let online_chain = Chain::connect(&online.url()).await;
	let offline = follower("offline").start();
	catch_up(&Chain::connect(&offline.url()).await, &world.chain).await;
	let offline = offline.stop();

	// A client built for this release, connected from now on, with something of every kind on the chain.
	let client = Client::connect(&world.node.url()).await.unwrap();
	let (dave, ferdie) = (account("//Dave"), account("//Ferdie"));
	assert_eq!(client.transfer(&dev::alice(), ferdie, 7 * UNIT).await.unwrap(), 7 * UNIT);
	let noise = world.files.noise(1);
	let submit = || submit(&client, &world.chain, noise.block);
	let (first, bond) = submit().await;
	world.chain.upload(noise.block.blob.hash, &noise.bytes()).await.unwrap();
	world.chain.wait_for_outcome(first).await;
	let signed_before = client.sign_transfer(&dev::ferdie(), dave, UNIT).await.unwrap();
	let release = world.chain.spec_version().await;

	world.chain.upgrade(&next_runtime()).await;
	assert_eq!(world.chain.spec_version().await, release + 1);
	// Sent while the migrations run, and in a block when they are done.
	assert_eq!(client.transfer(&dev::alice(), ferdie, UNIT).await.unwrap(), UNIT);

	// The first block that the new runtime executed follows the one that brought it.
	let mut begun = world.chain.block_number().await;
	while spec_version_at(&world.chain, begun - 1).await > release {
		begun -= 1;
	}
	let mut done = begun + 1;
	let has = |events: &[blyan_e2e::Event], name: &str| events.iter().any(|event| event.name == name);
	let events = world.chain.events_at(done).await;
	assert!(has(&events, "MultiBlockMigrations.UpgradeStarted"), "{events:?}");
	while !has(&world.chain.events_at(done).await, "MultiBlockMigrations.UpgradeCompleted") {
		done += 1;
	}
	assert!(done > begun + 2, "the migration takes several blocks: {begun} to {done}");
	let (before, after) = around(&client, (begun, done), &[dave, ferdie]).await;
	assert_eq!(
		before, after,
		"money, heads, versions, the model's root, stakes and submissions are what they were"
	);
	assert_eq!(before.accounts[1].0 % UNIT, 0, "the client reads what it sent");
	assert_eq!(before.submissions.len(), 1);

	// What was to be migrated is.
	let model = || async {
		world.chain.runtime_api::<Option<ModelInfo>>("ModelsApi_model", &0u32.encode()).await.unwrap()
	};
	let info = model().await;
	let slots = Slots::first(info.config().unwrap());
	let expected: BTreeMap<Vec<u8>, H256> = slots
		.iter()
		.map(|(layer, expert)| ExpertSlot { model: 0, layer, expert }.encode())
		.zip(info.heads.iter().map(|head| head.block.tensor_root))
		.collect();
	assert_eq!(head_roots(&world.chain).await, expected);
	let version = [twox_128(b"RelayRandomness"), twox_128(b":__STORAGE_VERSION__:")].concat();
	assert_eq!(
		storage(&world.chain, &version).await,
		Some(1u16.encode()),
		"the seed's record is the new one"
	);

	// What was signed for the release before is refused.
	let signed_before = format!("0x{}", hex::encode(signed_before));
	let refusal =
		world.chain.request("author_submitExtrinsic", rpc_params![signed_before]).await.unwrap_err();
	assert!(refusal.contains("Invalid Transaction"), "{refusal}");

	// The same client, the same calls; and the whole loop: committee, scores, a new head.
	let (second, bond_now) = submit().await;
	assert_eq!((second, bond_now), (first + 1, bond));
	world.command.expect(&["status"]);
	let dataset = world.files.dataset();
	world.command.expect(&[
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
	assert_eq!(model().await.generation, info.generation + 1, "a submission after the upgrade is accepted");

	// Nodes of the release before follow, whether they were there or not.
	catch_up(&online_chain, &world.chain).await;
	let offline = offline.start();
	let offline_chain = Chain::connect(&offline.url()).await;
	catch_up(&offline_chain, &world.chain).await;
	assert_eq!(offline_chain.spec_version().await, release + 1);
	for node in [&world.node, &online, &offline] {
		let log = node.log();
		assert!(!log.contains("panicked"), "{log}");
		assert!(!log.contains("🔴") && !log.contains("🟠"), "{log}");
	}
	expect_no_break(&world.chain, Versions { spec: release as u32 + 1, transaction: 3 }).await;
}

/// The metadata of the runtime that runs now breaks no client: what the next release changes is what the snapshots permit.
async fn expect_no_break(chain: &Chain, versions: Versions) {
	let metadata: Option<Vec<u8>> = chain.runtime_api("Metadata_metadata_at_version", &16u32.encode()).await;
	let now = Interface::of_pallets(&metadata.unwrap(), versions).unwrap();
	let changes = Snapshot::parse(include_str!("../../upgrade/snapshots/pallets.txt")).compare(&now);
	let breaking: Vec<&str> = changes
		.iter()
		.filter(|change| change.demand != Demand::Nothing)
		.map(|change| change.key.as_str())
		.collect();
	assert_eq!(breaking, ["type blyan_runtime::randomness::SeedRecord<u32>.values"], "{changes:#?}");
	assert!(
		changes.iter().all(|change| change.is_met),
		"a higher spec_version is all it asks for: {changes:#?}"
	);
}

/// Replaces bytes by as many others wherever they are.
fn replace(code: &mut [u8], old: &[u8], new: &[u8]) {
	assert_eq!(old.len(), new.len());
	let is_here = |at: &usize| code[*at] == old[0] && code[*at..].starts_with(old);
	let places: Vec<usize> = (0..code.len()).filter(is_here).collect();
	assert!(!places.is_empty(), "the runtime contains what is replaced");
	for at in places {
		code[at..at + new.len()].copy_from_slice(new);
	}
}

/// The next runtime as if more had changed: an API's version is higher.
fn runtime_of_newer_answers() -> Vec<u8> {
	let mut code = decompress(&next_runtime(), CODE_BLOB_BOMB_LIMIT).unwrap().into_owned();
	let api = APIS.into_iter().find(|api| api.name == "ModelsApi").unwrap();
	let listed = |version: u32| [&api.id[..], &version.to_le_bytes()].concat();
	replace(&mut code, &listed(api.version), &listed(api.version + 1));
	code
}

/// As small as a transaction takes it.
fn compressed(code: &[u8]) -> Vec<u8> {
	compress_strongly(code, CODE_BLOB_BOMB_LIMIT).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn node_and_command_line_say_so_when_the_runtime_is_too_new_for_them() {
	let world = World::new().await;
	world.command.expect(&["models"]);
	let mut code = runtime_of_newer_answers();
	world.chain.upgrade(&compressed(&code)).await;
	let said = world.command.expect_failure(OUTDATED, &["models"]);
	let known = APIS.into_iter().find(|api| api.name == "ModelsApi").unwrap().version;
	let newer = format!("version {} of ModelsApi", known + 1);
	assert!(said.contains(&newer) && said.contains("update blyan"), "{said}");
	// What does not depend on that API goes on, and the node knows why some of its own answers may not.
	world.command.expect(&["operators"]);
	wait_until("the node's warning", || async {
		world.node.log().contains(&format!("newer than the {known} known here")).then_some(())
	})
	.await;

	// One that calls a function which only a later node has. It is another release again, or the chain would refuse it.
	let spec = world.chain.spec_version().await as u32;
	let named = |spec: u32| [&("blyan", "blyan", 1u32).encode()[..], &spec.to_le_bytes()].concat();
	replace(&mut code, &named(spec), &named(spec + 1));
	replace(&mut code, b"ext_ml_engine_host_open_version_3", b"ext_ml_engine_host_open_version_4");
	let code = compressed(&code);
	wait_until("the migrations", || async {
		let cursor = [twox_128(b"MultiBlockMigrations"), twox_128(b"Cursor")].concat();
		storage(&world.chain, &cursor).await.is_none().then_some(())
	})
	.await;
	let hash = H256(sp_crypto_hashing::blake2_256(&code));
	let authorize = world.chain.call("System", "authorize_upgrade", &hash.encode()).await;
	world.chain.sudo(&authorize).await;
	let apply = world.chain.call("System", "apply_authorized_upgrade", &code.encode()).await;
	world.chain.send(&dev::eve(), &apply).await.unwrap();
	for when in ["of the upgrade that is scheduled", "of the next block"] {
		let sentence = format!(
			"The runtime {when} (blyan {}) calls functions that this node does not have: \
			ext_ml_engine_host_open_version_4. Update blyan-node",
			spec + 1
		);
		wait_until(&sentence, || async { world.node.log().contains(&sentence).then_some(()) }).await;
	}
	let said = world.command.expect_failure(UNREACHABLE, &["operators"]);
	assert!(said.contains("older than the runtime"), "{said}");
	let health = world.chain.request("system_health", RpcParams::new()).await;
	assert!(health.is_ok(), "the node still answers what it can: {health:?}");
	assert!(!world.node.log().contains("panicked"));
}
