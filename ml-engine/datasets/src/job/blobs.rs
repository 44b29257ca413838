//! Blobs: files of documents, written whole, and read again to compare near duplicates.

use super::{write_whole, Error};
use crate::{
	hexadecimal,
	manifest::{blob_name, BlobRecord},
	source::croissant::{sha256_of, DescribedFile},
};
use blyan_exact::{blake2_256, merkle, Hash};
use std::{fs::File, os::unix::fs::FileExt, path::PathBuf};

/// Bits of a place that are the offset in a blob, which has 64 MiB at most.
const OFFSET_BITS: u32 = 26;
/// Largest blob that the store of a node takes.
pub(super) const BLOB_BYTES_MAX: usize = 1 << OFFSET_BITS;
/// Bytes that are read at once of a line whose end is not known.
const READ_BYTES: usize = 8 << 10;

/// Writes documents into blobs.
pub(super) struct BlobWriter {
	out: PathBuf,
	blob_bytes_max: usize,
	current: Vec<u8>,
	leaves: Vec<Hash>,
	/// Blobs that are on disk.
	pub blobs: Vec<BlobRecord>,
	/// Their roots.
	pub roots: Vec<Hash>,
	/// Their descriptions.
	pub files: Vec<DescribedFile>,
}

impl BlobWriter {
	/// Writes below `out`, at most `blob_bytes_max` bytes a blob, if a document is not longer.
	pub fn new(out: PathBuf, blob_bytes_max: usize) -> Self {
		let blob_bytes_max = blob_bytes_max.min(BLOB_BYTES_MAX);
		Self {
			out,
			blob_bytes_max,
			current: Vec::new(),
			leaves: Vec::new(),
			blobs: Vec::new(),
			roots: Vec::new(),
			files: Vec::new(),
		}
	}

	/// Appends a document; returns its place.
	pub fn push(&mut self, line: &[u8]) -> Result<u64, Error> {
		if !self.current.is_empty() && self.current.len() + line.len() + 1 > self.blob_bytes_max {
			self.flush()?;
		}
		let place = ((self.blobs.len() as u64) << OFFSET_BITS) | self.current.len() as u64;
		self.current.extend_from_slice(line);
		self.current.push(b'\n');
		self.leaves.push(merkle::leaf(line));
		Ok(place)
	}

	/// Puts the current blob on disk.
	pub fn flush(&mut self) -> Result<(), Error> {
		if self.current.is_empty() {
			return Ok(());
		}
		let name = blob_name(self.blobs.len());
		write_whole(&self.out.join(&name), &self.current)?;
		let root = merkle::root(&self.leaves);
		let bytes = self.current.len() as u64;
		self.blobs.push(BlobRecord {
			bytes,
			documents: self.leaves.len() as u64,
			hash: hexadecimal(&blake2_256(&[&self.current])),
			root: hexadecimal(&root),
		});
		self.roots.push(root);
		self.files.push(DescribedFile { name, bytes, sha256: sha256_of(&self.current) });
		self.current.clear();
		self.leaves.clear();
		Ok(())
	}

	/// The line at a place.
	pub fn line(&self, place: u64) -> Result<Vec<u8>, Error> {
		let number = usize::try_from(place >> OFFSET_BITS).unwrap_or(usize::MAX);
		let offset = place & ((1 << OFFSET_BITS) - 1);
		if number == self.blobs.len() {
			let rest = self.current.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
			return Ok(rest.split(|byte| *byte == b'\n').next().unwrap_or_default().to_vec());
		}
		let path = self.out.join(blob_name(number));
		let file = File::open(&path).map_err(Error::io(&path))?;
		let mut line = Vec::new();
		loop {
			let begun = line.len();
			line.resize(begun + READ_BYTES, 0);
			let at = offset + begun as u64;
			let read =
				file.read_at(line.get_mut(begun..).unwrap_or_default(), at).map_err(Error::io(&path))?;
			line.truncate(begun + read);
			let end = line.get(begun..).and_then(|new| new.iter().position(|byte| *byte == b'\n'));
			if let Some(end) = end {
				line.truncate(begun + end);
				return Ok(line);
			}
			if read == 0 {
				return Ok(line);
			}
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn lines_are_found_again_in_blobs_on_disk_and_in_the_current_one() {
		let folder = tempfile::tempdir().unwrap();
		std::fs::create_dir(folder.path().join("blobs")).unwrap();
		let mut writer = BlobWriter::new(folder.path().into(), 20_000);
		let lines: Vec<Vec<u8>> = (1..40_usize).map(|n| vec![b'a' + (n % 26) as u8; n * 331]).collect();
		let places: Vec<u64> = lines.iter().map(|line| writer.push(line).unwrap()).collect();
		assert!(writer.blobs.len() > 5);
		for (line, place) in lines.iter().zip(&places) {
			assert_eq!(writer.line(*place).unwrap(), *line);
		}
		assert!(places.is_sorted());
		writer.flush().unwrap();
		writer.flush().unwrap();
		assert_eq!(writer.blobs.iter().map(|blob| blob.documents).sum::<u64>(), 39);
	}
}
