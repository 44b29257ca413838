//! Causal attention over grouped heads with the roundings of the second definition, straight through.
//!
//! Queries and keys are rounded to 1/127 of the largest entry of a head behind their rotation, values as they are. Of the
//! roundings of probabilities and weights, 15 bits each, floats see nothing.

use super::later::HeadShape;
use crate::quantiser::nearest;
use burn::{
	backend::Autodiff,
	tensor::{activation::softmax, backend::Backend, Tensor, TensorData},
};
use core::f64::consts::TAU;

/// Keeps a head of zeros from dividing by zero.
const TINY: f32 = 1e-24;
/// Largest code of a head.
const CODE_MAX: f32 = 127.0;
/// Stands for minus infinity where a position would look ahead.
const HIDDEN: f32 = -1e9;

/// Tables of attention for sequences of one length.
pub(crate) struct Positions<B: Backend> {
	heads: usize,
	kv_heads: usize,
	head_size: usize,
	positions: usize,
	/// Cosine and sine of each pair's angle. `[positions, 1, head_size / 2, 1]`
	turns: [Tensor<B, 4>; 2],
	/// Zero where a query may look, [`HIDDEN`] where it may not. `[1, group * positions, positions]`
	mask: Tensor<B, 3>,
}

impl<B: Backend> Positions<B> {
	/// Computes the tables of sequences of `positions` tokens that begin at position 0.
	pub(crate) fn new(shape: &HeadShape, positions: usize, device: &B::Device) -> Self {
		let HeadShape { heads, kv_heads, head_size, ref frequencies } = *shape;
		let turn = |position: usize, frequency: u64| {
			// The rest of whole turns is exact.
			let part = (position as u64).wrapping_mul(frequency);
			part as f64 / 2.0_f64.powi(64) * TAU
		};
		let table = |of: fn(f64) -> f64| {
			let angles =
				(0..positions).flat_map(|position| frequencies.iter().map(move |f| turn(position, *f)));
			let values = angles.map(|angle| of(angle) as f32).collect::<Vec<_>>();
			Tensor::from_data(TensorData::new(values, [positions, 1, head_size / 2, 1]), device)
		};
		let group = heads / kv_heads;
		let row = |query: usize| (0..positions).map(move |key| if key <= query { 0.0 } else { HIDDEN });
		let mask =
			(0..group * positions).flat_map(|row_index| row(row_index % positions)).collect::<Vec<f32>>();
		let mask = Tensor::from_data(TensorData::new(mask, [1, group * positions, positions]), device);
		Self { heads, kv_heads, head_size, positions, turns: [table(f64::cos), table(f64::sin)], mask }
	}

	/// Computes every position's mix of the values up to it.
	///
	/// # Shapes
	/// `queries`, output: `[positions, heads * head_size]`; `keys, values: [positions, kv_heads * head_size]`
	pub(crate) fn attend(
		&self,
		queries: Tensor<Autodiff<B>, 2>,
		keys: Tensor<Autodiff<B>, 2>,
		values: Tensor<Autodiff<B>, 2>,
	) -> Tensor<Autodiff<B>, 2> {
		let Self { heads, kv_heads, head_size, positions, .. } = *self;
		let group = heads / kv_heads;
		let scale = (head_size as f32).sqrt().recip();
		// Heads of one group are neighbours, so their queries are rows of one matrix.
		let queries = by_head(self.rotate(queries, heads)).mul_scalar(scale);
		let queries = queries.reshape([kv_heads, group * positions, head_size]);
		let keys = by_head(self.rotate(keys, kv_heads));
		let values = by_head(values.reshape([positions, kv_heads, head_size]));
		let scores =
			queries.matmul(keys.swap_dims(1, 2)) + Tensor::<Autodiff<B>, 3>::from_inner(self.mask.clone());
		let mixed = softmax(scores, 2).matmul(values);
		let mixed = mixed.reshape([heads, positions, head_size]).swap_dims(0, 1);
		mixed.reshape([positions, heads * head_size])
	}

	/// Turns the pairs of all heads by the angles of their positions. Output: `[positions, heads, head_size]`
	fn rotate(&self, rows: Tensor<Autodiff<B>, 2>, heads: usize) -> Tensor<Autodiff<B>, 3> {
		let pairs = rows.reshape([self.positions, heads, self.head_size / 2, 2]);
		let (x, y) = (pairs.clone().narrow(3, 0, 1), pairs.narrow(3, 1, 1));
		let [cos, sin] =
			self.turns.each_ref().map(|table| Tensor::<Autodiff<B>, 4>::from_inner(table.clone()));
		let turned = vec![x.clone() * cos.clone() - y.clone() * sin.clone(), x * sin + y * cos];
		Tensor::cat(turned, 3).reshape([self.positions, heads, self.head_size])
	}
}

/// Rounds each head of each position to 1/127 of its largest entry, and brings heads to the front.
fn by_head<B: Backend>(rows: Tensor<Autodiff<B>, 3>) -> Tensor<Autodiff<B>, 3> {
	let raw = rows.clone().inner();
	let step = raw.clone().abs().max_dim(2).div_scalar(CODE_MAX).add_scalar(TINY);
	let rounded = nearest(raw.clone() * step.clone().recip()) * step;
	let straight_through = rows + Tensor::<Autodiff<B>, 3>::from_inner(rounded - raw);
	straight_through.swap_dims(0, 1)
}
