//! The fast path is the definition, to the bit: on every instruction set, on one thread and on several, whatever the
//! pieces in which a text is read.
#![allow(clippy::unwrap_used)]

use blyan_exact::definition2::{
	golden::{self, OwnedModel},
	loss::loss,
	Execution,
};
use blyan_kernel::Kernel;
use blyan_open_model::{
	load,
	run::{RunError, Runner},
};
use std::sync::{atomic::Ordering, Arc};

/// Logits after each id, by the definition.
fn reference(model: &OwnedModel, ids: &[u32]) -> Vec<Vec<i32>> {
	let view = model.view().unwrap();
	let mut execution = Execution::new(&view, ids.len() as u32).unwrap();
	ids.iter().map(|id| execution.push(*id).unwrap()).collect()
}

fn runner(model: &OwnedModel, kernel: Kernel, threads: usize) -> Runner {
	let weights = load::weights(&model.view().unwrap()).unwrap();
	Runner::new(Arc::new(weights), kernel, threads).unwrap()
}

/// More ids than one thread takes through the layers at a time.
fn long_ids(model: &OwnedModel) -> Vec<u32> {
	let mut stream = golden::Stream::new(b"long");
	(0..50).map(|_| stream.below(model.architecture.vocabulary as usize) as u32).collect()
}

#[test]
fn logits_and_losses_are_the_definitions_for_every_family_kernel_and_number_of_threads() {
	for (family, (name, architecture)) in golden::ARCHITECTURES.iter().enumerate() {
		// The fast path has no adapters yet.
		let routing = architecture().routing(0).copied();
		if routing.is_some_and(|routing| routing.adapter_rank.is_some()) {
			continue;
		}
		let model = golden::model(family);
		let ids = long_ids(&model);
		let expected = reference(&model, &ids);
		let losses: Vec<u64> =
			expected.iter().zip(&ids[1..]).map(|(logits, target)| loss(logits, *target as usize)).collect();
		for kernel in Kernel::available() {
			for threads in [1, 2, 3] {
				let mut runner = runner(&model, kernel, threads);
				let case = format!("{name}, {kernel}, {threads} threads");
				assert_eq!(runner.losses(&ids).unwrap(), losses, "{case}");
				let (mut sequence, mut logits) = (runner.sequence(), Vec::new());
				for (position, id) in ids.iter().enumerate() {
					runner.read(&mut sequence, &[*id], &mut logits).unwrap();
					assert_eq!(logits, expected[position], "{case}, position {position}");
				}
			}
		}
	}
}

#[test]
fn logits_do_not_depend_on_the_pieces_in_which_a_text_is_read() {
	let model = golden::model(0);
	let ids = long_ids(&model);
	let expected = reference(&model, &ids);
	let mut runner = runner(&model, Kernel::best(), 2);
	for piece in [2, 7, 8, 9, 16, 33, 50] {
		let (mut sequence, mut logits) = (runner.sequence(), Vec::new());
		let mut read = 0;
		for ids in ids.chunks(piece) {
			runner.read(&mut sequence, ids, &mut logits).unwrap();
			read += ids.len();
			assert_eq!(logits, expected[read - 1], "pieces of {piece}, {read} read");
		}
		// Back to an earlier position, and on from there.
		sequence.truncate(10);
		runner.read(&mut sequence, &ids[10..21], &mut logits).unwrap();
		assert_eq!(logits, expected[20], "pieces of {piece}, read again");
	}
}

#[test]
fn losses_behind_a_beginning_that_was_read_are_those_of_the_whole() {
	let model = golden::model(0);
	let ids = long_ids(&model);
	let mut runner = runner(&model, Kernel::best(), 2);
	let losses = runner.losses(&ids).unwrap();
	let (mut sequence, mut logits) = (runner.sequence(), Vec::new());
	for beginning in [0, 1, 7, 31, 32, 33, 48] {
		sequence.truncate(0);
		if beginning > 0 {
			runner.read(&mut sequence, &ids[..beginning], &mut logits).unwrap();
		}
		// Twice: the sequence goes back, and other texts may have the same beginning.
		for _ in 0..2 {
			assert_eq!(runner.losses_behind(&mut sequence, &ids[beginning..]).unwrap(), losses[beginning..]);
			assert_eq!(sequence.positions(), ids.len() - 1);
			sequence.truncate(beginning);
		}
	}
	assert_eq!(runner.losses_behind(&mut sequence, &ids[..1]), Err(RunError::Empty));
	assert_eq!(sequence.positions(), 48);
}

#[test]
fn a_cancelled_read_leaves_the_sequence_as_it_was() {
	let model = golden::model(0);
	let ids = long_ids(&model);
	let mut runner = runner(&model, Kernel::best(), 2);
	let (mut sequence, mut logits) = (runner.sequence(), Vec::new());
	runner.read(&mut sequence, &ids[..5], &mut logits).unwrap();
	runner.cancelled().store(true, Ordering::Relaxed);
	assert_eq!(runner.read(&mut sequence, &ids[5..9], &mut logits), Err(RunError::Cancelled));
	assert_eq!(sequence.positions(), 5);
	runner.cancelled().store(false, Ordering::Relaxed);
	runner.read(&mut sequence, &ids[5..9], &mut logits).unwrap();
	assert_eq!(logits, reference(&model, &ids[..9])[8]);
}

#[test]
fn what_does_not_fit_is_refused_by_its_numbers() {
	let model = golden::model(0);
	let mut runner = runner(&model, Kernel::best(), 1);
	let (mut sequence, mut logits) = (runner.sequence(), Vec::new());
	let (vocabulary, context) = (model.architecture.vocabulary, model.architecture.context as usize);
	assert_eq!(runner.read(&mut sequence, &[], &mut logits), Err(RunError::Empty));
	assert_eq!(
		runner.read(&mut sequence, &[3, vocabulary], &mut logits),
		Err(RunError::Token { token: vocabulary, vocabulary: vocabulary as usize })
	);
	assert_eq!(
		runner.read(&mut sequence, &vec![0; context + 1], &mut logits),
		Err(RunError::Context { positions: context + 1, context })
	);
	assert_eq!(sequence.positions(), 0);
	assert_eq!(runner.losses(&[1]), Err(RunError::Empty));
}
