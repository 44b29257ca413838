use super::*;
use blyan_exact::{golden, tree::trace_root, ModelConfig, Trace};
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
		let (mut stream, mut logits, mut work) = (Vec::new(), Vec::new(), Workspace::new(1));
		forward::embed(kernel, model.trunk(), golden::TEXT.iter().copied(), &mut stream, &mut ());
		let mut caches = [KvCache::new(model.config(), golden::TEXT.len())];
		forward::layers(kernel, &model, 0..2, &mut stream, &mut caches, &mut work, &mut ()).unwrap();
		forward::head(kernel, model.trunk(), &stream, &mut work, &mut logits, &mut ());
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
	let item = |sequence, baseline, candidate| Item { sequence, baseline, candidate, ..Item::default() };
	let items = [item(4, 100, 90), item(9, 50, 80)];
	let outcome = outcome(&items, 32);
	assert_eq!((outcome.baseline_loss, outcome.candidate_loss), (150, 170));
	assert_eq!((outcome.sum_diff, outcome.sum_diff_sq), (-20, 100 + 900));
	assert_eq!((outcome.sequences, outcome.bytes), (2, 64));
	assert_eq!(outcome.root(), sum_root(&items));
}

/// Architecture, length of a sequence, sequences, threads.
type Story = (ModelConfig, usize, usize, usize);

/// Every slot's candidate, every kernel: the items are those of the definition's own outputs.
fn traces_agree((config, len, count, threads): Story, seed: &[u8]) {
	let exact = golden::random_model(config, seed);
	let expert = golden::random_expert(&config, b"candidate");
	let bytes = text(u64::from(seed[0]), count * len);
	let sequences: Vec<&[u8]> = bytes.chunks(len).collect();
	let indices: Vec<u32> = (0..count as u32).map(|i| 7 * i + 3).collect();
	let model = fast(&exact);
	let weights = Arc::new(crate::model::expert_from_weights(&config, &expert).unwrap());
	let claim = |model: &golden::OwnedModel, bytes: &[u8]| {
		let trace = Trace::of(&model.view(), bytes).unwrap();
		(trace.loss(), trace.operators().to_vec())
	};
	let baselines: Vec<_> = sequences.iter().map(|bytes| claim(&exact, bytes)).collect();
	for layer in 0..config.layers {
		let slot = (u16::from(layer) + 1) % config.experts;
		let mut changed = exact.clone();
		changed.experts[config.slot_index(layer, slot).unwrap() as usize] = expert.clone();
		let candidate = Candidate { slot: SlotIndex { layer, expert: slot }, weights: weights.clone() };
		let candidates: Vec<_> = sequences.iter().map(|bytes| claim(&changed, bytes)).collect();
		let expected: Vec<Item> = indices
			.iter()
			.zip(baselines.iter().zip(&candidates))
			.map(|(&sequence, (baseline, candidate))| Item {
				sequence,
				baseline: baseline.0,
				candidate: candidate.0,
				baseline_trace: trace_root(&baseline.1),
				candidate_trace: trace_root(&candidate.1),
			})
			.collect();
		for kernel in Kernel::available() {
			let evaluator = Evaluator::new(kernel, threads).unwrap();
			let got = evaluator.items(&model, &candidate, &indices, &sequences, &never_stop).unwrap();
			assert_eq!(got, expected, "{kernel}, layer {layer}, {config:?}");
			let changed = candidate.put_into(&model).unwrap();
			assert_eq!(evaluator.operator_roots(&model, sequences[0]).unwrap(), baselines[0]);
			assert_eq!(evaluator.operator_roots(&changed, sequences[0]).unwrap(), candidates[0]);
		}
	}
}

const SHAPE: ModelConfig =
	ModelConfig { d_model: 64, d_ff: 128, layers: 2, heads: 2, experts: 4, top_k: 2, context: 256 };

#[test]
fn items_commit_to_what_the_definition_computes() {
	traces_agree((SHAPE, 1, 9, 1), b"one byte");
	traces_agree((SHAPE, 5, 4, 2), b"short");
	traces_agree((SHAPE, 64, 3, 1), b"middle");
	traces_agree((SHAPE, 256, 5, 1), b"long");
	// Heads of 6 entries; rows of three blocks; rows whose last block is shorter than the others.
	let odd = ModelConfig { d_model: 192, d_ff: 1_088, heads: 32, experts: 3, layers: 3, top_k: 1, ..SHAPE };
	traces_agree((odd, 33, 2, 1), b"odd");
	traces_agree((ModelConfig { experts: 70, layers: 1, ..SHAPE }, 17, 2, 1), b"many experts");
	traces_agree((ModelConfig { experts: 1, top_k: 1, ..SHAPE }, 20, 2, 1), b"one expert");
}

#[test]
fn single_outputs_are_those_of_the_definition() {
	let exact = golden::model();
	let model = fast(&exact);
	let trace = Trace::of(&exact.view(), golden::TEXT).unwrap();
	let outputs = (0..).map_while(|operator| trace.output(operator));
	let expected: Vec<Vec<u8>> = outputs.map(<[u8]>::to_vec).collect();
	for kernel in Kernel::available() {
		let evaluator = Evaluator::new(kernel, 1).unwrap();
		for (operator, expected) in expected.iter().enumerate() {
			let got = evaluator.operator_output(&model, golden::TEXT, operator).unwrap();
			assert_eq!(&got, expected, "{kernel}, operator {operator}");
		}
		let outputs = evaluator.outputs(&model, golden::TEXT).unwrap();
		assert_eq!(outputs, (golden::LOSS, expected.clone()), "{kernel}");
		let beyond = evaluator.operator_output(&model, golden::TEXT, expected.len());
		assert_eq!(beyond, Err(EngineError::JobMalformed));
	}
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
			slot: config.slot_at(slot).unwrap(),
			weights,
		};
		for kernel in Kernel::available() {
			let evaluator = Evaluator::new(kernel, threads).unwrap();
			let got = evaluator.paired_losses(&model, &candidate, &sequences, &never_stop).unwrap();
			prop_assert_eq!(&got, &expected, "{}", kernel);
			// One sequence by itself, which several threads share.
			let single = evaluator.losses(&model, &sequences[..1], &never_stop).unwrap();
			prop_assert_eq!(single, [expected[0].0], "{}", kernel);
			let indices: Vec<u32> = (0..count as u32).collect();
			let items = evaluator.items(&model, &candidate, &indices, &sequences, &never_stop).unwrap();
			let (bytes, item) = (sequences[count - 1], items[count - 1]);
			prop_assert_eq!((item.baseline, item.candidate), expected[count - 1]);
			prop_assert_eq!(item.baseline_trace, Trace::of(&exact.view(), bytes).unwrap().root(), "{}", kernel);
			prop_assert_eq!(item.candidate_trace, Trace::of(&changed.view(), bytes).unwrap().root(), "{}", kernel);
		}
	}
}
