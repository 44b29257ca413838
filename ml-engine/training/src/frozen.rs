//! Frozen part of the model, while one expert is trained.

use super::{
	network::{Network, Routed},
	ops::{ExpertWeights, Routing, TrainBackend},
};
use blyan_exact::{ModelConfig, SlotIndex};
use burn::{
	backend::Autodiff,
	tensor::{backend::Backend, Int, Tensor, TensorData},
};

/// The part of a step that does not depend on the expert's weights.
#[derive(Clone)]
pub(super) struct Frozen<B: Backend> {
	/// Residual stream with everything but the expert's contribution. `[tokens, d_model]`.
	stream: Tensor<B, 2>,
	/// Input of the expert. `[tokens, d_model]`.
	input: Tensor<B, 2>,
	/// Gates of all places. `[tokens, top_k]`.
	gates: Tensor<B, 2>,
	/// Places that chose the expert.
	pub(super) places: Vec<i32>,
	top_k: usize,
	/// The bytes to predict; whole sequences, or in the last layer only those of `places`.
	pub(super) targets: Vec<u8>,
	/// Bytes of text this was computed from.
	pub(super) bytes: usize,
}

/// Returns whether nothing comes after the slot but the head.
pub(super) fn is_last_layer(config: &ModelConfig, slot: SlotIndex) -> bool {
	slot.layer + 1 == config.layers
}

/// Runs the model up to the slot's layer, and that layer's other experts. `None` if no token chose the expert.
///
/// In the last layer only the tokens that chose the expert depend on it; the rest is left out.
pub(super) fn freeze<B: TrainBackend>(
	network: &Network<B>,
	slot: SlotIndex,
	sequences: &[u8],
	tokens: usize,
) -> Option<Frozen<B>> {
	let heads = network.heads(sequences.len() / tokens);
	let mut h = network.embed(sequences, tokens);
	for layer in 0..usize::from(slot.layer) {
		h = network.layer(layer, &heads, h, false).0;
	}
	let layer = usize::from(slot.layer);
	h = network.attend(layer, &heads, h);
	let Routed { input, gates, mut routing, .. } = network.route(layer, h.clone(), false);
	let top_k = routing.top_k;
	let mut places = core::mem::take(&mut routing.chosen[usize::from(slot.expert)]);
	if places.is_empty() {
		return None;
	}
	let others = Routed { input: input.clone(), gates: gates.clone(), routing, balance: None };
	let stream = (h + network.expert_sum(layer, &others)).inner();
	let (input, gates, bytes) = (input.inner(), gates.inner(), sequences.len());
	if !is_last_layer(&network.config, slot) {
		return Some(Frozen { stream, input, gates, places, top_k, targets: sequences.into(), bytes });
	}
	let rows = places.iter().map(|place| place / top_k as i32).collect::<Vec<_>>();
	let targets = rows.iter().map(|row| sequences[*row as usize]).collect();
	let index = Tensor::<B, 1, Int>::from_data(TensorData::new(rows, [places.len()]), &network.device);
	for (row, place) in places.iter_mut().enumerate() {
		*place = (row * top_k) as i32 + *place % top_k as i32;
	}
	Some(Frozen {
		stream: stream.select(0, index.clone()),
		input: input.select(0, index.clone()),
		gates: gates.select(0, index),
		places,
		top_k,
		targets,
		bytes,
	})
}

/// The expert's weights on the tape, quantised.
pub(super) type Leaves<B> = [Tensor<Autodiff<B>, 2>; 3];

/// Computes the sum of the losses of the frozen part's targets, nats.
pub(super) fn loss<B: TrainBackend>(
	network: &Network<B>,
	slot: SlotIndex,
	leaves: &Leaves<B>,
	frozen: &Frozen<B>,
	tokens: usize,
) -> Tensor<Autodiff<B>, 1> {
	let [up, gain, down] = leaves.clone();
	let constant = |tensor: &Tensor<B, 2>| Tensor::<Autodiff<B>, 2>::from_inner(tensor.clone());
	let routing = Routing { chosen: vec![frozen.places.clone()], top_k: frozen.top_k };
	let weights = ExpertWeights { up, gain, down };
	let spoken = B::experts(constant(&frozen.input), weights, constant(&frozen.gates), &routing);
	let mut h = constant(&frozen.stream) + spoken;
	if !is_last_layer(&network.config, slot) {
		let heads = network.heads(frozen.targets.len() / tokens);
		for layer in usize::from(slot.layer) + 1..usize::from(network.config.layers) {
			h = network.layer(layer, &heads, h, false).0;
		}
	}
	network.losses(h, &frozen.targets).sum()
}
