//! Records as runtimes encoded them while every model followed the first definition.
//!
//! A node is updated before its chain's runtime is, so for a while it reads what a runtime says that knows no other.

use crate::{
	BlockRef, EvaluationJob, ExpertHead, ExpertIndex, HoldoutRef, JobBody, LayerIndex, ModelBody,
	ModelConfig, ModelId, ModelInfo, ModelVersion,
};
use alloc::vec::Vec;
use codec::{Decode, Encode};
use sp_core::H256;

/// [`ModelInfo`] before version 2 of `ModelsApi`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Model {
	/// Its number.
	pub id: ModelId,
	/// Its name, UTF-8.
	pub name: Vec<u8>,
	/// Architecture.
	pub config: ModelConfig,
	/// Version of the architecture.
	pub version: ModelVersion,
	/// Experts promoted since genesis, over all slots.
	pub generation: u32,
	/// Everything that is not an expert.
	pub trunk: BlockRef,
	/// Current expert of every slot, in row-major order.
	pub heads: Vec<ExpertHead>,
}

impl From<Model> for ModelInfo {
	fn from(model: Model) -> Self {
		let Model { id, name, config, version, generation, trunk, heads } = model;
		let body = ModelBody::First { config, trunk };
		Self { id, name, body, version, generation, parts: Vec::new(), heads }
	}
}

/// [`EvaluationJob`] before version 3 of `LearningApi` and of `DisputesApi`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Job {
	/// Version of the definition to compute by.
	pub definition: u32,
	/// The model, for logs.
	pub model: ModelId,
	/// Architecture.
	pub config: ModelConfig,
	/// Everything that is not an expert.
	pub trunk: BlockRef,
	/// The baseline's experts in row-major order.
	pub heads: Vec<BlockRef>,
	/// Layer of the candidate's slot.
	pub layer: LayerIndex,
	/// Expert index of the candidate's slot.
	pub expert: ExpertIndex,
	/// The candidate.
	pub candidate: BlockRef,
	/// Where the sample comes from.
	pub holdout: HoldoutRef,
	/// Seed of the draw.
	pub seed: H256,
	/// Number of sequences to draw.
	pub sample: u32,
}

impl From<Job> for EvaluationJob {
	fn from(job: Job) -> Self {
		let Job { definition, model, config, trunk, heads, .. } = job;
		let Job { layer, expert, candidate, holdout, seed, sample, .. } = job;
		let body = JobBody::First { config, trunk };
		Self { definition, model, body, heads, layer, expert, candidate, holdout, seed, sample }
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::BlobRef;

	const CONFIG: ModelConfig =
		ModelConfig { d_model: 64, d_ff: 64, layers: 1, heads: 1, experts: 1, top_k: 1, context: 8 };

	/// The order of the fields is that of `tests/upgrade/snapshots/apis.txt` in release 2 of the runtime.
	#[test]
	fn a_model_of_release_2_is_a_model_of_the_first_definition() {
		let blob = BlobRef { hash: H256([1; 32]), size: 8 };
		let trunk = BlockRef { tensor_root: H256([2; 32]), blob };
		let version = ModelVersion { major: 1, minor: 2, patch: 3 };
		let heads = vec![ExpertHead { version: 4, block: trunk }];
		let bytes = (7_u32, b"tiny".to_vec(), CONFIG, version, 9_u32, trunk, &heads).encode();
		let model: ModelInfo = Model::decode(&mut &bytes[..]).unwrap().into();
		let body = ModelBody::First { config: CONFIG, trunk };
		let parts = Vec::new();
		let expected =
			ModelInfo { id: 7, name: b"tiny".to_vec(), body, version, generation: 9, parts, heads };
		assert_eq!(model, expected);
		assert!(ModelInfo::decode(&mut &bytes[..]).is_err(), "it is not a model as they are now");
	}
}
