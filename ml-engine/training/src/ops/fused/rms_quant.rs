//! `rms_quant`, row by row.

use super::{
	super::{
		rms_quant::FrozenNorm,
		tape::{record, Pullback},
	},
	rows, tensor, Dense,
};
use burn::{backend::Autodiff, tensor::Tensor};
use burn_flex::Flex;

#[derive(Clone, Debug)]
struct RmsQuant {
	input: Dense,
	gain: Dense,
	/// One over the root mean square of each row.
	inverses: Vec<f32>,
}

impl Pullback<Flex, 1> for RmsQuant {
	fn pull(self, grad: Tensor<Flex, 2>, _: [bool; 1]) -> [Option<Tensor<Flex, 2>>; 1] {
		let shape = grad.dims();
		let mut grad = Dense::new(grad).values().to_vec();
		let rows = grad.chunks_exact_mut(shape[1]).zip(self.input.values().chunks_exact(shape[1]));
		for ((grad, input), inverse) in rows.zip(self.inverses) {
			rows::rms_quant_back(grad, input, self.gain.values(), inverse);
		}
		[Some(tensor(grad, shape))]
	}
}

/// Normalises and rounds; see [`super::super::rms_quant::rms_quant`].
pub(crate) fn rms_quant(
	input: Tensor<Autodiff<Flex>, 2>,
	norm: &FrozenNorm<Flex>,
) -> Tensor<Autodiff<Flex>, 2> {
	let (raw, gain) = (Dense::new(input.clone().inner()), Dense::new(norm.gain.clone()));
	let [count, width] = input.dims();
	let mut output = vec![0.0; count * width];
	let pairs = output.chunks_exact_mut(width).zip(raw.values().chunks_exact(width));
	let inverses = pairs.map(|(y, x)| rows::rms_quant(x, gain.values(), norm.eps, norm.steps, y)).collect();
	record([input], tensor(output, [count, width]), RmsQuant { input: raw, gain, inverses })
}
