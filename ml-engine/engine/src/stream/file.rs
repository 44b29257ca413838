//! Tiles in a file, each compressed alone.
//!
//! ```text
//! 0    magic "TSTREAM1" | payload length u64 | tile count u32 | 0 (12 bytes)
//! 32   Merkle root of the tiles
//! 64   a tile: Blake2b-256 leaf of the tile | stored length u32, its highest 8 bits the coding
//! ...  the tiles, back to back; coding 0: as they are, 1: one zstd frame, 2: base 3
//! ```
//!
//! All numbers are little endian. Limits, checked before anything is allocated: the payload's length is the one that
//! the caller expects, and the file is as long as header and index at least. A stored length is at most its tile's, and
//! the very one where that follows from the coding.

use super::{ternary, StreamError};
use crate::block::{BlockShape, Layout, TensorBlock, TILE_BYTES};
use blyan_exact::{block::tensor_root, merkle, Hash};
#[cfg(target_os = "linux")]
use nix::fcntl::{posix_fadvise, PosixFadviseAdvice};
use sp_core::H256;
use std::{
	fs::{self, File},
	io::{BufWriter, Read, Seek, SeekFrom, Write},
	ops::Range,
	os::unix::fs::FileExt,
	path::{Path, PathBuf},
};

const MAGIC: &[u8; 8] = b"TSTREAM1";
const HEADER_BYTES: usize = 64;
const ENTRY_BYTES: usize = 36;

/// zstd's level where it is used: higher ones find nothing more in weights. docs/caches.md has the figures.
const LEVEL: i32 = 1;
/// Where the coding stands in a stored length.
const CODING_SHIFT: u32 = 24;

/// Compression of tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
	/// Not at all.
	Stored,
	/// By zstd alone, where that saves anything.
	Zstd,
	/// Weights in base 3, tiles of anything else by zstd: the smaller one for large experts.
	Ternary,
}

/// Encoding of one stored tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
	Stored,
	Zstd,
	Ternary,
}

/// Where a tile lies.
#[derive(Clone, Copy, Debug)]
struct Place {
	offset: u64,
	len: u32,
	coding: Coding,
}

/// The smallest form of a tile that the compression allows.
fn encode(
	tile: &[u8],
	compression: Compression,
	zstd: &mut zstd::bulk::Compressor<'_>,
) -> std::io::Result<(Coding, Option<Vec<u8>>)> {
	if compression == Compression::Stored {
		return Ok((Coding::Stored, None));
	}
	if compression == Compression::Ternary {
		let packed = ternary::pack(tile);
		// A tile of something else than weights is zstd's business.
		if packed.len() < tile.len() / 10 * 9 {
			return Ok((Coding::Ternary, Some(packed)));
		}
	}
	let compressed = zstd.compress(tile)?;
	Ok(if compressed.len() < tile.len() { (Coding::Zstd, Some(compressed)) } else { (Coding::Stored, None) })
}

/// Tiles in a file, bound to a Merkle root.
#[derive(Debug)]
pub struct TileFile {
	file: File,
	payload_len: u64,
	leaves: Vec<Hash>,
	places: Vec<Place>,
	root: Hash,
}

fn tile_count(payload_len: u64) -> Option<usize> {
	let count = payload_len.div_ceil(TILE_BYTES as u64);
	u32::try_from(count).ok().filter(|&count| count != 0).map(|count| count as usize)
}

fn plain_len(payload_len: u64, tile: usize) -> usize {
	// At most TILE_BYTES.
	(payload_len - (tile * TILE_BYTES) as u64).min(TILE_BYTES as u64) as usize
}

impl TileFile {
	/// Writes `payload_len` bytes as tiles, under a temporary name until the file is whole and on disk; returns the
	/// Merkle root over them.
	pub fn write(
		path: &Path,
		payload_len: u64,
		mut payload: impl Read,
		compression: Compression,
	) -> Result<Hash, StreamError> {
		let count = tile_count(payload_len).ok_or(StreamError::Format("payload length"))?;
		let mut name = path.as_os_str().to_owned();
		name.push(format!(".{}.part", std::process::id()));
		let temporary = PathBuf::from(name);
		let mut write = || {
			let mut out = BufWriter::new(File::create(&temporary)?);
			out.seek(SeekFrom::Start((HEADER_BYTES + count * ENTRY_BYTES) as u64))?;
			let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
			let (mut leaves, mut lengths) = (Vec::with_capacity(count), Vec::with_capacity(count));
			let mut tile = vec![0; TILE_BYTES];
			for index in 0..count {
				let tile = &mut tile[..plain_len(payload_len, index)];
				payload.read_exact(tile)?;
				leaves.push(merkle::leaf(tile));
				let (coding, encoded) = encode(tile, compression, &mut compressor)?;
				let stored = encoded.as_deref().unwrap_or(tile);
				// A tile has at most 2^16 bytes.
				lengths.push(stored.len() as u32 | (coding as u32) << CODING_SHIFT);
				out.write_all(stored)?;
			}
			let root = merkle::root(&leaves);
			out.seek(SeekFrom::Start(0))?;
			out.write_all(MAGIC)?;
			out.write_all(&payload_len.to_le_bytes())?;
			out.write_all(&(count as u32).to_le_bytes())?;
			out.write_all(&[0; 12])?;
			out.write_all(&root)?;
			for (leaf, len) in leaves.iter().zip(&lengths) {
				out.write_all(leaf)?;
				out.write_all(&len.to_le_bytes())?;
			}
			let file = out.into_inner().map_err(|error| error.into_error())?;
			file.sync_all()?;
			fs::rename(&temporary, path)?;
			Ok(root)
		};
		let written = write();
		if written.is_err() {
			// A process that failed to write may fail to remove; a name of this kind belongs to this process alone.
			let _ = fs::remove_file(&temporary);
		}
		written
	}

	/// Writes the payload of a block, after verifying all of it.
	pub fn write_block(
		path: &Path,
		block: &TensorBlock,
		compression: Compression,
	) -> Result<(), StreamError> {
		block.verify_all()?;
		let payload = &block.bytes()[crate::block::HEADER_BYTES..block.layout().index_offset()];
		Self::write(path, payload.len() as u64, payload, compression).map(drop)
	}

	/// Opens a file of a payload of this length and with this Merkle root over its tiles. Reads header and index only.
	pub fn open(path: &Path, payload_len: u64, root: &Hash) -> Result<Self, StreamError> {
		let file = Self::open_any(path, payload_len)?;
		if file.root != *root {
			return Err(StreamError::Root);
		}
		Ok(file)
	}

	/// Opens the file of the block of this shape that `tensor_root` names, and says how the block is laid out.
	pub fn open_block(path: &Path, shape: BlockShape, root: &H256) -> Result<(Self, Layout), StreamError> {
		let layout = Layout::new(shape).map_err(crate::block::BlockError::Config)?;
		let file = Self::open_any(path, layout.payload_len as u64)?;
		if tensor_root(&layout.descriptor(), &file.root) != root.0 {
			return Err(StreamError::Root);
		}
		Ok((file, layout))
	}

	/// Opens a file of a payload of this length, whose index has the root in its header: whichever that is.
	fn open_any(path: &Path, payload_len: u64) -> Result<Self, StreamError> {
		let file = File::open(path)?;
		// Only advice: what comes of it is the system's business.
		#[cfg(target_os = "linux")]
		let _ = posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_SEQUENTIAL);
		let file_len = file.metadata()?.len();
		let count = tile_count(payload_len).ok_or(StreamError::Format("payload length"))?;
		let first = (HEADER_BYTES + count * ENTRY_BYTES) as u64;
		if file_len < first {
			return Err(StreamError::Format("length"));
		}
		let mut header = [0; HEADER_BYTES];
		file.read_exact_at(&mut header, 0)?;
		let fields: [(&[u8], &str); 4] = [
			(MAGIC, "magic"),
			(&payload_len.to_le_bytes(), "payload length"),
			(&(count as u32).to_le_bytes(), "tile count"),
			(&[0; 12], "reserved"),
		];
		let mut at = 0;
		for (expected, name) in fields {
			if header[at..at + expected.len()] != *expected {
				return Err(StreamError::Format(name));
			}
			at += expected.len();
		}
		let mut index = vec![0; count * ENTRY_BYTES];
		file.read_exact_at(&mut index, HEADER_BYTES as u64)?;
		let (mut leaves, mut places) = (Vec::with_capacity(count), Vec::with_capacity(count));
		let mut offset = first;
		for (tile, entry) in index.as_chunks::<ENTRY_BYTES>().0.iter().enumerate() {
			let (leaf, len) = entry.split_at(size_of::<Hash>());
			let mut hash = [0; 32];
			hash.copy_from_slice(leaf);
			let stored = u32::from_le_bytes([len[0], len[1], len[2], len[3]]);
			let (len, plain) = (stored & ((1 << CODING_SHIFT) - 1), plain_len(payload_len, tile));
			let (coding, is_possible) = match stored >> CODING_SHIFT {
				0 => (Coding::Stored, len as usize == plain),
				1 => (Coding::Zstd, len != 0 && (len as usize) < plain),
				2 => (Coding::Ternary, (len as usize) < plain && ternary::is_length_of(len as usize, plain)),
				_ => return Err(StreamError::Format("coding")),
			};
			if !is_possible {
				return Err(StreamError::Format("stored length"));
			}
			leaves.push(hash);
			places.push(Place { offset, len, coding });
			offset += u64::from(len);
		}
		if offset != file_len {
			return Err(StreamError::Format("length"));
		}
		let root = merkle::root(&leaves);
		if header[32..] != root {
			return Err(StreamError::Root);
		}
		Ok(Self { file, payload_len, leaves, places, root })
	}

	/// Bytes of the payload.
	pub fn payload_len(&self) -> u64 {
		self.payload_len
	}

	/// Bytes that are read for it.
	pub fn stored_len(&self) -> u64 {
		self.places.iter().map(|place| u64::from(place.len)).sum()
	}

	/// Bytes of memory that the open file takes.
	pub fn index_bytes(&self) -> usize {
		self.leaves.len() * (size_of::<Hash>() + size_of::<Place>())
	}

	/// Number of tiles.
	pub fn tiles(&self) -> usize {
		self.leaves.len()
	}

	/// The open file, for advice to the system on what to keep of it.
	pub fn file(&self) -> &File {
		&self.file
	}

	/// Leaf of a tile.
	pub(super) fn leaf(&self, tile: usize) -> &Hash {
		&self.leaves[tile]
	}

	/// Bytes of a tile before compression.
	pub(super) fn plain_len(&self, tile: usize) -> usize {
		plain_len(self.payload_len, tile)
	}

	/// Bytes of a tile in the file, and what they are.
	pub(super) fn stored(&self, tile: usize) -> (usize, Coding) {
		(self.places[tile].len as usize, self.places[tile].coding)
	}

	/// Reads some neighbouring tiles as they are stored; returns how many bytes they are.
	///
	/// # Shapes
	/// `out`: as many bytes as the tiles have uncompressed, at least.
	pub fn read_stored(&self, tiles: Range<usize>, out: &mut [u8]) -> std::io::Result<usize> {
		let Some(first) = self.places.get(tiles.start) else { return Ok(0) };
		let len = self.places[tiles].iter().map(|place| place.len as usize).sum();
		self.file.read_exact_at(&mut out[..len], first.offset)?;
		Ok(len)
	}
}
