//! Settings of a growth, and the architecture that they lead to.

use super::slot::Slot;
use blyan_exact::definition2::{Architecture, ArchitectureError, FeedForward, LayerShape, Network, Routing};
use serde::{Deserialize, Serialize};
use std::{fmt, ops::Range};

/// Factors of hidden layers: doublings, each of which keeps every bit.
const FACTORS: [u32; 4] = [2, 4, 8, 16];
/// Largest share of codes that are moved, in parts per million.
pub const SHARE_MAX: u32 = 1_000_000;

/// Settings of a growth. Several of them are one step, applied in this order: retiring, deepening, widening, experts, top-k, context.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Growth {
	/// Experts of the old model that go, with their rows of the router; in copies of their layers too.
	#[serde(default, skip_serializing_if = "Vec::is_empty")]
	pub retire: Vec<Slot>,
	/// Layers behind each of which a copy is inserted that adds nothing to the stream, counted from 0.
	#[serde(default, skip_serializing_if = "Vec::is_empty")]
	pub deepen: Vec<u8>,
	/// Factor by which hidden layers of feed-forward networks become wider: 2, 4, 8 or 16.
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub widen: Option<u32>,
	/// Experts that are added to each routed layer.
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub add_experts: Option<u16>,
	/// Experts that a token is routed to.
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub top_k: Option<u8>,
	/// Longest sequence in positions.
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub context: Option<u32>,
	/// Layers of the old model that are widened and get experts, with their copies; all if absent.
	#[serde(default, skip_serializing_if = "Option::is_none")]
	pub layers: Option<Range<u8>>,
	/// Share of an added expert's codes that are moved by one step, in parts per million.
	#[serde(default)]
	pub noise_ppm: u32,
	/// Share of the codes of its row in the router that are moved by one step, in parts per million.
	#[serde(default)]
	pub router_noise_ppm: u32,
	/// Seed of all random numbers.
	#[serde(default)]
	pub seed: u64,
}

/// Reason why settings are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrowthError {
	/// Nothing changes.
	#[error("nothing grows: name one of retiring, deepening, widening, experts, top-k and context")]
	Nothing,
	/// There are no such layers.
	#[error("layers {}..{}: the model has {count}, counted from 0", .layers.start, .layers.end)]
	Layers {
		/// Layers asked for.
		layers: Range<u8>,
		/// Layers of the model.
		count: usize,
	},
	/// There is no such expert, or it is named twice.
	#[error(
		"expert {0} cannot be retired: the model has no such expert, counted from 0, or it is named twice"
	)]
	Retired(Slot),
	/// A layer would have no expert.
	#[error("all experts of layer {0} are retired: keep one at least")]
	NoneLeft(u8),
	/// There is no layer to insert a copy behind.
	#[error("there is no layer {layer} to insert a copy behind: the model has {count}, counted from 0")]
	Layer {
		/// Layer asked for.
		layer: u8,
		/// Layers of the model.
		count: usize,
	},
	/// The factor is none that keeps every bit.
	#[error("wider by a factor of {0}: choose 2, 4, 8 or 16, because each doubling keeps every bit")]
	Factor(u32),
	/// None of the layers has experts.
	#[error("none of these layers has experts: make some with `blyan model upcycle`")]
	NoRouter,
	/// There are too many experts, or none are added.
	#[error("{added} experts beside the {experts} of layer {layer}: add at least one, up to 1024 in all")]
	Experts {
		/// Layer.
		layer: u8,
		/// Experts that it has.
		experts: u16,
		/// Experts asked for.
		added: u16,
	},
	/// A token cannot be routed to so many experts.
	#[error(
		"top-k {top_k} of the {experts} experts of layer {layer}: choose 1 to 16, and no more than there are experts"
	)]
	TopK {
		/// Layer.
		layer: u8,
		/// Experts of the layer, the added ones included and the retired ones not.
		experts: u16,
		/// Experts of a token.
		top_k: u8,
	},
	/// The context does not grow.
	#[error("a context of {context}: the model has {present}, choose more, up to 131072")]
	Context {
		/// Context asked for.
		context: u32,
		/// Context of the model.
		present: u32,
	},
	/// A share is above one.
	#[error("a share of {0} parts per million: choose at most one million")]
	Share(u32),
	/// The result would be out of bounds.
	#[error("the grown model is outside of the integer network's bounds: {0}")]
	Architecture(#[from] ArchitectureError),
}

/// Origin of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
	/// Layer of the old model.
	pub layer: u8,
	/// It is a copy that was inserted behind that layer.
	pub is_inserted: bool,
}

/// Architecture of a grown model, and where its layers come from.
#[derive(Clone, Debug)]
pub struct Plan {
	/// Architecture of the new model.
	pub architecture: Architecture,
	/// Origin of each layer.
	pub origins: Vec<Origin>,
}

impl Growth {
	/// Returns the architecture of the grown model.
	pub fn plan(&self, parent: &Architecture) -> Result<Plan, GrowthError> {
		self.ensure_sensible(parent)?;
		let mut architecture = parent.clone();
		if let Some(context) = self.context {
			architecture.context = context;
		}
		for (layer, shape) in (0_u8..).zip(&mut architecture.layers) {
			self.retire_from(layer, &mut shape.network);
			if self.applies_to(layer) {
				self.grow_layer(layer, shape)?;
			}
			ensure_chosen(layer, &shape.network)?;
		}
		let origins = self.origins(parent.layers.len());
		let grown = std::mem::take(&mut architecture.layers);
		let copies = origins.iter().filter_map(|origin| grown.get(usize::from(origin.layer)).copied());
		architecture.layers = copies.collect();
		architecture.validate()?;
		Ok(Plan { architecture, origins })
	}

	/// Reports whether a layer of the old model is widened and gets experts.
	pub fn applies_to(&self, layer: u8) -> bool {
		self.layers.as_ref().is_none_or(|layers| layers.contains(&layer))
	}

	/// Returns the doublings of hidden layers.
	pub fn doublings(&self) -> u32 {
		self.widen.map_or(0, u32::trailing_zeros)
	}

	/// Refuses what does not depend on the shape of a layer.
	fn ensure_sensible(&self, parent: &Architecture) -> Result<(), GrowthError> {
		let Self {
			retire,
			deepen,
			widen,
			add_experts,
			top_k,
			context,
			layers,
			noise_ppm,
			router_noise_ppm,
			..
		} = self;
		let is_idle = widen.is_none() && add_experts.is_none() && top_k.is_none() && context.is_none();
		if is_idle && deepen.is_empty() && retire.is_empty() {
			return Err(GrowthError::Nothing);
		}
		self.ensure_retirable(parent)?;
		let count = parent.layers.len();
		if let Some(layers) = layers.clone().filter(|l| l.is_empty() || usize::from(l.end) > count) {
			return Err(GrowthError::Layers { layers, count });
		}
		if let Some(&layer) = deepen.iter().find(|layer| usize::from(**layer) >= count) {
			return Err(GrowthError::Layer { layer, count });
		}
		if let Some(factor) = widen.filter(|factor| !FACTORS.contains(factor)) {
			return Err(GrowthError::Factor(factor));
		}
		if let Some(share) = [*noise_ppm, *router_noise_ppm].into_iter().find(|share| *share > SHARE_MAX) {
			return Err(GrowthError::Share(share));
		}
		if let Some(context) = context.filter(|context| *context <= parent.context) {
			return Err(GrowthError::Context { context, present: parent.context });
		}
		let is_routed = |layer: usize| parent.routing(layer as u8).is_some() && self.applies_to(layer as u8);
		if (add_experts.is_some() || top_k.is_some()) && !(0..count).any(is_routed) {
			return Err(GrowthError::NoRouter);
		}
		Ok(())
	}

	fn grow_layer(&self, layer: u8, shape: &mut LayerShape) -> Result<(), GrowthError> {
		let factor = self.widen.unwrap_or(1);
		// A hidden layer has 65,536 entries at most, and a factor is 16 at most.
		let widened = |network: FeedForward| FeedForward { hidden: network.hidden * factor, ..network };
		match &mut shape.network {
			Network::Dense(network) => *network = widened(*network),
			Network::Routed(routing) => {
				routing.expert = widened(routing.expert);
				routing.shared = routing.shared.map(widened);
				self.grow_routing(layer, routing)?;
			}
		}
		Ok(())
	}

	fn grow_routing(&self, layer: u8, routing: &mut Routing) -> Result<(), GrowthError> {
		if let Some(added) = self.add_experts {
			let experts = routing.experts;
			let sum = experts.checked_add(added).filter(|sum| added > 0 && *sum <= 1_024);
			routing.experts = sum.ok_or(GrowthError::Experts { layer, experts, added })?;
		}
		if let Some(top_k) = self.top_k {
			if !(1..=16).contains(&top_k) {
				return Err(GrowthError::TopK { layer, experts: routing.experts, top_k });
			}
			routing.top_k = top_k;
		}
		Ok(())
	}

	/// Returns the origin of each layer: every layer of the old model, and the copies behind it.
	fn origins(&self, count: usize) -> Vec<Origin> {
		let of_layer = |layer: usize| {
			let layer = layer as u8;
			let copies = self.deepen.iter().filter(|own| **own == layer).count();
			(0..=copies).map(move |copy| Origin { layer, is_inserted: copy > 0 })
		};
		(0..count).flat_map(of_layer).collect()
	}
}

/// Refuses a layer that routes a token to more experts than it has.
fn ensure_chosen(layer: u8, network: &Network) -> Result<(), GrowthError> {
	match *network {
		Network::Routed(Routing { experts, top_k, .. }) if u16::from(top_k) > experts => {
			Err(GrowthError::TopK { layer, experts, top_k })
		}
		_ => Ok(()),
	}
}

impl fmt::Display for Growth {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let mut steps = Vec::new();
		if !self.retire.is_empty() {
			let slots: Vec<String> = self.retire.iter().map(Slot::to_string).collect();
			steps.push(format!("without experts {}", slots.join(", ")));
		}
		if !self.deepen.is_empty() {
			let layers: Vec<String> = self.deepen.iter().map(u8::to_string).collect();
			steps.push(format!("a silent copy behind layers {}", layers.join(", ")));
		}
		if let Some(factor) = self.widen {
			steps.push(format!("hidden layers {factor} times as wide"));
		}
		if let Some(added) = self.add_experts {
			let Self { noise_ppm, router_noise_ppm, .. } = self;
			steps.push(format!(
				"{added} more experts a layer, noise {noise_ppm} ppm and {router_noise_ppm} ppm in routers"
			));
		}
		if let Some(top_k) = self.top_k {
			steps.push(format!("top {top_k}"));
		}
		if let Some(context) = self.context {
			steps.push(format!("a context of {context}"));
		}
		write!(f, "growing: {}", steps.join("; "))?;
		if let Some(layers) = &self.layers {
			write!(f, "; within layers {}..{}", layers.start, layers.end)?;
		}
		write!(f, "; seed {}", self.seed)
	}
}

/// Returns the origin of each expert of a layer that had `experts` of them: the old expert, and 0, or the number of the copy.
///
/// Copies stand right behind their expert, so that of equal logits those of one expert are chosen one after another.
pub fn expert_origins(experts: u16, added: u16) -> Vec<(u16, u16)> {
	let (all, rest) = (added / experts.max(1), added % experts.max(1));
	let of_expert = |expert: u16| {
		let copies = all + u16::from(expert < rest);
		(0..=copies).map(move |copy| (expert, copy))
	};
	(0..experts).flat_map(of_expert).collect()
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_exact::definition2::golden;
	use proptest::prelude::*;

	#[test]
	fn copies_stand_behind_their_experts() {
		assert_eq!(expert_origins(3, 2), [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]);
		assert_eq!(expert_origins(2, 5), [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2)]);
		assert_eq!(expert_origins(2, 0), [(0, 0), (1, 0)]);
	}

	#[test]
	fn copies_of_layers_stand_behind_their_layers() {
		let architecture = golden::ARCHITECTURES[0].1();
		let growth = Growth { deepen: vec![1, 0, 1], ..Growth::default() };
		let plan = growth.plan(&architecture).unwrap();
		let origins: Vec<(u8, bool)> = plan.origins.iter().map(|o| (o.layer, o.is_inserted)).collect();
		assert_eq!(origins, [(0, false), (0, true), (1, false), (1, true), (1, true)]);
		assert_eq!(plan.architecture.layers.len(), 5);
	}

	#[test]
	fn settings_that_no_model_takes_are_refused_by_name() {
		let dense = golden::ARCHITECTURES[0].1();
		let routed = golden::ARCHITECTURES[4].1();
		let refused = |growth: Growth, parent: &Architecture| growth.plan(parent).unwrap_err();
		let none = Growth::default();
		assert_eq!(refused(none.clone(), &dense), GrowthError::Nothing);
		let layer = Growth { deepen: vec![2], ..none.clone() };
		assert_eq!(refused(layer, &dense), GrowthError::Layer { layer: 2, count: 2 });
		let factor = Growth { widen: Some(3), ..none.clone() };
		assert_eq!(refused(factor, &dense), GrowthError::Factor(3));
		let layers = Growth { widen: Some(2), layers: Some(1..3), ..none.clone() };
		assert_eq!(refused(layers, &dense), GrowthError::Layers { layers: 1..3, count: 2 });
		let experts = Growth { add_experts: Some(4), ..none.clone() };
		assert_eq!(refused(experts, &dense), GrowthError::NoRouter);
		for added in [0, 1_021, u16::MAX] {
			let experts = Growth { add_experts: Some(added), ..none.clone() };
			assert_eq!(refused(experts, &routed), GrowthError::Experts { layer: 0, experts: 4, added });
		}
		let top_k = Growth { top_k: Some(5), ..none.clone() };
		assert_eq!(refused(top_k, &routed), GrowthError::TopK { layer: 0, experts: 4, top_k: 5 });
		let retire = |slots: &[(u8, u16)]| Growth {
			retire: slots.iter().map(|&(layer, expert)| Slot { layer, expert }).collect(),
			..none.clone()
		};
		for (growth, slot) in [
			(retire(&[(0, 4)]), Slot { layer: 0, expert: 4 }),
			(retire(&[(9, 0)]), Slot { layer: 9, expert: 0 }),
			(retire(&[(1, 2), (1, 2)]), Slot { layer: 1, expert: 2 }),
		] {
			assert_eq!(refused(growth, &routed), GrowthError::Retired(slot));
		}
		let slot = Slot { layer: 0, expert: 0 };
		assert_eq!(refused(retire(&[(0, 0)]), &dense), GrowthError::Retired(slot));
		let all = retire(&[(1, 0), (1, 1), (1, 2), (1, 3)]);
		assert_eq!(refused(all, &routed), GrowthError::NoneLeft(1));
		let few = GrowthError::TopK { layer: 0, experts: 1, top_k: 2 };
		assert_eq!(refused(retire(&[(0, 0), (0, 1), (0, 3)]), &routed), few);
		let context = Growth { context: Some(64), ..none.clone() };
		assert_eq!(refused(context, &dense), GrowthError::Context { context: 64, present: 64 });
		let context = Growth { context: Some(131_073), ..none.clone() };
		assert_eq!(refused(context, &dense), GrowthError::Architecture(ArchitectureError::Context(131_073)));
		let share = Growth { widen: Some(2), noise_ppm: 1_000_001, ..none.clone() };
		assert_eq!(refused(share, &dense), GrowthError::Share(1_000_001));
		let deep = Growth { deepen: vec![0; 127], ..none };
		assert_eq!(refused(deep, &dense), GrowthError::Architecture(ArchitectureError::Layers(129)));
	}

	proptest! {
		#[test]
		fn every_expert_has_its_share_of_copies(experts in 1_u16..40, added in 0_u16..200) {
			let origins = expert_origins(experts, added);
			prop_assert_eq!(origins.len(), usize::from(experts + added));
			prop_assert_eq!(origins.iter().filter(|(_, copy)| *copy == 0).count(), usize::from(experts));
			prop_assert!(origins.is_sorted());
			prop_assert!(origins.iter().all(|(expert, copy)| *expert < experts && *copy <= added.div_ceil(experts)));
		}
	}
}
