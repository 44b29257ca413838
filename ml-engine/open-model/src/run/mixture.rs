//! MoE layer: routing, the chosen experts, and the sum of their outputs.

use super::{
	means::{Means, Product},
	network,
	weights::{ExpertAdapters, Experts, Network, Routed},
};
use blyan_exact::{
	definition2::{
		linear::{LOGIT_BITS, PROJECTION_BITS},
		routing::route,
		LOGIT_MAX, PROJECTION_MAX, RESIDUAL_MAX,
	},
	routing::Choice,
};
use blyan_kernel::definition2::{adapt, mix, Adapted, Inputs};
use rayon::prelude::*;

/// Buffers of a mixture, kept between passes.
#[derive(Default)]
pub struct Buffers {
	logits: Vec<i32>,
	/// Outputs by pair.
	outputs: Vec<i32>,
	shared: Vec<i32>,
	networks: network::Buffers,
	update: Vec<i32>,
	base: Base,
	/// One a chosen expert, where they run on several threads.
	lanes: Vec<Adapting>,
}

/// Accumulators of gates and ups of a base, the same for every expert.
#[derive(Default)]
struct Base {
	gate: Vec<i64>,
	up: Vec<i64>,
}

/// Buffers of experts that adapt a base.
#[derive(Default)]
struct Adapting {
	networks: network::Buffers,
	down: Vec<i64>,
}

/// Choice of one expert by one token.
#[derive(Clone, Copy)]
struct Pair {
	expert: usize,
	token: u32,
	rank: usize,
}

impl Buffers {
	/// Routes each token to its experts and adds what they return to the residual stream.
	///
	/// # Shapes
	/// `inputs, stream: [tokens, d_model]`.
	pub fn run(&mut self, means: Means<'_>, routed: &Routed, inputs: &Inputs, stream: &mut [i32]) {
		let (width, tokens) = (means.shape().d_model, inputs.tokens());
		let products = vec![Product::plain(routed.router.view(), tokens, &mut self.logits)];
		means.products(inputs, LOGIT_BITS.into(), LOGIT_MAX, products);
		let routes: Vec<Vec<Choice>> = self
			.logits
			.chunks_exact(routed.router.view().rows())
			.map(|logits| route(logits, routed.top_k, routed.has_normalised_gates))
			.collect();
		let pairs = pairs(&routes);
		self.outputs.resize(pairs.len() * width, 0);
		match &routed.experts {
			Experts::Networks(networks) => self.networks(means, networks, inputs, &pairs),
			Experts::Adapters { base, adapters } => self.adapters(means, base, adapters, inputs, &pairs),
		}
		if let Some(network) = &routed.shared {
			self.networks.run(means, network, inputs, &mut self.shared);
		}
		// Place of each token's ranks among the pairs.
		let mut places = vec![0; pairs.len()];
		for (place, pair) in pairs.iter().enumerate() {
			places[pair.token as usize * routed.top_k + pair.rank] = place;
		}
		for (token, residual) in stream.chunks_exact_mut(width).enumerate() {
			let gates: Vec<u32> = routes[token].iter().map(|choice| choice.gate).collect();
			let places = &places[token * routed.top_k..(token + 1) * routed.top_k];
			let ranks: Vec<&[i32]> =
				places.iter().map(|place| &self.outputs[place * width..(place + 1) * width]).collect();
			let shared = routed.shared.as_ref().map(|_| &self.shared[token * width..(token + 1) * width]);
			mix(means.kernel, residual, &gates, &ranks, shared);
		}
	}

	/// Runs whole networks, one expert after the other.
	fn networks(&mut self, means: Means<'_>, experts: &[Network], inputs: &Inputs, pairs: &[Pair]) {
		let mut outputs = self.outputs.as_mut_slice();
		for pairs in pairs.chunk_by(|a, b| a.expert == b.expert) {
			let tokens: Vec<u32> = pairs.iter().map(|pair| pair.token).collect();
			self.networks.run(means, &experts[pairs[0].expert], &inputs.gather(&tokens), &mut self.update);
			let (out, rest) = outputs.split_at_mut(self.update.len());
			out.copy_from_slice(&self.update);
			outputs = rest;
		}
	}

	/// Runs experts that adapt a base. What the base's gate and up accumulate is the same for all of them.
	fn adapters(
		&mut self,
		means: Means<'_>,
		base: &Network,
		adapters: &[ExpertAdapters],
		inputs: &Inputs,
		pairs: &[Pair],
	) {
		let (width, tokens) = (means.shape().d_model, inputs.tokens());
		let products = vec![
			Product::plain(base.gate.view(), tokens, &mut self.base.gate),
			Product::plain(base.up.view(), tokens, &mut self.base.up),
		];
		means.sums(inputs, products);
		let sums = &self.base;
		// The experts of a single position are shared out among the threads.
		let lanes = if tokens == 1 && means.threads > 1 { pairs.len() } else { 1 };
		let share = pairs.len() / lanes;
		let means = Means { threads: means.threads / lanes, ..means };
		self.lanes.resize_with(lanes, Adapting::default);
		let run = |((lane, pairs), out): ((&mut Adapting, &[Pair]), &mut [i32])| {
			lane.run(means, base, sums, adapters, inputs, pairs, out);
		};
		let outputs = self.outputs.as_mut_slice();
		match self.lanes.as_mut_slice() {
			[lane] => run(((lane, pairs), outputs)),
			lanes => {
				let work = lanes.par_iter_mut().zip(pairs.par_chunks(share));
				work.zip(outputs.par_chunks_mut(share * width)).for_each(run);
			}
		}
	}
}

impl Adapting {
	/// Runs some experts. `pairs` are in the order of their experts, and `out` is in that of the pairs.
	fn run(
		&mut self,
		means: Means<'_>,
		base: &Network,
		sums: &Base,
		adapters: &[ExpertAdapters],
		inputs: &Inputs,
		pairs: &[Pair],
		out: &mut [i32],
	) {
		let (hidden, width, kernel) = (base.hidden(), means.shape().d_model, means.kernel);
		self.networks.gate.resize(pairs.len() * hidden, 0);
		self.networks.up.resize(pairs.len() * hidden, 0);
		let mut first = 0;
		for pairs in pairs.chunk_by(|a, b| a.expert == b.expert) {
			let (adapters, places) =
				(&adapters[pairs[0].expert], first * hidden..(first + pairs.len()) * hidden);
			let tokens: Vec<u32> = pairs.iter().map(|pair| pair.token).collect();
			let gate = Adapted { base: base.gate.view(), sums: &sums.gate, adapter: &adapters.gate };
			let up = Adapted { base: base.up.view(), sums: &sums.up, adapter: &adapters.up };
			for (adapted, rows) in [(gate, &mut self.networks.gate), (up, &mut self.networks.up)] {
				let rows = &mut rows[places.clone()];
				adapt(kernel, adapted, inputs, &tokens, PROJECTION_BITS.into(), PROJECTION_MAX, rows);
			}
			first += pairs.len();
		}
		self.networks.activate(means, base);
		let activations = &self.networks.hidden;
		means.sums(activations, vec![Product::plain(base.down.view(), pairs.len(), &mut self.down)]);
		let mut first = 0;
		for pairs in pairs.chunk_by(|a, b| a.expert == b.expert) {
			let places: Vec<u32> = (first..first + pairs.len()).map(|place| place as u32).collect();
			let adapter = &adapters[pairs[0].expert].down;
			let down = Adapted { base: base.down.view(), sums: &self.down, adapter };
			let out = &mut out[first * width..(first + pairs.len()) * width];
			adapt(kernel, down, activations, &places, means.shape().fraction, RESIDUAL_MAX, out);
			first += pairs.len();
		}
	}
}

/// Lists the choices of all tokens by expert, tokens in order.
fn pairs(routes: &[Vec<Choice>]) -> Vec<Pair> {
	let mut pairs: Vec<Pair> = routes
		.iter()
		.enumerate()
		.flat_map(|(token, route)| {
			let choices = route.iter().enumerate();
			choices.map(move |(rank, choice)| Pair { expert: choice.expert, token: token as u32, rank })
		})
		.collect();
	pairs.sort_by_key(|pair| pair.expert);
	pairs
}
