//! `dataset`: text with licence and origin, as JSON lines.

use super::{
	dataset_job::{self, LinesOptions},
	dataset_list, dataset_manifest, dataset_offer, dataset_stage, dataset_vote,
};
use crate::{
	args::{DatasetCommand, DatasetOutput, LicenceArgs},
	failure::{Context, Failure, Outcome},
	learning::{Mixture, TextSource},
	output::Output,
	session::Session,
};
use blyan_engine::dataset::{
	from_crates, read_jsonl, write_jsonl, Collected, CratesOptions, DatasetError, DatasetProgress, Document,
	Licence, SkipReason, Skipped,
};
use blyan_training::Corpus;
use serde_json::{json, Value};
use std::{
	collections::BTreeMap,
	ops::Range,
	path::{Path, PathBuf},
	sync::Arc,
};

/// Percentage of document families held out of training: holdouts are made of them.
pub const HELD_OUT_PERCENT: u8 = 10;

/// Crates that the genesis model never saw: what it is measured on is like them.
pub const UNSEEN_BUCKETS: Range<u16> = 192..256;

/// Text from one crate at most, so that a few giants do not drown the rest.
const CRATE_BYTES: u64 = 256 << 10;

/// Makes a dataset, or does something about one on the chain.
pub async fn run(session: &Session, command: DatasetCommand) -> Outcome<()> {
	match command {
		DatasetCommand::Offer(args) => return dataset_offer::run(session, *args).await,
		DatasetCommand::List { count } => return dataset_list::list(session, count).await,
		DatasetCommand::Show { dataset, json_ld } => {
			return dataset_list::show(session, dataset, json_ld).await
		}
		DatasetCommand::Lineage { dataset, submission } => {
			return dataset_list::lineage(session, dataset, submission).await;
		}
		DatasetCommand::Status { dataset, follow, timeout } => {
			return dataset_stage::run(session, dataset, follow, timeout).await;
		}
		DatasetCommand::Vote(args) => return dataset_vote::vote(session, args).await,
		DatasetCommand::Appeal(args) => return dataset_vote::appeal(session, args).await,
		DatasetCommand::Withdraw(args) => return dataset_vote::withdraw(session, args).await,
		DatasetCommand::Declare(args) => return dataset_manifest::declare(session, args).await,
		DatasetCommand::SignManifest(args) => return dataset_manifest::sign(session, args).await,
		DatasetCommand::VerifyManifest(args) => return dataset_manifest::verify(session, args).await,
		_ => {}
	}
	let output = session.output.clone();
	tokio::task::spawn_blocking(move || make(&output, command)).await?
}

/// The commands that need no chain.
fn make(output: &Output, command: DatasetCommand) -> Outcome<()> {
	match command {
		DatasetCommand::Create { sources, out } => dataset_job::create(output, &sources, &out),
		DatasetCommand::Check(sources) => dataset_job::check(output, &sources),
		DatasetCommand::Csv(args) => dataset_job::from_csv(output, &args),
		DatasetCommand::VerifyBatch { proof } => dataset_manifest::verify_batch(output, &proof),
		DatasetCommand::Crates { registry, buckets, output: target } => {
			let registry = registry.map_or_else(find_registry, Ok)?;
			let options = CratesOptions {
				buckets,
				bytes_max: target.limit << 20,
				keep_generated: target.keep_generated,
				..crates_options()
			};
			let Collected { documents, progress } = collect_crates(output, &registry, &options)?;
			let skipped = serde_json::to_value(&progress.skipped)?;
			finish(output, &documents, &skipped, left_out(&progress.skipped), &target)
		}
		DatasetCommand::Files { paths, licence, output: target } => {
			lines(output, &paths, &licence, &target, false)
		}
		DatasetCommand::Jsonl { paths, licence, output: target } => {
			lines(output, &paths, &licence, &target, true)
		}
		_ => Err(Failure::new("this command needs a node")),
	}
}

/// Files as one file of JSON lines.
fn lines(
	output: &Output,
	paths: &[PathBuf],
	args: &LicenceArgs,
	target: &DatasetOutput,
	is_json_lines: bool,
) -> Outcome<()> {
	let options = LinesOptions {
		licence: licence(args)?,
		any_licence: args.any_licence,
		keep_generated: target.keep_generated,
		bytes_max: target.limit << 20,
		is_json_lines,
		stays_here: false,
	};
	let (documents, tally) = dataset_job::documents(output, paths, &options)?;
	finish(output, &documents, &dataset_job::skipped(&tally), dataset_job::left_out(&tally), target)
}

fn licence(args: &LicenceArgs) -> Outcome<Licence> {
	dataset_job::parse_licence(&args.licence, args.any_licence)
}

/// A dataset's failure, with the way around the rule that bit most often.
fn explain(error: DatasetError) -> Failure {
	let next = match &error {
		DatasetError::Empty { skipped } => way_out(skipped.main_reason()),
		DatasetError::Line { .. } => "repair that line, or leave it out",
		_ => "name files or directories that can be read",
	};
	Failure::new(error).next(next)
}

fn way_out(reason: Option<SkipReason>) -> &'static str {
	match reason {
		None => "name files or directories with text in them",
		Some(SkipReason::TooShort) => "texts of less than 128 bytes teach nothing: join them to longer files",
		Some(SkipReason::TooLarge) => {
			"split the file: 64 KiB of a crate and 256 MiB of other text are read at most"
		}
		Some(SkipReason::NotUtf8) => "convert it to UTF-8, as with: iconv -f ISO-8859-1 -t UTF-8",
		Some(SkipReason::Utf16) => "convert it to UTF-8: iconv -f UTF-16 -t UTF-8",
		Some(SkipReason::Generated | SkipReason::LongLine) => "take it all the same with --keep-generated",
		Some(SkipReason::Duplicate) => "name other files",
		Some(SkipReason::OverLimit) => "raise the limit: --limit MiB",
		Some(SkipReason::SourceFull) => "name more crates: --buckets FROM..TO",
		Some(
			SkipReason::LicenceMissing
			| SkipReason::LicenceFileOnly
			| SkipReason::LicenceUnknown
			| SkipReason::LicenceNotPermissive
			| SkipReason::ManifestUnreadable,
		) => "name the licence yourself: blyan dataset from-files DIR --licence SPDX",
	}
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

fn show(bar: &crate::progress::Bar, progress: &DatasetProgress) {
	bar.set_total(progress.sources_total as u64);
	bar.set(progress.sources as u64);
	bar.note(format!("{} documents, {} MiB", progress.documents, progress.bytes >> 20));
}

fn crates_options() -> CratesOptions {
	CratesOptions { crate_bytes_max: CRATE_BYTES, ..Default::default() }
}

fn collect_crates(output: &Output, registry: &Path, options: &CratesOptions) -> Outcome<Collected> {
	let bar = output.bar("crates", 1);
	from_crates(registry, options, &mut |progress| show(&bar, progress)).map_err(|error| match error {
		DatasetError::Empty { .. } => explain(error),
		error => Failure::new(error).next("name another folder with --registry DIR"),
	})
}

/// Documents from the crates in `buckets`, at most `bytes_max` of text.
pub fn documents_from_crates(
	output: &Output,
	registry: &Path,
	buckets: Range<u16>,
	bytes_max: u64,
) -> Outcome<Vec<Document>> {
	let options = CratesOptions { buckets, bytes_max, ..crates_options() };
	Ok(collect_crates(output, registry, &options)?.documents)
}

/// Prose from the crates in `buckets`: their Markdown, at most `bytes_max` of it.
pub fn prose_from_crates(
	output: &Output,
	registry: &Path,
	buckets: Range<u16>,
	bytes_max: u64,
) -> Outcome<Vec<Document>> {
	let options = CratesOptions { buckets, bytes_max, extensions: vec!["md".into()], ..crates_options() };
	Ok(collect_crates(output, registry, &options)?.documents)
}

/// Documents from files of one licence.
pub fn documents_from_files(output: &Output, paths: &[PathBuf], licence: Licence) -> Outcome<Vec<Document>> {
	Ok(dataset_job::documents(output, paths, &LinesOptions::new(licence))?.0)
}

/// Documents of datasets (`.jsonl`), files and directories for a run on this machine. Nothing of them is published, so no
/// licence is asked for.
pub fn documents_of(output: &Output, paths: &[PathBuf]) -> Outcome<Vec<Document>> {
	let is_dataset = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "jsonl");
	let (datasets, files): (Vec<PathBuf>, Vec<PathBuf>) = paths.iter().cloned().partition(is_dataset);
	let mut documents = Vec::new();
	for path in &datasets {
		let read = read_jsonl(path).and_then(|documents| documents.collect::<Result<Vec<_>, _>>());
		documents.extend(read.context_next(path.display(), "make one with: blyan dataset from-files")?);
	}
	if !files.is_empty() {
		let options = LinesOptions::new(Licence::parse("LicenseRef-unpublished")?);
		let (found, tally) = dataset_job::documents(output, &files, &options)?;
		documents.extend(found);
		output.say(dataset_job::left_out(&tally));
	}
	Ok(documents)
}

fn finish(
	output: &Output,
	documents: &[Document],
	skipped: &Value,
	left_out: String,
	target: &DatasetOutput,
) -> Outcome<()> {
	write_jsonl(&target.out, documents).context("dataset")?;
	let bytes: u64 = documents.iter().map(|document| document.text.len() as u64).sum();
	let held_out = documents.iter().filter(|document| document.is_held_out(HELD_OUT_PERCENT)).count();
	let mut licences = BTreeMap::<&str, u64>::new();
	for document in documents {
		*licences.entry(&document.license).or_default() += document.text.len() as u64;
	}
	let mut largest: Vec<(&str, u64)> = licences.iter().map(|(name, bytes)| (*name, *bytes)).collect();
	largest.sort_by_key(|(_, bytes)| core::cmp::Reverse(*bytes));
	let shares: Vec<String> = largest
		.iter()
		.take(4)
		.map(|(name, part)| format!("{name} {:.0} %", 100.0 * *part as f64 / bytes.max(1) as f64))
		.collect();
	let value = json!({ "file": target.out, "documents": documents.len(), "bytes": bytes,
		"held_out": held_out, "licences": licences, "skipped": skipped });
	let text = format!(
		"wrote {} documents, {:.1} MiB, to {}; {held_out} are held out\nlicences: {}\n{left_out}",
		documents.len(),
		bytes as f64 / f64::from(1 << 20),
		target.out.display(),
		shares.join(", ")
	);
	output.result(&value, text);
	Ok(())
}

/// Lists the texts that were left out, and how to relax the rule that excluded most, if that would yield text.
fn left_out(skipped: &Skipped) -> String {
	if skipped.total() == 0 {
		return "left out: nothing".into();
	}
	match skipped.main_reason() {
		Some(SkipReason::Duplicate | SkipReason::TooShort | SkipReason::SourceFull) | None => {
			format!("left out: {skipped}")
		}
		reason => format!("left out: {skipped}; {}", way_out(reason)),
	}
}

/// Text to train on, and a little of what is held out, to see whether training helps.
#[derive(Default)]
pub struct TrainingText {
	/// Text that may be trained on.
	pub corpus: Corpus,
	/// Datasets of the chain that are trained on in place of the corpus.
	pub mixture: Option<Arc<Mixture>>,
	held_out: Vec<Vec<u8>>,
}

impl TrainingText {
	/// Datasets of the chain, with a little of what is held out of them.
	pub fn of_mixture(mixture: Mixture) -> Outcome<Self> {
		let mut text: Self = mixture.held_out(CHECKED_DOCUMENTS)?.iter().collect();
		text.mixture = Some(Arc::new(mixture));
		Ok(text)
	}

	/// The source that a run with this seed draws from.
	pub fn source(&self, seed: u64) -> TextSource<'_> {
		match &self.mixture {
			Some(mixture) => TextSource::Mixed(mixture.source(seed)),
			None => TextSource::Corpus(&self.corpus),
		}
	}

	/// Takes a document to the side where its family belongs.
	pub fn push(&mut self, document: &Document) {
		// Datasets of earlier releases may have kept a file's byte order mark.
		let text = document.text.strip_prefix('\u{feff}').unwrap_or(&document.text).as_bytes();
		if !document.is_held_out(HELD_OUT_PERCENT) {
			self.corpus.push(text);
		} else if self.held_out.len() < CHECKED_DOCUMENTS {
			self.held_out.push(text.to_vec());
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
pub const TRAINING_BYTES: u64 = 64 << 20;

#[cfg(test)]
mod tests {
	use super::*;

	fn args(licence: &str, any_licence: bool) -> LicenceArgs {
		LicenceArgs { licence: licence.into(), any_licence }
	}

	#[test]
	fn a_miners_own_text_is_read_whole_although_an_address_is_in_it() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("english.txt");
		std::fs::write(&path, "A page of English.\nWrite to jane.doe@example.org about it.\n".repeat(8))
			.unwrap();
		let output = Output::new(true);
		let documents = documents_of(&output, std::slice::from_ref(&path)).unwrap();
		assert!(documents.iter().any(|document| document.text.contains("jane.doe@example.org")));
		// What is made to be given away holds none.
		let options = LinesOptions { stays_here: false, ..LinesOptions::new(Licence::parse("MIT").unwrap()) };
		let failure = dataset_job::documents(&output, &[path], &options).unwrap_err();
		assert!(failure.message.contains("personal data"), "{}", failure.message);
	}

	#[test]
	fn a_licence_is_refused_unless_it_is_known_and_permissive_or_asked_for() {
		assert_eq!(licence(&args("CC0-1.0", false)).unwrap().as_str(), "CC0-1.0");
		for (text, next) in [
			("mit", "--licence \"MIT\""),
			("Apache 2.0", "--licence \"Apache-2.0\""),
			("MIT/Apache-2.0", "--licence \"MIT OR Apache-2.0\""),
			("", "spdx.org"),
			("banana", "spdx.org"),
			("CC-BY-NC-4.0", "--any-licence"),
			("MIT AND GPL-3.0-only", "--any-licence"),
		] {
			let failure = licence(&args(text, false)).unwrap_err();
			assert!(failure.next.as_ref().unwrap().contains(next), "{text}: {failure:?}");
		}
		assert!(licence(&args("CC-BY-NC-4.0", true)).is_ok());
		assert!(licence(&args("banana", true)).is_err());
	}

	#[test]
	fn the_hint_is_about_the_rule_that_bit_most_often() {
		let mut skipped = Skipped::default();
		skipped.note(SkipReason::TooShort, || "a".into());
		(0..2).for_each(|_| skipped.note(SkipReason::Generated, || "b".into()));
		let failure = explain(DatasetError::Empty { skipped: Box::new(skipped.clone()) });
		assert!(failure.next.unwrap().contains("--keep-generated"));
		assert!(failure.message.contains("1 too short (a), 2 generated (b)"), "{}", failure.message);
		assert!(left_out(&skipped).starts_with("left out: 1 too short (a), 2 generated (b); take it"));
		let mut short = Skipped::default();
		short.note(SkipReason::TooShort, || "a".into());
		assert_eq!(left_out(&short), "left out: 1 too short (a)");
		assert_eq!(left_out(&Skipped::default()), "left out: nothing");
	}

	#[test]
	fn a_byte_order_mark_is_never_trained_on() {
		let texts = (0..40).map(|n| format!("\u{feff}text {n:03}"));
		let documents: Vec<Document> =
			texts.map(|text| Document::new(text.clone(), "o".into(), text, "MIT".into())).collect();
		let text: TrainingText = documents.iter().collect();
		assert_eq!(text.corpus.len(), text.corpus.documents() * "\0text 000".len());
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
