//! A product with a weight matrix.

use burn::{
	backend::Autodiff,
	tensor::{backend::Backend, Tensor},
};

/// Computes `input` times the transposed `weight`, added to `stream` if there is one.
///
/// # Shapes
/// - input: `[rows, width]`
/// - weight: `[outputs, width]`
/// - stream, output: `[rows, outputs]`
pub(crate) fn linear<B: Backend>(
	input: Tensor<Autodiff<B>, 2>,
	weight: Tensor<Autodiff<B>, 2>,
	stream: Option<Tensor<Autodiff<B>, 2>>,
) -> Tensor<Autodiff<B>, 2> {
	let product = input.matmul(weight.transpose());
	match stream {
		Some(stream) => stream + product,
		None => product,
	}
}
