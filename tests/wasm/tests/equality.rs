//! Differential test: what the chain computes in WebAssembly is what operators compute natively, block by block.

use blyan_wasm::{digest, digest_of_adapters, digest_of_answers, digest_of_second};
use rayon::prelude::*;
use std::path::PathBuf;
use wasmtime::{Engine, Instance, Module, Store};

/// Blocks of one call.
const BATCH: u32 = 500;
/// Blocks of the first definition in all.
const BLOCKS: u64 = 1_000_000;
/// Blocks of the second definition in all; one costs several times as much.
const BLOCKS_OF_SECOND: u64 = 200_000;
/// Blocks of adapters in all; one in 64 has 65,536 columns.
const BLOCKS_OF_ADAPTERS: u64 = 100_000;
/// Blocks of answers in all; some hash the noise of 4,096 tokens.
const BLOCKS_OF_ANSWERS: u64 = 50_000;

/// The module, which `scripts/test` builds before the tests.
fn guest() -> PathBuf {
	let exe = std::env::current_exe().expect("a test runs from a file");
	// <target>/debug/deps/<test>
	let target = exe.ancestors().nth(3).expect("tests are built into the target directory");
	let module = target.join("wasm32v1-none/debug/blyan_wasm.wasm");
	assert!(
		module.exists(),
		"{} is missing: cargo build --package blyan-wasm --target wasm32v1-none",
		module.display()
	);
	module
}

/// Runs a function of the guest and its native twin over so many blocks.
fn compare(name: &str, blocks: u64, native: fn(u64, u32) -> u64) {
	let engine = Engine::default();
	let module = Module::from_file(&engine, guest()).expect("the guest is a valid module");
	(0..blocks / u64::from(BATCH)).into_par_iter().for_each(|batch| {
		let mut store = Store::new(&engine, ());
		let instance = Instance::new(&mut store, &module, &[]).expect("the guest imports nothing");
		let run = instance
			.get_typed_func::<(u64, u32), u64>(&mut store, name)
			.expect("the guest has every function that is compared");
		let first = batch * u64::from(BATCH);
		let there = run.call(&mut store, (first, BATCH)).expect("the guest does not trap");
		assert_eq!(there, native(first, BATCH), "{name}: blocks from {first} on");
	});
}

#[test]
fn webassembly_and_native_code_compute_the_same_blocks() {
	compare("digest", BLOCKS, digest);
}

#[test]
fn webassembly_and_native_code_compute_the_same_blocks_of_the_second_definition() {
	compare("digest_of_second", BLOCKS_OF_SECOND, digest_of_second);
}

#[test]
fn webassembly_and_native_code_compute_the_same_blocks_of_adapters() {
	compare("digest_of_adapters", BLOCKS_OF_ADAPTERS, digest_of_adapters);
}

#[test]
fn webassembly_and_native_code_compute_the_same_blocks_of_answers() {
	compare("digest_of_answers", BLOCKS_OF_ANSWERS, digest_of_answers);
}
