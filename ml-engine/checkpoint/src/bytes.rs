//! Bytes of a checkpoint, mapped from a file or held in memory.
//!
//! Checkpoints are larger than memory, so they are mapped. Reading a page that a file lost while it was mapped ends the
//! process (SIGBUS): a checkpoint must not be truncated while it is open. Only an import opens one, never a node.

use crate::error::CheckpointError;
use memmap2::Mmap;
use std::{
	fs::File,
	io::Read,
	ops::{Deref, Range},
	path::Path,
};

/// Bytes around a range that are released with it: the system maps up to a large page around what is read.
#[cfg(unix)]
const AROUND: usize = 2 << 20;

/// Bytes that do not move and do not change.
#[derive(Debug)]
pub enum Bytes {
	/// A file, read on demand by the kernel.
	Mapped(Mmap),
	/// A copy in memory.
	Owned(Vec<u8>),
}

impl Bytes {
	/// Maps a file for reading. The cost does not depend on its length.
	pub fn map(path: &Path) -> Result<Self, CheckpointError> {
		let file = File::open(path).map_err(|error| CheckpointError::io(path, error))?;
		let len = file.metadata().map_err(|error| CheckpointError::io(path, error))?.len();
		// An empty file cannot be mapped everywhere.
		if len == 0 {
			return Ok(Self::Owned(Vec::new()));
		}
		// SAFETY: a mapping is sound while the file is neither truncated nor rewritten. The owner of the checkpoint
		// is the user of the command that reads it; the module's documentation tells what happens otherwise.
		let map = unsafe { Mmap::map(&file) }.map_err(|error| CheckpointError::io(path, error))?;
		Ok(Self::Mapped(map))
	}

	/// Gives the memory of a range back to the system, which reads the file again when the range is read again.
	///
	/// Without it, every page that was read counts as this process's memory until the system is short of some. Bytes
	/// that are held in memory stay.
	pub fn release(&self, range: Range<usize>) {
		#[cfg(unix)]
		if let Self::Mapped(map) = self {
			let (start, end) =
				(range.start.saturating_sub(AROUND), map.len().min(range.end.saturating_add(AROUND)));
			// SAFETY: the mapping is shared and read-only, so a page that is dropped has the file's bytes when it comes
			// back. The range lies within the mapping.
			let released = unsafe {
				map.unchecked_advise_range(
					memmap2::UncheckedAdvice::DontNeed,
					start,
					end.saturating_sub(start),
				)
			};
			// It is advice: where the system does not take it, memory is what it was.
			drop(released);
		}
		#[cfg(not(unix))]
		drop(range);
	}
}

impl Deref for Bytes {
	type Target = [u8];

	fn deref(&self) -> &[u8] {
		match self {
			Self::Mapped(map) => map,
			Self::Owned(bytes) => bytes,
		}
	}
}

/// Reads a small file, or refuses one of more than `limit` bytes. `None` without such a file.
pub fn read_small(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, CheckpointError> {
	let file = match File::open(path) {
		Ok(file) => file,
		Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
		Err(error) => return Err(CheckpointError::io(path, error)),
	};
	let mut bytes = Vec::new();
	let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes);
	let read = read.map_err(|error| CheckpointError::io(path, error))?;
	if read as u64 > limit {
		return Err(CheckpointError::FileTooLarge { path: path.to_owned(), limit });
	}
	Ok(Some(bytes))
}
