//! Measures what the README quotes, and ends in one line of JSON.
//!
//! - tokens per second of the evaluator, of `exact` and of the same architecture in f32, on one thread;
//! - the same of a candidate's evaluation with and without commitments to its traces;
//! - memory of an idle node;
//! - what 1,000 submissions weigh, by the chain's own weights;
//! - throughput of blobs between two nodes as a share of a plain copy's.

mod chain;
mod evaluator;
mod exchange;
mod float;
mod traces;

use clap::Parser;
use std::path::PathBuf;

/// What to measure.
#[derive(Debug, Parser)]
struct Options {
	/// Directory of the model to measure with.
	#[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/genesis"))]
	model: PathBuf,
	/// Seconds for each evaluator.
	#[arg(long, default_value_t = 5.0)]
	seconds: f64,
	/// Leave out what needs a running node.
	#[arg(long)]
	no_node: bool,
	/// Measure nothing but blobs between two nodes.
	#[arg(long, conflicts_with = "no_node")]
	exchange_only: bool,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
	let options = Options::parse();
	// One thread, so that ratios compare kernels and not schedulers.
	rayon::ThreadPoolBuilder::new().num_threads(1).build_global()?;
	let mut report = serde_json::Map::new();
	if !options.exchange_only {
		report.insert("evaluator".into(), evaluator::measure(&options.model, options.seconds)?);
	}
	if !options.no_node {
		let runtime = tokio::runtime::Runtime::new()?;
		if !options.exchange_only {
			let (memory, submissions) = runtime.block_on(chain::measure(&options.model));
			report.insert("node".into(), memory);
			report.insert("submissions".into(), submissions);
		}
		report.insert("exchange".into(), runtime.block_on(exchange::measure()));
	}
	println!("{}", serde_json::Value::Object(report));
	Ok(())
}
