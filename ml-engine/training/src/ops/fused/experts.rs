//! The experts of one layer, each over the tokens routed to it.

use super::{
	super::{
		experts::{ExpertWeights, Routing},
		tape::{record, Pullback},
	},
	gemm::{multiply, Matrix},
	rows, tensor, Dense,
};
use burn::{backend::Autodiff, tensor::Tensor};
use burn_flex::Flex;

/// State of one expert for its gradient. Everything else is computed again, which costs one pass over rows.
#[derive(Clone, Debug)]
struct Visit {
	/// `max(up . input, 0)`. `[tokens of this expert, d_ff]`.
	hidden: Vec<f32>,
	/// One over the root mean square of each row's squares.
	inverses: Vec<f32>,
}

#[derive(Clone, Debug)]
struct Experts {
	input: Dense,
	weights: ExpertWeights<Dense>,
	gates: Dense,
	routing: Routing,
	visits: Vec<Visit>,
	d_ff: usize,
}

/// Gathers rows of `from`, in the order of `places`.
fn gather(from: &[f32], width: usize, places: &[i32], top_k: usize) -> Vec<f32> {
	let mut gathered = Vec::with_capacity(places.len() * width);
	for place in places {
		let at = *place as usize / top_k * width;
		gathered.extend_from_slice(&from[at..at + width]);
	}
	gathered
}

impl Pullback<Flex, 5> for Experts {
	fn pull(self, grad: Tensor<Flex, 2>, wanted: [bool; 5]) -> [Option<Tensor<Flex, 2>>; 5] {
		let Self { input, weights, gates, routing, visits, d_ff } = self;
		let [tokens, width] = grad.dims();
		let (count, top_k) = (routing.chosen.len(), routing.top_k);
		let grad = Dense::new(grad);
		let is_learning = wanted[1] || wanted[2] || wanted[3];
		let learned = |len: usize| vec![0.0; if is_learning { len } else { 0 }];
		let (mut up, mut gain, mut down) =
			(learned(count * d_ff * width), learned(count * d_ff), learned(count * width * d_ff));
		let mut input_grad = vec![0.0; if wanted[0] { tokens * width } else { 0 }];
		let mut gate_grad = vec![0.0; tokens * top_k];
		let mut unused = vec![0.0; d_ff];
		for (expert, (places, visit)) in routing.chosen.iter().zip(visits).enumerate() {
			let rows = places.len();
			if rows == 0 {
				continue;
			}
			let Visit { hidden, inverses } = visit;
			let part = expert * d_ff * width..(expert + 1) * d_ff * width;
			let gains = expert * d_ff..(expert + 1) * d_ff;
			let mut arriving = gather(grad.values(), width, places, top_k);
			// Gradient of what the last matrix reads, then of the squares, then of the hidden row.
			let mut back = vec![0.0; rows * d_ff];
			let down_weight = Matrix::new(&weights.down.values()[part.clone()], width, d_ff);
			multiply(&mut back, d_ff, false, Matrix::new(&arriving, rows, width), down_weight);
			let own_gain = &weights.gain.values()[gains.clone()];
			let gain_grad = if is_learning { &mut gain[gains] } else { &mut unused[..] };
			let mut quantised = vec![0.0; rows * d_ff];
			let mut squares = vec![0.0; d_ff];
			for (row, place) in places.iter().enumerate() {
				let at = row * d_ff..(row + 1) * d_ff;
				let (hidden, back) = (&hidden[at.clone()], &mut back[at.clone()]);
				let (quantised, place) = (&mut quantised[at], *place as usize);
				rows::square(hidden, &mut squares);
				rows::normalise(&squares, own_gain, quantised);
				gate_grad[place] = rows::dot(back, quantised);
				let gate = gates.values()[place];
				rows::scale(back, gate);
				rows::scale(&mut arriving[row * width..(row + 1) * width], gate);
				rows::normalise_back(back, &squares, own_gain, inverses[row], gain_grad);
				rows::square_back(back, hidden);
			}
			let back = Matrix::new(&back, rows, d_ff);
			if is_learning {
				let arriving = Matrix::new(&arriving, rows, width).transposed();
				let quantised = Matrix::new(&quantised, rows, d_ff);
				multiply(&mut down[part.clone()], d_ff, false, arriving, quantised);
				let gathered = gather(input.values(), width, places, top_k);
				let gathered = Matrix::new(&gathered, rows, width);
				multiply(&mut up[part.clone()], width, false, back.transposed(), gathered);
			}
			if wanted[0] {
				// The gradients that arrived are used up; their room is as large as what leaves.
				let up_weight = Matrix::new(&weights.up.values()[part], d_ff, width);
				multiply(&mut arriving, width, false, back, up_weight);
				for (row, place) in arriving.chunks_exact(width).zip(places) {
					let at = *place as usize / top_k * width;
					rows::add_scaled(&mut input_grad[at..at + width], row, 1.0);
				}
			}
		}
		let learned = |values, shape| is_learning.then(|| tensor(values, shape));
		[
			wanted[0].then(|| tensor(input_grad, [tokens, width])),
			learned(up, [count * d_ff, width]),
			learned(gain, [count, d_ff]),
			learned(down, [count * width, d_ff]),
			Some(tensor(gate_grad, [tokens, top_k])),
		]
	}
}

/// Computes the experts; see [`super::super::experts::experts`].
pub(crate) fn experts(
	input: Tensor<Autodiff<Flex>, 2>,
	weights: ExpertWeights<Tensor<Autodiff<Flex>, 2>>,
	gates: Tensor<Autodiff<Flex>, 2>,
	routing: &Routing,
) -> Tensor<Autodiff<Flex>, 2> {
	let dense = |tensor: &Tensor<Autodiff<Flex>, 2>| Dense::new(tensor.clone().inner());
	let (raw, raw_gates) = (dense(&input), dense(&gates));
	let raw_weights =
		ExpertWeights { up: dense(&weights.up), gain: dense(&weights.gain), down: dense(&weights.down) };
	let ([tokens, width], d_ff) = (input.dims(), weights.gain.dims()[1]);
	let top_k = routing.top_k;
	let mut sum = vec![0.0; tokens * width];
	let mut visits = Vec::with_capacity(routing.chosen.len());
	for (expert, places) in routing.chosen.iter().enumerate() {
		let rows = places.len();
		let part = expert * d_ff * width..(expert + 1) * d_ff * width;
		let gain = &raw_weights.gain.values()[expert * d_ff..(expert + 1) * d_ff];
		let mut gathered = gather(raw.values(), width, places, top_k);
		let mut hidden = vec![0.0; rows * d_ff];
		let up = Matrix::new(&raw_weights.up.values()[part.clone()], d_ff, width).transposed();
		multiply(&mut hidden, d_ff, false, Matrix::new(&gathered, rows, width), up);
		let (mut squares, mut quantised) = (vec![0.0; d_ff], vec![0.0; rows * d_ff]);
		let pairs = hidden.chunks_exact_mut(d_ff).zip(quantised.chunks_exact_mut(d_ff));
		let inverses = pairs
			.map(|(hidden, quantised)| {
				rows::relu_squared(hidden, &mut squares);
				rows::normalise(&squares, gain, quantised)
			})
			.collect();
		let down = Matrix::new(&raw_weights.down.values()[part], width, d_ff).transposed();
		multiply(&mut gathered, width, false, Matrix::new(&quantised, rows, d_ff), down);
		for (row, place) in gathered.chunks_exact(width).zip(places) {
			let at = *place as usize / top_k * width;
			rows::add_scaled(&mut sum[at..at + width], row, raw_gates.values()[*place as usize]);
		}
		visits.push(Visit { hidden, inverses });
	}
	let state = Experts {
		input: raw,
		weights: raw_weights,
		gates: raw_gates,
		routing: routing.clone(),
		visits,
		d_ff,
	};
	record([input, weights.up, weights.gain, weights.down, gates], tensor(sum, [tokens, width]), state)
}
