//! `norm_quant`: gain, root mean square, and rounding to 255 levels per token.

use super::tape::{record, Pullback};
use crate::quantiser::nearest;
use burn::{
	backend::Autodiff,
	tensor::{backend::Backend, Tensor},
};

/// Keeps a row of zeros from dividing by zero; far below any square a live row has.
const TINY: f32 = 1e-24;

/// State of [`normalise`] for its gradient.
#[derive(Clone, Debug)]
pub(super) struct Normalised<B: Backend> {
	/// The input times the gain, over its root mean square, before rounding. `[rows, width]`.
	unit: Tensor<B, 2>,
	/// One over the root mean square. `[rows, 1]`.
	inverse: Tensor<B, 2>,
}

/// Returns the values that the integer network would compute with, and the state for the gradient.
///
/// # Shapes
/// - input: `[rows, width]`
/// - gain: `[1, width]`
/// - output: `[rows, width]`
pub(super) fn normalise<B: Backend>(
	input: Tensor<B, 2>,
	gain: Tensor<B, 2>,
) -> (Tensor<B, 2>, Normalised<B>) {
	let scaled = input * gain;
	let mean_square = (scaled.clone() * scaled.clone()).mean_dim(1);
	let inverse = mean_square.add_scalar(TINY).sqrt().recip();
	let unit = scaled * inverse.clone();
	let step = unit.clone().abs().max_dim(1).div_scalar(127.0).add_scalar(TINY);
	let output = nearest(unit.clone() * step.clone().recip()) * step;
	(output, Normalised { unit, inverse })
}

impl<B: Backend> Normalised<B> {
	/// Gradients of input and gain. Rounding is passed straight through.
	pub(super) fn pull(
		self,
		grad: Tensor<B, 2>,
		input: Tensor<B, 2>,
		gain: Tensor<B, 2>,
	) -> (Tensor<B, 2>, Tensor<B, 2>) {
		let along = (grad.clone() * self.unit.clone()).mean_dim(1);
		let scaled = (grad - self.unit * along) * self.inverse;
		let gain_grad = (scaled.clone() * input).sum_dim(0);
		(scaled * gain, gain_grad)
	}
}

#[derive(Clone, Debug)]
struct NormQuant<B: Backend> {
	input: Tensor<B, 2>,
	gain: Tensor<B, 2>,
	normalised: Normalised<B>,
}

impl<B: Backend> Pullback<B, 2> for NormQuant<B> {
	fn pull(self, grad: Tensor<B, 2>, _: [bool; 2]) -> [Option<Tensor<B, 2>>; 2] {
		let (input, gain) = self.normalised.pull(grad, self.input, self.gain);
		[Some(input), Some(gain)]
	}
}

/// Computes the input times the gain, divided by its root mean square and rounded to 1/127 of its largest entry.
///
/// # Shapes
/// - input: `[rows, width]`
/// - gain: `[1, width]`
/// - output: `[rows, width]`
pub(crate) fn norm_quant<B: Backend>(
	input: Tensor<Autodiff<B>, 2>,
	gain: Tensor<Autodiff<B>, 2>,
) -> Tensor<Autodiff<B>, 2> {
	let (raw_input, raw_gain) = (input.clone().inner(), gain.clone().inner());
	let (output, normalised) = normalise(raw_input.clone(), raw_gain.clone());
	record([input, gain], output, NormQuant { input: raw_input, gain: raw_gain, normalised })
}
