//! Forward pass of some positions, of one sequence or of several, on one thread; of a single position on several.

use super::{
	means::{set_norm, Means, Product},
	mixture,
	network::Buffers,
	weights::{Attention, FeedForward, Layer, Shape},
	Store,
};
use blyan_exact::definition2::{
	linear::{LOGIT_BITS, PROJECTION_BITS},
	LOGIT_MAX, PROJECTION_MAX, RESIDUAL_MAX,
};
use blyan_kernel::definition2::{
	add, angles, attend_pieces, embed, loss, normalise, quantise_heads, rotate, Inputs, Queries, Scratch,
};
use rayon::prelude::*;
use std::ops::Range;

/// Positions whose logits are in memory at a time.
const LOGIT_POSITIONS: usize = 8;

/// Consecutive tokens of one sequence.
#[derive(Clone, Copy)]
pub struct Part<'a> {
	/// Number of the sequence in the store.
	pub sequence: usize,
	/// Position of the first token.
	pub first: usize,
	/// The tokens.
	pub ids: &'a [u32],
}

/// Rows of one sequence in a lane.
struct Segment {
	sequence: usize,
	/// Position of the first row.
	first: usize,
	/// First row.
	row: usize,
	tokens: usize,
}

/// State of some positions on their way through the layers. Buffers are kept between passes.
#[derive(Default)]
pub struct Lane {
	segments: Vec<Segment>,
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
	/// Returns the positions of a lane that holds one sequence.
	pub fn positions(&self) -> Range<usize> {
		let first = self.first();
		first..first + self.tokens
	}

	fn first(&self) -> usize {
		self.segments.first().map_or(0, |segment| segment.first)
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
	pub fn begin(&mut self, means: Means<'_>, parts: &[Part<'_>]) {
		let shape = means.shape();
		self.segments.clear();
		self.tokens = 0;
		self.rotations.clear();
		self.stream.resize(parts.iter().map(|part| part.ids.len()).sum::<usize>() * shape.d_model, 0);
		let mut rows = self.stream.chunks_exact_mut(shape.d_model);
		for Part { sequence, first, ids } in parts {
			let (sequence, first) = (*sequence, *first);
			self.segments.push(Segment { sequence, first, row: self.tokens, tokens: ids.len() });
			self.tokens += ids.len();
			for (index, (id, row)) in ids.iter().zip(&mut rows).enumerate() {
				embed(means.weights.embedding.view(), *id as usize, shape.fraction, row);
				angles((first + index) as u32, &means.weights.frequencies, &mut self.turns);
				self.rotations.extend_from_slice(&self.turns);
			}
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

	/// Appends the keys and values of this lane to a layer's caches.
	pub fn push(&self, shape: &Shape, layer: usize, store: &mut impl Store) {
		let size = shape.head_size;
		for Segment { sequence, first, row, tokens } in &self.segments {
			for token in 0..*tokens {
				let caches = store.place(*sequence, layer, first + token);
				for (head, cache) in caches.iter_mut().enumerate() {
					let row = (row + token) * shape.kv_heads + head;
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
	}

	/// Computes the rest of a layer, once the keys and values of all positions up to these are in the cache.
	pub fn finish(&mut self, means: Means<'_>, (index, layer): (usize, &Layer), store: &impl Store) {
		let (shape, kernel, tokens) = (means.shape(), means.kernel, self.tokens);
		self.attend(means, index, store);
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
			observe(index, self.first(), &self.inputs);
		}
		match &layer.feed_forward {
			FeedForward::Dense(network) => {
				self.networks.run(means, network, &self.inputs, &mut self.update);
				add(kernel, &mut self.stream, &self.update);
			}
			FeedForward::Routed(routed) => self.mixture.run(means, routed, &self.inputs, &mut self.stream),
		}
	}

	fn attend(&mut self, means: Means<'_>, layer: usize, store: &impl Store) {
		let shape = means.shape();
		let (width, group) = (shape.heads * shape.head_size, shape.heads / shape.kv_heads);
		self.attended.resize(self.tokens * width, 0);
		self.scratches.resize_with(shape.kv_heads, Scratch::default);
		let Self { segments, query_codes, query_maxima, attended, scratches, .. } = self;
		let step = |segment: &Segment, head: usize, scratch: &mut Scratch, out: &mut [i32]| {
			let queries = Queries {
				codes: &query_codes[segment.row * width + head * group * shape.head_size..],
				code_stride: width,
				maxima: &query_maxima[segment.row * shape.heads + head * group..],
				maximum_stride: shape.heads,
				group,
				tokens: segment.tokens,
				first: segment.first + 1,
			};
			let mut pieces = Vec::new();
			store.pieces(segment.sequence, layer, head, &mut pieces);
			attend_pieces(means.kernel, queries, &pieces, scratch, out, width);
		};
		match segments.as_slice() {
			[only] if self.tokens == 1 && means.threads > 1 => {
				let outs = attended.par_chunks_mut(group * shape.head_size);
				let heads = outs.zip(scratches.par_iter_mut()).enumerate();
				heads.for_each(|(head, (out, scratch))| step(only, head, scratch, out));
			}
			segments => {
				for segment in segments {
					for (head, scratch) in scratches.iter_mut().enumerate() {
						let first = segment.row * width + head * group * shape.head_size;
						step(segment, head, scratch, &mut attended[first..]);
					}
				}
			}
		}
	}

	/// Computes the logits after the last position.
	pub fn last_logits(&mut self, means: Means<'_>, logits: &mut Vec<i32>) {
		self.logits_of(means, &[self.tokens - 1], logits);
	}

	/// Computes the logits after some positions, given by their place in the lane; a few rows are in memory at a time.
	pub fn each_logits(&mut self, means: Means<'_>, places: &[usize], mut each: impl FnMut(usize, &[i32])) {
		let vocabulary = means.shape().vocabulary;
		let mut logits = Vec::new();
		for places in places.chunks(LOGIT_POSITIONS) {
			self.logits_of(means, places, &mut logits);
			places.iter().zip(logits.chunks_exact(vocabulary)).for_each(|(place, row)| each(*place, row));
		}
	}

	/// Computes the loss of each position's target.
	pub fn losses(&mut self, means: Means<'_>, targets: &[u32], losses: &mut [u64]) {
		let places: Vec<usize> = (0..self.tokens).collect();
		self.each_logits(means, &places, |place, logits| {
			losses[place] = loss(means.kernel, logits, targets[place]);
		});
	}

	fn logits_of(&mut self, means: Means<'_>, places: &[usize], logits: &mut Vec<i32>) {
		let width = means.shape().d_model;
		let row = |place: &usize| &self.stream[place * width..(place + 1) * width];
		let rows: Vec<i32> = places.iter().flat_map(row).copied().collect();
		self.logits(means, &rows, logits);
	}

	fn logits(&mut self, means: Means<'_>, rows: &[i32], logits: &mut Vec<i32>) {
		let (shape, weights) = (means.shape(), means.weights);
		let norm = &weights.output_norm;
		set_norm(&mut self.inputs, means.kernel, (rows, shape.fraction), norm, shape.input_bits);
		let products = vec![Product::plain(weights.head(), self.inputs.tokens(), logits)];
		means.products(&self.inputs, LOGIT_BITS.into(), LOGIT_MAX, products);
	}
}

/// Runs some layers over lanes; `is_cancelled` is asked before every layer.
pub fn layers<S: Store>(
	means: Means<'_>,
	range: Range<usize>,
	lanes: &mut [Lane],
	store: &mut S,
	is_cancelled: impl Fn() -> bool,
) -> bool {
	for (index, layer) in range.clone().zip(&means.weights.layers[range]) {
		if is_cancelled() {
			return false;
		}
		each(lanes, |lane| lane.project(means, layer));
		lanes.iter().for_each(|lane| lane.push(means.shape(), index, store));
		let store: &S = store;
		each(lanes, |lane| lane.finish(means, (index, layer), store));
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
