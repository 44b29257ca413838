//! Routing of a batch: which experts each token goes to.
//!
//! The choices of a batch are sorted by expert, so that an expert multiplies all of its tokens at once.

use super::{
	recorder::{integers, record_activations, Recorder},
	scratch::{sized, tokens_per_thread, ThreadScratch},
};
use crate::{
	kernel::{activations::ActivationRows, rowwise, Kernel},
	model::TrunkWeights,
};
use blyan_exact::{exponential::exp2_neg, number::div_round, routing::GATE_ONE, Operator};
use rayon::prelude::*;
use std::ops::Range;

/// A token's choice of an expert: expert, rank and token, most significant first, so that sorting groups them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Choice(u64);

impl Choice {
	fn new(expert: usize, rank: usize, token: usize) -> Self {
		Self((expert as u64) << 40 | (rank as u64) << 32 | token as u64)
	}

	pub(super) fn expert(self) -> usize {
		(self.0 >> 40) as usize
	}

	pub(super) fn rank(self) -> usize {
		(self.0 >> 32 & 0xff) as usize
	}

	pub(super) fn token(self) -> usize {
		self.0 as u32 as usize
	}
}

/// Routing of a batch, its choices sorted by expert, with the buffers of the batch before.
#[derive(Clone, Debug, Default)]
pub struct Routed {
	/// Normalised tokens, `part` of them in each entry.
	pub(super) inputs: Vec<ActivationRows>,
	pub(super) part: usize,
	pub(super) width: usize,
	pub(super) top_k: usize,
	/// `[tokens, top_k]`
	pub(super) gates: Vec<u32>,
	/// `[tokens, top_k]`, until they are sorted.
	pub(super) chosen: Vec<Choice>,
	/// `[tokens, top_k]`: where each token's choice stands among the sorted.
	pub(super) places: Vec<u32>,
}

/// Returns the best expert of a token, and the second with `top_k` of 2: index, and gate as `blyan_exact::routing::route`.
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
	/// Routes the tokens of a batch in layer `index`.
	///
	/// # Shapes
	/// `stream: [tokens, d_model]`.
	pub(super) fn route<R: Recorder>(
		&mut self,
		kernel: Kernel,
		trunk: &TrunkWeights,
		index: usize,
		stream: &[i32],
		scratches: &mut [ThreadScratch],
		recorder: &mut R,
	) {
		self.width = usize::from(trunk.config.d_model);
		self.top_k = usize::from(trunk.config.top_k);
		let tokens = stream.len() / self.width;
		self.part = tokens_per_thread(tokens, scratches.len());
		self.inputs.resize_with(scratches.len(), ActivationRows::default);
		self.gates.resize(tokens * self.top_k, 0);
		self.chosen.resize(tokens * self.top_k, Choice(0));
		let (part, top_k) = (self.part, self.top_k);
		let router = Router { kernel, trunk, index, top_k };
		if let [scratch] = scratches {
			let (gates, chosen) = (self.gates.as_mut_slice(), self.chosen.as_mut_slice());
			router.route(0, stream, &mut self.inputs[0], gates, chosen, scratch, recorder);
		} else {
			let parts = self.gates.par_chunks_mut(part * top_k).zip(self.chosen.par_chunks_mut(part * top_k));
			let parts = parts.zip(stream.par_chunks(part * self.width)).zip(self.inputs.par_iter_mut());
			scratches.par_iter_mut().zip(parts).enumerate().for_each(
				|(at, (scratch, (((gates, chosen), stream), inputs)))| {
					router.route(at * part, stream, inputs, gates, chosen, scratch, &mut ());
				},
			);
		}
		self.chosen.sort_unstable();
		self.places.resize(tokens * top_k, 0);
		for (place, choice) in self.chosen.iter().enumerate() {
			self.places[choice.token() * top_k + choice.rank()] = place as u32;
		}
	}

	/// Iterates over the experts that are chosen, each with its part of the sorted choices, cut to those in `range`.
	pub(super) fn groups(&self, range: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> + '_ {
		let mut at = range.start;
		self.chosen[range].chunk_by(|a, b| a.expert() == b.expert()).map(move |group| {
			let rows = at..at + group.len();
			at = rows.end;
			(group[0].expert(), rows)
		})
	}
}

/// Router of one layer, over parts of a batch.
struct Router<'a> {
	kernel: Kernel,
	trunk: &'a TrunkWeights,
	index: usize,
	top_k: usize,
}

impl Router<'_> {
	/// Normalises tokens from number `token` of the batch on and chooses their experts.
	fn route<R: Recorder>(
		&self,
		token: usize,
		stream: &[i32],
		inputs: &mut ActivationRows,
		gates: &mut [u32],
		chosen: &mut [Choice],
		scratch: &mut ThreadScratch,
		recorder: &mut R,
	) {
		let (kernel, layer, number) = (self.kernel, &self.trunk.layers[self.index], self.index as u8);
		inputs.set_norm_quant(kernel, stream, &layer.ffn_gain, &mut scratch.entries);
		record_activations(recorder, Operator::MixtureInput(number), inputs);
		let experts = layer.router.rows();
		let logits = sized(&mut scratch.update, inputs.tokens() * experts);
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
