//! Memory that experts take, and give back. A process of its own: nothing else is in what it reads of itself.
#![allow(missing_docs, clippy::unwrap_used)]
#![cfg(target_os = "linux")]

use blyan_engine::{
	blobs::BlobStore,
	block::{block_ref, write_expert},
	model::{ExpertSource, ModelStore, StoredExperts},
};
use blyan_exact::{golden, Expert, Matrix, ModelConfig};
use blyan_primitives::BlockRef;
use std::sync::Arc;

/// The widest experts of version 1: about half a MiB each.
const CONFIG: ModelConfig =
	ModelConfig { d_model: 512, d_ff: 2_048, layers: 2, heads: 8, experts: 16, top_k: 2, context: 64 };
const MIB: u64 = 1 << 20;

/// Resident bytes of this process.
fn resident() -> u64 {
	let status = std::fs::read_to_string("/proc/self/status").unwrap();
	let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
	line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1_024
}

/// An expert that differs from others in its first weights.
fn expert(of: &Expert, number: usize) -> Expert {
	let mut up: Matrix = of.up.clone();
	for (bit, weight) in up.weights.iter_mut().take(8).enumerate() {
		*weight = (number >> bit & 1) as i8;
	}
	Expert { up, ..of.clone() }
}

#[test]
fn experts_that_are_dropped_give_their_memory_back_and_never_take_more_than_the_budget() {
	let dir = tempfile::tempdir().unwrap();
	let blobs = Arc::new(BlobStore::open(dir.path(), 64 * MIB).unwrap());
	let first = golden::random_expert(&CONFIG, b"eviction");
	let heads: Vec<BlockRef> = (0..CONFIG.slots() as usize)
		.map(|number| {
			let file = write_expert(&expert(&first, number), &CONFIG).unwrap();
			blobs.put(&file).unwrap();
			block_ref(&file)
		})
		.collect();
	drop(first);
	let all: u64 = heads.iter().map(|head| u64::from(head.blob.size)).sum();
	assert!(all > 16 * MIB);

	// Everything fits, is there, and goes.
	let store = ModelStore::new(blobs.clone(), 64 * MIB);
	store.load_expert(&CONFIG, &heads[0]).unwrap();
	store.drop_idle();
	let before = resident();
	let held: Vec<_> = heads.iter().map(|head| store.load_expert(&CONFIG, head).unwrap()).collect();
	let loaded = resident() - before;
	assert!(loaded > all * 9 / 10, "{loaded} of {all} bytes are resident");
	assert!(
		loaded < store.cached_bytes() + MIB,
		"{loaded} bytes are resident, {} counted",
		store.cached_bytes()
	);
	assert_eq!(store.drop_idle(), 0);
	drop(held);
	assert!(store.drop_idle() >= all);
	let left = resident().saturating_sub(before);
	assert!(left < MIB, "{left} bytes are still resident");

	// A budget of a quarter, used in turn many times over, is never exceeded.
	let store = ModelStore::new(blobs, 4 * MIB);
	let experts = StoredExperts::new(store.clone(), CONFIG, heads);
	for step in 0..4 * CONFIG.slots() as usize {
		ExpertSource::expert(&experts, step * 7 % CONFIG.slots() as usize).unwrap();
		assert!(store.cached_bytes() <= 4 * MIB);
		let taken = resident().saturating_sub(before);
		// One blob more is mapped for a moment while its hash is checked; another by the thread that loads ahead.
		assert!(taken < 6 * MIB, "{taken} bytes are resident after {step} steps");
	}
	assert!(store.metrics().evictions > 32);
}
