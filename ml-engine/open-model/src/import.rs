//! Import of a checkpoint: its integer form, part by part.
//!
//! Every part is written under another name first and appears whole. An import that was interrupted goes on: parts of
//! the same checkpoint and precision are checked and kept.

use crate::{
	convert::{self, ConvertError, Precision},
	directory::{self, layout, part_name, write_file, Directory, DirectoryError, Manifest, PartRecord},
	target::{self, Buffered, Target, TargetError},
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
	/// The directory cannot be begun.
	#[error(transparent)]
	Target(#[from] TargetError),
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
	let architecture = convert::architecture(checkpoint, precision)?;
	let tokenizer = text::tokenizer(checkpoint)?;
	if tokenizer.vocabulary_size() > architecture.vocabulary {
		let (tokenizer, model) = (tokenizer.vocabulary_size(), architecture.vocabulary);
		return Err(ImportError::Vocabulary { tokenizer, model });
	}
	let source = serde_json::to_value(checkpoint.describe()?)?;
	let record = serde_json::json!({
		"version": env!("CARGO_PKG_VERSION"),
		"architecture": hex::encode(architecture.to_bytes()),
		"source": source,
	});
	let target = Target::begin(out, UNFINISHED_IMPORT, &record)?;
	let directory = target.directory();
	directory.write_text(&tokenizer)?;
	let written = write_parts(checkpoint, &architecture, directory, target.is_resumed(), progress)?;
	let ends = text::ends(checkpoint, &tokenizer);
	let manifest = Manifest::new(&architecture, &written, (tokenizer.hash(), ends), source);
	directory.complete(&manifest)?;
	target.finish()?;
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
		let kept = || self.directory.whole(self.architecture, part);
		let root = match resumed.then(kept).flatten() {
			Some(root) => {
				advance(layout(self.architecture, part)?.file_bytes());
				root
			}
			None => self.write(part, advance)?,
		};
		Ok((target::record(self.architecture, part, &root)?, root))
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
		let mut file = Buffered::new(file);
		let mut writer = PartWriter::new(&layout, |offset: u64, bytes: &[u8]| {
			advance(bytes.len() as u64);
			file.write(offset, bytes)
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
