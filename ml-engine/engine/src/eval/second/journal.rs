//! Items of an evaluation under way, on disk: after a restart it goes on with the sequences that are missing.
//!
//! ```text
//! record   item, SCALE (84 bytes) | check: first 8 bytes of Blake2b-256 of version, job and item
//! ```
//!
//! A record that was torn or damaged ends the journal. One that another version of this program wrote is not taken over: if a
//! mistake in it was repaired, its numbers may be wrong.

use blyan_exact::{blake2_256, tree::Item};
use blyan_primitives::JobId;
use codec::{Decode, Encode};
use parking_lot::Mutex;
use std::{
	fs::{self, File, OpenOptions},
	io::{self, Read, Write},
	path::{Path, PathBuf},
	time::SystemTime,
};

/// Folder of the journals beside the blobs.
const FOLDER: &str = "evaluations";
/// Bytes of an item.
const ITEM_BYTES: usize = 84;
/// Bytes of its check.
const CHECK_BYTES: usize = 8;
/// Journals that are kept; those written longest ago go first. Evaluations that were given up leave one.
const JOURNALS_MAX: usize = 16;

/// Journal of one evaluation.
pub(super) struct Journal {
	job: JobId,
	path: PathBuf,
	file: Mutex<File>,
}

fn check(job: &JobId, item: &[u8]) -> [u8; CHECK_BYTES] {
	let [a, b, c, d, e, f, g, h, ..] =
		blake2_256(&[env!("CARGO_PKG_VERSION").as_bytes(), job.as_bytes(), item]);
	[a, b, c, d, e, f, g, h]
}

/// Reads the items of all whole records in front of the first that is not, and the bytes that they take.
fn read(job: &JobId, bytes: &[u8]) -> (Vec<Item>, u64) {
	let mut items = Vec::new();
	for record in bytes.chunks_exact(ITEM_BYTES + CHECK_BYTES) {
		let (item, found) = record.split_at(ITEM_BYTES);
		match Item::decode(&mut &item[..]) {
			Ok(read) if check(job, item) == found => items.push(read),
			_ => break,
		}
	}
	let whole = items.len() * (ITEM_BYTES + CHECK_BYTES);
	(items, whole as u64)
}

impl Journal {
	/// Opens the journal of a job in a store's folder, and returns the items in it.
	pub(super) fn open(store: &Path, job: JobId) -> io::Result<(Self, Vec<Item>)> {
		let folder = store.join(FOLDER);
		fs::create_dir_all(&folder)?;
		let path = folder.join(format!("{job:x}"));
		prune(&folder, &path)?;
		let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
		let mut bytes = Vec::new();
		file.read_to_end(&mut bytes)?;
		let (items, whole) = read(&job, &bytes);
		file.set_len(whole)?;
		Ok((Self { job, path, file: Mutex::new(file) }, items))
	}

	/// Appends an item. Without it, a restart would cost one more sequence, so a failure is no reason to stop.
	pub(super) fn add(&self, item: &Item) {
		let mut record = item.encode();
		record.extend(check(&self.job, &record));
		if let Err(error) = self.file.lock().write_all(&record) {
			log::debug!("an item of evaluation {:?} is not kept: {error}", self.job);
		}
	}

	/// Removes the journal of an evaluation that has ended.
	pub(super) fn remove(self) {
		if let Err(error) = fs::remove_file(&self.path) {
			log::debug!("the journal of evaluation {:?} is not removed: {error}", self.job);
		}
	}
}

/// Makes room for one more journal.
fn prune(folder: &Path, own: &Path) -> io::Result<()> {
	let mut others: Vec<(SystemTime, PathBuf)> = Vec::new();
	for entry in fs::read_dir(folder)? {
		let entry = entry?;
		if entry.path() != own {
			others.push((entry.metadata()?.modified()?, entry.path()));
		}
	}
	others.sort();
	let surplus = (others.len() + 1).saturating_sub(JOURNALS_MAX);
	others.into_iter().take(surplus).try_for_each(|(_, path)| fs::remove_file(path))
}

#[cfg(test)]
mod tests {
	use super::*;
	use sp_core::H256;

	fn item(sequence: u32) -> Item {
		Item {
			sequence,
			baseline: 7,
			candidate: 5,
			baseline_trace: [1; 32],
			candidate_trace: [sequence as u8; 32],
		}
	}

	#[test]
	fn a_journal_gives_back_what_is_whole_and_goes_on_behind_it() {
		let (dir, job) = (tempfile::tempdir().unwrap(), H256([3; 32]));
		let open = || Journal::open(dir.path(), job).unwrap();
		let (journal, items) = open();
		assert!(items.is_empty());
		(0..4).for_each(|sequence| journal.add(&item(sequence)));
		let path = journal.path.clone();
		let whole = fs::read(&path).unwrap();
		assert_eq!(whole.len(), 4 * (ITEM_BYTES + CHECK_BYTES), "items have a fixed length");
		assert_eq!(open().1, (0..4).map(item).collect::<Vec<_>>());
		// The machine stopped in the middle of a record.
		fs::write(&path, &whole[..whole.len() - 1]).unwrap();
		let (journal, items) = open();
		assert_eq!(items.len(), 3);
		journal.add(&item(9));
		assert_eq!(open().1.last(), Some(&item(9)));
		// A bit that rotted ends the journal, wherever it is.
		let mut rotten = whole.clone();
		rotten[ITEM_BYTES + CHECK_BYTES + 5] ^= 1;
		fs::write(&path, &rotten).unwrap();
		assert_eq!(open().1, [item(0)]);
		fs::write(&path, &whole).unwrap();
		assert!(Journal::open(dir.path(), H256([4; 32])).unwrap().1.is_empty(), "each job has its own");
		assert!(read(&H256([4; 32]), &whole).0.is_empty(), "no job takes another's items");
		open().0.remove();
		assert!(!path.exists());
	}

	#[test]
	fn journals_of_evaluations_that_were_given_up_are_bounded() {
		let dir = tempfile::tempdir().unwrap();
		for number in 0..JOURNALS_MAX as u8 + 5 {
			Journal::open(dir.path(), H256([number; 32])).unwrap().0.add(&item(0));
		}
		assert_eq!(fs::read_dir(dir.path().join(FOLDER)).unwrap().count(), JOURNALS_MAX);
	}
}
