//! The labelled set of `tests/labels.rs` and texts of other kinds, each with the filter's verdict: lines of JSON, which other bindings
//! of the filter are compared with.
//!
//! The last line has the copies among all texts.

#[path = "../tests/labelled/mod.rs"]
mod labelled;

use blyan_datasets::filter::{copies, Filter, Rules, Verdict};
use labelled::{cases, Case};
use serde_json::{json, Value};
use std::{
	error::Error,
	io::{self, BufWriter, Write},
};

/// Longest document, as jobs cut texts.
const DOCUMENT_BYTES_MAX: usize = 64 << 10;

fn main() -> Result<(), Box<dyn Error>> {
	let mut out = BufWriter::new(io::stdout().lock());
	let filter = Filter::new(Rules::default());
	let mut texts = Vec::new();
	for case in cases().into_iter().chain(others()) {
		let pieces = filter.judge_whole(&case.text, None, DOCUMENT_BYTES_MAX).pieces;
		let pieces: Vec<Value> = pieces
			.into_iter()
			.map(|(piece, verdict)| json!({ "bytes": piece.len(), "verdict": written(&verdict) }))
			.collect();
		let line = json!({
			"about": case.about,
			"is_positive": case.is_positive,
			"value": case.value,
			"verdict": written(&filter.judge(&case.text)),
			"pieces": pieces,
			"text": case.text,
		});
		writeln!(out, "{line}")?;
		texts.push(case.text);
	}
	let copies: Vec<Value> = copies(&texts)
		.into_iter()
		.map(|copy| copy.map_or(Value::Null, |copy| json!({ "reason": copy.reason, "kept": copy.kept })))
		.collect();
	writeln!(out, "{}", json!({ "copies": copies }))?;
	out.flush()?;
	Ok(())
}

fn written(verdict: &Verdict) -> Value {
	json!({ "reason": verdict.reason, "findings": verdict.findings })
}

/// Texts of every shape, notices, a key that is cut, and copies.
fn others() -> Vec<Case> {
	let prose = "Some words that people wrote, one after another, and then some more of them. ";
	let page: String = (0..9_000).map(|n| format!("w{} follows v{n}. ", n % 977)).collect();
	let key = ["-----BEGIN PRIVATE", " KEY-----\n"].concat() + &"MIIEvQIBADANBgkqhkiG9w0BAQ".repeat(60);
	let texts = [
		String::new(),
		"tiny".into(),
		format!("{prose}\0"),
		format!("{prose}\u{1}\u{2}\u{1b}"),
		format!("{prose}\u{fffd}\u{fffd}"),
		"12 34 56 -- 78 == 90 ++ 11".into(),
		format!("let x = \"{}\";", "QUJDREVG".repeat(200)),
		prose.repeat(40),
		"the same line again\n".repeat(30),
		"// SPDX-License-Identifier: GPL-3.0-only\nfn main() {}".into(),
		"// SPDX-License-Identifier: MIT\nfn main() { println!(\"of a machine\") }".into(),
		"# DO NOT EDIT, a program wrote this\nname = 1".into(),
		"// Proprietary and confidential\nfn main() {}".into(),
		"\u{6587}\u{5b57}\u{3068}\u{8a00}\u{8449}\u{3002}".repeat(5),
		"full width: \u{ff14}\u{ff11}\u{ff11}\u{ff11} 1111 1111 1111, as it is written".into(),
		page.clone(),
		format!("{}{key}{}", &page[..60_000], &page[..40_000]),
		format!("{page} and so on"),
		page,
	];
	let case = |text: String| Case { about: None, is_positive: false, value: String::new(), text };
	texts.into_iter().map(case).collect()
}
