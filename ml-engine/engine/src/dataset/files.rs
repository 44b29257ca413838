//! Documents from plain files, and from lines of JSON that hold a text.

use super::{
	collector::{relative_name, Collected, Collector, LongLines, Rules, FILE_BYTES_MIN},
	lines::Lines,
	DatasetError, DatasetProgress, Licence, SkipReason,
};
use serde::Deserialize;
use std::{
	fs,
	path::{Path, PathBuf},
};

/// Files larger than this are not read whole.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Selection from files and folders.
#[derive(Clone, Debug)]
pub struct FilesOptions {
	/// Licence the texts are under.
	pub licence: Licence,
	/// File name extensions to take from folders; empty takes every file.
	pub extensions: Vec<String>,
	/// Takes texts that a program wrote as well.
	pub keep_generated: bool,
	/// No more than this in all.
	pub bytes_max: u64,
	/// A file that is left out of folders, such as the one that is written.
	pub except: Option<PathBuf>,
}

impl FilesOptions {
	/// Every file under this licence.
	pub fn new(licence: Licence) -> Self {
		Self { licence, extensions: Vec::new(), keep_generated: false, bytes_max: u64::MAX, except: None }
	}

	fn rules(&self, bytes_min: usize) -> Rules {
		Rules {
			bytes_min,
			file_bytes_max: FILE_BYTES_MAX,
			generated: (!self.keep_generated).then_some(LongLines::Prose),
			is_cut: true,
			bytes_max: self.bytes_max,
		}
	}
}

/// Files below `folder` in a fixed order. Symbolic links are not followed.
pub(super) fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), DatasetError> {
	let io = |source| DatasetError::Io { path: folder.into(), source };
	let mut entries = fs::read_dir(folder).map_err(io)?.collect::<Result<Vec<_>, _>>().map_err(io)?;
	entries.sort_by_key(std::fs::DirEntry::file_name);
	for entry in entries {
		let kind = entry.file_type().map_err(io)?;
		if kind.is_dir() {
			walk(&entry.path(), found)?;
		} else if kind.is_file() {
			found.push(entry.path());
		}
	}
	Ok(())
}

/// A file, and its name within what was asked for.
type Named = (PathBuf, String);

/// The files that are named, and those in folders that are.
fn files(roots: &[PathBuf], options: &FilesOptions) -> Result<Vec<Named>, DatasetError> {
	let except = options.except.as_ref().and_then(|path| path.canonicalize().ok());
	let wanted = |path: &Path| {
		let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
		let is_wanted =
			options.extensions.is_empty() || options.extensions.iter().any(|wanted| wanted == extension);
		is_wanted && (except.is_none() || path.canonicalize().ok() != except)
	};
	let mut all = Vec::new();
	for root in roots {
		if root.is_dir() {
			let mut found = Vec::new();
			walk(root, &mut found)?;
			found.retain(|path| wanted(path));
			all.extend(found.into_iter().map(|path| {
				let name = relative_name(path.strip_prefix(root).unwrap_or(&path));
				(path, name)
			}));
		} else {
			let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
			all.push((root.clone(), name));
		}
	}
	Ok(all)
}

/// Documents from files, and from the files below folders.
///
/// A text is one document however often and under whatever name it is found. Texts of more than 64 KiB are cut. Neither
/// the spelling of a path nor anything above a named folder shows in the documents.
pub fn from_files(
	roots: &[PathBuf],
	options: &FilesOptions,
	progress: &mut dyn FnMut(&DatasetProgress),
) -> Result<Collected, DatasetError> {
	let files = files(roots, options)?;
	let rules = options.rules(FILE_BYTES_MIN);
	let mut collector = Collector::default();
	collector.progress.sources_total = files.len();
	for (path, name) in files {
		collector.take_file(&path, &name, None, options.licence.as_str(), &rules)?;
		collector.progress.sources += 1;
		progress(&collector.progress);
	}
	collector.finish()
}

/// A line with a text; what else it says is left out.
#[derive(Deserialize)]
struct TextLine {
	text: String,
	#[serde(default, alias = "licence")]
	license: Option<serde_json::Value>,
}

/// Documents from files of JSON lines with a field `text`. A line's own licence counts before the one of `options`; a
/// line whose licence is not permissive is left out unless `is_any_licence`.
pub fn from_jsonl(
	paths: &[PathBuf],
	options: &FilesOptions,
	is_any_licence: bool,
	progress: &mut dyn FnMut(&DatasetProgress),
) -> Result<Collected, DatasetError> {
	let rules = options.rules(1);
	let mut collector = Collector::default();
	collector.progress.sources_total = paths.len();
	for path in paths {
		let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
		let mut lines = Lines::open(path)?;
		while let Some(line) = lines.next() {
			let (at, line) = line?;
			let origin = format!("{name}:{at}");
			let line: TextLine =
				serde_json::from_str(&line).map_err(|error| lines.refuse_json(at, &error))?;
			let own = match &line.license {
				None => options.licence.clone(),
				Some(own) => match Licence::parse_lax(own.as_str().unwrap_or_default()) {
					Ok(own) => own,
					Err(error) => {
						collector.skip(SkipReason::LicenceUnknown, &format!("{origin}: {error}"));
						continue;
					}
				},
			};
			if line.license.is_some() && !own.is_permissive() && !is_any_licence {
				let what = format!("{origin}: {}", own.as_str());
				collector.skip(SkipReason::LicenceNotPermissive, &what);
				continue;
			}
			collector.take(&line.text, &origin, None, own.as_str(), &rules);
		}
		collector.progress.sources += 1;
		progress(&collector.progress);
	}
	collector.finish()
}

#[cfg(test)]
mod tests {
	use super::*;
	use std::fs;

	fn options() -> FilesOptions {
		FilesOptions::new(Licence::parse("CC0-1.0").unwrap())
	}

	fn collect(roots: &[PathBuf]) -> Collected {
		from_files(roots, &options(), &mut |_| ()).unwrap()
	}

	fn prose(seed: usize) -> String {
		(0..12).map(|n| format!("Sentence {n} of text {seed} says something.\n")).collect()
	}

	#[test]
	fn from_files_gives_the_same_document_however_the_path_is_spelt() {
		let folder = tempfile::tempdir().unwrap();
		let at = folder.path();
		fs::create_dir(at.join("sub")).unwrap();
		fs::write(at.join("a.txt"), prose(1)).unwrap();
		let spellings = [
			at.join("a.txt"),
			at.join("./a.txt"),
			at.join("sub/../a.txt"),
			at.to_path_buf(),
			at.join("sub/.."),
		];
		let first = collect(&spellings[..1]).documents;
		for spelling in &spellings {
			assert_eq!(collect(std::slice::from_ref(spelling)).documents, first, "{}", spelling.display());
		}
		assert_eq!(first[0].origin, "a.txt");
		fs::rename(at.join("a.txt"), at.join("sub/another name.txt")).unwrap();
		let moved = collect(&[at.to_path_buf()]).documents;
		assert_eq!((&moved[0].family, &moved[0].hash), (&first[0].family, &first[0].hash));
		assert_eq!(moved[0].origin, "sub/another name.txt");
	}

	#[test]
	fn from_files_takes_a_text_once_over_all_arguments() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("a.txt");
		fs::write(&path, prose(1)).unwrap();
		let roots = [path.clone(), path, folder.path().into(), folder.path().into()];
		let collected = collect(&roots);
		assert_eq!(collected.documents.len(), 1);
		assert_eq!(collected.progress.skipped.count(SkipReason::Duplicate), 3);
	}

	#[test]
	fn from_files_says_why_a_file_is_left_out_and_cuts_a_book() {
		let folder = tempfile::tempdir().unwrap();
		let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
		let book: String = (0..3_000).map(|n| format!("This is sentence {n} of a long book.\n\n")).collect();
		write("book.txt", book.as_bytes());
		write("short.txt", &[b'x'; 127]);
		write("paragraph.md", "a paragraph of one line ".repeat(60).as_bytes());
		write("prose.txt", format!("Please do not edit the water with bindgen.\n{}", prose(2)).as_bytes());
		write("latin1.txt", &[&b"first line\ncaf"[..], &[0xe9], &[b'x'; 200]].concat());
		write("utf16.txt", &[&[0xff, 0xfe][..], &b"x\0".repeat(200)].concat());
		write("table.txt", "0x12, 0x34, ".repeat(200).as_bytes());
		write("made.c", format!("/* Automatically generated. */\n{}", prose(3)).as_bytes());
		let Collected { documents, progress } = collect(&[folder.path().into()]);
		let skipped: Vec<_> = progress.skipped.iter().collect();
		assert_eq!(
			skipped,
			[
				(SkipReason::TooShort, 1, "short.txt"),
				(SkipReason::NotUtf8, 1, "latin1.txt, line 2: byte 14 is 0xe9"),
				(SkipReason::Utf16, 1, "utf16.txt"),
				(SkipReason::Generated, 1, "made.c: \"automatically generated\""),
				(SkipReason::LongLine, 1, "table.txt, line 1"),
			]
		);
		let parts: Vec<_> = documents.iter().filter(|part| part.origin.starts_with("book.txt#")).collect();
		assert!(parts.len() > 1 && parts.iter().all(|part| part.text.ends_with("\n\n")));
		assert_eq!(parts.iter().map(|part| part.text.as_str()).collect::<String>(), book);
		assert_eq!(documents.len(), parts.len() + 2);

		let all = FilesOptions { keep_generated: true, ..options() };
		let kept = from_files(&[folder.path().into()], &all, &mut |_| ()).unwrap();
		assert_eq!(kept.documents.len(), documents.len() + 2);
	}

	#[test]
	fn from_files_with_nothing_left_says_which_rules_bit() {
		let folder = tempfile::tempdir().unwrap();
		fs::write(folder.path().join("a.txt"), "short").unwrap();
		let error = from_files(&[folder.path().into()], &options(), &mut |_| ()).unwrap_err();
		assert_eq!(error.to_string(), "no usable document; left out: 1 too short (a.txt)");
		let own = FilesOptions { except: Some(folder.path().join("a.txt")), ..options() };
		let error = from_files(&[folder.path().into()], &own, &mut |_| ()).unwrap_err();
		assert_eq!(error.to_string(), "no usable document: there is nothing to read");
	}

	#[test]
	fn from_jsonl_takes_lines_with_a_text_and_their_own_licence() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("data.jsonl");
		let lines = [
			"\u{feff}{\"text\": \"x\"}\r",
			"{\"text\": \"two\", \"id\": 7, \"license\": \"MIT/Apache-2.0\"}",
			"",
			"{\"text\": \"three\", \"licence\": \"GPL-3.0\"}",
			"{\"text\": \"four\", \"license\": \"banana\"}",
			"{\"text\": \"x\"}",
			"{\"text\": \"\"}",
		];
		fs::write(&path, lines.join("\n")).unwrap();
		let paths = [path.clone()];
		let Collected { documents, progress } = from_jsonl(&paths, &options(), false, &mut |_| ()).unwrap();
		let found: Vec<_> =
			documents.iter().map(|d| (d.text.as_str(), d.license.as_str(), d.origin.as_str())).collect();
		assert_eq!(found, [("x", "CC0-1.0", "data.jsonl:1"), ("two", "MIT OR Apache-2.0", "data.jsonl:2")]);
		let count = |reason| progress.skipped.count(reason);
		assert_eq!(
			[
				count(SkipReason::LicenceNotPermissive),
				count(SkipReason::LicenceUnknown),
				count(SkipReason::Duplicate),
				count(SkipReason::TooShort)
			],
			[1; 4]
		);
		assert_eq!(from_jsonl(&paths, &options(), true, &mut |_| ()).unwrap().documents.len(), 3);

		fs::write(&path, "{\"text\": \"x\"}\n{\"words\": 1}\n").unwrap();
		let error = from_jsonl(&paths, &options(), false, &mut |_| ()).unwrap_err().to_string();
		assert!(error.contains("line 2: missing field `text` at column 12"), "{error}");
	}
}
