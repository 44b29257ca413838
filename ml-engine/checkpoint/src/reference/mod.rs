//! The model in single precision: a yardstick for what integers cost.
//!
//! A plain forward pass over whole sequences, without a cache. Weights are decoded block by block where they are
//! multiplied, so memory holds activations and little else.

mod attention;
mod feed_forward;
mod matmul;
mod norm;

use crate::{
	architecture::Architecture, checkpoint::Checkpoint, error::CheckpointError, role::Role, weight::Weight,
};
use matmul::multiply;
use norm::{normalise, quantise};
use std::f64::consts::LOG2_E;

/// Rows of the head that are multiplied at a time where only the loss is wanted.
const HEAD_ROWS: usize = 4_096;

/// Reference execution of a checkpoint.
#[derive(Clone, Debug)]
pub struct Reference<'a> {
	checkpoint: &'a Checkpoint,
	frequencies: Vec<f64>,
}

impl<'a> Reference<'a> {
	/// A reference that reads its weights from the checkpoint.
	pub fn new(checkpoint: &'a Checkpoint) -> Self {
		let architecture = checkpoint.architecture();
		Self { checkpoint, frequencies: architecture.rope.inverse_frequencies(architecture.head_size) }
	}

	/// Computes the scores of every token of the vocabulary after each position.
	///
	/// # Shapes
	/// `tokens: [tokens]`, output: `[tokens, vocabulary]`
	pub fn logits(&self, tokens: &[u32]) -> Result<Vec<f32>, CheckpointError> {
		let states = self.states(tokens)?;
		let head = self.checkpoint.weight(Role::Head)?;
		Ok(multiply(&head, 0..head.rows(), &states))
	}

	/// Computes the information content of the second and later tokens given those before them, in bits.
	pub fn loss_bits(&self, tokens: &[u32]) -> Result<f64, CheckpointError> {
		let states = self.states(tokens)?;
		let head = self.checkpoint.weight(Role::Head)?;
		let targets = tokens.get(1..).unwrap_or_default();
		// Of each position: the largest logit so far, the sum of exponentials relative to it, the target's logit.
		let mut sums = vec![(f64::NEG_INFINITY, 0.0_f64, 0.0_f64); targets.len()];
		for start in (0..head.rows()).step_by(HEAD_ROWS) {
			let rows = start..(start + HEAD_ROWS).min(head.rows());
			let logits = multiply(&head, rows.clone(), &states);
			for ((logits, target), (max, sum, wanted)) in
				logits.chunks_exact(rows.len()).zip(targets).zip(&mut sums)
			{
				let largest = logits.iter().fold(*max, |max, logit| max.max((*logit).into()));
				*sum *= (*max - largest).exp();
				*sum += logits.iter().map(|logit| (f64::from(*logit) - largest).exp()).sum::<f64>();
				*max = largest;
				if rows.contains(&(*target as usize)) {
					*wanted = logits[*target as usize - rows.start].into();
				}
			}
		}
		Ok(sums.iter().map(|(max, sum, wanted)| (sum.ln() + max - wanted) * LOG2_E).sum())
	}

	/// Residual stream after all layers, normalised for the head.
	fn states(&self, tokens: &[u32]) -> Result<Vec<f32>, CheckpointError> {
		let architecture = self.checkpoint.architecture();
		let mut states = self.embed(tokens)?;
		for layer in 0..architecture.layers {
			self.attend(layer, &mut states)?;
			self.feed_forward(layer, &mut states)?;
		}
		self.norm(Role::OutputNorm, &states)
	}

	fn embed(&self, tokens: &[u32]) -> Result<Vec<f32>, CheckpointError> {
		let Architecture { d_model, vocabulary, context, .. } = *self.checkpoint.architecture();
		if tokens.len() > context {
			return Err(CheckpointError::Context { tokens: tokens.len(), context });
		}
		let embedding = self.checkpoint.weight(Role::Embedding)?;
		let mut states = vec![0.0; tokens.len() * d_model];
		for (token, state) in tokens.iter().zip(states.chunks_exact_mut(d_model)) {
			if *token as usize >= vocabulary {
				return Err(CheckpointError::Token { token: (*token).into(), vocabulary: vocabulary as u64 });
			}
			embedding.read_row(*token as usize, state);
		}
		Ok(states)
	}

	/// Normalises every state by the weights of a role.
	fn norm(&self, role: Role, states: &[f32]) -> Result<Vec<f32>, CheckpointError> {
		let weight = self.checkpoint.weight(role)?.to_vec();
		Ok(normalise(states, &weight, self.checkpoint.architecture().norm_eps))
	}

	/// The input of a layer's matrices: quantised where the model was trained so.
	fn input(&self, mut states: Vec<f32>, width: usize) -> Vec<f32> {
		if let Some(bits) = self.checkpoint.architecture().activation_bits {
			quantise(&mut states, width, bits);
		}
		states
	}

	/// Multiplies states by the matrix of a role.
	fn project(&self, role: Role, states: &[f32]) -> Result<Vec<f32>, CheckpointError> {
		let weight: Weight<'_> = self.checkpoint.weight(role)?;
		Ok(multiply(&weight, 0..weight.rows(), states))
	}
}
