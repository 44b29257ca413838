//! Bytes of a block, mapped from a file or held in memory.

use memmap2::Mmap;
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
		// An empty file cannot be mapped everywhere, and no block is empty.
		if file.metadata()?.len() == 0 {
			return Ok(Self::Owned(Vec::new()));
		}
		// SAFETY: a mapping is sound while nobody truncates or rewrites the file. The blob store writes a
		// file once under a temporary name and renames it into place, and only ever unlinks it afterwards.
		let map = unsafe { Mmap::map(&file)? };
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

/// [`Bytes::map`].
pub fn map(path: &Path) -> io::Result<Bytes> {
	Bytes::map(path)
}
