//! The loss less a parent's, row by row, reading the head where it lies.

use super::{
	super::{
		sampled_loss::Sample,
		tape::{record, Pullback},
	},
	rows, tensor, Dense,
};
use burn::{backend::Autodiff, tensor::Tensor};
use burn_flex::Flex;

#[derive(Clone, Debug)]
struct SampledLoss {
	head: Dense,
	ids: Vec<u32>,
	/// Gradient of each logit; zero for repetitions of an entry, whose share the first one has. `[rows, width]`
	slopes: Vec<f32>,
}

impl Pullback<Flex, 1> for SampledLoss {
	fn pull(self, grad: Tensor<Flex, 2>, _: [bool; 1]) -> [Option<Tensor<Flex, 2>>; 1] {
		let rows_count = grad.dims()[0];
		let grad = Dense::new(grad);
		let width = self.ids.len() / rows_count;
		let d = self.head.width();
		let mut input_grad = vec![0.0; rows_count * d];
		let entries = self.ids.chunks_exact(width).zip(self.slopes.chunks_exact(width));
		for ((out, (ids, slopes)), grad) in input_grad.chunks_exact_mut(d).zip(entries).zip(grad.values()) {
			for (id, slope) in ids.iter().zip(slopes).filter(|(_, slope)| **slope != 0.0) {
				rows::add_scaled(out, self.head.row(*id as usize), slope * grad);
			}
		}
		[Some(tensor(input_grad, [rows_count, d]))]
	}
}

/// Computes the losses; see [`super::super::sampled_loss::sampled_loss`].
pub(crate) fn sampled_loss(
	input: Tensor<Autodiff<Flex>, 2>,
	head: &Tensor<Flex, 2>,
	sample: &Sample,
) -> Tensor<Autodiff<Flex>, 2> {
	let (raw, head, width) = (Dense::new(input.clone().inner()), Dense::new(head.clone()), sample.width);
	let mut terms = sample.offsets();
	let mut losses = sample.target_logs();
	let entries = sample.ids.chunks_exact(width).zip(terms.chunks_exact_mut(width));
	let states = raw.values().chunks_exact(head.width());
	for (((ids, terms), state), loss) in entries.zip(states).zip(&mut losses) {
		let mut last = None;
		for (id, term) in ids.iter().zip(terms.iter_mut()) {
			// Tokens that were drawn several times follow each other.
			let logit = match last {
				Some((other, logit)) if other == *id => logit,
				_ => rows::dot(state, head.row(*id as usize)),
			};
			last = Some((*id, logit));
			*term += logit;
		}
		rows::softmax(terms);
		*loss -= terms[0].max(f32::MIN_POSITIVE).ln();
		terms[0] -= 1.0;
		gather_repetitions(&ids[1..], &mut terms[1..]);
	}
	let losses = tensor(losses, [sample.rows(), 1]);
	record([input], losses, SampledLoss { head, ids: sample.ids.clone(), slopes: terms })
}

/// Moves the shares of entries of the same token to the first of them.
fn gather_repetitions(ids: &[u32], shares: &mut [f32]) {
	let mut first = 0;
	for at in 1..ids.len() {
		if ids[at] == ids[first] {
			shares[first] += shares[at];
			shares[at] = 0.0;
		} else {
			first = at;
		}
	}
}
