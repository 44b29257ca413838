//! The network of `blyan_exact`, in floats that only take the values integers can take.

use super::{
	ops::{int_tensor, ExpertWeights, Heads, Rotary, Routing, TrainBackend},
	weights::{final_gain_index, layer_indices},
};
use blyan_exact::ModelConfig;
use burn::{
	backend::Autodiff,
	tensor::{
		activation::{sigmoid, softmax},
		backend::Backend,
		Tensor, TensorData,
	},
};

/// The weights of one forward pass, already quantised, and the tables that go with them.
#[derive(Clone, Debug)]
pub(crate) struct Network<B: Backend> {
	pub(crate) config: ModelConfig,
	/// In the order of `parameter_specs`.
	pub(crate) weights: Vec<Tensor<Autodiff<B>, 2>>,
	pub(crate) rotary: Rotary<B>,
	pub(crate) device: B::Device,
}

/// Result of a forward pass over a batch.
pub(crate) struct Forward<B: Backend> {
	/// Mean loss, nats per byte. `[1]`.
	pub(crate) loss: Tensor<Autodiff<B>, 1>,
	/// Mean over the layers of the load-balancing loss; 1 if all experts are used alike. `[1]`.
	pub(crate) balance: Option<Tensor<Autodiff<B>, 1>>,
}

/// Routing of a batch in one layer.
pub(crate) struct Routed<B: Backend> {
	/// Input of the experts. `[tokens, d_model]`.
	pub(crate) input: Tensor<Autodiff<B>, 2>,
	/// `[tokens, top_k]`.
	pub(crate) gates: Tensor<Autodiff<B>, 2>,
	/// Experts of each token.
	pub(crate) routing: Routing,
	/// This layer's load-balancing loss.
	pub(crate) balance: Option<Tensor<Autodiff<B>, 1>>,
}

impl<B: TrainBackend> Network<B> {
	/// Builds a network over `weights`, tracked if gradients are wanted.
	pub(crate) fn new(
		config: &ModelConfig,
		weights: &[Tensor<B, 2>],
		rotary: &Rotary<B>,
		tracked: bool,
		device: &B::Device,
	) -> Self {
		let weights = weights
			.iter()
			.map(|weight| {
				let leaf = Tensor::<Autodiff<B>, 2>::from_inner(weight.clone());
				if tracked {
					leaf.require_grad()
				} else {
					leaf
				}
			})
			.collect();
		Self { config: *config, weights, rotary: rotary.clone(), device: device.clone() }
	}

	/// Embeds sequences of `tokens` bytes each; every sequence is shifted by one, behind a zero.
	pub(crate) fn embed(&self, sequences: &[u8], tokens: usize) -> Tensor<Autodiff<B>, 2> {
		let inputs = sequences
			.chunks_exact(tokens)
			.flat_map(|sequence| core::iter::once(0).chain(sequence[..tokens - 1].iter().copied()))
			.collect::<Vec<_>>();
		let index = int_tensor::<Autodiff<B>, 1>(&inputs, [inputs.len()], &self.device);
		self.weights[0].clone().select(0, index)
	}

	/// Returns the layout of the heads of `batch` sequences.
	pub(crate) fn heads(&self, batch: usize) -> Heads<B> {
		Heads::new(&self.rotary, batch, usize::from(self.config.heads))
	}

	/// Computes the residual stream after one layer's attention.
	pub(crate) fn attend(
		&self,
		layer: usize,
		heads: &Heads<B>,
		h: Tensor<Autodiff<B>, 2>,
	) -> Tensor<Autodiff<B>, 2> {
		let at = layer_indices(layer);
		let weight = |i: usize| self.weights[i].clone();
		let x = B::norm_quant(h.clone(), weight(at.attn_gain));
		let qkv = B::project(x, weight(at.qkv), None);
		let mixed = B::attend(qkv, heads);
		let x = B::norm_quant(mixed, weight(at.attn_out_gain));
		B::project(x, weight(at.wo), Some(h))
	}

	/// Normalises for the experts and routes.
	pub(crate) fn route(&self, layer: usize, h: Tensor<Autodiff<B>, 2>, balanced: bool) -> Routed<B> {
		let at = layer_indices(layer);
		let (experts, top_k) = (usize::from(self.config.experts), usize::from(self.config.top_k));
		let input = B::norm_quant(h, self.weights[at.ffn_gain].clone());
		let logits = B::project(input.clone(), self.weights[at.router].clone(), None);
		let tokens = input.dims()[0];
		let values = logits.clone().inner().into_data().iter::<f32>().collect::<Vec<_>>();
		let (routing, picked) = Routing::new(&values, experts, top_k);
		let gates = if top_k == 1 {
			Tensor::ones([tokens, 1], &self.device)
		} else {
			let picked = Tensor::from_data(TensorData::new(picked, [tokens, top_k]), &self.device);
			let best = logits.clone().gather(1, picked);
			let first = sigmoid(best.clone().narrow(1, 0, 1) - best.narrow(1, 1, 1));
			Tensor::cat(vec![first.clone(), first.neg().add_scalar(1.0)], 1)
		};
		let balance = balanced.then(|| {
			// Switch Transformers' loss: the fraction of places an expert takes times its mean probability.
			let places = (tokens * top_k) as f32;
			let share = routing.chosen.iter().map(|chosen| chosen.len() as f32 / places).collect::<Vec<_>>();
			let share = Tensor::from_data(TensorData::new(share, [1, experts]), &self.device);
			(softmax(logits, 1).mean_dim(0) * share).sum().mul_scalar(experts as f32)
		});
		Routed { input, gates, routing, balance }
	}

	/// Computes one layer's experts over routed tokens.
	pub(crate) fn expert_sum(&self, layer: usize, routed: &Routed<B>) -> Tensor<Autodiff<B>, 2> {
		let at = layer_indices(layer);
		let weights = ExpertWeights {
			up: self.weights[at.up].clone(),
			gain: self.weights[at.gain].clone(),
			down: self.weights[at.down].clone(),
		};
		B::experts(routed.input.clone(), weights, routed.gates.clone(), &routed.routing)
	}

	/// Computes the residual stream after one layer, and its routing.
	pub(crate) fn layer(
		&self,
		layer: usize,
		heads: &Heads<B>,
		h: Tensor<Autodiff<B>, 2>,
		balanced: bool,
	) -> (Tensor<Autodiff<B>, 2>, Routed<B>) {
		let h = self.attend(layer, heads, h);
		let routed = self.route(layer, h.clone(), balanced);
		(h + self.expert_sum(layer, &routed), routed)
	}

	/// Computes the losses of every token from the last layer's residual stream, nats. `[tokens, 1]`.
	pub(crate) fn losses(&self, h: Tensor<Autodiff<B>, 2>, sequences: &[u8]) -> Tensor<Autodiff<B>, 2> {
		let gain = final_gain_index(&self.config);
		let x = B::norm_quant(h, self.weights[gain].clone());
		let logits = B::project(x, self.weights[gain + 1].clone(), None);
		B::cross_entropy(logits, sequences)
	}

	/// Computes the mean loss over sequences of `tokens` bytes each.
	pub(crate) fn forward(&self, sequences: &[u8], tokens: usize, balanced: bool) -> Forward<B> {
		let heads = self.heads(sequences.len() / tokens);
		let mut h = self.embed(sequences, tokens);
		let mut balance: Option<Tensor<Autodiff<B>, 1>> = None;
		for layer in 0..usize::from(self.config.layers) {
			let (next, routed) = self.layer(layer, &heads, h, balanced);
			h = next;
			if let Some(of_layer) = routed.balance {
				balance = Some(match balance {
					Some(sum) => sum + of_layer,
					None => of_layer,
				});
			}
		}
		let losses = self.losses(h, sequences);
		let balance = balance.map(|sum| sum.div_scalar(f32::from(self.config.layers)));
		Forward { loss: losses.mean(), balance }
	}
}
