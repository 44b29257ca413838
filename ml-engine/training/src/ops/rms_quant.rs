//! `rms_quant`: root mean square normalisation under a frozen gain, rounded to the bits of an activation.

use super::tape::{record, Pullback};
use crate::quantiser::nearest;
use burn::{
	backend::Autodiff,
	tensor::{backend::Backend, Tensor},
};

/// Keeps a row of zeros from dividing by zero.
pub(super) const TINY: f32 = 1e-24;

/// Norm that no update changes.
#[derive(Clone, Debug)]
pub struct FrozenNorm<B: Backend> {
	/// Gain. `[1, width]`
	pub(crate) gain: Tensor<B, 2>,
	/// Number that is added to the mean square.
	pub(crate) eps: f32,
	/// Largest activation behind the norm, in steps.
	pub(crate) steps: f32,
}

#[derive(Clone, Debug)]
struct RmsQuant<B: Backend> {
	/// The input over its root mean square. `[rows, width]`
	unit: Tensor<B, 2>,
	/// One over the root mean square. `[rows, 1]`
	inverse: Tensor<B, 2>,
	gain: Tensor<B, 2>,
}

impl<B: Backend> Pullback<B, 1> for RmsQuant<B> {
	fn pull(self, grad: Tensor<B, 2>, _: [bool; 1]) -> [Option<Tensor<B, 2>>; 1] {
		let grad = grad * self.gain;
		let along = (grad.clone() * self.unit.clone()).mean_dim(1);
		[Some((grad - self.unit * along) * self.inverse)]
	}
}

/// Computes the input over its root mean square times the gain, each row rounded to steps of its largest entry. Rounding
/// is passed straight through.
///
/// # Shapes
/// `input: [rows, width]`, output: `[rows, width]`
pub(crate) fn rms_quant<B: Backend>(
	input: Tensor<Autodiff<B>, 2>,
	norm: &FrozenNorm<B>,
) -> Tensor<Autodiff<B>, 2> {
	let raw = input.clone().inner();
	let mean_square = (raw.clone() * raw.clone()).mean_dim(1);
	let inverse = mean_square.add_scalar(norm.eps + TINY).sqrt().recip();
	let unit = raw * inverse.clone();
	let output = round_rows(unit.clone() * norm.gain.clone(), norm.steps);
	record([input], output, RmsQuant { unit, inverse, gain: norm.gain.clone() })
}

/// Rounds each row to multiples of its largest entry over `steps`, straight through.
pub(crate) fn round_straight<B: Backend>(rows: Tensor<Autodiff<B>, 2>, steps: f32) -> Tensor<Autodiff<B>, 2> {
	let raw = rows.clone().inner();
	rows + Tensor::<Autodiff<B>, 2>::from_inner(round_rows(raw.clone(), steps) - raw)
}

/// Rounds each row to multiples of its largest entry over `steps`.
pub(super) fn round_rows<B: Backend>(rows: Tensor<B, 2>, steps: f32) -> Tensor<B, 2> {
	let step = rows.clone().abs().max_dim(1).div_scalar(steps).add_scalar(TINY);
	nearest(rows * step.clone().recip()) * step
}
