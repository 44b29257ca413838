//! Nodes that come late: by the newest state, by a snapshot, from the past, and by mistake.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{binary, tiny_model, wait_until, Chain, Finished, Node, NodeConfig, World, SLOT};
use sp_core::H256;
use std::{
	fs,
	path::Path,
	process::{Command, Stdio},
	time::{Duration, Instant},
};
use subxt::rpcs::rpc_params;
use subxt_signer::sr25519::dev;

/// Time from a node's start to the first score that its operator sealed.
const JOIN_MAX: Duration = Duration::from_secs(180);
/// Time limit of a rollback, from the stop of a node to the newest block.
const ROLLBACK_MAX: Duration = Duration::from_secs(600);
/// More than the blocks whose states a pruned node keeps.
const BEYOND_PRUNING: u64 = 280;
/// The shortest time between two blocks.
const FAST_MS: u64 = 50;

/// A chain of so many blocks, with all operators at work in the node that seals it.
async fn chain_of(blocks: u64) -> World {
	grown(blocks, |config| config).await
}

/// The same on a chain that is there already, or not.
async fn grown(blocks: u64, configure: impl FnOnce(NodeConfig) -> NodeConfig) -> World {
	let world = World::with(|config| configure(config.block_time_ms(FAST_MS).open())).await;
	while world.chain.block_number().await < blocks {
		tokio::time::sleep(Duration::from_millis(200)).await;
	}
	world
}

/// The same without Charlie from now on, at a pace that a committee keeps up with.
async fn without_charlie(world: World, block_time_ms: u64) -> World {
	let change = |node: Node| {
		let config = node.stop().block_time_ms(block_time_ms).operators(&["//Alice", "//Bob"]);
		// A keystore forgets nothing that is not removed.
		fs::remove_dir_all(config.base_path.join("chains/blyan-dev/keystore")).unwrap();
		config
	};
	world.restart(change).await
}

async fn hash_of(chain: &Chain, block: u64) -> Option<H256> {
	let answer = chain.request("chain_getBlockHash", rpc_params![block]).await.unwrap();
	serde_json::from_value(answer).unwrap()
}

async fn finalized_number(chain: &Chain) -> u64 {
	let head = chain.request("chain_getFinalizedHead", rpc_params![]).await.unwrap();
	let header = chain.request("chain_getHeader", rpc_params![head]).await.unwrap();
	let number = header["number"].as_str().unwrap();
	u64::from_str_radix(number.trim_start_matches("0x"), 16).unwrap()
}

/// A joiner with Charlie's key warp syncs to the world's chain, and the time until Charlie sealed a score is taken.
async fn join_and_score(world: World, block_time_ms: u64) -> (World, NodeConfig) {
	let world = without_charlie(world, block_time_ms).await;
	let noise = world.files.noise(1);
	world.command.expect(&["submit", &noise.arg(), "--slot", SLOT, "--suri", "//Dave", "--no-wait"]);
	let before = world.chain.block_number().await;

	let began_at = Instant::now();
	let config =
		NodeConfig::new(&world.files.path("joiner")).operators(&["//Charlie"]).following(&world.node);
	let joiner = config.args(&["--sync", "warp"]).start();
	let listens = began_at.elapsed();
	let chain = Chain::connect(&joiner.url()).await;
	wait_until("the joiner to hear of the submission", || async {
		chain.upload(noise.block.blob.hash, &noise.bytes()).await.ok()
	})
	.await;
	let synced = began_at.elapsed();
	wait_until("Charlie's seal", || async { joiner.log().contains("submission 0: Seal").then_some(()) })
		.await;
	let scored = began_at.elapsed();
	chain.wait_for_outcome(0).await;
	assert_eq!(chain.verdicts(0).await.len(), 3, "Charlie's is among the verdicts");
	println!(
		"{before} blocks: listens after {:.1} s, has the state after {:.1} s, first score sealed after {:.1} s",
		listens.as_secs_f64(),
		synced.as_secs_f64(),
		scored.as_secs_f64()
	);
	assert!(scored < JOIN_MAX, "joining took {scored:?}");
	let log = joiner.log();
	assert!(log.contains("State sync is complete"), "it did not execute the chain's past");

	// A follower has finality: a transaction sent through it ends there, and it knows the past's hashes.
	assert!(finalized_number(&chain).await >= before);
	let remark = chain.call("System", "remark_with_event", &[4, 1]).await;
	let events = chain.send(&dev::eve(), &remark).await.unwrap();
	assert!(events.iter().any(|event| event.name == "System.Remarked"));
	wait_until("the gap below the state to be filled", || async {
		let (theirs, ours) = (hash_of(&world.chain, 10).await, hash_of(&chain, 10).await);
		ours.is_some_and(|ours| Some(ours) == theirs).then_some(())
	})
	.await;
	(world, joiner.stop())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_scores_soon_after_it_joined_by_warp_sync() {
	let (world, joiner) = join_and_score(chain_of(BEYOND_PRUNING).await, 500).await;
	// The same command line again: there is a chain now, so it just goes on.
	let before = world.chain.block_number().await;
	let joiner = joiner.start();
	let chain = Chain::connect(&joiner.url()).await;
	wait_until("the joiner to go on", || async { (finalized_number(&chain).await > before).then_some(()) })
		.await;
	let log = joiner.log();
	assert!(log.contains("going on from there"), "{log}");
	assert!(!log.contains(" ERROR "), "{log}");
}

/// About a quarter of an hour, most of it to make the chain: `cargo test --workspace --test joining -- --ignored
/// --nocapture`. With `BLYAN_LONG_CHAIN` set to the base path of a development node with the tiny model, that chain is
/// copied and goes on instead.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes a chain of ten thousand blocks first"]
async fn an_operator_scores_within_three_minutes_against_ten_thousand_blocks() {
	let began_at = Instant::now();
	let world = grown(10_000, |config| {
		if let Some(made) = std::env::var_os("BLYAN_LONG_CHAIN") {
			fs::create_dir_all(&config.base_path).unwrap();
			let copied = Command::new("cp")
				.arg("-a")
				.arg(Path::new(&made).join("chains"))
				.arg(&config.base_path)
				.status();
			assert!(copied.unwrap().success(), "the chain in BLYAN_LONG_CHAIN can be copied");
		}
		config
	})
	.await;
	println!("{:.0} s for the chain", began_at.elapsed().as_secs_f64());
	let (world, _) = join_and_score(world, 3_000).await;

	// The drill: a copy of today, and the way back to it tomorrow.
	let shop = world.files.path("snapshots");
	fs::create_dir_all(&shop).unwrap();
	let mut exported = None;
	let world = world
		.restart(|node| {
			let config = node.stop();
			exported = Some(snapshot(&["export", "--to", text(&shop)], Some(&config.base_path)));
			config
		})
		.await;
	let exported = exported.unwrap().values.remove(0);
	println!("export: {exported}");
	let archive = exported["archive"].as_str().unwrap();
	println!("verify: {}", snapshot(&["verify", "--from", archive], None).values[0]);
	world.chain.wait_for_blocks(3).await;
	let began_at = Instant::now();
	let world = world
		.restart(|node| {
			let config = node.stop();
			let import = ["import", "--from", archive, "--replace"];
			println!("import: {}", snapshot(&import, Some(&config.base_path)).values[0]);
			config
		})
		.await;
	assert_eq!(found(&world.node).await, exported["number"].as_u64().unwrap());
	world.chain.wait_for_blocks(1).await;
	println!("{:.1} s from the order to stop to a new block", began_at.elapsed().as_secs_f64());
	assert!(began_at.elapsed() < ROLLBACK_MAX);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_on_an_empty_chain_joins_by_warp_sync_too() {
	let world = World::with(|config| config.open()).await;
	let joiner = NodeConfig::new(&world.files.path("joiner")).operators(&[]).following(&world.node);
	let joiner = joiner.args(&["--sync", "warp"]).start();
	let chain = Chain::connect(&joiner.url()).await;
	let goal = world.chain.block_number().await + 5;
	wait_until("the joiner to follow", || async { (finalized_number(&chain).await >= goal).then_some(()) })
		.await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_states_are_in_archives_only() {
	let world = chain_of(BEYOND_PRUNING).await;
	let follower = |name: &str, args: &[&str]| {
		let config = NodeConfig::new(&world.files.path(name)).operators(&[]).following(&world.node);
		config.args(args).start()
	};
	let (archive, usual) = (follower("archive", &["--archive"]), follower("usual", &[]));
	let (archive_chain, usual_chain) =
		(Chain::connect(&archive.url()).await, Chain::connect(&usual.url()).await);
	for chain in [&archive_chain, &usual_chain] {
		wait_until("the follower to catch up", || async {
			(finalized_number(chain).await >= BEYOND_PRUNING).then_some(())
		})
		.await;
	}
	let old = hash_of(&world.chain, 5).await;
	let state = || rpc_params!["Core_version", "0x", old];
	let kept = archive_chain.request("state_call", state()).await;
	assert!(kept.is_ok(), "{kept:?}");
	// Who follows prunes like who seals.
	for chain in [&world.chain, &usual_chain] {
		// What somebody still works with is pruned when they are done.
		wait_until("the old state to be pruned", || async {
			let pruned = chain.request("state_call", state()).await;
			pruned.is_err_and(|error| error.contains("discarded")).then_some(())
		})
		.await;
		// Bodies are another matter; a development chain keeps all.
		assert!(!chain.request("chain_getBlock", rpc_params![old]).await.unwrap().is_null());
	}
}

/// `blyan-node snapshot ARGS` for the chain below `base`, if it is about one.
fn run_snapshot(args: &[&str], base: Option<&Path>, model: Option<&Path>) -> Finished {
	let mut command = Command::new(binary("blyan-node"));
	command.arg("snapshot").args(args).stdin(Stdio::null());
	if let Some(base) = base {
		command.args(["--dev", "--base-path"]).arg(base);
	}
	if let Some(model) = model {
		command.arg("--genesis-model").arg(model);
	}
	let output = command.output().unwrap();
	let lines = String::from_utf8_lossy(&output.stdout).into_owned();
	Finished {
		code: output.status.code(),
		values: lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
		error: String::from_utf8_lossy(&output.stderr).into_owned(),
	}
}

fn snapshot(args: &[&str], base: Option<&Path>) -> Finished {
	let finished = run_snapshot(args, base, base.map(|_| tiny_model()).as_deref());
	assert_eq!(finished.code, Some(0), "{args:?}: {}", finished.error);
	finished
}

fn refused(args: &[&str], base: Option<&Path>) -> String {
	let finished = run_snapshot(args, base, base.map(|_| tiny_model()).as_deref());
	assert_eq!(finished.code, Some(1), "{args:?} should be refused: {finished:#?}");
	finished.error
}

fn text(path: &Path) -> &str {
	path.to_str().unwrap()
}

/// The line with `words` that a node logged since its last start, which may come after its RPC answers.
async fn said(node: &Node, words: &str) -> String {
	wait_until(words, || async {
		let log = node.log();
		let (_, now) = log.rsplit_once("✌️")?;
		now.lines().find(|line| line.contains(words)).map(str::to_string)
	})
	.await
}

/// Returns the machine's identifier, as its node reported it at its last start.
async fn machine(node: &Node) -> String {
	let line = said(node, "🔩").await;
	line.rsplit(' ').find(|word| word.starts_with("0x")).unwrap().trim().to_string()
}

/// The block that a node found in its database at its last start.
async fn found(node: &Node) -> u64 {
	let line = said(node, "Highest known block at #").await;
	line.rsplit('#').next().unwrap().trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_starts_one_node_and_takes_another_back() {
	let world = chain_of(40).await;
	let shop = world.files.path("snapshots");
	fs::create_dir_all(&shop).unwrap();
	let base = world.files.path("node");
	let export = ["export", "--to", text(&shop), "--with-blobs"];
	let busy = refused(&export, Some(&base));
	assert!(busy.contains("stop the node"), "{busy}");

	let mut exported = None;
	let world = world
		.restart(|node| {
			let config = node.stop();
			exported = Some(snapshot(&export, Some(&base)));
			config.block_time_ms(200)
		})
		.await;
	let exported = exported.unwrap().values.remove(0);
	let (archive, hash) = (exported["archive"].as_str().unwrap(), exported["hash"].as_str().unwrap());
	let number = exported["number"].as_u64().unwrap();
	assert!(number >= 40);
	snapshot(&["verify", "--from", archive, "--hash", hash], None);

	// A node that never met a peer has the whole chain, and its blobs. It finds the newer blocks on its own.
	let other = world.files.path("other");
	let imported = snapshot(&["import", "--from", archive, "--hash", hash], Some(&other));
	assert!(imported.values[0]["blobs"].as_u64().unwrap() > 0);
	let twice = refused(&["import", "--from", archive], Some(&other));
	assert!(twice.contains("--replace"), "{twice}");
	let joiner = NodeConfig::new(&other).operators(&["//Charlie"]).following(&world.node).start();
	assert_eq!(found(&joiner).await, number);
	let chain = Chain::connect(&joiner.url()).await;
	let goal = number + 20;
	wait_until("the joiner to catch up", || async { (finalized_number(&chain).await >= goal).then_some(()) })
		.await;

	// The way back, and forth again. What is the machine's own survives it.
	let before = machine(&joiner).await;
	let key = other.join("chains/blyan-dev/network");
	let identity =
		fs::read_dir(&key).unwrap().flatten().map(|file| fs::read(file.path()).ok()).collect::<Vec<_>>();
	let began_at = Instant::now();
	let config = joiner.stop();
	let back = snapshot(&["import", "--from", archive, "--replace"], Some(&other));
	assert!(back.error.contains("The database from before"), "{}", back.error);
	let joiner = config.start();
	assert_eq!(found(&joiner).await, number, "it is where the snapshot was made");
	assert_eq!(machine(&joiner).await, before, "{}", joiner.log());
	let chain = Chain::connect(&joiner.url()).await;
	let goal = world.chain.block_number().await;
	wait_until("the joiner to be back", || async { (finalized_number(&chain).await >= goal).then_some(()) })
		.await;
	println!("{} blocks back and forth in {:.1} s", goal - number, began_at.elapsed().as_secs_f64());
	assert!(began_at.elapsed() < ROLLBACK_MAX);
	let after =
		fs::read_dir(&key).unwrap().flatten().map(|file| fs::read(file.path()).ok()).collect::<Vec<_>>();
	assert_eq!(after, identity);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_refused_when_it_is_not_what_it_should_be() {
	let world = chain_of(5).await;
	let (base, shop) = (world.files.path("node"), world.files.path("x.tar.zst"));
	drop(world.chain);
	world.node.stop();
	let archive = text(&shop);
	snapshot(&["export", "--to", archive], Some(&base));
	let manifest = world.files.path("x.tar.zst.json");
	let (bytes, said) = (fs::read(&shop).unwrap(), fs::read_to_string(&manifest).unwrap());
	for private in ["keystore", "network", "secret", "_09_"] {
		assert!(!said.contains(private), "{private} is nobody's business");
	}

	let target = world.files.path("target");
	let place = target.join("chains/blyan-dev/paritydb/full");
	let import = ["import", "--from", archive];
	let expect_refusal = |args: &[&str], why: &str| {
		let error = refused(args, Some(&target));
		assert!(error.contains(why), "{error}");
		assert!(!place.exists(), "nothing is in place");
		assert!(!target.join("chains/blyan-dev/snapshot-import").exists(), "nothing is left lying about");
	};
	expect_refusal(&[&import[..], &["--hash", &format!("{:?}", H256::zero())]].concat(), "not the snapshot");

	let mut altered = bytes.clone();
	altered[bytes.len() / 2] ^= 1;
	fs::write(&shop, &altered).unwrap();
	expect_refusal(&import, "damaged");
	assert!(refused(&["verify", "--from", archive], None).contains("damaged"));
	fs::write(&shop, &bytes[..bytes.len() - 100]).unwrap();
	expect_refusal(&import, "bytes long");
	fs::write(&shop, &bytes).unwrap();

	let number = said.find("\"state_entries\": ").unwrap();
	let lie =
		format!("{}\"state_entries\": 1{}", &said[..number], &said[number + "\"state_entries\": ".len()..]);
	fs::write(&manifest, lie).unwrap();
	expect_refusal(&import, "not what its manifest says");
	fs::write(&manifest, &said).unwrap();

	// The built-in model makes another chain of the same name.
	let other = run_snapshot(&import, Some(&target), None);
	assert_eq!(other.code, Some(1));
	assert!(
		other.error.contains("another chain") && other.error.contains("--genesis-model"),
		"{}",
		other.error
	);
	assert!(!place.exists());
	snapshot(&import, Some(&target));
	assert!(place.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_with_another_model_refuse_each_other_and_say_why() {
	let world = World::with(|config| config.open()).await;
	let mut config = NodeConfig::new(&world.files.path("stranger")).operators(&[]).following(&world.node);
	config.model = None;
	let stranger = config.start();
	for node in [&world.node, &stranger] {
		let refusal = wait_until("the log to say why", || async {
			node.log().lines().find(|line| line.contains("it is on another chain")).map(str::to_string)
		})
		.await;
		assert!(refusal.contains("--genesis-model"), "{refusal}");
		assert!(refusal.contains(&format!("{:?}", world.chain.genesis())), "{refusal}");
	}
	let chain = Chain::connect(&stranger.url()).await;
	world.chain.wait_for_blocks(3).await;
	assert_eq!(chain.block_number().await, 0, "not a block of the other chain came over");
	let said = stranger.log().matches("it is on another chain").count();
	assert_eq!(said, 1, "once is enough");
}
