//! Cross entropy of the next byte, row by row.

use super::{
	super::tape::{record, Pullback},
	rows, tensor, Dense,
};
use burn::{backend::Autodiff, tensor::Tensor};
use burn_flex::Flex;

#[derive(Clone, Debug)]
struct CrossEntropy {
	/// `[tokens, vocabulary]`
	probabilities: Vec<f32>,
	targets: Vec<u8>,
}

impl Pullback<Flex, 1> for CrossEntropy {
	fn pull(self, grad: Tensor<Flex, 2>, _: [bool; 1]) -> [Option<Tensor<Flex, 2>>; 1] {
		let Self { mut probabilities, targets } = self;
		let width = probabilities.len() / targets.len();
		let grad = Dense::new(grad);
		let rows = probabilities.chunks_exact_mut(width).zip(grad.values());
		for ((row, grad), target) in rows.zip(&targets) {
			row[usize::from(*target)] -= 1.0;
			rows::scale(row, *grad);
		}
		[Some(tensor(probabilities, [targets.len(), width]))]
	}
}

/// Computes the losses; see [`super::super::cross_entropy::cross_entropy`].
pub(crate) fn cross_entropy(logits: Tensor<Autodiff<Flex>, 2>, targets: &[u8]) -> Tensor<Autodiff<Flex>, 2> {
	let width = logits.dims()[1];
	let mut probabilities = Dense::new(logits.clone().inner()).values().to_vec();
	let rows = probabilities.chunks_exact_mut(width).zip(targets);
	let losses = rows
		.map(|(row, target)| {
			rows::softmax(row);
			// A probability that underflows to zero would make the loss infinite.
			-row[usize::from(*target)].max(1e-30).ln()
		})
		.collect();
	let state = CrossEntropy { probabilities, targets: targets.to_vec() };
	record([logits], tensor(losses, [targets.len(), 1]), state)
}
