//! A product with a weight matrix, added to a stream or not.

use super::{
	super::tape::{record, Pullback},
	gemm::{multiply, Matrix},
	tensor, Dense,
};
use burn::{backend::Autodiff, tensor::Tensor};
use burn_flex::Flex;

#[derive(Clone, Debug)]
struct Linear {
	input: Dense,
	weight: Dense,
}

impl Linear {
	fn pull_both(self, grad: Tensor<Flex, 2>, wanted: [bool; 2]) -> [Option<Tensor<Flex, 2>>; 2] {
		let [rows, outputs] = grad.dims();
		let grad = Dense::new(grad);
		let grad = Matrix::new(grad.values(), rows, outputs);
		let width = self.weight.values().len() / outputs;
		let input = wanted[0].then(|| {
			let mut input_grad = vec![0.0; rows * width];
			let weight = Matrix::new(self.weight.values(), outputs, width);
			multiply(&mut input_grad, width, false, grad, weight);
			tensor(input_grad, [rows, width])
		});
		let weight = wanted[1].then(|| {
			let mut weight_grad = vec![0.0; outputs * width];
			let input = Matrix::new(self.input.values(), rows, width);
			multiply(&mut weight_grad, width, false, grad.transposed(), input);
			tensor(weight_grad, [outputs, width])
		});
		[input, weight]
	}
}

impl Pullback<Flex, 2> for Linear {
	fn pull(self, grad: Tensor<Flex, 2>, wanted: [bool; 2]) -> [Option<Tensor<Flex, 2>>; 2] {
		self.pull_both(grad, wanted)
	}
}

impl Pullback<Flex, 3> for Linear {
	fn pull(self, grad: Tensor<Flex, 2>, wanted: [bool; 3]) -> [Option<Tensor<Flex, 2>>; 3] {
		let [input, weight] = self.pull_both(grad.clone(), [wanted[0], wanted[1]]);
		[input, weight, Some(grad)]
	}
}

/// Multiplies; see [`super::super::linear::linear`].
pub(crate) fn linear(
	input: Tensor<Autodiff<Flex>, 2>,
	weight: Tensor<Autodiff<Flex>, 2>,
	stream: Option<Tensor<Autodiff<Flex>, 2>>,
) -> Tensor<Autodiff<Flex>, 2> {
	let (raw_input, raw_weight) = (Dense::new(input.clone().inner()), Dense::new(weight.clone().inner()));
	let ([count, width], outputs) = (input.dims(), weight.dims()[0]);
	let (left, right) =
		(Matrix::new(raw_input.values(), count, width), Matrix::new(raw_weight.values(), outputs, width));
	let mut output = match &stream {
		Some(stream) => Dense::new(stream.clone().inner()).values().to_vec(),
		None => vec![0.0; count * outputs],
	};
	multiply(&mut output, outputs, stream.is_some(), left, right.transposed());
	let output = tensor(output, [count, outputs]);
	let state = Linear { input: raw_input, weight: raw_weight };
	match stream {
		Some(stream) => record([input, weight, stream], output, state),
		None => record([input, weight], output, state),
	}
}
