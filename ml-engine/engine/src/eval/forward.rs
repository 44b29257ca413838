//! Forward pass over many tokens at once, with the KV caches of its sequences.
//!
//! Every function passes the outputs of its operators to a [`Recorder`]; generation, and evaluation without traces, use the
//! one that ignores them.

pub use super::{
	kv_cache::KvCache,
	mixture::mixture,
	routing::Routed,
	workspace::{is_worth_sharing, Borrowed, Workspace, Workspaces},
};

use super::{
	kv_cache::HeadRows,
	recorder::{integers, record_activations, small_integers, Recorder},
	scratch::{rows_per_thread, sized, tokens_per_thread, ThreadScratch},
};
use crate::{
	kernel::{
		attention::{self, Queries},
		packed::GROUP_ROWS,
		rowwise, Kernel,
	},
	model::{Model, TrunkWeights},
};
use blyan_exact::{Operator, PROJECTION_MAX, RESIDUAL_MAX, VOCAB};
use blyan_primitives::EngineError;
use rayon::prelude::*;
use std::collections::VecDeque;

/// Embeds tokens: `stream` becomes the first residual stream, `[tokens, d_model]`.
pub fn embed(
	kernel: Kernel,
	trunk: &TrunkWeights,
	tokens: impl IntoIterator<Item = u8>,
	stream: &mut Vec<i32>,
	recorder: &mut impl Recorder,
) {
	stream.clear();
	for token in tokens {
		trunk.embedding.embed_into(kernel, token, stream);
	}
	recorder.whole(Operator::Embed, &integers(stream));
}

/// Adds the attention of layer `index` to the stream.
///
/// # Shapes
/// `stream: [sequences * tokens, d_model]`, one entry of `caches` a sequence, all of one length; each grows by `tokens`.
/// A pass with a recorder starts with empty caches.
pub fn attention<R: Recorder>(
	kernel: Kernel,
	trunk: &TrunkWeights,
	index: usize,
	stream: &mut [i32],
	caches: &mut [KvCache],
	work: &mut Workspace,
	recorder: &mut R,
) {
	let d = usize::from(trunk.config.d_model);
	let layer = Attention {
		kernel,
		trunk,
		index,
		tokens: stream.len() / d / caches.len().max(1),
		first: caches.first().map_or(0, KvCache::len),
	};
	if let (true, [cache]) = (work.scratches.len() > 1 && stream.len() == d, &mut *caches) {
		return layer.add_to_one(stream, cache, work);
	}
	let Workspace { scratches, queries, keys, values, attended, .. } = work;
	let queries = sized(queries, stream.len());
	let keys = sized(keys, stream.len());
	let values = sized(values, stream.len());
	let attended = sized(attended, stream.len());
	let tokens = tokens_per_thread(stream.len() / d, scratches.len());
	let part = tokens * d;
	if let [scratch] = scratches.as_mut_slice() {
		layer.project(0, stream, [&mut *queries, &mut *keys, &mut *values], scratch, recorder);
	} else {
		let projected = queries.par_chunks_mut(part).zip(keys.par_chunks_mut(part));
		let projected = projected.zip(values.par_chunks_mut(part)).zip(stream.par_chunks(part));
		scratches.par_iter_mut().zip(projected).enumerate().for_each(|(at, (scratch, projected))| {
			let (((queries, keys), values), stream) = projected;
			layer.project(at * tokens, stream, [queries, keys, values], scratch, &mut ());
		});
	}
	let mut head_rows = R::IS_ACTIVE.then(|| HeadRows::new(&trunk.config, caches.len(), layer.tokens));
	let of_sequence = (layer.tokens * d).max(1);
	let projected = keys.chunks_exact(of_sequence).zip(values.chunks_exact(of_sequence));
	for (sequence, (cache, (keys, values))) in caches.iter_mut().zip(projected).enumerate() {
		let rows = head_rows.as_mut().map(|rows| (rows, sequence));
		cache.extend(kernel, keys, values, scratches.len(), rows);
	}
	let caches = &*caches;
	if let [scratch] = scratches.as_mut_slice() {
		layer.attend(0, caches, queries, attended, scratch, head_rows, recorder);
		layer.mix(attended, stream, scratch, recorder);
	} else {
		let (threads, part) = (scratches.len(), tokens_per_thread(stream.len() / d, 2 * scratches.len()) * d);
		let blocks = attended.chunks_mut(part).zip(queries.chunks(part)).zip(stream.chunks_mut(part));
		let shares = from_both_ends(blocks.enumerate().collect(), threads);
		scratches.par_iter_mut().zip(shares).for_each(|(scratch, share)| {
			for (at, ((attended, queries), stream)) in share.into_iter().flatten() {
				layer.attend(at * part / d, caches, queries, attended, scratch, None, &mut ());
				layer.mix(attended, stream, scratch, &mut ());
			}
		});
	}
}

/// Divides blocks of consecutive tokens among `threads`: later tokens see more positions, so each thread gets one block from
/// either end; or just one, if there are no more blocks than threads.
fn from_both_ends<T>(mut blocks: VecDeque<T>, threads: usize) -> Vec<[Option<T>; 2]> {
	let is_one_each = blocks.len() <= threads;
	let mut shares = Vec::with_capacity(threads);
	while let Some(block) = blocks.pop_front() {
		shares.push([Some(block), if is_one_each { None } else { blocks.pop_back() }]);
	}
	shares
}

/// Attention of one layer, over parts of a batch.
struct Attention<'a> {
	kernel: Kernel,
	trunk: &'a TrunkWeights,
	index: usize,
	/// New tokens of each sequence.
	tokens: usize,
	/// Positions before the first of them.
	first: usize,
}

impl Attention<'_> {
	fn number(&self) -> u8 {
		// Layers are at most 32.
		self.index as u8
	}

	/// Runs the whole layer's attention for one token: threads divide the heads, and then the rows.
	fn add_to_one(&self, stream: &mut [i32], cache: &mut KvCache, work: &mut Workspace) {
		let (kernel, layer) = (self.kernel, &self.trunk.layers[self.index]);
		let (d, size) = (stream.len(), self.trunk.config.head_size());
		let Workspace { scratches, queries, keys, values, attended, expert_outputs, .. } = work;
		let [queries, keys, values, attended, update] =
			[queries, keys, values, attended, expert_outputs].map(|buffer| sized(buffer, d));
		let mut inputs = std::mem::take(&mut scratches[0].inputs);
		inputs.set_norm_quant(kernel, stream, &layer.attn_gain, &mut scratches[0].entries);
		let angles = &self.trunk.rotary[self.first * size / 2..(self.first + 1) * size / 2];
		// Whole heads and whole groups of rows.
		let heads = (d / size).div_ceil(scratches.len()).next_multiple_of(GROUP_ROWS.div_ceil(size));
		let part = heads * size;
		let parts = queries.par_chunks_mut(part).zip(keys.par_chunks_mut(part));
		let parts = parts.zip(values.par_chunks_mut(part)).zip(attended.par_chunks_mut(part));
		let parts = parts.zip(cache.shared_heads(heads)).zip(scratches.par_iter_mut());
		parts.enumerate().for_each(|(at, (((((queries, keys), values), attended), heads), scratch))| {
			let rows = at * part..at * part + queries.len();
			layer.wq.project_rows(kernel, &inputs, rows.clone(), PROJECTION_MAX, queries);
			layer.wk.project_rows(kernel, &inputs, rows.clone(), PROJECTION_MAX, keys);
			layer.wv.project_rows(kernel, &inputs, rows, PROJECTION_MAX, values);
			rowwise::rotate(kernel, queries, angles);
			rowwise::rotate(kernel, keys, angles);
			heads.extend_and_attend(kernel, [queries, keys, values], &mut scratch.scores, attended);
		});
		inputs.set_norm_quant(kernel, attended, &layer.attn_out_gain, &mut scratches[0].entries);
		let part = rows_per_thread(d, scratches.len());
		let parts = stream.par_chunks_mut(part).zip(update.par_chunks_mut(part));
		parts.enumerate().for_each(|(at, (stream, update))| {
			let rows = at * part..at * part + stream.len();
			layer.wo.project_rows(kernel, &inputs, rows, RESIDUAL_MAX, update);
			rowwise::add(kernel, stream, update);
		});
		scratches[0].inputs = inputs;
	}

	/// Projects tokens from number `token` of the batch on to queries, keys and values, and rotates the first two.
	fn project<R: Recorder>(
		&self,
		token: usize,
		stream: &[i32],
		[queries, keys, values]: [&mut [i32]; 3],
		scratch: &mut ThreadScratch,
		recorder: &mut R,
	) {
		let (kernel, layer, number) = (self.kernel, &self.trunk.layers[self.index], self.number());
		let ThreadScratch { inputs, entries, .. } = scratch;
		inputs.set_norm_quant(kernel, stream, &layer.attn_gain, entries);
		record_activations(recorder, Operator::AttentionInput(number), inputs);
		layer.wq.project(kernel, inputs, PROJECTION_MAX, queries);
		recorder.whole(Operator::Query(number), &integers(queries));
		layer.wk.project(kernel, inputs, PROJECTION_MAX, keys);
		recorder.whole(Operator::Key(number), &integers(keys));
		layer.wv.project(kernel, inputs, PROJECTION_MAX, values);
		recorder.whole(Operator::Value(number), &integers(values));
		let half = self.trunk.config.head_size() / 2;
		let d = layer.attn_gain.len();
		let rows = queries.chunks_exact_mut(d).zip(keys.chunks_exact_mut(d));
		for (at, (query, key)) in rows.enumerate() {
			let position = self.first + (token + at) % self.tokens;
			let angles = &self.trunk.rotary[position * half..(position + 1) * half];
			rowwise::rotate(kernel, query, angles);
			rowwise::rotate(kernel, key, angles);
		}
	}

	/// Runs the heads of tokens from number `token` of the batch on over the KV caches, which hold these tokens already.
	fn attend<R: Recorder>(
		&self,
		token: usize,
		caches: &[KvCache],
		queries: &[i32],
		attended: &mut [i32],
		scratch: &mut ThreadScratch,
		head_rows: Option<HeadRows>,
		recorder: &mut R,
	) {
		let (kernel, number) = (self.kernel, self.number());
		let (d, size) = (usize::from(self.trunk.config.d_model), self.trunk.config.head_size());
		// A row of the trace: the entries of all heads, and their maxima behind them.
		let row_bytes = d + 4 * (d / size);
		let mut query_rows = if R::IS_ACTIVE { vec![0; queries.len() / d * row_bytes] } else { Vec::new() };
		let ThreadScratch { scores, head_queries, head_maxima, .. } = scratch;
		let mut at = 0;
		while at < queries.len() / d {
			let (sequence, begin) = ((token + at) / self.tokens, (token + at) % self.tokens);
			let end = (begin + queries.len() / d - at).min(self.tokens);
			let rows = at..at + end - begin;
			head_queries.resize(rows.len() * size, 0);
			head_maxima.resize(rows.len(), 0);
			// Keys and values of one head stay in the nearest cache while all its queries pass.
			for head in 0..d / size {
				let of_head = head * size..(head + 1) * size;
				let quantised = head_queries.chunks_exact_mut(size).zip(head_maxima.iter_mut());
				for (row, (quantised, maximum)) in rows.clone().zip(quantised) {
					*maximum =
						attention::quantise_head(kernel, &queries[row * d..][of_head.clone()], quantised);
					if R::IS_ACTIVE {
						let row = &mut query_rows[row * row_bytes..(row + 1) * row_bytes];
						row[of_head.clone()].copy_from_slice(small_integers(quantised));
						row[d + 4 * head..d + 4 * head + 4].copy_from_slice(&maximum.to_le_bytes());
					}
				}
				let first = self.first + begin + 1;
				let queries = Queries { entries: head_queries, maxima: head_maxima, first };
				let out = &mut attended[at * d + head * size..];
				caches[sequence].attend(kernel, head, queries, scores, out, d);
			}
			at += end - begin;
		}
		recorder.whole(Operator::QueryHeads(number), &query_rows);
		if let Some(HeadRows { keys, values, .. }) = head_rows {
			recorder.whole(Operator::KeyHeads(number), &keys);
			recorder.whole(Operator::ValueHeads(number), &values);
		}
		recorder.whole(Operator::Attention(number), &integers(attended));
	}

	/// Adds the output projection of the heads to the stream.
	fn mix<R: Recorder>(
		&self,
		attended: &[i32],
		stream: &mut [i32],
		scratch: &mut ThreadScratch,
		recorder: &mut R,
	) {
		let (kernel, layer, number) = (self.kernel, &self.trunk.layers[self.index], self.number());
		let ThreadScratch { inputs, entries, update, .. } = scratch;
		inputs.set_norm_quant(kernel, attended, &layer.attn_out_gain, entries);
		record_activations(recorder, Operator::AttentionOutput(number), inputs);
		let update = sized(update, stream.len());
		layer.wo.project(kernel, inputs, RESIDUAL_MAX, update);
		rowwise::add(kernel, stream, update);
		recorder.whole(Operator::AttentionResidual(number), &integers(stream));
	}
}

/// Runs the output head: `logits` becomes `[tokens, 256]`.
pub fn head(
	kernel: Kernel,
	trunk: &TrunkWeights,
	stream: &[i32],
	work: &mut Workspace,
	logits: &mut Vec<i32>,
	recorder: &mut impl Recorder,
) {
	let ThreadScratch { inputs, entries, .. } = &mut work.scratches[0];
	inputs.set_norm_quant(kernel, stream, &trunk.final_gain, entries);
	record_activations(recorder, Operator::HeadInput, inputs);
	trunk.head.logits(kernel, inputs, sized(logits, inputs.tokens() * VOCAB));
	recorder.whole(Operator::Logits, &integers(logits));
}

/// Computes the losses of sequences of one length from the stream behind the last layer.
///
/// # Shapes
/// `stream: [sequences * tokens, d_model]`, output: `[sequences]`.
pub fn losses<R: Recorder>(
	kernel: Kernel,
	trunk: &TrunkWeights,
	stream: &[i32],
	sequences: &[&[u8]],
	work: &mut Workspace,
	recorder: &mut R,
) -> Vec<u64> {
	let mut logits = std::mem::take(&mut work.queries);
	head(kernel, trunk, stream, work, &mut logits, recorder);
	let targets = sequences.iter().flat_map(|bytes| bytes.iter());
	let losses: Vec<u64> = targets
		.zip(logits.chunks_exact(VOCAB))
		.map(|(&byte, logits)| rowwise::loss(kernel, logits, byte))
		.collect();
	work.queries = logits;
	let len = sequences.first().map_or(1, |bytes| bytes.len());
	let totals: Vec<u64> = losses.chunks_exact(len).map(|losses| losses.iter().sum()).collect();
	if R::IS_ACTIVE {
		let bytes = |losses: &[u64]| losses.iter().flat_map(|loss| loss.to_le_bytes()).collect::<Vec<u8>>();
		recorder.whole(Operator::Loss, &bytes(&losses));
		recorder.whole(Operator::Total, &bytes(&totals));
	}
	totals
}

/// Runs the layers in `range` over the stream. Fails if an expert that a token is routed to cannot be loaded.
pub fn layers(
	kernel: Kernel,
	model: &Model,
	range: std::ops::Range<usize>,
	stream: &mut [i32],
	caches: &mut [KvCache],
	work: &mut Workspace,
	recorder: &mut impl Recorder,
) -> Result<(), EngineError> {
	for index in range {
		caches.iter_mut().for_each(KvCache::clear);
		attention(kernel, model.trunk(), index, stream, caches, work, recorder);
		mixture(kernel, model, index, stream, work, recorder)?;
	}
	Ok(())
}
