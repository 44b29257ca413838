//! Directory that is being written: what an interrupted command has left, and what must not be touched.
//!
//! A record of what the directory is made from lies in it until it is complete. The same command again finds its own
//! record and goes on; another command of the same kind clears the parts away; a directory with other files is refused.

use crate::directory::{self, layout, part_name, write_file, Directory, DirectoryError, PartRecord};
use blyan_exact::{
	definition2::{
		block::{PartWriter, SectionScale, WriteError},
		Architecture, Part,
	},
	Hash,
};
use std::{
	borrow::Cow,
	fs::{self, File},
	io::{self, BufWriter, Seek, SeekFrom, Write},
	path::{Path, PathBuf},
};

/// Bytes that are collected before they are written.
const BUFFER_BYTES: usize = 1 << 20;

/// Reason why a directory was not begun.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
	/// The directory holds a model.
	#[error("{0} already holds a model: choose another directory, or remove this one")]
	Complete(PathBuf),
	/// The directory holds other files.
	#[error("{0} holds other files and nothing that this command has begun: choose an empty directory, or a new one")]
	Occupied(PathBuf),
	/// A file cannot be read or written.
	#[error(transparent)]
	Directory(#[from] DirectoryError),
	/// A record cannot be written as JSON.
	#[error("cannot describe what the directory is made from: {0}")]
	Json(#[from] serde_json::Error),
}

/// Directory of a model that is not complete.
pub struct Target {
	directory: Directory,
	marker: &'static str,
	is_resumed: bool,
}

/// Tensor of a part that is being written, as it is stored.
pub struct Section<'a> {
	/// Scale and peak.
	pub scale: SectionScale,
	/// Bytes without padding.
	pub bytes: Cow<'a, [u8]>,
}

impl Target {
	/// Begins a directory, or goes on with one that has the same record. `marker`: name of the record's file.
	pub fn begin(out: &Path, marker: &'static str, record: &serde_json::Value) -> Result<Self, TargetError> {
		let directory = Directory::new(out);
		if directory.is_complete() {
			return Err(TargetError::Complete(out.to_path_buf()));
		}
		let earlier = directory.read(marker)?;
		// What an unfinished command has left may be removed; nothing else may.
		if earlier.is_none() && !directory.is_vacant(marker)? {
			return Err(TargetError::Occupied(out.to_path_buf()));
		}
		fs::create_dir_all(out).map_err(directory::at(out))?;
		let record = serde_json::to_vec(record)?;
		let is_resumed = earlier.is_some_and(|earlier| earlier == record);
		if !is_resumed {
			directory.clear_parts()?;
			directory.write(marker, &record)?;
		}
		directory.prepare()?;
		Ok(Self { directory, marker, is_resumed })
	}

	/// Returns the directory.
	pub fn directory(&self) -> &Directory {
		&self.directory
	}

	/// Reports whether the directory was begun by an earlier command.
	pub fn is_resumed(&self) -> bool {
		self.is_resumed
	}

	/// Returns the root of a part that an earlier command has left; `None` if it is to be written.
	pub fn kept(&self, architecture: &Architecture, part: Part) -> Option<Hash> {
		self.is_resumed.then(|| self.directory.whole(architecture, part)).flatten()
	}

	/// Puts a file of another directory into this one: as a second name of the same bytes, or as a copy where the file
	/// system has no such thing. Files of a model are never written in place, so the two stay apart. Returns the bytes
	/// that were written.
	pub fn adopt(&self, source: &Path, path: &Path) -> Result<u64, DirectoryError> {
		match fs::remove_file(path) {
			Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(directory::at(path)(error)),
			_ => {}
		}
		if fs::hard_link(source, path).is_ok() {
			return Ok(0);
		}
		let mut from = File::open(source).map_err(directory::at(source))?;
		write_file(path, |file| io::copy(&mut from, file)).map_err(directory::at(path))
	}

	/// Writes a part from its tensors in their canonical order, and returns its root. `advance` gets the bytes as they are
	/// written.
	pub fn write<'a>(
		&self,
		architecture: &Architecture,
		part: Part,
		sections: impl IntoIterator<Item = Section<'a>>,
		advance: &dyn Fn(u64),
	) -> Result<Hash, DirectoryError> {
		let (path, layout) = (self.directory.part(part), layout(architecture, part)?);
		write_file(&path, |file| {
			let mut file = Buffered::new(file);
			let mut writer = PartWriter::new(&layout, |offset: u64, bytes: &[u8]| {
				advance(bytes.len() as u64);
				file.write(offset, bytes)
			});
			let mut scales = Vec::new();
			for Section { scale, bytes } in sections {
				scales.push(scale);
				writer.write(&bytes).map_err(refused)?;
			}
			let root = writer.finish(&scales).map_err(refused)?;
			file.flush()?;
			Ok(root)
		})
		.map_err(directory::at(&path))
	}

	/// Removes the record: the manifest is written.
	pub fn finish(self) -> Result<Directory, DirectoryError> {
		let marker = self.directory.path().join(self.marker);
		fs::remove_file(&marker).map_err(directory::at(&marker))?;
		Ok(self.directory)
	}
}

/// Describes a part in a manifest.
pub fn record(architecture: &Architecture, part: Part, root: &Hash) -> Result<PartRecord, DirectoryError> {
	let bytes = layout(architecture, part)?.file_bytes();
	Ok(PartRecord { name: part_name(part), bytes, root: hex::encode(root) })
}

/// File that is written mostly front to back.
pub struct Buffered<'a> {
	file: BufWriter<&'a mut File>,
	position: u64,
}

impl<'a> Buffered<'a> {
	/// Begins at the start of a file.
	pub fn new(file: &'a mut File) -> Self {
		Self { file: BufWriter::with_capacity(BUFFER_BYTES, file), position: 0 }
	}

	/// Writes bytes at an offset.
	pub fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
		if offset != self.position {
			self.file.seek(SeekFrom::Start(offset))?;
		}
		self.position = offset + bytes.len() as u64;
		self.file.write_all(bytes)
	}

	/// Hands over what is collected.
	pub fn flush(&mut self) -> io::Result<()> {
		self.file.flush()
	}
}

fn refused(error: WriteError<io::Error>) -> io::Error {
	match error {
		WriteError::Sink(error) => error,
		error => io::Error::other(error.to_string()),
	}
}
