//! Number formats of the integer network, applied to floats.
//!
//! Nothing here is on the tape: rounding is passed straight through, so the gradient of a quantised
//! weight is applied to its latent weight as it is.

use burn::tensor::{backend::Backend, Tensor};

/// Adding and subtracting 1.5 * 2^23 leaves an f32 below 2^22 rounded to the nearest integer, ties to
/// even, in two vector instructions.
pub(crate) const ROUNDING: f32 = 12_582_912.0;

/// Keeps a parameter of zeros from dividing by zero.
pub(crate) const WEIGHT_MIN: f32 = 1e-8;
/// One step of a gain.
pub(crate) const GAIN_STEP: f32 = 1.0 / 256.0;
/// Most steps that fit an i16.
pub(crate) const GAIN_MAX: f32 = 32_767.0;

/// Rounds to the nearest integer, ties to even; for magnitudes below 2^22.
pub(crate) fn nearest<B: Backend, const D: usize>(x: Tensor<B, D>) -> Tensor<B, D> {
	x.add_scalar(ROUNDING).sub_scalar(ROUNDING)
}

/// Storage format of a parameter.
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

/// Computes alpha of every group of a ternary parameter. `[groups, 1]`.
fn ternary_alpha<B: Backend>(grouped: Tensor<B, 2>) -> Tensor<B, 2> {
	grouped.abs().mean_dim(1).clamp_min(WEIGHT_MIN)
}

/// Rounds to the values that the integer network would use for `latent`.
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
			let step = latent.clone().abs().max().clamp_min(WEIGHT_MIN).div_scalar(127.0).reshape([1, 1]);
			nearest(latent * step.clone().recip()) * step
		}
		Format::Gain => {
			nearest(latent.div_scalar(GAIN_STEP).clamp(-GAIN_MAX, GAIN_MAX)).mul_scalar(GAIN_STEP)
		}
	}
}
