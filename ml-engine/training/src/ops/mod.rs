//! Differentiable operators with a hand-written gradient.
//!
//! burn's tape can derive all of them, but one tape entry per elementary operation costs more memory
//! traffic than the arithmetic itself. Each operator here is one entry. It is written twice: as operations on
//! whole tensors, which suits a GPU, and in [`fused`] as passes over rows, which suits a
//! CPU. [`TrainBackend`] chooses; the tests hold both to the same formulas.

mod attention;
mod cross_entropy;
mod experts;
mod fused;
mod gated;
mod linear;
mod norm_quant;
mod rms_quant;
mod sampled_loss;
mod tape;
mod tensor;
#[cfg(test)]
mod tests;

pub(crate) use attention::{Heads, Rotary};
pub(crate) use experts::{ExpertWeights, Routing};
pub(crate) use fused::rows;
pub(crate) use gated::GateFunction;
pub(crate) use rms_quant::{round_straight, FrozenNorm};
pub(crate) use sampled_loss::Sample;
pub(crate) use tensor::{int_tensor, scalar};

use super::{
	optimiser::AdamW,
	quantiser::{self, Format},
};
use burn::{
	backend::Autodiff,
	tensor::{backend::Backend, Tensor},
};
use burn_flex::Flex;

/// A backend that models can be trained on: how it computes the operators of the network.
///
/// What is not overridden is composed of the backend's tensor operations.
pub trait TrainBackend: Backend {
	/// Computes the input times the gain, divided by its root mean square and rounded to 1/127 of its largest entry.
	#[doc(hidden)]
	fn norm_quant(
		input: Tensor<Autodiff<Self>, 2>,
		gain: Tensor<Autodiff<Self>, 2>,
	) -> Tensor<Autodiff<Self>, 2> {
		norm_quant::norm_quant(input, gain)
	}

	/// Computes the input times the transposed weight, added to a stream if there is one.
	#[doc(hidden)]
	fn project(
		input: Tensor<Autodiff<Self>, 2>,
		weight: Tensor<Autodiff<Self>, 2>,
		stream: Option<Tensor<Autodiff<Self>, 2>>,
	) -> Tensor<Autodiff<Self>, 2> {
		linear::linear(input, weight, stream)
	}

	/// Computes every position's mix of the values before it.
	#[doc(hidden)]
	fn attend(qkv: Tensor<Autodiff<Self>, 2>, heads: &Heads<Self>) -> Tensor<Autodiff<Self>, 2> {
		attention::attention(qkv, heads)
	}

	/// Computes the sum over each token's experts of gate times expert.
	#[doc(hidden)]
	fn experts(
		input: Tensor<Autodiff<Self>, 2>,
		weights: ExpertWeights<Tensor<Autodiff<Self>, 2>>,
		gates: Tensor<Autodiff<Self>, 2>,
		routing: &Routing,
	) -> Tensor<Autodiff<Self>, 2> {
		experts::experts(input, weights, gates, routing)
	}

	/// Computes the input over its root mean square times the gain, rounded to the bits of an activation.
	#[doc(hidden)]
	fn rms_quant(input: Tensor<Autodiff<Self>, 2>, norm: &FrozenNorm<Self>) -> Tensor<Autodiff<Self>, 2> {
		rms_quant::rms_quant(input, norm)
	}

	/// Computes the function of the gate times `up`, rounded to so many steps.
	#[doc(hidden)]
	fn gated(
		function: GateFunction,
		gate: Tensor<Autodiff<Self>, 2>,
		up: Tensor<Autodiff<Self>, 2>,
		steps: Option<f32>,
	) -> Tensor<Autodiff<Self>, 2> {
		gated::gated(function, gate, up, steps)
	}

	/// Computes the loss of every row less the parent's, from a sample of the vocabulary.
	#[doc(hidden)]
	fn sampled_loss(
		input: Tensor<Autodiff<Self>, 2>,
		head: &Tensor<Self, 2>,
		sample: &Sample,
	) -> Tensor<Autodiff<Self>, 2> {
		sampled_loss::sampled_loss(input, head, sample)
	}

	/// Computes the loss of every token.
	#[doc(hidden)]
	fn cross_entropy(logits: Tensor<Autodiff<Self>, 2>, targets: &[u8]) -> Tensor<Autodiff<Self>, 2> {
		cross_entropy::cross_entropy(logits, targets)
	}

	/// Rounds to the values that the integer network would use for a weight.
	#[doc(hidden)]
	fn quantise(latent: Tensor<Self, 2>, format: Format) -> Tensor<Self, 2> {
		quantiser::quantise(latent, format)
	}

	/// Sums the gradients of the parts of a batch, each times its share, added in their order.
	#[doc(hidden)]
	fn sum_gradients(parts: Vec<(Vec<Tensor<Self, 2>>, f32)>) -> Vec<Tensor<Self, 2>> {
		let scaled = parts
			.into_iter()
			.map(|(grads, share)| grads.into_iter().map(|grad| grad.mul_scalar(share)).collect::<Vec<_>>());
		let add = |sum: Vec<_>, grads: Vec<_>| sum.into_iter().zip(grads).map(|(a, b)| a + b).collect();
		scaled.reduce(add).unwrap_or_default()
	}

	/// Moves parameters against their gradients; returns the gradient's norm before clipping.
	#[doc(hidden)]
	fn update(
		optimiser: &mut AdamW<Self>,
		parameters: &mut [Tensor<Self, 2>],
		formats: &[Format],
		grads: Vec<Tensor<Self, 2>>,
		learning_rate: f64,
	) -> f64 {
		optimiser.update(parameters, formats, grads, learning_rate)
	}
}

impl TrainBackend for Flex {
	fn norm_quant(
		input: Tensor<Autodiff<Self>, 2>,
		gain: Tensor<Autodiff<Self>, 2>,
	) -> Tensor<Autodiff<Self>, 2> {
		fused::norm_quant(input, gain)
	}

	fn project(
		input: Tensor<Autodiff<Self>, 2>,
		weight: Tensor<Autodiff<Self>, 2>,
		stream: Option<Tensor<Autodiff<Self>, 2>>,
	) -> Tensor<Autodiff<Self>, 2> {
		fused::linear(input, weight, stream)
	}

	fn attend(qkv: Tensor<Autodiff<Self>, 2>, heads: &Heads<Self>) -> Tensor<Autodiff<Self>, 2> {
		fused::attention(qkv, heads)
	}

	fn experts(
		input: Tensor<Autodiff<Self>, 2>,
		weights: ExpertWeights<Tensor<Autodiff<Self>, 2>>,
		gates: Tensor<Autodiff<Self>, 2>,
		routing: &Routing,
	) -> Tensor<Autodiff<Self>, 2> {
		fused::experts(input, weights, gates, routing)
	}

	fn rms_quant(input: Tensor<Autodiff<Self>, 2>, norm: &FrozenNorm<Self>) -> Tensor<Autodiff<Self>, 2> {
		fused::rms_quant(input, norm)
	}

	fn gated(
		function: GateFunction,
		gate: Tensor<Autodiff<Self>, 2>,
		up: Tensor<Autodiff<Self>, 2>,
		steps: Option<f32>,
	) -> Tensor<Autodiff<Self>, 2> {
		fused::gated(function, gate, up, steps)
	}

	fn sampled_loss(
		input: Tensor<Autodiff<Self>, 2>,
		head: &Tensor<Self, 2>,
		sample: &Sample,
	) -> Tensor<Autodiff<Self>, 2> {
		fused::sampled_loss(input, head, sample)
	}

	fn cross_entropy(logits: Tensor<Autodiff<Self>, 2>, targets: &[u8]) -> Tensor<Autodiff<Self>, 2> {
		fused::cross_entropy(logits, targets)
	}

	fn quantise(latent: Tensor<Self, 2>, format: Format) -> Tensor<Self, 2> {
		fused::quantise(latent, format)
	}

	fn sum_gradients(parts: Vec<(Vec<Tensor<Self, 2>>, f32)>) -> Vec<Tensor<Self, 2>> {
		fused::sum_gradients(parts)
	}

	fn update(
		optimiser: &mut AdamW<Self>,
		parameters: &mut [Tensor<Self, 2>],
		formats: &[Format],
		grads: Vec<Tensor<Self, 2>>,
		learning_rate: f64,
	) -> f64 {
		fused::update(optimiser, parameters, formats, grads, learning_rate)
	}
}

#[cfg(feature = "cuda")]
impl TrainBackend for burn_cuda::Cuda {}
