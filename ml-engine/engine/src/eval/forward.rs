//! Layers over many tokens at once, with the keys and values they leave behind.

use crate::{
	kernel::{
		attention::{key_index, value_index, POSITIONS},
		rows::{self, ActivationRows},
		Kernel,
	},
	model::{ExpertWeights, LayerWeights, Model, TrunkWeights},
};
use blyan_exact::{routing::route, ModelConfig, PROJECTION_MAX, RESIDUAL_MAX, VOCAB};
use std::sync::Arc;

/// Keys and values of one sequence in one layer, head by head, each as [`attention`](crate::kernel::attention)
/// draws them.
#[derive(Clone, Debug)]
pub struct KeyValues {
	head_size: usize,
	/// Positions there is room for.
	stride: usize,
	len: usize,
	keys: Vec<i8>,
	maxima: Vec<i32>,
	values: Vec<i8>,
	scratch: Vec<i8>,
}

impl KeyValues {
	/// Room for `positions`.
	pub fn new(config: &ModelConfig, positions: usize) -> Self {
		let (d, head_size) = (usize::from(config.d_model), config.head_size());
		let stride = positions.next_multiple_of(POSITIONS);
		Self {
			head_size,
			stride,
			len: 0,
			keys: vec![0; d * stride],
			maxima: vec![0; usize::from(config.heads) * stride],
			values: vec![0; d * stride],
			scratch: vec![0; head_size],
		}
	}

	/// Positions so far.
	pub fn len(&self) -> usize {
		self.len
	}

	/// Whether no position has been seen.
	pub fn is_empty(&self) -> bool {
		self.len == 0
	}

	/// Forgets all positions.
	pub fn clear(&mut self) {
		self.len = 0;
	}

	fn push(&mut self, kernel: Kernel, key: &[i32], value: &[i32]) {
		let (size, stride, position) = (self.head_size, self.stride, self.len);
		for (head, (key, value)) in key.chunks_exact(size).zip(value.chunks_exact(size)).enumerate() {
			let range = head * size * stride..(head + 1) * size * stride;
			self.maxima[head * stride + position] = rows::quantise_head(kernel, key, &mut self.scratch);
			let keys = &mut self.keys[range.clone()];
			for (entry, &k) in self.scratch.iter().enumerate() {
				keys[key_index(stride, position, entry)] = k;
			}
			rows::quantise_values(kernel, value, &mut self.scratch);
			let values = &mut self.values[range];
			for (entry, &v) in self.scratch.iter().enumerate() {
				values[value_index(size, position, entry)] = v;
			}
		}
		self.len += 1;
	}

	/// Keys, the first `len` maxima, and values of one head.
	fn head(&self, head: usize, len: usize) -> (&[i8], &[i32], &[i8]) {
		let entries = head * self.head_size * self.stride..(head + 1) * self.head_size * self.stride;
		let maxima = &self.maxima[head * self.stride..][..len];
		(&self.keys[entries.clone()], maxima, &self.values[entries])
	}
}

/// The first residual stream: `[tokens, d_model]`.
pub fn embed(trunk: &TrunkWeights, tokens: impl IntoIterator<Item = u8>) -> Vec<i32> {
	let mut stream = Vec::new();
	for token in tokens {
		trunk.embedding.embed_into(token, &mut stream);
	}
	stream
}

/// Adds one layer's attention to the stream.
///
/// # Shapes
/// `stream: [sequences * tokens, d_model]`, one entry of `pasts` a sequence; each grows by `tokens`.
pub fn attention(
	kernel: Kernel,
	trunk: &TrunkWeights,
	layer: &LayerWeights,
	stream: &mut [i32],
	pasts: &mut [KeyValues],
) {
	let d = usize::from(trunk.config.d_model);
	let size = trunk.config.head_size();
	let inputs = ActivationRows::norm_quant(kernel, stream, &layer.attn_gain);
	let mut queries = layer.wq.project(kernel, &inputs, PROJECTION_MAX);
	let mut keys = layer.wk.project(kernel, &inputs, PROJECTION_MAX);
	let values = layer.wv.project(kernel, &inputs, PROJECTION_MAX);
	let tokens = inputs.tokens() / pasts.len().max(1);
	let mut outputs = vec![0; stream.len()];
	let mut scratch = Vec::new();
	let mut query = vec![0; size];
	for (sequence, past) in pasts.iter_mut().enumerate() {
		let first = past.len();
		for token in 0..tokens {
			let row = (sequence * tokens + token) * d..(sequence * tokens + token + 1) * d;
			let position = first + token;
			let angles = &trunk.rotary[position * size / 2..(position + 1) * size / 2];
			rows::rotate(kernel, &mut queries[row.clone()], angles);
			rows::rotate(kernel, &mut keys[row.clone()], angles);
			past.push(kernel, &keys[row.clone()], &values[row]);
		}
		for token in 0..tokens {
			let len = first + token + 1;
			let row = (sequence * tokens + token) * d..(sequence * tokens + token + 1) * d;
			let heads = queries[row.clone()].chunks_exact(size).zip(outputs[row].chunks_exact_mut(size));
			for (head, (entries, out)) in heads.enumerate() {
				let maximum = rows::quantise_head(kernel, entries, &mut query);
				let (keys, maxima, values) = past.head(head, len);
				rows::attend(kernel, &query, maximum, keys, past.stride, maxima, values, &mut scratch, out);
			}
		}
	}
	let mixed = ActivationRows::norm_quant(kernel, &outputs, &layer.attn_out_gain);
	rows::add(kernel, stream, &layer.wo.project(kernel, &mixed, RESIDUAL_MAX));
}

/// Adds one layer's experts to the stream, tokens grouped by the expert they go to.
///
/// # Shapes
/// `stream: [tokens, d_model]`.
pub fn mixture(
	kernel: Kernel,
	config: &ModelConfig,
	layer: &LayerWeights,
	experts: &[Arc<ExpertWeights>],
	stream: &mut [i32],
) {
	let (d, top_k) = (usize::from(config.d_model), usize::from(config.top_k));
	let inputs = ActivationRows::norm_quant(kernel, stream, &layer.ffn_gain);
	let logits = layer.router.logits(kernel, &inputs);
	// For every expert its tokens, and for each of those which of the token's choices it was.
	let mut groups: Vec<Vec<(u32, u32)>> = vec![Vec::new(); experts.len()];
	let mut gates = vec![0; inputs.tokens() * top_k];
	for (token, logits) in logits.chunks_exact(experts.len()).enumerate() {
		for (rank, choice) in route(logits, top_k).into_iter().enumerate() {
			groups[choice.expert].push((token as u32, rank as u32));
			gates[token * top_k + rank] = choice.gate;
		}
	}
	let mut outputs = vec![0; inputs.tokens() * top_k * d];
	for (expert, group) in experts.iter().zip(&groups) {
		if group.is_empty() {
			continue;
		}
		let tokens: Vec<u32> = group.iter().map(|&(token, _)| token).collect();
		let said = expert.apply(kernel, &inputs.gather(&tokens));
		for (&(token, rank), row) in group.iter().zip(said.chunks_exact(d)) {
			let at = (token as usize * top_k + rank as usize) * d;
			outputs[at..at + d].copy_from_slice(row);
		}
	}
	let tokens = stream.chunks_exact_mut(d).zip(outputs.chunks_exact(top_k * d));
	for ((h, said), gates) in tokens.zip(gates.chunks_exact(top_k)) {
		rows::mix(kernel, h, gates, said);
	}
}

/// Logits after every token: `[tokens, 256]`.
pub fn head(kernel: Kernel, trunk: &TrunkWeights, stream: &[i32]) -> Vec<i32> {
	trunk.head.logits(kernel, &ActivationRows::norm_quant(kernel, stream, &trunk.final_gain))
}

/// Losses of sequences of one length, from the stream behind the last layer.
///
/// # Shapes
/// `stream: [sequences * tokens, d_model]`, output: `[sequences]`.
pub fn losses(kernel: Kernel, trunk: &TrunkWeights, stream: &[i32], sequences: &[&[u8]]) -> Vec<u64> {
	let logits = head(kernel, trunk, stream);
	let mut rows = logits.chunks_exact(VOCAB);
	sequences
		.iter()
		.map(|bytes| {
			bytes.iter().zip(&mut rows).map(|(&byte, logits)| rows::loss(kernel, logits, byte)).sum()
		})
		.collect()
}

/// Runs the layers in `range` over the stream.
pub fn layers(
	kernel: Kernel,
	model: &Model,
	range: std::ops::Range<usize>,
	stream: &mut [i32],
	pasts: &mut [KeyValues],
) {
	for index in range {
		let layer = &model.trunk().layers[index];
		pasts.iter_mut().for_each(KeyValues::clear);
		attention(kernel, model.trunk(), layer, stream, pasts);
		mixture(kernel, model.config(), layer, model.layer_experts(index), stream);
	}
}
