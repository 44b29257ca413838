//! Forward pass of some consecutive positions of one sequence, on one thread; a single position on several.

use super::{
	weights::{Attention, FeedForward, Layer, Linear, Network, Norm, Shape, Weights},
	Sequence,
};
use blyan_exact::{
	definition2::{
		linear::{LOGIT_BITS, PROJECTION_BITS},
		routing::route,
		LOGIT_MAX, PROJECTION_MAX, RESIDUAL_MAX,
	},
	routing::Choice,
};
use blyan_kernel::{
	definition2::{
		add, angles, attend, embed, linear, loss, mix, normalise, quantise_heads, rotate, HeadCache, Inputs,
		PackedView, Queries, Scratch, ROWS,
	},
	Kernel,
};
use rayon::prelude::*;
use std::ops::Range;

/// Positions whose logits are in memory at a time while losses are computed.
const LOSS_POSITIONS: usize = 8;
/// Multiply-adds from which on one position's product is worth a second thread.
const SHARED_PRODUCTS_MIN: usize = 1 << 17;

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
	gate: Vec<i32>,
	up: Vec<i32>,
	update: Vec<i32>,
	turns: Vec<[i32; 2]>,
	/// Angles of one position after another.
	rotations: Vec<[i32; 2]>,
	hidden: Inputs,
	scratches: Vec<Scratch>,
}

/// Model, instruction set and threads of a lane.
#[derive(Clone, Copy)]
pub struct Means<'a> {
	/// The model.
	pub weights: &'a Weights,
	/// Instruction set.
	pub kernel: Kernel,
	/// Threads that share the products of a single position.
	pub threads: usize,
}

/// One product of the inputs: where it goes and what it is.
struct Product<'a> {
	matrix: PackedView<'a>,
	bias: Option<&'a [i32]>,
	out: &'a mut [i32],
}

impl<'a> Product<'a> {
	fn of(linear: &'a Linear, tokens: usize, out: &'a mut Vec<i32>) -> Self {
		Self { bias: linear.bias.as_deref(), ..Self::plain(linear.matrix.view(), tokens, out) }
	}

	fn plain(matrix: PackedView<'a>, tokens: usize, out: &'a mut Vec<i32>) -> Self {
		out.resize(tokens * matrix.rows(), 0);
		Self { matrix, bias: None, out }
	}
}

impl Means<'_> {
	fn shape(&self) -> &Shape {
		&self.weights.shape
	}

	/// Computes products of the same inputs.
	fn products(&self, inputs: &Inputs, fraction: u32, bound: i32, products: Vec<Product<'_>>) {
		let compute = |Product { matrix, bias, out }: Product<'_>| {
			linear(self.kernel, matrix, inputs.view(), fraction, bound, bias, out);
		};
		let operations: usize = products.iter().map(|p| p.matrix.rows() * p.matrix.columns()).sum();
		if self.threads < 2 || inputs.tokens() > 1 || operations < SHARED_PRODUCTS_MIN {
			return products.into_iter().for_each(compute);
		}
		let pieces: Vec<Product<'_>> =
			products.into_iter().flat_map(|product| split_rows(product, self.threads)).collect();
		pieces.into_par_iter().for_each(compute);
	}
}

/// Normalises rows of so many fraction bits.
fn set_norm(inputs: &mut Inputs, kernel: Kernel, (rows, fraction): (&[i32], u32), norm: &Norm, bits: u32) {
	inputs.set_norm(kernel, rows, fraction as i32, norm.gain(), norm.eps, bits);
}

/// Splits the product of a single position by rows.
fn split_rows(product: Product<'_>, pieces: usize) -> Vec<Product<'_>> {
	let rows = product.matrix.rows();
	let piece = rows.div_ceil(pieces).next_multiple_of(ROWS);
	let outs = product.out.chunks_mut(piece);
	outs.enumerate()
		.map(|(index, out)| {
			let range = index * piece..index * piece + out.len();
			let bias = product.bias.map(|bias| &bias[range.clone()]);
			Product { matrix: product.matrix.part(range), bias, out }
		})
		.collect()
}

impl Lane {
	/// Returns the positions of this lane.
	pub fn positions(&self) -> Range<usize> {
		self.first..self.first + self.tokens
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
	pub fn finish(&mut self, means: Means<'_>, layer: &Layer, caches: &[HeadCache]) {
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
		match &layer.feed_forward {
			FeedForward::Dense(network) => {
				let Self { inputs, hidden, gate, up, update, .. } = self;
				Buffers { hidden, gate, up }.network(means, network, inputs, update);
				add(kernel, &mut self.stream, &self.update);
			}
			FeedForward::Routed { router, experts, shared } => {
				self.mixture(means, router.view(), experts, shared.as_ref());
			}
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

	/// Routes each token to its experts and adds what they return.
	fn mixture(
		&mut self,
		means: Means<'_>,
		router: PackedView<'_>,
		experts: &[Network],
		shared: Option<&Network>,
	) {
		let (shape, kernel, tokens) = (means.shape(), means.kernel, self.tokens);
		let width = shape.d_model;
		let mut logits = Vec::new();
		let products = vec![Product::plain(router, tokens, &mut logits)];
		means.products(&self.inputs, LOGIT_BITS.into(), LOGIT_MAX, products);
		let routes: Vec<Vec<Choice>> = logits
			.chunks_exact(experts.len())
			.map(|logits| route(logits, shape.top_k, shape.has_normalised_gates))
			.collect();
		let Self { inputs, hidden, gate, up, update, stream, .. } = self;
		let mut buffers = Buffers { hidden, gate, up };
		// Outputs by token and rank.
		let mut outputs = vec![0; tokens * shape.top_k * width];
		for (expert, network) in experts.iter().enumerate() {
			let chosen: Vec<(usize, usize)> = routes
				.iter()
				.enumerate()
				.filter_map(|(token, route)| {
					let rank = route.iter().position(|choice| choice.expert == expert)?;
					Some((token, rank))
				})
				.collect();
			if chosen.is_empty() {
				continue;
			}
			let gathered: Vec<u32> = chosen.iter().map(|(token, _)| *token as u32).collect();
			buffers.network(means, network, &inputs.gather(&gathered), update);
			for ((token, rank), row) in chosen.into_iter().zip(update.chunks_exact(width)) {
				let at = (token * shape.top_k + rank) * width;
				outputs[at..at + width].copy_from_slice(row);
			}
		}
		if let Some(network) = shared {
			buffers.network(means, network, inputs, update);
		}
		for (token, residual) in stream.chunks_exact_mut(width).enumerate() {
			let gates: Vec<u32> = routes[token].iter().map(|choice| choice.gate).collect();
			let ranks = &outputs[token * shape.top_k * width..(token + 1) * shape.top_k * width];
			let ranks: Vec<&[i32]> = ranks.chunks_exact(width).collect();
			let shared = shared.map(|_| &update[token * width..(token + 1) * width]);
			mix(kernel, residual, &gates, &ranks, shared);
		}
	}

	/// Computes the logits after the last position.
	pub fn last_logits(&mut self, means: Means<'_>, logits: &mut Vec<i32>) {
		let width = means.shape().d_model;
		let from = (self.tokens - 1) * width;
		self.logits(means, from..from + width, logits);
	}

	/// Computes the loss of each position's target.
	pub fn losses(&mut self, means: Means<'_>, targets: &[u32], losses: &mut [u64]) {
		let (width, vocabulary) = (means.shape().d_model, means.shape().vocabulary);
		let mut logits = Vec::new();
		for first in (0..self.tokens).step_by(LOSS_POSITIONS) {
			let last = (first + LOSS_POSITIONS).min(self.tokens);
			self.logits(means, first * width..last * width, &mut logits);
			let rows = logits.chunks_exact(vocabulary).zip(&targets[first..last]);
			for ((logits, target), out) in rows.zip(&mut losses[first..last]) {
				*out = loss(means.kernel, logits, *target);
			}
		}
	}

	fn logits(&mut self, means: Means<'_>, stream: Range<usize>, logits: &mut Vec<i32>) {
		let (shape, weights) = (means.shape(), means.weights);
		let (rows, norm) = (&self.stream[stream], &weights.output_norm);
		set_norm(&mut self.inputs, means.kernel, (rows, shape.fraction), norm, shape.input_bits);
		let products = vec![Product::plain(weights.head(), self.inputs.tokens(), logits)];
		means.products(&self.inputs, LOGIT_BITS.into(), LOGIT_MAX, products);
	}
}

/// Buffers of a feed-forward network.
struct Buffers<'a> {
	hidden: &'a mut Inputs,
	gate: &'a mut Vec<i32>,
	up: &'a mut Vec<i32>,
}

impl Buffers<'_> {
	fn network(&mut self, means: Means<'_>, network: &Network, inputs: &Inputs, out: &mut Vec<i32>) {
		let (shape, tokens) = (means.shape(), inputs.tokens());
		let products = vec![
			Product::plain(network.gate.view(), tokens, self.gate),
			Product::plain(network.up.view(), tokens, self.up),
		];
		means.products(inputs, PROJECTION_BITS.into(), PROJECTION_MAX, products);
		self.hidden.set_hidden(
			means.kernel,
			shape.activation,
			self.gate,
			self.up,
			network.hidden(),
			network.sub_norm.as_ref().map(|norm| (norm.gain(), norm.eps)),
			shape.hidden_bits,
		);
		let products = vec![Product::plain(network.down.view(), tokens, out)];
		means.products(self.hidden, shape.fraction, RESIDUAL_MAX, products);
	}
}

/// Runs all layers over lanes of consecutive positions; `is_cancelled` is asked before every layer.
pub fn layers(
	means: Means<'_>,
	lanes: &mut [Lane],
	sequence: &mut Sequence,
	is_cancelled: impl Fn() -> bool,
) -> bool {
	let kv_heads = means.shape().kv_heads;
	for (layer, caches) in means.weights.layers.iter().zip(sequence.caches.chunks_exact_mut(kv_heads)) {
		if is_cancelled() {
			return false;
		}
		each(lanes, |lane| lane.project(means, layer));
		lanes.iter().for_each(|lane| lane.push(means.shape(), caches));
		let caches: &[HeadCache] = caches;
		each(lanes, |lane| lane.finish(means, layer, caches));
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
