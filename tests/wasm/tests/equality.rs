//! Differential test: what the chain computes in WebAssembly is what operators compute natively, block by block.

use blyan_wasm::digest;
use rayon::prelude::*;
use std::path::PathBuf;
use wasmtime::{Engine, Instance, Module, Store};

/// Blocks of one call.
const BATCH: u32 = 500;
/// Blocks in all.
const BLOCKS: u64 = 1_000_000;

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

#[test]
fn webassembly_and_native_code_compute_the_same_blocks() {
	let engine = Engine::default();
	let module = Module::from_file(&engine, guest()).expect("the guest is a valid module");
	(0..BLOCKS / u64::from(BATCH)).into_par_iter().for_each(|batch| {
		let mut store = Store::new(&engine, ());
		let instance = Instance::new(&mut store, &module, &[]).expect("the guest imports nothing");
		let run = instance
			.get_typed_func::<(u64, u32), u64>(&mut store, "digest")
			.expect("the guest has one function");
		let first = batch * u64::from(BATCH);
		let there = run.call(&mut store, (first, BATCH)).expect("the guest does not trap");
		assert_eq!(there, digest(first, BATCH), "blocks from {first} on");
	});
}
