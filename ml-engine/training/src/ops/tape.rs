//! Recording an operator with a hand-written gradient on burn's tape.

use burn::{
	backend::autodiff::{
		checkpoint::{base::Checkpointer, strategy::NoCheckpointing},
		grads::Gradients,
		ops::{Backward, Ops, OpsKind},
		Autodiff,
	},
	tensor::{backend::Backend, Tensor, TensorPrimitive},
};
use core::{fmt::Debug, marker::PhantomData};

/// The gradient of an operator: what it kept from the forward pass, and how to go back.
pub(crate) trait Pullback<B: Backend, const N: usize>: Clone + Debug + Send + 'static {
	/// Gradients of the parents from the gradient of the output. `wanted` says which are needed; the
	/// others may be `None`.
	fn pull(self, grad: Tensor<B, 2>, wanted: [bool; N]) -> [Option<Tensor<B, 2>>; N];
}

#[derive(Debug)]
struct Recorded<S>(PhantomData<S>);

impl<B: Backend, S: Pullback<B, N>, const N: usize> Backward<B, N> for Recorded<S> {
	type State = S;

	fn backward(self, ops: Ops<S, N>, grads: &mut Gradients, _: &mut Checkpointer) {
		let grad = Tensor::from_primitive(TensorPrimitive::Float(grads.consume::<B>(&ops.node)));
		let wanted = core::array::from_fn(|i| ops.parents[i].is_some());
		for (parent, grad) in ops.parents.into_iter().zip(ops.state.pull(grad, wanted)) {
			if let (Some(parent), Some(grad)) = (parent, grad) {
				grads.register::<B>(parent.id, grad.into_primitive().tensor());
			}
		}
	}
}

/// Puts `output`, computed from `parents` outside the tape, on the tape.
pub(crate) fn record<B: Backend, S: Pullback<B, N>, const N: usize>(
	parents: [Tensor<Autodiff<B>, 2>; N],
	output: Tensor<B, 2>,
	state: S,
) -> Tensor<Autodiff<B>, 2> {
	let nodes = parents.map(|parent| parent.into_primitive().tensor().node);
	let output = output.into_primitive().tensor();
	let prepared = Recorded::<S>(PhantomData).prepare::<NoCheckpointing>(nodes).compute_bound().stateful();
	Tensor::from_primitive(TensorPrimitive::Float(match prepared {
		OpsKind::Tracked(prepared) => prepared.finish(state, output),
		OpsKind::UnTracked(prepared) => prepared.finish(output),
	}))
}
