//! Layers behind a slot, on the tape: the way of a gradient from the head to the slot.

#[cfg(test)]
mod tests;

use super::{
	attention::Positions,
	floats::{constant, norm_of, tensor_of},
	later::{HeadShape, LaterLayer},
	mixture::FeedForward,
	slot::Slot,
};
use crate::ops::{round_straight, FrozenNorm, TrainBackend};
use burn::{
	backend::Autodiff,
	tensor::{backend::Backend, Tensor, TensorData},
};

/// Keeps a row of zeros from dividing by zero.
const TINY: f32 = 1e-24;

/// Layers behind a slot.
pub(crate) struct Suffix<B: Backend> {
	layers: Vec<Layer<B>>,
	shape: HeadShape,
	device: B::Device,
}

/// A layer.
struct Layer<B: Backend> {
	norm: FrozenNorm<B>,
	/// Query, key, value.
	projections: [Tensor<B, 2>; 3],
	biases: [Option<Tensor<B, 2>>; 3],
	/// Gains of queries and keys. `[1, head_size]`, or `[1, heads * head_size]`
	head_gains: [Option<Tensor<B, 2>>; 2],
	eps: f32,
	/// Norm of the attention's output; without one it is rounded to these steps.
	sub_norm: Option<FrozenNorm<B>>,
	output_steps: f32,
	output: Tensor<B, 2>,
	feed_forward_norm: FrozenNorm<B>,
	feed_forward: FeedForward<B>,
}

impl<B: TrainBackend> Suffix<B> {
	/// Takes the layers behind a slot.
	pub(crate) fn new(slot: &Slot, device: &B::Device) -> Self {
		let layers = slot.later.iter().map(|layer| Layer::new(layer, slot, device)).collect();
		Self { layers, shape: slot.shape.clone(), device: device.clone() }
	}

	/// Returns whether the slot is in the last layer.
	pub(crate) fn is_empty(&self) -> bool {
		self.layers.is_empty()
	}

	/// Takes the residual stream of one sequence, whole and from position 0 on, through all layers. `stream`, output:
	/// `[positions, d_model]`
	pub(crate) fn run(&self, stream: Tensor<Autodiff<B>, 2>) -> Tensor<Autodiff<B>, 2> {
		if self.is_empty() {
			return stream;
		}
		let positions = Positions::new(&self.shape, stream.dims()[0], &self.device);
		self.layers.iter().fold(stream, |stream, layer| layer.run(stream, &positions))
	}
}

impl<B: TrainBackend> Layer<B> {
	fn new(layer: &LaterLayer, slot: &Slot, device: &B::Device) -> Self {
		let row = |values: &Vec<f32>| {
			Tensor::<B, 2>::from_data(TensorData::new(values.clone(), [1, values.len()]), device)
		};
		let norm = |gain: &[f32], steps: f32| norm_of(gain, slot.eps, steps, device);
		Self {
			norm: norm(&layer.attention_gain, slot.input_steps),
			projections: layer.projections.each_ref().map(|of| tensor_of(of, device)),
			biases: layer.biases.each_ref().map(|bias| bias.as_ref().map(row)),
			head_gains: layer.head_gains.each_ref().map(|gain| gain.as_ref().map(row)),
			eps: slot.eps,
			sub_norm: layer.output_gain.as_deref().map(|gain| norm(gain, slot.output_steps)),
			output_steps: slot.output_steps,
			output: tensor_of(&layer.output, device),
			feed_forward_norm: norm(&layer.feed_forward_gain, slot.input_steps),
			feed_forward: FeedForward::new(&layer.network, slot, device),
		}
	}

	fn run(&self, stream: Tensor<Autodiff<B>, 2>, positions: &Positions<B>) -> Tensor<Autodiff<B>, 2> {
		let input = B::rms_quant(stream.clone(), &self.norm);
		let [query, key, value] = [0, 1, 2].map(|index| self.project(index, input.clone()));
		let (query, key) = (self.normalise(0, query), self.normalise(1, key));
		let mixed = positions.attend(query, key, value);
		let mixed = match &self.sub_norm {
			Some(norm) => B::rms_quant(mixed, norm),
			None => round_straight(mixed, self.output_steps),
		};
		let stream = B::project(mixed, constant(self.output.clone()), Some(stream));
		let input = B::rms_quant(stream.clone(), &self.feed_forward_norm);
		stream + self.feed_forward.run(input)
	}

	/// Computes queries, keys or values.
	fn project(&self, index: usize, input: Tensor<Autodiff<B>, 2>) -> Tensor<Autodiff<B>, 2> {
		let product = B::project(input, constant(self.projections[index].clone()), None);
		match &self.biases[index] {
			Some(bias) => product + constant(bias.clone()),
			None => product,
		}
	}

	/// Normalises queries or keys, where the model does.
	fn normalise(&self, index: usize, rows: Tensor<Autodiff<B>, 2>) -> Tensor<Autodiff<B>, 2> {
		let Some(gain) = &self.head_gains[index] else { return rows };
		let ([count, width], long) = (rows.dims(), gain.dims()[1]);
		let rows = rows.reshape([count * width / long, long]);
		let mean_square = (rows.clone() * rows.clone()).mean_dim(1);
		let inverse = mean_square.add_scalar(self.eps + TINY).sqrt().recip();
		(rows * inverse * constant(gain.clone())).reshape([count, width])
	}
}
