//! Causal attention over rotated, rounded queries and keys.

use super::tape::{record, Pullback};
use crate::quantiser::nearest;
use burn::{
	backend::Autodiff,
	tensor::{activation::softmax, backend::Backend, Int, Tensor, TensorData},
};
use std::sync::Arc;

/// Values are kept in steps of 1/32 up to 127 steps, as in the integer network.
pub(super) const VALUE_STEP: f32 = 1.0 / 32.0;
pub(super) const VALUE_MAX: f32 = 127.0 * VALUE_STEP;
/// Stands for minus infinity where a position would look ahead.
const HIDDEN: f32 = -1e9;

/// The constants of attention for sequences of one length.
///
/// Tables span one head's whole sequence in one row, so that they are added to `[heads, tokens * width]`
/// row by row, which the CPU backend does at the speed of memory.
#[derive(Clone, Debug)]
pub struct Rotary<B: Backend> {
	tokens: usize,
	head_size: usize,
	/// Cosine of each entry's angle; sine, negative for the first entry of a pair. `[tokens * head_size]`.
	angles: Arc<[Vec<f32>; 2]>,
	/// Cosine of each entry's angle. `[1, tokens * head_size]`.
	cos: Tensor<B, 2>,
	/// Sine of each entry's angle. `[1, tokens * head_size]`.
	sin: Tensor<B, 2>,
	/// Maps `(x0, x1)` of each pair to `(-x1, x0)`. `[head_size, head_size]`.
	turn: Tensor<B, 2>,
	/// Zero where a query may look, [`HIDDEN`] where it may not. `[1, tokens * tokens]`.
	mask: Tensor<B, 2>,
}

impl<B: Backend> Rotary<B> {
	/// Takes the table of the exported model: Q14 cosine and sine, `[context, head_size / 2, 2]`.
	pub(crate) fn new(table: &[i16], tokens: usize, head_size: usize, device: &B::Device) -> Self {
		let row = |values: Vec<f32>| {
			let width = values.len();
			Tensor::from_data(TensorData::new(values, [1, width]), device)
		};
		let angles = |which: usize, first_sign: f32| {
			let pairs = table.chunks_exact(2).take(tokens * head_size / 2);
			let angles = pairs.map(|pair| f32::from(pair[which]) / 16_384.0);
			angles.flat_map(|angle| [angle * first_sign, angle]).collect::<Vec<_>>()
		};
		let mut turn = vec![0.0f32; head_size * head_size];
		for pair in 0..head_size / 2 {
			let (even, odd) = (2 * pair, 2 * pair + 1);
			turn[odd * head_size + even] = -1.0;
			turn[even * head_size + odd] = 1.0;
		}
		let mask = (0..tokens * tokens).map(|i| if i % tokens <= i / tokens { 0.0 } else { HIDDEN });
		Self {
			tokens,
			head_size,
			angles: Arc::new([angles(0, 1.0), angles(1, -1.0)]),
			cos: row(angles(0, 1.0)),
			sin: row(angles(1, 1.0)),
			turn: Tensor::from_data(TensorData::new(turn, [head_size, head_size]), device),
			mask: row(mask.collect()),
		}
	}

	/// Returns the tokens of a sequence.
	pub(super) fn tokens(&self) -> usize {
		self.tokens
	}

	/// Returns the entries of a head.
	pub(super) fn head_size(&self) -> usize {
		self.head_size
	}

	/// Returns the cosines, and sines that are negative for the first entry of a pair, `[tokens * head_size]` each.
	pub(super) fn angles(&self) -> [&[f32]; 2] {
		let [cos, sin] = &*self.angles;
		[cos, sin]
	}

	/// Reshapes the heads' sequences to rows, `[heads, tokens * head_size]`, and back.
	fn rows(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
		let count = x.dims()[0] / self.tokens;
		x.reshape([count, self.tokens * self.head_size])
	}

	/// Rotates: `[heads * tokens, head_size]` in and out.
	fn forward(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
		let shape = x.dims();
		let turned = self.rows(x.clone().matmul(self.turn.clone())) * self.sin.clone();
		(self.rows(x) * self.cos.clone() + turned).reshape(shape)
	}

	/// Computes the gradient: the rotation back.
	fn backward(&self, grad: Tensor<B, 2>) -> Tensor<B, 2> {
		let shape = grad.dims();
		let turned = (self.rows(grad.clone()) * self.sin.clone()).reshape(shape);
		(self.rows(grad) * self.cos.clone()).reshape(shape) + turned.matmul(self.turn.clone().transpose())
	}
}

/// Places of each head's rows, for batches of one size. Gathering rows by index is several times faster than
/// transposing a tensor of four dimensions.
#[derive(Clone, Debug)]
pub struct Heads<B: Backend> {
	rotary: Rotary<B>,
	/// `[3, batch, heads, tokens]` from `[batch, tokens, 3, heads]`.
	split: Tensor<B, 1, Int>,
	/// The way back.
	unsplit: Tensor<B, 1, Int>,
	/// `[batch, tokens, heads]` from `[batch, heads, tokens]`.
	join: Tensor<B, 1, Int>,
	/// The way back.
	unjoin: Tensor<B, 1, Int>,
}

impl<B: Backend> Heads<B> {
	/// Creates the layout for `batch` sequences of `heads` heads each.
	pub(crate) fn new(rotary: &Rotary<B>, batch: usize, heads: usize) -> Self {
		let device = rotary.turn.device();
		let tokens = rotary.tokens;
		let rows = batch * heads * tokens;
		let (mut split, mut unsplit) = (vec![0i32; 3 * rows], vec![0i32; 3 * rows]);
		let (mut join, mut unjoin) = (vec![0i32; rows], vec![0i32; rows]);
		for row in 0..rows {
			let (sequence, head, token) = (row / tokens / heads, row / tokens % heads, row % tokens);
			let place = sequence * tokens + token;
			join[place * heads + head] = row as i32;
			unjoin[row] = (place * heads + head) as i32;
			for part in 0..3 {
				let from = (place * 3 + part) * heads + head;
				split[part * rows + row] = from as i32;
				unsplit[from] = (part * rows + row) as i32;
			}
		}
		let index = |values: Vec<i32>| {
			let count = values.len();
			Tensor::from_data(TensorData::new(values, [count]), &device)
		};
		Self {
			rotary: rotary.clone(),
			split: index(split),
			unsplit: index(unsplit),
			join: index(join),
			unjoin: index(unjoin),
		}
	}

	/// Tables and shapes.
	pub(super) fn rotary(&self) -> &Rotary<B> {
		&self.rotary
	}

	/// Reshapes `[rows, head_size]` to `[heads of all sequences, tokens, head_size]`.
	fn sequences(&self, x: Tensor<B, 2>) -> Tensor<B, 3> {
		let count = x.dims()[0] / self.rotary.tokens;
		x.reshape([count, self.rotary.tokens, self.rotary.head_size])
	}

	/// Reverses [`Self::sequences`].
	fn flat(&self, x: Tensor<B, 3>) -> Tensor<B, 2> {
		let [count, tokens, width] = x.dims();
		x.reshape([count * tokens, width])
	}
}

#[derive(Clone, Debug)]
struct Attention<B: Backend> {
	heads: Heads<B>,
	/// Rotated, rounded and divided by the square root of the head size.
	q: Tensor<B, 3>,
	k: Tensor<B, 3>,
	v: Tensor<B, 3>,
	/// One where a value was not clamped.
	v_live: Tensor<B, 3>,
	weights: Tensor<B, 3>,
	scale: f32,
}

/// Rounds each token's head to 1/127 of its largest entry.
fn absmax<B: Backend>(x: Tensor<B, 2>) -> Tensor<B, 2> {
	let step = x.clone().abs().max_dim(1).div_scalar(127.0).add_scalar(1e-20);
	nearest(x * step.clone().recip()) * step
}

impl<B: Backend> Pullback<B, 1> for Attention<B> {
	fn pull(self, grad: Tensor<B, 2>, _: [bool; 1]) -> [Option<Tensor<B, 2>>; 1] {
		let Self { heads, q, k, v, v_live, weights, scale } = self;
		let [rows, width] = grad.dims();
		let head_size = heads.rotary.head_size;
		let grad = grad.reshape([rows * width / head_size, head_size]);
		let grad = heads.sequences(grad.select(0, heads.unjoin.clone()));
		let v_grad = weights.clone().swap_dims(1, 2).matmul(grad.clone()) * v_live;
		let pulled = grad.matmul(v.swap_dims(1, 2)) * weights.clone();
		let sum = pulled.clone().sum_dim(2);
		let scores_grad = pulled - weights * sum;
		let q_grad = heads.flat(scores_grad.clone().matmul(k)).mul_scalar(scale);
		let k_grad = heads.flat(scores_grad.swap_dims(1, 2).matmul(q));
		let parts = vec![heads.rotary.backward(q_grad), heads.rotary.backward(k_grad), heads.flat(v_grad)];
		let grad = Tensor::cat(parts, 0).select(0, heads.unsplit);
		[Some(grad.reshape([rows, 3 * width]))]
	}
}

/// Computes every position's mix of the values before it, heads side by side.
///
/// # Shapes
/// - qkv: `[batch * tokens, 3 * width]`: queries, keys, values
/// - output: `[batch * tokens, width]`
pub(crate) fn attention<B: Backend>(qkv: Tensor<Autodiff<B>, 2>, heads: &Heads<B>) -> Tensor<Autodiff<B>, 2> {
	let rotary = &heads.rotary;
	let raw = qkv.clone().inner();
	let [rows, width] = [raw.dims()[0], raw.dims()[1] / 3];
	let head_rows = rows * width / rotary.head_size;
	let gathered = raw.reshape([3 * head_rows, rotary.head_size]).select(0, heads.split.clone());
	let part = |i: usize| gathered.clone().narrow(0, i * head_rows, head_rows);
	let scale = (rotary.head_size as f32).sqrt().recip();
	let q = heads.sequences(absmax(rotary.forward(part(0))).mul_scalar(scale));
	let k = heads.sequences(absmax(rotary.forward(part(1))));
	let v = part(2);
	let v_live = heads.sequences(v.clone().abs().lower_equal_elem(VALUE_MAX).float());
	let v = nearest(v.div_scalar(VALUE_STEP)).mul_scalar(VALUE_STEP).clamp(-VALUE_MAX, VALUE_MAX);
	let v = heads.sequences(v);
	let scores = q.clone().matmul(k.clone().swap_dims(1, 2));
	let shape = scores.dims();
	let masked = scores.reshape([shape[0], shape[1] * shape[2]]) + rotary.mask.clone();
	let weights = softmax(masked.reshape(shape), 2);
	let mixed = heads.flat(weights.clone().matmul(v.clone()));
	let output = mixed.select(0, heads.join.clone()).reshape([rows, width]);
	record([qkv], output, Attention { heads: heads.clone(), q, k, v, v_live, weights, scale })
}
