//! Writes a small random model and receipts of two of its answers: what the tests of the JavaScript package verify.
//!
//! ```sh
//! cargo run -p blyan-verifier --example fixture -- DIRECTORY
//! ```
#![allow(clippy::unwrap_used)]

#[path = "../tests/support/mod.rs"]
mod support;

use blyan_open_model::GenerationRecord;
use std::{env, fs, path::PathBuf};

fn main() {
	let Some(directory) = env::args_os().nth(1).map(PathBuf::from) else {
		eprintln!("name a directory: fixture DIRECTORY");
		std::process::exit(2);
	};
	let (model, path) = (support::owned(), directory.join("model"));
	fs::create_dir_all(&path).unwrap();
	support::write(&model, &support::manifest(&model, &[]), &path);
	let sampled = support::record(&[], &support::settings(24, 256, 230));
	let greedy = support::record(&[], &support::settings(8, 0, 256));
	for (name, record) in [("sampled", sampled), ("greedy", greedy)] {
		fs::write(directory.join(name).with_extension("json"), line(&record)).unwrap();
	}
}

/// The record as a server writes it.
fn line(record: &GenerationRecord) -> String {
	let mut value = serde_json::to_value(record).unwrap();
	let fields = value.as_object_mut().unwrap();
	fields.insert("format".into(), "blyan/generation".into());
	fields.insert("version".into(), 1.into());
	format!("{value}\n")
}
