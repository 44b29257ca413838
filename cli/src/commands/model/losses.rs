//! `model losses`: what a change of a model costs, exactly, and whether that is within a bound.

use crate::{
	args::{LossArgs, ModelLossesArgs},
	failure::{Context, Failure, Kind, Outcome},
	output::{table, Output},
};
use blyan_open_model::{
	derive::Parent,
	grow::{loss, LossPair},
	load, Holdout, Runner,
};
use serde_json::json;
use std::{
	path::{Path, PathBuf},
	sync::Arc,
};

/// Holdout with the sequences that are read.
struct Sample {
	path: PathBuf,
	holdout: Holdout<Vec<u8>>,
	indices: Vec<u32>,
}

/// Losses of two models on one holdout.
pub struct Measured {
	path: PathBuf,
	sequences: usize,
	pair: LossPair,
}

impl Measured {
	/// Reports whether both models have the same loss, to the bit.
	pub fn is_equal(&self) -> bool {
		self.pair.before == self.pair.after
	}
}

/// Compares the losses of two models in directories.
pub fn run(output: &Output, args: &ModelLossesArgs) -> Outcome<()> {
	let [old, new] = [Parent::open(&args.old)?, Parent::open(&args.new)?];
	let spinner = output.spinner("loading");
	let [mut before, mut after] = [runner(&old, args.threads)?, runner(&new, args.threads)?];
	drop(spinner);
	let measured = measure(output, &old, [&mut before, &mut after], &args.losses)?;
	if measured.is_empty() {
		return Err(Failure::new("no holdout is named")
			.kind(Kind::Refused)
			.next("name one with --holdout FILE; make one with: blyan model holdout DIR FILE.. --out FILE"));
	}
	show(output, &measured);
	ensure_within(&measured, args.losses.loss_max, &args.new)
}

/// Loads a model on threads.
pub fn runner(model: &Parent, threads: Option<usize>) -> Outcome<Runner> {
	let weights = load(model.directory(), model.manifest(), model.architecture())?;
	Ok(Runner::on_this_machine(Arc::new(weights), threads)?)
}

/// Reads a holdout of a model's own tokens.
pub fn read_holdout(model: &Parent, path: &Path) -> Outcome<Holdout<Vec<u8>>> {
	let bytes = std::fs::read(path).context(path.display())?;
	let next = "make one with: blyan model holdout DIR FILE.. --out FILE";
	let holdout = Holdout::read(bytes).context_next(path.display(), next)?;
	holdout.ensure_text(model.tokenizer()).context_next(path.display(), next)?;
	Ok(holdout)
}

/// Measures the losses of two models on the holdouts that are named, none if none is.
pub fn measure(
	output: &Output,
	model: &Parent,
	[before, after]: [&mut Runner; 2],
	args: &LossArgs,
) -> Outcome<Vec<Measured>> {
	let samples = [&args.holdout, &args.guard].into_iter().flatten().map(|path| {
		let holdout = read_holdout(model, path)?;
		let indices = (0..holdout.sequences()).collect();
		Ok(Sample { path: path.clone(), holdout, indices })
	});
	let samples = samples.collect::<Outcome<Vec<Sample>>>()?;
	let bar = output.bar("measuring", samples.iter().map(|sample| 2 * sample.indices.len() as u64).sum());
	let mut done = 0;
	let mut one = |runner: &mut Runner, Sample { holdout, indices, .. }: &Sample| {
		loss(runner, holdout, indices, |_| -> Outcome<()> {
			done += 1;
			bar.set(done);
			Ok(())
		})
	};
	let mut measured = Vec::new();
	for sample in &samples {
		let pair = LossPair { before: one(&mut *before, sample)?, after: one(&mut *after, sample)? };
		measured.push(Measured { path: sample.path.clone(), sequences: sample.indices.len(), pair });
	}
	Ok(measured)
}

/// Shows losses, and how much they rose.
pub fn show(output: &Output, measured: &[Measured]) {
	let value: Vec<_> = measured
		.iter()
		.map(|Measured { path, sequences, pair }| {
			json!({ "file": path, "sequences": sequences, "before_q16": pair.before.to_string(),
				"after_q16": pair.after.to_string(), "rise_ppm": -pair.gain_ppm() })
		})
		.collect();
	let row = |Measured { path, sequences, pair }: &Measured| {
		vec![
			path.display().to_string(),
			sequences.to_string(),
			bits(pair.before),
			bits(pair.after),
			rise(pair),
		]
	};
	let rows: Vec<Vec<String>> = measured.iter().map(row).collect();
	let head = ["holdout", "sequences", "bits before", "bits after", "rise in ppm"];
	output.event("losses", json!({ "holdouts": value }), table(&head, &rows));
}

/// Bits of a loss in Q16, with two decimals.
fn bits(loss: u64) -> String {
	format!("{}.{:02}", loss >> 16, ((loss & 0xffff) * 100) >> 16)
}

fn rise(pair: &LossPair) -> String {
	format!("{:+}", -pair.gain_ppm())
}

/// Refuses a change that costs more on some holdout than it may.
pub fn ensure_within(measured: &[Measured], most_ppm: Option<u32>, new: &Path) -> Outcome<()> {
	let Some(most_ppm) = most_ppm else { return Ok(()) };
	let Some(Measured { path, pair, .. }) = measured.iter().find(|one| !one.pair.is_within(most_ppm)) else {
		return Ok(());
	};
	Err(Failure::new(format!(
		"the loss on {} rises by {} parts per million, more than {most_ppm}",
		path.display(),
		-pair.gain_ppm()
	))
	.kind(Kind::Refused)
	.next(format!("{} is whole; take less from the model, or train what is left", new.display())))
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::failure::ExitStatus;

	fn measured(before: u64, after: u64) -> Measured {
		Measured { path: "guard".into(), sequences: 3, pair: LossPair { before, after } }
	}

	#[test]
	fn one_holdout_beyond_the_bound_is_enough_to_refuse() {
		let new = Path::new("new");
		let both = [measured(1_000, 900), measured(1_000_000, 1_020_001)];
		assert!(ensure_within(&both, None, new).is_ok());
		assert!(ensure_within(&both, Some(20_001), new).is_ok());
		let refused = ensure_within(&both, Some(20_000), new).unwrap_err();
		assert_eq!(refused.kind.exit_code(), 4);
		assert!(refused.message.contains("guard rises by 20001"), "{}", refused.message);
		assert!(ensure_within(&[], Some(0), new).is_ok());
	}

	#[test]
	fn losses_are_shown_in_bits_and_rises_with_their_sign() {
		assert_eq!([0, 65_536, 98_304, 65_535].map(bits), ["0.00", "1.00", "1.50", "0.99"]);
		assert_eq!(rise(&measured(100, 102).pair), "+20000");
		assert_eq!(rise(&measured(100, 98).pair), "-20000");
	}
}
