//! Measures the engine, and ends in one line of JSON. `scripts/bench` is how it is run.

mod audit;
mod blocks;
mod evaluator;
mod float;
mod kernels;
mod model;
mod serving;
mod streaming;
mod subject;
mod traces;
mod training;

use clap::{Args, Parser, Subcommand};
use std::{error::Error, path::PathBuf};

/// Measures the engine; both sides of each ratio in one run, on the same cores.
#[derive(Debug, Parser)]
struct Command {
	#[command(subcommand)]
	what: Measurement,
	#[command(flatten)]
	options: Options,
}

/// Options of every measurement.
#[derive(Debug, Args)]
struct Options {
	/// Directory of the model to measure with, from the repository's root.
	#[arg(long, global = true, default_value = "models/genesis")]
	model: PathBuf,
	/// Seconds for each side of a comparison.
	#[arg(long, global = true, default_value_t = 5.0)]
	seconds: f64,
	/// Threads of both sides. One compares kernels and not schedulers.
	#[arg(long, global = true, default_value_t = 1)]
	threads: usize,
	/// Python with the other side's packages; `scripts/bench` makes one. Without it that side is left out.
	#[arg(long, global = true)]
	python: Option<PathBuf>,
	/// Where `kernels` draws its roofline, as SVG.
	#[arg(long, global = true)]
	plot: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Measurement {
	/// The evaluator against the definition and the same architecture in f32, with and without traces.
	Evaluator,
	/// Products of matrices, and the parts of a forward pass, against f32 and against the machine's limits.
	Kernels,
	/// Prefill and decode against other engines, and what more experts cost.
	Model,
	/// Opening and reading TensorBlock files, against safetensors and pickle.
	Blocks,
	/// Experts larger than their memory budget.
	Streaming,
	/// Chat while a model is trained.
	Serving,
	/// Training, against PyTorch.
	Training,
	/// Verifying an answer, against generating it.
	Audit,
}

fn main() -> Result<(), Box<dyn Error>> {
	let Command { what, options } = Command::parse();
	rayon::ThreadPoolBuilder::new().num_threads(options.threads).build_global()?;
	let report = match what {
		Measurement::Evaluator => evaluator::measure(&options.model, options.seconds),
		Measurement::Kernels => kernels::measure(&options),
		Measurement::Model => model::measure(&options),
		Measurement::Blocks => blocks::measure(&options),
		Measurement::Streaming => streaming::measure(&options),
		Measurement::Serving => serving::measure(&options),
		Measurement::Training => training::measure(&options),
		Measurement::Audit => audit::measure(&options),
	}?;
	println!("{report}");
	Ok(())
}
