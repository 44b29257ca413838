//! Tensors of the second definition as the real numbers that they stand for.

use crate::ops::FrozenNorm;
use blyan_exact::definition2::{Adapter, Gain, Matrix, Real};
use burn::{
	backend::Autodiff,
	tensor::{backend::Backend, Tensor, TensorData},
};
use core::f64::consts::LN_2;

/// A frozen matrix.
#[derive(Clone, Debug)]
pub(crate) struct Frozen {
	/// Weights. `[rows, columns]`
	pub(crate) weights: Vec<f32>,
	pub(crate) rows: usize,
	pub(crate) columns: usize,
}

impl Frozen {
	/// Returns the weights of a matrix as floats.
	pub(crate) fn of(matrix: &Matrix<'_>) -> Self {
		Self { weights: weights(matrix), rows: matrix.rows, columns: matrix.cols }
	}

	/// Returns first and second matrix of an adapter; the second one has the unit of the base.
	pub(crate) fn of_adapter(base: &Matrix<'_>, adapter: &Adapter<'_>) -> [Self; 2] {
		let (input, output) = (adapter.input(), adapter.output());
		let unit = adapter_unit(base) * f64::from(adapter.shift()).exp2();
		let scaled = |bytes: &[u8], by: f64| {
			bytes.iter().map(|byte| (f64::from(*byte as i8) * by) as f32).collect::<Vec<_>>()
		};
		[
			Self { weights: scaled(input.bytes, 1.0), rows: input.rows, columns: input.cols },
			Self { weights: scaled(output.bytes, unit), rows: output.rows, columns: output.cols },
		]
	}
}

/// Returns what a scale stands for.
pub(crate) fn real(scale: Real) -> f64 {
	f64::from(scale.mantissa()) * (-f64::from(scale.exponent())).exp2()
}

/// Returns the weights of a matrix. `[rows, columns]`
pub(crate) fn weights(matrix: &Matrix<'_>) -> Vec<f32> {
	scaled(matrix, unit(matrix))
}

/// Returns the weights of a head whose logits are natural logarithms: the definition's are binary ones.
pub(crate) fn head(matrix: &Matrix<'_>) -> Vec<f32> {
	scaled(matrix, unit(matrix) * LN_2)
}

/// Returns the real value of one unit of a matrix's integers: `M * 2^-U`.
pub(crate) fn unit(matrix: &Matrix<'_>) -> f64 {
	real(matrix.scale) * (-f64::from(matrix.kind.unit())).exp2()
}

/// Returns the real value of one unit of the product of an adapter's codes, not shifted: `M * 2^-(U + g)`.
pub(crate) fn adapter_unit(matrix: &Matrix<'_>) -> f64 {
	unit(matrix) * (-f64::from(matrix.kind.refinement())).exp2()
}

fn scaled(matrix: &Matrix<'_>, unit: f64) -> Vec<f32> {
	let rows = (0..matrix.rows).flat_map(|row| matrix.row_integers(row));
	rows.map(|weight| (weight as f64 * unit) as f32).collect()
}

/// Returns the entries of a gain.
pub(crate) fn gain(gain: Gain<'_>) -> Vec<f32> {
	let scale = real(gain.scale);
	gain.values.iter().map(|value| (f64::from(*value) * scale) as f32).collect()
}

/// Returns the entries of a bias of queries, keys or values, Q12.
pub(crate) fn bias(bias: &[i32]) -> Vec<f32> {
	bias.iter().map(|value| *value as f32 / 4_096.0).collect()
}

/// Returns a frozen matrix as a tensor. `[rows, columns]`
pub(crate) fn tensor_of<B: Backend>(of: &Frozen, device: &B::Device) -> Tensor<B, 2> {
	Tensor::from_data(TensorData::new(of.weights.clone(), [of.rows, of.columns]), device)
}

/// Puts numbers outside of the tape on it.
pub(crate) fn constant<B: Backend>(tensor: Tensor<B, 2>) -> Tensor<Autodiff<B>, 2> {
	Tensor::from_inner(tensor)
}

/// Returns a norm under a frozen gain.
pub(crate) fn norm_of<B: Backend>(gain: &[f32], eps: f32, steps: f32, device: &B::Device) -> FrozenNorm<B> {
	let gain = Tensor::from_data(TensorData::new(gain.to_vec(), [1, gain.len()]), device);
	FrozenNorm { gain, eps, steps }
}

#[cfg(test)]
mod tests {
	use super::*;
	use blyan_exact::definition2::{matrix::INT8_PEAK, WeightKind};

	#[test]
	fn weights_are_unit_times_integer() {
		let (codes, factors) = ([3_i8, -128, 0, 4].map(|code| code as u8), [2_u8, 0]);
		let bytes = [codes.as_slice(), &factors].concat();
		let scale = Real::from_integer(1 << 14);
		let (kind, peak) = (WeightKind::Int8, INT8_PEAK);
		let matrix = Matrix { kind, rows: 1, cols: 4, bytes: &bytes, scale, peak };
		// 2^14 * 2^-16 * 2 = 1/2.
		assert_eq!(weights(&matrix), [1.5, -64.0, 0.0, 2.0]);
		assert!((head(&matrix)[3] - 2.0 * core::f32::consts::LN_2).abs() < 1e-6);
		assert_eq!(gain(Gain { values: &[-3, 1 << 20], scale: Real::quotient(1, 2) }), [-1.5, 524_288.0]);
		assert_eq!(real(Real::ZERO), 0.0);
	}
}
