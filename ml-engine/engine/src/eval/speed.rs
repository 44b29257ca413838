//! Evaluation speed of this machine, measured on a fixed workload.

use super::{Candidate, Evaluator};
use crate::model::{expert_from_weights, Model};
use blyan_exact::{golden, ModelConfig, SlotIndex};
use blyan_primitives::EngineError;
use std::{
	sync::Arc,
	time::{Duration, Instant},
};

/// Architecture of the workload: that of the model a chain starts with.
const CONFIG: ModelConfig =
	ModelConfig { d_model: 128, d_ff: 256, layers: 4, heads: 4, experts: 8, top_k: 2, context: 256 };
/// Sequences for each thread in one batch.
const SEQUENCES_PER_THREAD: usize = 4;

impl Evaluator {
	/// Measures the tokens of a job per second, with both traces of each: the best of the batches that fit into
	/// `duration`, and at least one.
	///
	/// Calls `go_on` between batches, which may pause, and stops with its error.
	pub fn tokens_per_second(
		&self,
		duration: Duration,
		go_on: &dyn Fn() -> Result<(), EngineError>,
	) -> Result<u32, EngineError> {
		let internal = |error| {
			log::error!("the workload of the measurement is not a model: {error}");
			EngineError::Internal
		};
		let exact = golden::random_model(CONFIG, b"speed");
		let model = Model::from_weights(&CONFIG, &exact.trunk, &exact.experts).map_err(internal)?;
		let weights = expert_from_weights(&CONFIG, &exact.experts[0]).map_err(internal)?;
		let candidate = Candidate { slot: SlotIndex { layer: 1, expert: 1 }, weights: Arc::new(weights) };
		let len = usize::from(CONFIG.context);
		let count = SEQUENCES_PER_THREAD * self.pool.current_num_threads();
		let text: Vec<u8> = (0..count * len).map(|i| ((i * i) >> 5) as u8).collect();
		let sequences: Vec<&[u8]> = text.chunks_exact(len).collect();
		let indices: Vec<u32> = (0..count as u32).collect();
		let (mut spent, mut best) = (Duration::ZERO, Duration::MAX);
		loop {
			go_on()?;
			let started = Instant::now();
			self.items(&model, &candidate, &indices, &sequences, &super::never_stop)?;
			let took = started.elapsed();
			spent += took;
			best = best.min(took);
			if spent >= duration {
				break;
			}
		}
		Ok((text.len() as f64 / best.as_secs_f64()).min(f64::from(u32::MAX)) as u32)
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::kernel::Kernel;

	#[test]
	fn a_measurement_is_positive_and_can_be_stopped() {
		let evaluator = Evaluator::new(Kernel::best(), 1).unwrap();
		assert!(evaluator.tokens_per_second(Duration::from_millis(1), &|| Ok(())).unwrap() > 0);
		let stop = || Err(EngineError::Cancelled);
		assert_eq!(evaluator.tokens_per_second(Duration::from_millis(1), &stop), Err(EngineError::Cancelled));
	}
}
