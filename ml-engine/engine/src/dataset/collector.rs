//! The rules by which texts become documents.

use super::{DatasetError, DatasetProgress, Document, SkipReason};
use std::{
	collections::BTreeSet,
	fs,
	path::{Component, Path},
};

/// Files shorter than this teach nothing and are often repeated.
pub(super) const FILE_BYTES_MIN: usize = 128;
/// Generated tables have lines of this length.
const LINE_BYTES_MAX: usize = 1_000;
/// Lines at the beginning of a file that may say that a program wrote it.
const MARKED_LINES: usize = 20;

/// Filter that texts must pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
	/// Shorter texts are left out.
	pub bytes_min: usize,
	/// Longer files are not read.
	pub file_bytes_max: u64,
	/// Takes texts that a program wrote, as a comment or long lines show.
	pub keeps_generated: bool,
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

	/// Takes a file, or counts why not.
	pub fn take_file(
		&mut self,
		path: &Path,
		origin: &str,
		family: &str,
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

	/// Takes a text as a document, or counts why not. Code is left whole or out.
	pub fn take(&mut self, text: &str, origin: &str, family: &str, license: &str, rules: &Rules) {
		let text = plain(text);
		if text.len() < rules.bytes_min {
			return self.skip(SkipReason::TooShort, origin);
		}
		if !rules.keeps_generated {
			if let Some(mark) = generated_mark(&text) {
				return self.skip(SkipReason::Generated, &format!("{origin}: \"{mark}\""));
			}
			if let Some(line) = text.lines().position(|line| line.len() > LINE_BYTES_MAX) {
				return self.skip(SkipReason::LongLine, &format!("{origin}, line {}", line + 1));
			}
		}
		self.push(Document::new(text, origin.into(), family.into(), license.into()), rules.bytes_max);
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

#[cfg(test)]
mod tests {
	use super::*;

	const RULES: Rules =
		Rules { bytes_min: 8, file_bytes_max: u64::MAX, keeps_generated: false, bytes_max: u64::MAX };

	#[test]
	fn a_text_is_one_document_with_and_without_byte_order_mark_and_carriage_returns() {
		let mut collector = Collector::default();
		for text in ["one line\ntwo", "\u{feff}one line\ntwo", "one line\r\ntwo", "\u{feff}one line\r\ntwo"] {
			collector.take(text, "a.txt", "a", "MIT", &RULES);
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
	fn a_long_line_is_the_work_of_a_program() {
		let mut collector = Collector::default();
		for (length, kept) in [(1_000, 1), (1_001, 1)] {
			collector.take(&"x".repeat(length), "a.rs", "a", "MIT", &RULES);
			assert_eq!(collector.documents.len(), kept);
		}
		assert_eq!(collector.progress.skipped.count(SkipReason::LongLine), 1);
		collector.take(&"x".repeat(1_001), "a.rs", "a", "MIT", &Rules { keeps_generated: true, ..RULES });
		assert_eq!(collector.documents.len(), 2);
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
			collector.take(text, text, text, "MIT", &rules);
		}
		assert_eq!(collector.documents.len(), 1);
		assert_eq!(collector.progress.skipped.count(SkipReason::OverLimit), 2);
	}
}
