//! `benchmark compare`: two models by the formula of promotion, or one model's results by two machines.

use super::read_reports;
use crate::{
	args::BenchmarkCompareArgs,
	failure::{Failure, Kind, Outcome},
	output::{table, Output},
};
use blyan_benchmarks::{
	generated::is_for_development,
	promotion::{compare, Gain, Promotion},
	Report,
};
use serde_json::json;

/// Compares two files of reports.
pub fn run(output: &Output, args: &BenchmarkCompareArgs) -> Outcome<()> {
	let (old, new) = (read_reports(&args.old)?, read_reports(&args.new)?);
	let first = old.first().map(|report| &report.model);
	if old.iter().chain(&new).all(|report| Some(&report.model) == first) {
		return same_model(output, &old, &new);
	}
	let promotion = compare(&old, &new, args.minimum)?;
	for report in new.iter().filter(|report| is_for_development(report)) {
		output.warn(format!(
			"the tasks of {} are those for development, which a model may have been trained on: measure both models with --held-out",
			report.suite
		));
	}
	output.result(&promotion, shown(&promotion));
	match promotion.is_promoted {
		true => Ok(()),
		false => Err(Failure::new(reason(&promotion)).kind(Kind::Refused)),
	}
}

fn shown(Promotion { suites, gain_ppm, minimum_ppm, is_promoted }: &Promotion) -> String {
	let right = |right: Option<u64>| right.map_or_else(|| "missing".into(), |right| right.to_string());
	let rows: Vec<Vec<String>> = suites
		.iter()
		.map(|Gain { suite, tasks, old, new, gain_ppm, .. }| {
			let gain = gain_ppm.map_or_else(|| "-".into(), signed_percent);
			vec![suite.clone(), tasks.to_string(), right(*old), right(*new), gain]
		})
		.collect();
	let mean = gain_ppm.map_or_else(|| "none: a suite is missing".into(), signed_percent);
	let promoted = if *is_promoted { "promoted" } else { "not promoted" };
	let head = ["suite", "tasks", "old", "new", "gain"];
	format!(
		"{}\n\nmean gain    {mean}\nasked for    {}\ndecision     {promoted}",
		table(&head, &rows),
		signed_percent(*minimum_ppm)
	)
}

fn reason(Promotion { suites, gain_ppm, minimum_ppm, .. }: &Promotion) -> String {
	match gain_ppm {
		Some(gain) => {
			format!(
				"a mean gain of {}, and {} is asked for",
				signed_percent(*gain),
				signed_percent(*minimum_ppm)
			)
		}
		None => {
			let missing = suites.iter().filter(|suite| suite.gain_ppm.is_none());
			let names: Vec<&str> = missing.map(|suite| suite.suite.as_str()).collect();
			format!(
				"one side has no report on the same tasks of {}: run them with both models",
				names.join(", ")
			)
		}
	}
}

/// The first report on a suite that the other file does not have.
fn missing<'a>(reports: &'a [Report], other: &[Report]) -> Option<&'a Report> {
	reports.iter().find(|report| other.iter().all(|other| other.suite_root != report.suite_root))
}

/// Compares what two machines say of one model. On a suite that one of them has not shown they do not agree.
fn same_model(output: &Output, one: &[Report], other: &[Report]) -> Outcome<()> {
	let lacks = [("second", missing(one, other)), ("first", missing(other, one))];
	if let Some((side, report)) = lacks.into_iter().find_map(|(side, report)| Some((side, report?))) {
		let message = format!("the {side} file has no report on the same tasks of {}", report.suite);
		return Err(Failure::new(message).kind(Kind::Refused));
	}
	let pairs = one.iter().filter_map(|report| {
		let counterpart = other.iter().find(|other| other.suite_root == report.suite_root)?;
		Some((report, counterpart))
	});
	for (report, counterpart) in pairs {
		if let Some(task) = report.first_difference(counterpart) {
			let fields = json!({ "suite": report.suite, "task": task });
			output.event("differs", fields, format!("{}: the results of task {task} differ", report.suite));
			let message = "two machines have different results for one model and one suite";
			let next = format!("run task {task} of {} again on a third machine", report.suite);
			return Err(Failure::new(message).kind(Kind::Refused).next(next));
		}
		let fields = json!({ "suite": report.suite, "root": report.root });
		output.event("equal", fields, format!("{}: equal, root 0x{}", report.suite, report.root));
	}
	Ok(())
}

/// Parts per million as percent, with a sign.
fn signed_percent(ppm: i64) -> String {
	let (sign, size) = (if ppm < 0 { '-' } else { '+' }, ppm.unsigned_abs());
	format!("{sign}{}.{:02} %", size / 10_000, size % 10_000 / 100)
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_benchmarks::{suite::Generation, Identity, Suite};

	#[test]
	fn gains_are_shown_with_a_sign_and_two_places() {
		assert_eq!(signed_percent(150_000), "+15.00 %");
		assert_eq!(signed_percent(-12_345), "-1.23 %");
		assert_eq!(signed_percent(0), "+0.00 %");
	}

	#[test]
	fn a_suite_that_only_one_of_two_files_has_is_missed_on_either_side() {
		let report = |name: &str| {
			let root = "ab".repeat(32);
			let model = Identity { model_root: root.clone(), tokenizer: root, ends: Vec::new() };
			Report::new(&Suite::new(name, Generation::until(&[], 1)), model, Vec::new())
		};
		let (one, both) = ([report("a")], [report("a"), report("b")]);
		assert_eq!(missing(&one, &both), None);
		assert_eq!(missing(&both, &one), Some(&both[1]));
	}

	#[test]
	fn a_missing_suite_is_named_in_the_refusal() {
		let gain = |suite: &str, new: Option<u64>| Gain {
			suite: suite.into(),
			suite_root: suite.into(),
			tasks: 10,
			old: Some(5),
			new,
			gain_ppm: new.map(|_| 0),
		};
		let suites = vec![gain("arc", Some(5)), gain("mmlu", None)];
		let promotion = Promotion { suites, gain_ppm: None, minimum_ppm: 0, is_promoted: false };
		assert!(reason(&promotion).contains("tasks of mmlu:"));
		assert!(shown(&promotion).contains("missing"));
	}
}
