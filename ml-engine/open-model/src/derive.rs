//! A model made from another one: parts that stay the same are shared with it, the others are written.

use crate::{
	directory::{at, layout, part_name, parts, write_file, Directory, DirectoryError, PartFile},
	manifest::{Change, Manifest, PartRecord, Step},
	target::{self, Section, Target, TargetError},
};
use blyan_exact::{
	definition2::{
		root::{place, PartPlace},
		Architecture, Part,
	},
	Hash,
};
use blyan_text::Tokenizer;
use rayon::prelude::*;
use std::{
	collections::BTreeMap,
	io::Write,
	path::Path,
	sync::atomic::{AtomicU64, Ordering},
};

/// File that says what an unfinished directory is made from.
const UNFINISHED: &str = "derive.json";

/// Reason why a model was not made from another one.
#[derive(Debug, thiserror::Error)]
pub enum DeriveError {
	/// The directory cannot be begun.
	#[error(transparent)]
	Target(#[from] TargetError),
	/// A file of the new model cannot be written.
	#[error("{0}. What is written stays: the same command again goes on from there")]
	Interrupted(DirectoryError),
	/// The model that is to be changed cannot be read.
	#[error(transparent)]
	Parent(#[from] DirectoryError),
}

impl DeriveError {
	/// Tells failures of the directory `out` from those of its parent.
	fn of(out: &Path) -> impl Fn(DirectoryError) -> Self + '_ {
		move |error| match &error {
			DirectoryError::File { path, .. } if path.starts_with(out) => Self::Interrupted(error),
			_ => Self::Parent(error),
		}
	}
}

/// Model that others are made from.
pub struct Parent {
	directory: Directory,
	manifest: Manifest,
	architecture: Architecture,
	tokenizer: Tokenizer,
}

/// Source of a part of the new model.
pub enum Source<'a> {
	/// The parent's part of the same name.
	Parent,
	/// A part of the parent, of the same shape.
	Other(Part),
	/// Bytes of a whole file, checked, and its root.
	Bytes(&'a [u8], Hash),
	/// A part of the new model that comes before this one and has the same bytes.
	Twin(Part),
	/// Tensors in their canonical order.
	Tensors(Vec<Section<'a>>),
}

/// New model and its cost.
#[derive(Clone, Debug)]
pub struct Derived {
	/// Manifest of the new model.
	pub manifest: Manifest,
	/// Root of its parent.
	pub parent_root: String,
	/// Bytes of the parent's parts.
	pub parent_bytes: u64,
	/// Bytes of parts that were written; all others are shared with the parent, or with each other.
	pub written_bytes: u64,
}

/// Progress: bytes of parts that are in place, and bytes in all.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

impl Parent {
	/// Opens a model. Its parts are checked where they are used.
	pub fn open(path: &Path) -> Result<Self, DirectoryError> {
		let directory = Directory::new(path);
		let manifest = directory.manifest()?;
		let architecture = directory.architecture(&manifest)?;
		directory.ensure_model_root(&manifest, &architecture)?;
		let tokenizer = directory.tokenizer(&manifest)?;
		Ok(Self { directory, manifest, architecture, tokenizer })
	}

	/// Returns the directory.
	pub fn directory(&self) -> &Directory {
		&self.directory
	}

	/// Returns the manifest.
	pub fn manifest(&self) -> &Manifest {
		&self.manifest
	}

	/// Returns the architecture.
	pub fn architecture(&self) -> &Architecture {
		&self.architecture
	}

	/// Returns the tokenizer.
	pub fn tokenizer(&self) -> &Tokenizer {
		&self.tokenizer
	}

	/// Returns the model root.
	pub fn root(&self) -> Result<Hash, DirectoryError> {
		let mut root = Hash::default();
		let decoded = hex::decode_to_slice(&self.manifest.model_root, &mut root);
		decoded.map_err(|error| self.directory.malformed(&error))?;
		Ok(root)
	}

	/// Returns a part's entry in the manifest.
	pub fn record(&self, part: Part) -> Result<&PartRecord, DirectoryError> {
		let index = match place(&self.architecture, part) {
			Some(PartPlace::Fixed(index)) => Some(index),
			Some(PartPlace::Expert(index)) => Some(self.architecture.layers.len() + 2 + index),
			None => None,
		};
		let record = index.and_then(|index| self.manifest.parts.get(index));
		record.ok_or_else(|| self.directory.malformed(&format!("it lists no part {}", part_name(part))))
	}

	/// Maps the file of a part, every byte checked.
	pub fn part(&self, part: Part) -> Result<PartFile, DirectoryError> {
		let file = self.directory.open(&self.architecture, part)?;
		file.ensure_root(&self.record(part)?.root)?;
		Ok(file)
	}
}

/// Writes a model that differs from its parent by one step. `source` says where each of its parts comes from.
///
/// Parts that are there from an interrupted run of the same step are checked and kept.
pub fn derive<'a>(
	parent: &'a Parent,
	architecture: &Architecture,
	step: Step,
	out: &Path,
	progress: Progress<'_>,
	source: &(dyn Fn(Part) -> Result<Source<'a>, DirectoryError> + Sync),
) -> Result<Derived, DeriveError> {
	let change = Change { parent: parent.manifest.model_root.clone(), step };
	let record = serde_json::json!({ "version": env!("CARGO_PKG_VERSION"), "change": change });
	let target = Target::begin(out, UNFINISHED, &record)?;
	let parts = parts(architecture);
	let bytes = |part: &Part| Ok(layout(architecture, *part)?.file_bytes());
	let total = parts.iter().map(bytes).sum::<Result<u64, DirectoryError>>()?;
	let work = Work {
		parent,
		architecture,
		target: &target,
		source,
		progress: &|done| progress(done, total),
		done: AtomicU64::new(0),
		written: AtomicU64::new(0),
	};
	let placed = work.all(&parts).map_err(DeriveError::of(out))?;
	let written_bytes = work.written.into_inner();
	let manifest = complete(parent, architecture, &target, &placed, change).map_err(DeriveError::of(out))?;
	target.finish().map_err(DeriveError::of(out))?;
	let (parent_root, parent_bytes) = (parent.manifest.model_root.clone(), parent.manifest.bytes());
	Ok(Derived { manifest, parent_root, parent_bytes, written_bytes })
}

/// Writes the tokenizer and the manifest.
fn complete(
	parent: &Parent,
	architecture: &Architecture,
	target: &Target,
	placed: &[(PartRecord, Hash)],
	change: Change,
) -> Result<Manifest, DirectoryError> {
	target.directory().write_text(&parent.tokenizer)?;
	target.directory().sync()?;
	let Manifest { ends, source, changes, .. } = parent.manifest.clone();
	let manifest = Manifest {
		changes: changes.into_iter().chain([change]).collect(),
		..Manifest::new(architecture, placed, (parent.tokenizer.hash(), ends), source)
	};
	target.directory().complete(&manifest)?;
	Ok(manifest)
}

/// Everything that the parts of one new model share.
struct Work<'w, 'a> {
	parent: &'a Parent,
	architecture: &'w Architecture,
	target: &'w Target,
	source: &'w (dyn Fn(Part) -> Result<Source<'a>, DirectoryError> + Sync),
	progress: &'w (dyn Fn(u64) + Sync),
	/// Bytes in place.
	done: AtomicU64,
	/// Bytes written.
	written: AtomicU64,
}

impl Work<'_, '_> {
	/// Puts all parts in place, several at a time; twins come when all others are there.
	fn all(&self, parts: &[Part]) -> Result<Vec<(PartRecord, Hash)>, DirectoryError> {
		let first: BTreeMap<Part, Placed> = parts
			.par_iter()
			.map(|&part| Ok((part, self.part(part)?)))
			.collect::<Result<_, DirectoryError>>()?;
		let root_of = |part: Part| match first.get(&part) {
			Some(&Placed::Root(root)) => Ok(root),
			_ => Err(self.target.directory().malformed(&format!("{} was not written", part_name(part)))),
		};
		let place = |&part: &Part| {
			let root = match first.get(&part) {
				Some(&Placed::Twin(twin)) => {
					self.file(part, &self.target.directory().part(twin), root_of(twin)?)?
				}
				_ => root_of(part)?,
			};
			Ok((target::record(self.architecture, part, &root)?, root))
		};
		parts.par_iter().map(place).collect()
	}

	fn part(&self, part: Part) -> Result<Placed, DirectoryError> {
		let root = match (self.source)(part)? {
			Source::Twin(twin) => return Ok(Placed::Twin(twin)),
			Source::Tensors(sections) => self.tensors(part, sections)?,
			Source::Bytes(bytes, root) => self.bytes(part, bytes, root)?,
			Source::Parent => self.shared(part, part)?,
			Source::Other(origin) => self.shared(part, origin)?,
		};
		Ok(Placed::Root(root))
	}

	/// Shares a part of the parent, every byte checked.
	fn shared(&self, part: Part, origin: Part) -> Result<Hash, DirectoryError> {
		let record = self.parent.record(origin)?;
		let root = record.hash().map_err(|error| self.parent.directory.malformed(&error))?;
		self.parent.part(origin)?;
		self.file(part, &self.parent.directory.part(origin), root)
	}

	fn tensors(&self, part: Part, sections: Vec<Section<'_>>) -> Result<Hash, DirectoryError> {
		if let Some(root) = self.target.kept(self.architecture, part) {
			self.advance(layout(self.architecture, part)?.file_bytes());
			return Ok(root);
		}
		let advance = |bytes| {
			self.written.fetch_add(bytes, Ordering::Relaxed);
			self.advance(bytes);
		};
		self.target.write(self.architecture, part, sections, &advance)
	}

	fn bytes(&self, part: Part, bytes: &[u8], root: Hash) -> Result<Hash, DirectoryError> {
		if self.target.kept(self.architecture, part) != Some(root) {
			let path = self.target.directory().part(part);
			write_file(&path, |file| file.write_all(bytes)).map_err(at(&path))?;
			self.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
		}
		self.advance(bytes.len() as u64);
		Ok(root)
	}

	/// Shares a file that was checked.
	fn file(&self, part: Part, path: &Path, root: Hash) -> Result<Hash, DirectoryError> {
		if self.target.kept(self.architecture, part) != Some(root) {
			let written = self.target.adopt(path, &self.target.directory().part(part))?;
			self.written.fetch_add(written, Ordering::Relaxed);
		}
		self.advance(layout(self.architecture, part)?.file_bytes());
		Ok(root)
	}

	fn advance(&self, bytes: u64) {
		(self.progress)(self.done.fetch_add(bytes, Ordering::Relaxed) + bytes);
	}
}

/// State of a part after the first pass.
#[derive(Clone, Copy)]
enum Placed {
	/// In place.
	Root(Hash),
	/// Waits for a part of the same bytes.
	Twin(Part),
}
