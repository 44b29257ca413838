//! Suites and their sandboxes, from the options of a command.

use crate::{
	args::{BenchmarkSuiteArgs, SuiteSource},
	failure::{Context, Failure, Outcome},
};
use blyan_benchmarks::{
	generated::{expression_sandbox, held_out_seed, Generated, DEVELOPMENT_SEED, TASKS},
	sandbox::{Limits, MODULE_BYTES_MAX},
	source::{read_limited, read_text},
	task::{Language, TASK_BYTES_MAX},
	Sandbox, Suite,
};
use std::path::Path;

/// Reads or generates a suite. Its programs have no checker yet.
pub fn read(source: &SuiteSource, args: &BenchmarkSuiteArgs) -> Outcome<Suite> {
	let mut suite = match source {
		SuiteSource::Generated(generated) => generate(*generated, args)?,
		SuiteSource::Published(format, _) if args.held_out.is_some() => {
			let message = format!(
				"--held-out draws the tasks of generated suites, and {} is read from a file",
				format.name()
			);
			return Err(Failure::new(message).next("leave one of the two out"));
		}
		SuiteSource::Published(format, path) => {
			let suite = format.open(path)?;
			match &args.examples {
				Some(examples) => suite.with_examples(&format.open(examples)?, args.example_count),
				None => suite,
			}
		}
	};
	if let Some(path) = &args.preamble {
		let preamble = read_text(path, TASK_BYTES_MAX as u64)?;
		suite.preamble.insert_str(0, &preamble);
	}
	if let Some(limit) = args.limit {
		suite = suite.limited(limit);
	}
	Ok(suite)
}

/// Opens a suite, and starts the sandbox that its programs need.
pub fn open(source: &SuiteSource, args: &BenchmarkSuiteArgs) -> Outcome<(Suite, Option<Sandbox>)> {
	let mut suite = read(source, args)?;
	let sandbox = match suite.language() {
		Some(Language::Expression) => Some(expression_sandbox()?),
		Some(Language::Python) => Some(interpreter(&suite.name, args)?),
		None => None,
	};
	suite.checker = sandbox.as_ref().map(Sandbox::checker);
	Ok((suite, sandbox))
}

fn generate(generated: Generated, args: &BenchmarkSuiteArgs) -> Outcome<Suite> {
	if args.examples.is_some() {
		let message =
			format!("{} brings its own examples: --examples is for suites of files", generated.name());
		return Err(Failure::new(message).next("leave one of the two out"));
	}
	let seed = args.held_out.map_or(DEVELOPMENT_SEED, |hash| held_out_seed(&hash.0));
	Ok(generated.suite(&seed, args.limit.unwrap_or(TASKS)))
}

fn interpreter(suite: &str, args: &BenchmarkSuiteArgs) -> Outcome<Sandbox> {
	let Some(path) = &args.checker else {
		return Err(Failure::new(format!("{suite} has programs in Python, and no interpreter ships with blyan"))
			.next("bring one as a WebAssembly module with --checker; docs/benchmarks.md says which exports it needs"));
	};
	start(path, args.fuel)
}

fn start(path: &Path, fuel: Option<u64>) -> Outcome<Sandbox> {
	let module = read_limited(path, MODULE_BYTES_MAX as u64)?;
	let limits = Limits { fuel: fuel.unwrap_or(Limits::INTERPRETER.fuel), ..Limits::INTERPRETER };
	Sandbox::new(&module, limits).context(path.display())
}
