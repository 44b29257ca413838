//! Records a second through the filter, near-duplicate signatures and exact hashes, and through an audit of the same records as a
//! dataset of blobs: one line of JSON.
//!
//! `filter [FILE.jsonl] [--seconds 5] [--threads 2] [--write FILE.jsonl]`; without a file it makes records of its own, the same
//! each time, and `--write` puts them into a file for other programs.

use blyan_datasets::{
	audit::{audit, Offer, Plan, SAMPLE_BYTES_MAX},
	filter::{Filter, Rules, Runs},
	hexadecimal,
	manifest::{self, BlobRecord, Clusters, Manifest},
	text_family, Counts, Document,
};
use blyan_exact::{blake2_256, merkle, Hash};
use rayon::prelude::*;
use std::{collections::BTreeMap, error::Error, fs, time::Instant};

/// Records that are made.
const RECORDS: u64 = 100_000;

fn main() -> Result<(), Box<dyn Error>> {
	let (mut file, mut options) = (None, BTreeMap::new());
	let mut arguments = std::env::args().skip(1);
	while let Some(argument) = arguments.next() {
		match argument.strip_prefix("--") {
			Some(name) => {
				drop(options.insert(name.to_string(), arguments.next().ok_or("an option needs a value")?))
			}
			None => file = Some(argument),
		}
	}
	let number = |name: &str, default: u64| options.get(name).map_or(Ok(default), |value| value.parse());
	let texts = match file {
		Some(path) => read(&path)?,
		None => (0..RECORDS).map(record).collect(),
	};
	if let Some(path) = options.get("write") {
		let lines: String =
			texts.iter().map(|text| format!("{}\n", serde_json::json!({ "text": text }))).collect();
		fs::write(path, lines)?;
	}
	let threads = usize::try_from(number("threads", 2)?)?;
	let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
	let filter = Filter::new(Rules::default());
	let (seconds, began) = (number("seconds", 5)?, Instant::now());
	let (mut rounds, mut kept) = (0_usize, 0);
	while rounds == 0 || began.elapsed().as_secs() < seconds {
		kept = pool.install(|| {
			texts
				.par_iter()
				.filter(|text| {
					let verdict = filter.judge(text);
					let work = (blake2_256(&[text.as_bytes()]), text_family(text), Runs::of(text).bands());
					std::hint::black_box(work);
					verdict.reason.is_none()
				})
				.count()
		});
		rounds += 1;
	}
	let taken = began.elapsed().as_secs_f64();
	let bytes: usize = texts.iter().map(String::len).sum();
	let audit = pool.install(|| time_audit(&texts));
	let (audited, audit_seconds) = audit.map_err(|error| -> Box<dyn Error> { error })?;
	let report = serde_json::json!({
		"bench": "datasets",
		"records": texts.len(),
		"bytes": bytes,
		"kept": kept,
		"threads": threads,
		"records_per_second": ((texts.len() * rounds) as f64 / taken) as u64,
		"bytes_per_second": ((bytes * rounds) as f64 / taken) as u64,
		"audit_records": audited,
		"audit_records_per_second": (audited as f64 / audit_seconds) as u64,
	});
	println!("{report}");
	Ok(())
}

/// Audits the texts as blobs of at most 32 MiB; returns the records of the drawn ones and the seconds that it took.
fn time_audit(texts: &[String]) -> Result<(u64, f64), Box<dyn Error + Send + Sync>> {
	let origin = format!("{}#1.1", "0".repeat(32));
	let lines = texts
		.iter()
		.map(|text| Document::new(text.clone(), origin.clone(), text_family(text), "CC0-1.0".into()).line());
	let (mut blobs, mut leaves) = (vec![Vec::new()], vec![Vec::new()]);
	for line in lines {
		let line = line?;
		if blobs.last().is_some_and(|blob| blob.len() + line.len() > 32 << 20) {
			blobs.push(Vec::new());
			leaves.push(Vec::new());
		}
		if let (Some(blob), Some(leaves)) = (blobs.last_mut(), leaves.last_mut()) {
			leaves.push(merkle::leaf(&line));
			blob.extend_from_slice(&line);
			blob.push(b'\n');
		}
	}
	let roots: Vec<Hash> = leaves.iter().map(|leaves| merkle::root(leaves)).collect();
	let records = blobs.iter().zip(&leaves).zip(&roots).map(|((blob, leaves), root)| BlobRecord {
		bytes: blob.len() as u64,
		documents: leaves.len() as u64,
		hash: hexadecimal(&blake2_256(&[blob])),
		root: hexadecimal(root),
	});
	let manifest = Manifest {
		blobs: records.collect(),
		bytes: 0,
		clusters: Clusters::default(),
		counts: Counts::default(),
		documents: texts.len() as u64,
		format: manifest::FORMAT.into(),
		held_out: 0,
		languages: BTreeMap::new(),
		licence: "CC0-1.0".into(),
		licences: BTreeMap::new(),
		root: manifest::root(&roots),
		rules: Rules::default(),
		version: manifest::VERSION,
	};
	let offer = Offer {
		licence: "CC0-1.0".into(),
		root: merkle::root(&roots),
		records: texts.len() as u64,
		bytes: blobs.iter().map(|blob| blob.len() as u64).sum(),
		blobs: u32::try_from(blobs.len())?,
	};
	let manifest = manifest.canonical()?;
	let began = Instant::now();
	let plan = Plan::new(&manifest, &offer, [7; 32], SAMPLE_BYTES_MAX).map_err(|fault| fault.to_string())?;
	let drawn: Vec<&[u8]> =
		plan.blobs().iter().filter_map(|blob| blobs.get(blob.number)).map(Vec::as_slice).collect();
	std::hint::black_box(audit(&plan, &drawn, &|| true)?);
	Ok((plan.blobs().iter().map(|blob| blob.records).sum(), began.elapsed().as_secs_f64()))
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

/// Prose and source code of about a kilobyte, with a find in one of a hundred.
fn record(number: u64) -> String {
	const WORDS: [&str; 24] = [
		"the", "model", "learns", "from", "text", "that", "people", "write", "and", "every", "node",
		"checks", "it", "again", "before", "a", "miner", "trains", "on", "some", "of", "its", "many",
		"records",
	];
	let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
	let mut draw = |limit: u64| {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		state % limit
	};
	let mut text = String::new();
	let is_code = number.is_multiple_of(4);
	for line in 0..14 {
		for _ in 0..10 {
			match draw(3) {
				0 => text.push_str(&format!("w{} ", draw(50_000))),
				_ => {
					text.push_str(WORDS[usize::try_from(draw(24)).unwrap_or_default()]);
					text.push(' ');
				}
			}
		}
		match is_code {
			true => text.push_str(&format!("= f_{}(x, \"{line}\");\n", draw(1_000))),
			false => text.push_str(if line % 5 == 4 { ".\n\n" } else { ". " }),
		}
	}
	if number.is_multiple_of(100) {
		text.push_str("write to someone@example.org about 4111 1111 1111 1111");
	}
	text
}
