//! Checks of answers are the definition's, to the bit, and their witnesses convince the judge.
#![allow(clippy::unwrap_used)]

mod world;

use blyan_exact::{
	definition2::{
		block::{claimed_root, part_file},
		execution::Execution,
		golden, model_root,
		sampling::sample,
		step::{execute, sequence_bytes, Commitments, Place},
		Answer, OwnedPart, Part, Program, Trace,
	},
	merkle,
	tree::trace_root,
	Hash, Sampling,
};
use blyan_kernel::Kernel;
use blyan_open_model::evaluate::{never_stop, AnswerCheck, EvaluateError, Evaluator, ModelRoots};
use std::collections::BTreeMap;
use world::World;

/// Ids that a model reads, and those that it chooses: more than one piece.
const READ: usize = 9;
const CHOSEN: usize = 12;
/// Settings of every kind: temperature and top-p.
const SETTINGS: [(u16, u16); 4] = [(0, 256), (256, 256), (256, 200), (700, 250)];

fn answer((temperature, top_p): (u16, u16)) -> Answer {
	Answer { first: READ as u32 - 1, sampling: Sampling { temperature, top_p, seed: Sampling::key_of(3) } }
}

/// Returns a prompt, and what the model answers by the definition's own sampling.
fn answered(world: &World, answer: &Answer) -> Vec<u32> {
	let model = world.model.view().unwrap();
	let mut ids = world.holdout.ids(0).unwrap()[..READ].to_vec();
	let mut execution = Execution::new(&model, (READ + CHOSEN) as u32).unwrap();
	let mut logits = Vec::new();
	for &id in &ids {
		logits = execution.push(id).unwrap();
	}
	for _ in 0..CHOSEN {
		let token = sample(&answer.sampling, &logits, ids.len() as u64);
		ids.push(token);
		logits = execution.push(token).unwrap();
	}
	ids
}

fn check<'a>(world: &'a World, evaluator: &'a Evaluator, ids: &'a [u32], answer: Answer) -> AnswerCheck<'a> {
	let subject = world.subject();
	AnswerCheck {
		evaluator,
		architecture: subject.architecture,
		weights: subject.weights,
		ids,
		answer,
		checkpoint: &never_stop,
	}
}

#[test]
fn traces_are_the_definitions_for_every_family_and_setting() {
	for (family, (name, _)) in golden::ARCHITECTURES.iter().enumerate() {
		let world = World::new(name, golden::model(family), None, 1, 19);
		for setting in SETTINGS {
			let answer = answer(setting);
			let right = answered(&world, &answer);
			let mut wrong = right.clone();
			wrong[READ + 2] = (wrong[READ + 2] + 1) % world.model.architecture.vocabulary;
			for (ids, is_right) in [(&right, true), (&wrong, false)] {
				let expected = Trace::of_answer(&world.model.view().unwrap(), ids, answer).unwrap();
				for kernel in Kernel::available() {
					for threads in [1, 3] {
						let evaluator = Evaluator::new(kernel, threads).unwrap();
						let traces = check(&world, &evaluator, ids, answer).traces().unwrap();
						let case = format!("{name} {setting:?}, {kernel}, {threads} threads");
						assert_eq!(traces.baseline, expected.operators(), "{case}");
						assert_eq!(traces.candidate, traces.baseline, "{case}");
						assert_eq!(
							(traces.item.baseline == 0, traces.item.sequence),
							(is_right, 0),
							"{case}"
						);
						assert_eq!(traces.item.candidate, expected.loss(), "{case}");
						assert_eq!(traces.item.baseline_trace, trace_root(expected.operators()), "{case}");
					}
				}
			}
		}
	}
}

/// Returns the files of all parts, and their roots.
fn files(world: &World) -> (BTreeMap<Part, Vec<u8>>, ModelRoots) {
	let architecture = &world.model.architecture;
	let file =
		|(part, tensors): (Part, &OwnedPart)| (part, part_file(architecture, part, &tensors.view()).unwrap());
	let parts = architecture.parts().into_iter().zip(&world.model.parts);
	let experts = architecture.expert_parts().zip(&world.model.experts);
	let files: BTreeMap<Part, Vec<u8>> = parts.chain(experts).map(file).collect();
	let root = |part: Part| claimed_root(&files[&part]).unwrap();
	let parts: Vec<Hash> = architecture.parts().into_iter().map(root).collect();
	let experts: Vec<Hash> = architecture.expert_parts().map(root).collect();
	(files, ModelRoots { parts, experts })
}

#[test]
fn a_block_of_every_operator_of_an_answer_follows_from_its_witness() {
	for (family, (name, _)) in golden::ARCHITECTURES.iter().enumerate() {
		let world = World::new(name, golden::model(family), None, 1, 19);
		let (files, roots) = files(&world);
		let evaluator = Evaluator::new(Kernel::best(), 2).unwrap();
		let answer = answer(SETTINGS[2 + family % 2]);
		let ids = answered(&world, &answer);
		let check = check(&world, &evaluator, &ids, answer);
		let agreed = check.traces().unwrap().baseline;
		let commitments = Commitments {
			model_root: model_root(&world.model.architecture, &roots.parts, &roots.experts),
			candidate: None,
			holdout_root: merkle::root(&[merkle::leaf(&sequence_bytes(&ids))]),
			holdout_sequences: 1,
			sequence: 0,
		};
		let program = Program::answer_check(&world.model.architecture, ids.len() as u32 - 1, answer).unwrap();
		for (index, operator) in program.operators().iter().enumerate() {
			let (row, block) = (operator.shape.rows - 1, operator.shape.blocks() - 1);
			let place = Place { operator: index, row, block };
			let witness = check.witness(place, (&files, &roots)).unwrap();
			let opened = check.output(index).unwrap();
			let bytes = opened.bytes.chunks_exact(operator.shape.row_bytes).nth(row).unwrap();
			let expected = operator.shape.block_hashes(bytes)[block];
			let found = execute(&program, &commitments, &agreed, place, &witness);
			assert_eq!(found, Ok(expected), "{name}, {:?}", operator.role);
			assert_eq!(opened.root(), agreed[index], "{name}, {:?}", operator.role);
		}
	}
}

#[test]
fn ids_that_no_model_answers_are_refused() {
	let world = World::new("llama", golden::model(0), None, 1, 19);
	let evaluator = Evaluator::new(Kernel::best(), 1).unwrap();
	let vocabulary = world.model.architecture.vocabulary;
	let refused = |ids: &[u32]| check(&world, &evaluator, ids, answer((0, 256))).traces().unwrap_err();
	for ids in [&[][..], &[1], &[1, vocabulary]] {
		let largest = ids.iter().copied().max().unwrap_or(0);
		let expected = EvaluateError::Answer { ids: ids.len(), largest, vocabulary };
		assert_eq!(refused(ids), expected);
	}
	let too_long = vec![1; world.model.architecture.context as usize + 2];
	assert!(matches!(refused(&too_long), EvaluateError::Architecture(_)));
}
