//! Witnesses of an evaluation convince the judge: every operator's blocks follow from them, on either side.
#![allow(clippy::unwrap_used)]

mod world;

use blyan_exact::{
	definition2::{
		block::{claimed_root, part_file},
		golden, model_root,
		step::{execute, CandidateSlot, Commitments, Place},
		OwnedPart, Part, Program,
	},
	Hash,
};
use blyan_kernel::Kernel;
use blyan_open_model::evaluate::{never_stop, EvaluateError, Evaluator, ModelRoots, Opener, Side};
use std::collections::BTreeMap;
use world::World;

const POSITIONS: usize = 19;
const SEQUENCE: u32 = 1;

/// Returns the files of all parts of the baseline, and their roots.
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

fn commitments(world: &World, roots: &ModelRoots, side: Side) -> Commitments {
	let candidate = match (&world.slot, &world.candidate_file) {
		(Some((Part::Expert { layer, expert }, _)), Some(file)) if side == Side::Candidate => {
			Some(CandidateSlot { layer: *layer, expert: *expert, tensor_root: claimed_root(file).unwrap() })
		}
		_ => None,
	};
	Commitments {
		model_root: model_root(&world.model.architecture, &roots.parts, &roots.experts),
		candidate,
		holdout_root: world.holdout.root(),
		holdout_sequences: world.holdout.sequences(),
		sequence: SEQUENCE,
	}
}

#[test]
fn a_block_of_every_operator_follows_from_its_witness() {
	for (family, (name, architecture)) in golden::ARCHITECTURES.iter().enumerate() {
		let slot = world::slots(&architecture())[0];
		let world = World::new(name, golden::model(family), slot, 3, POSITIONS);
		let (mut files, roots) = files(&world);
		let evaluator = Evaluator::new(Kernel::best(), 2).unwrap();
		let opener = Opener {
			evaluator: &evaluator,
			subject: world.subject(),
			holdout: &world.holdout,
			checkpoint: &never_stop,
		};
		let traces = opener.traces(SEQUENCE).unwrap();
		let program = Program::new(&world.model.architecture, POSITIONS as u32).unwrap();
		for (side, agreed) in world::SIDES.into_iter().zip([&traces.baseline, &traces.candidate]) {
			if let (Side::Candidate, Some((part, _)), Some(file)) = (side, &world.slot, &world.candidate_file)
			{
				files.insert(*part, file.clone());
			}
			let commitments = commitments(&world, &roots, side);
			for (index, operator) in program.operators().iter().enumerate() {
				let (row, block) = (operator.shape.rows - 1, operator.shape.blocks() - 1);
				let place = Place { operator: index, row, block };
				let witness = opener.witness(SEQUENCE, side, place, (&files, &roots)).unwrap();
				let opened = opener.output(SEQUENCE, side, index).unwrap();
				let bytes = opened.bytes.chunks_exact(operator.shape.row_bytes).nth(row).unwrap();
				let expected = operator.shape.block_hashes(bytes)[block];
				let found = execute(&program, &commitments, agreed, place, &witness);
				assert_eq!(found, Ok(expected), "{name}, {side:?}, {:?}", operator.role);
			}
		}
	}
}

#[test]
fn places_and_files_that_are_not_there_are_refused_by_name() {
	let slot = world::slots(&world::architecture("mixtral"))[0];
	let world = World::new("mixtral", golden::model(4), slot, 2, POSITIONS);
	let (mut files, roots) = files(&world);
	let evaluator = Evaluator::new(Kernel::best(), 1).unwrap();
	let opener = Opener {
		evaluator: &evaluator,
		subject: world.subject(),
		holdout: &world.holdout,
		checkpoint: &never_stop,
	};
	let witness = |files: &BTreeMap<Part, Vec<u8>>, operator, row, block| {
		opener.witness(SEQUENCE, Side::Baseline, Place { operator, row, block }, (files, &roots)).map(|_| ())
	};
	for (operator, row, block) in [(0, POSITIONS, 0), (0, 0, 1), (9_999, 0, 0)] {
		let none = EvaluateError::Place { operator, row, block };
		assert_eq!(witness(&files, operator, row, block), Err(none));
	}
	assert_eq!(witness(&files, 0, 0, 0), Ok(()));
	files.remove(&Part::Embedding);
	assert_eq!(witness(&files, 0, 0, 0), Err(EvaluateError::Files { operator: 0 }));
}
