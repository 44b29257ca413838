//! Expert slots of a model, and the shape of what fills them.

use crate::model::{ArchitectureId, ExpertIndex, LayerIndex};
use alloc::vec::Vec;
use blyan_exact::{definition2::Architecture, ModelConfig};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

/// Layout of a model's expert slots: the number of experts in each layer. Row-major order (layer, then expert) everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slots(pub Vec<u16>);

impl Slots {
	/// Slots of a model of the first definition: as many in every layer.
	pub fn first(config: &ModelConfig) -> Self {
		Self((0..config.layers).map(|_| config.experts).collect())
	}

	/// Slots of a model of the second definition: those of its routed layers.
	pub fn second(architecture: &Architecture) -> Self {
		let layers = 0..u8::try_from(architecture.layers.len()).unwrap_or(u8::MAX);
		Self(layers.map(|layer| architecture.routing(layer).map_or(0, |routing| routing.experts)).collect())
	}

	/// Number of all slots.
	pub fn count(&self) -> u32 {
		self.0.iter().fold(0_u32, |count, experts| count.saturating_add((*experts).into()))
	}

	/// Place of a slot in row-major order; `None` if there is no such slot.
	pub fn index(&self, layer: LayerIndex, expert: ExpertIndex) -> Option<u32> {
		let layer = usize::from(layer);
		self.0.get(layer).filter(|experts| expert < **experts)?;
		let before = self.0.iter().take(layer);
		Some(before.fold(expert.into(), |index: u32, experts| index.saturating_add((*experts).into())))
	}

	/// Slot at a place in row-major order, the inverse of [`Self::index`]; `None` past the last.
	pub fn at(&self, index: u32) -> Option<(LayerIndex, ExpertIndex)> {
		let mut rest = index;
		for (layer, experts) in self.0.iter().enumerate() {
			match rest.checked_sub((*experts).into()) {
				Some(behind) => rest = behind,
				None => return Some((u8::try_from(layer).ok()?, u16::try_from(rest).ok()?)),
			}
		}
		None
	}

	/// All slots in row-major order.
	pub fn iter(&self) -> impl Iterator<Item = (LayerIndex, ExpertIndex)> + '_ {
		let layers = (0..=u8::MAX).zip(&self.0);
		layers.flat_map(|(layer, experts)| (0..*experts).map(move |expert| (layer, expert)))
	}
}

/// Shape that an expert's block must have.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Hash,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
	Serialize,
	Deserialize,
)]
#[scale_info(capture_docs = "always")]
pub enum ExpertShape {
	/// That of every expert of a model of the first definition.
	First(ModelConfig),
	/// That of the experts of a layer of the second definition.
	Second {
		/// The architecture.
		architecture: ArchitectureId,
		/// The layer.
		layer: LayerIndex,
	},
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_exact::definition2::{golden, Part};
	use proptest::prelude::*;

	#[test]
	fn slots_of_the_second_definition_are_those_of_its_expert_parts() {
		for (name, architecture) in golden::ARCHITECTURES {
			let architecture = architecture();
			let slots = Slots::second(&architecture);
			assert_eq!(slots.count(), architecture.experts(), "{name}");
			let parts = architecture.expert_parts().map(|part| match part {
				Part::Expert { layer, expert } => (layer, expert),
				other => panic!("{other:?} is not an expert"),
			});
			assert!(slots.iter().eq(parts), "{name}");
		}
	}

	#[test]
	fn slots_of_the_first_definition_are_those_of_its_configuration() {
		let config =
			ModelConfig { d_model: 64, d_ff: 128, layers: 2, heads: 2, experts: 4, top_k: 2, context: 32 };
		let slots = Slots::first(&config);
		assert_eq!(slots.count(), config.slots());
		for index in 0..config.slots() {
			let slot = config.slot_at(index).unwrap();
			assert_eq!(slots.at(index), Some((slot.layer, slot.expert)));
		}
		assert_eq!((slots.at(8), slots.index(2, 0), slots.index(0, 4)), (None, None, None));
	}

	proptest! {
		#[test]
		fn places_and_slots_are_inverse(experts in prop::collection::vec(0_u16..5, 0..9)) {
			let slots = Slots(experts);
			prop_assert_eq!(slots.iter().count(), slots.count() as usize);
			for (index, (layer, expert)) in (0..).zip(slots.iter()) {
				prop_assert_eq!(slots.at(index), Some((layer, expert)));
				prop_assert_eq!(slots.index(layer, expert), Some(index));
			}
			prop_assert_eq!(slots.at(slots.count()), None);
			for (layer, experts) in (0..).zip(&slots.0) {
				prop_assert_eq!(slots.index(layer, *experts), None);
			}
		}
	}
}
