//! Settings of an upcycling, and the architecture that they lead to.

use blyan_exact::definition2::{Architecture, ArchitectureError, Network, Routing, WeightKind};
use serde::{Deserialize, Serialize};
use std::ops::{Range, RangeInclusive};

/// Experts of a layer.
const EXPERTS: RangeInclusive<u16> = 1..=1_024;
/// Experts of a token.
const TOP_K: RangeInclusive<u8> = 1..=16;
/// Ranks of adapters. The definition has smaller ones, which learn next to nothing.
const RANKS: RangeInclusive<u8> = 4..=64;

/// Settings of an upcycling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upcycling {
	/// Layers that become routed ones, counted from 0.
	pub layers: Range<u8>,
	/// Experts of each of them.
	pub experts: u16,
	/// Experts that a token is routed to.
	pub top_k: u8,
	/// Rank of the experts' adapters; `None` for full copies of the layer's network.
	pub rank: Option<u8>,
}

/// Reason why settings are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
	/// There are no such layers.
	#[error(
		"layers {}..{} of a model of {count}: name a range within 0..{count}, its end not included", .layers.start, .layers.end
	)]
	Layers {
		/// Layers asked for.
		layers: Range<u8>,
		/// Layers of the model.
		count: usize,
	},
	/// A layer has a router.
	#[error("layer {0} is routed already: choose dense layers")]
	Routed(u8),
	/// The number of experts is out of range.
	#[error("{0} experts a layer: choose 1 to 1024")]
	Experts(u16),
	/// A token cannot be routed to so many experts.
	#[error("top-k {top_k} of {experts} experts: choose 1 to 16, and no more than there are experts")]
	TopK {
		/// Experts of a token.
		top_k: u8,
		/// Experts of a layer.
		experts: u16,
	},
	/// The rank is out of range.
	#[error("adapters of rank {0}: choose 4 to 64")]
	Rank(u8),
	/// The result would be out of bounds.
	#[error("the upcycled model is outside of the integer network's bounds: {0}")]
	Architecture(#[from] ArchitectureError),
}

impl Upcycling {
	/// Returns the architecture of the upcycled model.
	pub fn architecture(&self, parent: &Architecture) -> Result<Architecture, SettingsError> {
		let &Self { ref layers, experts, top_k, rank } = self;
		let count = parent.layers.len();
		if layers.is_empty() || usize::from(layers.end) > count {
			return Err(SettingsError::Layers { layers: layers.clone(), count });
		}
		if !EXPERTS.contains(&experts) {
			return Err(SettingsError::Experts(experts));
		}
		if !TOP_K.contains(&top_k) || u16::from(top_k) > experts {
			return Err(SettingsError::TopK { top_k, experts });
		}
		if let Some(rank) = rank.filter(|rank| !RANKS.contains(rank)) {
			return Err(SettingsError::Rank(rank));
		}
		let mut architecture = parent.clone();
		for layer in layers.clone() {
			let shape = &mut architecture.layers[usize::from(layer)];
			let Network::Dense(expert) = shape.network else { return Err(SettingsError::Routed(layer)) };
			shape.network = Network::Routed(Routing {
				experts,
				top_k,
				// Gates that add up to one make copies of a network the network itself.
				normalised: true,
				router: WeightKind::Int8,
				expert,
				shared: None,
				adapter_rank: rank,
			});
		}
		architecture.validate()?;
		Ok(architecture)
	}
}
