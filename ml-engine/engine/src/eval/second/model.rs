//! Models of the second definition, loaded from blobs.

use super::{
	files::{named, PartFile},
	SecondEvaluator,
};
use crate::{blobs::BlobStore, eval::Evaluator};
use blyan_exact::definition2::{
	block::{LoadedPart, PartView},
	Architecture, Model, Part,
};
use blyan_open_model::{evaluate::ModelRoots, load, run::Weights};
use blyan_primitives::{BlockRef, EngineError};
use codec::Encode;
use rayon::prelude::*;
use sp_core::H256;
use std::sync::Arc;

/// A model ready to run.
pub(super) struct OpenModel {
	/// Architecture.
	pub(super) architecture: Architecture,
	/// Weights in execution order.
	pub(super) weights: Weights,
	/// Tensor roots of its parts.
	pub(super) roots: ModelRoots,
}

/// Blobs of a model, in the order of a job.
#[derive(Clone, Copy)]
pub(super) struct ModelBlocks<'a> {
	/// Record of the architecture.
	pub(super) record: &'a [u8],
	/// Embedding, layers and head.
	pub(super) parts: &'a [BlockRef],
	/// Experts, layer by layer.
	pub(super) heads: &'a [BlockRef],
}

impl<'a> ModelBlocks<'a> {
	/// Returns the blocks of all parts, then those of all experts.
	pub(super) fn iter(&self) -> impl Iterator<Item = &'a BlockRef> {
		self.parts.iter().chain(self.heads)
	}

	/// Returns a name for the model: whatever its weights follow from.
	fn key(&self) -> H256 {
		H256(blyan_exact::blake2_256(&[&(self.record, self.parts, self.heads).encode()]))
	}
}

impl SecondEvaluator {
	/// Returns a model, loading it unless it was the last that was used. Several that ask at once wait for one.
	pub(super) fn model(
		&self,
		blocks: ModelBlocks<'_>,
		store: &BlobStore,
		evaluator: &Evaluator,
	) -> Result<Arc<OpenModel>, EngineError> {
		let key = blocks.key();
		let mut loaded = self.loaded.lock();
		if let Some((_, model)) = loaded.as_ref().filter(|(known, _)| *known == key) {
			return Ok(model.clone());
		}
		// Two models need not fit memory at once, unless the other one is in use.
		*loaded = None;
		let model = Arc::new(evaluator.pool.install(|| OpenModel::load(blocks, store))?);
		*loaded = Some((key, model.clone()));
		Ok(model)
	}
}

impl OpenModel {
	/// Loads a model; every byte is checked. Missing blobs are named before anything is read.
	pub(super) fn load(blocks: ModelBlocks<'_>, store: &BlobStore) -> Result<Self, EngineError> {
		let architecture = super::architecture(blocks.record).ok_or(EngineError::JobMalformed)?;
		let named = named(&architecture);
		if named.len() != blocks.parts.len() + blocks.heads.len() {
			return Err(EngineError::JobMalformed);
		}
		if let Some(missing) = blocks.iter().find(|block| !store.has(&block.blob.hash)) {
			return Err(EngineError::BlobMissing(missing.blob.hash));
		}
		let listed: Vec<(Part, &BlockRef)> = named.into_iter().zip(blocks.iter()).collect();
		let files = listed
			.par_iter()
			.map(|(part, block)| PartFile::open(store, &architecture, *part, block))
			.collect::<Result<Vec<PartFile>, EngineError>>()?;
		let weights = weights(&architecture, &files, blocks.parts.len()).ok_or_else(|| {
			log::error!("the parts of a model are not those of its architecture");
			EngineError::Internal
		})?;
		let roots = |blocks: &[BlockRef]| blocks.iter().map(|block| block.tensor_root.0).collect();
		let roots = ModelRoots { parts: roots(blocks.parts), experts: roots(blocks.heads) };
		Ok(Self { architecture, weights, roots })
	}
}

/// Arranges files that were checked for execution, the first `parts` of which are not experts.
fn weights(architecture: &Architecture, files: &[PartFile], parts: usize) -> Option<Weights> {
	let vectors: Option<Vec<LoadedPart<'_>>> =
		files.iter().map(|file| PartView::new(&file.layout, &file.bytes).ok().map(LoadedPart::new)).collect();
	let vectors = vectors?;
	let tensors: Option<Vec<_>> = vectors.iter().map(LoadedPart::tensors).collect();
	let mut tensors = tensors?;
	let experts = tensors.split_off(parts.min(tensors.len()));
	load::weights(&Model::assemble(architecture, tensors, experts).ok()?)
}
