//! A model of the chain with the shape of its experts, whichever definition it follows.

use crate::failure::{Failure, Kind, Outcome};
use blyan_exact::definition2::Architecture;
use blyan_primitives::{ExpertHead, ExpertSlot, ModelConfig, ModelInfo, Slots};

/// A model as the chain has it now.
#[derive(Debug)]
pub struct ChainModel {
	/// Record of the chain.
	pub info: ModelInfo,
	/// Its architecture, if it follows the second definition.
	architecture: Option<Architecture>,
}

/// Returns the configuration of a model, or says that the command is for models of the first definition only.
pub fn first_config(info: &ModelInfo) -> Outcome<ModelConfig> {
	info.config().copied().ok_or_else(|| {
		Failure::new(format!(
			"model {} follows the second definition, and this command works with models of the first only",
			info.id
		))
		.kind(Kind::Refused)
		.next("see what the model is with: blyan models")
	})
}

impl ChainModel {
	/// Takes what the chain says, and the record of the architecture where the model follows the second definition.
	pub fn new(info: ModelInfo, record: Option<&[u8]>) -> Outcome<Self> {
		let architecture = match info.body.architecture() {
			None => None,
			Some(id) => {
				let record = record.and_then(|record| Architecture::from_bytes(record).ok());
				let unknown = || {
					Failure::new(format!(
						"the chain has no record of architecture {id:?}, which model {} has",
						info.id
					))
					.kind(Kind::Outdated)
					.next("ask another node with --url; this one's runtime may be of another release")
				};
				Some(record.ok_or_else(unknown)?)
			}
		};
		Ok(Self { info, architecture })
	}

	/// Returns the architecture of a model of the second definition.
	pub fn architecture(&self) -> Option<&Architecture> {
		self.architecture.as_ref()
	}

	/// Returns the layout of the expert slots.
	pub fn slots(&self) -> Slots {
		match (&self.architecture, self.info.config()) {
			(Some(architecture), _) => Slots::second(architecture),
			(None, Some(config)) => Slots::first(config),
			// A model has one or the other.
			(None, None) => Slots::default(),
		}
	}

	/// Returns the expert that fills a slot now.
	pub fn head(&self, slot: ExpertSlot) -> Outcome<ExpertHead> {
		let index = self.slots().index(slot.layer, slot.expert);
		index.and_then(|index| self.info.heads.get(index as usize).copied()).ok_or_else(|| {
			Failure::new(format!("model {} has no expert {}.{}", slot.model, slot.layer, slot.expert))
				.next(format!("list them with: blyan experts --model {}", slot.model))
		})
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_exact::definition2::{golden, model::architecture_hash};
	use blyan_primitives::{BlobRef, BlockRef, ModelBody, ModelVersion};
	use sp_core::H256;

	fn info(architecture: &Architecture) -> ModelInfo {
		let blob = BlobRef { hash: H256::zero(), size: 1 };
		let head = |version| ExpertHead { version, block: BlockRef { tensor_root: H256::zero(), blob } };
		let body =
			ModelBody::Second { architecture: H256(architecture_hash(architecture)), parts: H256::zero() };
		ModelInfo {
			id: 3,
			name: b"open".to_vec(),
			body,
			version: ModelVersion { major: 1, minor: 0, patch: 0 },
			generation: 0,
			parts: Vec::new(),
			heads: (0..architecture.experts()).map(head).collect(),
		}
	}

	#[test]
	fn slots_of_an_open_model_follow_from_its_architecture() {
		let (_, architecture) = golden::ARCHITECTURES.iter().find(|(name, _)| *name == "olmoe").unwrap();
		let architecture = architecture();
		let model = ChainModel::new(info(&architecture), Some(&architecture.to_bytes())).unwrap();
		let slot = |layer, expert| ExpertSlot { model: 3, layer, expert };
		let experts = architecture.routing(0).unwrap().experts;
		assert_eq!(model.head(slot(1, 0)).unwrap().version, u32::from(experts));
		assert!(model.head(slot(0, experts)).unwrap_err().message.contains("has no expert"));
		assert!(first_config(&model.info).unwrap_err().message.contains("second definition"));
		assert!(ChainModel::new(info(&architecture), None).is_err());
	}
}
