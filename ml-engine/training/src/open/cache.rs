//! Tokens in front of a slot on disk.
//!
//! ```text
//! "BLYTOKN1" | header length u32 LE | header JSON | blake2-256 of all before
//! frames:  sequence u32 | tokens u32 | tokens | blake2-256 of the frame
//! ```
//!
//! A frame is what the model computed of one sequence. The exact engine takes a hundred times longer for it than an update
//! that learns from it, so a run keeps all of them; only what a batch draws is in memory. A frame that an interruption
//! cut off is dropped, and the next run goes on behind the last whole one.

use super::tokens::{Tokens, Widths};
use crate::TrainError;
use blyan_exact::blake2_256;
use std::{
	fs::{File, OpenOptions},
	io::{BufReader, ErrorKind, Read, Seek, SeekFrom, Write},
	path::{Path, PathBuf},
};

const MAGIC: &[u8; 8] = b"BLYTOKN1";
/// Bytes of a hash.
const HASH_LEN: usize = 32;
/// Bytes in front of a frame's tokens.
const FRAME_HEAD: usize = 8;

/// Frame of one sequence.
#[derive(Clone, Copy, Debug)]
struct Frame {
	/// Offset of its first token in the file.
	offset: u64,
	/// Tokens of the frames before it.
	first: usize,
}

/// Cache of a run.
#[derive(Debug)]
pub(crate) struct Cache {
	path: PathBuf,
	file: File,
	widths: Widths,
	frames: Vec<Frame>,
	tokens: usize,
	/// Offset behind the last whole frame.
	end: u64,
}

impl Cache {
	/// Opens a cache, or creates it. `header` is everything that its tokens depend on.
	pub(crate) fn open(path: &Path, header: &serde_json::Value, widths: Widths) -> Result<Self, TrainError> {
		let io = |source| TrainError::Io { path: path.into(), source };
		let mut options = OpenOptions::new();
		let file = options.read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
		let mut cache = Self { path: path.into(), file, widths, frames: Vec::new(), tokens: 0, end: 0 };
		let head = head(header);
		let mut reader = BufReader::with_capacity(1 << 20, cache.file.try_clone().map_err(io)?);
		if cache.file.metadata().map_err(io)?.len() < head.len() as u64 {
			// Nothing, or a header that was cut off.
			cache.ensure_prefix(&mut reader, &head)?;
			cache.file.set_len(0).map_err(io)?;
			cache.put(0, &head)?;
			cache.end = head.len() as u64;
			return Ok(cache);
		}
		cache.ensure_head(&mut reader, &head)?;
		cache.end = head.len() as u64;
		while cache.take_frame(&mut reader).map_err(io)? {}
		cache.file.set_len(cache.end).map_err(io)?;
		Ok(cache)
	}

	/// Refuses a short file that is not the beginning of this header: it may be anything of the user's.
	fn ensure_prefix(&self, reader: &mut impl Read, head: &[u8]) -> Result<(), TrainError> {
		let mut found = Vec::new();
		reader.read_to_end(&mut found).map_err(|source| self.io(source))?;
		if head.starts_with(&found) {
			return Ok(());
		}
		Err(self.refuse("it is not a cache of training; name another file"))
	}

	fn ensure_head(&self, reader: &mut impl Read, head: &[u8]) -> Result<(), TrainError> {
		let mut found = vec![0; head.len()];
		reader.read_exact(&mut found).map_err(|source| self.io(source))?;
		if found == head {
			return Ok(());
		}
		Err(self.refuse(match found.starts_with(MAGIC) {
			true => "it belongs to another model, slot or text; name another file, or remove this one",
			false => "it is not a cache of training; name another file",
		}))
	}

	/// Reads the next frame; returns whether it is whole.
	fn take_frame(&mut self, reader: &mut impl Read) -> std::io::Result<bool> {
		let mut frame = vec![0; FRAME_HEAD];
		if !fill(reader, &mut frame)? {
			return Ok(false);
		}
		let [.., a, b, c, d] = frame[..] else { return Ok(false) };
		let (tokens, sequence) = (u32::from_le_bytes([a, b, c, d]) as usize, self.frames.len());
		let length = tokens.saturating_mul(self.widths.bytes());
		// A damaged count must not become an allocation.
		let left = self.file.metadata()?.len().saturating_sub(self.end);
		if frame[..4] != (sequence as u32).to_le_bytes() || length as u64 > left {
			return Ok(false);
		}
		frame.resize(FRAME_HEAD + length, 0);
		let mut hash = [0; HASH_LEN];
		if !fill(reader, &mut frame[FRAME_HEAD..])?
			|| !fill(reader, &mut hash)?
			|| blake2_256(&[&frame]) != hash
		{
			return Ok(false);
		}
		self.note(tokens);
		Ok(true)
	}

	fn note(&mut self, tokens: usize) {
		self.frames.push(Frame { offset: self.end + FRAME_HEAD as u64, first: self.tokens });
		self.tokens += tokens;
		self.end += (FRAME_HEAD + tokens * self.widths.bytes() + HASH_LEN) as u64;
	}

	/// Returns the number of sequences.
	pub(crate) fn sequences(&self) -> usize {
		self.frames.len()
	}

	/// Returns the number of tokens.
	pub(crate) fn tokens(&self) -> usize {
		self.tokens
	}

	/// Returns the places of the sequences that have tokens.
	pub(crate) fn filled(&self) -> Vec<usize> {
		(0..self.frames.len()).filter(|frame| !self.tokens_of(*frame).is_empty()).collect()
	}

	/// Returns the places of a sequence's tokens among all.
	pub(crate) fn tokens_of(&self, sequence: usize) -> core::ops::Range<usize> {
		let end = self.frames.get(sequence + 1).map_or(self.tokens, |next| next.first);
		self.frames[sequence].first..end
	}

	/// Appends the tokens of the next sequence.
	pub(crate) fn append(&mut self, tokens: &Tokens) -> Result<(), TrainError> {
		let mut frame = (self.frames.len() as u32).to_le_bytes().to_vec();
		frame.extend((tokens.len() as u32).to_le_bytes());
		tokens.write(&mut frame);
		frame.extend(blake2_256(&[&frame]));
		self.put(self.end, &frame)?;
		self.note(tokens.len());
		Ok(())
	}

	/// Waits until the disk has everything.
	pub(crate) fn sync(&self) -> Result<(), TrainError> {
		self.file.sync_data().map_err(|source| self.io(source))
	}

	/// Reads tokens by their place among all.
	pub(crate) fn read(&self, places: &[usize]) -> Result<Tokens, TrainError> {
		let size = self.widths.bytes();
		let (mut bytes, mut file) = (vec![0; places.len() * size], &self.file);
		for (place, record) in places.iter().zip(bytes.chunks_exact_mut(size)) {
			let frame = self.frames.partition_point(|frame| frame.first <= *place).saturating_sub(1);
			let Frame { offset, first } = self.frames[frame];
			let at = offset + ((place - first) * size) as u64;
			let read = file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(record));
			read.map_err(|source| self.io(source))?;
		}
		let mut tokens = Tokens::new(self.widths);
		tokens.read(&bytes);
		Ok(tokens)
	}

	fn put(&self, at: u64, bytes: &[u8]) -> Result<(), TrainError> {
		let mut file = &self.file;
		let put = file.seek(SeekFrom::Start(at)).and_then(|_| file.write_all(bytes));
		put.map_err(|source| self.io(source))
	}

	fn io(&self, source: std::io::Error) -> TrainError {
		TrainError::Io { path: self.path.clone(), source }
	}

	fn refuse(&self, reason: &str) -> TrainError {
		TrainError::Cache { path: self.path.clone(), reason: reason.into() }
	}
}

/// Returns the beginning of a file with this header.
fn head(header: &serde_json::Value) -> Vec<u8> {
	let json = header.to_string();
	let mut head = MAGIC.to_vec();
	head.extend((json.len() as u32).to_le_bytes());
	head.extend(json.as_bytes());
	head.extend(blake2_256(&[&head]));
	head
}

/// Reads as many bytes as the buffer holds; returns whether there were as many.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<bool> {
	match reader.read_exact(buffer) {
		Ok(()) => Ok(true),
		Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
		Err(error) => Err(error),
	}
}

#[cfg(test)]
mod tests {
	use super::{super::tokens::tests::numbered, *};
	use serde_json::json;

	const WIDTHS: Widths = Widths { d_model: 4, sample: 3 };

	fn filled(path: &Path) -> Vec<u8> {
		let mut cache = Cache::open(path, &json!({ "model": 1 }), WIDTHS).unwrap();
		for (sequence, count) in [3, 0, 5].into_iter().enumerate() {
			cache.append(&numbered(WIDTHS, count, 1_000 * sequence as u32)).unwrap();
		}
		cache.sync().unwrap();
		std::fs::read(path).unwrap()
	}

	#[test]
	fn read_finds_tokens_of_all_sequences() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("cache");
		filled(&path);
		let cache = Cache::open(&path, &json!({ "model": 1 }), WIDTHS).unwrap();
		assert_eq!((cache.sequences(), cache.tokens()), (3, 8));
		assert_eq!(cache.filled(), [0, 2]);
		assert_eq!([0, 1, 2].map(|sequence| cache.tokens_of(sequence)), [0..3, 3..3, 3..8]);
		let read = cache.read(&[7, 0, 3]).unwrap();
		let (first, last) = (numbered(WIDTHS, 3, 0), numbered(WIDTHS, 5, 2_000));
		let mut expected = last.slice(4..5);
		expected.append(first.slice(0..1));
		expected.append(last.slice(0..1));
		assert_eq!(read, expected);
	}

	#[test]
	fn open_goes_on_behind_the_last_whole_frame_wherever_the_file_ends() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("cache");
		let whole = filled(&path);
		for end in 0..whole.len() {
			std::fs::write(&path, &whole[..end]).unwrap();
			let mut cache = Cache::open(&path, &json!({ "model": 1 }), WIDTHS).unwrap();
			let kept = cache.sequences();
			assert!(kept < 3);
			for (sequence, count) in [3, 0, 5].into_iter().enumerate().skip(kept) {
				cache.append(&numbered(WIDTHS, count, 1_000 * sequence as u32)).unwrap();
			}
			assert_eq!(std::fs::read(&path).unwrap(), whole, "cut at {end}");
		}
	}

	#[test]
	fn open_drops_frames_from_the_first_damaged_one_on() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("cache");
		let whole = filled(&path);
		let head = head(&json!({ "model": 1 })).len();
		for at in (head..whole.len()).step_by(3) {
			let mut damaged = whole.clone();
			damaged[at] ^= 0x80;
			std::fs::write(&path, damaged).unwrap();
			let cache = Cache::open(&path, &json!({ "model": 1 }), WIDTHS).unwrap();
			assert!(cache.sequences() < 3, "{at}");
		}
	}

	#[test]
	fn open_refuses_another_models_cache_and_other_files() {
		let folder = tempfile::tempdir().unwrap();
		let path = folder.path().join("cache");
		filled(&path);
		let refused = |path: &Path| {
			let error = Cache::open(path, &json!({ "model": 2 }), WIDTHS).unwrap_err();
			assert!(matches!(error, TrainError::Cache { .. }));
			error.to_string()
		};
		let before = std::fs::read(&path).unwrap();
		assert!(refused(&path).contains("another model"));
		assert_eq!(std::fs::read(&path).unwrap(), before);
		for other in ["short", &"a text of another run, longer than any header is ".repeat(20)] {
			std::fs::write(&path, other).unwrap();
			assert!(refused(&path).contains("not a cache"));
			assert_eq!(std::fs::read_to_string(&path).unwrap(), other);
		}
	}
}
