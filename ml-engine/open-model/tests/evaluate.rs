//! Losses and traces of an evaluation are the definition's, to the bit: for every family, on every instruction set, wherever
//! the candidate's slot is, and however many threads there are.
#![allow(clippy::unwrap_used)]

mod world;

use blyan_exact::{
	definition2::{golden, Program, Trace},
	tree::{sum_root, trace_root, Item},
};
use blyan_kernel::Kernel;
use blyan_open_model::evaluate::{never_stop, outcome, EvaluateError, Evaluator, Losses, Opener, Subject};
use std::{
	ops::ControlFlow,
	sync::{
		atomic::{AtomicUsize, Ordering},
		Mutex,
	},
};
use world::World;

/// Items by the definition's own traces.
fn expected(world: &World, indices: &[u32]) -> Vec<Item> {
	let item = |&sequence: &u32| {
		let ids = world.holdout.ids(sequence).unwrap();
		let [baseline, candidate] =
			world.models().map(|model| Trace::of(&model.view().unwrap(), &ids).unwrap());
		Item {
			sequence,
			baseline: baseline.loss(),
			candidate: candidate.loss(),
			baseline_trace: baseline.root(),
			candidate_trace: candidate.root(),
		}
	};
	indices.iter().map(item).collect()
}

/// Every kernel and several numbers of threads find the definition's items.
fn items_agree(world: &World) {
	let indices: Vec<u32> = (0..world.holdout.sequences()).rev().collect();
	let expected = expected(world, &indices);
	for kernel in Kernel::available() {
		for threads in [1, 2, 7] {
			let evaluator = Evaluator::new(kernel, threads).unwrap();
			let case = format!("{}, {kernel}, {threads} threads", world.name);
			let (subject, holdout) = (world.subject(), &world.holdout);
			let items = evaluator.items(subject, holdout, &indices, &never_stop, &|_| ()).unwrap();
			assert_eq!(items, expected, "{case}");
			let losses = evaluator.losses(subject, holdout, &indices, &never_stop, &|_| ()).unwrap();
			let plain = |item: &Item| Losses {
				sequence: item.sequence,
				baseline: item.baseline,
				candidate: item.candidate,
			};
			assert_eq!(losses, expected.iter().map(plain).collect::<Vec<_>>(), "{case}");
		}
	}
}

#[test]
fn items_are_the_definitions_for_every_family() {
	for (family, (name, architecture)) in golden::ARCHITECTURES.iter().enumerate() {
		let architecture = architecture();
		for slot in world::slots(&architecture) {
			items_agree(&World::new(name, golden::model(family), slot, 3, 19));
		}
	}
}

/// Several pieces, the last of them short; blocks of keys across them.
#[test]
fn items_are_the_definitions_where_sequences_have_several_pieces() {
	for name in ["olmoe", "mixtral", "shared"] {
		let mut architecture = world::architecture(name);
		architecture.context = 200;
		let slot = world::slots(&architecture).into_iter().next().unwrap();
		let model = golden::random_model(architecture, b"long");
		items_agree(&World::new(name, model, slot, 1, 150));
	}
}

#[test]
fn the_golden_traces_hold() {
	for (family, (name, _)) in golden::ARCHITECTURES.iter().enumerate() {
		let model = golden::model(family);
		let ids = golden::ids(&model.architecture);
		let world = World::of_ids(name, model, None, &[ids]);
		let evaluator = Evaluator::new(Kernel::best(), 1).unwrap();
		let items = evaluator.items(world.subject(), &world.holdout, &[0], &never_stop, &|_| ()).unwrap();
		let golden = &golden::GOLDEN[family];
		assert_eq!((items[0].baseline_trace, items[0].baseline), (golden.trace, golden.loss), "{name}");
		assert_eq!((items[0].candidate_trace, items[0].candidate), (golden.trace, golden.loss), "{name}");
	}
}

#[test]
fn a_candidate_that_no_token_is_routed_to_changes_nothing() {
	let world =
		World::new("mixtral", golden::model(4), world::slots(&world::architecture("mixtral"))[1], 40, 3);
	let evaluator = Evaluator::new(Kernel::best(), 2).unwrap();
	let indices: Vec<u32> = (0..40).collect();
	let items = evaluator.items(world.subject(), &world.holdout, &indices, &never_stop, &|_| ()).unwrap();
	let is_same = |item: &&Item| item.baseline_trace == item.candidate_trace;
	let same = items.iter().filter(is_same).count();
	assert!(same > 0 && same < items.len(), "{same} of {} sequences", items.len());
	assert!(items.iter().filter(is_same).all(|item| item.baseline == item.candidate));
}

#[test]
fn an_interrupted_evaluation_goes_on_with_the_rest() {
	let world = World::new("olmoe", golden::model(3), world::slots(&world::architecture("olmoe"))[0], 12, 7);
	let evaluator = Evaluator::new(Kernel::best(), 2).unwrap();
	let (indices, kept) = ((0..12).collect::<Vec<u32>>(), Mutex::new(Vec::new()));
	let calls = AtomicUsize::new(0);
	let stop = || match calls.fetch_add(1, Ordering::Relaxed) {
		0..20 => ControlFlow::Continue(()),
		_ => ControlFlow::Break(()),
	};
	let keep = |item: &Item| kept.lock().unwrap().push(*item);
	let (subject, holdout) = (world.subject(), &world.holdout);
	let stopped = evaluator.items(subject, holdout, &indices, &stop, &keep);
	assert_eq!(stopped, Err(EvaluateError::Cancelled));
	let kept = kept.into_inner().unwrap();
	assert!(!kept.is_empty() && kept.len() < indices.len(), "{} are kept", kept.len());
	let is_missing = |index: &u32| !kept.iter().any(|item| item.sequence == *index);
	let rest: Vec<u32> = indices.iter().copied().filter(is_missing).collect();
	let mut items = evaluator.items(subject, holdout, &rest, &never_stop, &|_| ()).unwrap();
	items.extend(kept);
	items.sort_by_key(|item| item.sequence);
	assert_eq!(items, expected(&world, &indices));
	let outcome = outcome(holdout, &items).unwrap();
	assert_eq!((outcome.root, outcome.sequences), (sum_root(&items), 12));
	let bytes: u64 = indices.iter().map(|index| u64::from(holdout.text_bytes(*index).unwrap())).sum();
	assert_eq!(outcome.text_bytes, bytes);
}

#[test]
fn a_comparison_has_the_sums_of_a_score() {
	let slot = world::slots(&world::architecture("olmoe"))[0];
	let world = World::new("olmoe", golden::model(3), slot, 9, 7);
	let (evaluator, indices) = (Evaluator::new(Kernel::best(), 2).unwrap(), (0..9).collect::<Vec<u32>>());
	let largest = AtomicUsize::new(0);
	let progress = |done: usize| {
		largest.fetch_max(done, Ordering::Relaxed);
	};
	let compared = evaluator.compare(world.subject(), &world.holdout, &progress).unwrap();
	let scored = outcome(&world.holdout, &expected(&world, &indices)).unwrap();
	assert_eq!(compared.totals, scored.root.totals);
	assert_eq!((compared.sequences, compared.text_bytes), (scored.sequences, scored.text_bytes));
	assert_eq!(largest.into_inner(), 9);
	let [before, after] = compared.bits_per_byte();
	assert!(before > 0.0 && after > 0.0 && before != after);
}

#[test]
fn what_cannot_be_evaluated_is_refused_by_name() {
	let slot = world::slots(&world::architecture("olmoe"))[0];
	let world = World::new("olmoe", golden::model(3), slot, 2, 7);
	let evaluator = Evaluator::new(Kernel::best(), 1).unwrap();
	let losses = |world: &World, subject: Subject<'_>, index: u32| {
		evaluator.losses(subject, &world.holdout, &[index], &never_stop, &|_| ()).map(|_| ())
	};
	assert_eq!(losses(&world, world.subject(), 2), Err(EvaluateError::Sequence { index: 2, sequences: 2 }));
	let long = World::new("olmoe", golden::model(3), slot, 1, 65);
	assert!(matches!(losses(&long, long.subject(), 0), Err(EvaluateError::Architecture(_))));
	let wide = World::new("qwen2", golden::model(1), None, 1, 7);
	let vocabulary = EvaluateError::Vocabulary { holdout: 5_000, model: 300 };
	assert_eq!(losses(&wide, world.subject(), 0), Err(vocabulary));
	// Weights of another model lack what the program reads.
	let other = Subject {
		architecture: &world.model.architecture,
		..World::new("llama", golden::model(0), None, 1, 7).leak()
	};
	assert!(matches!(losses(&world, other, 0), Err(EvaluateError::Weights(_))));
}

#[test]
fn a_file_that_is_not_an_expert_of_the_slot_is_refused() {
	let world = World::new("olmoe", golden::model(3), world::slots(&world::architecture("olmoe"))[0], 1, 7);
	let architecture = &world.model.architecture;
	let read = |layer, expert, file: &[u8]| {
		blyan_open_model::evaluate::Candidate::from_file(architecture, layer, expert, file).map(|_| ())
	};
	let file = world.candidate_file.clone().unwrap();
	assert_eq!(read(0, 8, &file), Err(EvaluateError::Slot { layer: 0, expert: 8 }));
	assert_eq!(read(2, 0, &file), Err(EvaluateError::Slot { layer: 2, expert: 0 }));
	assert_eq!(read(1, 3, &file), Ok(()));
	let mut damaged = file.clone();
	damaged[2_000] ^= 1;
	assert!(matches!(read(1, 3, &damaged), Err(EvaluateError::Candidate(_))));
	assert!(matches!(read(1, 3, &file[1..]), Err(EvaluateError::Candidate(_))));
}

#[test]
fn openings_lead_from_an_item_to_every_row_and_block() {
	let world =
		World::new("shared", golden::model(5), world::slots(&world::architecture("shared"))[0], 3, 19);
	let evaluator = Evaluator::new(Kernel::best(), 3).unwrap();
	let opener = Opener {
		evaluator: &evaluator,
		subject: world.subject(),
		holdout: &world.holdout,
		checkpoint: &never_stop,
	};
	let program = Program::new(&world.model.architecture, 19).unwrap();
	let traces = opener.traces(2).unwrap();
	assert_eq!(vec![traces.item], expected(&world, &[2]));
	assert_eq!(trace_root(&traces.candidate), traces.item.candidate_trace);
	for (side, roots) in world::SIDES.iter().zip([&traces.baseline, &traces.candidate]) {
		for (operator, root) in roots.iter().enumerate() {
			let opened = opener.output(2, *side, operator).unwrap();
			let role = program.operator(operator).unwrap().role;
			assert_eq!(opened.root(), *root, "{side:?}, {role:?}");
			let levels = blyan_exact::tree::levels(opened.shape.rows);
			if levels > 0 {
				assert_eq!(blyan_exact::tree::node(&opened.rows(levels, 0)), *root, "{role:?}");
			}
			let row = opened.shape.rows - 1;
			let hash = opened.shape.row_hashes(&opened.bytes)[row];
			let levels = blyan_exact::tree::levels(opened.shape.blocks());
			if levels > 0 {
				assert_eq!(blyan_exact::tree::node(&opened.blocks(row, levels, 0)), hash, "{role:?}");
			}
			assert!(opened.rows(9, 0).is_empty() && opened.blocks(row + 1, 1, 0).is_empty());
		}
	}
	let beyond = traces.baseline.len();
	let none = EvaluateError::Place { operator: beyond, row: 0, block: 0 };
	assert_eq!(opener.output(2, world::SIDES[0], beyond).unwrap_err(), none);
	assert!(matches!(opener.traces(3), Err(EvaluateError::Sequence { index: 3, sequences: 3 })));
}
