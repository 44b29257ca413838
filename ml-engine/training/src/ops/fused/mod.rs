//! The operators on the processor: one pass over the rows each, forward and back.
//!
//! The tensor library allocates and walks a tensor for every elementary operation. Here a row is read once, and
//! what the gradient can compute again from its inputs is not kept. Sums run over a fixed number of lanes in a
//! fixed order, so the bits depend on neither threads nor instruction set; only the matrix products, which belong
//! to the `gemm` crate, differ between instruction sets.

mod adamw;
mod attention;
mod cross_entropy;
mod experts;
mod gated;
mod gemm;
mod linear;
mod norm_quant;
mod quantise;
mod rms_quant;
pub(crate) mod rows;
mod sampled_loss;

pub(super) use adamw::{sum_gradients, update};
pub(super) use attention::attention;
pub(super) use cross_entropy::cross_entropy;
pub(super) use experts::experts;
pub(super) use gated::gated;
pub(super) use linear::linear;
pub(super) use norm_quant::norm_quant;
pub(super) use quantise::quantise;
pub(super) use rms_quant::rms_quant;
pub(super) use sampled_loss::sampled_loss;

use burn::tensor::{Tensor, TensorData};
use burn_flex::{Flex, FlexTensor};

/// A matrix whose numbers lie in one piece, row after row.
#[derive(Clone, Debug)]
struct Dense(FlexTensor);

impl Dense {
	/// Copies only what lies otherwise.
	fn new(tensor: Tensor<Flex, 2>) -> Self {
		let tensor = tensor.into_primitive().tensor();
		if tensor.as_slice::<f32>().is_some() {
			Self(tensor)
		} else {
			Self(tensor.to_contiguous())
		}
	}

	fn values(&self) -> &[f32] {
		self.0.as_slice().expect("`new` made it contiguous; training computes in f32; qed")
	}

	/// Returns the numbers of a row.
	fn width(&self) -> usize {
		self.0.layout().shape()[1]
	}

	fn row(&self, index: usize) -> &[f32] {
		&self.values()[index * self.width()..(index + 1) * self.width()]
	}
}

/// Creates a tensor that owns `values`.
fn tensor(values: Vec<f32>, shape: [usize; 2]) -> Tensor<Flex, 2> {
	Tensor::from_data(TensorData::new(values, shape), &Default::default())
}
