//! `gated`: the hidden layer of a gated feed-forward network.

use super::{
	rms_quant::round_rows,
	tape::{record, Pullback},
};
use burn::{
	backend::Autodiff,
	tensor::{activation::sigmoid, backend::Backend, Tensor},
};

/// Function of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateFunction {
	/// `gate * sigmoid(gate)`
	Silu,
	/// `max(gate, 0)^2`
	SquaredRelu,
}

#[derive(Clone, Debug)]
struct Gated<B: Backend> {
	function: GateFunction,
	gate: Tensor<B, 2>,
	up: Tensor<B, 2>,
}

impl<B: Backend> Pullback<B, 2> for Gated<B> {
	fn pull(self, grad: Tensor<B, 2>, _: [bool; 2]) -> [Option<Tensor<B, 2>>; 2] {
		let Self { function, gate, up } = self;
		let (value, slope) = match function {
			GateFunction::Silu => {
				let sigma = sigmoid(gate.clone());
				let value = gate.clone() * sigma.clone();
				// sigma + gate * sigma * (1 - sigma)
				let slope = sigma.clone() + value.clone() * sigma.neg().add_scalar(1.0);
				(value, slope)
			}
			GateFunction::SquaredRelu => {
				let positive = gate.clamp_min(0.0);
				(positive.clone() * positive.clone(), positive.mul_scalar(2.0))
			}
		};
		[Some(grad.clone() * up * slope), Some(grad * value)]
	}
}

/// Computes the function of the gate times `up`; with `steps`, each row is rounded to steps of its largest entry, which
/// is passed straight through.
///
/// # Shapes
/// All are `[rows, hidden]`.
pub(crate) fn gated<B: Backend>(
	function: GateFunction,
	gate: Tensor<Autodiff<B>, 2>,
	up: Tensor<Autodiff<B>, 2>,
	steps: Option<f32>,
) -> Tensor<Autodiff<B>, 2> {
	let (raw_gate, raw_up) = (gate.clone().inner(), up.clone().inner());
	let value = match function {
		GateFunction::Silu => raw_gate.clone() * sigmoid(raw_gate.clone()),
		GateFunction::SquaredRelu => {
			let positive = raw_gate.clone().clamp_min(0.0);
			positive.clone() * positive
		}
	};
	let product = value * raw_up.clone();
	let output = match steps {
		Some(steps) => round_rows(product, steps),
		None => product,
	};
	record([gate, up], output, Gated { function, gate: raw_gate, up: raw_up })
}
