//! Tokens per second of the three ways to run a model, on one thread and on the same sequences.

use crate::{float::FloatModel, subject::Subject};
use blyan_engine::{
	eval::{never_stop, Evaluator},
	kernel::Kernel,
	model::Model,
};
use serde_json::{json, Value};
use std::{
	error::Error,
	path::Path,
	time::{Duration, Instant},
};

/// Tokens in one batch of the evaluator; the float model gets the same.
const BATCH_TOKENS: usize = 1_024;

/// Runs `work` on batch after batch until the time is over; tokens per second.
fn rate(sequences: &[Vec<u8>], batch: usize, seconds: f64, mut work: impl FnMut(&[Vec<u8>])) -> f64 {
	let limit = Duration::from_secs_f64(seconds);
	let batches = || sequences.chunks_exact(batch).cycle();
	// One batch unmeasured: tables, caches and the allocator are warm afterwards.
	batches().take(1).for_each(&mut work);
	let began_at = Instant::now();
	let mut tokens = 0usize;
	for batch in batches() {
		work(batch);
		tokens += batch.iter().map(Vec::len).sum::<usize>();
		if began_at.elapsed() >= limit {
			break;
		}
	}
	tokens as f64 / began_at.elapsed().as_secs_f64()
}

/// Measures all three and compares them with the fastest kernel of this processor.
pub fn measure(dir: &Path, seconds: f64) -> Result<Value, Box<dyn Error>> {
	let Subject { config, trunk, experts, sequences } = Subject::load(dir)?;
	let length = sequences.first().map(Vec::len).ok_or("the holdout is empty")?;
	let batch = (BATCH_TOKENS / length).clamp(1, sequences.len());

	let exact = blyan_exact::Model::new(config, &trunk, experts.iter().collect())
		.map_err(|error| format!("the model is not valid: {error:?}"))?;
	let fast = Model::from_weights(&config, &trunk, &experts)?;
	let float = FloatModel::new(config);
	let tables = float.tables(batch, length);

	let mut kernels = serde_json::Map::new();
	let mut best = 0.0;
	for kernel in Kernel::available() {
		let evaluator = Evaluator::new(kernel, 1).map_err(|error| format!("{error:?}"))?;
		let losses = |batch: &[Vec<u8>]| {
			let batch: Vec<&[u8]> = batch.iter().map(Vec::as_slice).collect();
			evaluator.losses(&fast, &batch, &never_stop).expect("the sequences fit the model")
		};
		// A fast wrong answer is worth nothing.
		let expected = exact.sequence_loss(&sequences[0]).map_err(|error| format!("{error:?}"))?;
		assert_eq!(losses(&sequences[..1]), [expected], "{} differs from exact", kernel.name());
		let tokens = rate(&sequences, batch, seconds, |batch| drop(losses(batch)));
		eprintln!("evaluator, {}: {tokens:.0} tokens/s", kernel.name());
		kernels.insert(kernel.name().into(), json!(tokens.round()));
		best = tokens;
	}
	let f32 = rate(&sequences, batch, seconds, |batch| {
		std::hint::black_box(float.loss(&batch.concat(), &tables));
	});
	eprintln!("f32 through burn-flex: {f32:.0} tokens/s");
	let definition = rate(&sequences, 1, seconds, |batch| {
		std::hint::black_box(exact.sequence_loss(&batch[0]).expect("the sequence fits the model"));
	});
	eprintln!("exact: {definition:.0} tokens/s");
	let ratio = |other: f64| (best / other * 100.0).round() / 100.0;
	eprintln!(
		"the evaluator is {} times as fast as f32 and {} times as fast as exact",
		ratio(f32),
		ratio(definition)
	);
	Ok(json!({
		"config": config,
		"sequence_len": length,
		"batch_tokens": batch * length,
		"threads": 1,
		"kernels": kernels,
		"f32": f32.round(),
		"exact": definition.round(),
		"ratio_to_f32": ratio(f32),
		"ratio_to_exact": ratio(definition),
		"traces": crate::traces::measure(dir, seconds, f32)?,
	}))
}
