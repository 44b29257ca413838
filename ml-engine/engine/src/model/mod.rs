//! Models ready to run, and the store that loads them.

mod cache;
mod store;
#[cfg(test)]
mod tests;
mod usage;
mod weights;

pub use store::{LoadError, ModelStore, StoreMetrics, StoredExperts};
pub use weights::{ExpertWeights, LayerWeights, TableWeights, TernaryWeights, TrunkWeights};

use crate::block::{self, BlockError, BlockShape, TensorBlock};
use blyan_exact::{golden::OwnedModel, model_root, Expert, Hash, ModelConfig, ModelError, Trunk};
use blyan_primitives::{EngineError, ExpertIndex, LayerIndex};
use sp_core::H256;
use std::{fmt, sync::Arc};

/// Where the experts of a model come from.
///
/// Experts are requested when tokens are routed to them, every time again: the source decides what stays in memory in
/// between. So a model may have any number of experts that are never read.
pub trait ExpertSource: fmt::Debug + Send + Sync {
	/// The expert of a slot, counted in row-major order (layer, then expert), verified.
	fn expert(&self, slot: usize) -> Result<Arc<ExpertWeights>, LoadError>;
}

/// All experts of a model, in memory for as long as it is.
#[derive(Debug)]
struct Held(Vec<Arc<ExpertWeights>>);

impl ExpertSource for Held {
	fn expert(&self, slot: usize) -> Result<Arc<ExpertWeights>, LoadError> {
		self.0.get(slot).cloned().ok_or(LoadError::Malformed)
	}
}

/// A trunk, and experts that are verified when they are first used.
#[derive(Clone, Debug)]
pub struct Model {
	trunk: Arc<TrunkWeights>,
	/// Tensor root of the expert in every slot, row-major.
	roots: Vec<H256>,
	source: Arc<dyn ExpertSource>,
	/// Slots that hold another expert than the source's.
	replaced: Vec<(usize, Arc<ExpertWeights>)>,
}

impl Model {
	/// Experts in row-major order (layer, then expert); refuses another number or other widths.
	pub fn new(trunk: Arc<TrunkWeights>, experts: Vec<Arc<ExpertWeights>>) -> Result<Self, BlockError> {
		let shape = BlockShape::expert_of(&trunk.config);
		if experts.iter().any(|expert| expert.block().shape() != shape) {
			return Err(BlockError::Model(ModelError::Shape("expert")));
		}
		let roots = experts.iter().map(|expert| expert.block().tensor_root()).collect();
		Self::with_source(trunk, roots, Arc::new(Held(experts)))
	}

	/// Experts of these tensor roots, in row-major order, that `source` will give; refuses another number of roots.
	pub fn with_source(
		trunk: Arc<TrunkWeights>,
		roots: Vec<H256>,
		source: Arc<dyn ExpertSource>,
	) -> Result<Self, BlockError> {
		if roots.len() != trunk.config.slots() as usize {
			return Err(BlockError::Model(ModelError::ExpertCount));
		}
		Ok(Self { trunk, roots, source, replaced: Vec::new() })
	}

	/// The model that these weights make, in memory.
	pub fn from_weights<'a>(
		config: &ModelConfig,
		trunk: &Trunk,
		experts: impl IntoIterator<Item = &'a Expert>,
	) -> Result<Self, BlockError> {
		let trunk = block::write_trunk(trunk, config)?;
		let trunk = TensorBlock::from_bytes(trunk, BlockShape::Trunk(*config))?;
		let experts = experts.into_iter().map(|expert| expert_from_weights(config, expert).map(Arc::new));
		Self::new(Arc::new(TrunkWeights::new(Arc::new(trunk))?), experts.collect::<Result<_, _>>()?)
	}

	/// Architecture.
	pub fn config(&self) -> &ModelConfig {
		&self.trunk.config
	}

	/// Everything that is not an expert.
	pub fn trunk(&self) -> &Arc<TrunkWeights> {
		&self.trunk
	}

	/// One expert, loaded and verified now if it is not in memory. Fails if its blob cannot be had, and if there is no
	/// such slot.
	pub fn expert(&self, layer: usize, expert: usize) -> Result<Arc<ExpertWeights>, EngineError> {
		self.expert_at(layer * usize::from(self.trunk.config.experts) + expert)
	}

	/// The same by the slot's number in row-major order.
	pub(crate) fn expert_at(&self, slot: usize) -> Result<Arc<ExpertWeights>, EngineError> {
		if let Some((_, weights)) = self.replaced.iter().find(|(replaced, _)| *replaced == slot) {
			return Ok(weights.clone());
		}
		let weights = self.source.expert(slot).map_err(|error| {
			log::info!("the expert in slot {slot} cannot be used: {error}");
			error.as_engine_error()
		})?;
		// Kernels rely on the shape, whatever the source did.
		if weights.block().shape() != BlockShape::expert_of(&self.trunk.config) {
			log::error!("slot {slot} was given an expert of another shape");
			return Err(EngineError::Internal);
		}
		Ok(weights)
	}

	/// All experts in row-major order, loaded and verified.
	pub fn all_experts(&self) -> Result<Vec<Arc<ExpertWeights>>, EngineError> {
		(0..self.roots.len()).map(|slot| self.expert_at(slot)).collect()
	}

	/// Tensor roots of all experts in row-major order.
	pub fn expert_roots(&self) -> Vec<Hash> {
		self.roots.iter().map(|root| root.0).collect()
	}

	/// The same model with another expert in one slot. `None` if there is no such slot, or the expert's
	/// widths are others.
	pub fn with_expert(
		&self,
		layer: LayerIndex,
		expert: ExpertIndex,
		weights: Arc<ExpertWeights>,
	) -> Option<Self> {
		let slot = self.config().slot_index(layer, expert)? as usize;
		if weights.block().shape() != BlockShape::expert_of(self.config()) {
			return None;
		}
		let mut changed = self.clone();
		changed.roots[slot] = weights.block().tensor_root();
		changed.replaced.retain(|(replaced, _)| *replaced != slot);
		changed.replaced.push((slot, weights));
		Some(changed)
	}

	/// Returns the root by which receipts name this model.
	pub fn root(&self) -> H256 {
		H256(model_root(self.config(), &self.trunk.block().tensor_root().0, &self.expert_roots()))
	}

	/// The model in the form of the definition: several times larger, and slow to run.
	pub fn to_exact(&self) -> Result<OwnedModel, EngineError> {
		let internal = |error| {
			log::error!("a verified block cannot be read: {error}");
			EngineError::Internal
		};
		let experts = self.all_experts()?;
		let experts = experts.iter().map(|expert| expert.block().to_expert());
		Ok(OwnedModel {
			config: *self.config(),
			trunk: self.trunk.block().to_trunk().map_err(internal)?,
			experts: experts.collect::<Result<_, _>>().map_err(internal)?,
		})
	}

	/// Multiply-adds that one token at `position` costs, all matrices and attention together.
	pub fn operations_at(&self, position: usize) -> u64 {
		let config = self.config();
		let (d, hidden) = (u64::from(config.d_model), u64::from(config.d_ff));
		let attention = 4 * d * d + 2 * d * (position as u64 + 1);
		let mixture = u64::from(config.experts) * d + 2 * u64::from(config.top_k) * d * hidden;
		u64::from(config.layers) * (attention + mixture) + blyan_exact::VOCAB as u64 * d
	}
}

/// One expert's weights as the kernels want them, in memory.
pub fn expert_from_weights(config: &ModelConfig, expert: &Expert) -> Result<ExpertWeights, BlockError> {
	let file = block::write_expert(expert, config)?;
	ExpertWeights::new(Arc::new(TensorBlock::from_bytes(file, BlockShape::expert_of(config))?))
}
