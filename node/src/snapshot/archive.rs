//! The archive: a tar of regular files, compressed with zstd, hashed as it is written and as it is read.

use super::{
	manifest::{ArchiveEntry, FileEntry},
	progress::Progress,
	SnapshotError,
};
use blake2b_simd::{Params, State};
use sp_core::H256;
use std::{
	fs::{self, File},
	io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
	path::{Component, Path},
};

/// Bytes moved at once.
const BUFFER_BYTES: usize = 64 << 10;
/// Bytes of a page of the disk. Pages of zeros become holes in the unpacked file.
const PAGE_BYTES: usize = 4 << 10;
/// zstd's own default: the database is mostly hashes, which no level compresses.
const COMPRESSION_LEVEL: i32 = 3;

/// A blake2-256 that is computed on the way.
struct Hasher(State);

impl Hasher {
	fn new() -> Self {
		Self(Params::new().hash_length(32).to_state())
	}

	fn finish(&self) -> H256 {
		H256::from_slice(self.0.finalize().as_bytes())
	}
}

/// Hashes and counts what passes.
struct Hashing<T> {
	inner: T,
	hasher: Hasher,
	bytes: u64,
}

impl<T> Hashing<T> {
	fn new(inner: T) -> Self {
		Self { inner, hasher: Hasher::new(), bytes: 0 }
	}

	fn note(&mut self, bytes: &[u8]) {
		self.hasher.0.update(bytes);
		self.bytes = self.bytes.saturating_add(bytes.len() as u64);
	}
}

impl<T: Write> Write for Hashing<T> {
	fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
		let written = self.inner.write(bytes)?;
		self.note(bytes.get(..written).unwrap_or(bytes));
		Ok(written)
	}

	fn flush(&mut self) -> io::Result<()> {
		self.inner.flush()
	}
}

impl<T: Read> Read for Hashing<T> {
	fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
		let read = self.inner.read(buffer)?;
		self.note(buffer.get(..read).unwrap_or_default());
		Ok(read)
	}
}

/// An archive that is being written.
pub struct Writer {
	tar: tar::Builder<zstd::Encoder<'static, Hashing<BufWriter<File>>>>,
	files: Vec<FileEntry>,
}

impl Writer {
	/// Begins an archive.
	pub fn create(path: &Path) -> Result<Self, SnapshotError> {
		let file = File::create(path).map_err(SnapshotError::io(path))?;
		let encoder = zstd::Encoder::new(Hashing::new(BufWriter::new(file)), COMPRESSION_LEVEL)
			.map_err(SnapshotError::io(path))?;
		Ok(Self { tar: tar::Builder::new(encoder), files: Vec::new() })
	}

	/// Adds a file under this name.
	pub fn add(&mut self, path: &Path, name: String, progress: &Progress) -> Result<(), SnapshotError> {
		let file = File::open(path).map_err(SnapshotError::io(path))?;
		let size = file.metadata().map_err(SnapshotError::io(path))?.len();
		// Owner and modification time stay out of the archive: they are facts about the machine.
		let mut header = tar::Header::new_gnu();
		header.set_size(size);
		header.set_mode(0o644);
		let mut source = Hashing::new(Watched { inner: file.take(size), progress });
		self.tar.append_data(&mut header, &name, &mut source).map_err(SnapshotError::io(path))?;
		if source.bytes != size {
			let shrank = io::Error::new(io::ErrorKind::UnexpectedEof, "the file shrank while it was read");
			return Err(SnapshotError::Io(path.to_path_buf(), shrank));
		}
		self.files.push(FileEntry { path: name, size, blake2_256: source.hasher.finish() });
		Ok(())
	}

	/// Ends the archive and makes sure that it is on the disk.
	pub fn finish(self, path: &Path) -> Result<(ArchiveEntry, Vec<FileEntry>), SnapshotError> {
		let encoder = self.tar.into_inner().map_err(SnapshotError::io(path))?;
		let mut hashing = encoder.finish().map_err(SnapshotError::io(path))?;
		hashing.flush().map_err(SnapshotError::io(path))?;
		let entry = ArchiveEntry { size: hashing.bytes, blake2_256: hashing.hasher.finish() };
		hashing.inner.get_ref().sync_all().map_err(SnapshotError::io(path))?;
		Ok((entry, self.files))
	}
}

/// Moves a progress bar as it is read.
struct Watched<'a, T> {
	inner: T,
	progress: &'a Progress,
}

impl<T: Read> Read for Watched<'_, T> {
	fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
		let read = self.inner.read(buffer)?;
		self.progress.add(read as u64);
		Ok(read)
	}
}

/// Reads an archive from end to end and compares it with what the manifest says; unpacks it into `target` if there is
/// one.
///
/// Nothing but the files of the manifest, in its order, under plain relative names is accepted.
pub fn read(
	path: &Path,
	archive: &ArchiveEntry,
	files: &[FileEntry],
	target: Option<&Path>,
	progress: &Progress,
) -> Result<(), SnapshotError> {
	let file = File::open(path).map_err(SnapshotError::io(path))?;
	let size = file.metadata().map_err(SnapshotError::io(path))?.len();
	if size != archive.size {
		return Err(SnapshotError::Damaged(format!(
			"it is {size} bytes long, and its manifest says {}",
			archive.size
		)));
	}
	let unreadable = |error: io::Error| SnapshotError::Damaged(error.to_string());
	let mut hashing = Hashing::new(BufReader::new(file));
	{
		let decoder = zstd::Decoder::new(&mut hashing).map_err(unreadable)?.single_frame();
		let mut tar = tar::Archive::new(decoder);
		let mut expected = files.iter();
		for entry in tar.entries().map_err(unreadable)? {
			let mut entry = entry.map_err(unreadable)?;
			let name = entry.path().map_err(unreadable)?.to_string_lossy().into_owned();
			let known = expected.next().filter(|known| {
				known.path == name && known.size == entry.size() && entry.header().entry_type().is_file()
			});
			let known = known.ok_or_else(|| {
				SnapshotError::Damaged(format!("the manifest does not name {name:?} at this place"))
			})?;
			let hash = match target {
				Some(target) => unpack(&mut entry, known, target, progress)?,
				None => drain(&mut entry, progress).map_err(unreadable)?,
			};
			if hash != known.blake2_256 {
				return Err(SnapshotError::Damaged(format!(
					"{name} has another hash than the manifest says"
				)));
			}
		}
		if let Some(missing) = expected.next() {
			return Err(SnapshotError::Damaged(format!("it lacks {}", missing.path)));
		}
		// The tar ends before the stream does.
		io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(unreadable)?;
	}
	io::copy(&mut hashing, &mut io::sink()).map_err(unreadable)?;
	match hashing.hasher.finish() == archive.blake2_256 {
		true => Ok(()),
		false => Err(SnapshotError::Damaged("it has another hash than the manifest says".into())),
	}
}

fn drain(source: &mut impl Read, progress: &Progress) -> io::Result<H256> {
	let mut hasher = Hasher::new();
	let mut buffer = vec![0; BUFFER_BYTES];
	loop {
		let read = fill(source, &mut buffer)?;
		let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
		hasher.0.update(bytes);
		progress.add(bytes.len() as u64);
	}
	Ok(hasher.finish())
}

/// Writes one file below `target`. The database's files are mostly room to grow, so runs of zeros stay holes.
fn unpack(
	source: &mut impl Read,
	known: &FileEntry,
	target: &Path,
	progress: &Progress,
) -> Result<H256, SnapshotError> {
	let relative = Path::new(&known.path);
	if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
		return Err(SnapshotError::Damaged(format!("{:?} is no plain file name", known.path)));
	}
	let path = target.join(relative);
	if let Some(folder) = path.parent() {
		fs::create_dir_all(folder).map_err(SnapshotError::io(folder))?;
	}
	let mut file =
		File::options().write(true).create_new(true).open(&path).map_err(SnapshotError::io(&path))?;
	let mut hasher = Hasher::new();
	let mut buffer = vec![0; BUFFER_BYTES];
	loop {
		let read = fill(source, &mut buffer).map_err(|error| SnapshotError::Damaged(error.to_string()))?;
		let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
		hasher.0.update(bytes);
		write_sparse(&mut file, bytes).map_err(SnapshotError::io(&path))?;
		progress.add(bytes.len() as u64);
	}
	file.set_len(known.size).and_then(|()| file.sync_all()).map_err(SnapshotError::io(&path))?;
	Ok(hasher.finish())
}

/// Writes what is not zero and steps over the rest.
fn write_sparse(file: &mut File, bytes: &[u8]) -> io::Result<()> {
	let is_hole = |page: &[u8]| page.iter().all(|byte| *byte == 0);
	let pages: Vec<&[u8]> = bytes.chunks(PAGE_BYTES).collect();
	for run in pages.chunk_by(|one, next| is_hole(one) == is_hole(next)) {
		let run = run.concat();
		match is_hole(&run) {
			true => drop(file.seek(SeekFrom::Current(run.len() as i64))?),
			false => file.write_all(&run)?,
		}
	}
	Ok(())
}

/// Reads until the buffer is full or the source is empty.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
	let mut filled = 0;
	while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
		match source.read(rest) {
			Ok(0) => break,
			Ok(read) => filled = filled.saturating_add(read),
			Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
			Err(error) => return Err(error),
		}
	}
	Ok(filled)
}
