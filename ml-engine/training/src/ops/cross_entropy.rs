//! Cross entropy of the next byte, in nats.

use super::{
	tape::{record, Pullback},
	tensor::int_tensor,
};
use burn::{
	backend::Autodiff,
	tensor::{activation::softmax, backend::Backend, IndexingUpdateOp, Int, Tensor},
};

#[derive(Clone, Debug)]
struct CrossEntropy<B: Backend> {
	probabilities: Tensor<B, 2>,
	targets: Tensor<B, 2, Int>,
}

impl<B: Backend> Pullback<B, 1> for CrossEntropy<B> {
	fn pull(self, grad: Tensor<B, 2>, _: [bool; 1]) -> [Option<Tensor<B, 2>>; 1] {
		let minus_one = grad.ones_like().neg();
		let error = self.probabilities.scatter(1, self.targets, minus_one, IndexingUpdateOp::Add);
		[Some(error * grad)]
	}
}

/// Computes the loss of every token.
///
/// # Shapes
/// - logits: `[tokens, vocabulary]`
/// - targets: a byte a token
/// - output: `[tokens, 1]`
pub(crate) fn cross_entropy<B: Backend>(
	logits: Tensor<Autodiff<B>, 2>,
	targets: &[u8],
) -> Tensor<Autodiff<B>, 2> {
	let targets = int_tensor::<B, 2>(targets, [targets.len(), 1], &logits.device());
	let probabilities = softmax(logits.clone().inner(), 1);
	// A probability that underflows to zero would make the loss infinite and its gradient undefined.
	let losses = probabilities.clone().gather(1, targets.clone()).clamp_min(1e-30).log().neg();
	record([logits], losses, CrossEntropy { probabilities, targets })
}
