//! What commitments to traces cost: evaluation of a candidate with and without them, on one thread.
//!
//! ```text
//! cargo run -p blyan-engine --example traces -- [models/genesis] [seconds]
//! ```
//! Ends in one line of JSON.

use blyan_engine::{
	block::{BlockShape, TensorBlock},
	eval::{never_stop, Candidate, Evaluator},
	kernel::{hash::hash_all, Kernel},
	model::{expert_from_weights, Model},
};
use blyan_exact::{golden, ModelConfig, Program};
use serde_json::{json, Value};
use std::{
	error::Error,
	path::Path,
	sync::Arc,
	time::{Duration, Instant},
};

/// Alternates between the two, so that both see the same machine; tokens per second of each.
fn rates(seconds: f64, tokens: usize, mut work: [&mut dyn FnMut(); 2]) -> [f64; 2] {
	let limit = Duration::from_secs_f64(seconds);
	work.iter_mut().for_each(|work| work());
	let (mut spent, mut rounds) = ([Duration::ZERO; 2], 0);
	while spent[0] + spent[1] < 2 * limit {
		for (spent, work) in spent.iter_mut().zip(&mut work) {
			let started = Instant::now();
			work();
			*spent += started.elapsed();
		}
		rounds += 1;
	}
	spent.map(|spent| (rounds * tokens) as f64 / spent.as_secs_f64())
}

fn main() -> Result<(), Box<dyn Error>> {
	let mut arguments = std::env::args().skip(1);
	let dir = arguments.next().unwrap_or_else(|| "models/genesis".into());
	let seconds: f64 = arguments.next().map_or(Ok(3.0), |seconds| seconds.parse())?;
	let dir = Path::new(&dir);
	let manifest: Value = serde_json::from_slice(&std::fs::read(dir.join("manifest.json"))?)?;
	let config: ModelConfig = serde_json::from_value(manifest["config"].clone())?;
	let trunk = TensorBlock::open(&dir.join("trunk.tblk"), BlockShape::Trunk(config))?.to_trunk()?;
	let experts = (0..config.layers)
		.flat_map(|layer| (0..config.experts).map(move |expert| format!("l{layer}e{expert}.tblk")))
		.map(|name| Ok(TensorBlock::open(&dir.join(name), BlockShape::expert_of(&config))?.to_expert()?))
		.collect::<Result<Vec<_>, Box<dyn Error>>>()?;
	let model = Model::from_weights(&config, &trunk, &experts)?;
	let len: u16 = serde_json::from_value(manifest["holdout"]["sequence_len"].clone())?;
	let holdout = std::fs::read(dir.join("holdout.bin"))?;
	let sequences: Vec<&[u8]> = holdout.chunks_exact(len.into()).take(16).collect();
	let indices: Vec<u32> = (0..sequences.len() as u32).collect();
	let tokens = sequences.len() * usize::from(len);
	let program = Program::new(config, len).ok_or("the manifest contradicts itself")?;
	let bytes = |operators: std::ops::Range<usize>| -> usize {
		operators.filter_map(|index| program.shape_at(index)).map(|shape| shape.rows * shape.row_bytes).sum()
	};
	let of_trace = bytes(0..program.operators());
	println!("a trace has {} bytes a token", of_trace / usize::from(len));
	let weights = Arc::new(expert_from_weights(&config, &golden::random_expert(&config, b"candidate"))?);
	let mut kernels = serde_json::Map::new();
	for kernel in Kernel::available() {
		let messages = vec![7; 256 * 4_096];
		let messages: Vec<&[u8]> = messages.chunks(256).collect();
		let mut digests = Vec::new();
		let started = Instant::now();
		for _ in 0..32 {
			digests.clear();
			hash_all(kernel, &messages, &mut digests);
		}
		let hashing = (32 * 256 * messages.len()) as f64 / started.elapsed().as_secs_f64() / 1e9;
		let evaluator = Evaluator::new(kernel, 1).map_err(|error| format!("{error:?}"))?;
		for layer in [0, config.layers - 1] {
			let candidate = Candidate { layer, expert: 0, weights: weights.clone() };
			let [without, with] = rates(
				seconds,
				tokens,
				[
					&mut || drop(evaluator.paired_losses(&model, &candidate, &sequences, &never_stop)),
					&mut || drop(evaluator.items(&model, &candidate, &indices, &sequences, &never_stop)),
				],
			);
			// Both traces, the part in front of the candidate's slot once.
			let shared = program.index_of(blyan_exact::Operator::Up(layer, 0));
			let hashed = bytes(0..program.operators()) + bytes(shared..program.operators());
			let hashed = hashed as f64 / f64::from(len);
			let cost = 1.0 / with - 1.0 / without;
			println!(
				"{kernel:>12}, layer {layer}: {without:6.0} tokens/s, with traces {with:6.0}: {:.1} %; {:.2} GB/s hashed in {:.1} % of the time; alone {hashing:.2} GB/s",
				100.0 * with / without,
				hashed / cost / 1e9,
				100.0 * cost * with,
			);
			kernels.insert(
				format!("{kernel}/{layer}"),
				json!({
					"tokens_per_second": without.round(),
					"with_traces": with.round(),
					"ratio": (1_000.0 * with / without).round() / 1_000.0,
					"hashed_gb_per_second": (100.0 * hashed / cost / 1e9).round() / 100.0,
					"share_of_time": (1_000.0 * cost * with).round() / 1_000.0,
				}),
			);
		}
	}
	println!("{}", json!({ "trace_bytes_per_token": of_trace / usize::from(len), "kernels": kernels }));
	Ok(())
}
