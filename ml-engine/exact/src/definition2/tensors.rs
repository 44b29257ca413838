//! Tensors of a model: their names, the parts that hold them, and the shapes that follow from the architecture.

use super::{
	adapter::SHIFT_MAX,
	architecture::{Architecture, FeedForward, Network, QkNorm, Routing, WeightKind},
};
use alloc::vec::Vec;

/// Part of a model: what is stored, committed to and replaced as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
	/// The embedding and the rotary frequencies.
	Embedding,
	/// Everything of a layer but its routed experts.
	Layer(u8),
	/// A routed expert.
	Expert {
		/// Its layer.
		layer: u8,
		/// Its index in that layer.
		expert: u16,
	},
	/// The output norm, and the head's matrix unless the embedding serves as head.
	Head,
}

/// Name of a tensor within its part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
	/// Matrix `[vocabulary, d_model]`.
	Embedding,
	/// Turns a position of each pair of a head.
	Frequencies,
	/// Gain in front of the attention.
	AttentionGain,
	/// Query projection.
	Query,
	/// Bias of the queries, Q12.
	QueryBias,
	/// Key projection.
	Key,
	/// Bias of the keys, Q12.
	KeyBias,
	/// Value projection.
	Value,
	/// Bias of the values, Q12.
	ValueBias,
	/// Gain of the queries' norm.
	QueryGain,
	/// Gain of the keys' norm.
	KeyGain,
	/// Gain of the sub-norm in front of the output projection.
	OutputGain,
	/// Output projection.
	Output,
	/// Gain in front of the feed-forward network or the router.
	FeedForwardGain,
	/// Router; its scale carries log2(e).
	Router,
	/// Gate projection of a dense layer's network, of an expert, of the shared network, or of adapters' base.
	Gate,
	/// Up projection.
	Up,
	/// Gain of the hidden layer's sub-norm.
	HiddenGain,
	/// Down projection.
	Down,
	/// Gain in front of the head.
	HeadGain,
	/// The head; its scale carries log2(e). Of a tied head, only the scale is stored.
	Head,
	/// First matrix of an expert's adapter of the gate projection, `[rank, d_model]`.
	GateIn,
	/// Second matrix of the same, `[hidden, rank]`.
	GateOut,
	/// First matrix of the adapter of the up projection, `[rank, d_model]`.
	UpIn,
	/// Second matrix of the same, `[hidden, rank]`.
	UpOut,
	/// First matrix of the adapter of the down projection, `[rank, hidden]`.
	DownIn,
	/// Second matrix of the same, `[d_model, rank]`.
	DownOut,
}

impl Name {
	/// Returns the two matrices of the adapter of a projection, in the order in which they are applied; `None` for a
	/// tensor that has no adapters.
	pub fn adapter(self) -> Option<(Self, Self)> {
		match self {
			Self::Gate => Some((Self::GateIn, Self::GateOut)),
			Self::Up => Some((Self::UpIn, Self::UpOut)),
			Self::Down => Some((Self::DownIn, Self::DownOut)),
			_ => None,
		}
	}

	/// Returns the largest shift that codes of this name may carry: that of an adapter stands at its first matrix.
	pub fn shift_max(self) -> u8 {
		match self {
			Self::GateIn | Self::UpIn | Self::DownIn => SHIFT_MAX,
			_ => 0,
		}
	}
}

/// A tensor of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tensor {
	/// Part that holds it.
	pub part: Part,
	/// Its name there.
	pub name: Name,
}

/// Shape of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TensorShape {
	/// A matrix: codes, factors, one [`Real`](super::Real) and a peak.
	Matrix {
		/// Storage of its weights.
		kind: WeightKind,
		/// Outputs.
		rows: usize,
		/// Inputs.
		cols: usize,
	},
	/// A gain: entries and one [`Real`](super::Real).
	Gain(usize),
	/// A bias: `i32` entries.
	Bias(usize),
	/// Frequencies: `u64` entries.
	Frequencies(usize),
	/// The scale of a tied head: one [`Real`](super::Real).
	Scale,
	/// A matrix of an adapter: codes of 8 bits, and a shift at the first matrix of a pair.
	Codes {
		/// Outputs.
		rows: usize,
		/// Inputs.
		cols: usize,
	},
}

impl Architecture {
	/// Returns the tensors of a part in their canonical order; empty if the model has no such part.
	pub fn tensors(&self, part: Part) -> Vec<(Name, TensorShape)> {
		let d = usize::from(self.d_model);
		match part {
			Part::Embedding => Vec::from([
				(Name::Embedding, matrix(self.embedding, self.vocabulary as usize, d)),
				(Name::Frequencies, TensorShape::Frequencies(usize::from(self.head_size) / 2)),
			]),
			Part::Layer(layer) => self.layer_tensors(layer),
			Part::Expert { layer, expert } => match self.routing(layer) {
				Some(routing) if expert < routing.experts => self.expert_tensors(routing),
				_ => Vec::new(),
			},
			Part::Head => Vec::from([
				(Name::HeadGain, TensorShape::Gain(d)),
				match self.head {
					Some(kind) => (Name::Head, matrix(kind, self.vocabulary as usize, d)),
					None => (Name::Head, TensorShape::Scale),
				},
			]),
		}
	}

	fn layer_tensors(&self, layer: u8) -> Vec<(Name, TensorShape)> {
		use TensorShape::{Bias, Gain};
		let Some(shape) = self.layers.get(usize::from(layer)) else { return Vec::new() };
		let (d, width, kv) = (usize::from(self.d_model), self.attention_width(), self.kv_width());
		let mut all = Vec::from([(Name::AttentionGain, Gain(d))]);
		all.push((Name::Query, matrix(shape.query, width, d)));
		all.push((Name::Key, matrix(shape.key, kv, d)));
		all.push((Name::Value, matrix(shape.value, kv, d)));
		if self.biases {
			all.extend([
				(Name::QueryBias, Bias(width)),
				(Name::KeyBias, Bias(kv)),
				(Name::ValueBias, Bias(kv)),
			]);
		}
		let normed = match self.qk_norm {
			QkNorm::None => None,
			QkNorm::PerHead => Some((usize::from(self.head_size), usize::from(self.head_size))),
			QkNorm::Whole => Some((width, kv)),
		};
		if let Some((query, key)) = normed {
			all.extend([(Name::QueryGain, Gain(query)), (Name::KeyGain, Gain(key))]);
		}
		if self.sub_norms {
			all.push((Name::OutputGain, Gain(width)));
		}
		all.push((Name::Output, matrix(shape.output, d, width)));
		all.push((Name::FeedForwardGain, Gain(d)));
		match &shape.network {
			Network::Dense(network) => all.extend(self.network_tensors(network)),
			Network::Routed(routing) => {
				all.push((Name::Router, matrix(routing.router, routing.experts.into(), d)));
				let base = routing.adapter_rank.and(Some(&routing.expert));
				let network = base.or(routing.shared.as_ref());
				all.extend(network.into_iter().flat_map(|network| self.network_tensors(network)));
			}
		}
		all
	}

	/// Returns the tensors of a routed expert: a network of its own, or adapters of the one that the layer has.
	fn expert_tensors(&self, routing: &Routing) -> Vec<(Name, TensorShape)> {
		let Some(rank) = routing.adapter_rank else { return self.network_tensors(&routing.expert) };
		let (d, hidden) = (usize::from(self.d_model), routing.expert.hidden as usize);
		let codes = |rows, cols| TensorShape::Codes { rows, cols };
		let rank = usize::from(rank);
		Vec::from([
			(Name::GateIn, codes(rank, d)),
			(Name::GateOut, codes(hidden, rank)),
			(Name::UpIn, codes(rank, d)),
			(Name::UpOut, codes(hidden, rank)),
			(Name::DownIn, codes(rank, hidden)),
			(Name::DownOut, codes(d, rank)),
		])
	}

	/// Returns the tensors of a feed-forward network in their canonical order.
	pub fn network_tensors(&self, network: &FeedForward) -> Vec<(Name, TensorShape)> {
		let (d, hidden) = (usize::from(self.d_model), network.hidden as usize);
		let mut all = Vec::from([
			(Name::Gate, matrix(network.gate, hidden, d)),
			(Name::Up, matrix(network.up, hidden, d)),
		]);
		if self.sub_norms {
			all.push((Name::HiddenGain, TensorShape::Gain(hidden)));
		}
		all.push((Name::Down, matrix(network.down, d, hidden)));
		all
	}

	/// Returns the shape of a tensor; `None` if the model has no such tensor.
	pub fn tensor_shape(&self, tensor: Tensor) -> Option<TensorShape> {
		let tensors = self.tensors(tensor.part);
		tensors.into_iter().find(|(name, _)| *name == tensor.name).map(|(_, shape)| shape)
	}

	/// Returns all parts but the experts, in the order in which a model's root lists them.
	pub fn parts(&self) -> Vec<Part> {
		let layers = (0..self.layers.len()).map(|layer| Part::Layer(layer as u8));
		[Part::Embedding].into_iter().chain(layers).chain([Part::Head]).collect()
	}

	/// Returns all routed experts, layer by layer.
	pub fn expert_parts(&self) -> impl Iterator<Item = Part> + '_ {
		let layers = (0..self.layers.len()).map(|layer| layer as u8);
		layers.flat_map(|layer| {
			let experts = self.routing(layer).map_or(0, |routing| routing.experts);
			(0..experts).map(move |expert| Part::Expert { layer, expert })
		})
	}
}

fn matrix(kind: WeightKind, rows: usize, cols: usize) -> TensorShape {
	TensorShape::Matrix { kind, rows, cols }
}
