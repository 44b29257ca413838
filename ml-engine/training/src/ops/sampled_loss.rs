//! `sampled_loss`: by how much the loss of a token differs from a parent's, from a sample of the vocabulary.
//!
//! A head of a large vocabulary costs more than the layer in front of it. But with `z` the logits, `p` the parent's
//! probabilities and `d_v = z_v - z_v(parent)`, the difference of the losses of target t is
//!
//! ```text
//! log sum_v p_v exp(d_v) - d_t
//! ```
//!
//! an expectation under `p`. Tokens that were drawn from `p` once, when the parent's logits were at hand, estimate it ever
//! after: importance sampling with the parent as proposal (Bengio and Senécal, 2008), whose weights `exp(d_v)` stay close
//! to one as long as the candidate stays close to its parent. The target's own term is exact; the others are drawn from
//! all tokens but the target.

use super::tape::{record, Pullback};
use burn::{
	backend::Autodiff,
	tensor::{
		activation::{log_softmax, softmax},
		backend::Backend,
		Int, Tensor, TensorData,
	},
};

/// Smallest share of a term: keeps its logarithm finite.
const SHARE_MIN: f32 = 1e-9;

/// Tokens whose logits estimate the losses of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
	/// Entries of a row: the target, then the tokens drawn.
	pub(crate) width: usize,
	/// Token ids. `[rows, width]`
	pub(crate) ids: Vec<u32>,
	/// The parent's logits, natural. `[rows, width]`
	pub(crate) logits: Vec<f32>,
	/// The parent's probability of each row's target. `[rows]`
	pub(crate) target_shares: Vec<f32>,
}

impl Sample {
	/// Returns the number of rows.
	pub(crate) fn rows(&self) -> usize {
		self.target_shares.len()
	}

	/// Returns the logarithms of the parent's probabilities of the targets. `[rows]`
	pub(super) fn target_logs(&self) -> Vec<f32> {
		self.target_shares.iter().map(|share| share.max(SHARE_MIN).ln()).collect()
	}

	/// Returns what is added to the logits: the logarithm of each entry's share in the sum, less the parent's logit.
	/// `[rows, width]`
	pub(super) fn offsets(&self) -> Vec<f32> {
		let drawn = (self.width - 1).max(1) as f32;
		let rows = self.logits.chunks_exact(self.width).zip(&self.target_shares);
		rows.flat_map(|(logits, share)| {
			let of_target = share.max(SHARE_MIN).ln();
			let of_others = ((1.0 - share).max(SHARE_MIN) / drawn).ln();
			logits.iter().enumerate().map(move |(i, z)| if i == 0 { of_target - z } else { of_others - z })
		})
		.collect()
	}
}

#[derive(Clone, Debug)]
struct SampledLoss<B: Backend> {
	/// Rows of the head. `[rows, width, d_model]`
	weights: Tensor<B, 3>,
	/// Gradient of each logit. `[rows, width]`
	slopes: Tensor<B, 2>,
}

impl<B: Backend> Pullback<B, 1> for SampledLoss<B> {
	fn pull(self, grad: Tensor<B, 2>, _: [bool; 1]) -> [Option<Tensor<B, 2>>; 1] {
		let [rows, width, d] = self.weights.dims();
		let slopes = (self.slopes * grad).reshape([rows, 1, width]);
		[Some(slopes.matmul(self.weights).reshape([rows, d]))]
	}
}

/// Computes the loss of every row's target less the parent's, nats.
///
/// # Shapes
/// `input: [rows, d_model]`, `head: [vocabulary, d_model]`, output: `[rows, 1]`
pub(crate) fn sampled_loss<B: Backend>(
	input: Tensor<Autodiff<B>, 2>,
	head: &Tensor<B, 2>,
	sample: &Sample,
) -> Tensor<Autodiff<B>, 2> {
	let raw = input.clone().inner();
	let device = raw.device();
	let ([rows, d], width) = (raw.dims(), sample.width);
	let ids = sample.ids.iter().map(|id| *id as i32).collect::<Vec<_>>();
	let ids = Tensor::<B, 1, Int>::from_data(TensorData::new(ids, [rows * width]), &device);
	let weights = head.clone().select(0, ids).reshape([rows, width, d]);
	let logits = weights.clone().matmul(raw.reshape([rows, d, 1])).reshape([rows, width]);
	let offsets = Tensor::<B, 2>::from_data(TensorData::new(sample.offsets(), [rows, width]), &device);
	let terms = logits + offsets;
	let shares = softmax(terms.clone(), 1);
	// With LSE = log sum exp(terms): LSE - d_t = log p_t - log softmax of the target.
	let logs = Tensor::<B, 2>::from_data(TensorData::new(sample.target_logs(), [rows, 1]), &device);
	let losses = logs - log_softmax(terms, 1).narrow(1, 0, 1);
	let mut hot = vec![0.0_f32; rows * width];
	hot.iter_mut().step_by(width).for_each(|target| *target = 1.0);
	let hot = Tensor::<B, 2>::from_data(TensorData::new(hot, [rows, width]), &device);
	record([input], losses, SampledLoss { weights, slopes: shares - hot })
}
