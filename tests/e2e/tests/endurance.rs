//! Ends of a node, orderly and not, and files that were damaged meanwhile: a small version of `scripts/endurance`.
#![allow(clippy::unwrap_used)]

use blyan_e2e::{Files, Node, NodeConfig, World, SLOT};
use std::{
	panic::AssertUnwindSafe,
	path::{Path, PathBuf},
	time::{Duration, Instant},
};

/// Time in which a node must notice that its database is damaged: a development node reads and writes it with every block.
const ENDS_WITHIN: Duration = Duration::from_secs(60);

/// Lines that no log may hold, however the node ended.
const FAULTS: [&str; 2] = ["panicked at", "This is a bug"];

fn ensure_no_faults(log: &str) {
	for fault in FAULTS {
		assert!(!log.contains(fault), "the log tells of a fault ({fault}):\n{log}");
	}
}

/// Files of the chain's database whose names begin so, the largest first.
fn tables(base: &Path, prefix: &str) -> Vec<PathBuf> {
	let chain = std::fs::read_dir(base.join("chains")).unwrap().flatten().next().unwrap().path();
	let database = std::fs::read_dir(chain.join("paritydb/full")).unwrap();
	let is_wanted = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(prefix);
	let mut files: Vec<PathBuf> = database.flatten().map(|entry| entry.path()).filter(is_wanted).collect();
	files.sort_by_key(|path| std::cmp::Reverse(std::fs::metadata(path).unwrap().len()));
	files
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_under_load_ends_in_order_and_goes_on_after_every_kind_of_end() {
	let mut world = World::with(|config| config.block_time_ms(200)).await;
	let noise = world.files.noise(1);
	// It evaluates meanwhile, and a client asks for text.
	world.command.expect(&["submit", &noise.arg(), "--slot", SLOT, "--suri", "//Dave", "--no-wait"]);
	let ends: [fn(Node) -> NodeConfig; 5] = [Node::stop, Node::kill, Node::stop, Node::kill, Node::stop];
	for (round, end) in ends.into_iter().enumerate() {
		let talking = world.command.start(&["chat", "--prompt", "pub fn ", "--max-bytes", "512"]);
		world.chain.wait_for_blocks(1).await;
		let before = world.chain.block_number().await;
		// `Node::stop` fails unless the exit status is 0.
		world = world.restart(end).await;
		drop(talking);
		world.chain.wait_for_blocks(1).await;
		// A development block is final when it is there, and what is final is on disk at most a moment later.
		let after = world.chain.block_number().await;
		assert!(after + 5 > before, "round {round}: block {before} was there, and {after} is the newest");
	}
	world.chain.wait_for_outcome(0).await;
	ensure_no_faults(&world.node.log());
}

/// Starts a node that must end by itself, before it listens or soon after; returns what it logged.
fn ends_by_itself(config: NodeConfig) -> String {
	let log = config.base_path.join("node.log");
	let before = std::fs::read_to_string(&log).unwrap_or_default().len();
	// A node that ends before it listens is a panic of its test.
	if let Ok(mut node) = std::panic::catch_unwind(AssertUnwindSafe(|| config.start())) {
		let began = Instant::now();
		while !node.has_ended() {
			assert!(began.elapsed() < ENDS_WITHIN, "it runs on a damaged database:\n{}", node.log());
			std::thread::sleep(Duration::from_millis(100));
		}
	}
	std::fs::read_to_string(&log).unwrap().split_off(before)
}

#[test]
fn a_damaged_database_ends_the_node_with_a_sentence_that_says_what_to_do() {
	let files = Files::new();
	let base = files.path("node");
	let node = NodeConfig::new(&base).start();
	// A node that is stopped as it begins may leave no index behind.
	let began = Instant::now();
	while !node.log().contains("proposing at 3 ") {
		assert!(began.elapsed() < ENDS_WITHIN, "it makes no blocks:\n{}", node.log());
		std::thread::sleep(Duration::from_millis(100));
	}
	let config = node.stop();
	let keep = |path: &Path| std::fs::read(path).unwrap();

	// The description of its columns: garbage.
	let metadata = tables(&base, "metadata").remove(0);
	let whole = keep(&metadata);
	std::fs::write(&metadata, b"not what was written").unwrap();
	let said = ends_by_itself(config.clone());
	assert!(said.contains("cannot be opened") && said.contains("snapshot import"), "{said}");
	std::fs::write(&metadata, whole).unwrap();

	// Every index cut in half: parity-db would fill it with zeros, and the node would run until it misses an entry.
	let kept: Vec<(PathBuf, Vec<u8>)> =
		tables(&base, "index_").into_iter().map(|path| (path.clone(), keep(&path))).collect();
	assert!(!kept.is_empty(), "the chain's database has no index");
	for (path, bytes) in &kept {
		std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
	}
	let said = ends_by_itself(config.clone());
	assert!(said.contains("instead of") && said.contains("move the folder `paritydb`"), "{said}");

	// With its files back the node goes on.
	for (path, bytes) in kept {
		std::fs::write(path, bytes).unwrap();
	}
	let node = config.start();
	ensure_no_faults(&node.log()[node.log().rfind("Blyan Node").unwrap_or_default()..]);
	node.stop();
}
