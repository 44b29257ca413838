//! Files of a model, each of which is checked when it comes.

use alloc::vec::Vec;
use blyan_exact::{
	definition2::{
		block::{Fault, Layout, LoadedPart, PartView},
		model_root, Architecture, ArchitectureError, Model, ModelError,
	},
	Hash,
};
use core::fmt;

/// Reason why files are not a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileError {
	/// The record of the architecture is malformed or out of bounds.
	Architecture(ArchitectureError),
	/// The architecture has a part whose shape no file holds.
	Shape(usize),
	/// The model has no part of this number.
	NoPart(usize),
	/// The file of this part is damaged, or of another part.
	Part(usize, Fault),
	/// The file of this part has not been given.
	Missing(usize),
	/// The parts do not make a model.
	Model(ModelError),
}

impl fmt::Display for FileError {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		match self {
			Self::Architecture(error) => write!(f, "the architecture is refused: {error}"),
			Self::Shape(part) => write!(f, "part {part} of the architecture has a shape that no file holds"),
			Self::NoPart(part) => write!(f, "the model has no part {part}"),
			Self::Part(part, fault) => write!(f, "part {part} is damaged: {fault}; get its file again"),
			Self::Missing(part) => write!(f, "part {part} is missing: give its file"),
			Self::Model(error) => write!(f, "the parts do not make a model: {error}"),
		}
	}
}

impl core::error::Error for FileError {}

impl From<ArchitectureError> for FileError {
	fn from(error: ArchitectureError) -> Self {
		Self::Architecture(error)
	}
}

impl From<ModelError> for FileError {
	fn from(error: ModelError) -> Self {
		Self::Model(error)
	}
}

/// A model on its way in: its architecture, and the files that have come.
#[derive(Debug)]
pub struct ModelFiles {
	architecture: Architecture,
	/// Layouts of all parts, in the order of a manifest: embedding, layers, head, then experts layer by layer.
	layouts: Vec<Layout>,
	/// Files with their roots, in the same order.
	files: Vec<Option<(Vec<u8>, Hash)>>,
}

impl ModelFiles {
	/// Reads the record of an architecture. No file is there yet.
	pub fn new(record: &[u8]) -> Result<Self, FileError> {
		let architecture = Architecture::from_bytes(record)?;
		architecture.validate()?;
		let parts = architecture.parts().into_iter().chain(architecture.expert_parts());
		let layouts = parts
			.enumerate()
			.map(|(index, part)| Layout::of(&architecture, part).ok_or(FileError::Shape(index)))
			.collect::<Result<Vec<_>, _>>()?;
		let files = layouts.iter().map(|_| None).collect();
		Ok(Self { architecture, layouts, files })
	}

	/// Returns the architecture.
	pub fn architecture(&self) -> &Architecture {
		&self.architecture
	}

	/// Returns the number of parts.
	pub fn parts(&self) -> usize {
		self.layouts.len()
	}

	/// Returns the bytes that the file of a part has; `None` if there is no such part.
	pub fn part_bytes(&self, part: usize) -> Option<u64> {
		self.layouts.get(part).map(Layout::file_bytes)
	}

	/// Takes the file of a part, checks every byte of it and returns its tensor root.
	pub fn put(&mut self, part: usize, file: Vec<u8>) -> Result<Hash, FileError> {
		let layout = self.layouts.get(part).ok_or(FileError::NoPart(part))?;
		let place = self.files.get_mut(part).ok_or(FileError::NoPart(part))?;
		let root = layout.check(&file).map_err(|fault| FileError::Part(part, fault))?;
		*place = Some((file, root));
		Ok(root)
	}

	/// Returns the root of the model, which follows from the files. Refused while one is missing.
	pub fn model_root(&self) -> Result<Hash, FileError> {
		let roots = self.whole().map(|found| found.map(|(_, _, (_, root))| *root));
		let roots = roots.collect::<Result<Vec<Hash>, _>>()?;
		let (fixed, experts) = roots.split_at(self.architecture.parts().len().min(roots.len()));
		Ok(model_root(&self.architecture, fixed, experts))
	}

	/// Reads the tensors of all files. Refused while one is missing.
	pub fn load(&self) -> Result<Loaded<'_>, FileError> {
		let parts = self.whole().map(|found| {
			let (index, layout, (file, _)) = found?;
			let view = PartView::new(layout, file).map_err(|fault| FileError::Part(index, fault))?;
			Ok(LoadedPart::new(view))
		});
		Ok(Loaded { architecture: &self.architecture, parts: parts.collect::<Result<_, FileError>>()? })
	}

	/// Iterates over all parts with their files.
	fn whole(&self) -> impl Iterator<Item = Result<(usize, &Layout, &(Vec<u8>, Hash)), FileError>> {
		let parts = self.layouts.iter().zip(&self.files).enumerate();
		parts.map(|(index, (layout, file))| match file {
			Some(file) => Ok((index, layout, file)),
			None => Err(FileError::Missing(index)),
		})
	}
}

/// Tensors of a whole model, its matrices in the files themselves.
pub struct Loaded<'f> {
	architecture: &'f Architecture,
	parts: Vec<LoadedPart<'f>>,
}

impl Loaded<'_> {
	/// Puts the model together. Its numbers were checked with the files.
	pub fn model(&self) -> Result<Model<'_>, FileError> {
		let tensors = self
			.parts
			.iter()
			.enumerate()
			.map(|(index, part)| part.tensors().ok_or(FileError::Part(index, Fault::Length)));
		let mut fixed = tensors.collect::<Result<Vec<_>, FileError>>()?;
		let experts = fixed.split_off(self.architecture.parts().len().min(fixed.len()));
		Ok(Model::assemble(self.architecture, fixed, experts)?)
	}
}
