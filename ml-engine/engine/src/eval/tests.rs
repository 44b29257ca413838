use super::*;
use blyan_exact::{golden, ModelConfig};
use proptest::prelude::*;

fn fast(model: &golden::OwnedModel) -> Model {
	Model::from_weights(&model.config, &model.trunk, &model.experts).unwrap()
}

fn text(seed: u64, len: usize) -> Vec<u8> {
	let mut state = seed;
	std::iter::repeat_with(|| {
		state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
		(state >> 40) as u8
	})
	.take(len)
	.collect()
}

#[test]
fn golden_vectors_hold_on_every_kernel() {
	let model = fast(&golden::model());
	for kernel in Kernel::available() {
		let evaluator = Evaluator::new(kernel, 1).unwrap();
		assert_eq!(
			evaluator.losses(&model, &[golden::TEXT], &never_stop).unwrap(),
			[golden::LOSS],
			"{kernel}"
		);
		let mut stream = forward::embed(model.trunk(), golden::TEXT.iter().copied());
		let mut pasts = [KeyValues::new(model.config(), golden::TEXT.len())];
		forward::layers(kernel, &model, 0..2, &mut stream, &mut pasts);
		let logits = forward::head(kernel, model.trunk(), &stream);
		assert_eq!(golden::logits_hash([logits.as_slice()]), golden::LOGITS_HASH, "{kernel}");
	}
}

#[test]
fn sequences_must_have_one_length_within_the_context() {
	let model = fast(&golden::model());
	let evaluator = Evaluator::new(Kernel::best(), 1).unwrap();
	for sequences in [vec![&[1_u8; 65][..]], vec![&[][..]], vec![&[1, 2][..], &[1][..]]] {
		assert_eq!(evaluator.losses(&model, &sequences, &never_stop), Err(EngineError::JobMalformed));
	}
	assert_eq!(evaluator.losses(&model, &[], &never_stop), Ok(Vec::new()));
}

#[test]
fn the_checkpoint_stops_the_work_and_counts_it() {
	use std::sync::atomic::{AtomicU32, Ordering};
	let model = fast(&golden::model());
	let evaluator = Evaluator::new(Kernel::best(), 2).unwrap();
	let bytes = text(1, 64 * 10);
	let sequences: Vec<&[u8]> = bytes.chunks(64).collect();
	let done = AtomicU32::new(0);
	let count = |finished| {
		done.fetch_add(finished, Ordering::Relaxed);
		Ok(())
	};
	evaluator.losses(&model, &sequences, &count).unwrap();
	assert_eq!(done.into_inner(), 10);
	let stop = |_| Err(EngineError::Cancelled);
	assert_eq!(evaluator.losses(&model, &sequences, &stop), Err(EngineError::Cancelled));
}

#[test]
fn an_outcome_adds_up() {
	let outcome = outcome(&[4, 9], &[(100, 90), (50, 80)], 32);
	assert_eq!((outcome.baseline_loss, outcome.candidate_loss), (150, 170));
	assert_eq!((outcome.sum_diff, outcome.sum_diff_sq), (-20, 100 + 900));
	assert_eq!((outcome.sequences, outcome.bytes), (2, 64));
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(12))]

	#[test]
	fn evaluation_equals_the_definition(
		seed: [u8; 8], d in 1_u16..=3, heads in prop::sample::select(vec![1_u8, 2, 4, 32]), hidden in 1_u16..=4,
		layers in 1_u8..=3, experts in 1_u16..=5, top_k in 1_u8..=2, count in 1_usize..6, len in 1_usize..=24,
		slot: u32, threads in 1_usize..=3,
	) {
		let config = ModelConfig {
			d_model: 64 * d,
			d_ff: 64 * hidden,
			layers,
			heads: heads.max(d as u8) - heads.max(d as u8) % d as u8,
			experts,
			top_k: if experts == 1 { 1 } else { top_k },
			context: 24,
		};
		prop_assume!(config.validate().is_ok());
		let exact = golden::random_model(config, &seed);
		let bytes = text(u64::from_le_bytes(seed), count * len);
		let sequences: Vec<&[u8]> = bytes.chunks(len).collect();
		let candidate = golden::random_expert(&config, b"candidate");
		let slot = slot % config.slots();
		let mut changed = exact.clone();
		changed.experts[slot as usize] = candidate.clone();
		let expected: Vec<(u64, u64)> = sequences
			.iter()
			.map(|bytes| (exact.view().sequence_loss(bytes).unwrap(), changed.view().sequence_loss(bytes).unwrap()))
			.collect();
		let model = fast(&exact);
		prop_assert_eq!(&model.to_exact().unwrap(), &exact);
		let weights = Arc::new(crate::model::expert_from_weights(&config, &candidate).unwrap());
		let candidate = Candidate {
			layer: (slot / u32::from(experts)) as u8,
			expert: (slot % u32::from(experts)) as u16,
			weights,
		};
		for kernel in Kernel::available() {
			let evaluator = Evaluator::new(kernel, threads).unwrap();
			let got = evaluator.paired_losses(&model, &candidate, &sequences, &never_stop).unwrap();
			prop_assert_eq!(&got, &expected, "{}", kernel);
		}
	}
}
