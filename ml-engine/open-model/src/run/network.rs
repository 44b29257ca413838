//! Feed-forward networks: a dense layer's, an expert's, a shared one's.

use super::{
	means::{Means, Product},
	weights::{Network, Norm},
};
use blyan_exact::definition2::{linear::PROJECTION_BITS, PROJECTION_MAX, RESIDUAL_MAX};
use blyan_kernel::definition2::Inputs;

/// Buffers of a feed-forward network, kept between passes.
#[derive(Default)]
pub struct Buffers {
	/// Hidden layer, quantised.
	pub hidden: Inputs,
	/// Gates.
	pub gate: Vec<i32>,
	/// Ups.
	pub up: Vec<i32>,
}

impl Buffers {
	/// Computes a network's outputs.
	///
	/// # Shapes
	/// `inputs: [tokens, d_model]`, `out: [tokens, d_model]`.
	pub fn run(&mut self, means: Means<'_>, network: &Network, inputs: &Inputs, out: &mut Vec<i32>) {
		let tokens = inputs.tokens();
		let products = vec![
			Product::plain(network.gate.view(), tokens, &mut self.gate),
			Product::plain(network.up.view(), tokens, &mut self.up),
		];
		means.products(inputs, PROJECTION_BITS.into(), PROJECTION_MAX, products);
		self.activate(means, network);
		let products = vec![Product::plain(network.down.view(), tokens, out)];
		means.products(&self.hidden, means.shape().fraction, RESIDUAL_MAX, products);
	}

	/// Computes the hidden layer of a network from gates and ups.
	pub fn activate(&mut self, means: Means<'_>, network: &Network) {
		let shape = means.shape();
		self.hidden.set_hidden(
			means.kernel,
			shape.activation,
			&self.gate,
			&self.up,
			network.hidden(),
			network.sub_norm.as_ref().map(|norm: &Norm| (norm.gain(), norm.eps)),
			shape.hidden_bits,
		);
	}
}
