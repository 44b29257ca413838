//! Products of a lane's inputs, and the threads that share those of a single position.

use super::weights::{Linear, Norm, Shape, Weights};
use blyan_kernel::{
	definition2::{accumulate, linear, Inputs, PackedView, ROWS},
	Kernel,
};
use rayon::prelude::*;

/// Multiply-adds from which on one position's product is worth a second thread.
const SHARED_PRODUCTS_MIN: usize = 1 << 17;

/// Model, instruction set and threads of a lane.
#[derive(Clone, Copy)]
pub struct Means<'a> {
	/// The model.
	pub weights: &'a Weights,
	/// Instruction set.
	pub kernel: Kernel,
	/// Threads that share the products of a single position.
	pub threads: usize,
	/// Sees the inputs of feed-forward networks.
	pub observer: Option<Observer<'a>>,
}

/// Receiver of the normalised inputs of a layer's feed-forward network: the layer, the first position, and one row a position.
pub type Observer<'a> = &'a (dyn Fn(usize, usize, &Inputs) + Sync);

/// One product of the inputs: where it goes and what it is.
pub struct Product<'a, T = i32> {
	matrix: PackedView<'a>,
	bias: Option<&'a [i32]>,
	out: &'a mut [T],
}

impl<'a> Product<'a> {
	/// Product with a matrix and its bias.
	pub fn of(linear: &'a Linear, tokens: usize, out: &'a mut Vec<i32>) -> Self {
		Self { bias: linear.bias.as_deref(), ..Self::plain(linear.matrix.view(), tokens, out) }
	}
}

impl<'a, T: Clone + Default> Product<'a, T> {
	/// Product with a matrix.
	pub fn plain(matrix: PackedView<'a>, tokens: usize, out: &'a mut Vec<T>) -> Self {
		out.resize(tokens * matrix.rows(), T::default());
		Self { matrix, bias: None, out }
	}
}

impl<'a> Means<'a> {
	/// Returns the numbers that every layer shares.
	pub fn shape(&self) -> &'a Shape {
		&self.weights.shape
	}

	/// Computes products of the same inputs.
	pub fn products(&self, inputs: &Inputs, fraction: u32, bound: i32, products: Vec<Product<'_>>) {
		self.share(inputs, products, |Product { matrix, bias, out }| {
			linear(self.kernel, matrix, inputs.view(), fraction, bound, bias, out);
		});
	}

	/// Computes the accumulators of products of the same inputs.
	pub fn sums(&self, inputs: &Inputs, products: Vec<Product<'_, i64>>) {
		self.share(inputs, products, |Product { matrix, out, .. }| {
			accumulate(self.kernel, matrix, inputs.view(), out);
		});
	}

	fn share<T: Send>(
		&self,
		inputs: &Inputs,
		products: Vec<Product<'_, T>>,
		compute: impl Fn(Product<'_, T>) + Sync + Send,
	) {
		let operations: usize = products.iter().map(|p| p.matrix.rows() * p.matrix.columns()).sum();
		if self.threads < 2 || inputs.tokens() > 1 || operations < SHARED_PRODUCTS_MIN {
			return products.into_iter().for_each(compute);
		}
		let pieces: Vec<Product<'_, T>> =
			products.into_iter().flat_map(|product| split_rows(product, self.threads)).collect();
		pieces.into_par_iter().for_each(compute);
	}
}

/// Normalises rows of so many fraction bits.
pub fn set_norm(
	inputs: &mut Inputs,
	kernel: Kernel,
	(rows, fraction): (&[i32], u32),
	norm: &Norm,
	bits: u32,
) {
	inputs.set_norm(kernel, rows, fraction as i32, norm.gain(), norm.eps, bits);
}

/// Splits the product of a single position by rows.
fn split_rows<T>(product: Product<'_, T>, pieces: usize) -> Vec<Product<'_, T>> {
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
