//! Gradients of parts added up, and the step they make, in pieces that threads share.

use super::{rows, tensor, Dense};
use crate::{optimiser::AdamW, quantiser::Format};
use burn::tensor::Tensor;
use burn_flex::Flex;
use rayon::prelude::*;

/// Numbers in one piece. Fixed, so that sums of pieces do not depend on the number of threads.
const PIECE: usize = 16_384;

/// Sums the gradients of the parts of a batch, each times its share, added in their order.
pub(crate) fn sum_gradients(parts: Vec<(Vec<Tensor<Flex, 2>>, f32)>) -> Vec<Tensor<Flex, 2>> {
	let count = parts.first().map_or(0, |(grads, _)| grads.len());
	let mut parts = parts
		.into_iter()
		.map(|(grads, share)| (grads.into_iter().map(Dense::new).collect::<Vec<_>>(), share))
		.collect::<Vec<_>>();
	(0..count)
		.map(|i| {
			let shape = parts[0].0[i].0.layout().shape().clone();
			let mut sum = vec![0.0f32; parts[0].0[i].values().len()];
			sum.par_chunks_mut(PIECE).enumerate().for_each(|(piece, sum)| {
				for (grads, share) in &parts {
					rows::add_scaled(sum, &grads[i].values()[piece * PIECE..][..sum.len()], *share);
				}
			});
			// What was added up is not needed again: its memory is free for the next sums.
			for (grads, _) in &mut parts {
				grads[i] = Dense::new(Tensor::zeros([1, 1], &Default::default()));
			}
			tensor(sum, [shape[0], shape[1]])
		})
		.collect()
}

/// Computes the sum of the squares of all gradients.
fn square_sum(grads: &[Dense]) -> f64 {
	let of_one = |grad: &Dense| {
		let pieces = grad.values().par_chunks(PIECE);
		pieces.map(|piece| f64::from(rows::dot(piece, piece))).collect::<Vec<_>>().iter().sum::<f64>()
	};
	grads.iter().map(of_one).sum()
}

/// Makes one update; see [`AdamW::update`].
pub(crate) fn update(
	optimiser: &mut AdamW<Flex>,
	parameters: &mut [Tensor<Flex, 2>],
	formats: &[Format],
	grads: Vec<Tensor<Flex, 2>>,
	learning_rate: f64,
) -> f64 {
	let grads = grads.into_iter().map(Dense::new).collect::<Vec<_>>();
	let norm = square_sum(&grads).sqrt();
	let stride = optimiser.stride(norm, learning_rate);
	for (i, grad) in grads.into_iter().enumerate() {
		let step = stride.of(formats[i]);
		let lists = [&mut parameters[i], &mut optimiser.first[i], &mut optimiser.second[i]];
		let [weights, first, second] = lists.map(|tensor| {
			// Left empty for a moment, so that the numbers have one owner and are changed in place.
			let alone = core::mem::replace(tensor, Tensor::zeros([1, 1], &Default::default()));
			(tensor, Dense::new(alone).0.to_contiguous())
		});
		let (weights, mut new_weights) = weights;
		let ((first, mut new_first), (second, mut new_second)) = (first, second);
		let moments = new_first.storage_mut::<f32>().par_chunks_mut(PIECE);
		let moments = moments.zip(new_second.storage_mut::<f32>().par_chunks_mut(PIECE));
		let pieces = new_weights.storage_mut::<f32>().par_chunks_mut(PIECE).zip(moments);
		pieces.zip(grad.values().par_chunks(PIECE)).for_each(|((weights, (first, second)), grad)| {
			rows::adamw(weights, first, second, grad, step);
		});
		for (tensor, new) in [(weights, new_weights), (first, new_first), (second, new_second)] {
			*tensor = Tensor::from_primitive(burn::tensor::TensorPrimitive::Float(new));
		}
	}
	norm
}
