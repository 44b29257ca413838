//! Blobs that arrive in pieces, in any order.

use super::{ensure_size, BlobError, BlobStore, State, UPLOADS_BYTES_MAX, UPLOADS_EACH_MAX, UPLOADS_MAX};
use crate::block::mapped;
use blyan_exact::blake2_256;
use sp_core::H256;
use std::{
	fs::{self, File},
	io::{self, Seek, SeekFrom, Write},
	ops::Range,
	path::PathBuf,
	time::{Duration, Instant},
};

/// Names the one who uploads. Each has uploads of its own, which others cannot touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Uploader(pub u64);

/// State of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadStatus {
	/// Bytes received without a gap from the first on, which is where to go on.
	pub received: u64,
	/// True once the blob is in the store.
	pub complete: bool,
}

/// Time without bytes after which an upload's place can be taken.
const IDLE_MAX: Duration = Duration::from_secs(5);
/// Time for which an upload may be slower than [`RATE_MIN`].
const SLOW_MAX: Duration = Duration::from_secs(30);
/// Bytes a second, on average, that keep an upload in its place.
const RATE_MIN: u64 = 16 * 1_024;

/// An upload under way.
#[derive(Debug)]
pub(super) struct Upload {
	file: File,
	temporary: PathBuf,
	total: u64,
	/// Ranges that have arrived: disjoint, ascending, never touching.
	received: Vec<Range<u64>>,
	began: Instant,
	last_used: Instant,
}

impl Upload {
	fn received_bytes(&self) -> u64 {
		self.received.iter().map(|range| range.end - range.start).sum()
	}

	/// The first byte that is missing.
	fn first_missing(&self) -> u64 {
		self.received.first().filter(|range| range.start == 0).map_or(0, |range| range.end)
	}

	fn is_stalled(&self, now: Instant) -> bool {
		let age = now.saturating_duration_since(self.began);
		now.saturating_duration_since(self.last_used) >= IDLE_MAX
			|| (age >= SLOW_MAX && self.received_bytes() < age.as_secs() * RATE_MIN)
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
	/// one that completes the blob has it verified and moved into place. Chunks may come in any order, repeat and overlap;
	/// only the hash decides. If it does not match, everything received from this uploader is dropped.
	///
	/// Uploads do not survive a restart, but `received` says where to begin again.
	pub fn write_chunk(
		&self,
		uploader: Uploader,
		hash: &H256,
		total: u64,
		offset: u64,
		bytes: &[u8],
	) -> Result<UploadStatus, BlobError> {
		self.write_chunk_at(Instant::now(), uploader, hash, total, offset, bytes)
	}

	/// The same at a given time.
	pub(super) fn write_chunk_at(
		&self,
		now: Instant,
		uploader: Uploader,
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
		let key = (uploader, *hash);
		let mut state = self.state.lock();
		if let Some(&size) = state.sizes.get(hash) {
			if size != total {
				return Err(BlobError::SizeDiffers { hash: *hash, size, announced: total });
			}
			return Ok(UploadStatus { received: size, complete: true });
		}
		if !state.uploads.contains_key(&key) {
			self.make_place(&mut state, now, uploader, total)?;
			state.reserve(total, self.bytes_max)?;
			let temporary = self.temporary_path(hash, &mut state);
			let file = match File::create(&temporary) {
				Ok(file) => file,
				Err(error) => {
					state.release(total);
					return Err(error.into());
				}
			};
			let upload = Upload { file, temporary, total, received: Vec::new(), began: now, last_used: now };
			state.uploads.insert(key, upload);
		}
		let Some(upload) = state.uploads.get_mut(&key) else {
			return Err(BlobError::Missing(*hash));
		};
		if upload.total != total {
			return Err(BlobError::TotalDiffers { begun: upload.total, announced: total });
		}
		upload.last_used = now;
		if let Err(error) = upload.write(offset, bytes) {
			self.abandon(&mut state, &key);
			return Err(error.into());
		}
		let received = upload.first_missing();
		if received < total {
			return Ok(UploadStatus { received, complete: false });
		}
		// Verified without the lock: hashing a large blob takes a while.
		let Some(upload) = state.uploads.remove(&key) else { return Err(BlobError::Missing(*hash)) };
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

	/// Returns how far one uploader's upload of a blob has come; zero if none is under way.
	pub fn upload_status(&self, uploader: Uploader, hash: &H256) -> UploadStatus {
		let state = self.state.lock();
		if let Some(&size) = state.sizes.get(hash) {
			return UploadStatus { received: size, complete: true };
		}
		let received = state.uploads.get(&(uploader, *hash)).map_or(0, Upload::first_missing);
		UploadStatus { received, complete: false }
	}

	/// Sees to it that one more upload of so many bytes may begin: its maker's own idlest goes if it has too many, and
	/// stalled ones of others if all together are too many.
	fn make_place(
		&self,
		state: &mut State,
		now: Instant,
		uploader: Uploader,
		total: u64,
	) -> Result<(), BlobError> {
		loop {
			let idlest = |state: &State, may_go: &dyn Fn(Uploader, &Upload) -> bool| {
				let uploads = state.uploads.iter().filter(|((by, _), upload)| may_go(*by, upload));
				uploads.min_by_key(|(_, upload)| upload.last_used).map(|(key, _)| *key)
			};
			let own = state.uploads.keys().filter(|(by, _)| *by == uploader).count();
			let announced: u64 = state.uploads.values().map(|upload| upload.total).sum();
			let goes = if own >= UPLOADS_EACH_MAX {
				idlest(state, &|by, _| by == uploader)
			} else if state.uploads.len() >= UPLOADS_MAX || announced + total > UPLOADS_BYTES_MAX {
				idlest(state, &|_, upload| upload.is_stalled(now))
			} else {
				return Ok(());
			};
			let key = goes.ok_or(BlobError::UploadsBusy { uploads: state.uploads.len() })?;
			self.abandon(state, &key);
		}
	}

	fn abandon(&self, state: &mut State, key: &(Uploader, H256)) {
		if let Some(upload) = state.uploads.remove(key) {
			state.release(upload.total);
			// Nothing is lost if this fails: the next start removes temporary files.
			let _ = fs::remove_file(&upload.temporary);
		}
	}

	/// Drops all uploads of a blob.
	pub(super) fn abandon_all(&self, state: &mut State, hash: &H256) {
		let keys: Vec<_> = state.uploads.keys().filter(|(_, of)| of == hash).copied().collect();
		for key in keys {
			self.abandon(state, &key);
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
