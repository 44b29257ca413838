//! `dataset create`, `check`, `from-files`, `from-jsonl` and `from-csv`: texts of any format, read by one set of readers.

use super::dataset_gate::{self, Advice};
use crate::{
	args::{DatasetSources, FromCsvArgs, TableFormat},
	failure::{Context, Failure, Kind, Outcome},
	output::Output,
	progress::Bar,
};
use blyan_datasets::{
	filter::Rules,
	job::{self, Options, Progress, Report, Sizes, Stage},
	manifest::Manifest,
	source::{
		convert::{convert, Converted, Shape},
		inventory::Kind as Format,
		Layout, Limits,
	},
	Document, Error, Licence, Reason, Tally,
};
use serde_json::{json, Value};
use std::{
	fs::File,
	io::{BufWriter, Write},
	path::{Path, PathBuf},
};

/// Makes a dataset, or goes on with one.
pub fn create(output: &Output, sources: &DatasetSources, out: &Path) -> Outcome<()> {
	let options = options(sources)?;
	let mut bars = Bars::new(output);
	let report =
		job::create(&sources.paths, out, &options, &mut |progress| bars.show(progress)).map_err(failure)?;
	drop(bars);
	let advice = dataset_gate::look(output, &sources.gate, out)?;
	let value = json!({ "folder": out, "id": report.id, "licence": report.manifest.licence, "manifest": report.manifest,
		"left_out": report.tally.counts.left_out, "first": report.tally.first,
		"gate": dataset_gate::value(advice.as_ref()) });
	let text = format!(
		"wrote {} to {}\nid {}\nlicence: {}, by {}\n{}{}",
		size(&report.manifest),
		out.display(),
		report.id,
		report.manifest.licence,
		report.licence_from,
		left_out(&report.tally),
		dataset_gate::line(advice.as_ref())
	);
	output.result(&value, text);
	Ok(())
}

/// Checks a dataset's folder; a fault is a failure.
pub fn ensure_whole(output: &Output, folder: &Path) -> Outcome<Manifest> {
	let mut bars = Bars::new(output);
	job::check(folder, &mut |progress| bars.show(progress)).map_err(failure)
}

/// Checks a dataset's folder, or reports what files would become.
pub fn check(output: &Output, sources: &DatasetSources) -> Outcome<()> {
	if let [folder] = sources.paths.as_slice() {
		if folder.join("manifest.json").is_file() && folder.join("blobs").is_dir() {
			let manifest = ensure_whole(output, folder)?;
			let advice = dataset_gate::look(output, &sources.gate, folder)?;
			let (size, line) = (size(&manifest), dataset_gate::line(advice.as_ref()));
			let text = format!("{} is whole: {size}{line}", folder.display());
			let gate = dataset_gate::value(advice.as_ref());
			output.result(
				&json!({ "folder": folder, "whole": true, "manifest": manifest, "gate": gate }),
				text,
			);
			return Ok(());
		}
	}
	let (options, mut bars) = (options(sources)?, Bars::new(output));
	let mut advice: Outcome<Option<Advice>> = Ok(None);
	let Report { manifest, tally, licence_from, .. } =
		job::check_sources(&sources.paths, &options, &mut |progress| bars.show(progress), |made| {
			advice = dataset_gate::look(output, &sources.gate, made);
		})
		.map_err(failure)?;
	drop(bars);
	let advice = advice?;
	let value = json!({ "licence": manifest.licence, "manifest": manifest, "left_out": tally.counts.left_out,
		"first": tally.first, "gate": dataset_gate::value(advice.as_ref()) });
	let text = format!(
		"would be {}\nlicence: {}, by {licence_from}\n{}{}",
		size(&manifest),
		manifest.licence,
		left_out(&tally),
		dataset_gate::line(advice.as_ref())
	);
	output.result(&value, text);
	Ok(())
}

fn options(sources: &DatasetSources) -> Outcome<Options> {
	let licence =
		sources.licence.as_deref().map(|text| parse_licence(text, sources.any_licence)).transpose()?;
	let dataset_bytes_max = sources.limit.map_or(u64::MAX, |limit| limit.saturating_mul(1 << 20));
	Ok(Options {
		licence,
		rules: Rules {
			any_licence: sources.any_licence,
			keep_generated: sources.keep_generated,
			..Rules::default()
		},
		layout: Layout { text_field: sources.text_field.clone(), with_category: sources.with_category },
		sizes: Sizes {
			dataset_bytes_max,
			memory_bytes_max: sources.memory.saturating_mul(1 << 20),
			..Sizes::default()
		},
		..Options::default()
	})
}

/// Rules for texts that are written as one file of JSON lines.
pub struct LinesOptions {
	/// Licence of texts that name none.
	pub licence: Licence,
	/// Takes texts under licences that are not permissive.
	pub any_licence: bool,
	/// Takes texts that a program wrote.
	pub keep_generated: bool,
	/// Bytes of text in all.
	pub bytes_max: u64,
	/// True if all files are JSON lines, whatever their names.
	pub is_json_lines: bool,
	/// Takes personal data, secrets and abuse: what comes of it is not published.
	pub stays_here: bool,
}

impl LinesOptions {
	/// Everything under this licence, which is not asked about, for a run on this machine.
	pub fn new(licence: Licence) -> Self {
		let (any_licence, keep_generated, is_json_lines) = (true, false, false);
		Self { licence, any_licence, keep_generated, bytes_max: u64::MAX, is_json_lines, stays_here: true }
	}
}

/// Documents of files and folders, in memory, and what was left out.
pub fn documents(
	output: &Output,
	paths: &[PathBuf],
	lines: &LinesOptions,
) -> Outcome<(Vec<Document>, Tally)> {
	let rules = Rules {
		any_licence: lines.any_licence,
		keep_generated: lines.keep_generated,
		stays_here: lines.stays_here,
		..Rules::default()
	};
	let options = Options {
		licence: Some(lines.licence.clone()),
		rules,
		kind: lines.is_json_lines.then_some(Format::JsonLines),
		sizes: Sizes { dataset_bytes_max: lines.bytes_max, ..Sizes::default() },
		..Options::default()
	};
	let mut bars = Bars::new(output);
	let (documents, report) =
		job::documents(paths, &options, &mut |progress| bars.show(progress)).map_err(failure)?;
	Ok((documents, report.tally))
}

/// Counts of what was left out, each with its first case, for programs.
pub fn skipped(tally: &Tally) -> Value {
	let cases = tally.counts.left_out.iter().map(|(reason, count)| {
		let name = serde_json::to_value(reason).unwrap_or_default();
		let case = json!({ "count": count, "first": tally.first.get(reason) });
		(name.as_str().unwrap_or_default().to_string(), case)
	});
	Value::Object(cases.collect())
}

/// Converts a table into JSON lines. The file appears whole or not at all.
pub fn from_csv(output: &Output, args: &FromCsvArgs) -> Outcome<()> {
	let name = args.file.to_string_lossy().to_ascii_lowercase();
	let separator = if name.contains(".tsv") { b'\t' } else { b',' };
	let shape = match args.format {
		TableFormat::Text => Shape::Text,
		TableFormat::Instruction => Shape::Instruction,
	};
	let beside = args.out.with_extension("partial");
	let mut file = BufWriter::new(File::create(&beside).context(beside.display())?);
	let converted = convert(&args.file, separator, shape, !args.no_category, &Limits::default(), &mut file);
	let Converted { written, tally } = converted.map_err(failure)?;
	file.flush().context(beside.display())?;
	file.get_ref().sync_all().context(beside.display())?;
	std::fs::rename(&beside, &args.out).context(args.out.display())?;
	let value = json!({ "file": args.out, "written": written, "read": tally.counts.read,
		"skipped": skipped(&tally) });
	let text = format!("wrote {written} lines to {}\nleft out: {tally}", args.out.display());
	output.result(&value, text);
	Ok(())
}

/// Reads a licence; refuses one that SPDX does not know, and one that is not permissive unless `any_licence`.
pub fn parse_licence(text: &str, any_licence: bool) -> Outcome<Licence> {
	let licence = Licence::parse(text).map_err(|error| {
		let next = match error.nearest() {
			Some(nearest) => format!("write --licence \"{nearest}\", or look it up at https://spdx.org/licenses"),
			None => "look the identifier up at https://spdx.org/licenses; a licence of your own is LicenseRef-NAME".into(),
		};
		Failure::new(error).next(next)
	})?;
	if !licence.is_permissive() && !any_licence {
		return Err(Failure::new(format!("\"{}\" is not a permissive licence", licence.as_str()))
			.kind(Kind::Refused)
			.next("if you may train on these texts all the same, say so with --any-licence"));
	}
	Ok(licence)
}

/// Sizes of a dataset in words.
fn size(manifest: &Manifest) -> String {
	format!(
		"{} documents, {:.1} MiB of text, in {} blobs; {} are held out",
		manifest.documents,
		manifest.bytes as f64 / f64::from(1 << 20),
		manifest.blobs.len(),
		manifest.held_out
	)
}

/// Counts of what was left out, found and put right, and how to relax the rule that excluded most.
pub fn left_out(tally: &Tally) -> String {
	let list =
		|counts: Vec<String>| if counts.is_empty() { "nothing".to_string() } else { counts.join(", ") };
	let found = tally.counts.findings.iter().map(|(finding, count)| format!("{count} {finding}")).collect();
	let notes = tally.counts.notes.iter().map(|(note, count)| format!("{count} {note}")).collect();
	let mut text = format!("left out: {tally}\nfound: {}\nput right: {}", list(found), list(notes));
	if let Some(next) = tally.main_reason().and_then(way_out) {
		text.push_str("\nnext: ");
		text.push_str(next);
	}
	text
}

/// The way around a rule, if there is one.
fn way_out(reason: Reason) -> Option<&'static str> {
	match reason {
		Reason::Utf16 => Some("convert these files: iconv -f UTF-16 -t UTF-8"),
		Reason::NotUtf8 | Reason::EncodingDamaged => {
			Some("convert these files, as with: iconv -f ISO-8859-1 -t UTF-8")
		}
		Reason::NoText => Some("name the field with the text: --text-field NAME"),
		Reason::Generated => Some("take them all the same with --keep-generated"),
		Reason::LicenceNotPermissive => {
			Some("if you may train on them all the same, say so with --any-licence")
		}
		Reason::OverLimit => Some("raise --limit"),
		_ => None,
	}
}

fn failure(error: Error) -> Failure {
	let kind = match &error {
		Error::Licence(_) | Error::LicenceNotPermissive(_) | Error::LicenceConflict { .. } => Kind::Refused,
		Error::Interrupted => Kind::Interrupted,
		_ => Kind::General,
	};
	Failure::new(error).kind(kind)
}

/// One bar after another, for one stage after another.
struct Bars<'a> {
	output: &'a Output,
	shown: Option<(Stage, Bar)>,
}

impl<'a> Bars<'a> {
	fn new(output: &'a Output) -> Self {
		Self { output, shown: None }
	}

	fn show(&mut self, progress: &Progress) -> bool {
		if self.shown.as_ref().is_none_or(|(stage, _)| *stage != progress.stage) {
			self.shown = None;
			let bar = match progress.stage {
				Stage::Hashing => self.output.byte_bar("hashing", progress.total),
				Stage::Reading => self.output.byte_bar("reading", progress.total),
				Stage::Pairing => self.output.bar("pairing", progress.total),
				Stage::Merging => self.output.bar("merging", progress.total),
			};
			self.shown = Some((progress.stage, bar));
		}
		if let Some((_, bar)) = &self.shown {
			bar.set_total(progress.total.max(progress.done));
			bar.set(progress.done);
			bar.note(format!("{} documents, {} left out", progress.documents, progress.left_out));
		}
		true
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn sources(licence: &str) -> DatasetSources {
		DatasetSources {
			paths: Vec::new(),
			licence: Some(licence.into()),
			any_licence: false,
			keep_generated: false,
			text_field: None,
			with_category: false,
			limit: Some(3),
			memory: 16,
			gate: crate::args::GateArgs::default(),
		}
	}

	#[test]
	fn a_dataset_is_made_and_checked_in_its_folder() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("a.txt");
		std::fs::write(&path, "Some words that people wrote, and that nothing is wrong with.").unwrap();
		let (output, out) = (Output::new(true), folder.path().join("out"));
		let sources = DatasetSources { paths: vec![path], ..sources("CC0-1.0") };
		create(&output, &sources, &out).unwrap();
		check(&output, &DatasetSources { paths: vec![out.clone()], licence: None, ..sources }).unwrap();
		std::fs::write(out.join("blobs/00000.jsonl"), "{}\n").unwrap();
		let failed =
			check(&output, &DatasetSources { paths: vec![out], ..self::sources("MIT") }).unwrap_err();
		assert!(failed.message.contains("bytes, the manifest says"), "{}", failed.message);
	}

	#[test]
	fn options_refuse_a_licence_that_is_not_permissive() {
		assert_eq!(options(&sources("CC-BY-NC-4.0")).unwrap_err().kind, Kind::Refused);
		assert_eq!(options(&sources("MIT")).unwrap().sizes.dataset_bytes_max, 3 << 20);
	}

	#[test]
	fn a_table_becomes_lines_of_which_a_dataset_is_made() {
		let folder = tempfile::tempdir().unwrap();
		let (file, out) = (folder.path().join("a.tsv"), folder.path().join("a.jsonl"));
		let words = "An answer that is long enough to be kept by the filter.";
		std::fs::write(&file, format!("question\tanswer\tcategory\nWhy\t{words}\tchat\nno answer\n"))
			.unwrap();
		let args = |no_category| FromCsvArgs {
			file: file.clone(),
			out: out.clone(),
			format: TableFormat::Text,
			no_category,
		};
		from_csv(&Output::new(true), &args(false)).unwrap();
		assert!(std::fs::read_to_string(&out).unwrap().contains("chat\\n\\nWhy"));
		from_csv(&Output::new(true), &args(true)).unwrap();
		let options = LinesOptions::new(Licence::parse("MIT").unwrap());
		let (documents, tally) = documents(&Output::new(true), &[out], &options).unwrap();
		assert_eq!(documents[0].text, format!("Why\n\n{words}"));
		assert_eq!((documents.len(), skipped(&tally)), (1, json!({})));
		let mut tally = Tally::default();
		tally.leave_out(Reason::TooShort, || "a.txt".into());
		assert_eq!(skipped(&tally), json!({ "too_short": { "count": 1, "first": "a.txt" } }));
	}

	#[test]
	fn the_hint_is_about_the_rule_that_excluded_most() {
		let mut tally = Tally::default();
		tally.leave_out(Reason::NoText, || "a.jsonl, 1".into());
		let text = left_out(&tally);
		assert!(
			text.starts_with("left out: 1 without a text (a.jsonl, 1)") && text.contains("--text-field"),
			"{text}"
		);
	}
}
