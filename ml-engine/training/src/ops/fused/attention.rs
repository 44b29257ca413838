//! Causal attention, one head of one sequence at a time.
//!
//! Queries are taken [`TILE`] at a time, and keys only up to the last of them, so that what lies ahead of all of
//! them is never computed.

use super::{
	super::{
		attention::{Heads, VALUE_MAX, VALUE_STEP},
		tape::{record, Pullback},
	},
	gemm::{multiply, Matrix},
	rows, tensor, Dense,
};
use burn::{backend::Autodiff, tensor::Tensor};
use burn_flex::Flex;

/// Queries whose scores are computed together.
const TILE: usize = 64;

/// Place of a head's numbers.
#[derive(Clone, Copy, Debug)]
struct Place {
	/// Tokens of a sequence.
	tokens: usize,
	head_size: usize,
	/// All heads together.
	width: usize,
	/// First token of the sequence.
	first: usize,
	/// The head in it.
	head: usize,
}

impl Place {
	/// Returns the offset of a token's query (0), key (1) or value (2).
	fn of(&self, token: usize, part: usize) -> usize {
		((self.first + token) * 3 + part) * self.width + self.head * self.head_size
	}
}

/// One head of one sequence, rounded.
#[derive(Clone, Debug)]
struct Head {
	/// Rotated and divided by the square root of the head size. `[tokens, head_size]`, as the others.
	q: Vec<f32>,
	k: Vec<f32>,
	v: Vec<f32>,
	/// `[tokens, tokens]`; anything where a query may not look.
	weights: Vec<f32>,
}

/// Returns the tiles of queries: the first, the one after the last, which is also the number of keys they look at.
fn tiles(tokens: usize) -> impl Iterator<Item = (usize, usize)> {
	(0..tokens).step_by(TILE).map(move |begin| (begin, (begin + TILE).min(tokens)))
}

fn places(rows: usize, width: usize, tokens: usize, head_size: usize) -> impl Iterator<Item = Place> {
	let heads = width / head_size;
	(0..rows / tokens * heads).map(move |i| Place {
		tokens,
		head_size,
		width,
		first: i / heads * tokens,
		head: i % heads,
	})
}

/// Computes one head's mix, written to `output`, `[tokens, width]`, in its columns.
fn look(qkv: &[f32], tables: [&[f32]; 2], place: Place, output: &mut [f32]) -> Head {
	let Place { tokens, head_size, width, head, .. } = place;
	let scale = (head_size as f32).sqrt().recip();
	let room = || vec![0.0f32; tokens * head_size];
	let (mut q, mut k, mut v) = (room(), room(), room());
	for token in 0..tokens {
		let at = token * head_size..(token + 1) * head_size;
		let part = |part: usize| &qkv[place.of(token, part)..][..head_size];
		let [cos, sin] = tables.map(|table| &table[at.clone()]);
		rows::rotate(part(0), cos, sin, scale, &mut q[at.clone()]);
		rows::rotate(part(1), cos, sin, 1.0, &mut k[at.clone()]);
		rows::round_to_step(part(2), VALUE_STEP, VALUE_MAX / VALUE_STEP, &mut v[at]);
	}
	let mut weights = vec![0.0f32; tokens * tokens];
	for (begin, end) in tiles(tokens) {
		let queries = Matrix::new(&q[begin * head_size..end * head_size], end - begin, head_size);
		let keys = Matrix::new(&k[..end * head_size], end, head_size);
		let tile = &mut weights[begin * tokens..end * tokens];
		multiply(tile, tokens, false, queries, keys.transposed());
		for (row, query) in tile.chunks_exact_mut(tokens).zip(begin..) {
			rows::softmax(&mut row[..query + 1]);
			row[query + 1..end].fill(0.0);
		}
		let seen = Matrix::new(tile, end - begin, tokens).narrow(end);
		let values = Matrix::new(&v[..end * head_size], end, head_size);
		multiply(&mut output[begin * width + head * head_size..], width, false, seen, values);
	}
	Head { q, k, v, weights }
}

/// Computes the gradient of one head's part of `qkv` from that of its mix.
fn look_back(
	head: &Head,
	qkv: &[f32],
	grad: &[f32],
	tables: [&[f32]; 2],
	place: Place,
	qkv_grad: &mut [f32],
) {
	let Place { tokens, head_size, width, first, .. } = place;
	let Head { q, k, v, weights } = head;
	let room = || vec![0.0f32; tokens * head_size];
	let (mut q_grad, mut k_grad, mut v_grad) = (room(), room(), room());
	let mut arriving = Vec::with_capacity(tokens * head_size);
	for token in 0..tokens {
		let at = (first + token) * width + place.head * head_size;
		arriving.extend_from_slice(&grad[at..at + head_size]);
	}
	let mut scores = vec![0.0f32; TILE * tokens];
	for (begin, end) in tiles(tokens) {
		let (count, part) = (end - begin, begin * head_size..end * head_size);
		let matrix = |values| Matrix::new(values, count, head_size);
		let (queries, arrived) = (matrix(&q[part.clone()]), matrix(&arriving[part.clone()]));
		let seen = &weights[begin * tokens..end * tokens];
		let (keys, values) = (Matrix::new(k, end, head_size), Matrix::new(v, end, head_size));
		let mixed = Matrix::new(seen, count, tokens).narrow(end).transposed();
		multiply(&mut v_grad, head_size, true, mixed, arrived);
		multiply(&mut scores, tokens, false, arrived, values.transposed());
		let pairs = scores.chunks_exact_mut(tokens).zip(seen.chunks_exact(tokens));
		for ((row, seen), query) in pairs.zip(begin..) {
			rows::softmax_back(&mut row[..query + 1], &seen[..query + 1]);
			row[query + 1..end].fill(0.0);
		}
		let scores = Matrix::new(&scores, count, tokens).narrow(end);
		multiply(&mut q_grad[part], head_size, false, scores, keys);
		multiply(&mut k_grad, head_size, true, scores.transposed(), queries);
	}
	let scale = (head_size as f32).sqrt().recip();
	for token in 0..tokens {
		let at = token * head_size..(token + 1) * head_size;
		let [cos, sin] = tables.map(|table| &table[at.clone()]);
		let mut part = |part: usize, grad: &[f32], factor: f32| {
			let to = place.of(token, part);
			rows::rotate_back(&grad[at.clone()], cos, sin, factor, &mut qkv_grad[to..to + head_size]);
		};
		part(0, &q_grad, scale);
		part(1, &k_grad, 1.0);
		let to = place.of(token, 2);
		let values = qkv[to..to + head_size].iter().zip(&v_grad[at]);
		for (out, (value, grad)) in qkv_grad[to..to + head_size].iter_mut().zip(values) {
			// Nothing passes where a value was clamped.
			*out = if value.abs() <= VALUE_MAX { *grad } else { 0.0 };
		}
	}
}

#[derive(Clone, Debug)]
struct Attention {
	qkv: Dense,
	heads: Heads<Flex>,
	seen: Vec<Head>,
}

impl Pullback<Flex, 1> for Attention {
	fn pull(self, grad: Tensor<Flex, 2>, _: [bool; 1]) -> [Option<Tensor<Flex, 2>>; 1] {
		let Self { qkv, heads, seen } = self;
		let [rows, width] = grad.dims();
		let (grad, rotary) = (Dense::new(grad), heads.rotary());
		let tables = rotary.angles();
		let mut qkv_grad = vec![0.0; rows * 3 * width];
		for (place, head) in places(rows, width, rotary.tokens(), rotary.head_size()).zip(&seen) {
			look_back(head, qkv.values(), grad.values(), tables, place, &mut qkv_grad);
		}
		[Some(tensor(qkv_grad, [rows, 3 * width]))]
	}
}

/// Computes attention; see [`super::super::attention::attention`].
pub(crate) fn attention(qkv: Tensor<Autodiff<Flex>, 2>, heads: &Heads<Flex>) -> Tensor<Autodiff<Flex>, 2> {
	let [rows, width] = [qkv.dims()[0], qkv.dims()[1] / 3];
	let (raw, rotary) = (Dense::new(qkv.clone().inner()), heads.rotary());
	let tables = rotary.angles();
	let mut output = vec![0.0; rows * width];
	let seen = places(rows, width, rotary.tokens(), rotary.head_size())
		.map(|place| look(raw.values(), tables, place, &mut output[place.first * width..]))
		.collect();
	let state = Attention { qkv: raw, heads: heads.clone(), seen };
	record([qkv], tensor(output, [rows, width]), state)
}
