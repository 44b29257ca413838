//! A small random model whose tokens are bytes.

#[path = "../../../open-model/tests/support/mod.rs"]
mod talk;

pub use talk::{tokenizer, END};

use blyan_benchmarks::OpenModel;
use blyan_exact::definition2::golden;
use blyan_open_model::{load, Runner};
use std::sync::Arc;

/// A random model with this context, on so many threads.
pub fn runner(context: u32, threads: usize) -> Runner {
	let mut architecture = golden::ARCHITECTURES[0].1();
	architecture.context = context;
	let model = golden::random_model(architecture, b"benchmarks");
	let weights = load::weights(&model.view().unwrap()).unwrap();
	Runner::on_this_machine(Arc::new(weights), Some(threads)).unwrap()
}

/// The same as a subject.
pub fn model(context: u32, threads: usize) -> OpenModel {
	OpenModel::new(hex::encode([1; 32]), runner(context, threads), tokenizer(), vec![END])
}
