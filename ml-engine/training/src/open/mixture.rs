//! Feed-forward part of a layer behind a slot: one network, or those that a router chooses.

use super::{
	floats::{constant, norm_of, tensor_of, Frozen},
	later::{FrozenNetwork, LaterExperts, LaterNetwork},
	slot::Slot,
};
use crate::ops::{FrozenNorm, GateFunction, TrainBackend};
use burn::{
	backend::Autodiff,
	tensor::{activation::softmax, backend::Backend, Int, Tensor, TensorData},
};

/// Feed-forward part of a layer.
pub(crate) enum FeedForward<B: Backend> {
	/// One network for every token.
	Dense(Network<B>),
	/// Networks that a router chooses from.
	Routed(Box<Routed<B>>),
}

/// A frozen network.
pub(crate) struct Network<B: Backend> {
	/// Gate, up, down.
	projections: [Tensor<B, 2>; 3],
	function: GateFunction,
	hidden_steps: f32,
	sub_norm: Option<FrozenNorm<B>>,
}

/// First and second matrices of gate, up and down.
type FrozenAdapters<B> = [Tensor<B, 2>; 6];

/// A router and its experts.
pub(crate) struct Routed<B: Backend> {
	router: Tensor<B, 2>,
	top_k: usize,
	is_normalised: bool,
	experts: Experts<B>,
	shared: Option<Network<B>>,
}

enum Experts<B: Backend> {
	Networks(Vec<Network<B>>),
	Adapters { base: Network<B>, adapters: Vec<FrozenAdapters<B>> },
}

impl<B: TrainBackend> FeedForward<B> {
	/// Takes the weights of a layer.
	pub(crate) fn new(of: &LaterNetwork, slot: &Slot, device: &B::Device) -> Self {
		let network = |of: &FrozenNetwork| Network::new(of, slot, device);
		match of {
			LaterNetwork::Dense(of) => Self::Dense(network(of)),
			LaterNetwork::Routed { router, top_k, is_normalised, experts, shared } => {
				let experts = match &**experts {
					LaterExperts::Networks(networks) => {
						Experts::Networks(networks.iter().map(network).collect())
					}
					LaterExperts::Adapters { base, adapters } => {
						let tensors = |of: &[Frozen; 6]| of.each_ref().map(|of| tensor_of(of, device));
						Experts::Adapters {
							base: network(base),
							adapters: adapters.iter().map(tensors).collect(),
						}
					}
				};
				Self::Routed(Box::new(Routed {
					router: tensor_of(router, device),
					top_k: *top_k,
					is_normalised: *is_normalised,
					experts,
					shared: shared.as_ref().map(network),
				}))
			}
		}
	}

	/// Computes what is added to the residual stream. `input`, output: `[tokens, d_model]`
	pub(crate) fn run(&self, input: Tensor<Autodiff<B>, 2>) -> Tensor<Autodiff<B>, 2> {
		match self {
			Self::Dense(network) => network.run(input, None),
			Self::Routed(routed) => routed.run(input),
		}
	}
}

impl<B: TrainBackend> Network<B> {
	fn new(of: &FrozenNetwork, slot: &Slot, device: &B::Device) -> Self {
		Self {
			projections: of.projections.each_ref().map(|of| tensor_of(of, device)),
			function: slot.function,
			hidden_steps: slot.hidden_steps,
			sub_norm: of
				.hidden_gain
				.as_deref()
				.map(|gain| norm_of(gain, slot.eps, slot.hidden_steps, device)),
		}
	}

	/// Computes one projection, with an adapter if there are some.
	fn project(
		&self,
		index: usize,
		input: Tensor<Autodiff<B>, 2>,
		adapters: Option<&FrozenAdapters<B>>,
	) -> Tensor<Autodiff<B>, 2> {
		let base = B::project(input.clone(), constant(self.projections[index].clone()), None);
		let Some(adapters) = adapters else { return base };
		let [first, second] = [0, 1].map(|i| constant(adapters[2 * index + i].clone()));
		B::project(B::project(input, first, None), second, Some(base))
	}

	fn run(
		&self,
		input: Tensor<Autodiff<B>, 2>,
		adapters: Option<&FrozenAdapters<B>>,
	) -> Tensor<Autodiff<B>, 2> {
		let (gate, up) = (self.project(0, input.clone(), adapters), self.project(1, input, adapters));
		let hidden = match &self.sub_norm {
			None => B::gated(self.function, gate, up, Some(self.hidden_steps)),
			Some(norm) => B::rms_quant(B::gated(self.function, gate, up, None), norm),
		};
		self.project(2, hidden, adapters)
	}
}

impl<B: TrainBackend> Routed<B> {
	fn run(&self, input: Tensor<Autodiff<B>, 2>) -> Tensor<Autodiff<B>, 2> {
		let device = input.device();
		let logits = B::project(input.clone(), constant(self.router.clone()), None);
		let chosen = Chosen::new(&logits, self.top_k);
		let places = chosen.experts.iter().map(|expert| *expert as i32).collect::<Vec<_>>();
		let places = TensorData::new(places, [chosen.tokens, self.top_k]);
		let places = Tensor::<Autodiff<B>, 2, Int>::from_data(places, &device);
		let gates = match self.is_normalised {
			true => softmax(logits.gather(1, places), 1),
			false => softmax(logits, 1).gather(1, places),
		};
		let index = |values: Vec<i32>| {
			let count = values.len();
			Tensor::<Autodiff<B>, 1, Int>::from_data(TensorData::new(values, [count]), &device)
		};
		let outputs = chosen.groups().into_iter().map(|(expert, tokens)| {
			let rows = input.clone().select(0, index(tokens));
			match &self.experts {
				Experts::Networks(networks) => networks[expert].run(rows, None),
				Experts::Adapters { base, adapters } => base.run(rows, Some(&adapters[expert])),
			}
		});
		let outputs = Tensor::cat(outputs.collect(), 0);
		let mut sum = match &self.shared {
			Some(network) => network.run(input, None),
			None => input.zeros_like(),
		};
		for (rank, rows) in chosen.rows().into_iter().enumerate() {
			sum = sum + outputs.clone().select(0, index(rows)) * gates.clone().narrow(1, rank, 1);
		}
		sum
	}
}

/// Experts that tokens are routed to.
struct Chosen {
	tokens: usize,
	top_k: usize,
	/// `[tokens, top_k]`
	experts: Vec<usize>,
}

impl Chosen {
	/// Chooses the largest logits of each row; the lower expert of equals.
	fn new<B: Backend>(logits: &Tensor<Autodiff<B>, 2>, top_k: usize) -> Self {
		let [tokens, count] = logits.dims();
		let values = logits.clone().inner().into_data().iter::<f32>().collect::<Vec<_>>();
		let mut experts = Vec::with_capacity(tokens * top_k);
		for row in values.chunks_exact(count) {
			let mut order: Vec<usize> = (0..count).collect();
			order.sort_by(|a, b| row[*b].total_cmp(&row[*a]).then(a.cmp(b)));
			experts.extend_from_slice(&order[..top_k]);
		}
		Self { tokens, top_k, experts }
	}

	/// Lists choices by expert: of each its place among all, expert after expert, tokens in order.
	fn order(&self) -> Vec<usize> {
		let mut order: Vec<usize> = (0..self.experts.len()).collect();
		order.sort_by_key(|choice| self.experts[*choice]);
		order
	}

	/// Returns each expert that was chosen, and its tokens.
	fn groups(&self) -> Vec<(usize, Vec<i32>)> {
		let order = self.order();
		let groups = order.chunk_by(|a, b| self.experts[*a] == self.experts[*b]);
		// Tokens of a sequence are below 2^17.
		let tokens = |group: &[usize]| group.iter().map(|choice| (choice / self.top_k) as i32).collect();
		groups.map(|group| (self.experts[group[0]], tokens(group))).collect()
	}

	/// Returns of each rank the rows of the tokens' outputs, which lie group after group.
	fn rows(&self) -> Vec<Vec<i32>> {
		let mut rows = vec![vec![0; self.tokens]; self.top_k];
		for (row, choice) in self.order().into_iter().enumerate() {
			rows[choice % self.top_k][choice / self.top_k] = row as i32;
		}
		rows
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use burn_flex::Flex;

	#[test]
	fn every_choice_finds_its_row() {
		let logits = Tensor::<Autodiff<Flex>, 2>::from_data(
			[[0.0, 3.0, 1.0], [2.0, 2.0, 0.0], [-1.0, 0.0, 5.0]],
			&Default::default(),
		);
		let chosen = Chosen::new(&logits, 2);
		assert_eq!(chosen.experts, [1, 2, 0, 1, 2, 1]);
		let groups = chosen.groups();
		assert_eq!(groups, [(0, vec![1]), (1, vec![0, 1, 2]), (2, vec![0, 2])]);
		let flat: Vec<(usize, i32)> =
			groups.iter().flat_map(|(expert, tokens)| tokens.iter().map(|token| (*expert, *token))).collect();
		for (rank, rows) in chosen.rows().iter().enumerate() {
			for (token, row) in rows.iter().enumerate() {
				assert_eq!(flat[*row as usize], (chosen.experts[2 * token + rank], token as i32));
			}
		}
	}
}
