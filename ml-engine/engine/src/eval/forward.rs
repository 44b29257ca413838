//! Layers over many tokens at once, with the keys and values they leave behind.
//!
//! Every function tells a [`Recorder`] what its operators put out; generation, and evaluation without traces, have none.

use super::recorder::{activations, integers, small_integers, Recorder};
use crate::{
	kernel::{
		attention::{key_index, value_index, POSITIONS},
		rows::{self, ActivationRows},
		Kernel,
	},
	model::{ExpertWeights, Model, TrunkWeights},
};
use blyan_exact::{routing::route, ModelConfig, Operator, PROJECTION_MAX, RESIDUAL_MAX, VOCAB};
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

	fn push(&mut self, kernel: Kernel, key: &[i32], value: &[i32], heads: Option<&mut HeadRows>) {
		let (size, stride, position) = (self.head_size, self.stride, self.len);
		let mut heads = heads;
		for (head, (key, value)) in key.chunks_exact(size).zip(value.chunks_exact(size)).enumerate() {
			let range = head * size * stride..(head + 1) * size * stride;
			let maximum = rows::quantise_head(kernel, key, &mut self.scratch);
			self.maxima[head * stride + position] = maximum;
			let keys = &mut self.keys[range.clone()];
			for (entry, &k) in self.scratch.iter().enumerate() {
				keys[key_index(stride, position, entry)] = k;
			}
			if let Some(heads) = &mut heads {
				heads.put_key(head, &self.scratch, maximum);
			}
			rows::quantise_values(kernel, value, &mut self.scratch);
			let values = &mut self.values[range];
			for (entry, &v) in self.scratch.iter().enumerate() {
				values[value_index(size, position, entry)] = v;
			}
			if let Some(heads) = &mut heads {
				heads.put_value(head, &self.scratch);
			}
		}
		self.len += 1;
		if let Some(heads) = heads {
			heads.position += 1;
		}
	}

	/// Keys, the first `len` maxima, and values of one head.
	fn head(&self, head: usize, len: usize) -> (&[i8], &[i32], &[i8]) {
		let entries = head * self.head_size * self.stride..(head + 1) * self.head_size * self.stride;
		let maxima = &self.maxima[head * self.stride..][..len];
		(&self.keys[entries.clone()], maxima, &self.values[entries])
	}
}

/// Keys and values of a batch as rows of a trace: one row a head, one entry a position.
struct HeadRows {
	heads: usize,
	positions: usize,
	head_size: usize,
	/// The position that is being written, counted over all sequences.
	position: usize,
	keys: Vec<u8>,
	values: Vec<u8>,
}

impl HeadRows {
	fn new(config: &ModelConfig, sequences: usize, positions: usize) -> Self {
		let (heads, head_size) = (usize::from(config.heads), config.head_size());
		let entries = sequences * heads * positions;
		let (keys, values) = (vec![0; entries * (head_size + 4)], vec![0; entries * head_size]);
		Self { heads, positions, head_size, position: 0, keys, values }
	}

	/// Place of the current position's entry of a head.
	fn entry(&self, head: usize) -> usize {
		let (sequence, position) = (self.position / self.positions, self.position % self.positions);
		(sequence * self.heads + head) * self.positions + position
	}

	fn put_key(&mut self, head: usize, key: &[i8], maximum: i32) {
		let bytes = self.head_size + 4;
		let at = self.entry(head) * bytes;
		let (entries, behind) = self.keys[at..at + bytes].split_at_mut(self.head_size);
		entries.copy_from_slice(small_integers(key));
		behind.copy_from_slice(&maximum.to_le_bytes());
	}

	fn put_value(&mut self, head: usize, value: &[i8]) {
		let at = self.entry(head) * self.head_size;
		self.values[at..at + self.head_size].copy_from_slice(small_integers(value));
	}
}

/// The first residual stream: `[tokens, d_model]`.
pub fn embed(
	trunk: &TrunkWeights,
	tokens: impl IntoIterator<Item = u8>,
	recorder: &mut impl Recorder,
) -> Vec<i32> {
	let mut stream = Vec::new();
	for token in tokens {
		trunk.embedding.embed_into(token, &mut stream);
	}
	recorder.whole(Operator::Embed, &integers(&stream));
	stream
}

fn record_activations<R: Recorder>(recorder: &mut R, operator: Operator, rows: &ActivationRows) {
	if R::IS_ACTIVE {
		recorder.whole(operator, &activations(rows));
	}
}

/// Adds the attention of layer `index` to the stream.
///
/// # Shapes
/// `stream: [sequences * tokens, d_model]`, one entry of `pasts` a sequence; each grows by `tokens`. Whoever records
/// starts with empty pasts.
pub fn attention<R: Recorder>(
	kernel: Kernel,
	trunk: &TrunkWeights,
	index: usize,
	stream: &mut [i32],
	pasts: &mut [KeyValues],
	recorder: &mut R,
) {
	let d = usize::from(trunk.config.d_model);
	let size = trunk.config.head_size();
	// Layers are at most 32.
	let (layer, number) = (&trunk.layers[index], index as u8);
	let inputs = ActivationRows::norm_quant(kernel, stream, &layer.attn_gain);
	record_activations(recorder, Operator::AttentionInput(number), &inputs);
	let mut queries = layer.wq.project(kernel, &inputs, PROJECTION_MAX);
	recorder.whole(Operator::Query(number), &integers(&queries));
	let mut keys = layer.wk.project(kernel, &inputs, PROJECTION_MAX);
	recorder.whole(Operator::Key(number), &integers(&keys));
	let values = layer.wv.project(kernel, &inputs, PROJECTION_MAX);
	recorder.whole(Operator::Value(number), &integers(&values));
	let tokens = inputs.tokens() / pasts.len().max(1);
	let mut outputs = vec![0; stream.len()];
	let mut scratch = Vec::new();
	let mut query = vec![0; size];
	let mut head_rows = R::IS_ACTIVE.then(|| HeadRows::new(&trunk.config, pasts.len(), tokens));
	let mut query_rows = Vec::new();
	let mut maxima_of_query = Vec::new();
	for (sequence, past) in pasts.iter_mut().enumerate() {
		let first = past.len();
		for token in 0..tokens {
			let row = (sequence * tokens + token) * d..(sequence * tokens + token + 1) * d;
			let position = first + token;
			let angles = &trunk.rotary[position * size / 2..(position + 1) * size / 2];
			rows::rotate(kernel, &mut queries[row.clone()], angles);
			rows::rotate(kernel, &mut keys[row.clone()], angles);
			past.push(kernel, &keys[row.clone()], &values[row], head_rows.as_mut());
		}
		for token in 0..tokens {
			let len = first + token + 1;
			let row = (sequence * tokens + token) * d..(sequence * tokens + token + 1) * d;
			let heads = queries[row.clone()].chunks_exact(size).zip(outputs[row].chunks_exact_mut(size));
			for (head, (entries, out)) in heads.enumerate() {
				let maximum = rows::quantise_head(kernel, entries, &mut query);
				if R::IS_ACTIVE {
					query_rows.extend_from_slice(small_integers(&query));
					maxima_of_query.extend_from_slice(&maximum.to_le_bytes());
				}
				let (keys, maxima, values) = past.head(head, len);
				rows::attend(kernel, &query, maximum, keys, past.stride, maxima, values, &mut scratch, out);
			}
			// The maxima stand behind the row's entries.
			query_rows.append(&mut maxima_of_query);
		}
	}
	recorder.whole(Operator::QueryHeads(number), &query_rows);
	if let Some(HeadRows { keys, values, .. }) = head_rows {
		recorder.whole(Operator::KeyHeads(number), &keys);
		recorder.whole(Operator::ValueHeads(number), &values);
	}
	recorder.whole(Operator::Attention(number), &integers(&outputs));
	let mixed = ActivationRows::norm_quant(kernel, &outputs, &layer.attn_out_gain);
	record_activations(recorder, Operator::AttentionOutput(number), &mixed);
	rows::add(kernel, stream, &layer.wo.project(kernel, &mixed, RESIDUAL_MAX));
	recorder.whole(Operator::AttentionResidual(number), &integers(stream));
}

/// Tokens grouped by the expert they go to.
#[derive(Clone, Debug)]
pub struct Routed {
	inputs: ActivationRows,
	/// For every expert and rank the tokens that chose it at that rank.
	groups: Vec<[Vec<u32>; 2]>,
	/// `[tokens, top_k]`
	gates: Vec<u32>,
}

impl Routed {
	/// Asks the router of layer `index` where each token goes.
	///
	/// # Shapes
	/// `stream: [tokens, d_model]`.
	pub fn new<R: Recorder>(
		kernel: Kernel,
		trunk: &TrunkWeights,
		index: usize,
		stream: &[i32],
		recorder: &mut R,
	) -> Self {
		let (layer, number) = (&trunk.layers[index], index as u8);
		let (experts, top_k) = (usize::from(trunk.config.experts), usize::from(trunk.config.top_k));
		let inputs = ActivationRows::norm_quant(kernel, stream, &layer.ffn_gain);
		record_activations(recorder, Operator::MixtureInput(number), &inputs);
		let logits = layer.router.logits(kernel, &inputs);
		recorder.whole(Operator::RouterLogits(number), &integers(&logits));
		let mut groups: Vec<[Vec<u32>; 2]> = vec![Default::default(); experts];
		let mut gates = vec![0; inputs.tokens() * top_k];
		let mut choices = Vec::new();
		for (token, logits) in logits.chunks_exact(experts).enumerate() {
			for (rank, choice) in route(logits, top_k).into_iter().enumerate() {
				groups[choice.expert][rank].push(token as u32);
				gates[token * top_k + rank] = choice.gate;
				if R::IS_ACTIVE {
					choices.extend_from_slice(&(choice.expert as u16).to_le_bytes());
					choices.extend_from_slice(&choice.gate.to_le_bytes());
				}
			}
		}
		recorder.whole(Operator::Route(number), &choices);
		Self { inputs, groups, gates }
	}

	/// Whether any token goes to an expert.
	pub fn is_chosen(&self, expert: usize) -> bool {
		self.groups[expert].iter().any(|tokens| !tokens.is_empty())
	}

	/// What one expert says to its tokens, written to their places in `said`.
	///
	/// # Shapes
	/// `said: [tokens, top_k, d_model]`.
	pub fn apply<R: Recorder>(
		&self,
		kernel: Kernel,
		index: usize,
		expert: usize,
		weights: &ExpertWeights,
		said: &mut [i32],
		recorder: &mut R,
	) {
		if !self.is_chosen(expert) {
			return;
		}
		let ranks = &self.groups[expert];
		let tokens = ranks.concat();
		let (hidden, normalised, down) = weights.steps(kernel, &self.inputs.gather(&tokens));
		if R::IS_ACTIVE {
			let number = index as u8;
			let parts: [(fn(u8, u8) -> Operator, &[u8]); 3] = [
				(Operator::Up, &integers(&hidden)),
				(Operator::Hidden, &activations(&normalised)),
				(Operator::Down, &integers(&down)),
			];
			for (operator, bytes) in parts {
				let (first, second) = bytes.split_at(bytes.len() / tokens.len() * ranks[0].len());
				for (rank, bytes) in [first, second].into_iter().enumerate().filter(|(_, b)| !b.is_empty()) {
					recorder.some(operator(number, rank as u8), &ranks[rank], bytes);
				}
			}
		}
		let d = self.inputs.width;
		let top_k = self.gates.len() / self.inputs.tokens();
		let places =
			ranks.iter().enumerate().flat_map(|(rank, t)| t.iter().map(move |&t| t as usize * top_k + rank));
		for (place, row) in places.zip(down.chunks_exact(d)) {
			said[place * d..(place + 1) * d].copy_from_slice(row);
		}
	}

	/// What all experts say: `[tokens, top_k, d_model]`.
	pub fn apply_all(
		&self,
		kernel: Kernel,
		index: usize,
		experts: &[Arc<ExpertWeights>],
		recorder: &mut impl Recorder,
	) -> Vec<i32> {
		let mut said = vec![0; self.gates.len() * self.inputs.width];
		for (expert, weights) in experts.iter().enumerate() {
			self.apply(kernel, index, expert, weights, &mut said, recorder);
		}
		said
	}

	/// Adds what the experts say to the stream.
	pub fn mix(
		&self,
		kernel: Kernel,
		index: usize,
		stream: &mut [i32],
		said: &[i32],
		recorder: &mut impl Recorder,
	) {
		let d = self.inputs.width;
		let top_k = self.gates.len() / self.inputs.tokens().max(1);
		let tokens = stream.chunks_exact_mut(d).zip(said.chunks_exact(top_k * d));
		for ((h, said), gates) in tokens.zip(self.gates.chunks_exact(top_k)) {
			rows::mix(kernel, h, gates, said);
		}
		recorder.whole(Operator::Mix(index as u8), &integers(stream));
	}
}

/// Adds the experts of layer `index` to the stream, tokens grouped by the expert they go to.
///
/// # Shapes
/// `stream: [tokens, d_model]`.
pub fn mixture(
	kernel: Kernel,
	trunk: &TrunkWeights,
	index: usize,
	experts: &[Arc<ExpertWeights>],
	stream: &mut [i32],
	recorder: &mut impl Recorder,
) {
	let routed = Routed::new(kernel, trunk, index, stream, recorder);
	let said = routed.apply_all(kernel, index, experts, recorder);
	routed.mix(kernel, index, stream, &said, recorder);
}

/// Logits after every token: `[tokens, 256]`.
pub fn head(kernel: Kernel, trunk: &TrunkWeights, stream: &[i32], recorder: &mut impl Recorder) -> Vec<i32> {
	let inputs = ActivationRows::norm_quant(kernel, stream, &trunk.final_gain);
	record_activations(recorder, Operator::HeadInput, &inputs);
	let logits = trunk.head.logits(kernel, &inputs);
	recorder.whole(Operator::Logits, &integers(&logits));
	logits
}

/// Losses of sequences of one length, from the stream behind the last layer.
///
/// # Shapes
/// `stream: [sequences * tokens, d_model]`, output: `[sequences]`.
pub fn losses<R: Recorder>(
	kernel: Kernel,
	trunk: &TrunkWeights,
	stream: &[i32],
	sequences: &[&[u8]],
	recorder: &mut R,
) -> Vec<u64> {
	let logits = head(kernel, trunk, stream, recorder);
	let targets = sequences.iter().flat_map(|bytes| bytes.iter());
	let losses: Vec<u64> = targets
		.zip(logits.chunks_exact(VOCAB))
		.map(|(&byte, logits)| rows::loss(kernel, logits, byte))
		.collect();
	let len = sequences.first().map_or(1, |bytes| bytes.len());
	let totals: Vec<u64> = losses.chunks_exact(len).map(|losses| losses.iter().sum()).collect();
	if R::IS_ACTIVE {
		let bytes = |losses: &[u64]| losses.iter().flat_map(|loss| loss.to_le_bytes()).collect::<Vec<u8>>();
		recorder.whole(Operator::Loss, &bytes(&losses));
		recorder.whole(Operator::Total, &bytes(&totals));
	}
	totals
}

/// Runs the layers in `range` over the stream.
pub fn layers(
	kernel: Kernel,
	model: &Model,
	range: std::ops::Range<usize>,
	stream: &mut [i32],
	pasts: &mut [KeyValues],
	recorder: &mut impl Recorder,
) {
	for index in range {
		pasts.iter_mut().for_each(KeyValues::clear);
		attention(kernel, model.trunk(), index, stream, pasts, recorder);
		mixture(kernel, model.trunk(), index, model.layer_experts(index), stream, recorder);
	}
}
