//! What the integer network's number formats do to a float, in floats.
//!
//! Nothing here is on the tape: rounding is passed straight through, so the gradient of a quantised
//! weight is applied to its latent weight as it is.

use burn::tensor::{backend::Backend, Tensor};

/// Adding and subtracting 1.5 * 2^23 leaves an f32 below 2^22 rounded to the nearest integer, ties to
/// even, in two vector instructions.
const ROUNDING: f32 = 12_582_912.0;

/// The nearest integer, ties to even; for magnitudes below 2^22.
pub(crate) fn nearest<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
	x.add_scalar(ROUNDING).sub_scalar(ROUNDING)
}

/// How a parameter is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
	/// {-1, 0, 1} times one alpha for each of `groups` equal parts: alpha = mean |w| (BitNet b1.58).
	Ternary {
		/// Number of parts with an alpha each.
		groups: usize,
	},
	/// i8 times one scale.
	I8,
	/// i16 in Q8.
	Gain,
}

/// Alpha of every group of a ternary parameter. `[groups, 1]`.
fn ternary_alpha<B: Backend>(grouped: Tensor<B, 2>) -> Tensor<B, 2> {
	grouped.abs().mean_dim(1).clamp_min(1e-8)
}

/// The values the integer network would use for `latent`.
pub(crate) fn quantise<B: Backend>(latent: Tensor<B, 2>, format: Format) -> Tensor<B, 2> {
	let [rows, columns] = latent.dims();
	match format {
		Format::Ternary { groups } => {
			let grouped = latent.reshape([groups, rows * columns / groups]);
			let alpha = ternary_alpha(grouped.clone());
			let weights = nearest((grouped * alpha.clone().recip()).clamp(-1.0, 1.0));
			(weights * alpha).reshape([rows, columns])
		}
		Format::I8 => {
			let step = latent.clone().abs().max().clamp_min(1e-8).div_scalar(127.0).reshape([1, 1]);
			nearest(latent * step.clone().recip()) * step
		}
		// The clamp keeps a gain inside i16.
		Format::Gain => nearest(latent.mul_scalar(256.0).clamp(-32_767.0, 32_767.0)).div_scalar(256.0),
	}
}
