//! Results of a comparison under way, on disk: after a restart it goes on with the tasks that are missing.
//!
//! ```text
//! benchmarks/JOB/SIDE-SUITE   a line each: check, 16 hexadecimal digits | a blank | result, JSON
//! ```
//!
//! A line that was torn or damaged ends the journal: what an evaluator claims must not follow from a bit that rotted. One that
//! another version of this program wrote is not taken over.

use blyan_benchmarks::TaskResult;
use blyan_exact::blake2_256;
use blyan_primitives::JobId;
use parking_lot::Mutex;
use std::{
	fs::{self, File, OpenOptions},
	io::{self, Read, Write},
	path::{Path, PathBuf},
	time::SystemTime,
};

/// Folder of the journals beside the blobs.
const FOLDER: &str = "benchmarks";
/// Hexadecimal digits of a check.
const CHECK_DIGITS: usize = 16;
/// Jobs whose journals are kept; those begun longest ago go first. Comparisons that were given up leave some.
const JOBS_MAX: usize = 8;
/// Bytes of a journal that are read. Results of generated tasks have a few hundred bytes each.
const BYTES_MAX: u64 = 64 << 20;

/// Journal of one suite of one side.
pub(super) struct Journal {
	job: JobId,
	name: String,
	file: Mutex<File>,
}

fn check(job: &JobId, name: &str, result: &[u8]) -> String {
	let version = env!("CARGO_PKG_VERSION").as_bytes();
	let hash =
		blake2_256(&[&blake2_256(&[version]), job.as_bytes(), &blake2_256(&[name.as_bytes()]), result]);
	let mut digits = hex::encode(hash);
	digits.truncate(CHECK_DIGITS);
	digits
}

/// Reads the results of all whole lines in front of the first that is not, and the bytes that they take.
fn read(job: &JobId, name: &str, bytes: &[u8]) -> (Vec<TaskResult>, u64) {
	let (mut results, mut whole) = (Vec::new(), 0);
	for line in bytes.split_inclusive(|byte| *byte == b'\n') {
		let Some((digits, rest)) = line.split_at_checked(CHECK_DIGITS) else { break };
		let Some(record) = rest.strip_prefix(b" ").and_then(|rest| rest.strip_suffix(b"\n")) else { break };
		match serde_json::from_slice(record) {
			Ok(result) if check(job, name, record).as_bytes() == digits => results.push(result),
			_ => break,
		}
		whole += line.len() as u64;
	}
	(results, whole)
}

/// Returns the folder of a job's journals.
fn folder(store: &Path, job: JobId) -> PathBuf {
	store.join(FOLDER).join(format!("{job:x}"))
}

impl Journal {
	/// Opens a journal in a store's folder, and returns the results in it.
	pub(super) fn open(store: &Path, job: JobId, name: &str) -> io::Result<(Self, Vec<TaskResult>)> {
		let folder = folder(store, job);
		fs::create_dir_all(&folder)?;
		prune(&store.join(FOLDER), &folder)?;
		let path = folder.join(name);
		let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
		let mut bytes = Vec::new();
		(&mut file).take(BYTES_MAX).read_to_end(&mut bytes)?;
		let (results, whole) = read(&job, name, &bytes);
		file.set_len(whole)?;
		Ok((Self { job, name: name.into(), file: Mutex::new(file) }, results))
	}

	/// Appends a result. Without it, a restart would cost one more task, so a failure is no reason to stop.
	pub(super) fn add(&self, result: &TaskResult) {
		let written = serde_json::to_vec(result).map_err(io::Error::from).and_then(|record| {
			let mut line = check(&self.job, &self.name, &record).into_bytes();
			line.push(b' ');
			line.extend(record);
			line.push(b'\n');
			self.file.lock().write_all(&line)
		});
		if let Err(error) = written {
			log::debug!("a result of benchmark {:?} is not kept: {error}", self.job);
		}
	}

	/// Removes the journals of a job that has ended.
	pub(super) fn remove_all(store: &Path, job: JobId) -> io::Result<()> {
		match fs::remove_dir_all(folder(store, job)) {
			Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
			_ => Ok(()),
		}
	}
}

/// Makes room for the journals of one more job.
fn prune(all: &Path, own: &Path) -> io::Result<()> {
	let mut others: Vec<(SystemTime, PathBuf)> = Vec::new();
	for entry in fs::read_dir(all)? {
		let entry = entry?;
		if entry.path() != own {
			others.push((entry.metadata()?.modified()?, entry.path()));
		}
	}
	others.sort();
	let surplus = (others.len() + 1).saturating_sub(JOBS_MAX);
	others.into_iter().take(surplus).try_for_each(|(_, path)| fs::remove_dir_all(path))
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_benchmarks::Outcome;
	use sp_core::H256;

	fn result(id: u32) -> TaskResult {
		let outcome = Outcome::Arithmetic { text: " 7\n\"".into(), found: None, is_right: false };
		TaskResult { id: format!("addition/{id}"), is_cut: false, outcome }
	}

	#[test]
	fn a_journal_gives_back_what_is_whole_and_goes_on_behind_it() {
		let (dir, job) = (tempfile::tempdir().unwrap(), H256([3; 32]));
		let open = |name: &str| Journal::open(dir.path(), job, name).unwrap();
		let (journal, known) = open("base-addition");
		assert!(known.is_empty());
		(0..4).for_each(|id| journal.add(&result(id)));
		let path = folder(dir.path(), job).join("base-addition");
		let whole = fs::read(&path).unwrap();
		assert_eq!(open("base-addition").1, (0..4).map(result).collect::<Vec<_>>());
		// The machine stopped in the middle of a line.
		fs::write(&path, &whole[..whole.len() - 1]).unwrap();
		let (journal, known) = open("base-addition");
		assert_eq!(known.len(), 3);
		journal.add(&result(9));
		assert_eq!(open("base-addition").1.last(), Some(&result(9)));
		// A bit that rotted ends the journal, wherever it is.
		let mut rotten = whole.clone();
		let second = whole.iter().position(|byte| *byte == b'\n').unwrap() + CHECK_DIGITS + 20;
		rotten[second] ^= 1;
		fs::write(&path, &rotten).unwrap();
		assert_eq!(open("base-addition").1, [result(0)]);
		assert!(read(&job, "candidate-addition", &whole).0.is_empty(), "no side takes the other's results");
		assert!(read(&H256([4; 32]), "base-addition", &whole).0.is_empty(), "no job takes another's");
		Journal::remove_all(dir.path(), job).unwrap();
		Journal::remove_all(dir.path(), job).unwrap();
		assert!(!path.exists());
	}

	#[test]
	fn journals_of_comparisons_that_were_given_up_are_bounded() {
		let dir = tempfile::tempdir().unwrap();
		for number in 0..JOBS_MAX as u8 + 5 {
			Journal::open(dir.path(), H256([number; 32]), "base-copying").unwrap().0.add(&result(0));
		}
		assert_eq!(fs::read_dir(dir.path().join(FOLDER)).unwrap().count(), JOBS_MAX);
	}
}
