//! Sorting in bounded memory: records of a fixed length, as runs on disk that are merged.
//!
//! Records are bytes and sorted as such, so numbers in them are big-endian. Equal records stay as many as they were.

use crate::Error;
use std::{
	cmp::Reverse,
	collections::BinaryHeap,
	fs::{self, File},
	io::{BufReader, BufWriter, ErrorKind, Read, Write},
	mem,
	path::{Path, PathBuf},
	vec,
};

/// Runs that become one: so many files are open at once, for each time that they did.
const FAN_IN: usize = 64;
/// Bytes buffered in front of a file.
const BUFFER_BYTES: usize = 32 << 10;
/// Records that are sorted in memory at least.
const RECORDS_MIN: usize = 16;

/// Takes records in any order.
pub(super) struct Sorter<const N: usize> {
	folder: PathBuf,
	name: &'static str,
	records_max: usize,
	records: Vec<[u8; N]>,
	/// Runs on disk; those of a level are merges of the level before.
	levels: Vec<Vec<PathBuf>>,
	files: u64,
}

impl<const N: usize> Sorter<N> {
	/// Sorts with at most `bytes_max` bytes of memory. Files are called after `name`; no other sorter of the folder may be.
	pub fn new(folder: &Path, name: &'static str, bytes_max: usize) -> Self {
		Self {
			folder: folder.into(),
			name,
			records_max: (bytes_max / N).max(RECORDS_MIN),
			records: Vec::new(),
			levels: Vec::new(),
			files: 0,
		}
	}

	/// Adds a record.
	pub fn push(&mut self, record: [u8; N]) -> Result<(), Error> {
		if self.records.capacity() == 0 {
			// All at once: a vector that grows has twice its bytes for a moment. Pages that are not used are not taken.
			self.records.reserve_exact(self.records_max);
		}
		if self.records.len() >= self.records_max {
			self.spill()?;
		}
		self.records.push(record);
		Ok(())
	}

	/// The records in their order.
	pub fn finish(mut self) -> Result<Sorted<N>, Error> {
		if self.levels.is_empty() {
			self.records.sort_unstable();
			return Ok(Sorted::Memory(self.records.into_iter()));
		}
		self.spill()?;
		let runs = mem::take(&mut self.levels).into_iter().flatten().collect();
		Ok(Sorted::Disk(Merge::open(runs)?))
	}

	/// Writes what is in memory as a run; merges runs that have become many.
	fn spill(&mut self) -> Result<(), Error> {
		self.records.sort_unstable();
		let path = self.next_path();
		let mut run = Run::create(&path)?;
		for record in &self.records {
			run.push(record)?;
		}
		run.close()?;
		self.records.clear();
		self.keep(0, path);
		let mut level = 0;
		while self.levels.get(level).is_some_and(|runs| runs.len() >= FAN_IN) {
			let runs = self.levels.get_mut(level).map(mem::take).unwrap_or_default();
			let mut merge = Merge::<N>::open(runs)?;
			let path = self.next_path();
			let mut run = Run::create(&path)?;
			while let Some(record) = merge.next()? {
				run.push(&record)?;
			}
			run.close()?;
			level += 1;
			self.keep(level, path);
		}
		Ok(())
	}

	fn keep(&mut self, level: usize, path: PathBuf) {
		if self.levels.len() <= level {
			self.levels.resize_with(level + 1, Vec::new);
		}
		if let Some(runs) = self.levels.get_mut(level) {
			runs.push(path);
		}
	}

	fn next_path(&mut self) -> PathBuf {
		self.files += 1;
		self.folder.join(format!("{}-{:05}", self.name, self.files))
	}
}

/// A run that is written.
struct Run {
	path: PathBuf,
	file: BufWriter<File>,
}

impl Run {
	fn create(path: &Path) -> Result<Self, Error> {
		let file = File::create(path).map_err(Error::io(path))?;
		Ok(Self { path: path.into(), file: BufWriter::with_capacity(BUFFER_BYTES, file) })
	}

	fn push(&mut self, record: &[u8]) -> Result<(), Error> {
		self.file.write_all(record).map_err(Error::io(&self.path))
	}

	fn close(mut self) -> Result<(), Error> {
		self.file.flush().map_err(Error::io(&self.path))
	}
}

/// Records in their order.
pub(super) enum Sorted<const N: usize> {
	/// All were in memory.
	Memory(vec::IntoIter<[u8; N]>),
	/// Runs are merged as they are read.
	Disk(Merge<N>),
}

impl<const N: usize> Sorted<N> {
	/// The next record.
	pub fn next(&mut self) -> Result<Option<[u8; N]>, Error> {
		match self {
			Self::Memory(records) => Ok(records.next()),
			Self::Disk(merge) => merge.next(),
		}
	}
}

/// Runs that are read side by side, and removed behind that.
pub(super) struct Merge<const N: usize> {
	runs: Vec<(PathBuf, BufReader<File>)>,
	heads: BinaryHeap<Reverse<([u8; N], usize)>>,
}

impl<const N: usize> Merge<N> {
	fn open(paths: Vec<PathBuf>) -> Result<Self, Error> {
		let mut merge = Self { runs: Vec::with_capacity(paths.len()), heads: BinaryHeap::new() };
		for (number, path) in paths.into_iter().enumerate() {
			let file = File::open(&path).map_err(Error::io(&path))?;
			merge.runs.push((path, BufReader::with_capacity(BUFFER_BYTES, file)));
			merge.refill(number)?;
		}
		Ok(merge)
	}

	fn next(&mut self) -> Result<Option<[u8; N]>, Error> {
		let Some(Reverse((record, number))) = self.heads.pop() else { return Ok(None) };
		self.refill(number)?;
		Ok(Some(record))
	}

	fn refill(&mut self, number: usize) -> Result<(), Error> {
		let Some((path, file)) = self.runs.get_mut(number) else { return Ok(()) };
		let mut record = [0; N];
		match file.read_exact(&mut record) {
			Ok(()) => self.heads.push(Reverse((record, number))),
			Err(error) if error.kind() == ErrorKind::UnexpectedEof => {}
			Err(error) => return Err(Error::io(&*path)(error)),
		}
		Ok(())
	}
}

impl<const N: usize> Drop for Merge<N> {
	fn drop(&mut self) {
		for (path, _) in &self.runs {
			// The folder is removed with the job: this only frees the disk earlier.
			let _ = fs::remove_file(path);
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	fn sorted(records: &[[u8; 4]], bytes_max: usize) -> (Vec<[u8; 4]>, usize) {
		let folder = tempfile::tempdir().unwrap();
		let mut sorter = Sorter::new(folder.path(), "test", bytes_max);
		records.iter().for_each(|record| sorter.push(*record).unwrap());
		let mut sorted = sorter.finish().unwrap();
		let mut all = Vec::new();
		let mut files_max = 0;
		while let Some(record) = sorted.next().unwrap() {
			files_max = files_max.max(fs::read_dir(folder.path()).unwrap().count());
			all.push(record);
		}
		drop(sorted);
		assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "a run is left");
		(all, files_max)
	}

	#[test]
	fn many_runs_become_few_files_and_the_same_order() {
		let records: Vec<[u8; 4]> =
			(0..20_000_u32).map(|n| n.wrapping_mul(0x9e37_79b1).to_be_bytes()).collect();
		let mut wanted = records.clone();
		wanted.sort_unstable();
		// 1,250 runs of 16 records: 19 merges of 64 runs, and 34 runs that are left.
		let (all, files) = sorted(&records, 1);
		assert!(all == wanted && files == 19 + 34, "{files}");
		let (all, files) = sorted(&records, 1 << 20);
		assert!(all == wanted && files == 0, "{files}");
	}

	proptest! {
		#[test]
		fn the_order_does_not_depend_on_the_memory(
			numbers in prop::collection::vec(0_u32..50, 0..300),
			bytes_max in 0_usize..900,
		) {
			let records: Vec<[u8; 4]> = numbers.iter().map(|n| n.to_be_bytes()).collect();
			let mut wanted = records.clone();
			wanted.sort_unstable();
			prop_assert_eq!(sorted(&records, bytes_max).0, wanted);
		}
	}
}
