//! Forward pass of some consecutive positions of one sequence, on one thread; a single position on several.

use super::{
	means::{set_norm, Means, Product},
	mixture,
	network::Buffers,
	weights::{Attention, FeedForward, Layer, Shape},
	Sequence,
};
use blyan_exact::definition2::{
	linear::{LOGIT_BITS, PROJECTION_BITS},
	LOGIT_MAX, PROJECTION_MAX, RESIDUAL_MAX,
};
use blyan_kernel::definition2::{
	add, angles, attend, embed, loss, normalise, quantise_heads, rotate, HeadCache, Inputs, Queries, Scratch,
};
use rayon::prelude::*;
use std::ops::Range;

/// Positions whose logits are in memory at a time while losses are computed.
const LOSS_POSITIONS: usize = 8;

/// State of some consecutive positions on their way through the layers. Buffers are kept between passes.
#[derive(Default)]
pub struct Lane {
	/// First position.
	first: usize,
	tokens: usize,
	stream: Vec<i32>,
	inputs: Inputs,
	query: Vec<i32>,
	key: Vec<i32>,
	value: Vec<i32>,
	query_codes: Vec<i8>,
	query_maxima: Vec<i32>,
	key_codes: Vec<i8>,
	key_maxima: Vec<i32>,
	value_codes: Vec<i8>,
	value_maxima: Vec<i32>,
	attended: Vec<i32>,
	update: Vec<i32>,
	turns: Vec<[i32; 2]>,
	/// Angles of one position after another.
	rotations: Vec<[i32; 2]>,
	scratches: Vec<Scratch>,
	networks: Buffers,
	mixture: mixture::Buffers,
}

impl Lane {
	/// Returns the positions of this lane.
	pub fn positions(&self) -> Range<usize> {
		self.first..self.first + self.tokens
	}

	/// Returns the residual stream behind the last layer that was run. `[tokens, d_model]`
	pub fn stream(&self) -> &[i32] {
		&self.stream
	}

	/// Returns the input of that layer's feed-forward part, until logits are computed.
	pub fn inputs(&self) -> &Inputs {
		&self.inputs
	}

	/// Puts the embeddings of tokens into the residual stream, and computes the angles of their positions.
	pub fn begin(&mut self, means: Means<'_>, first: usize, ids: &[u32]) {
		let shape = means.shape();
		(self.first, self.tokens) = (first, ids.len());
		self.stream.resize(ids.len() * shape.d_model, 0);
		self.rotations.clear();
		for (index, (id, row)) in ids.iter().zip(self.stream.chunks_exact_mut(shape.d_model)).enumerate() {
			embed(means.weights.embedding.view(), *id as usize, shape.fraction, row);
			angles((first + index) as u32, &means.weights.frequencies, &mut self.turns);
			self.rotations.extend_from_slice(&self.turns);
		}
	}

	/// Computes queries, keys and values of a layer.
	pub fn project(&mut self, means: Means<'_>, layer: &Layer) {
		let Attention { norm, query, key, value, query_norm, key_norm, .. } = &layer.attention;
		let (shape, kernel, tokens) = (means.shape(), means.kernel, self.tokens);
		set_norm(&mut self.inputs, kernel, (&self.stream, shape.fraction), norm, shape.input_bits);
		let products = vec![
			Product::of(query, tokens, &mut self.query),
			Product::of(key, tokens, &mut self.key),
			Product::of(value, tokens, &mut self.value),
		];
		means.products(&self.inputs, PROJECTION_BITS.into(), PROJECTION_MAX, products);
		if let Some(norm) = query_norm {
			normalise(kernel, &mut self.query, norm.gain(), norm.eps);
		}
		if let Some(norm) = key_norm {
			normalise(kernel, &mut self.key, norm.gain(), norm.eps);
		}
		let pairs = shape.head_size / 2;
		for rows in [&mut self.query, &mut self.key] {
			let width = rows.len() / tokens;
			let turns = self.rotations.chunks_exact(pairs);
			rows.chunks_exact_mut(width).zip(turns).for_each(|(row, turns)| rotate(kernel, row, turns));
		}
		for (rows, codes, maxima) in [
			(&self.query, &mut self.query_codes, &mut self.query_maxima),
			(&self.key, &mut self.key_codes, &mut self.key_maxima),
			(&self.value, &mut self.value_codes, &mut self.value_maxima),
		] {
			codes.resize(rows.len(), 0);
			maxima.resize(rows.len() / shape.head_size, 0);
			quantise_heads(kernel, rows, shape.head_size, codes, maxima);
		}
	}

	/// Appends the keys and values of this lane to a layer's cache.
	pub fn push(&self, shape: &Shape, caches: &mut [HeadCache]) {
		let size = shape.head_size;
		for token in 0..self.tokens {
			for (head, cache) in caches.iter_mut().enumerate() {
				let row = token * shape.kv_heads + head;
				let codes = row * size..(row + 1) * size;
				cache.push(
					&self.key_codes[codes.clone()],
					self.key_maxima[row],
					&self.value_codes[codes],
					self.value_maxima[row],
				);
			}
		}
	}

	/// Computes the rest of a layer, once the keys and values of all positions up to these are in the cache.
	pub fn finish(&mut self, means: Means<'_>, (index, layer): (usize, &Layer), caches: &[HeadCache]) {
		let (shape, kernel, tokens) = (means.shape(), means.kernel, self.tokens);
		self.attend(means, caches);
		match &layer.attention.sub_norm {
			Some(norm) => {
				let rows = (self.attended.as_slice(), PROJECTION_BITS.into());
				set_norm(&mut self.inputs, kernel, rows, norm, shape.output_bits);
			}
			None => {
				let width = shape.heads * shape.head_size;
				self.inputs.set_quantised(
					kernel,
					&self.attended,
					width,
					PROJECTION_BITS.into(),
					shape.output_bits,
				);
			}
		}
		let products = vec![Product::plain(layer.attention.output.view(), tokens, &mut self.update)];
		means.products(&self.inputs, shape.fraction, RESIDUAL_MAX, products);
		add(kernel, &mut self.stream, &self.update);
		set_norm(&mut self.inputs, kernel, (&self.stream, shape.fraction), &layer.norm, shape.input_bits);
		if let Some(observe) = means.observer {
			observe(index, self.first, &self.inputs);
		}
		match &layer.feed_forward {
			FeedForward::Dense(network) => {
				self.networks.run(means, network, &self.inputs, &mut self.update);
				add(kernel, &mut self.stream, &self.update);
			}
			FeedForward::Routed(routed) => self.mixture.run(means, routed, &self.inputs, &mut self.stream),
		}
	}

	fn attend(&mut self, means: Means<'_>, caches: &[HeadCache]) {
		let shape = means.shape();
		let (width, group) = (shape.heads * shape.head_size, shape.heads / shape.kv_heads);
		self.attended.resize(self.tokens * width, 0);
		self.scratches.resize_with(shape.kv_heads, Scratch::default);
		let (codes, maxima, tokens, first) =
			(&self.query_codes, &self.query_maxima, self.tokens, self.first + 1);
		let head = |head: usize, cache: &HeadCache, scratch: &mut Scratch, out: &mut [i32]| {
			let queries = Queries {
				codes: &codes[head * group * shape.head_size..],
				code_stride: width,
				maxima: &maxima[head * group..],
				maximum_stride: shape.heads,
				group,
				tokens,
				first,
			};
			attend(means.kernel, queries, cache, scratch, out, width);
		};
		let heads = caches.iter().zip(&mut self.scratches).enumerate();
		if tokens > 1 || means.threads < 2 {
			let out = &mut self.attended;
			heads.for_each(|(index, (cache, scratch))| {
				head(index, cache, scratch, &mut out[index * group * shape.head_size..])
			});
			return;
		}
		let outs = self.attended.par_chunks_mut(group * shape.head_size);
		outs.zip(caches.par_iter().zip(&mut self.scratches))
			.enumerate()
			.for_each(|(index, (out, (cache, scratch)))| head(index, cache, scratch, out));
	}

	/// Computes the logits after the last position.
	pub fn last_logits(&mut self, means: Means<'_>, logits: &mut Vec<i32>) {
		self.logits_of(means, &[self.tokens - 1], logits);
	}

	/// Computes the logits after some positions, given by their place in the lane.
	pub fn logits_of(&mut self, means: Means<'_>, places: &[usize], logits: &mut Vec<i32>) {
		let width = means.shape().d_model;
		let row = |place: &usize| &self.stream[place * width..(place + 1) * width];
		let rows: Vec<i32> = places.iter().flat_map(row).copied().collect();
		self.logits(means, &rows, logits);
	}

	/// Computes the loss of each position's target.
	pub fn losses(&mut self, means: Means<'_>, targets: &[u32], losses: &mut [u64]) {
		let vocabulary = means.shape().vocabulary;
		let mut logits = Vec::new();
		for first in (0..self.tokens).step_by(LOSS_POSITIONS) {
			let last = (first + LOSS_POSITIONS).min(self.tokens);
			let places: Vec<usize> = (first..last).collect();
			self.logits_of(means, &places, &mut logits);
			let rows = logits.chunks_exact(vocabulary).zip(&targets[first..last]);
			for ((logits, target), out) in rows.zip(&mut losses[first..last]) {
				*out = loss(means.kernel, logits, *target);
			}
		}
	}

	fn logits(&mut self, means: Means<'_>, rows: &[i32], logits: &mut Vec<i32>) {
		let (shape, weights) = (means.shape(), means.weights);
		let norm = &weights.output_norm;
		set_norm(&mut self.inputs, means.kernel, (rows, shape.fraction), norm, shape.input_bits);
		let products = vec![Product::plain(weights.head(), self.inputs.tokens(), logits)];
		means.products(&self.inputs, LOGIT_BITS.into(), LOGIT_MAX, products);
	}
}

/// Runs the first `depth` layers over lanes of consecutive positions; `is_cancelled` is asked before every layer.
pub fn layers(
	means: Means<'_>,
	depth: usize,
	lanes: &mut [Lane],
	sequence: &mut Sequence,
	is_cancelled: impl Fn() -> bool,
) -> bool {
	let kv_heads = means.shape().kv_heads;
	let layers = means.weights.layers[..depth].iter().zip(sequence.caches.chunks_exact_mut(kv_heads));
	for (index, (layer, caches)) in layers.enumerate() {
		if is_cancelled() {
			return false;
		}
		each(lanes, |lane| lane.project(means, layer));
		lanes.iter().for_each(|lane| lane.push(means.shape(), caches));
		let caches: &[HeadCache] = caches;
		each(lanes, |lane| lane.finish(means, (index, layer), caches));
	}
	true
}

/// Runs a step of every lane, in parallel if there are several.
fn each(lanes: &mut [Lane], step: impl Fn(&mut Lane) + Send + Sync) {
	match lanes {
		[lane] => step(lane),
		lanes => lanes.par_iter_mut().for_each(step),
	}
}
