//! The rules by which texts become documents.

use super::{cut, text_family, DatasetError, DatasetProgress, Document, SkipReason};
use std::{
	collections::BTreeSet,
	fs,
	path::{Component, Path},
};

/// Files shorter than this teach nothing and are often repeated.
pub(super) const FILE_BYTES_MIN: usize = 128;
/// Longest document that is made; a longer text is cut.
pub(super) const DOCUMENT_BYTES_MAX: usize = 64 * 1024;
/// Generated tables have lines of this length.
const LINE_BYTES_MAX: usize = 1_000;
/// Lines at the beginning of a file that may say that a program wrote it.
const MARKED_LINES: usize = 20;

/// Which lines only programs write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LongLines {
	/// Any long line: people break lines of code.
	Code,
	/// Long lines of something other than words: prose has a paragraph a line.
	Prose,
}

/// Filter that texts must pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
	/// Shorter texts are left out.
	pub bytes_min: usize,
	/// Longer files are not read.
	pub file_bytes_max: u64,
	/// Which long lines show that a program wrote a text; `None` takes generated texts too.
	pub generated: Option<LongLines>,
	/// True if long texts are cut into documents.
	pub is_cut: bool,
	/// Text of all documents together.
	pub bytes_max: u64,
}

/// Documents under way, and what keeps them apart.
#[derive(Default)]
pub(super) struct Collector {
	seen: BTreeSet<String>,
	is_full: bool,
	pub documents: Vec<Document>,
	pub progress: DatasetProgress,
}

/// Documents, and how they came about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
	/// The documents.
	pub documents: Vec<Document>,
	/// Counts of the texts that were looked at and left out.
	pub progress: DatasetProgress,
}

impl Collector {
	/// Counts something that is left out.
	pub fn skip(&mut self, reason: SkipReason, what: &str) {
		self.progress.skipped.note(reason, || what.into());
	}

	/// Takes a file, or counts why not. Without a `family` its text is its own.
	pub fn take_file(
		&mut self,
		path: &Path,
		origin: &str,
		family: Option<&str>,
		license: &str,
		rules: &Rules,
	) -> Result<(), DatasetError> {
		let io = |source| DatasetError::Io { path: path.into(), source };
		if self.is_full {
			self.skip(SkipReason::OverLimit, origin);
			return Ok(());
		}
		if fs::metadata(path).map_err(io)?.len() > rules.file_bytes_max {
			self.skip(SkipReason::TooLarge, origin);
			return Ok(());
		}
		let bytes = fs::read(path).map_err(io)?;
		if is_utf16(&bytes) {
			self.skip(SkipReason::Utf16, origin);
			return Ok(());
		}
		match String::from_utf8(bytes) {
			Ok(text) => self.take(&text, origin, family, license, rules),
			Err(error) => {
				let at = error.utf8_error().valid_up_to();
				let line = 1 + error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count();
				let byte = error.as_bytes()[at];
				let what = format!("{origin}, line {line}: byte {at} is 0x{byte:02x}");
				self.skip(SkipReason::NotUtf8, &what);
			}
		}
		Ok(())
	}

	/// Takes a text as one document or several, or counts why not.
	pub fn take(&mut self, text: &str, origin: &str, family: Option<&str>, license: &str, rules: &Rules) {
		let text = plain(text);
		if text.len() < rules.bytes_min {
			return self.skip(SkipReason::TooShort, origin);
		}
		if let Some(long_lines) = rules.generated {
			if let Some(mark) = generated_mark(&text) {
				return self.skip(SkipReason::Generated, &format!("{origin}: \"{mark}\""));
			}
			if let Some(line) = text.lines().position(|line| is_table(line, long_lines)) {
				return self.skip(SkipReason::LongLine, &format!("{origin}, line {}", line + 1));
			}
		}
		let pieces = match rules.is_cut {
			true => cut::pieces(&text, DOCUMENT_BYTES_MAX),
			false => vec![text.as_str()],
		};
		let count = pieces.len();
		for (index, piece) in pieces.into_iter().enumerate() {
			let origin = match count {
				1 => origin.to_string(),
				count => format!("{origin}#{}/{count}", index + 1),
			};
			let family = family.map_or_else(|| text_family(piece), str::to_string);
			self.push(Document::new(piece.into(), origin, family, license.into()), rules.bytes_max);
		}
	}

	fn push(&mut self, document: Document, bytes_max: u64) {
		if self.seen.contains(&document.hash) {
			return self.skip(SkipReason::Duplicate, &document.origin);
		}
		let bytes = self.progress.bytes.saturating_add(document.text.len() as u64);
		self.is_full |= bytes > bytes_max;
		if self.is_full {
			return self.skip(SkipReason::OverLimit, &document.origin);
		}
		self.seen.insert(document.hash.clone());
		self.progress.documents += 1;
		self.progress.bytes = bytes;
		self.documents.push(document);
	}

	/// The documents; none is a failure that says what was left out.
	pub fn finish(self) -> Result<Collected, DatasetError> {
		let Self { documents, progress, .. } = self;
		if documents.is_empty() {
			return Err(DatasetError::Empty { skipped: Box::new(progress.skipped) });
		}
		Ok(Collected { documents, progress })
	}
}

/// A text without byte order mark and carriage returns, so that it is one document wherever it was edited.
fn plain(text: &str) -> String {
	text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).replace("\r\n", "\n")
}

/// U+FEFF, with which some editors begin a file.
pub(super) const BYTE_ORDER_MARK: char = '\u{feff}';

/// Reports whether bytes begin with the byte order mark of UTF-16.
pub(super) fn is_utf16(bytes: &[u8]) -> bool {
	bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff])
}

/// The names between two folders, with `/` on every system.
pub(super) fn relative_name(path: &Path) -> String {
	let names = path.components().filter_map(|component| match component {
		Component::Normal(name) => Some(name.to_string_lossy()),
		_ => None,
	});
	names.collect::<Vec<_>>().join("/")
}

/// Finds the mark in a comment of the first lines by which a program says that it wrote the text.
///
/// Comments only: prose may speak of such things.
fn generated_mark(text: &str) -> Option<&'static str> {
	const COMMENTS: [&str; 9] = ["//", "/*", "*", "#", "--", ";", "<!--", "%", "(*"];
	const MARKS: [&str; 6] = [
		"@generated",
		"automatically generated",
		"do not edit",
		"autogenerated",
		"auto-generated",
		"bindgen",
	];
	text.lines()
		.take(MARKED_LINES)
		.map(|line| line.trim_start().to_ascii_lowercase())
		.filter(|line| COMMENTS.iter().any(|comment| line.starts_with(comment)))
		.find_map(|line| MARKS.into_iter().find(|mark| line.contains(mark)))
}

/// Reports whether a line is one that only programs write.
fn is_table(line: &str, long_lines: LongLines) -> bool {
	if line.len() <= LINE_BYTES_MAX {
		return false;
	}
	match long_lines {
		LongLines::Code => true,
		LongLines::Prose => {
			let letters = line.bytes().filter(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii()).count();
			let is_unbroken =
				line.split(|c: char| !c.is_ascii_graphic()).any(|run| run.len() > LINE_BYTES_MAX);
			is_unbroken || letters * 2 < line.len()
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const RULES: Rules = Rules {
		bytes_min: 8,
		file_bytes_max: u64::MAX,
		generated: Some(LongLines::Prose),
		is_cut: true,
		bytes_max: u64::MAX,
	};

	#[test]
	fn a_text_is_one_document_with_and_without_byte_order_mark_and_carriage_returns() {
		let mut collector = Collector::default();
		for text in ["one line\ntwo", "\u{feff}one line\ntwo", "one line\r\ntwo", "\u{feff}one line\r\ntwo"] {
			collector.take(text, "a.txt", None, "MIT", &RULES);
		}
		assert_eq!(collector.documents.len(), 1);
		assert_eq!(collector.documents[0].text, "one line\ntwo");
		assert_eq!(collector.progress.skipped.count(SkipReason::Duplicate), 3);
	}

	#[test]
	fn prose_that_speaks_of_generated_files_is_not_one() {
		assert_eq!(generated_mark("Please do not edit the water.\nbindgen makes bindings."), None);
		assert_eq!(
			generated_mark("/* automatically generated by rust-bindgen */"),
			Some("automatically generated")
		);
		assert_eq!(generated_mark("# DO NOT EDIT\n"), Some("do not edit"));
		assert_eq!(generated_mark(&format!("{}// @generated", "\n".repeat(20))), None);
	}

	#[test]
	fn a_paragraph_on_one_line_is_prose_and_a_table_is_not() {
		let paragraph = "words after words ".repeat(80);
		let table = "0x12, 0x34, ".repeat(100);
		assert!(!is_table(&paragraph, LongLines::Prose) && is_table(&paragraph, LongLines::Code));
		for line in [table, "QUJD".repeat(300)] {
			assert!(is_table(&line, LongLines::Prose));
		}
		assert!(!is_table(&"\u{6587}".repeat(600), LongLines::Prose));
		assert!(!is_table(&"x".repeat(1_000), LongLines::Code));
	}

	#[test]
	fn names_are_relative_on_every_system() {
		for path in ["b/a.txt", "./b/a.txt", "/b/a.txt", "b//a.txt"] {
			assert_eq!(relative_name(Path::new(path)), "b/a.txt");
		}
	}

	#[test]
	fn a_limit_is_kept_and_what_is_beyond_is_counted() {
		let rules = Rules { bytes_max: 20, ..RULES };
		let mut collector = Collector::default();
		for text in ["eight or more", "more than the limit", "tiny tiny"] {
			collector.take(text, text, None, "MIT", &rules);
		}
		assert_eq!(collector.documents.len(), 1);
		assert_eq!(collector.progress.skipped.count(SkipReason::OverLimit), 2);
	}
}
