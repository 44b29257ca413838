//! The gated hidden layer, row by row.

use super::{
	super::{
		gated::GateFunction,
		tape::{record, Pullback},
	},
	rows, tensor, Dense,
};
use burn::{backend::Autodiff, tensor::Tensor};
use burn_flex::Flex;

#[derive(Clone, Debug)]
struct Gated {
	function: GateFunction,
	gate: Dense,
	up: Dense,
}

impl Pullback<Flex, 2> for Gated {
	fn pull(self, grad: Tensor<Flex, 2>, _: [bool; 2]) -> [Option<Tensor<Flex, 2>>; 2] {
		let shape = grad.dims();
		let grad = Dense::new(grad);
		let (mut gate_grad, mut up_grad) = (self.gate.values().to_vec(), self.up.values().to_vec());
		let back = match self.function {
			GateFunction::Silu => rows::silu_back,
			GateFunction::SquaredRelu => rows::squared_relu_back,
		};
		back(grad.values(), &mut gate_grad, &mut up_grad);
		[Some(tensor(gate_grad, shape)), Some(tensor(up_grad, shape))]
	}
}

/// Computes the hidden layer; see [`super::super::gated::gated`].
pub(crate) fn gated(
	function: GateFunction,
	gate: Tensor<Autodiff<Flex>, 2>,
	up: Tensor<Autodiff<Flex>, 2>,
	steps: Option<f32>,
) -> Tensor<Autodiff<Flex>, 2> {
	let (raw_gate, raw_up) = (Dense::new(gate.clone().inner()), Dense::new(up.clone().inner()));
	let [count, width] = gate.dims();
	let mut output = raw_gate.values().to_vec();
	for (row, up) in output.chunks_exact_mut(width).zip(raw_up.values().chunks_exact(width)) {
		match function {
			GateFunction::Silu => rows::silu_times(row, up),
			GateFunction::SquaredRelu => rows::squared_relu_times(row, up),
		}
		if let Some(steps) = steps {
			rows::round_to_peak(row, steps);
		}
	}
	let state = Gated { function, gate: raw_gate, up: raw_up };
	record([gate, up], tensor(output, [count, width]), state)
}
