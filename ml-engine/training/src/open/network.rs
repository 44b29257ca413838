//! Expert, what is behind it, and head in floats that only take the values that integers can take.

use super::{floats::constant, slot::Slot, suffix::Suffix, tokens::Tokens};
use crate::ops::{FrozenNorm, GateFunction, TrainBackend};
use burn::{
	backend::Autodiff,
	tensor::{backend::Backend, Tensor, TensorData},
};

/// Tokens whose intermediate numbers stay in a processor's cache.
pub(crate) const TOKENS_AT_ONCE: usize = 128;

/// Matrices of an adapter: first and second of gate, up and down.
pub(crate) type Adapters<B> = [Tensor<B, 2>; 6];

/// Everything behind the input of an expert that no update changes.
pub(crate) struct Network<B: Backend> {
	/// Gate, up, down.
	weights: [Tensor<B, 2>; 3],
	function: GateFunction,
	hidden_steps: f32,
	sub_norm: Option<FrozenNorm<B>>,
	suffix: Suffix<B>,
	output_norm: FrozenNorm<B>,
	head: Tensor<B, 2>,
	device: B::Device,
}

impl<B: TrainBackend> Network<B> {
	/// Takes the weights of a slot.
	pub(crate) fn new(slot: &Slot, device: &B::Device) -> Self {
		let tensor = |values: &[f32], shape: [usize; 2]| {
			Tensor::<B, 2>::from_data(TensorData::new(values.to_vec(), shape), device)
		};
		let norm =
			|gain: &[f32], steps| FrozenNorm { gain: tensor(gain, [1, gain.len()]), eps: slot.eps, steps };
		Self {
			weights: slot.projections.each_ref().map(|of| tensor(&of.weights, [of.rows, of.columns])),
			function: slot.function,
			hidden_steps: slot.hidden_steps,
			sub_norm: slot.sub_gain.as_deref().map(|gain| norm(gain, slot.hidden_steps)),
			suffix: Suffix::new(slot, device),
			output_norm: norm(&slot.output_gain, slot.input_steps),
			head: tensor(&slot.head, [slot.vocabulary, slot.d_model]),
			device: device.clone(),
		}
	}

	/// Returns whether tokens of a sequence depend on each other: through attention in layers behind the slot.
	pub(crate) fn takes_sequences(&self) -> bool {
		!self.suffix.is_empty()
	}

	/// Cuts the tokens of one sequence, or of any where they do not depend on each other, into pieces to be computed one
	/// after the other.
	pub(crate) fn pieces(&self, tokens: &Tokens) -> Vec<Tokens> {
		match self.takes_sequences() {
			true if tokens.len() == 0 => Vec::new(),
			true => vec![tokens.clone()],
			false => tokens.split(TOKENS_AT_ONCE),
		}
	}

	/// Returns the number of tokens whose losses can differ.
	pub(crate) fn counted(&self, tokens: &Tokens) -> usize {
		match self.takes_sequences() {
			true => tokens.len() - tokens.first_seen(),
			false => tokens.len(),
		}
	}

	/// Returns a tensor of rows.
	fn rows(&self, values: &[f32], width: usize) -> Tensor<B, 2> {
		Tensor::from_data(TensorData::new(values.to_vec(), [values.len() / width, width]), &self.device)
	}

	/// Computes one projection: the frozen matrix and its adapter.
	fn project(
		&self,
		index: usize,
		input: Tensor<Autodiff<B>, 2>,
		adapters: &Adapters<Autodiff<B>>,
	) -> Tensor<Autodiff<B>, 2> {
		let [first, second] = [0, 1].map(|i| adapters[2 * index + i].clone());
		let base = B::project(input.clone(), constant(self.weights[index].clone()), None);
		B::project(B::project(input, first, None), second, Some(base))
	}

	/// Computes the expert's output. `inputs`, output: `[tokens, d_model]`
	pub(crate) fn output(
		&self,
		inputs: Tensor<B, 2>,
		adapters: &Adapters<Autodiff<B>>,
	) -> Tensor<Autodiff<B>, 2> {
		let inputs = constant(inputs);
		let (gate, up) = (self.project(0, inputs.clone(), adapters), self.project(1, inputs, adapters));
		let hidden = match &self.sub_norm {
			None => B::gated(self.function, gate, up, Some(self.hidden_steps)),
			Some(norm) => B::rms_quant(B::gated(self.function, gate, up, None), norm),
		};
		self.project(2, hidden, adapters)
	}

	/// Computes each token's loss less the parent's, nats; of a sequence only from the first token on that the expert sees, since
	/// no loss in front of it can differ. `[tokens, 1]`
	pub(crate) fn differences(
		&self,
		tokens: &Tokens,
		adapters: &Adapters<Autodiff<B>>,
	) -> Tensor<Autodiff<B>, 2> {
		let width = tokens.widths.d_model;
		let output = self.output(self.rows(&tokens.inputs, width), adapters);
		let gates = constant(self.rows(&tokens.gates, 1));
		let stream = constant(self.rows(&tokens.streams, width)) + output * gates;
		if !self.takes_sequences() {
			return self.losses(stream, tokens);
		}
		let (first, end) = (tokens.first_seen(), tokens.len());
		let stream = self.suffix.run(stream).narrow(0, first, end - first);
		self.losses(stream, &tokens.slice(first..end))
	}

	fn losses(&self, stream: Tensor<Autodiff<B>, 2>, tokens: &Tokens) -> Tensor<Autodiff<B>, 2> {
		B::sampled_loss(B::rms_quant(stream, &self.output_norm), &self.head, &tokens.sample)
	}

	/// Takes the expert's share out of streams that have it.
	pub(crate) fn subtract(&self, tokens: &mut Tokens, adapters: &Adapters<B>) {
		if tokens.len() == 0 {
			return;
		}
		let width = tokens.widths.d_model;
		let adapters = adapters.clone().map(constant);
		let output = self.output(self.rows(&tokens.inputs, width), &adapters).inner();
		let output = (output * self.rows(&tokens.gates, 1)).into_data();
		tokens.streams.iter_mut().zip(output.iter::<f32>()).for_each(|(h, y)| *h -= y);
	}
}
