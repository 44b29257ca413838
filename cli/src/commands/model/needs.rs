//! `model needs`: what a model takes, before it is there.

use crate::{
	args::{ModelNeedsArgs, WeightsArg},
	failure::Outcome,
	output::{table, Output},
};
use blyan_open_model::{
	directory,
	needs::{
		self, Bound, Limit, Machine, Needs, Preset, Rates, Weights, EVALUATION_POSITIONS,
		EVALUATION_SEQUENCES,
	},
};
use serde_json::json;

/// Computes and shows.
pub fn run(output: &Output, args: &ModelNeedsArgs) -> Outcome<()> {
	let weights = args.weights.map(|weights| match weights {
		WeightsArg::Int4 => Weights::Int4,
		WeightsArg::Int8 => Weights::Int8,
		WeightsArg::Ternary => Weights::Ternary,
	});
	let (name, architecture) = match (&args.path, &args.like) {
		(Some(path), _) => (path.display().to_string(), needs::read(path, weights)?),
		(None, like) => {
			let preset = Preset::find(like.as_deref().unwrap_or_default())?;
			(preset.source.into(), preset.architecture(weights)?)
		}
	};
	let spinner = output.spinner("measuring this machine");
	let needs = match (args.bandwidth, args.multiplies) {
		(Some(bandwidth), Some(multiplies)) => {
			let machine = Machine::of_data_sheet("a data sheet".into(), 1e9 * bandwidth, 1e12 * multiplies);
			Needs::on(&architecture, machine, args.positions)?
		}
		_ => Needs::here(&architecture, args.threads, args.positions)?,
	};
	drop(spinner);
	let summary = directory::summary(&architecture);
	let value = json!({ "model": name, "architecture": summary, "needs": needs });
	let shown = format!(
		"model        {name}\narchitecture {summary}\n\n{}\n\n{}",
		table(&["it takes", "", "computed from"], &rows(&needs)),
		machine(&needs.machine)
	);
	output.result(&value, shown);
	Ok(())
}

fn rows(needs: &Needs) -> Vec<Vec<String>> {
	let Needs { sizes, disputes, speed, .. } = needs;
	let row = |name: &str, value: String, why: String| vec![name.to_owned(), value, why];
	let bound = |name: &str, bound: Bound, why: String| {
		let limit = match bound.limit {
			Limit::Memory => "memory is the limit",
			Limit::Multiplies => "multiplying is the limit",
		};
		row(name, format!("{:.3} tokens/s", bound.tokens_per_second), format!("{why}; {limit}"))
	};
	let positions = speed.positions;
	let mut rows = vec![
		row(
			"weights",
			count(sizes.parameters),
			format!("{} of them for a token", count(sizes.active_parameters)),
		),
		row("disk, and download", bytes(sizes.disk_bytes), "files of all parts".into()),
		row(
			"memory for weights",
			bytes(sizes.memory_bytes),
			format!("{} read for a token", bytes(sizes.token_bytes())),
		),
		row("keys and values", bytes(sizes.position_bytes), "a position".into()),
		row("a full conversation", bytes(sizes.context_bytes()), format!("{} positions", sizes.context)),
		bound("generating, at most", speed.decode, format!("behind {positions} positions")),
		bound("reading, at most", speed.prefill, format!("a prompt of {positions}")),
		bound("losses, at most", speed.evaluation, format!("sequences of {EVALUATION_POSITIONS}")),
		row(
			"an evaluation",
			format!("{:.0} s", speed.evaluation_seconds),
			format!("{EVALUATION_SEQUENCES} sequences of {EVALUATION_POSITIONS}, one model, at that speed"),
		),
	];
	if let Some(seconds) = speed.tracing_seconds {
		rows.push(row("hashing its traces", format!("{seconds:.0} s"), "besides".into()));
	}
	rows.push(row("a trace", bytes(disputes.trace_bytes), "a token".into()));
	let fits = if disputes.is_disputable { "within" } else { "beyond" };
	rows.push(row(
		"largest witness",
		bytes(disputes.witness_bytes as u64),
		format!("of {}; {fits} what a chain takes", disputes.witness_of),
	));
	rows.push(row(
		"rounds of a dispute",
		disputes.rounds.to_string(),
		format!("{} operators", disputes.operators),
	));
	rows
}

fn machine(machine: &Machine) -> String {
	let giga = |rate: f64| rate / 1e9;
	let memory = giga(machine.bandwidth);
	match &machine.rates {
		Rates::Peak(peak) => format!(
			"By a data sheet: {memory:.0} GB/s, {:.0} x 10^12 multiply-adds of 8 bits a second. No kernel reaches both.",
			peak / 1e12
		),
		Rates::Measured { products, attention } => {
			let mut rates: Vec<Vec<String>> = products
				.iter()
				.map(|known| (format!("{}, {} bits", known.kind, known.bits), known.rate))
				.chain([("attention".into(), *attention)])
				.map(|(name, rate)| {
					vec![name, format!("{:.1}", giga(rate.one)), format!("{:.1}", giga(rate.many))]
				})
				.collect();
			rates.push(vec!["memory, GB/s".into(), format!("{memory:.1}"), String::new()]);
			let head = ["multiply-adds, 10^9/s", "one token", "many"];
			format!("Measured here: {}, {} threads\n{}", machine.name, machine.threads, table(&head, &rates))
		}
	}
}

/// Shows a count in millions or billions.
fn count(count: u64) -> String {
	match count {
		..1_000_000_000 => format!("{:.1} M", count as f64 / 1e6),
		_ => format!("{:.2} G", count as f64 / 1e9),
	}
}

/// Shows a number of bytes.
fn bytes(bytes: u64) -> String {
	match bytes {
		0..10_000 => format!("{bytes} B"),
		10_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
		1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
		_ => format!("{:.2} GB", bytes as f64 / 1e9),
	}
}
