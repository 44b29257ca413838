//! `dataset`: text with licence and origin, as JSON lines.

use crate::{
	args::{DatasetCommand, DatasetOutput},
	failure::{Context, Failure, Outcome},
	output::Output,
	session::Session,
};
use blyan_engine::dataset::{
	from_crates, from_files, read_jsonl, write_jsonl, CratesOptions, DatasetProgress, Document, FilesOptions,
};
use blyan_training::Corpus;
use serde_json::json;
use std::{
	collections::BTreeMap,
	ops::Range,
	path::{Path, PathBuf},
};

/// Percentage of document families that nobody trains on: holdouts are made of them.
pub const HELD_OUT_PERCENT: u8 = 10;

/// Crates that the genesis model never saw: what it is measured on is like them.
pub const UNSEEN_BUCKETS: Range<u16> = 192..256;

/// Text from one crate at most, so that a few giants do not drown the rest.
const CRATE_BYTES: u64 = 256 << 10;

/// Makes a dataset.
pub async fn run(session: &Session, command: DatasetCommand) -> Outcome<()> {
	let output = session.output.clone();
	tokio::task::spawn_blocking(move || match command {
		DatasetCommand::FromCrates { registry, buckets, output: target } => {
			let registry = registry.map_or_else(find_registry, Ok)?;
			let documents = documents_from_crates(&output, &registry, buckets, target.limit << 20)?;
			finish(&output, documents, &target)
		}
		DatasetCommand::FromFiles { paths, licence, output: target } => {
			let options = FilesOptions { license: licence, ..Default::default() };
			let mut documents = Vec::new();
			for path in &paths {
				documents.extend(documents_from_files(&output, path, &options)?);
			}
			finish(&output, within(documents, target.limit << 20), &target)
		}
	})
	.await?
}

/// Where cargo keeps the sources of crates.
pub fn find_registry() -> Outcome<PathBuf> {
	let home = std::env::var_os("CARGO_HOME")
		.map(PathBuf::from)
		.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
	home.map(|home| home.join("registry/src")).filter(|registry| registry.is_dir()).ok_or_else(|| {
		Failure::new("there are no crate sources on this machine")
			.next("build something with cargo first, set CARGO_HOME, or use: blyan dataset from-files")
	})
}

/// The sources of this project, above the running program or the current directory.
pub fn find_own_sources() -> Option<PathBuf> {
	let program = std::env::current_exe().ok();
	let current = std::env::current_dir().ok();
	let starts = [program, current];
	let above = starts.iter().flatten().flat_map(|start| start.ancestors());
	above.filter(|folder| folder.join("ml-engine/exact/src").is_dir()).map(PathBuf::from).next()
}

/// Documents from the crates in `buckets`, at most `bytes_max` of text.
pub fn documents_from_crates(
	output: &Output,
	registry: &Path,
	buckets: Range<u16>,
	bytes_max: u64,
) -> Outcome<Vec<Document>> {
	let bar = output.bar("crates", 1);
	let options = CratesOptions { buckets, bytes_max, crate_bytes_max: CRATE_BYTES, ..Default::default() };
	let mut progress = |progress: &DatasetProgress| {
		bar.set_total(progress.sources_total as u64);
		bar.set(progress.sources as u64);
		bar.note(format!("{} documents, {} MiB", progress.documents, progress.bytes >> 20));
	};
	from_crates(registry, &options, &mut progress)
		.context_next("crate sources", "name another folder with --registry DIR")
}

/// Documents from files of one licence.
pub fn documents_from_files(output: &Output, path: &Path, options: &FilesOptions) -> Outcome<Vec<Document>> {
	let bar = output.bar("files", 1);
	let mut progress = |progress: &DatasetProgress| {
		bar.set_total(progress.sources_total as u64);
		bar.set(progress.sources as u64);
		bar.note(format!("{} documents, {} MiB", progress.documents, progress.bytes >> 20));
	};
	from_files(path, options, &mut progress).context_next(path.display(), "name files of UTF-8 text")
}

fn within(documents: Vec<Document>, bytes_max: u64) -> Vec<Document> {
	let mut left = bytes_max;
	documents
		.into_iter()
		.take_while(|document| {
			let size = document.text.len() as u64;
			let fits = size <= left;
			left = left.saturating_sub(size);
			fits
		})
		.collect()
}

fn finish(output: &Output, documents: Vec<Document>, target: &DatasetOutput) -> Outcome<()> {
	write_jsonl(&target.out, &documents).context("dataset")?;
	let bytes: u64 = documents.iter().map(|document| document.text.len() as u64).sum();
	let mut licences = BTreeMap::<&str, u64>::new();
	for document in &documents {
		*licences.entry(&document.license).or_default() += document.text.len() as u64;
	}
	let mut largest: Vec<(&str, u64)> = licences.iter().map(|(name, bytes)| (*name, *bytes)).collect();
	largest.sort_by_key(|(_, bytes)| core::cmp::Reverse(*bytes));
	let shares: Vec<String> = largest
		.iter()
		.take(4)
		.map(|(name, part)| format!("{name} {:.0} %", 100.0 * *part as f64 / bytes.max(1) as f64))
		.collect();
	let value =
		json!({ "file": target.out, "documents": documents.len(), "bytes": bytes, "licences": licences });
	let text = format!(
		"wrote {} documents, {:.1} MiB, to {}\nlicences: {}",
		documents.len(),
		bytes as f64 / f64::from(1 << 20),
		target.out.display(),
		shares.join(", ")
	);
	output.result(&value, text);
	Ok(())
}

/// Text to train on, and a little of what is held out, to see whether training helps.
#[derive(Default)]
pub struct TrainingText {
	/// What may be trained on.
	pub corpus: Corpus,
	held_out: Vec<Vec<u8>>,
}

impl TrainingText {
	/// Takes a document to the side where its family belongs.
	pub fn push(&mut self, document: &Document) {
		if !document.is_held_out(HELD_OUT_PERCENT) {
			self.corpus.push(document.text.as_bytes());
		} else if self.held_out.len() < CHECKED_DOCUMENTS {
			self.held_out.push(document.text.as_bytes().to_vec());
		}
	}

	/// One sequence of `tokens` bytes from the middle of each held-out document, one after another.
	pub fn check(&self, tokens: usize) -> Vec<u8> {
		let long = self.held_out.iter().filter(|text| text.len() >= tokens);
		long.flat_map(|text| &text[(text.len() - tokens) / 2..][..tokens]).copied().collect()
	}
}

impl<'a> FromIterator<&'a Document> for TrainingText {
	fn from_iter<I: IntoIterator<Item = &'a Document>>(documents: I) -> Self {
		let mut text = Self::default();
		documents.into_iter().for_each(|document| text.push(document));
		text
	}
}

/// Held-out documents that a miner looks at.
const CHECKED_DOCUMENTS: usize = 48;

/// The text to train on: a dataset file, or the sources on this machine.
pub fn training_text(output: &Output, dataset: Option<&Path>) -> Outcome<TrainingText> {
	let Some(path) = dataset else {
		let registry = find_registry()?;
		let documents = documents_from_crates(output, &registry, UNSEEN_BUCKETS, TRAINING_BYTES)?;
		return Ok(documents.iter().collect());
	};
	let spinner = output.spinner("reading");
	let mut text = TrainingText::default();
	let documents = read_jsonl(path).context_next("dataset", "make one with: blyan dataset from-crates")?;
	for document in documents {
		text.push(&document.context("dataset")?);
		if text.corpus.documents() % 1_000 == 0 {
			spinner.note(format!("{} MiB", text.corpus.len() >> 20));
		}
	}
	Ok(text)
}

/// Text that training without a dataset file reads from the registry.
const TRAINING_BYTES: u64 = 64 << 20;

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn within_stops_before_the_limit() {
		let document = |n: usize| Document::new("x".repeat(n), "o".into(), "f".into(), "MIT".into());
		assert_eq!(within(vec![document(4), document(4), document(4)], 9).len(), 2);
		assert!(within(vec![document(4)], 3).is_empty());
	}

	#[test]
	fn what_is_held_out_is_checked_and_never_trained_on() {
		let documents: Vec<Document> = (0..200)
			.map(|n| Document::new(format!("text {n:03}"), format!("o{n}"), format!("f{n}"), "MIT".into()))
			.collect();
		let held_out = documents.iter().filter(|document| document.is_held_out(HELD_OUT_PERCENT)).count();
		assert!(held_out > 0);
		let text: TrainingText = documents.iter().collect();
		assert_eq!(text.corpus.documents(), 200 - held_out);
		assert_eq!(text.check(8).len(), 8 * held_out.min(CHECKED_DOCUMENTS));
		assert!(text.check(4).starts_with(b"xt "));
		assert!(text.check(9).is_empty());
	}
}
