//! Records a second through the filter alone, and through the filter and the gate, in one process on the same records: one line of JSON
//! with the ratio.
//!
//! `gate FILE.jsonl [--seconds 5] [--threads 2]`; the program that runs the files is found as everywhere, by BLYAN_GATE or beside this one.

use blyan_datasets::filter::{Filter, Rules, Runs};
use blyan_gate::{Figures, Gate, Options, Record};
use rayon::prelude::*;
use std::{collections::BTreeMap, error::Error, fs, time::Instant};

/// Records that are judged at once: what a blob has, more or less.
const AT_ONCE: usize = 16_384;

fn main() -> Result<(), Box<dyn Error>> {
	let (mut file, mut options) = (None, BTreeMap::new());
	let mut arguments = std::env::args().skip(1);
	while let Some(argument) = arguments.next() {
		match argument.strip_prefix("--") {
			Some(name) => {
				let value: u64 = arguments.next().ok_or("an option needs a value")?.parse()?;
				options.insert(name.to_string(), value);
			}
			None => file = Some(argument),
		}
	}
	let number = |name: &str, default: u64| options.get(name).copied().unwrap_or(default);
	let texts = read(&file.ok_or("say which records: gate FILE.jsonl")?)?;
	let threads = usize::try_from(number("threads", 2))?;
	let seconds = number("seconds", 5);
	let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
	let filter = Filter::new(Rules::default());
	let gate = pool.install(|| Gate::start(&Options::default()))?;
	let rules = |texts: &[String]| {
		texts.par_iter().for_each(|text| {
			std::hint::black_box((filter.judge(text), Runs::of(text).bands()));
		});
	};
	let mut figures = Figures::default();
	let without = rate(&texts, seconds, |texts| {
		pool.install(|| rules(texts));
		Ok(())
	})?;
	let with = rate(&texts, seconds, |texts| {
		let records: Vec<Record<'_>> = texts.iter().map(|text| Record { text, language: None }).collect();
		let judged = pool.install(|| {
			rules(texts);
			gate.judge(&records)
		})?;
		judged.iter().for_each(|judgement| figures.add(judgement, String::new));
		Ok(())
	})?;
	let report = serde_json::json!({
		"bench": "datasets-gate",
		"records": texts.len(),
		"bytes": texts.iter().map(String::len).sum::<usize>(),
		"threads": threads,
		"runtime": gate.runtime(),
		"rules_records_per_second": without as u64,
		"rules_and_gate_records_per_second": with as u64,
		"ratio": (with / without * 100.0).round() / 100.0,
		"findings_ppm": figures.findings.iter().map(|(finding, count)| (finding.to_string(), count * 1_000_000 / figures.records.max(1)))
			.collect::<BTreeMap<_, _>>(),
	});
	println!("{report}");
	Ok(())
}

/// Records a second of a job over the same texts again and again.
fn rate(
	texts: &[String],
	seconds: u64,
	mut job: impl FnMut(&[String]) -> Result<(), Box<dyn Error>>,
) -> Result<f64, Box<dyn Error>> {
	let (began, mut done) = (Instant::now(), 0);
	while done == 0 || began.elapsed().as_secs() < seconds {
		for texts in texts.chunks(AT_ONCE) {
			job(texts)?;
			done += texts.len();
		}
	}
	Ok(done as f64 / began.elapsed().as_secs_f64())
}

fn read(path: &str) -> Result<Vec<String>, Box<dyn Error>> {
	let text = fs::read_to_string(path)?;
	let lines = text.lines().filter(|line| !line.trim().is_empty());
	lines
		.map(|line| {
			let row: serde_json::Value = serde_json::from_str(line)?;
			Ok(row["text"].as_str().ok_or("a line without a text")?.to_string())
		})
		.collect()
}
