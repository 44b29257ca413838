//! `model usage`: how often each expert of a model is used.

use super::losses::{read_holdout, runner};
use crate::{
	args::ModelUsageArgs,
	failure::{Failure, Kind, Outcome},
	output::{table, Output},
};
use blyan_open_model::{
	derive::Parent,
	grow::{never_chosen, Slot},
	run::{ExpertUse, Usage},
};
use serde_json::json;

/// An expert and its use.
struct Row {
	slot: Slot,
	used: ExpertUse,
	/// No text can reach it.
	is_unreachable: bool,
}

/// Reads holdouts with a model, and shows its experts, the least used one first.
pub fn run(output: &Output, args: &ModelUsageArgs) -> Outcome<()> {
	let model = Parent::open(&args.dir)?;
	if model.architecture().experts() == 0 {
		return Err(Failure::new("the model has no experts")
			.kind(Kind::Refused)
			.next("make some with: blyan model upcycle"));
	}
	let holdouts = args.holdouts.iter().map(|path| read_holdout(&model, path));
	let holdouts = holdouts.collect::<Outcome<Vec<_>>>()?;
	let mut runner = runner(&model, args.threads)?;
	let bar = output.bar("reading", holdouts.iter().map(|holdout| u64::from(holdout.sequences())).sum());
	let (mut usage, mut done) = (Usage::default(), 0);
	for holdout in &holdouts {
		for ids in (0..holdout.sequences()).filter_map(|sequence| holdout.ids(sequence)) {
			// The last id is predicted and read by no layer.
			runner.count_use(&ids[..ids.len() - 1], &mut usage)?;
			done += 1;
			bar.set(done);
		}
	}
	drop(bar);
	show(output, usage.tokens, &rows(&model, &usage)?);
	Ok(())
}

/// Returns the experts, the least used one of all layers first.
fn rows(model: &Parent, usage: &Usage) -> Outcome<Vec<Row>> {
	let mut rows = Vec::new();
	for (layer, experts) in (0_u8..).zip(&usage.layers) {
		let unreachable = never_chosen(model, layer)?;
		rows.extend((0_u16..).zip(experts).map(|(expert, used)| Row {
			slot: Slot { layer, expert },
			used: *used,
			is_unreachable: unreachable.contains(&expert),
		}));
	}
	rows.sort_by_key(|row| (row.used.tokens, row.used.gates, row.slot));
	Ok(rows)
}

fn show(output: &Output, tokens: u64, rows: &[Row]) {
	let experts: Vec<_> = rows
		.iter()
		.map(|Row { slot, used, is_unreachable }| {
			json!({ "layer": slot.layer, "expert": slot.expert, "tokens": used.tokens, "gates_q15": used.gates,
				"unreachable": is_unreachable })
		})
		.collect();
	let value = json!({ "tokens": tokens, "experts": experts });
	let share = |part: u64| {
		let ppm = u128::from(part) * 1_000_000 / u128::from(tokens.max(1));
		format!("{}.{:02} %", ppm / 10_000, ppm % 10_000 / 100)
	};
	let row = |Row { slot, used, is_unreachable }: &Row| {
		let note = if *is_unreachable { "no token can reach it" } else { "" };
		vec![
			slot.to_string(),
			used.tokens.to_string(),
			share(used.tokens),
			share(used.gates >> 15),
			note.into(),
		]
	};
	let cells: Vec<Vec<String>> = rows.iter().map(row).collect();
	let shown = format!("{}\n\n{tokens} tokens", table(&["expert", "tokens", "of all", "gates", ""], &cells));
	output.result(&value, shown);
}
