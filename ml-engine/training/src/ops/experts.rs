//! The experts of one layer, each over the tokens routed to it.

use super::{
	norm_quant::{normalise, Normalised},
	tape::{record, Pullback},
};
use burn::{
	backend::Autodiff,
	tensor::{backend::Backend, IndexingUpdateOp, Int, Tensor, TensorData},
};

/// Routing of tokens to experts.
#[derive(Clone, Debug)]
pub struct Routing {
	/// For each expert, the positions in `[tokens, top_k]`, flattened, that chose it.
	pub(crate) chosen: Vec<Vec<i32>>,
	/// Experts a token goes to.
	pub(crate) top_k: usize,
}

impl Routing {
	/// Chooses the `top_k` largest logits of every token, ties to the lower index, and the chosen experts, `[tokens,
	/// top_k]`.
	pub(crate) fn new(logits: &[f32], experts: usize, top_k: usize) -> (Self, Vec<i32>) {
		let mut chosen = vec![Vec::new(); experts];
		let mut picked = Vec::with_capacity(logits.len() / experts.max(1) * top_k);
		for row in logits.chunks_exact(experts) {
			let mut first = 0;
			for (i, value) in row.iter().enumerate() {
				if *value > row[first] {
					first = i;
				}
			}
			chosen[first].push(picked.len() as i32);
			picked.push(first as i32);
			if top_k == 2 {
				let mut second = usize::from(first == 0);
				for (i, value) in row.iter().enumerate() {
					if i != first && *value > row[second] {
						second = i;
					}
				}
				chosen[second].push(picked.len() as i32);
				picked.push(second as i32);
			}
		}
		(Self { chosen, top_k }, picked)
	}
}

/// The weights of a layer's experts, stacked.
#[derive(Clone, Debug)]
pub struct ExpertWeights<T> {
	/// `[experts * d_ff, d_model]`
	pub(crate) up: T,
	/// `[experts, d_ff]`
	pub(crate) gain: T,
	/// `[experts * d_model, d_ff]`
	pub(crate) down: T,
}

/// State of one expert for its gradient.
#[derive(Clone, Debug)]
struct Visit<B: Backend> {
	tokens: Tensor<B, 1, Int>,
	places: Tensor<B, 1, Int>,
	up: Tensor<B, 2>,
	gain: Tensor<B, 2>,
	down: Tensor<B, 2>,
	gate: Tensor<B, 2>,
	input: Tensor<B, 2>,
	/// `max(up . input, 0)`
	hidden: Tensor<B, 2>,
	squared: Tensor<B, 2>,
	normalised: Normalised<B>,
	quantised: Tensor<B, 2>,
	output: Tensor<B, 2>,
}

#[derive(Clone, Debug)]
struct Experts<B: Backend> {
	/// `None` for an expert that no token chose.
	visits: Vec<Option<Visit<B>>>,
	shape: [usize; 2],
	d_ff: usize,
	top_k: usize,
}

impl<B: Backend> Pullback<B, 5> for Experts<B> {
	fn pull(self, grad: Tensor<B, 2>, wanted: [bool; 5]) -> [Option<Tensor<B, 2>>; 5] {
		let device = grad.device();
		let [tokens, width] = self.shape;
		let mut input_grad = Tensor::<B, 2>::zeros([tokens, width], &device);
		let mut gate_grad = Tensor::<B, 2>::zeros([tokens * self.top_k, 1], &device);
		let (mut up, mut gain, mut down) = (Vec::new(), Vec::new(), Vec::new());
		let weights_wanted = wanted[1] || wanted[2] || wanted[3];
		for visit in self.visits {
			let Some(visit) = visit else {
				up.push(Tensor::zeros([self.d_ff, width], &device));
				gain.push(Tensor::zeros([1, self.d_ff], &device));
				down.push(Tensor::zeros([width, self.d_ff], &device));
				continue;
			};
			let arriving = grad.clone().select(0, visit.tokens.clone());
			if wanted[4] {
				let gate = (arriving.clone() * visit.output).sum_dim(1);
				gate_grad = gate_grad.select_assign(0, visit.places, gate, IndexingUpdateOp::Add);
			}
			let output_grad = arriving * visit.gate;
			if weights_wanted {
				down.push(output_grad.clone().transpose().matmul(visit.quantised));
			}
			let (squared_grad, gain_grad) =
				visit.normalised.pull(output_grad.matmul(visit.down), visit.squared, visit.gain);
			let hidden_grad = squared_grad * visit.hidden.mul_scalar(2.0);
			if weights_wanted {
				gain.push(gain_grad);
				up.push(hidden_grad.clone().transpose().matmul(visit.input));
			}
			if wanted[0] {
				let back = hidden_grad.matmul(visit.up);
				input_grad = input_grad.select_assign(0, visit.tokens, back, IndexingUpdateOp::Add);
			}
		}
		let stack = |parts: Vec<Tensor<B, 2>>| weights_wanted.then(|| Tensor::cat(parts, 0));
		let gate_grad = gate_grad.reshape([tokens, self.top_k]);
		[Some(input_grad), stack(up), stack(gain), stack(down), Some(gate_grad)]
	}
}

/// Computes the sum over each token's experts of gate times expert. The cost follows the experts used.
///
/// # Shapes
/// - input: `[tokens, d_model]`
/// - gates: `[tokens, top_k]`
/// - output: `[tokens, d_model]`
pub(crate) fn experts<B: Backend>(
	input: Tensor<Autodiff<B>, 2>,
	weights: ExpertWeights<Tensor<Autodiff<B>, 2>>,
	gates: Tensor<Autodiff<B>, 2>,
	routing: &Routing,
) -> Tensor<Autodiff<B>, 2> {
	let raw = input.clone().inner();
	let device = raw.device();
	let [tokens, width] = raw.dims();
	let raw_weights = ExpertWeights {
		up: weights.up.clone().inner(),
		gain: weights.gain.clone().inner(),
		down: weights.down.clone().inner(),
	};
	let d_ff = raw_weights.gain.dims()[1];
	let flat_gates = gates.clone().inner().reshape([tokens * routing.top_k, 1]);
	let mut sum = Tensor::<B, 2>::zeros([tokens, width], &device);
	let mut visits = Vec::with_capacity(routing.chosen.len());
	for (expert, places) in routing.chosen.iter().enumerate() {
		if places.is_empty() {
			visits.push(None);
			continue;
		}
		let rows = places.iter().map(|place| place / routing.top_k as i32).collect::<Vec<_>>();
		let index = |values: Vec<i32>| {
			let count = values.len();
			Tensor::<B, 1, Int>::from_data(TensorData::new(values, [count]), &device)
		};
		let (tokens, places) = (index(rows), index(places.clone()));
		let up = raw_weights.up.clone().narrow(0, expert * d_ff, d_ff);
		let gain = raw_weights.gain.clone().narrow(0, expert, 1);
		let down = raw_weights.down.clone().narrow(0, expert * width, width);
		let gate = flat_gates.clone().select(0, places.clone());
		let input = raw.clone().select(0, tokens.clone());
		let hidden = input.clone().matmul(up.clone().transpose()).clamp_min(0.0);
		let squared = hidden.clone() * hidden.clone();
		let (quantised, normalised) = normalise(squared.clone(), gain.clone());
		let output = quantised.clone().matmul(down.clone().transpose());
		let gated = output.clone() * gate.clone();
		sum = sum.select_assign(0, tokens.clone(), gated, IndexingUpdateOp::Add);
		visits.push(Some(Visit {
			tokens,
			places,
			up,
			gain,
			down,
			gate,
			input,
			hidden,
			squared,
			normalised,
			quantised,
			output,
		}));
	}
	let state = Experts { visits, shape: [tokens, width], d_ff, top_k: routing.top_k };
	record([input, weights.up, weights.gain, weights.down, gates], sum, state)
}
