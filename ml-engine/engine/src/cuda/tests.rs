use super::{on_best_device, Device};
use crate::{
	eval::{Candidate, Evaluator},
	kernel::Kernel,
	model::{expert_from_weights, Model},
};
use blyan_exact::{golden, ModelConfig, SlotIndex};
use blyan_primitives::EngineError;
use std::sync::{
	atomic::{AtomicU32, Ordering},
	Arc,
};

/// Run by `scripts/test-cuda` below the emulated driver, also with one that breaks in the middle and one that is wrong; on a GPU
/// `cargo test --release -p blyan-engine --features cuda-eval -- --ignored cuda::`.
#[test]
#[ignore = "needs a GPU or an emulated one"]
fn losses_are_the_processors_whatever_becomes_of_the_gpu() {
	let config = ModelConfig { layers: 3, ..golden::CONFIG };
	let exact = golden::random_model(config, b"card");
	let model = Model::from_weights(&config, &exact.trunk, &exact.experts).unwrap();
	let expert = golden::random_expert(&config, b"candidate");
	let weights = Arc::new(expert_from_weights(&config, &expert).unwrap());
	let candidate = Candidate { slot: SlotIndex { layer: 1, expert: 2 }, weights };
	let text: Vec<u8> = (0..64 * 64_u32).map(|i| ((i * i) >> 5) as u8).collect();
	let sequences: Vec<&[u8]> = text.chunks(64).collect();
	let fault = std::env::var("BLYAN_EMULATION").unwrap_or_default();
	assert_eq!(Device::find().is_ok(), fault != "wrong", "the test needs a GPU");

	let processor = Evaluator::new(Kernel::best(), 1).unwrap();
	let evaluator = on_best_device(Evaluator::new(Kernel::best(), 1).unwrap());
	let counted = AtomicU32::new(0);
	let count = |finished| {
		counted.fetch_add(finished, Ordering::Relaxed);
		Ok(())
	};
	let never_stop = crate::eval::never_stop;
	for _ in 0..2 {
		let got = evaluator.losses(&model, &sequences, &count).unwrap();
		assert_eq!(got, processor.losses(&model, &sequences, &never_stop).unwrap());
		let got = evaluator.paired_losses(&model, &candidate, &sequences, &count).unwrap();
		assert_eq!(got, processor.paired_losses(&model, &candidate, &sequences, &never_stop).unwrap());
	}
	assert_eq!(counted.into_inner(), 4 * sequences.len() as u32);

	let stop = |_| Err(EngineError::Cancelled);
	assert_eq!(evaluator.losses(&model, &sequences, &stop), Err(EngineError::Cancelled));
	assert_eq!(evaluator.losses(&model, &[], &never_stop), Ok(Vec::new()));
	assert_eq!(evaluator.losses(&model, &[&[1; 65]], &never_stop), Err(EngineError::JobMalformed));
}

#[test]
fn looking_for_a_gpu_never_panics() {
	// Whether there is one depends on the machine; that the question has an answer must not.
	if let Err(error) = Device::find() {
		assert!(!error.to_string().is_empty());
	}
}
