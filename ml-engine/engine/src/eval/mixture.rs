//! Mixture-of-experts layer: the outputs of the experts that tokens are routed to, and their sum.

use super::{
	recorder::{activations, integers, Recorder},
	routing::Routed,
	scratch::{rows_per_thread, sized, ThreadScratch},
	workspace::Workspace,
};
use crate::{
	kernel::{rowwise, Kernel},
	model::{ExpertWeights, Model},
};
use blyan_exact::{Operator, RESIDUAL_MAX};
use blyan_primitives::EngineError;
use rayon::prelude::*;
use std::ops::Range;

impl Routed {
	/// Computes one expert for some of its tokens: `out: [rows, d_model]`. Intermediate results stay in the scratch.
	fn run(
		&self,
		kernel: Kernel,
		weights: &ExpertWeights,
		rows: Range<usize>,
		scratch: &mut ThreadScratch,
		out: &mut [i32],
	) {
		let ThreadScratch { inputs, hidden, normalised, entries, .. } = scratch;
		inputs.clear(self.width);
		for choice in &self.chosen[rows.clone()] {
			inputs.push_row(&self.inputs[choice.token() / self.part], choice.token() % self.part);
		}
		let hidden = sized(hidden, rows.len() * weights.up.rows());
		weights.up.accumulate(kernel, inputs, hidden);
		normalised.set_norm_quant_squared_relu(kernel, hidden, &weights.gain, entries);
		weights.down.project(kernel, normalised, RESIDUAL_MAX, out);
	}

	/// Computes one expert for all of its tokens, records it, and writes the result to its places in `expert_outputs`.
	fn apply<R: Recorder>(
		&self,
		kernel: Kernel,
		index: usize,
		rows: Range<usize>,
		weights: &ExpertWeights,
		scratch: &mut ThreadScratch,
		expert_outputs: &mut [i32],
		recorder: &mut R,
	) {
		let out = &mut expert_outputs[rows.start * self.width..rows.end * self.width];
		self.run(kernel, weights, rows.clone(), scratch, out);
		if R::IS_ACTIVE {
			let number = index as u8;
			let parts: [(fn(u8, u8) -> Operator, &[u8]); 3] = [
				(Operator::Up, &integers(&scratch.hidden)),
				(Operator::Hidden, &activations(&scratch.normalised)),
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

	/// Computes another expert in the place of expert `expert`, over the outputs of that one.
	pub(super) fn apply_other<R: Recorder>(
		&self,
		kernel: Kernel,
		(index, expert): (usize, usize),
		weights: &ExpertWeights,
		scratches: &mut [ThreadScratch],
		expert_outputs: &mut [i32],
		recorder: &mut R,
	) {
		if let Some((_, rows)) = self.groups(0..self.chosen.len()).find(|(chosen, _)| *chosen == expert) {
			self.apply(kernel, index, rows, weights, &mut scratches[0], expert_outputs, recorder);
		}
	}

	/// Computes all experts: `expert_outputs` becomes `[tokens * top_k, d_model]`, in the order of the sorted choices.
	pub(super) fn apply_all<R: Recorder>(
		&self,
		kernel: Kernel,
		model: &Model,
		index: usize,
		scratches: &mut [ThreadScratch],
		expert_outputs: &mut Vec<i32>,
		recorder: &mut R,
	) -> Result<(), EngineError> {
		let expert_outputs = sized(expert_outputs, self.chosen.len() * self.width);
		if let [scratch] = scratches {
			for (expert, rows) in self.groups(0..self.chosen.len()) {
				let weights = model.expert(index, expert)?;
				self.apply(kernel, index, rows, &weights, scratch, expert_outputs, recorder);
			}
			return Ok(());
		}
		// Every thread gets equally many rows, wherever that cuts the experts' groups.
		let part = self.chosen.len().div_ceil(scratches.len());
		let parts = expert_outputs.par_chunks_mut(part * self.width);
		scratches.par_iter_mut().zip(parts).enumerate().try_for_each(|(at, (scratch, mut expert_outputs))| {
			let rows = at * part..((at + 1) * part).min(self.chosen.len());
			for (expert, rows) in self.groups(rows) {
				let (out, behind) = expert_outputs.split_at_mut(rows.len() * self.width);
				expert_outputs = behind;
				self.run(kernel, &*model.expert(index, expert)?, rows, scratch, out);
			}
			Ok(())
		})
	}

	/// Adds the experts of a single token to the stream; threads divide the rows of their matrices.
	fn apply_to_one(
		&self,
		kernel: Kernel,
		model: &Model,
		index: usize,
		stream: &mut [i32],
		scratches: &mut [ThreadScratch],
		expert_outputs: &mut Vec<i32>,
	) -> Result<(), EngineError> {
		let (d, top_k) = (self.width, self.top_k);
		// One choice a rank, in the order of the gates.
		let mut experts = Vec::with_capacity(top_k);
		for &place in &self.places {
			experts.push(model.expert(index, self.chosen[place as usize].expert())?);
		}
		let hidden_width = experts.first().map_or(0, |expert| expert.up.rows());
		let expert_outputs = sized(expert_outputs, top_k * hidden_width);
		let part = rows_per_thread(top_k * hidden_width, scratches.len());
		let parts: Vec<_> = experts
			.iter()
			.zip(expert_outputs.chunks_exact_mut(hidden_width))
			.flat_map(|(expert, hidden)| {
				hidden.chunks_mut(part).enumerate().map(move |(at, hidden)| (expert, at * part, hidden))
			})
			.collect();
		let inputs = &self.inputs[0];
		parts.into_par_iter().for_each(|(expert, first, hidden)| {
			expert.up.accumulate_rows(kernel, inputs, first..first + hidden.len(), hidden);
		});
		let hiddens = experts
			.par_iter()
			.zip(expert_outputs.par_chunks_exact(hidden_width))
			.zip(scratches.par_iter_mut());
		hiddens.for_each(|((expert, hidden), scratch)| {
			let ThreadScratch { normalised, entries, .. } = scratch;
			normalised.set_norm_quant_squared_relu(kernel, hidden, &expert.gain, entries);
		});
		let normalised: Vec<_> =
			scratches[..top_k].iter_mut().map(|scratch| std::mem::take(&mut scratch.normalised)).collect();
		let part = rows_per_thread(d, scratches.len());
		scratches.par_iter_mut().zip(stream.par_chunks_mut(part)).enumerate().for_each(
			|(at, (scratch, stream))| {
				let rows = at * part..at * part + stream.len();
				let update = sized(&mut scratch.update, top_k * stream.len());
				let of_expert = update.chunks_exact_mut(stream.len());
				for ((expert, normalised), update) in experts.iter().zip(&normalised).zip(of_expert) {
					expert.down.project_rows(kernel, normalised, rows.clone(), RESIDUAL_MAX, update);
				}
				rowwise::mix(kernel, stream, &self.gates, update);
			},
		);
		for (scratch, normalised) in scratches.iter_mut().zip(normalised) {
			scratch.normalised = normalised;
		}
		Ok(())
	}

	/// Adds the gated sum of the experts' outputs to the stream.
	pub(super) fn mix(
		&self,
		kernel: Kernel,
		index: usize,
		stream: &mut [i32],
		expert_outputs: &[i32],
		scratches: &mut [ThreadScratch],
		recorder: &mut impl Recorder,
	) {
		let (d, top_k) = (self.width, self.top_k);
		let mix = |first: usize, stream: &mut [i32], scratch: &mut ThreadScratch| {
			let update = sized(&mut scratch.update, top_k * d);
			for (token, h) in (first..).zip(stream.chunks_exact_mut(d)) {
				let of_token = token * top_k..(token + 1) * top_k;
				for (row, &place) in update.chunks_exact_mut(d).zip(&self.places[of_token.clone()]) {
					row.copy_from_slice(&expert_outputs[place as usize * d..][..d]);
				}
				rowwise::mix(kernel, h, &self.gates[of_token], update);
			}
		};
		if let [scratch] = scratches {
			mix(0, stream, scratch);
		} else {
			let parts = stream.par_chunks_mut(self.part * d);
			scratches
				.par_iter_mut()
				.zip(parts)
				.enumerate()
				.for_each(|(at, (scratch, stream))| mix(at * self.part, stream, scratch));
		}
		recorder.whole(Operator::Mix(index as u8), &integers(stream));
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
	let Workspace { scratches, routed, expert_outputs, .. } = work;
	if scratches.len() > 1 && stream.len() == usize::from(model.config().d_model) {
		routed.route(kernel, model.trunk(), index, stream, &mut scratches[..1], &mut ());
		return routed.apply_to_one(kernel, model, index, stream, scratches, expert_outputs);
	}
	routed.route(kernel, model.trunk(), index, stream, scratches, recorder);
	routed.apply_all(kernel, model, index, scratches, expert_outputs, recorder)?;
	routed.mix(kernel, index, stream, expert_outputs, scratches, recorder);
	Ok(())
}
