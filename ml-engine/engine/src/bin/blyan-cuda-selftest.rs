//! Self-test of the GPU: whether it computes what the definition says, and how fast. PASS or FAIL for every
//! operator and for whole models, then one line of JSON. Ends with failure if anything differs or there is no GPU.
//!
//! `blyan-cuda-selftest [--rows N] [--models N] [--seed N] [--no-speed]`; a million rows an operator unless told otherwise.
//! Needs the driver and nothing else.

use blyan_engine::cuda::{
	check::{golden_model, operators, random_models, speed, Verdict},
	Device, DeviceError,
};
use serde_json::{json, Value};
use std::{error::Error, iter::once_with, process::ExitCode};

struct Options {
	rows: usize,
	models: usize,
	seed: u64,
	speed: bool,
}

fn options() -> Result<Options, Box<dyn Error>> {
	let mut options = Options { rows: 1_000_000, models: 50, seed: 1, speed: true };
	let mut arguments = std::env::args().skip(1);
	while let Some(argument) = arguments.next() {
		let mut number = || arguments.next().ok_or_else(|| format!("{argument} takes a number"));
		match argument.as_str() {
			"--rows" => options.rows = number()?.parse()?,
			"--models" => options.models = number()?.parse()?,
			"--seed" => options.seed = number()?.parse()?,
			"--no-speed" => options.speed = false,
			other => {
				return Err(format!("{other} is not one of --rows N, --models N, --seed N, --no-speed").into())
			}
		}
	}
	Ok(options)
}

fn print(verdict: &Verdict) {
	let Verdict { name, rows, took, difference } = verdict;
	match difference {
		None => println!("PASS {name}: {rows} rows in {:.1} s", took.as_secs_f64()),
		Some(difference) => println!("FAIL {name}: {difference}"),
	}
}

/// Runs every check; returns the report, and whether all of them passed.
fn test(options: &Options) -> Result<(Value, bool), DeviceError> {
	let device = Device::open()?;
	let info = device.info().clone();
	let products = if info.matrix_units { "matrix units" } else { "dot products" };
	println!("{}, compute capability {}.{}, {products}", info.name, info.capability.0, info.capability.1);
	let models = once_with(|| golden_model(&device))
		.chain(once_with(|| random_models(&device, options.models, options.seed)));
	let mut verdicts = Vec::new();
	for verdict in operators(&device, options.rows, options.seed).chain(models) {
		let verdict = verdict?;
		print(&verdict);
		verdicts.push(verdict);
	}
	let passed = verdicts.iter().all(|verdict| verdict.difference.is_none());
	let checks: serde_json::Map<String, Value> = verdicts
		.iter()
		.map(|verdict| {
			(verdict.name.into(), json!({ "rows": verdict.rows, "pass": verdict.difference.is_none() }))
		})
		.collect();
	let mut report = json!({
		"pass": passed,
		"gpu": info.name,
		"capability": format!("{}.{}", info.capability.0, info.capability.1),
		"products": products,
		"seed": options.seed,
		"checks": checks,
	});
	if options.speed {
		let speed = speed(&device)?;
		report["genesis_tokens_per_second"] = json!(speed.genesis_tokens_per_second.round());
		report["largest_tokens_per_second"] = json!(speed.largest_tokens_per_second.round());
		report["matmul_tops"] = json!((speed.matmul_tops * 10.0).round() / 10.0);
	}
	Ok((report, passed))
}

fn main() -> ExitCode {
	let options = match options() {
		Ok(options) => options,
		Err(error) => {
			eprintln!("error: {error}");
			return ExitCode::from(2);
		}
	};
	match test(&options) {
		Ok((report, passed)) => {
			println!("{report}");
			if passed {
				ExitCode::SUCCESS
			} else {
				ExitCode::FAILURE
			}
		}
		Err(error) => {
			println!("FAIL {error}");
			println!("{}", json!({ "pass": false, "error": error.to_string() }));
			ExitCode::FAILURE
		}
	}
}
