//! A part: texts of one beginning of their hashes, read in the order of the hashes.

use super::{
	sort::{Sorted, Sorter},
	stage::HEAD_BYTES,
};
use crate::{
	filter::{Bands, BANDS},
	Error,
};
use blyan_exact::Hash;
use std::{
	fs::File,
	io::{BufReader, Read},
	os::unix::fs::FileExt,
	path::{Path, PathBuf},
};

/// A hash, an offset, a length.
const KEY_BYTES: usize = 32 + 8 + 4;

/// A text in a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
	/// Hash of the text.
	pub hash: Hash,
	/// Offset of its head in the part.
	pub offset: u64,
	/// Bytes of its line.
	pub length: u32,
}

impl Key {
	fn to_bytes(self) -> [u8; KEY_BYTES] {
		let mut bytes = [0; KEY_BYTES];
		let (hash, rest) = bytes.split_at_mut(32);
		let (offset, length) = rest.split_at_mut(8);
		hash.copy_from_slice(&self.hash);
		offset.copy_from_slice(&self.offset.to_be_bytes());
		length.copy_from_slice(&self.length.to_be_bytes());
		bytes
	}

	fn of_bytes(bytes: &[u8; KEY_BYTES]) -> Self {
		let (hash, rest) = bytes.split_at(32);
		let (offset, length) = rest.split_at(8);
		Self {
			hash: hash.try_into().unwrap_or_default(),
			offset: u64::from_be_bytes(offset.try_into().unwrap_or_default()),
			length: u32::from_be_bytes(length.try_into().unwrap_or_default()),
		}
	}
}

/// A part, whose keys are sorted and whose texts are on disk.
pub(super) struct Part {
	path: PathBuf,
	file: File,
	keys: Sorted<KEY_BYTES>,
}

impl Part {
	/// Reads the keys of a part and sorts them, with at most `bytes_max` bytes of memory and files below `folder`.
	pub fn open(path: &Path, folder: &Path, bytes_max: usize) -> Result<Self, Error> {
		let file = File::open(path).map_err(Error::io(path))?;
		let length = file.metadata().map_err(Error::io(path))?.len();
		let mut reader = BufReader::with_capacity(1 << 20, &file);
		let (mut keys, mut offset) = (Sorter::new(folder, "part", bytes_max), 0);
		let mut head = [0; HEAD_BYTES];
		while offset < length {
			reader.read_exact(&mut head).map_err(Error::io(path))?;
			let (size, rest) = head.split_at(4);
			let size = u32::from_le_bytes(size.try_into().unwrap_or_default());
			let hash = rest.first_chunk::<32>().copied().unwrap_or_default();
			keys.push(Key { hash, offset, length: size }.to_bytes())?;
			reader.seek_relative(size.into()).map_err(Error::io(path))?;
			offset += HEAD_BYTES as u64 + u64::from(size);
		}
		drop(reader);
		Ok(Self { path: path.into(), file, keys: keys.finish()? })
	}

	/// The next text, in the order of the hashes.
	pub fn next(&mut self) -> Result<Option<Key>, Error> {
		Ok(self.keys.next()?.map(|bytes| Key::of_bytes(&bytes)))
	}

	/// The line of a text.
	pub fn line(&self, key: &Key) -> Result<Vec<u8>, Error> {
		let mut line = vec![0; key.length as usize];
		self.file.read_exact_at(&mut line, key.offset + HEAD_BYTES as u64).map_err(Error::io(&self.path))?;
		Ok(line)
	}

	/// The keys of a text's bands.
	pub fn bands(&self, key: &Key) -> Result<Bands, Error> {
		let mut bytes = [0; 8 * BANDS];
		self.file.read_exact_at(&mut bytes, key.offset + 36).map_err(Error::io(&self.path))?;
		let mut bands = [0; BANDS];
		for (key, bytes) in bands.iter_mut().zip(bytes.chunks_exact(8)) {
			*key = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
		}
		Ok(bands)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn keys_are_sorted_as_their_bytes_are() {
		let keys = [
			Key { hash: [0; 32], offset: 0xff, length: 9 },
			Key { hash: [0; 32], offset: 0x100, length: 1 },
			Key { hash: [1; 32], offset: 0, length: 0 },
		];
		let bytes = keys.map(Key::to_bytes);
		assert!(bytes.is_sorted());
		assert_eq!(bytes.map(|bytes| Key::of_bytes(&bytes)), keys);
	}
}
