//! Speed of choosing tokens against the definition's own function, on the logits of a model that writes.
//! `sampler MODEL` prints one line of JSON. Sides take turns in one process, and the fastest turn counts.

use blyan_exact::{definition2::sampling, Sampling};
use blyan_kernel::Kernel;
use blyan_open_model::{load, run::sample, Directory, Runner};
use clap::Parser;
use serde_json::{json, Map, Value};
use std::{error::Error, hint::black_box, path::PathBuf, sync::Arc, time::Instant};

#[derive(Parser)]
struct Arguments {
	/// Directory of the model.
	model: PathBuf,
	/// Positions whose logits are chosen from.
	#[arg(long, default_value_t = 32)]
	positions: usize,
	/// Turns of each side.
	#[arg(long, default_value_t = 3)]
	turns: usize,
}

/// Temperature and share of the probability to choose from, both in 256ths.
const SETTINGS: [(u16, u16); 5] = [(0, 256), (256, 230), (256, 256), (179, 230), (384, 250)];

fn main() -> Result<(), Box<dyn Error>> {
	let arguments = Arguments::parse();
	let directory = Directory::new(&arguments.model);
	let manifest = directory.manifest()?;
	let weights = Arc::new(load(&directory, &manifest, &directory.architecture(&manifest)?)?);
	let rows = logits(&mut Runner::new(weights, Kernel::best(), 1)?, arguments.positions)?;
	let mut report = Map::new();
	report.insert("kernel".into(), Kernel::best().name().into());
	report.insert("vocabulary".into(), rows[0].len().into());
	for (temperature, top_p) in SETTINGS {
		let settings = Sampling { temperature, top_p, seed: Sampling::key_of(1) };
		let mut best = [f64::INFINITY; 2];
		for _ in 0..arguments.turns {
			for (side, best) in [sampling::sample, sample].into_iter().zip(&mut best) {
				let started = Instant::now();
				for (position, row) in rows.iter().enumerate() {
					black_box(side(&settings, row, position as u64));
				}
				*best = best.min(started.elapsed().as_secs_f64() / rows.len() as f64);
			}
		}
		let [definition, ours] = best.map(|seconds| (seconds * 1e7).round() / 10.0);
		let side = json!({ "definition_us": definition, "us": ours, "ratio": (definition / ours).round() });
		report.insert(format!("temperature {temperature}, top_p {top_p}"), side);
	}
	println!("{}", Value::Object(report));
	Ok(())
}

/// Logits in front of every token of an answer that the model writes behind ids that mean nothing.
fn logits(runner: &mut Runner, positions: usize) -> Result<Vec<Vec<i32>>, Box<dyn Error>> {
	let vocabulary = runner.weights().shape.vocabulary;
	let settings = Sampling { temperature: 256, top_p: 230, seed: Sampling::key_of(0) };
	let (mut sequence, mut rows) = (runner.sequence(), Vec::with_capacity(positions));
	let mut ids: Vec<u32> = (0..64).map(|place| ((3 + place * 7_919) % vocabulary) as u32).collect();
	for _ in 0..positions {
		let mut row = Vec::new();
		runner.read(&mut sequence, &ids, &mut row)?;
		ids = vec![sample(&settings, &row, sequence.positions() as u64)];
		rows.push(row);
	}
	Ok(rows)
}
