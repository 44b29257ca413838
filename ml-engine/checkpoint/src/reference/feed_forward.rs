//! Feed-forward parts: dense, or routed to experts.

use super::{attention::softmax, Reference};
use crate::{
	architecture::{Activation, FeedForward},
	error::CheckpointError,
	role::Role,
};

/// Roles of one gated block.
struct Block {
	gate: Role,
	up: Role,
	down: Role,
}

impl Reference<'_> {
	/// Adds the output of a layer's feed-forward part to the states.
	pub(super) fn feed_forward(&self, layer: usize, states: &mut [f32]) -> Result<(), CheckpointError> {
		let architecture = self.checkpoint.architecture();
		let input = self.norm(Role::FfnNorm(layer), states)?;
		let expert = |expert| Block {
			gate: Role::Gate(layer, expert),
			up: Role::Up(layer, expert),
			down: Role::Down(layer, expert),
		};
		match architecture.feed_forward {
			FeedForward::Dense { .. } => {
				let output = self.block(layer, &expert(0), input)?;
				states.iter_mut().zip(output).for_each(|(state, x)| *state += x);
			}
			FeedForward::Experts { count, top_k, normalised, shared_hidden, .. } => {
				let scores = self.project(Role::Router(layer), &input)?;
				let gates: Vec<Vec<(usize, f32)>> =
					scores.chunks_exact(count).map(|scores| choose(scores, top_k, normalised)).collect();
				for index in 0..count {
					self.add_expert(layer, &expert(index), index, &gates, &input, states)?;
				}
				if shared_hidden > 0 {
					self.add_shared(layer, &input, states)?;
				}
			}
		}
		Ok(())
	}

	/// Computes `down(activation(gate) * up)`.
	fn block(&self, layer: usize, block: &Block, input: Vec<f32>) -> Result<Vec<f32>, CheckpointError> {
		let architecture = self.checkpoint.architecture();
		let input = self.input(input, architecture.d_model);
		let mut hidden = self.project(block.gate, &input)?;
		let up = self.project(block.up, &input)?;
		let activate = |gate: f32| match architecture.activation {
			Activation::SwiGlu => gate / (1.0 + (-gate).exp()),
			Activation::GatedSquaredRelu => gate.max(0.0) * gate.max(0.0),
		};
		hidden.iter_mut().zip(up).for_each(|(gate, up)| *gate = activate(*gate) * up);
		if architecture.sub_norms {
			hidden = self.norm(Role::FfnSubNorm(layer), &hidden)?;
		}
		let width = self.checkpoint.weight(block.down)?.columns();
		self.project(block.down, &self.input(hidden, width))
	}

	/// Adds one expert's output to the states of the tokens that chose it.
	fn add_expert(
		&self,
		layer: usize,
		block: &Block,
		expert: usize,
		gates: &[Vec<(usize, f32)>],
		input: &[f32],
		states: &mut [f32],
	) -> Result<(), CheckpointError> {
		let d_model = self.checkpoint.architecture().d_model;
		let gate_of = |gates: &Vec<(usize, f32)>| {
			gates.iter().find(|(chosen, _)| *chosen == expert).map(|(_, gate)| *gate)
		};
		let chosen: Vec<(usize, f32)> =
			gates.iter().enumerate().filter_map(|(token, gates)| Some((token, gate_of(gates)?))).collect();
		if chosen.is_empty() {
			return Ok(());
		}
		let gathered: Vec<f32> =
			chosen.iter().flat_map(|(token, _)| &input[token * d_model..][..d_model]).copied().collect();
		let output = self.block(layer, block, gathered)?;
		for ((token, gate), output) in chosen.iter().zip(output.chunks_exact(d_model)) {
			let state = &mut states[token * d_model..][..d_model];
			state.iter_mut().zip(output).for_each(|(state, x)| *state += gate * x);
		}
		Ok(())
	}

	fn add_shared(&self, layer: usize, input: &[f32], states: &mut [f32]) -> Result<(), CheckpointError> {
		let block =
			Block { gate: Role::SharedGate(layer), up: Role::SharedUp(layer), down: Role::SharedDown(layer) };
		let scores = self.project(Role::SharedRouter(layer), input)?;
		let output = self.block(layer, &block, input.to_vec())?;
		let d_model = self.checkpoint.architecture().d_model;
		let rows = states.chunks_exact_mut(d_model).zip(output.chunks_exact(d_model));
		for ((state, output), score) in rows.zip(scores) {
			let gate = 1.0 / (1.0 + (-score).exp());
			state.iter_mut().zip(output).for_each(|(state, x)| *state += gate * x);
		}
		Ok(())
	}
}

/// The experts with the highest probabilities, the lower index first where two are equal, and their gates.
fn choose(scores: &[f32], top_k: usize, normalised: bool) -> Vec<(usize, f32)> {
	let mut gates = scores.to_vec();
	softmax(&mut gates);
	let mut chosen: Vec<(usize, f32)> = gates.into_iter().enumerate().collect();
	chosen.sort_by(|a, b| b.1.total_cmp(&a.1));
	chosen.truncate(top_k);
	if normalised {
		let sum: f32 = chosen.iter().map(|(_, gate)| gate).sum();
		chosen.iter_mut().for_each(|(_, gate)| *gate /= sum);
	}
	chosen
}
