//! Causal attention with rotary embedding.

use super::{norm::normalise_in_place, Reference};
use crate::{
	architecture::{Architecture, QkNorm},
	error::CheckpointError,
	role::Role,
};
use rayon::prelude::*;

impl Reference<'_> {
	/// Adds the output of a layer's attention to the states.
	pub(super) fn attend(&self, layer: usize, states: &mut [f32]) -> Result<(), CheckpointError> {
		let Architecture { d_model, heads, kv_heads, head_size, sub_norms, .. } =
			*self.checkpoint.architecture();
		let input = self.input(self.norm(Role::AttnNorm(layer), states)?, d_model);
		let mut queries = self.project(Role::Q(layer), &input)?;
		let mut keys = self.project(Role::K(layer), &input)?;
		let mut values = self.project(Role::V(layer), &input)?;
		self.add_biases(layer, &mut queries, &mut keys, &mut values)?;
		self.normalise_heads(Role::QNorm(layer), &mut queries)?;
		self.normalise_heads(Role::KNorm(layer), &mut keys)?;
		self.rotate(&mut queries, heads);
		self.rotate(&mut keys, kv_heads);
		let mut mixed = mix(&queries, &keys, &values, heads, kv_heads, head_size);
		if sub_norms {
			mixed = self.norm(Role::AttnSubNorm(layer), &mixed)?;
		}
		let output = self.project(Role::O(layer), &self.input(mixed, heads * head_size))?;
		states.iter_mut().zip(output).for_each(|(state, x)| *state += x);
		Ok(())
	}

	fn add_biases(
		&self,
		layer: usize,
		queries: &mut [f32],
		keys: &mut [f32],
		values: &mut [f32],
	) -> Result<(), CheckpointError> {
		if !self.checkpoint.architecture().qkv_biases {
			return Ok(());
		}
		let biased =
			[(Role::QBias(layer), queries), (Role::KBias(layer), keys), (Role::VBias(layer), values)];
		for (role, rows) in biased {
			let bias = self.checkpoint.weight(role)?.to_vec();
			for row in rows.chunks_exact_mut(bias.len()) {
				row.iter_mut().zip(&bias).for_each(|(x, b)| *x += b);
			}
		}
		Ok(())
	}

	fn normalise_heads(&self, role: Role, rows: &mut [f32]) -> Result<(), CheckpointError> {
		let architecture = self.checkpoint.architecture();
		if architecture.qk_norm == QkNorm::None {
			return Ok(());
		}
		// The weight is as long as a head or as the whole vector, which is what is normalised.
		normalise_in_place(rows, &self.checkpoint.weight(role)?.to_vec(), architecture.norm_eps);
		Ok(())
	}

	/// Turns the pairs `(2i, 2i + 1)` of each head by its token's position.
	fn rotate(&self, rows: &mut [f32], heads: usize) {
		let head_size = self.checkpoint.architecture().head_size;
		for (position, row) in rows.chunks_exact_mut(heads * head_size).enumerate() {
			let turns: Vec<(f32, f32)> = self
				.frequencies
				.iter()
				.map(|frequency| (position as f64 * frequency).sin_cos())
				.map(|(sin, cos)| (sin as f32, cos as f32))
				.collect();
			for head in row.chunks_exact_mut(head_size) {
				for (pair, (sin, cos)) in head.chunks_exact_mut(2).zip(&turns) {
					(pair[0], pair[1]) = (pair[0] * cos - pair[1] * sin, pair[0] * sin + pair[1] * cos);
				}
			}
		}
	}
}

/// Means of the values, weighted by the softmax of products of queries and keys.
///
/// # Shapes
/// `queries: [tokens, heads, head_size]`, `keys`, `values`: `[tokens, kv_heads, head_size]`, output as `queries`
fn mix(
	queries: &[f32],
	keys: &[f32],
	values: &[f32],
	heads: usize,
	kv_heads: usize,
	head_size: usize,
) -> Vec<f32> {
	let scale = (head_size as f32).sqrt().recip();
	let mut out = vec![0.0; queries.len()];
	out.par_chunks_mut(head_size).zip(queries.par_chunks(head_size)).enumerate().for_each(
		|(index, (out, query))| {
			let (position, head) = (index / heads, index % heads);
			let at = |token: usize| (token * kv_heads + head / (heads / kv_heads)) * head_size;
			let mut weights: Vec<f32> = (0..=position)
				.map(|token| {
					let key = &keys[at(token)..][..head_size];
					query.iter().zip(key).map(|(q, k)| q * k).sum::<f32>() * scale
				})
				.collect();
			softmax(&mut weights);
			for (token, weight) in weights.iter().enumerate() {
				let value = &values[at(token)..][..head_size];
				out.iter_mut().zip(value).for_each(|(o, v)| *o += weight * v);
			}
		},
	);
	out
}

/// Turns scores into probabilities.
pub(super) fn softmax(scores: &mut [f32]) {
	let largest = scores.iter().fold(f32::NEG_INFINITY, |max, x| max.max(*x));
	scores.iter_mut().for_each(|x| *x = (*x - largest).exp());
	let sum: f32 = scores.iter().sum();
	scores.iter_mut().for_each(|x| *x /= sum);
}
