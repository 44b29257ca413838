//! Which expert each token goes to, and what the experts say.
//!
//! The tokens of a batch are sorted by expert, so that an expert multiplies all of its tokens at once.

use super::{
	forward::record_activations,
	recorder::{activations, integers, Recorder},
	workspace::{share, share_rows, sized, Lane, Workspace},
};
use crate::{
	kernel::{activations::ActivationRows, rowwise, Kernel},
	model::{ExpertWeights, Model, TrunkWeights},
};
use blyan_exact::{exponential::exp2_neg, number::div_round, routing::GATE_ONE, Operator, RESIDUAL_MAX};
use blyan_primitives::EngineError;
use rayon::prelude::*;
use std::ops::Range;

/// A token's choice of an expert: expert, rank and token, most significant first, so that sorting groups them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Choice(u64);

impl Choice {
	fn new(expert: usize, rank: usize, token: usize) -> Self {
		Self((expert as u64) << 40 | (rank as u64) << 32 | token as u64)
	}

	fn expert(self) -> usize {
		(self.0 >> 40) as usize
	}

	fn rank(self) -> usize {
		(self.0 >> 32 & 0xff) as usize
	}

	fn token(self) -> usize {
		self.0 as u32 as usize
	}
}

/// Tokens sorted by the expert they go to.
#[derive(Clone, Debug, Default)]
pub struct Routed {
	/// Normalised tokens, `part` of them in each entry.
	inputs: Vec<ActivationRows>,
	part: usize,
	width: usize,
	top_k: usize,
	/// `[tokens, top_k]`
	gates: Vec<u32>,
	/// `[tokens, top_k]`, until they are sorted.
	chosen: Vec<Choice>,
	/// `[tokens, top_k]`: where each token's choice stands among the sorted.
	places: Vec<u32>,
}

/// The best expert of a token, and the second with `top_k` of 2: index, and gates as `blyan_exact::routing::route`.
fn choose(kernel: Kernel, logits: &[i32], top_k: usize) -> [(usize, u32); 2] {
	let first = rowwise::largest(kernel, logits);
	if top_k == 1 {
		return [(first, GATE_ONE), (first, 0)];
	}
	let (before, behind) = (&logits[..first], &logits[first + 1..]);
	let second = match (before.is_empty(), behind.is_empty()) {
		(true, _) => first + 1 + rowwise::largest(kernel, behind),
		(_, true) => rowwise::largest(kernel, before),
		_ => {
			let (a, b) = (rowwise::largest(kernel, before), first + 1 + rowwise::largest(kernel, behind));
			if logits[b] > logits[a] {
				b
			} else {
				a
			}
		}
	};
	let difference = logits[first].abs_diff(logits[second]);
	let gate = div_round(1 << 45, (1 << 30) + i64::from(exp2_neg(difference))) as u32;
	[(first, gate), (second, GATE_ONE - gate)]
}

impl Routed {
	/// Asks the router of layer `index` where each token goes, in the place of what was asked before.
	///
	/// # Shapes
	/// `stream: [tokens, d_model]`.
	pub(super) fn ask<R: Recorder>(
		&mut self,
		kernel: Kernel,
		trunk: &TrunkWeights,
		index: usize,
		stream: &[i32],
		lanes: &mut [Lane],
		recorder: &mut R,
	) {
		self.width = usize::from(trunk.config.d_model);
		self.top_k = usize::from(trunk.config.top_k);
		let tokens = stream.len() / self.width;
		self.part = share(tokens, lanes.len());
		self.inputs.resize_with(lanes.len(), ActivationRows::default);
		self.gates.resize(tokens * self.top_k, 0);
		self.chosen.resize(tokens * self.top_k, Choice(0));
		let (part, top_k) = (self.part, self.top_k);
		let router = Router { kernel, trunk, index, top_k };
		if let [lane] = lanes {
			let (gates, chosen) = (self.gates.as_mut_slice(), self.chosen.as_mut_slice());
			router.ask(0, stream, &mut self.inputs[0], gates, chosen, lane, recorder);
		} else {
			let parts = self.gates.par_chunks_mut(part * top_k).zip(self.chosen.par_chunks_mut(part * top_k));
			let parts = parts.zip(stream.par_chunks(part * self.width)).zip(self.inputs.par_iter_mut());
			lanes.par_iter_mut().zip(parts).enumerate().for_each(
				|(at, (lane, (((gates, chosen), stream), inputs)))| {
					router.ask(at * part, stream, inputs, gates, chosen, lane, &mut ());
				},
			);
		}
		self.chosen.sort_unstable();
		self.places.resize(tokens * top_k, 0);
		for (place, choice) in self.chosen.iter().enumerate() {
			self.places[choice.token() * top_k + choice.rank()] = place as u32;
		}
	}

	/// The experts that are chosen, each with its part of the sorted choices, cut to those in `range`.
	fn groups(&self, range: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> + '_ {
		let mut at = range.start;
		self.chosen[range].chunk_by(|a, b| a.expert() == b.expert()).map(move |group| {
			let rows = at..at + group.len();
			at = rows.end;
			(group[0].expert(), rows)
		})
	}

	/// What one expert says to some of its tokens: `out: [rows, d_model]`. What leads to it stays in the lane.
	fn run(
		&self,
		kernel: Kernel,
		weights: &ExpertWeights,
		rows: Range<usize>,
		lane: &mut Lane,
		out: &mut [i32],
	) {
		let Lane { inputs, hidden, normalised, entries, .. } = lane;
		inputs.clear(self.width);
		for choice in &self.chosen[rows.clone()] {
			inputs.push_row(&self.inputs[choice.token() / self.part], choice.token() % self.part);
		}
		let hidden = sized(hidden, rows.len() * weights.up.rows());
		weights.up.accumulate(kernel, inputs, hidden);
		normalised.set_norm_quant_squared_relu(kernel, hidden, &weights.gain, entries);
		weights.down.project(kernel, normalised, RESIDUAL_MAX, out);
	}

	/// The same for all of its tokens, recorded and written to their places in `said`.
	fn apply<R: Recorder>(
		&self,
		kernel: Kernel,
		index: usize,
		rows: Range<usize>,
		weights: &ExpertWeights,
		lane: &mut Lane,
		said: &mut [i32],
		recorder: &mut R,
	) {
		let out = &mut said[rows.start * self.width..rows.end * self.width];
		self.run(kernel, weights, rows.clone(), lane, out);
		if R::IS_ACTIVE {
			let number = index as u8;
			let parts: [(fn(u8, u8) -> Operator, &[u8]); 3] = [
				(Operator::Up, &integers(&lane.hidden)),
				(Operator::Hidden, &activations(&lane.normalised)),
				(Operator::Down, &integers(out)),
			];
			let choices = &self.chosen[rows];
			for (operator, bytes) in parts {
				let mut rest = bytes;
				for group in choices.chunk_by(|a, b| a.rank() == b.rank()) {
					let (bytes, behind) = rest.split_at(bytes.len() / choices.len() * group.len());
					rest = behind;
					let tokens: Vec<u32> = group.iter().map(|choice| choice.token() as u32).collect();
					recorder.some(operator(number, group[0].rank() as u8), &tokens, bytes);
				}
			}
		}
	}

	/// What another expert would say in the place of expert `expert`, written over what that one said.
	pub(super) fn apply_other<R: Recorder>(
		&self,
		kernel: Kernel,
		(index, expert): (usize, usize),
		weights: &ExpertWeights,
		lanes: &mut [Lane],
		said: &mut [i32],
		recorder: &mut R,
	) {
		if let Some((_, rows)) = self.groups(0..self.chosen.len()).find(|(chosen, _)| *chosen == expert) {
			self.apply(kernel, index, rows, weights, &mut lanes[0], said, recorder);
		}
	}

	/// What all experts say, in the place of what `said` held: `[tokens * top_k, d_model]`, in an order of its own.
	pub(super) fn apply_all<R: Recorder>(
		&self,
		kernel: Kernel,
		model: &Model,
		index: usize,
		lanes: &mut [Lane],
		said: &mut Vec<i32>,
		recorder: &mut R,
	) -> Result<(), EngineError> {
		let said = sized(said, self.chosen.len() * self.width);
		if let [lane] = lanes {
			for (expert, rows) in self.groups(0..self.chosen.len()) {
				let weights = model.expert(index, expert)?;
				self.apply(kernel, index, rows, &weights, lane, said, recorder);
			}
			return Ok(());
		}
		// Every lane gets equally many rows, wherever that cuts the experts' groups.
		let part = self.chosen.len().div_ceil(lanes.len());
		let parts = said.par_chunks_mut(part * self.width);
		lanes.par_iter_mut().zip(parts).enumerate().try_for_each(|(at, (lane, mut said))| {
			let rows = at * part..((at + 1) * part).min(self.chosen.len());
			for (expert, rows) in self.groups(rows) {
				let (out, behind) = said.split_at_mut(rows.len() * self.width);
				said = behind;
				self.run(kernel, &*model.expert(index, expert)?, rows, lane, out);
			}
			Ok(())
		})
	}

	/// Adds the experts of the only token to the stream: the rows of their matrices are shared out among the lanes.
	fn apply_to_one(
		&self,
		kernel: Kernel,
		model: &Model,
		index: usize,
		stream: &mut [i32],
		lanes: &mut [Lane],
		said: &mut Vec<i32>,
	) -> Result<(), EngineError> {
		let (d, top_k) = (self.width, self.top_k);
		// One choice a rank, in the order of the gates.
		let mut experts = Vec::with_capacity(top_k);
		for &place in &self.places {
			experts.push(model.expert(index, self.chosen[place as usize].expert())?);
		}
		let hidden_width = experts.first().map_or(0, |expert| expert.up.rows());
		let said = sized(said, top_k * hidden_width);
		let part = share_rows(top_k * hidden_width, lanes.len());
		let parts: Vec<_> = experts
			.iter()
			.zip(said.chunks_exact_mut(hidden_width))
			.flat_map(|(expert, hidden)| {
				hidden.chunks_mut(part).enumerate().map(move |(at, hidden)| (expert, at * part, hidden))
			})
			.collect();
		let inputs = &self.inputs[0];
		parts.into_par_iter().for_each(|(expert, first, hidden)| {
			expert.up.accumulate_rows(kernel, inputs, first..first + hidden.len(), hidden);
		});
		let hiddens = experts.par_iter().zip(said.par_chunks_exact(hidden_width)).zip(lanes.par_iter_mut());
		hiddens.for_each(|((expert, hidden), lane)| {
			let Lane { normalised, entries, .. } = lane;
			normalised.set_norm_quant_squared_relu(kernel, hidden, &expert.gain, entries);
		});
		let normalised: Vec<_> =
			lanes[..top_k].iter_mut().map(|lane| std::mem::take(&mut lane.normalised)).collect();
		let part = share_rows(d, lanes.len());
		lanes.par_iter_mut().zip(stream.par_chunks_mut(part)).enumerate().for_each(|(at, (lane, stream))| {
			let rows = at * part..at * part + stream.len();
			let update = sized(&mut lane.update, top_k * stream.len());
			let of_expert = update.chunks_exact_mut(stream.len());
			for ((expert, normalised), update) in experts.iter().zip(&normalised).zip(of_expert) {
				expert.down.project_rows(kernel, normalised, rows.clone(), RESIDUAL_MAX, update);
			}
			rowwise::mix(kernel, stream, &self.gates, update);
		});
		for (lane, normalised) in lanes.iter_mut().zip(normalised) {
			lane.normalised = normalised;
		}
		Ok(())
	}

	/// Adds what the experts say to the stream.
	pub(super) fn mix(
		&self,
		kernel: Kernel,
		index: usize,
		stream: &mut [i32],
		said: &[i32],
		lanes: &mut [Lane],
		recorder: &mut impl Recorder,
	) {
		let (d, top_k) = (self.width, self.top_k);
		let mix = |first: usize, stream: &mut [i32], lane: &mut Lane| {
			let update = sized(&mut lane.update, top_k * d);
			for (token, h) in (first..).zip(stream.chunks_exact_mut(d)) {
				let of_token = token * top_k..(token + 1) * top_k;
				for (row, &place) in update.chunks_exact_mut(d).zip(&self.places[of_token.clone()]) {
					row.copy_from_slice(&said[place as usize * d..][..d]);
				}
				rowwise::mix(kernel, h, &self.gates[of_token], update);
			}
		};
		if let [lane] = lanes {
			mix(0, stream, lane);
		} else {
			let parts = stream.par_chunks_mut(self.part * d);
			lanes
				.par_iter_mut()
				.zip(parts)
				.enumerate()
				.for_each(|(at, (lane, stream))| mix(at * self.part, stream, lane));
		}
		recorder.whole(Operator::Mix(index as u8), &integers(stream));
	}
}

/// The router of one layer, over parts of a batch.
struct Router<'a> {
	kernel: Kernel,
	trunk: &'a TrunkWeights,
	index: usize,
	top_k: usize,
}

impl Router<'_> {
	/// Normalises tokens from number `token` of the batch on and chooses their experts.
	fn ask<R: Recorder>(
		&self,
		token: usize,
		stream: &[i32],
		inputs: &mut ActivationRows,
		gates: &mut [u32],
		chosen: &mut [Choice],
		lane: &mut Lane,
		recorder: &mut R,
	) {
		let (kernel, layer, number) = (self.kernel, &self.trunk.layers[self.index], self.index as u8);
		inputs.set_norm_quant(kernel, stream, &layer.ffn_gain, &mut lane.entries);
		record_activations(recorder, Operator::MixtureInput(number), inputs);
		let experts = layer.router.rows();
		let logits = sized(&mut lane.update, inputs.tokens() * experts);
		layer.router.logits(kernel, inputs, logits);
		recorder.whole(Operator::RouterLogits(number), &integers(logits));
		let mut choices = Vec::new();
		let places = gates.chunks_exact_mut(self.top_k).zip(chosen.chunks_exact_mut(self.top_k));
		for ((token, logits), (gates, chosen)) in (token..).zip(logits.chunks_exact(experts)).zip(places) {
			for (rank, (expert, gate)) in
				choose(kernel, logits, self.top_k).into_iter().take(self.top_k).enumerate()
			{
				gates[rank] = gate;
				chosen[rank] = Choice::new(expert, rank, token);
				if R::IS_ACTIVE {
					choices.extend_from_slice(&(expert as u16).to_le_bytes());
					choices.extend_from_slice(&gate.to_le_bytes());
				}
			}
		}
		recorder.whole(Operator::Route(number), &choices);
	}
}

/// Adds the experts of layer `index` to the stream. Fails if one that a token is routed to cannot be loaded.
///
/// # Shapes
/// `stream: [tokens, d_model]`.
pub fn mixture(
	kernel: Kernel,
	model: &Model,
	index: usize,
	stream: &mut [i32],
	work: &mut Workspace,
	recorder: &mut impl Recorder,
) -> Result<(), EngineError> {
	let Workspace { lanes, routed, said, .. } = work;
	if lanes.len() > 1 && stream.len() == usize::from(model.config().d_model) {
		routed.ask(kernel, model.trunk(), index, stream, &mut lanes[..1], &mut ());
		return routed.apply_to_one(kernel, model, index, stream, lanes, said);
	}
	routed.ask(kernel, model.trunk(), index, stream, lanes, recorder);
	routed.apply_all(kernel, model, index, lanes, said, recorder)?;
	routed.mix(kernel, index, stream, said, lanes, recorder);
	Ok(())
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	proptest! {
		#[test]
		fn tokens_choose_as_the_definition_says(
			logits in prop::collection::vec(prop_oneof![-3_i32..3, -(1_i32 << 30)..=1 << 30], 1..140), top_k in 1_usize..=2,
		) {
			let top_k = top_k.min(logits.len());
			let expected = blyan_exact::routing::route(&logits, top_k);
			let expected: Vec<_> = expected.into_iter().map(|choice| (choice.expert, choice.gate)).collect();
			for kernel in Kernel::available() {
				prop_assert_eq!(&choose(kernel, &logits, top_k)[..top_k], &expected[..], "{}", kernel);
			}
		}
	}
}
