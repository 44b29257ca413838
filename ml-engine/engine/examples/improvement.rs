//! What training one expert does to a model on both of its holdouts.
//!
//! ```text
//! cargo run --release -p blyan-engine --example improvement -- models/genesis 0 4 120 4
//!                                                           model, layer, expert, seconds, threads
//! ```
//! Trains as a miner does, on the files of buckets 192 to 255 that are not held out, and measures exactly. Ends in
//! one line of JSON: bits per byte before, change, and the change's standard error over sequences.

use blyan_engine::{
	block::{BlockShape, TensorBlock},
	dataset::{from_crates, CratesOptions},
	eval::{never_stop, Candidate, Evaluator},
	kernel::Kernel,
	model::{expert_from_weights, Model},
	train::{expert, Corpus},
};
use blyan_exact::ModelConfig;
use burn_flex::Flex;
use serde_json::{json, Value};
use std::{
	error::Error,
	ops::ControlFlow,
	path::{Path, PathBuf},
	sync::Arc,
};

/// Percentage of families that nobody trains on.
const HOLDOUT_PERCENT: u8 = 10;

/// Bits per byte of the baseline, change with the candidate, and its standard error.
fn compare(
	evaluator: &Evaluator,
	model: &Model,
	candidate: &Candidate,
	holdout: &[u8],
	len: usize,
) -> Result<[f64; 3], Box<dyn Error>> {
	let sequences: Vec<&[u8]> = holdout.chunks_exact(len).collect();
	let losses = evaluator
		.paired_losses(model, candidate, &sequences, &never_stop)
		.map_err(|error| format!("{error:?}"))?;
	let bits = |loss: f64| loss / 65_536.0 / len as f64;
	let count = losses.len() as f64;
	let before = losses.iter().map(|&(baseline, _)| bits(baseline as f64)).sum::<f64>() / count;
	let changes: Vec<f64> = losses.iter().map(|&(b, c)| bits(c as f64 - b as f64)).collect();
	let mean = changes.iter().sum::<f64>() / count;
	let variance = changes.iter().map(|change| (change - mean).powi(2)).sum::<f64>() / (count - 1.0);
	Ok([before, mean, (variance / count).sqrt()])
}

fn main() -> Result<(), Box<dyn Error>> {
	let arguments = std::env::args().skip(1).collect::<Vec<_>>();
	let [dir, layer, index, seconds, threads] = arguments.as_slice() else {
		return Err("usage: improvement MODEL_FOLDER LAYER EXPERT SECONDS THREADS".into());
	};
	let (dir, layer, index) = (Path::new(dir), layer.parse()?, index.parse()?);
	let manifest: Value = serde_json::from_slice(&std::fs::read(dir.join("manifest.json"))?)?;
	let config: ModelConfig = serde_json::from_value(manifest["config"].clone())?;
	let trunk = TensorBlock::open(&dir.join("trunk.tblk"), BlockShape::Trunk(config))?.to_trunk()?;
	let experts = (0..config.layers)
		.flat_map(|layer| (0..config.experts).map(move |expert| format!("l{layer}e{expert}.tblk")))
		.map(|name| Ok(TensorBlock::open(&dir.join(name), BlockShape::expert_of(&config))?.to_expert()?))
		.collect::<Result<Vec<_>, Box<dyn Error>>>()?;
	let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
	let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
	let registry = home.ok_or("neither CARGO_HOME nor HOME is set")?.join("registry/src");
	let options = CratesOptions { buckets: 192..256, ..Default::default() };
	let documents = from_crates(&registry, &options, &mut |_| ())?;
	let text = documents.iter().filter(|document| !document.is_held_out(HOLDOUT_PERCENT));
	let corpus = Corpus::new(text.map(|document| document.text.as_bytes()));
	let options = expert::Options {
		steps: 100_000,
		seconds_max: Some(seconds.parse()?),
		threads: threads.parse()?,
		..expert::Options::default()
	};
	let slot = expert::Slot { layer, expert: index };
	let trained = expert::train_expert::<Flex>(
		&config,
		&trunk,
		&experts.iter().collect::<Vec<_>>(),
		slot,
		&corpus,
		&[],
		options,
		&Default::default(),
		&mut |_| ControlFlow::Continue(()),
	)?;
	let model = Model::from_weights(&config, &trunk, &experts)?;
	let weights = Arc::new(expert_from_weights(&config, &trained.expert)?);
	let candidate = Candidate { layer, expert: index, weights };
	let evaluator = Evaluator::new(Kernel::best(), 0).map_err(|error| format!("{error:?}"))?.on_best_device();
	let mut report = json!({
		"slot": format!("layer{layer}.expert{index}"),
		"steps": trained.steps, "bytes": trained.bytes, "seconds": trained.seconds,
	});
	for (name, file) in [("target", "holdout.bin"), ("guard", "guard.bin")] {
		let holdout = std::fs::read(dir.join(file))?;
		let len = usize::from(config.context);
		let [before, change, error] = compare(&evaluator, &model, &candidate, &holdout, len)?;
		println!("{name}: {before:.4} bits per byte, change {change:+.5}, standard error {error:.5}");
		report[name] = json!({ "before": before, "change": change, "standard_error": error });
	}
	println!("{report}");
	Ok(())
}
