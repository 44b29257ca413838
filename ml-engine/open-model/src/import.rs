//! Import of a checkpoint: its integer form, part by part.
//!
//! Every part is written under another name first and appears whole. An import that was interrupted goes on: parts of
//! the same checkpoint and precision are checked and kept.

use crate::{
	convert::{self, ConvertError, Precision},
	directory::{self, layout, part_name, write_file, Directory, DirectoryError, Manifest, PartRecord},
	text::{self, TextError},
};
use blyan_checkpoint::{Checkpoint, CheckpointError};
use blyan_exact::{
	definition2::{
		block::{PartWriter, WriteError},
		Architecture, Part,
	},
	Hash,
};
use rayon::prelude::*;
use std::{
	fs::File,
	io::{BufWriter, Seek, SeekFrom, Write},
	path::Path,
	sync::atomic::{AtomicU64, Ordering},
};

/// File that says what an unfinished import is made from.
const UNFINISHED_IMPORT: &str = "import.json";

/// Reason why a checkpoint was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
	/// The checkpoint cannot be read.
	#[error(transparent)]
	Checkpoint(#[from] CheckpointError),
	/// It has no integer form.
	#[error(transparent)]
	Convert(#[from] ConvertError),
	/// The directory cannot be written.
	#[error(transparent)]
	Directory(#[from] DirectoryError),
	/// It has no usable tokenizer.
	#[error(transparent)]
	Text(#[from] TextError),
	/// The tokenizer has more tokens than the model.
	#[error("the tokenizer has {tokenizer} tokens, the model {model}: files of two checkpoints were mixed")]
	Vocabulary {
		/// Tokens of the tokenizer.
		tokenizer: u32,
		/// Tokens of the model.
		model: u32,
	},
	/// The directory holds a model.
	#[error("{0} already holds a model: choose another directory, or remove this one")]
	Complete(std::path::PathBuf),
	/// The directory holds other files.
	#[error("{0} holds other files and no interrupted import: choose an empty directory, or a new one")]
	Occupied(std::path::PathBuf),
	/// A part cannot be assembled.
	#[error("{part}: {reason}")]
	Part {
		/// Name of the part.
		part: String,
		/// Reason.
		reason: String,
	},
	/// A record cannot be written as JSON.
	#[error("cannot describe the checkpoint: {0}")]
	Json(#[from] serde_json::Error),
}

/// Progress of an import: bytes of parts written, and bytes in all.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// Imports a checkpoint into a directory.
pub fn import(
	checkpoint: &Checkpoint,
	precision: Precision,
	out: &Path,
	progress: Progress<'_>,
) -> Result<Manifest, ImportError> {
	let directory = Directory::new(out);
	if directory.is_complete() {
		return Err(ImportError::Complete(out.to_path_buf()));
	}
	// What is in an unfinished import may be removed; nothing else may.
	if !directory.is_vacant(UNFINISHED_IMPORT)? && directory.read(UNFINISHED_IMPORT)?.is_none() {
		return Err(ImportError::Occupied(out.to_path_buf()));
	}
	let architecture = convert::architecture(checkpoint, precision)?;
	let tokenizer = text::tokenizer(checkpoint)?;
	if tokenizer.vocabulary_size() > architecture.vocabulary {
		let (tokenizer, model) = (tokenizer.vocabulary_size(), architecture.vocabulary);
		return Err(ImportError::Vocabulary { tokenizer, model });
	}
	std::fs::create_dir_all(out).map_err(directory::at(out))?;
	let source = serde_json::to_value(checkpoint.describe()?)?;
	let resumed = begin(&directory, &architecture, &source)?;
	directory.prepare()?;
	directory.write_text(&tokenizer)?;
	let written = write_parts(checkpoint, &architecture, &directory, resumed, progress)?;
	let manifest = directory.complete(
		&architecture,
		&written,
		(&tokenizer, text::ends(checkpoint, &tokenizer)),
		source,
	)?;
	let unfinished = directory.path().join(UNFINISHED_IMPORT);
	std::fs::remove_file(&unfinished).map_err(directory::at(&unfinished))?;
	Ok(manifest)
}

/// Writes all parts of a model, several at a time. `resumed`: parts that are there already are checked and kept.
pub fn write_parts(
	checkpoint: &Checkpoint,
	architecture: &Architecture,
	directory: &Directory,
	resumed: bool,
	progress: Progress<'_>,
) -> Result<Vec<(PartRecord, Hash)>, ImportError> {
	let parts = directory::parts(architecture);
	let bytes = |part: &Part| Ok(layout(architecture, *part)?.file_bytes());
	let total = parts.iter().map(bytes).sum::<Result<u64, DirectoryError>>()?;
	let done = AtomicU64::new(0);
	let advance = |bytes: u64| progress(done.fetch_add(bytes, Ordering::Relaxed) + bytes, total);
	let import = Import { checkpoint, architecture, directory };
	parts.into_par_iter().map(|part| import.part(part, resumed, &advance)).collect()
}

/// Notes what is imported; returns whether an earlier import of the same was interrupted.
fn begin(
	directory: &Directory,
	architecture: &Architecture,
	source: &serde_json::Value,
) -> Result<bool, ImportError> {
	let record = serde_json::to_vec(&serde_json::json!({
		"version": env!("CARGO_PKG_VERSION"),
		"architecture": hex::encode(architecture.to_bytes()),
		"source": source,
	}))?;
	if directory.read(UNFINISHED_IMPORT)?.is_some_and(|earlier| earlier == record) {
		return Ok(true);
	}
	directory.clear_parts()?;
	directory.write(UNFINISHED_IMPORT, &record)?;
	Ok(false)
}

/// Source and target of every part.
struct Import<'a> {
	checkpoint: &'a Checkpoint,
	architecture: &'a Architecture,
	directory: &'a Directory,
}

impl Import<'_> {
	/// Writes a part, unless an interrupted import has left it.
	fn part(
		&self,
		part: Part,
		resumed: bool,
		advance: &(dyn Fn(u64) + Sync),
	) -> Result<(PartRecord, Hash), ImportError> {
		let bytes = layout(self.architecture, part)?.file_bytes();
		let kept = || self.directory.open(self.architecture, part).and_then(|file| file.check()).ok();
		let root = match resumed.then(kept).flatten() {
			Some(root) => {
				advance(bytes);
				root
			}
			None => self.write(part, advance)?,
		};
		Ok((PartRecord { name: part_name(part), bytes, root: hex::encode(root) }, root))
	}

	fn write(&self, part: Part, advance: &(dyn Fn(u64) + Sync)) -> Result<Hash, ImportError> {
		let path = self.directory.part(part);
		write_file(&path, |file| self.fill(part, file, advance)).map_err(|error| match error {
			ImportError::Convert(ConvertError::Write(error)) => directory::at(&path)(error).into(),
			error => error,
		})
	}

	fn fill(&self, part: Part, file: &mut File, advance: &(dyn Fn(u64) + Sync)) -> Result<Hash, ImportError> {
		let layout = layout(self.architecture, part)?;
		let mut file = BufWriter::with_capacity(1 << 20, file);
		let mut position = 0;
		let mut writer = PartWriter::new(&layout, |offset: u64, bytes: &[u8]| {
			if offset != position {
				file.seek(SeekFrom::Start(offset))?;
			}
			position = offset + bytes.len() as u64;
			advance(bytes.len() as u64);
			file.write_all(bytes)
		});
		let failed = |error: WriteError<std::io::Error>| match error {
			WriteError::Sink(error) => ConvertError::Write(error).into(),
			error => ImportError::Part { part: part_name(part), reason: error.to_string() },
		};
		let mut scales = Vec::new();
		for tensor in self.architecture.tensors(part) {
			let mut emit = |codes: &[u8], scales: &[u8]| {
				writer.write(codes).and_then(|()| writer.write(scales)).map_err(|error| match error {
					WriteError::Sink(error) => ConvertError::Write(error),
					error => ConvertError::Write(std::io::Error::other(error.to_string())),
				})
			};
			let (checkpoint, architecture) = (self.checkpoint, self.architecture);
			scales.push(convert::write_tensor(checkpoint, architecture, part, tensor, &mut emit)?);
		}
		let root = writer.finish(&scales).map_err(failed)?;
		file.flush().map_err(ConvertError::Write)?;
		Ok(root)
	}
}

impl From<std::io::Error> for ImportError {
	fn from(error: std::io::Error) -> Self {
		ConvertError::Write(error).into()
	}
}
