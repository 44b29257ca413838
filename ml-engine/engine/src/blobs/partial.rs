//! Blobs that are fetched from other machines, piece by piece, over restarts.

use super::{ensure_size, parse_name as parse_hash, BlobError, BlobStore};
use blake2b_simd::State;
use parking_lot::{Mutex, MutexGuard};
use sp_core::H256;
use std::{
	fs::{self, File},
	io::{self, Write},
	os::unix::fs::FileExt,
	path::PathBuf,
};

/// Ends the name of a blob that is being fetched.
const PARTIAL_SUFFIX: &str = ".fetch";
/// Suffix of the fetcher's journal beside a partial blob.
const NOTE_SUFFIX: &str = ".note";

/// A blob that is not complete yet: a file of its full length whose holes are being filled.
///
/// The file survives a restart. Its bytes are unverified; the fetcher checks them: by proofs, or by a
/// [note](Self::note).
#[derive(Debug)]
pub struct Partial {
	hash: H256,
	size: u64,
	path: PathBuf,
	note: PathBuf,
	file: File,
	is_fresh: bool,
	/// Up to where nothing changes any more: no thread may write there. Locked by the writers, one at a time: the file
	/// system lets no two write into one file either, and lets them spin meanwhile.
	settled: Mutex<u64>,
	hasher: Mutex<Hasher>,
}

/// Bytes that are hashed at once.
const HASHED_AT_ONCE: u64 = 1 << 20;

/// The hash of the bytes up to some place.
#[derive(Debug)]
struct Hasher {
	state: State,
	at: u64,
	/// Bytes that were read last; kept for its memory.
	buffer: Vec<u8>,
}

/// The hash in a partial blob's name.
pub(super) fn parse_name(name: &str) -> Option<H256> {
	parse_hash(name.strip_suffix(PARTIAL_SUFFIX)?)
}

impl Hasher {
	/// Blake2b-256 before the first byte.
	fn new() -> Self {
		let state = blake2b_simd::Params::new().hash_length(32).to_state();
		Self { state, at: 0, buffer: Vec::new() }
	}
}

impl Partial {
	/// Returns the hash it must have in the end.
	pub fn hash(&self) -> H256 {
		self.hash
	}

	/// Its length in bytes when it is complete.
	pub fn size(&self) -> u64 {
		self.size
	}

	/// Reports whether nothing of it was there when it was begun.
	pub fn is_fresh(&self) -> bool {
		self.is_fresh
	}

	/// Fills a hole. Bytes for where everything is hashed already are late, and ignored.
	pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), BlobError> {
		let len = bytes.len() as u64;
		if offset.checked_add(len).is_none_or(|end| end > self.size) {
			return Err(BlobError::ChunkOutOfRange { offset, len, total: self.size });
		}
		let settled = self.settled.lock();
		if offset >= *settled {
			self.file.write_all_at(bytes, offset)?;
		}
		Ok(())
	}

	/// Says that nothing up to `end` will change any more. It is hashed now, so that less is left to do in the end;
	/// by another thread, if one is at it.
	pub fn hash_up_to(&self, end: u64) -> Result<(), BlobError> {
		self.settle(end);
		match self.hasher.try_lock() {
			Some(hasher) => self.hash_settled(hasher).map(drop),
			None => Ok(()),
		}
	}

	fn settle(&self, end: u64) {
		let mut settled = self.settled.lock();
		*settled = end.min(self.size).max(*settled);
	}

	/// Hashes all that is settled, also what is while this is at it.
	fn hash_settled<'a>(
		&self,
		mut hasher: MutexGuard<'a, Hasher>,
	) -> Result<MutexGuard<'a, Hasher>, BlobError> {
		loop {
			let left = self.settled.lock().saturating_sub(hasher.at);
			if left == 0 {
				return Ok(hasher);
			}
			let Hasher { state, at, buffer } = &mut *hasher;
			buffer.resize(left.min(HASHED_AT_ONCE) as usize, 0);
			self.file.read_exact_at(buffer, *at)?;
			state.update(buffer);
			*at += buffer.len() as u64;
		}
	}

	/// The hash of the whole, of which nothing will change any more.
	fn hash_of_all(&self) -> Result<H256, BlobError> {
		self.settle(self.size);
		let hasher = self.hash_settled(self.hasher.lock())?;
		Ok(H256::from_slice(hasher.state.finalize().as_bytes()))
	}

	/// Takes back what [`Self::hash_up_to`] was told.
	pub fn forget_hash(&self) {
		let mut hasher = self.hasher.lock();
		*hasher = Hasher::new();
		*self.settled.lock() = 0;
	}

	/// Reads what is there; holes are zeros.
	pub fn read_at(&self, offset: u64, len: usize) -> Result<Vec<u8>, BlobError> {
		let mut bytes = vec![0; len];
		self.file.read_exact_at(&mut bytes, offset)?;
		Ok(bytes)
	}

	/// Returns the journal kept beside it, if there is one.
	pub fn note(&self) -> Option<Vec<u8>> {
		fs::read(&self.note).ok()
	}

	/// Notes something beside it, in place of what was noted before. It is whole or absent after a crash.
	pub fn set_note(&self, note: &[u8]) -> Result<(), BlobError> {
		let temporary = self.note.with_extension("note.part");
		fs::write(&temporary, note)?;
		Ok(fs::rename(temporary, &self.note)?)
	}

	/// Adds to what is noted, cheaply. After a crash the end of what was added may be missing or torn.
	pub fn add_to_note(&self, note: &[u8]) -> Result<(), BlobError> {
		Ok(File::options().append(true).create(true).open(&self.note)?.write_all(note)?)
	}
}

impl BlobStore {
	/// Begins to fetch a blob, or goes on where an earlier attempt ended. Its whole size is set aside.
	///
	/// One caller at a time: the file is not locked.
	pub fn begin_partial(&self, hash: &H256, size: u64) -> Result<Partial, BlobError> {
		ensure_size(size)?;
		let mut state = self.state.lock();
		if state.partials.get(hash).is_some_and(|begun| *begun != size) {
			// A blob of another size under this name has no use.
			let begun = state.partials.remove(hash).unwrap_or_default();
			state.release(begun);
			self.remove_partial_files(hash)?;
		}
		let is_fresh = !state.partials.contains_key(hash);
		if is_fresh {
			state.reserve(size, self.bytes_max)?;
		}
		let path = self.partial_path(hash);
		let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
		match opened.and_then(|file| file.set_len(size).map(|()| file)) {
			Ok(file) => {
				state.partials.insert(*hash, size);
				Ok(Partial {
					hash: *hash,
					size,
					path,
					note: self.note_path(hash),
					file,
					is_fresh,
					settled: Mutex::new(0),
					hasher: Mutex::new(Hasher::new()),
				})
			}
			Err(error) => {
				state.partials.remove(hash);
				state.release(size);
				Err(error.into())
			}
		}
	}

	/// Verifies a fetched blob by its hash and moves it into place. If it has another hash, it stays what it was.
	pub fn complete_partial(&self, partial: &Partial) -> Result<(), BlobError> {
		let hash = partial.hash_of_all();
		if hash.as_ref().ok() != Some(&partial.hash) {
			partial.forget_hash();
			hash?;
			return Err(BlobError::HashMismatch(partial.hash));
		}
		let written = partial.file.sync_all();
		if self.state.lock().partials.remove(&partial.hash).is_none() {
			// It was dropped meanwhile; nothing is set aside for it any more.
			return Err(BlobError::Missing(partial.hash));
		}
		// Most have none.
		let _ = fs::remove_file(&partial.note);
		self.finish(partial.hash, partial.size, &partial.path, written)
	}

	/// Gives up fetching a blob and what has been fetched of it. There may be nothing to give up.
	pub fn drop_partial(&self, hash: &H256) -> Result<(), BlobError> {
		let mut state = self.state.lock();
		if let Some(size) = state.partials.remove(hash) {
			state.release(size);
			self.remove_partial_files(hash)?;
		}
		Ok(())
	}

	/// Blobs that are being fetched, or were when the node stopped.
	pub fn partials(&self) -> Vec<H256> {
		self.state.lock().partials.keys().copied().collect()
	}

	fn remove_partial_files(&self, hash: &H256) -> io::Result<()> {
		for path in [self.note_path(hash), self.partial_path(hash)] {
			match fs::remove_file(path) {
				Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
				_ => {}
			}
		}
		Ok(())
	}

	fn partial_path(&self, hash: &H256) -> PathBuf {
		self.dir.join(format!("{hash:x}{PARTIAL_SUFFIX}"))
	}

	fn note_path(&self, hash: &H256) -> PathBuf {
		self.dir.join(format!("{hash:x}{NOTE_SUFFIX}"))
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	const BYTES: &[u8] = b"half of it today, half of it tomorrow";

	fn open(dir: &tempfile::TempDir) -> BlobStore {
		BlobStore::open(dir.path(), 100).unwrap()
	}

	fn hash() -> H256 {
		H256(blyan_exact::blake2_256(&[BYTES]))
	}

	#[test]
	fn a_partial_blob_survives_a_restart_and_counts() {
		let dir = tempfile::tempdir().unwrap();
		let (store, size) = (open(&dir), BYTES.len() as u64);
		let partial = store.begin_partial(&hash(), size).unwrap();
		assert!(partial.is_fresh());
		partial.write_at(0, &BYTES[..16]).unwrap();
		partial.set_note(b"from a").unwrap();
		partial.add_to_note(b" friend").unwrap();
		drop(store);
		let store = open(&dir);
		assert_eq!((store.used_bytes(), store.has(&hash()), store.partials()), (size, false, vec![hash()]));
		let partial = store.begin_partial(&hash(), size).unwrap();
		assert!(!partial.is_fresh());
		assert_eq!(partial.read_at(0, 20).unwrap(), [&BYTES[..16], &[0; 4]].concat());
		assert_eq!(partial.note().unwrap(), b"from a friend");
		assert!(matches!(store.complete_partial(&partial), Err(BlobError::HashMismatch(_))));
		partial.write_at(16, &BYTES[16..]).unwrap();
		store.complete_partial(&partial).unwrap();
		assert_eq!(store.get(&hash()).unwrap(), BYTES);
		assert_eq!((store.used_bytes(), store.partials()), (size, vec![]));
		assert_eq!(fs::read_dir(store.dir()).unwrap().count(), 1);
	}

	#[test]
	fn what_is_hashed_stays_as_it_is_until_that_is_taken_back() {
		let dir = tempfile::tempdir().unwrap();
		let store = open(&dir);
		let partial = store.begin_partial(&hash(), BYTES.len() as u64).unwrap();
		partial.write_at(0, &BYTES[..20]).unwrap();
		partial.hash_up_to(16).unwrap();
		partial.hash_up_to(10).unwrap();
		partial.write_at(0, b"too late").unwrap();
		partial.write_at(16, b"in time").unwrap();
		assert!(matches!(store.complete_partial(&partial), Err(BlobError::HashMismatch(_))));
		partial.write_at(16, &BYTES[16..]).unwrap();
		store.complete_partial(&partial).unwrap();
		assert_eq!(store.get(&hash()).unwrap(), BYTES);
	}

	#[test]
	fn a_dropped_partial_blob_gives_its_room_back() {
		let dir = tempfile::tempdir().unwrap();
		let store = open(&dir);
		let partial = store.begin_partial(&hash(), BYTES.len() as u64).unwrap();
		partial.write_at(0, BYTES).unwrap();
		store.drop_partial(&hash()).unwrap();
		store.drop_partial(&hash()).unwrap();
		assert!(store.complete_partial(&partial).is_err());
		assert_eq!((store.used_bytes(), fs::read_dir(store.dir()).unwrap().count()), (0, 0));
	}

	#[test]
	fn writing_beyond_the_size_and_beyond_the_room_is_refused() {
		let dir = tempfile::tempdir().unwrap();
		let store = open(&dir);
		let partial = store.begin_partial(&hash(), 10).unwrap();
		for offset in [7, u64::MAX] {
			assert!(matches!(partial.write_at(offset, b"four"), Err(BlobError::ChunkOutOfRange { .. })));
		}
		let other = store.begin_partial(&H256::zero(), 91);
		assert!(matches!(other, Err(BlobError::QuotaExceeded { free: 90, .. })));
		// Begun again with another size, it starts from nothing.
		assert!(store.begin_partial(&hash(), 20).unwrap().is_fresh());
		assert_eq!(store.used_bytes(), 20);
	}
}
