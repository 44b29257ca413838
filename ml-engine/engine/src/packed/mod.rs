//! Hot experts in the form that runs fastest on this machine, kept on disk.
//!
//! ```text
//! 0    magic "BPACKED1" | layout version u16 | d_model u16 | d_ff u16 | 0 (2 bytes) | kernel, 16 bytes
//! 32   tensor root of the expert
//! 64   keyed BLAKE3 of bytes 0..64 and 96..
//! 96   0 (32 bytes)
//! 128  scales | gain | up | down: each padded with zeros to 64 bytes; matrices as `kernel::packed` draws them
//! ```
//!
//! All numbers are little endian. A file is made from a block that was verified against its root, and bound to the root
//! by a hash whose key never leaves this machine: it lies beside the files, readable by the node's user only. So no foreign
//! file is ever taken for one of ours, a damaged one is found out, and opening costs one pass of BLAKE3 instead of two
//! of Blake2b and a conversion. An attacker who can write here as the node's user could as well replace
//! the node. A file of another kernel or layout version is stale; it goes, like a damaged one, and is made again from
//! the block. Limits, checked before anything is read: the length that the widths demand.

#[cfg(test)]
mod tests;

use crate::{
	block::{mapped, BlockError, BlockShape, Bytes, TensorBlock},
	kernel::{
		packed::{self, PackedView, LAYOUT_VERSION},
		ternary::TernaryView,
		Kernel,
	},
};
use blyan_exact::Scale;
use parking_lot::Mutex;
use rand::{rngs::OsRng, RngCore};
use sp_core::H256;
use std::{
	collections::HashMap,
	fs::{self, File, OpenOptions},
	io::{self, Write},
	ops::Range,
	os::unix::fs::OpenOptionsExt,
	path::{Path, PathBuf},
};

const MAGIC: &[u8; 8] = b"BPACKED1";
const HEADER_BYTES: usize = 128;
/// The part of the header that says what the file is.
const NAME_BYTES: usize = 64;
const SEAL: Range<usize> = 64..96;
const KEY_FILE: &str = "key";
const PART_SUFFIX: &str = ".part";

/// Why the cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackedError {
	/// A file or the directory cannot be read or written.
	#[error("cannot use the cache of packed experts: {0}")]
	Io(#[from] io::Error),
	/// The key has another length; without it no file is believed.
	#[error("{0:?} is not a 32-byte key; delete the directory to regenerate it")]
	Key(PathBuf),
	/// The block is damaged.
	#[error(transparent)]
	Block(#[from] BlockError),
}

/// Where the parts of a packed expert lie.
#[derive(Clone, Debug)]
struct Places {
	d_model: usize,
	d_ff: usize,
	scales: Range<usize>,
	gain: Range<usize>,
	up: Range<usize>,
	down: Range<usize>,
	len: usize,
}

impl Places {
	fn of(shape: BlockShape) -> Option<Self> {
		let BlockShape::Expert { d_model, d_ff } = shape else { return None };
		let (d, hidden) = (usize::from(d_model), usize::from(d_ff));
		let mut at = HEADER_BYTES;
		let mut place = |len: usize| {
			let start = at;
			at += len.next_multiple_of(64);
			start..start + len
		};
		let (scales, gain) = (place(2 * Scale::BYTES), place(2 * hidden));
		let up = place(packed::packed_len(hidden, d));
		let down = place(packed::packed_len(d, hidden));
		Some(Self { d_model: d, d_ff: hidden, scales, gain, up, down, len: at })
	}
}

/// Bytes of a packed expert of this shape; zero for what is no expert.
pub fn packed_bytes(shape: BlockShape) -> u64 {
	Places::of(shape).map_or(0, |places| places.len as u64)
}

/// The two matrices of an expert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
	/// `[d_ff, d_model]`.
	Up,
	/// `[d_model, d_ff]`.
	Down,
}

/// An expert as the kernels want it, mapped from the cache and found to be ours.
#[derive(Debug)]
pub struct PackedExpert {
	bytes: Bytes,
	places: Places,
}

impl PackedExpert {
	/// One of the matrices.
	pub fn view(&self, part: Part) -> PackedView<'_> {
		let Places { d_model, d_ff, up, down, .. } = &self.places;
		match part {
			Part::Up => PackedView { codes: &self.bytes[up.clone()], rows: *d_ff, cols: *d_model },
			Part::Down => PackedView { codes: &self.bytes[down.clone()], rows: *d_model, cols: *d_ff },
		}
	}

	/// Gain of the hidden layer.
	pub fn gain(&self) -> Vec<i16> {
		self.bytes[self.places.gain.clone()]
			.as_chunks()
			.0
			.iter()
			.map(|&pair| i16::from_le_bytes(pair))
			.collect()
	}

	/// Scale of one of the matrices.
	pub fn scale(&self, part: Part) -> Option<Scale> {
		let scales = self.bytes[self.places.scales.clone()].as_chunks::<{ Scale::BYTES }>().0;
		Scale::from_bytes(*scales.get(part as usize)?)
	}
}

#[derive(Debug, Default)]
struct Files {
	/// Bytes and last use of each expert's file.
	known: HashMap<H256, (u64, u64)>,
	bytes: u64,
	clock: u64,
}

impl Files {
	fn touch(&mut self, root: H256, len: u64) {
		self.clock += 1;
		let before = self.known.insert(root, (len, self.clock));
		self.bytes = self.bytes + len - before.map_or(0, |(len, _)| len);
	}

	fn forget(&mut self, root: &H256) {
		if let Some((len, _)) = self.known.remove(root) {
			self.bytes -= len;
		}
	}
}

/// A directory of packed experts for one kernel, bounded in bytes. All methods may be called from many threads.
pub struct PackedCache {
	dir: PathBuf,
	bytes_max: u64,
	key: [u8; 32],
	kernel: Kernel,
	files: Mutex<Files>,
}

impl PackedCache {
	/// Opens or creates the directory and its key, and drops what is stale or was never finished.
	pub fn open(dir: impl Into<PathBuf>, kernel: Kernel, bytes_max: u64) -> Result<Self, PackedError> {
		let dir = dir.into();
		fs::create_dir_all(&dir)?;
		let key = key(&dir)?;
		let cache = Self { dir, bytes_max, key, kernel, files: Mutex::default() };
		let mut found = Vec::new();
		for entry in fs::read_dir(&cache.dir)? {
			let entry = entry?;
			let name = entry.file_name();
			let Some(name) = name.to_str().filter(|name| *name != KEY_FILE) else { continue };
			match name.strip_suffix(&cache.suffix()).and_then(|root| root.parse::<H256>().ok()) {
				Some(root) => found.push((entry.metadata()?.modified()?, root, entry.metadata()?.len())),
				None if name.ends_with(PART_SUFFIX) || name.ends_with(".packed") => {
					fs::remove_file(entry.path())?
				}
				None => {}
			}
		}
		found.sort();
		let mut files = cache.files.lock();
		found.into_iter().for_each(|(_, root, len)| files.touch(root, len));
		drop(files);
		Ok(cache)
	}

	/// Returns the end of a file's name: what it is for, and in which form.
	fn suffix(&self) -> String {
		format!(".{}.{LAYOUT_VERSION}.packed", self.kernel.name())
	}

	fn path(&self, root: &H256) -> PathBuf {
		self.dir.join(format!("{root:x}{}", self.suffix()))
	}

	/// Reports whether packing pays: a kernel without vectors is faster with the block itself.
	pub fn is_worth_it(&self) -> bool {
		packed::is_faster(self.kernel)
	}

	/// Bytes of all files.
	pub fn bytes(&self) -> u64 {
		self.files.lock().bytes
	}

	fn header(&self, places: &Places, root: &H256) -> [u8; NAME_BYTES] {
		let mut header = [0; NAME_BYTES];
		header[..8].copy_from_slice(MAGIC);
		header[8..10].copy_from_slice(&LAYOUT_VERSION.to_le_bytes());
		// Widths come from 16-bit numbers.
		header[10..12].copy_from_slice(&(places.d_model as u16).to_le_bytes());
		header[12..14].copy_from_slice(&(places.d_ff as u16).to_le_bytes());
		let name = self.kernel.name().as_bytes();
		let len = name.len().min(16);
		header[16..16 + len].copy_from_slice(&name[..len]);
		header[32..].copy_from_slice(root.as_bytes());
		header
	}

	fn seal(&self, bytes: &[u8]) -> [u8; 32] {
		let mut hasher = blake3::Hasher::new_keyed(&self.key);
		hasher.update(&bytes[..NAME_BYTES]).update(&bytes[SEAL.end..]);
		*hasher.finalize().as_bytes()
	}

	/// The packed form of the expert that `root` names, if there is one that is whole and ours. Another one goes.
	pub fn get(&self, shape: BlockShape, root: &H256) -> Option<PackedExpert> {
		let places = Places::of(shape)?;
		if !self.files.lock().known.contains_key(root) {
			return None;
		}
		let path = self.path(root);
		match self.open_file(&path, places, root) {
			Some(expert) => {
				self.files.lock().touch(*root, expert.bytes.len() as u64);
				Some(expert)
			}
			None => {
				log::warn!("the packed form of expert {root:?} is damaged or not ours; it is made again");
				self.files.lock().forget(root);
				// If it stays, it is refused again.
				let _ = fs::remove_file(path);
				None
			}
		}
	}

	fn open_file(&self, path: &Path, places: Places, root: &H256) -> Option<PackedExpert> {
		let bytes = mapped(path).ok().filter(|bytes| bytes.len() == places.len)?;
		let is_ours = bytes[..NAME_BYTES] == self.header(&places, root)
			&& blake3::Hash::from_bytes(self.seal(&bytes)) == *bytes[SEAL].first_chunk::<32>()?;
		is_ours.then_some(PackedExpert { bytes, places })
	}

	/// Packs an expert, after verifying all of its block, and keeps it. What was used least recently makes room; `None`
	/// if the cache is smaller than this expert.
	pub fn put(&self, block: &TensorBlock) -> Result<Option<PackedExpert>, PackedError> {
		block.verify_all()?;
		let Some(places) = Places::of(block.shape()) else { return Ok(None) };
		let (root, len) = (block.tensor_root(), places.len as u64);
		if !self.make_room(&root, len) {
			return Ok(None);
		}
		let sections = &block.layout().sections;
		let section = |index: usize| &block.bytes()[sections[index].clone()];
		let mut bytes = vec![0; places.len];
		bytes[..NAME_BYTES].copy_from_slice(&self.header(&places, &root));
		bytes[places.scales.clone()].copy_from_slice(section(0));
		bytes[places.gain.clone()].copy_from_slice(section(2));
		for (index, place, rows, cols) in
			[(1, &places.up, places.d_ff, places.d_model), (3, &places.down, places.d_model, places.d_ff)]
		{
			packed::pack(TernaryView { codes: section(index), rows, cols }, &mut bytes[place.clone()]);
		}
		let seal = self.seal(&bytes);
		bytes[SEAL].copy_from_slice(&seal);
		let path = self.path(&root);
		write_whole(&path, &bytes)?;
		self.files.lock().touch(root, len);
		Ok(self.open_file(&path, places, &root))
	}

	fn make_room(&self, root: &H256, len: u64) -> bool {
		let mut files = self.files.lock();
		if len > self.bytes_max {
			return false;
		}
		files.forget(root);
		while files.bytes + len > self.bytes_max {
			let oldest = files.known.iter().min_by_key(|(_, (_, used))| *used).map(|(root, _)| *root);
			let Some(oldest) = oldest else { return false };
			files.forget(&oldest);
			// A thread that has it mapped keeps it; a file that stays is counted when the directory is opened again.
			let _ = fs::remove_file(self.path(&oldest));
		}
		true
	}
}

/// The key beside the files, made when there is none.
fn key(dir: &Path) -> Result<[u8; 32], PackedError> {
	let path = dir.join(KEY_FILE);
	match fs::read(&path) {
		Ok(key) => key.try_into().map_err(|_| PackedError::Key(path)),
		Err(error) if error.kind() == io::ErrorKind::NotFound => {
			let mut key = [0; 32];
			OsRng.fill_bytes(&mut key);
			write_whole(&path, &key)?;
			Ok(key)
		}
		Err(error) => Err(error.into()),
	}
}

/// Writes a file that appears under its name only whole, and can be read by its owner only.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
	use std::sync::atomic::{AtomicU64, Ordering};
	static NUMBER: AtomicU64 = AtomicU64::new(0);
	let number = NUMBER.fetch_add(1, Ordering::Relaxed);
	let mut name = path.as_os_str().to_owned();
	name.push(format!(".{}.{number}{PART_SUFFIX}", std::process::id()));
	let part = PathBuf::from(name);
	let write = || {
		let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
		file.write_all(bytes)?;
		file.sync_all()?;
		fs::rename(&part, path)
	};
	let written = write();
	if written.is_err() {
		// The next start removes what this leaves behind.
		let _ = fs::remove_file(&part);
	}
	written
}
