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
use blyan_exact::{golden::OwnedModel, model_root, Expert, ModelConfig, ModelError, Trunk};
use blyan_primitives::{ExpertIndex, LayerIndex};
use sp_core::H256;
use std::sync::Arc;

/// A trunk and all its experts, verified and shared.
#[derive(Clone, Debug)]
pub struct Model {
	trunk: Arc<TrunkWeights>,
	experts: Vec<Arc<ExpertWeights>>,
}

impl Model {
	/// Experts in row-major order (layer, then expert); refuses another number or other widths.
	pub fn new(trunk: Arc<TrunkWeights>, experts: Vec<Arc<ExpertWeights>>) -> Result<Self, BlockError> {
		let config = trunk.config;
		if experts.len() != config.slots() as usize {
			return Err(BlockError::Model(ModelError::ExpertCount));
		}
		let shape = BlockShape::expert_of(&config);
		if experts.iter().any(|expert| expert.block().shape() != shape) {
			return Err(BlockError::Model(ModelError::Shape("expert")));
		}
		Ok(Self { trunk, experts })
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

	/// All experts in row-major order.
	pub fn experts(&self) -> &[Arc<ExpertWeights>] {
		&self.experts
	}

	/// The experts of one layer.
	pub fn layer_experts(&self, layer: usize) -> &[Arc<ExpertWeights>] {
		let experts = usize::from(self.trunk.config.experts);
		&self.experts[layer * experts..(layer + 1) * experts]
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
		let mut experts = self.experts.clone();
		experts[slot] = weights;
		Some(Self { trunk: self.trunk.clone(), experts })
	}

	/// What receipts name this model by.
	pub fn root(&self) -> H256 {
		let heads: Vec<_> = self.experts.iter().map(|expert| expert.block().tensor_root().0).collect();
		H256(model_root(self.config(), &self.trunk.block().tensor_root().0, &heads))
	}

	/// The model in the form of the definition: several times larger, and slow to run.
	pub fn to_exact(&self) -> Result<OwnedModel, BlockError> {
		let experts = self.experts.iter().map(|expert| expert.block().to_expert());
		Ok(OwnedModel {
			config: *self.config(),
			trunk: self.trunk.block().to_trunk()?,
			experts: experts.collect::<Result<_, _>>()?,
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
