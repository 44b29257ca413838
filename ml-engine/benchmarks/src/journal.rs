//! Results on disk while a suite is evaluated: a run that was interrupted goes on behind its last whole result.
//!
//! ```text
//! {"format":"blyan-benchmark-journal/1","suite_root":"..","model":{..}}
//! {"id":"arc/1", ..}          one result a line, in the order of the suite
//! ```
//!
//! Lines are only added. One that a crash has torn is cut off when the file is opened again.

use crate::{outcome::TaskResult, subject::Identity, task::json};
use serde::{Deserialize, Serialize};
use std::{
	fs::{File, OpenOptions, TryLockError},
	io::{self, BufRead, BufReader, Seek, SeekFrom, Write},
	path::{Path, PathBuf},
};

const FORMAT: &str = "blyan-benchmark-journal/1";
/// Digits of each root in a file's name. The header has all of them.
const NAME_DIGITS: usize = 16;

/// Reason why a journal was not opened or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
	/// The file cannot be read or written.
	#[error("{path}: {source}")]
	Io {
		/// The file.
		path: PathBuf,
		/// Message of the system.
		source: io::Error,
	},
	/// Another run writes the file.
	#[error("{0} is written by a run that is under way: wait for its end, or stop it")]
	UnderWay(PathBuf),
	/// The file is of another suite, model or release.
	#[error("{0} is the journal of another suite, model or release: remove it")]
	Other(PathBuf),
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
	format: String,
	suite_root: String,
	model: Identity,
}

/// Journal of one suite and one model.
#[derive(Debug)]
pub struct Journal {
	path: PathBuf,
	file: File,
}

impl Journal {
	/// Opens or begins the journal of a suite and a model in a folder, and returns the results that are there.
	///
	/// No other run has it open at the same time: the results of two would be mixed, and the file refused from then on.
	pub fn open(
		folder: &Path,
		suite_root: &str,
		model: &Identity,
	) -> Result<(Self, Vec<TaskResult>), JournalError> {
		let path = Self::path(folder, suite_root, model);
		let io = |source| JournalError::Io { path: path.clone(), source };
		let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(io)?;
		match file.try_lock() {
			Ok(()) => {}
			Err(TryLockError::WouldBlock) => return Err(JournalError::UnderWay(path)),
			Err(TryLockError::Error(source)) => return Err(io(source)),
		}
		let header = Header { format: FORMAT.into(), suite_root: suite_root.into(), model: model.clone() };
		let Some((results, whole)) = known(&file, &header).map_err(io)? else {
			return Err(JournalError::Other(path));
		};
		file.set_len(whole).map_err(io)?;
		if whole == 0 {
			write_line(&mut file, &header).map_err(io)?;
		}
		Ok((Self { path, file }, results))
	}

	/// Returns the file of a suite and a model.
	pub fn path(folder: &Path, suite_root: &str, model: &Identity) -> PathBuf {
		let short = |root: &str| root.chars().take(NAME_DIGITS).collect::<String>();
		folder.join(format!("{}-{}.jsonl", short(suite_root), short(&model.model_root)))
	}

	/// Adds a result.
	pub fn push(&mut self, result: &TaskResult) -> Result<(), JournalError> {
		let Self { path, file } = self;
		write_line(file, result).map_err(|source| JournalError::Io { path: path.clone(), source })
	}
}

/// Reads the results behind a header, and the bytes of all whole lines; `None` if the file is not a journal with this header.
fn known(file: &File, header: &Header) -> io::Result<Option<(Vec<TaskResult>, u64)>> {
	let mut lines = Lines { reader: BufReader::new(file), whole: 0 };
	let results = match lines.next::<Header>()? {
		Some(found) if found == *header => lines.rest()?,
		// Nothing, or a header that was torn. A whole line that is not a header is not ours to overwrite.
		None if lines.is_at_end()? => Vec::new(),
		_ => return Ok(None),
	};
	Ok(Some((results, lines.whole)))
}

fn write_line(file: &mut File, record: &impl Serialize) -> io::Result<()> {
	let mut line = json(record);
	line.push(b'\n');
	file.write_all(&line)
}

/// Whole lines of a journal.
struct Lines<'a> {
	reader: BufReader<&'a File>,
	/// Bytes of the whole lines read so far.
	whole: u64,
}

impl Lines<'_> {
	/// Reads the next record; `None` at the end, and at a line that is torn or not such a record.
	fn next<T: for<'de> Deserialize<'de>>(&mut self) -> io::Result<Option<T>> {
		let mut line = Vec::new();
		let bytes = self.reader.read_until(b'\n', &mut line)?;
		if line.last() != Some(&b'\n') {
			return Ok(None);
		}
		let record = serde_json::from_slice(&line).ok();
		if record.is_some() {
			self.whole += bytes as u64;
		}
		Ok(record)
	}

	fn rest(&mut self) -> io::Result<Vec<TaskResult>> {
		std::iter::from_fn(|| self.next().transpose()).collect()
	}

	/// Reports whether the file has no whole line behind those read.
	fn is_at_end(&mut self) -> io::Result<bool> {
		self.reader.seek(SeekFrom::Start(self.whole))?;
		let mut line = Vec::new();
		self.reader.read_until(b'\n', &mut line)?;
		Ok(line.last() != Some(&b'\n'))
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::{outcome::Outcome, sandbox::Verdict};

	fn result(id: &str) -> TaskResult {
		let outcome = Outcome::Program { text: "a\nb".into(), verdict: Verdict::Rejected(2) };
		TaskResult { id: id.into(), is_cut: false, outcome }
	}

	fn model() -> Identity {
		Identity { model_root: "bb".into(), tokenizer: "cc".into(), ends: vec![2] }
	}

	fn only_file(folder: &Path) -> PathBuf {
		std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
	}

	#[test]
	fn a_run_that_was_cut_off_in_a_line_goes_on_behind_the_last_whole_one() {
		let folder = tempfile::tempdir().unwrap();
		let (mut journal, known) = Journal::open(folder.path(), "aa", &model()).unwrap();
		assert!(known.is_empty());
		journal.push(&result("1")).unwrap();
		journal.push(&result("2")).unwrap();
		drop(journal);
		let path = only_file(folder.path());
		let bytes = std::fs::read(&path).unwrap();
		for kept in 0..=bytes.len() {
			std::fs::write(&path, &bytes[..kept]).unwrap();
			let (mut journal, known) = Journal::open(folder.path(), "aa", &model()).unwrap();
			let ends = bytes[..kept].iter().filter(|byte| **byte == b'\n').count();
			assert_eq!(known.len(), ends.saturating_sub(1), "{kept} bytes");
			journal.push(&result("3")).unwrap();
			drop(journal);
			let (_, known) = Journal::open(folder.path(), "aa", &model()).unwrap();
			assert_eq!(known.last(), Some(&result("3")), "{kept} bytes");
		}
	}

	#[test]
	fn two_runs_do_not_write_one_journal_at_a_time() {
		let folder = tempfile::tempdir().unwrap();
		let open = || Journal::open(folder.path(), "aa", &model());
		let (mut journal, _) = open().unwrap();
		assert!(matches!(open(), Err(JournalError::UnderWay(_))));
		journal.push(&result("1")).unwrap();
		drop(journal);
		assert_eq!(open().unwrap().1, [result("1")]);
	}

	#[test]
	fn the_journal_of_another_suite_is_not_written_to() {
		let folder = tempfile::tempdir().unwrap();
		let (one, other) = ("0123456789abcdef0", "0123456789abcdef1");
		drop(Journal::open(folder.path(), one, &model()).unwrap());
		assert!(matches!(Journal::open(folder.path(), other, &model()), Err(JournalError::Other(_))));
		std::fs::write(only_file(folder.path()), "notes of mine\n").unwrap();
		assert!(matches!(Journal::open(folder.path(), one, &model()), Err(JournalError::Other(_))));
	}
}
