//! Bytes of a block, mapped from a file or held in memory.
//!
//! Reading a page that a file lost while it was mapped ends the process (SIGBUS); no check beforehand can prevent
//! that. So only files that never change are mapped: those of the blob store, which are immutable, and unlinking
//! one leaves its mappings whole. A file from a user is read instead
//! ([`super::read`]).

use memmap2::{Mmap, MmapOptions};
use std::{fs::File, io, ops::Deref, path::Path};

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
	pub fn map(path: &Path) -> io::Result<Self> {
		let file = File::open(path)?;
		let len = file.metadata()?.len();
		let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
		Self::map_file(&file, len)
	}

	/// Maps the first `len` bytes of a file, which has as many: those, and no others, can be read afterwards.
	pub fn map_file(file: &File, len: usize) -> io::Result<Self> {
		// An empty file cannot be mapped everywhere, and no block is empty.
		if len == 0 {
			return Ok(Self::Owned(Vec::new()));
		}
		// SAFETY: a mapping is sound while the file is neither truncated nor rewritten. The blob store writes a
		// file once under a temporary name and renames it into place, and only ever unlinks it afterwards.
		let map = unsafe { MmapOptions::new().len(len).map(file)? };
		Ok(Self::Mapped(map))
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

/// Maps a file: [`Bytes::map`].
pub fn map(path: &Path) -> io::Result<Bytes> {
	Bytes::map(path)
}
