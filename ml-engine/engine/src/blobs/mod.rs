//! Bytes by content: a bounded directory of files named by their Blake2b-256.
//!
//! A file appears under its name only whole and verified: it is written under a temporary name, synced and
//! renamed. Whatever carries a temporary name when the store opens is the rest of an interrupted write and
//! goes. Reading checks the hash again; a damaged file is dropped and reported, never returned.
//!
//! Blobs that are fetched from other machines survive a restart half-finished, under a name of their own: see
//! [`Partial`]. What goes when the room runs out is decided by [`Tier`] and last use.

mod error;
mod partial;
mod retention;
#[cfg(test)]
mod tests;
mod upload;

pub use error::BlobError;
pub use partial::Partial;
pub use retention::Tier;
pub use upload::{UploadStatus, Uploader};

use crate::block::mapped;
use blyan_exact::blake2_256;
use parking_lot::Mutex;
use sp_core::H256;
use std::{
	collections::HashMap,
	fs::{self, File},
	io::{Read, Seek, SeekFrom, Write},
	path::{Path, PathBuf},
};
use upload::Upload;

/// Largest blob, in bytes. A trunk at its bounds has 18 MiB; a part of an open model may have a gibibyte.
pub const BLOB_BYTES_MAX: u64 = 1 << 30;
/// Uploads that may be under way at once. One more takes the place of one that is stalled, or is refused.
pub const UPLOADS_MAX: usize = 16;
/// Of these by one uploader. One more drops its own idlest.
pub const UPLOADS_EACH_MAX: usize = 2;
/// Bytes that the uploads under way may announce together: twice as many as those of one uploader, who cannot keep others out.
pub const UPLOADS_BYTES_MAX: u64 = 2 * UPLOADS_EACH_MAX as u64 * BLOB_BYTES_MAX;
const TEMPORARY_SUFFIX: &str = ".part";

/// A bounded directory of blobs. All methods may be called from many threads.
#[derive(Debug)]
pub struct BlobStore {
	dir: PathBuf,
	bytes_max: u64,
	state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
	/// Sizes of the blobs that are there.
	sizes: HashMap<H256, u64>,
	/// Bytes of all blobs, and of the announced sizes of all writes under way.
	used: u64,
	uploads: HashMap<(Uploader, H256), Upload>,
	/// Announced sizes of the blobs that are being fetched; part of `used`.
	partials: HashMap<H256, u64>,
	/// When each blob was last used, by `counter`.
	last_used: HashMap<H256, u64>,
	/// Counts writes and reads: names temporary files, orders uploads and blobs by their last use.
	counter: u64,
}

impl State {
	/// Sets `size` bytes aside, or says that they do not fit.
	fn reserve(&mut self, size: u64, bytes_max: u64) -> Result<(), BlobError> {
		let free = bytes_max.saturating_sub(self.used);
		if size > free {
			return Err(BlobError::QuotaExceeded { size, free, bytes_max });
		}
		self.used += size;
		Ok(())
	}

	fn release(&mut self, size: u64) {
		self.used = self.used.saturating_sub(size);
	}

	/// Notes that a blob is of use now.
	fn touch(&mut self, hash: &H256) {
		self.counter += 1;
		let now = self.counter;
		self.last_used.insert(*hash, now);
	}

	/// Forgets a blob and returns its size if it was there.
	fn forget(&mut self, hash: &H256) -> Option<u64> {
		let size = self.sizes.remove(hash)?;
		self.last_used.remove(hash);
		self.release(size);
		Some(size)
	}
}

impl BlobStore {
	/// Opens or creates the directory, drops interrupted writes and counts what is there.
	pub fn open(dir: impl Into<PathBuf>, bytes_max: u64) -> Result<Self, BlobError> {
		let dir = dir.into();
		fs::create_dir_all(&dir)?;
		let mut state = State::default();
		let mut ages = Vec::new();
		for entry in fs::read_dir(&dir)? {
			let entry = entry?;
			let name = entry.file_name();
			let Some(name) = name.to_str() else { continue };
			if name.ends_with(TEMPORARY_SUFFIX) {
				fs::remove_file(entry.path())?;
			} else if let Some(hash) = parse_name(name) {
				let metadata = entry.metadata()?;
				state.sizes.insert(hash, metadata.len());
				state.used += metadata.len();
				ages.push((metadata.modified()?, hash));
			} else if let Some(hash) = partial::parse_name(name) {
				let size = entry.metadata()?.len();
				state.partials.insert(hash, size);
				state.used += size;
			}
		}
		// What was used last is not known after a restart; what was stored last is the best guess.
		ages.sort();
		for (_, hash) in ages {
			state.touch(&hash);
		}
		Ok(Self { dir, bytes_max, state: Mutex::new(state) })
	}

	/// The directory.
	pub fn dir(&self) -> &Path {
		&self.dir
	}

	/// Bytes the store may hold.
	pub fn bytes_max(&self) -> u64 {
		self.bytes_max
	}

	/// Bytes the store holds or has promised to uploads.
	pub fn used_bytes(&self) -> u64 {
		self.state.lock().used
	}

	/// Reports whether a blob is there.
	pub fn has(&self, hash: &H256) -> bool {
		self.state.lock().sizes.contains_key(hash)
	}

	/// Size of a blob.
	pub fn size(&self, hash: &H256) -> Option<u64> {
		self.state.lock().sizes.get(hash).copied()
	}

	/// All blobs, in no order.
	pub fn hashes(&self) -> Vec<H256> {
		self.state.lock().sizes.keys().copied().collect()
	}

	/// A blob's bytes, verified.
	pub fn get(&self, hash: &H256) -> Result<Vec<u8>, BlobError> {
		let bytes = self.read(hash)?;
		if blake2_256(&[&bytes]) != hash.0 {
			return Err(self.drop_corrupt(hash));
		}
		Ok(bytes)
	}

	/// The file of a blob, verified now. The file never changes; it may be unlinked while mapped.
	pub fn verified_path(&self, hash: &H256) -> Result<PathBuf, BlobError> {
		self.use_now(hash)?;
		let path = self.path(hash);
		let bytes = match mapped(&path) {
			Ok(bytes) => bytes,
			Err(error) => return Err(self.note_unreadable(hash, error)),
		};
		if blake2_256(&[&bytes]) != hash.0 {
			return Err(self.drop_corrupt(hash));
		}
		Ok(path)
	}

	/// Opens the file of a blob, if it is there, for readers that verify it themselves. It never changes; it may be unlinked.
	pub fn path_of(&self, hash: &H256) -> Option<PathBuf> {
		self.use_now(hash).ok()?;
		Some(self.path(hash))
	}

	/// Reads part of a blob, at most `len` bytes from `offset`, for a downloader that verifies the whole.
	pub fn read_range(&self, hash: &H256, offset: u64, len: usize) -> Result<Vec<u8>, BlobError> {
		let size = self.size(hash).ok_or(BlobError::Missing(*hash))?;
		self.state.lock().touch(hash);
		let left = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
		// One byte more is set aside for the server that sends it on.
		let mut bytes = Vec::with_capacity(len.min(left) + 1);
		bytes.resize(len.min(left), 0);
		let read = |bytes: &mut [u8]| {
			let mut file = File::open(self.path(hash))?;
			file.seek(SeekFrom::Start(offset))?;
			file.read_exact(bytes)
		};
		match read(&mut bytes) {
			Ok(()) => Ok(bytes),
			Err(error) => Err(self.note_unreadable(hash, error)),
		}
	}

	/// Stores bytes under their hash, which is returned. Bytes that are there already cost nothing.
	pub fn put(&self, bytes: &[u8]) -> Result<H256, BlobError> {
		let hash = H256(blake2_256(&[bytes]));
		let size = bytes.len() as u64;
		ensure_size(size)?;
		let temporary = {
			let mut state = self.state.lock();
			if state.sizes.contains_key(&hash) {
				return Ok(hash);
			}
			state.reserve(size, self.bytes_max)?;
			self.temporary_path(&hash, &mut state)
		};
		let written = File::create(&temporary).and_then(|mut file| {
			file.write_all(bytes)?;
			file.sync_all()
		});
		self.finish(hash, size, &temporary, written)?;
		Ok(hash)
	}

	/// [`Self::put`] for bytes that must have this hash.
	pub fn put_expected(&self, hash: &H256, bytes: &[u8]) -> Result<(), BlobError> {
		if blake2_256(&[bytes]) != hash.0 {
			return Err(BlobError::HashMismatch(*hash));
		}
		self.put(bytes).map(drop)
	}

	/// Forgets a blob. Forgetting what is not there is no error.
	pub fn remove(&self, hash: &H256) -> Result<(), BlobError> {
		let mut state = self.state.lock();
		if state.forget(hash).is_some() {
			fs::remove_file(self.path(hash))?;
		}
		Ok(())
	}

	/// Notes that a blob is of use now, if it is there.
	fn use_now(&self, hash: &H256) -> Result<(), BlobError> {
		let mut state = self.state.lock();
		if !state.sizes.contains_key(hash) {
			return Err(BlobError::Missing(*hash));
		}
		state.touch(hash);
		Ok(())
	}

	fn path(&self, hash: &H256) -> PathBuf {
		self.dir.join(format!("{hash:x}"))
	}

	fn temporary_path(&self, hash: &H256, state: &mut State) -> PathBuf {
		state.counter += 1;
		self.dir.join(format!("{hash:x}.{}{TEMPORARY_SUFFIX}", state.counter))
	}

	/// Moves a written temporary file into place, or cleans up after a failure.
	fn finish(
		&self,
		hash: H256,
		size: u64,
		temporary: &Path,
		written: std::io::Result<()>,
	) -> Result<(), BlobError> {
		let mut state = self.state.lock();
		let moved = written.and_then(|()| {
			fs::rename(temporary, self.path(&hash))?;
			// The rename itself must survive a power cut.
			File::open(&self.dir)?.sync_all()
		});
		if let Err(error) = moved {
			state.release(size);
			// Nothing is lost if this fails too: the next start removes temporary files.
			let _ = fs::remove_file(temporary);
			return Err(error.into());
		}
		// Someone else may have stored the same bytes meanwhile; they count once.
		if let Some(size) = state.sizes.insert(hash, size) {
			state.release(size);
		}
		state.touch(&hash);
		// Others may have been uploading the same.
		self.abandon_all(&mut state, &hash);
		Ok(())
	}

	fn read(&self, hash: &H256) -> Result<Vec<u8>, BlobError> {
		self.use_now(hash)?;
		fs::read(self.path(hash)).map_err(|error| self.note_unreadable(hash, error))
	}

	/// A file that vanished behind our back is a missing blob.
	fn note_unreadable(&self, hash: &H256, error: std::io::Error) -> BlobError {
		if error.kind() != std::io::ErrorKind::NotFound {
			return error.into();
		}
		self.state.lock().forget(hash);
		BlobError::Missing(*hash)
	}

	fn drop_corrupt(&self, hash: &H256) -> BlobError {
		log::warn!("blob {hash:?} is damaged on disk; dropping it");
		match self.remove(hash) {
			Ok(()) => BlobError::Corrupt(*hash),
			Err(error) => error,
		}
	}
}

fn ensure_size(size: u64) -> Result<(), BlobError> {
	if size <= BLOB_BYTES_MAX {
		Ok(())
	} else {
		Err(BlobError::TooLarge { size })
	}
}

fn parse_name(name: &str) -> Option<H256> {
	let is_hex = name.len() == 64 && name.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
	if !is_hex {
		return None;
	}
	let mut hash = [0; 32];
	for (i, byte) in hash.iter_mut().enumerate() {
		*byte = u8::from_str_radix(&name[2 * i..2 * i + 2], 16).ok()?;
	}
	Some(H256(hash))
}
