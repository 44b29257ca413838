//! Directory of a model: its parts, one file each, and the manifest that names them.
//!
//! ```text
//! model.json            manifest: written last, so that a directory that has one is complete
//! tokenizer.json        tokenizer, in its canonical form
//! chat-template.jinja   chat template of the checkpoint, if it has one
//! parts/                embedding.tblk, layer-00.tblk, layer-00-expert-000.tblk, head.tblk
//! ```

use crate::manifest::{self, FORMAT};
pub use crate::manifest::{Manifest, PartRecord};
use blyan_exact::{
	definition2::{
		block::{Fault, Layout, PartShape, ShapeError},
		Architecture, ArchitectureError, Network, Part,
	},
	Hash,
};
use blyan_text::{Tokenizer, TokenizerError};
use memmap2::Mmap;
use std::{
	fs::{self, File},
	io::{self, Write},
	path::{Path, PathBuf},
};

/// File of the manifest.
const MANIFEST: &str = "model.json";
/// File of the tokenizer.
const TOKENIZER: &str = "tokenizer.json";
/// File of the chat template.
const CHAT_TEMPLATE: &str = "chat-template.jinja";
/// Directory of the parts.
const PARTS: &str = "parts";
/// Suffix of files that are being written.
const UNFINISHED: &str = ".part";

/// Reason why a directory is not a model.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
	/// A file cannot be read or written.
	#[error("{path}: {error}")]
	File {
		/// The file.
		path: PathBuf,
		/// Message of the system.
		error: io::Error,
	},
	/// There is no manifest.
	#[error("{0} holds no model: it has no model.json. Import one with `blyan model import FILE --out {0}`")]
	NoModel(PathBuf),
	/// The manifest is malformed.
	#[error("{path}: {reason}. Import the model again")]
	Manifest {
		/// The manifest.
		path: PathBuf,
		/// Reason.
		reason: String,
	},
	/// A part is damaged.
	#[error("{path}: {fault}. Import the model again, or get this file again")]
	Part {
		/// File of the part.
		path: PathBuf,
		/// Reason.
		fault: Fault,
	},
	/// A part is sound, but another one.
	#[error("{path} has the root 0x{found}, the manifest names 0x{expected}. Get the file that belongs to this model")]
	OtherPart {
		/// File of the part.
		path: PathBuf,
		/// Its root.
		found: String,
		/// Root in the manifest.
		expected: String,
	},
	/// The architecture has a part of a refused shape.
	#[error("the architecture is outside of what files hold: {0}")]
	Shape(#[from] ShapeError),
	/// The tokenizer is malformed.
	#[error("{path}: {error}. Import the model again")]
	Tokenizer {
		/// File of the tokenizer.
		path: PathBuf,
		/// Reason.
		error: TokenizerError,
	},
	/// The tokenizer is another one than the manifest names.
	#[error("{0} is not the tokenizer that the manifest names. Import the model again")]
	OtherTokenizer(PathBuf),
}

/// Path of a model.
#[derive(Clone, Debug)]
pub struct Directory(PathBuf);

/// Returns the name of a part.
pub fn part_name(part: Part) -> String {
	match part {
		Part::Embedding => "embedding".into(),
		Part::Layer(layer) => format!("layer-{layer:02}"),
		Part::Expert { layer, expert } => format!("layer-{layer:02}-expert-{expert:03}"),
		Part::Head => "head".into(),
	}
}

/// Returns all parts of a model in the order of its manifest.
pub fn parts(architecture: &Architecture) -> Vec<Part> {
	let experts = architecture.expert_parts();
	architecture.parts().into_iter().chain(experts).collect()
}

impl Directory {
	/// Names a directory, which need not exist.
	pub fn new(path: &Path) -> Self {
		Self(path.to_path_buf())
	}

	/// Returns its path.
	pub fn path(&self) -> &Path {
		&self.0
	}

	/// Returns the file of a part.
	pub fn part(&self, part: Part) -> PathBuf {
		self.0.join(PARTS).join(part_name(part) + ".tblk")
	}

	/// Reports whether the directory holds a complete model.
	pub fn is_complete(&self) -> bool {
		self.0.join(MANIFEST).exists()
	}

	/// Makes the directory of the parts, and removes files whose writing was interrupted.
	pub fn prepare(&self) -> Result<(), DirectoryError> {
		let parts = self.0.join(PARTS);
		fs::create_dir_all(&parts).map_err(at(&parts))?;
		for path in [entries(&self.0)?, entries(&parts)?].concat() {
			if path.to_string_lossy().ends_with(UNFINISHED) {
				fs::remove_file(&path).map_err(at(&path))?;
			}
		}
		Ok(())
	}

	/// Removes all parts: those of another checkpoint, whose import was interrupted.
	pub fn clear_parts(&self) -> Result<(), DirectoryError> {
		for path in entries(&self.0.join(PARTS))? {
			if path.extension().is_some_and(|extension| extension == "tblk") {
				fs::remove_file(&path).map_err(at(&path))?;
			}
		}
		Ok(())
	}

	/// Reports whether the directory holds nothing but, at most, an unfinished file of this name.
	pub fn is_vacant(&self, unfinished: &str) -> Result<bool, DirectoryError> {
		let unfinished = self.0.join(unfinished.to_owned() + UNFINISHED);
		Ok(entries(&self.0)?.into_iter().all(|path| path == unfinished))
	}

	/// Writes a file whole or not at all.
	pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), DirectoryError> {
		let path = self.0.join(name);
		write_file(&path, |file| file.write_all(bytes)).map_err(at(&path))
	}

	/// Reads a file, if it is there.
	pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, DirectoryError> {
		let path = self.0.join(name);
		match fs::read(&path) {
			Ok(bytes) => Ok(Some(bytes)),
			Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
			Err(error) => Err(at(&path)(error)),
		}
	}

	/// Writes the tokenizer and the chat template.
	pub fn write_text(&self, tokenizer: &Tokenizer) -> Result<(), DirectoryError> {
		self.write(TOKENIZER, tokenizer.to_canonical())?;
		match tokenizer.chat_template() {
			Some(template) => self.write(CHAT_TEMPLATE, template.as_bytes()),
			None => Ok(()),
		}
	}

	/// Writes the manifest, which makes the directory a model.
	pub fn complete(&self, manifest: &Manifest) -> Result<(), DirectoryError> {
		let json = serde_json::to_vec_pretty(manifest).map_err(|error| self.malformed(&error))?;
		self.write(MANIFEST, &json)
	}

	/// Reads the manifest.
	pub fn manifest(&self) -> Result<Manifest, DirectoryError> {
		let bytes = self.read(MANIFEST)?.ok_or_else(|| DirectoryError::NoModel(self.0.clone()))?;
		let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| self.malformed(&error))?;
		if manifest.format != FORMAT || manifest.definition != 2 {
			let (format, definition) = (&manifest.format, manifest.definition);
			let reason = format!("its format is {format:?} of definition {definition}, not {FORMAT:?} of 2");
			return Err(self.malformed(&reason));
		}
		Ok(manifest)
	}

	/// Reads the architecture in a manifest.
	pub fn architecture(&self, manifest: &Manifest) -> Result<Architecture, DirectoryError> {
		let record = hex::decode(&manifest.architecture).map_err(|error| self.malformed(&error))?;
		let read = |bytes: &[u8]| -> Result<Architecture, ArchitectureError> {
			let architecture = Architecture::from_bytes(bytes)?;
			architecture.validate()?;
			Ok(architecture)
		};
		read(&record).map_err(|error| self.malformed(&error))
	}

	/// Checks that a manifest lists the parts of its architecture, and that its model root follows from their roots.
	pub fn ensure_model_root(
		&self,
		manifest: &Manifest,
		architecture: &Architecture,
	) -> Result<(), DirectoryError> {
		let (listed, expected) = (manifest.parts.len(), parts(architecture).len());
		if listed != expected {
			return Err(self.malformed(&format!("it lists {listed} parts, the model has {expected}")));
		}
		let roots: Result<Vec<Hash>, _> = manifest.parts.iter().map(PartRecord::hash).collect();
		let roots = roots.map_err(|error| self.malformed(&error))?;
		if manifest.model_root == manifest::root_of(architecture, &roots) {
			return Ok(());
		}
		Err(self.malformed(&"its model root does not follow from its architecture and parts"))
	}

	/// Reads the tokenizer that a manifest names.
	pub fn tokenizer(&self, manifest: &Manifest) -> Result<Tokenizer, DirectoryError> {
		let path = self.0.join(TOKENIZER);
		let bytes = fs::read(&path).map_err(at(&path))?;
		let tokenizer = Tokenizer::from_canonical(&bytes)
			.map_err(|error| DirectoryError::Tokenizer { path: path.clone(), error })?;
		if hex::encode(tokenizer.hash()) != manifest.tokenizer {
			return Err(DirectoryError::OtherTokenizer(path));
		}
		Ok(tokenizer)
	}

	/// Maps the file of a part. Its contents are not checked.
	pub fn open(&self, architecture: &Architecture, part: Part) -> Result<PartFile, DirectoryError> {
		let (path, layout) = (self.part(part), layout(architecture, part)?);
		let file = File::open(&path).map_err(at(&path))?;
		// SAFETY: files of a model are replaced by renaming, never written in place.
		let bytes = unsafe { Mmap::map(&file) }.map_err(at(&path))?;
		Ok(PartFile { path, layout, bytes })
	}

	/// Returns the root of a part's file, every byte checked; `None` if it is absent or damaged.
	pub fn whole(&self, architecture: &Architecture, part: Part) -> Option<Hash> {
		self.open(architecture, part).and_then(|file| file.check()).ok()
	}

	/// Waits until the disk has the names of all parts.
	pub fn sync(&self) -> Result<(), DirectoryError> {
		let parts = self.0.join(PARTS);
		File::open(&parts).and_then(|directory| directory.sync_all()).map_err(at(&parts))
	}

	/// Names the manifest in an error.
	pub fn malformed(&self, reason: &dyn std::fmt::Display) -> DirectoryError {
		DirectoryError::Manifest { path: self.0.join(MANIFEST), reason: reason.to_string() }
	}
}

/// Returns the paths in a directory; none if there is no such directory.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, DirectoryError> {
	let read = || fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
	match read() {
		Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
		paths => paths.map_err(at(directory)),
	}
}

/// Describes an architecture in a line.
pub fn summary(architecture: &Architecture) -> String {
	let network = match architecture.layers.first().map(|layer| layer.network) {
		Some(Network::Dense(network)) => format!("hidden {}", network.hidden),
		Some(Network::Routed(routing)) => {
			let (experts, top_k, hidden) = (routing.experts, routing.top_k, routing.expert.hidden);
			format!("{experts} experts of {hidden} in the first layer, top {top_k}")
		}
		None => "no layers".into(),
	};
	let Architecture { d_model, heads, kv_heads, head_size, vocabulary, context, bits, .. } = architecture;
	format!(
		"d_model {d_model}, {} layers, {heads} heads of {head_size} over {kv_heads}, {network}, vocabulary {vocabulary}, \
		context {context}, activations of {}, {} and {} bits",
		architecture.layers.len(),
		bits.input,
		bits.output,
		bits.hidden
	)
}

/// Returns the layout of a part.
pub fn layout(architecture: &Architecture, part: Part) -> Result<Layout, DirectoryError> {
	// A part that the model does not have has no sections, which no layout takes.
	let none = ShapeError::Count(0);
	Ok(Layout::new(PartShape::of(architecture, part).ok_or(none)?)?)
}

/// File of a part, in memory.
pub struct PartFile {
	path: PathBuf,
	layout: Layout,
	bytes: Mmap,
}

impl PartFile {
	/// Returns the layout.
	pub fn layout(&self) -> &Layout {
		&self.layout
	}

	/// Returns the bytes.
	pub fn bytes(&self) -> &[u8] {
		&self.bytes
	}

	/// Names the file in a fault.
	pub fn fault(&self, fault: Fault) -> DirectoryError {
		DirectoryError::Part { path: self.path.clone(), fault }
	}

	/// Checks every byte, and returns the tensor root.
	pub fn check(&self) -> Result<Hash, DirectoryError> {
		self.layout.check(&self.bytes).map_err(|fault| self.fault(fault))
	}

	/// Checks every byte against a manifest's root.
	pub fn ensure_root(&self, expected: &str) -> Result<(), DirectoryError> {
		let found = hex::encode(self.check()?);
		if found == expected {
			return Ok(());
		}
		Err(DirectoryError::OtherPart { path: self.path.clone(), found, expected: expected.into() })
	}
}

/// Names a file in an error of the system.
pub fn at(path: &Path) -> impl FnOnce(io::Error) -> DirectoryError + '_ {
	move |error| DirectoryError::File { path: path.to_path_buf(), error }
}

/// Writes a file under another name, waits until the disk has it, and gives it its name.
pub fn write_file<E: From<io::Error>, T>(
	path: &Path,
	fill: impl FnOnce(&mut File) -> Result<T, E>,
) -> Result<T, E> {
	let mut name = path.as_os_str().to_owned();
	name.push(UNFINISHED);
	let unfinished = PathBuf::from(name);
	let put = || {
		let mut file = File::create(&unfinished)?;
		let filled = fill(&mut file)?;
		file.sync_all()?;
		fs::rename(&unfinished, path)?;
		if let Some(directory) = path.parent() {
			File::open(directory)?.sync_all()?;
		}
		Ok(filled)
	};
	put().inspect_err(|_| drop(fs::remove_file(&unfinished)))
}
