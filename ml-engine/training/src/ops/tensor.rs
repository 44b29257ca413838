//! Tensors from bytes and to numbers.

use burn::tensor::{backend::Backend, Int, Tensor, TensorData};

/// Returns the bytes of equally long sequences, one after another, as a tensor of `shape`.
pub(crate) fn int_tensor<B: Backend, const D: usize>(
	bytes: &[u8],
	shape: [usize; D],
	device: &B::Device,
) -> Tensor<B, D, Int> {
	let values = bytes.iter().map(|byte| i32::from(*byte)).collect::<Vec<_>>();
	Tensor::from_data(TensorData::new(values, shape), device)
}

/// Returns the first number of a tensor.
pub(crate) fn scalar<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> f64 {
	tensor.into_data().iter::<f32>().next().map_or(f64::NAN, f64::from)
}
