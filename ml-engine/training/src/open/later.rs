//! Layers behind a slot in floats: what gradients pass through, and no update changes.

use super::floats::{self, Frozen};
use blyan_exact::definition2::{Architecture, Name, Network, Part, PartTensors, Routing};

/// A frozen feed-forward network.
#[derive(Clone, Debug)]
pub(crate) struct FrozenNetwork {
	/// Gate, up, down.
	pub(crate) projections: [Frozen; 3],
	/// Gain of the hidden layer's sub-norm.
	pub(crate) hidden_gain: Option<Vec<f32>>,
}

/// Experts of a layer.
#[derive(Clone, Debug)]
pub(crate) enum LaterExperts {
	/// Networks of their own.
	Networks(Vec<FrozenNetwork>),
	/// Adapters of one network: of each expert the first and the second matrix of gate, up and down.
	Adapters { base: FrozenNetwork, adapters: Vec<[Frozen; 6]> },
}

/// Second half of a layer.
#[derive(Clone, Debug)]
pub(crate) enum LaterNetwork {
	/// One network for every token.
	Dense(FrozenNetwork),
	/// Networks that a router chooses from.
	Routed {
		/// Router, with natural logits.
		router: Frozen,
		top_k: usize,
		/// The gates of the chosen add up to one.
		is_normalised: bool,
		experts: Box<LaterExperts>,
		/// Network that every token passes besides.
		shared: Option<FrozenNetwork>,
	},
}

/// A layer.
#[derive(Clone, Debug)]
pub(crate) struct LaterLayer {
	pub(crate) attention_gain: Vec<f32>,
	/// Query, key, value.
	pub(crate) projections: [Frozen; 3],
	/// Their biases.
	pub(crate) biases: [Option<Vec<f32>>; 3],
	/// Gains of the norms of queries and keys: as long as a head, or as all of them.
	pub(crate) head_gains: [Option<Vec<f32>>; 2],
	/// Gain of the attention's sub-norm.
	pub(crate) output_gain: Option<Vec<f32>>,
	pub(crate) output: Frozen,
	pub(crate) feed_forward_gain: Vec<f32>,
	pub(crate) network: LaterNetwork,
}

/// Heads of attention, the same in every layer.
#[derive(Clone, Debug)]
pub(crate) struct HeadShape {
	pub(crate) heads: usize,
	pub(crate) kv_heads: usize,
	pub(crate) head_size: usize,
	/// Angles by which a pair turns from one position to the next, 2^64 being one turn. `[head_size / 2]`
	pub(crate) frequencies: Vec<u64>,
}

/// Lists the parts of the layers behind one.
pub(crate) fn parts_behind(architecture: &Architecture, layer: u8) -> Vec<Part> {
	let mut parts = Vec::new();
	for later in (usize::from(layer) + 1)..architecture.layers.len() {
		// At most 128 layers.
		let later = later as u8;
		parts.push(Part::Layer(later));
		let experts = architecture.routing(later).map_or(0, |routing| routing.experts);
		parts.extend((0..experts).map(|expert| Part::Expert { layer: later, expert }));
	}
	parts
}

impl LaterLayer {
	/// Reads a layer; `part` finds the parts of its model. `None` if one of them lacks a tensor.
	pub(crate) fn read<'a>(
		architecture: &Architecture,
		layer: u8,
		part: impl Fn(Part) -> Option<&'a PartTensors<'a>>,
	) -> Option<Self> {
		let own = part(Part::Layer(layer))?;
		let frozen = |name| own.matrix(name).as_ref().map(Frozen::of);
		let gain = |name| own.gain(name).map(floats::gain);
		let bias = |name| own.bias(name).map(floats::bias);
		let network = match architecture.layers.get(usize::from(layer))?.network {
			Network::Dense(_) => LaterNetwork::Dense(FrozenNetwork::read(own)?),
			Network::Routed(routing) => routed(layer, routing, own, part)?,
		};
		Some(Self {
			attention_gain: gain(Name::AttentionGain)?,
			projections: [frozen(Name::Query)?, frozen(Name::Key)?, frozen(Name::Value)?],
			biases: [bias(Name::QueryBias), bias(Name::KeyBias), bias(Name::ValueBias)],
			head_gains: [gain(Name::QueryGain), gain(Name::KeyGain)],
			output_gain: gain(Name::OutputGain),
			output: frozen(Name::Output)?,
			feed_forward_gain: gain(Name::FeedForwardGain)?,
			network,
		})
	}
}

fn routed<'a>(
	layer: u8,
	routing: Routing,
	own: &PartTensors<'_>,
	part: impl Fn(Part) -> Option<&'a PartTensors<'a>>,
) -> Option<LaterNetwork> {
	let experts = (0..routing.experts).map(|expert| part(Part::Expert { layer, expert }));
	let experts = match routing.adapter_rank {
		Some(_) => LaterExperts::Adapters {
			base: FrozenNetwork::read(own)?,
			adapters: experts.map(|expert| adapters(own, expert?)).collect::<Option<_>>()?,
		},
		None => {
			LaterExperts::Networks(experts.map(|expert| FrozenNetwork::read(expert?)).collect::<Option<_>>()?)
		}
	};
	let shared = match routing.shared {
		Some(_) => Some(FrozenNetwork::read(own)?),
		None => None,
	};
	let router = own.matrix(Name::Router)?;
	let (rows, columns) = (router.rows, router.cols);
	Some(LaterNetwork::Routed {
		router: Frozen { weights: floats::head(&router), rows, columns },
		top_k: routing.top_k.into(),
		is_normalised: routing.normalised,
		experts: Box::new(experts),
		shared,
	})
}

/// Reads the adapters of an expert; `base` is the part of the network that it stands on.
fn adapters(base: &PartTensors<'_>, expert: &PartTensors<'_>) -> Option<[Frozen; 6]> {
	let pair = |name| Some(Frozen::of_adapter(&base.matrix(name)?, &expert.adapter(name)?));
	let ([a, b], [c, d], [e, f]) = (pair(Name::Gate)?, pair(Name::Up)?, pair(Name::Down)?);
	Some([a, b, c, d, e, f])
}

impl FrozenNetwork {
	fn read(part: &PartTensors<'_>) -> Option<Self> {
		let frozen = |name| part.matrix(name).as_ref().map(Frozen::of);
		Some(Self {
			projections: [frozen(Name::Gate)?, frozen(Name::Up)?, frozen(Name::Down)?],
			hidden_gain: part.gain(Name::HiddenGain).map(floats::gain),
		})
	}
}
