//! Files of a model's parts, from the blob store.

use crate::{
	blobs::BlobStore,
	block::{mapped, Bytes},
	model::LoadError,
};
use blyan_exact::definition2::{block::Layout, step::PartFiles, Architecture, Part};
use blyan_open_model::directory;
use blyan_primitives::{BlockRef, EngineError};
use std::{
	cell::{Cell, OnceCell},
	collections::BTreeMap,
};

/// Returns all parts of a model in the order of a job's blocks: its parts, then its heads.
pub(super) fn named(architecture: &Architecture) -> Vec<Part> {
	directory::parts(architecture)
}

/// File of a part whose header, roots and content were checked.
pub(super) struct PartFile {
	/// Layout of the part.
	pub(super) layout: Layout,
	/// The file.
	pub(super) bytes: Bytes,
}

impl PartFile {
	/// Maps a part's blob and checks every byte of it.
	pub(super) fn open(
		store: &BlobStore,
		architecture: &Architecture,
		part: Part,
		block: &BlockRef,
	) -> Result<Self, EngineError> {
		let file = Self::map(store, architecture, part, block)?;
		match file.layout.check(&file.bytes) {
			Ok(root) if root == block.tensor_root.0 => Ok(file),
			Ok(_) => {
				log::error!("blob {:?} has another tensor root than announced", block.blob.hash);
				Err(EngineError::BlobCorrupt(block.blob.hash))
			}
			Err(fault) => {
				log::error!("blob {:?} is not {part:?}: {fault}", block.blob.hash);
				Err(EngineError::BlobCorrupt(block.blob.hash))
			}
		}
	}

	/// Maps a part's blob, whose hash is checked. What it holds was checked when the model was loaded.
	fn map(
		store: &BlobStore,
		architecture: &Architecture,
		part: Part,
		block: &BlockRef,
	) -> Result<Self, EngineError> {
		let hash = block.blob.hash;
		let layout = Layout::of(architecture, part).ok_or(EngineError::JobMalformed)?;
		let path = store.verified_path(&hash).map_err(|error| LoadError::from(error).as_engine_error())?;
		let bytes = mapped(&path).map_err(|error| {
			log::error!("blob {hash:?} cannot be read: {error}");
			EngineError::BlobMissing(hash)
		})?;
		if bytes.len() as u64 != u64::from(block.blob.size) {
			log::error!("blob {hash:?} has {} bytes, {} were announced", bytes.len(), block.blob.size);
			return Err(EngineError::BlobCorrupt(hash));
		}
		Ok(Self { layout, bytes })
	}
}

/// Files of all parts, each mapped when a witness reads it, and the candidate's bytes in its slot.
pub(super) struct BlobFiles<'a> {
	store: &'a BlobStore,
	architecture: &'a Architecture,
	blocks: BTreeMap<Part, (BlockRef, OnceCell<Option<PartFile>>)>,
	candidate: Option<(Part, &'a [u8])>,
	/// Reason why one could not be had.
	failure: Cell<Option<EngineError>>,
}

impl<'a> BlobFiles<'a> {
	/// Names the blobs of a model's parts and experts, in the order of a job. `candidate`: its slot and its file, for the trace of
	/// the model with it.
	pub(super) fn new(
		store: &'a BlobStore,
		architecture: &'a Architecture,
		blocks: impl Iterator<Item = &'a BlockRef>,
		candidate: Option<(Part, &'a [u8])>,
	) -> Self {
		let blocks = named(architecture).into_iter().zip(blocks);
		let blocks = blocks.map(|(part, block)| (part, (*block, OnceCell::new()))).collect();
		Self { store, architecture, blocks, candidate, failure: Cell::new(None) }
	}

	/// Returns the reason why a file could not be had, if there was one.
	pub(super) fn failure(&self) -> Option<EngineError> {
		self.failure.take()
	}
}

impl PartFiles for BlobFiles<'_> {
	fn file(&self, part: Part) -> Option<&[u8]> {
		if let Some((_, bytes)) = self.candidate.filter(|(slot, _)| *slot == part) {
			return Some(bytes);
		}
		let (block, file) = self.blocks.get(&part)?;
		let open = || {
			let file = PartFile::map(self.store, self.architecture, part, block);
			file.map_err(|error| self.failure.set(Some(error))).ok()
		};
		file.get_or_init(open).as_ref().map(|file| &*file.bytes)
	}
}
