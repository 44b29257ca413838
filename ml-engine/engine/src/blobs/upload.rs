//! Blobs that arrive in pieces, in any order.

use super::{ensure_size, BlobError, BlobStore, UPLOADS_MAX};
use crate::block::mapped;
use blyan_exact::blake2_256;
use sp_core::H256;
use std::{
	fs::{self, File},
	io::{self, Seek, SeekFrom, Write},
	ops::Range,
	path::PathBuf,
};

/// How far an upload has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadStatus {
	/// Different bytes received so far.
	pub received: u64,
	/// Whether the blob is in the store.
	pub complete: bool,
}

/// An upload under way.
#[derive(Debug)]
pub(super) struct Upload {
	file: File,
	temporary: PathBuf,
	total: u64,
	/// What has arrived: disjoint, ascending, never touching.
	received: Vec<Range<u64>>,
	last_used: u64,
}

impl Upload {
	fn received_bytes(&self) -> u64 {
		self.received.iter().map(|range| range.end - range.start).sum()
	}

	fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
		self.file.seek(SeekFrom::Start(offset))?;
		self.file.write_all(bytes)?;
		note_range(&mut self.received, offset..offset + bytes.len() as u64);
		Ok(())
	}
}

/// Adds `new` to disjoint ascending ranges, merging what it touches.
fn note_range(ranges: &mut Vec<Range<u64>>, new: Range<u64>) {
	let first = ranges.partition_point(|range| range.end < new.start);
	let end = ranges.partition_point(|range| range.start <= new.end);
	let touched = &ranges[first..end];
	let start = touched.first().map_or(new.start, |range| range.start.min(new.start));
	let stop = touched.last().map_or(new.end, |range| range.end.max(new.end));
	ranges.splice(first..end, std::iter::once(start..stop));
}

impl BlobStore {
	/// Takes one chunk of a blob of `total` bytes. The first chunk sets `total` bytes of the store aside; the
	/// one that completes the blob has it verified and moved into place. Chunks may repeat and overlap; only
	/// the hash decides. If it does not match, everything received is dropped.
	///
	/// Uploads do not survive a restart, but whoever uploads learns from `received` where to begin again.
	pub fn write_chunk(
		&self,
		hash: &H256,
		total: u64,
		offset: u64,
		bytes: &[u8],
	) -> Result<UploadStatus, BlobError> {
		ensure_size(total)?;
		let len = bytes.len() as u64;
		if len == 0 || offset.checked_add(len).is_none_or(|end| end > total) {
			return Err(BlobError::ChunkOutOfRange { offset, len, total });
		}
		let mut state = self.state.lock();
		if let Some(&size) = state.sizes.get(hash) {
			return Ok(UploadStatus { received: size, complete: true });
		}
		if !state.uploads.contains_key(hash) {
			while state.uploads.len() >= UPLOADS_MAX {
				let idle = state.uploads.iter().min_by_key(|(_, upload)| upload.last_used);
				let Some(idle) = idle.map(|(hash, _)| *hash) else { break };
				self.abandon(&mut state, &idle);
			}
			state.reserve(total, self.bytes_max)?;
			let temporary = self.temporary_path(hash, &mut state);
			let file = match File::create(&temporary) {
				Ok(file) => file,
				Err(error) => {
					state.release(total);
					return Err(error.into());
				}
			};
			let upload = Upload { file, temporary, total, received: Vec::new(), last_used: 0 };
			state.uploads.insert(*hash, upload);
		}
		state.counter += 1;
		let now = state.counter;
		let Some(upload) = state.uploads.get_mut(hash) else {
			return Err(BlobError::Missing(*hash));
		};
		if upload.total != total {
			return Err(BlobError::TotalDiffers { begun: upload.total, announced: total });
		}
		upload.last_used = now;
		let written = upload.write(offset, bytes);
		let received = upload.received_bytes();
		if let Err(error) = written {
			self.abandon(&mut state, hash);
			return Err(error.into());
		}
		if received < total {
			return Ok(UploadStatus { received, complete: false });
		}
		// Verified without the lock: hashing 64 MiB takes a while.
		let Some(upload) = state.uploads.remove(hash) else { return Err(BlobError::Missing(*hash)) };
		drop(state);
		let verified = mapped(&upload.temporary).map(|bytes| blake2_256(&[&bytes]) == hash.0);
		let written = match verified {
			Ok(false) => {
				self.state.lock().release(total);
				fs::remove_file(&upload.temporary)?;
				return Err(BlobError::HashMismatch(*hash));
			}
			Ok(true) => upload.file.sync_all(),
			Err(error) => Err(error),
		};
		self.finish(*hash, total, &upload.temporary, written)?;
		Ok(UploadStatus { received, complete: true })
	}

	/// How far the upload of a blob has come; zero if none is under way.
	pub fn upload_status(&self, hash: &H256) -> UploadStatus {
		let state = self.state.lock();
		if let Some(&size) = state.sizes.get(hash) {
			return UploadStatus { received: size, complete: true };
		}
		let received = state.uploads.get(hash).map_or(0, Upload::received_bytes);
		UploadStatus { received, complete: false }
	}

	fn abandon(&self, state: &mut super::State, hash: &H256) {
		if let Some(upload) = state.uploads.remove(hash) {
			state.release(upload.total);
			// Nothing is lost if this fails: the next start removes temporary files.
			let _ = fs::remove_file(&upload.temporary);
		}
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	proptest! {
		#[test]
		fn ranges_count_every_byte_once(chunks in prop::collection::vec((0_u64..100, 1_u64..20), 0..30)) {
			let mut ranges = Vec::new();
			let mut seen = std::collections::BTreeSet::new();
			for (start, len) in chunks {
				note_range(&mut ranges, start..start + len);
				seen.extend(start..start + len);
			}
			prop_assert_eq!(ranges.iter().map(|r| r.end - r.start).sum::<u64>(), seen.len() as u64);
			prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
		}
	}
}
