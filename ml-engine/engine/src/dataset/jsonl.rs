//! Datasets on disk: one JSON document a line.

use super::{hexadecimal, lines::Lines, DatasetError, Document};
use blyan_exact::blake2_256;
use std::{
	collections::VecDeque,
	fs::File,
	io::{BufWriter, Write},
	path::{Path, PathBuf},
};

/// Writes documents; the file appears whole or not at all.
pub fn write_jsonl<'a>(
	path: &Path,
	documents: impl IntoIterator<Item = &'a Document>,
) -> Result<(), DatasetError> {
	let io = |source| DatasetError::Io { path: path.into(), source };
	let beside = beside(path);
	let mut file = BufWriter::new(File::create(&beside).map_err(io)?);
	for document in documents {
		serde_json::to_writer(&mut file, document).map_err(|error| io(error.into()))?;
		file.write_all(b"\n").map_err(io)?;
	}
	let file = file.into_inner().map_err(|error| io(error.into_error()))?;
	file.sync_all().map_err(io)?;
	std::fs::rename(&beside, path).map_err(io)
}

/// A name of its own for a file that is not whole yet.
fn beside(path: &Path) -> PathBuf {
	let mut name = std::ffi::OsString::from(".");
	name.push(path.file_name().unwrap_or_default());
	name.push(format!(".partial{}", std::process::id()));
	path.with_file_name(name)
}

/// Documents of a dataset, one at a time.
pub struct JsonlReader {
	lines: Lines,
	/// Files that come after this one.
	rest: VecDeque<PathBuf>,
}

/// Opens a dataset: one file, or a folder with the blobs that `blyan dataset create` wrote.
pub fn read_jsonl(path: &Path) -> Result<JsonlReader, DatasetError> {
	let blob = |number: usize| path.join(format!("blobs/{number:05}.jsonl"));
	let (first, rest) = match path.is_dir() {
		true => (blob(0), (1..).map(blob).take_while(|blob| blob.is_file()).collect()),
		false => (path.into(), VecDeque::new()),
	};
	Ok(JsonlReader { lines: Lines::open(&first)?, rest })
}

impl JsonlReader {
	fn parse(&self, at: usize, line: &str) -> Result<Document, DatasetError> {
		let document: Document = serde_json::from_str(line).map_err(|error| {
			let is_plain = error.to_string().starts_with("missing field")
				&& serde_json::from_str::<serde_json::Value>(line)
					.is_ok_and(|value| value["text"].is_string());
			match is_plain {
				true => self.lines.refuse(at, PLAIN),
				false => self.lines.refuse_json(at, &error),
			}
		})?;
		if document.hash != hexadecimal(&blake2_256(&[document.text.as_bytes()])) {
			return Err(self.lines.refuse(at, "the hash does not match the text"));
		}
		Ok(document)
	}
}

/// Advice for a line with a text and nothing else.
const PLAIN: &str = "it has a text, and neither origin nor licence; such lines become a dataset with: \
	blyan dataset from-jsonl FILE --licence SPDX";

impl Iterator for JsonlReader {
	type Item = Result<Document, DatasetError>;

	fn next(&mut self) -> Option<Self::Item> {
		loop {
			if let Some(read) = self.lines.next() {
				return Some(read.and_then(|(at, line)| self.parse(at, &line)));
			}
			match Lines::open(&self.rest.pop_front()?) {
				Ok(lines) => self.lines = lines,
				Err(error) => return Some(Err(error)),
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn document(text: &str) -> Document {
		Document::new(text.into(), "a-1.0.0/lib.rs".into(), "a/lib.rs".into(), "MIT".into())
	}

	#[test]
	fn jsonl_round_trip() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("data.jsonl");
		let documents = [document("fn a() {}\n\"\u{e9}\u{0}\""), document("second")];
		write_jsonl(&path, &documents).unwrap();
		let read = read_jsonl(&path).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
		assert_eq!(read, documents);
	}

	#[test]
	fn jsonl_rejects_a_changed_text_and_names_its_line() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("data.jsonl");
		write_jsonl(&path, &[document("first"), document("second")]).unwrap();
		let changed = std::fs::read_to_string(&path).unwrap().replace("second", "Second");
		std::fs::write(&path, changed).unwrap();
		let read = read_jsonl(&path).unwrap().collect::<Vec<_>>();
		assert!(read[0].is_ok());
		assert!(matches!(&read[1], Err(DatasetError::Line { line: 2, .. })));
	}

	#[test]
	fn jsonl_is_read_with_a_byte_order_mark_and_carriage_returns() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("data.jsonl");
		let documents = [document("first"), document("second")];
		write_jsonl(&path, &documents).unwrap();
		let text = std::fs::read_to_string(&path).unwrap();
		for text in [format!("\u{feff}{text}"), text.replace('\n', "\r\n"), text.trim_end().to_string()] {
			std::fs::write(&path, text).unwrap();
			assert_eq!(read_jsonl(&path).unwrap().collect::<Result<Vec<_>, _>>().unwrap(), documents);
		}
	}

	#[test]
	fn jsonl_of_text_alone_names_the_command_that_makes_a_dataset_of_it() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("data.jsonl");
		std::fs::write(&path, "{\"text\": \"x\"}\n").unwrap();
		let error = read_jsonl(&path).unwrap().next().unwrap().unwrap_err().to_string();
		assert!(error.contains("line 1: it has a text") && error.contains("from-jsonl"), "{error}");
	}

	#[test]
	fn a_folder_of_blobs_is_read_in_the_order_of_their_numbers() {
		let folder = tempfile::tempdir().unwrap();
		std::fs::create_dir(folder.path().join("blobs")).unwrap();
		let documents = [document("first"), document("second"), document("third")];
		for (number, document) in documents.iter().enumerate() {
			write_jsonl(&folder.path().join(format!("blobs/{number:05}.jsonl")), [document]).unwrap();
		}
		assert_eq!(read_jsonl(folder.path()).unwrap().collect::<Result<Vec<_>, _>>().unwrap(), documents);
		let empty = tempfile::tempdir().unwrap();
		assert!(matches!(read_jsonl(empty.path()), Err(DatasetError::Io { .. })));
	}

	#[test]
	fn a_dataset_may_have_any_name() {
		let folder = tempfile::tempdir().unwrap();
		for name in ["x.partial", "x", "x.jsonl"] {
			let path = folder.path().join(name);
			write_jsonl(&path, &[document("first")]).unwrap();
			assert!(path.is_file());
		}
		assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
	}
}
