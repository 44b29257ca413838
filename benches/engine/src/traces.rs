//! Cost of commitments to traces: evaluation of a candidate with and without them, on one thread.

use crate::subject::Subject;
use blyan_engine::{
	eval::{never_stop, Candidate, Evaluator},
	kernel::Kernel,
	model::{expert_from_weights, Model},
};
use blyan_exact::{golden, Operator, Program, SlotIndex};
use serde_json::{json, Value};
use std::{
	error::Error,
	ops::Range,
	path::Path,
	sync::Arc,
	time::{Duration, Instant},
};

/// Sequences of one job.
const SEQUENCES: usize = 16;

/// Takes turns, so that all see the same machine; tokens per second of each.
fn rates<const N: usize>(seconds: f64, tokens: usize, mut work: [&mut dyn FnMut(); N]) -> [f64; N] {
	let limit = Duration::from_secs_f64(seconds);
	// One round unmeasured: tables, caches and the allocator are warm afterwards.
	work.iter_mut().for_each(|work| work());
	let (mut spent, mut rounds) = ([Duration::ZERO; N], 0);
	while spent.iter().any(|spent| *spent < limit) {
		for (spent, work) in spent.iter_mut().zip(&mut work) {
			let began_at = Instant::now();
			work();
			*spent += began_at.elapsed();
		}
		rounds += 1;
	}
	spent.map(|spent| (rounds * tokens) as f64 / spent.as_secs_f64())
}

/// Bytes of the outputs of some operators.
fn bytes(program: &Program, operators: Range<usize>) -> usize {
	let shapes = operators.filter_map(|index| program.shape_at(index));
	shapes.map(|shape| shape.rows * shape.row_bytes).sum()
}

/// Measures every kernel of this processor, with the candidate in the first layer, where the most is computed twice,
/// and in the last.
///
/// `f32` is the rate of the float model, to compare with one model's evaluation with its trace.
pub fn measure(dir: &Path, seconds: f64, f32: f64) -> Result<Value, Box<dyn Error>> {
	let Subject { config, trunk, experts, sequences } = Subject::load(dir)?;
	let model = Model::from_weights(&config, &trunk, &experts)?;
	let weights = Arc::new(expert_from_weights(&config, &golden::random_expert(&config, b"candidate"))?);
	let sequences: Vec<&[u8]> = sequences.iter().take(SEQUENCES).map(Vec::as_slice).collect();
	let indices: Vec<u32> = (0..sequences.len() as u32).collect();
	let len = sequences.first().map_or(0, |bytes| bytes.len());
	let program = Program::new(config, u16::try_from(len)?).ok_or("the holdout does not fit the model")?;
	let (tokens, operators) = (sequences.len() * len, program.operators());
	let round = |number: f64, digits: i32| (number * 10_f64.powi(digits)).round() / 10_f64.powi(digits);
	let mut report = serde_json::Map::new();
	for kernel in Kernel::available() {
		let evaluator = Evaluator::new(kernel, 1).map_err(|error| format!("{error:?}"))?;
		let mut layers = Vec::new();
		for layer in [0, config.layers - 1] {
			let candidate = Candidate { slot: SlotIndex { layer, expert: 0 }, weights: weights.clone() };
			let [without, with] = rates(
				seconds,
				tokens,
				[
					&mut || drop(evaluator.paired_losses(&model, &candidate, &sequences, &never_stop)),
					&mut || drop(evaluator.items(&model, &candidate, &indices, &sequences, &never_stop)),
				],
			);
			// What lies in front of the candidate's slot is hashed once.
			let slot = program.index_of(Operator::Up(layer, 0));
			let hashed =
				(bytes(&program, 0..operators) + bytes(&program, slot..operators)) as f64 / len as f64;
			let cost = 1.0 / with - 1.0 / without;
			eprintln!(
				"traces, {kernel}, candidate in layer {layer}: {with:.0} tokens/s, {:.0} % of {without:.0} without",
				100.0 * with / without
			);
			layers.push(json!({
				"layer": layer,
				"tokens_per_second": with.round(),
				"without": without.round(),
				"ratio": round(with / without, 3),
				"share_of_time": round(cost * with, 3),
				"hashed_gb_per_second": round(hashed / cost / 1e9, 2),
			}));
		}
		// One model, one sequence at a time.
		let [single] = rates(
			seconds,
			tokens,
			[&mut || sequences.iter().for_each(|bytes| drop(evaluator.operator_roots(&model, bytes)))],
		);
		eprintln!("traces, {kernel}, one model: {single:.0} tokens/s, {:.1} times f32", single / f32);
		report.insert(
			kernel.name().into(),
			json!({ "pairs": layers, "one_model": single.round(), "ratio_to_f32": round(single / f32, 2) }),
		);
	}
	report.insert("bytes_per_token".into(), json!(bytes(&program, 0..operators) / len));
	Ok(Value::Object(report))
}
