//! Datasets on disk: one JSON document a line.

use super::{hexadecimal, DatasetError, Document};
use blyan_exact::blake2_256;
use std::{
	fs::File,
	io::{BufRead, BufReader, BufWriter, Read, Write},
	path::{Path, PathBuf},
};

/// Longest line that is read: no document is that large.
const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Writes documents; the file appears whole or not at all.
pub fn write_jsonl<'a>(
	path: &Path,
	documents: impl IntoIterator<Item = &'a Document>,
) -> Result<(), DatasetError> {
	let io = |source| DatasetError::Io { path: path.into(), source };
	let beside = path.with_extension("partial");
	let mut file = BufWriter::new(File::create(&beside).map_err(io)?);
	for document in documents {
		serde_json::to_writer(&mut file, document).map_err(|error| io(error.into()))?;
		file.write_all(b"\n").map_err(io)?;
	}
	let file = file.into_inner().map_err(|error| io(error.into_error()))?;
	file.sync_all().map_err(io)?;
	std::fs::rename(&beside, path).map_err(io)
}

/// Documents of a dataset, one at a time.
pub struct JsonlReader {
	path: PathBuf,
	file: BufReader<File>,
	line: usize,
}

/// Opens a dataset.
pub fn read_jsonl(path: &Path) -> Result<JsonlReader, DatasetError> {
	let file = File::open(path).map_err(|source| DatasetError::Io { path: path.into(), source })?;
	Ok(JsonlReader { path: path.into(), file: BufReader::new(file), line: 0 })
}

impl JsonlReader {
	fn refuse(&self, reason: impl ToString) -> DatasetError {
		DatasetError::Line { path: self.path.clone(), line: self.line, reason: reason.to_string() }
	}

	fn parse(&self, line: &[u8]) -> Result<Document, DatasetError> {
		let document: Document = serde_json::from_slice(line).map_err(|error| self.refuse(error))?;
		if document.hash != hexadecimal(&blake2_256(&[document.text.as_bytes()])) {
			return Err(self.refuse("the hash does not match the text"));
		}
		Ok(document)
	}
}

impl Iterator for JsonlReader {
	type Item = Result<Document, DatasetError>;

	fn next(&mut self) -> Option<Self::Item> {
		loop {
			let mut line = Vec::new();
			self.line += 1;
			match self.file.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
				Ok(0) => return None,
				Ok(_) if line.len() as u64 >= LINE_BYTES_MAX => {
					return Some(Err(self.refuse("the line is longer than any document may be")))
				}
				Ok(_) if line.trim_ascii().is_empty() => continue,
				Ok(_) => return Some(self.parse(&line)),
				Err(source) => return Some(Err(DatasetError::Io { path: self.path.clone(), source })),
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
}
