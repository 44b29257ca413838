//! `norm_quant`, row by row.

use super::{
	super::tape::{record, Pullback},
	rows, tensor, Dense,
};
use burn::{backend::Autodiff, tensor::Tensor};
use burn_flex::Flex;

#[derive(Clone, Debug)]
struct NormQuant {
	input: Dense,
	gain: Dense,
	/// One over the root mean square of each row.
	inverses: Vec<f32>,
}

impl Pullback<Flex, 2> for NormQuant {
	fn pull(self, grad: Tensor<Flex, 2>, _: [bool; 2]) -> [Option<Tensor<Flex, 2>>; 2] {
		let shape = grad.dims();
		let width = shape[1];
		let mut grad = Dense::new(grad).values().to_vec();
		let (input, gain) = (self.input.values(), self.gain.values());
		let mut gain_grad = vec![0.0; width];
		let rows = grad.chunks_exact_mut(width).zip(input.chunks_exact(width));
		for ((grad, input), inverse) in rows.zip(self.inverses) {
			rows::normalise_back(grad, input, gain, inverse, &mut gain_grad);
		}
		[Some(tensor(grad, shape)), Some(tensor(gain_grad, [1, width]))]
	}
}

/// Normalises and rounds; see [`super::super::norm_quant::norm_quant`].
pub(crate) fn norm_quant(
	input: Tensor<Autodiff<Flex>, 2>,
	gain: Tensor<Autodiff<Flex>, 2>,
) -> Tensor<Autodiff<Flex>, 2> {
	let (raw_input, raw_gain) = (Dense::new(input.clone().inner()), Dense::new(gain.clone().inner()));
	let [count, width] = input.dims();
	let mut output = vec![0.0; count * width];
	let pairs = output.chunks_exact_mut(width).zip(raw_input.values().chunks_exact(width));
	let inverses = pairs.map(|(y, x)| rows::normalise(x, raw_gain.values(), y)).collect();
	let state = NormQuant { input: raw_input, gain: raw_gain, inverses };
	record([input, gain], tensor(output, [count, width]), state)
}
