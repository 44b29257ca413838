//! Held-out loss.

use super::{
	network::Network,
	ops::{scalar, Rotary, TrainBackend},
	workers::Workers,
};
use blyan_exact::ModelConfig;
use burn::tensor::Tensor;

/// Measures the mean loss over sequences of `tokens` bytes, in bits per byte.
pub(crate) fn mean_bits<B: TrainBackend>(
	config: &ModelConfig,
	weights: &[Tensor<B, 2>],
	rotary: &Rotary<B>,
	sequences: &[u8],
	tokens: usize,
	workers: &Workers,
	device: &B::Device,
) -> f64 {
	let parts = workers.split(sequences, tokens);
	let sums = workers.map(parts, |part| {
		let network = Network::new(config, weights, rotary, false, device);
		// Small batches: what one keeps for the next operator then stays in the cache.
		part.chunks(4 * tokens)
			.map(|chunk| scalar(network.forward(chunk, tokens, false).loss) * chunk.len() as f64)
			.sum::<f64>()
	});
	sums.into_iter().sum::<f64>() / sequences.len() as f64 / core::f64::consts::LN_2
}
