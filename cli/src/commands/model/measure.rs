//! `model measure`: bits per byte of texts.

use crate::{
	args::ModelMeasureArgs,
	failure::{Context, Outcome},
	local_model::LocalModel,
	output::{table, Output},
};
use blyan_open_model::measure::{self, Cost, Cut};
use serde_json::json;
use std::{path::Path, time::Instant};

/// Cost of one text.
struct Measured<'a> {
	path: &'a Path,
	sequences: usize,
	cost: Cost,
}

/// Measures every text, and all of them together.
pub fn run(output: &Output, args: &ModelMeasureArgs) -> Outcome<()> {
	let spinner = output.spinner("loading");
	let mut model = LocalModel::open(&args.dir, args.threads)?;
	drop(spinner);
	let cut = Cut { positions: args.positions, sequences_max: args.sequences };
	cut.validate(model.runner.weights().shape.context)?;
	// A text that cannot be read is named before the first one is measured.
	let sequences = args.texts.iter().map(|path| {
		let text = std::fs::read_to_string(path).context(path.display())?;
		measure::sequences(&model.tokenizer, &text, cut).context(path.display())
	});
	let sequences = sequences.collect::<Outcome<Vec<_>>>()?;
	let bar = output.bar("measuring", sequences.iter().map(|ids| ids.len() as u64).sum());
	let started = Instant::now();
	let (mut measured, mut total, mut done) = (Vec::new(), Cost::default(), 0);
	for (path, sequences) in args.texts.iter().zip(&sequences) {
		let cost = measure::cost(&mut model.runner, &model.tokenizer, sequences, |count| {
			bar.set(done + count as u64);
		})?;
		done += sequences.len() as u64;
		total += cost;
		measured.push(Measured { path, sequences: sequences.len(), cost });
	}
	drop(bar);
	show(output, &model, &measured, total, started.elapsed().as_secs_f64());
	Ok(())
}

fn show(output: &Output, model: &LocalModel, measured: &[Measured<'_>], total: Cost, seconds: f64) {
	let files: Vec<_> = measured
		.iter()
		.map(|Measured { path, sequences, cost }| {
			json!({ "file": path, "sequences": sequences, "tokens": cost.tokens, "bytes": cost.bytes,
				"bits_per_byte": cost.bits_per_byte() })
		})
		.collect();
	let all: usize = measured.iter().map(|text| text.sequences).sum();
	let value = json!({ "model_root": format!("0x{}", model.manifest.model_root), "files": files,
		"sequences": all, "tokens": total.tokens, "bytes": total.bytes,
		"bits_per_byte": total.bits_per_byte(), "seconds": seconds });
	let row = |name: String, sequences: usize, cost: &Cost| {
		vec![
			name,
			sequences.to_string(),
			cost.tokens.to_string(),
			cost.bytes.to_string(),
			format!("{:.4}", cost.bits_per_byte()),
		]
	};
	let texts = measured.iter().map(|text| row(text.path.display().to_string(), text.sequences, &text.cost));
	let mut rows: Vec<_> = texts.collect();
	if measured.len() > 1 {
		rows.push(row("all".into(), all, &total));
	}
	let shown = format!(
		"{}\n\n{} tokens in {seconds:.1} s ({:.0} a second), model 0x{}",
		table(&["text", "sequences", "tokens", "bytes", "bits a byte"], &rows),
		total.tokens,
		total.tokens as f64 / seconds.max(1e-9),
		model.manifest.model_root
	);
	output.result(&value, shown);
}
