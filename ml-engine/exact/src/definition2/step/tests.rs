mod adapters;
mod answers;
mod games;
mod sizes;
mod tiles;

use super::*;
use crate::{
	definition2::{
		block::{claimed_root, part_file, seal, LoadedPart, PartView},
		golden::{self, random_model, Stream},
		model::{Model, OwnedPart},
		program::Role,
		tensors::Name,
		trace::Trace,
	},
	hash::Hash,
};
use proptest::prelude::*;
use std::{collections::BTreeMap, vec, vec::Vec};

/// A model, a candidate for one of its slots if it has any, a holdout, and the trace of one of its sequences.
struct World {
	name: &'static str,
	files: BTreeMap<Part, Vec<u8>>,
	parts: Vec<Hash>,
	experts: Vec<Hash>,
	candidate: Option<CandidateSlot>,
	holdout: Vec<u32>,
	/// The sequence of the holdout that the trace is of.
	sequence: u32,
	trace: Trace,
}

const SEQUENCE: u32 = 2;
/// Two blocks of keys.
const POSITIONS: usize = 19;

fn root_of(file: &[u8]) -> Hash {
	claimed_root(file).unwrap()
}

impl World {
	/// Builds the world of a golden family.
	fn new(family: usize) -> Self {
		let (name, architecture) = golden::ARCHITECTURES[family];
		let owned = random_model(architecture(), name.as_bytes());
		let architecture = owned.architecture.clone();
		let file = |part: Part, tensors: &OwnedPart| part_file(&architecture, part, &tensors.view()).unwrap();
		let parts: Vec<Part> = architecture.parts();
		let experts: Vec<Part> = architecture.expert_parts().collect();
		let fixed = parts.iter().zip(&owned.parts).map(|(part, tensors)| (*part, file(*part, tensors)));
		let routed = experts.iter().zip(&owned.experts).map(|(part, tensors)| (*part, file(*part, tensors)));
		let mut files: BTreeMap<Part, Vec<u8>> = fixed.chain(routed).collect();
		let roots = |list: &[Part]| list.iter().map(|part| root_of(&files[part])).collect::<Vec<Hash>>();
		let (part_roots, expert_roots) = (roots(&parts), roots(&experts));
		let mut stream = Stream::new(b"world");
		let slot = experts.get(1).copied();
		let candidate = slot.map(|part| {
			let Part::Expert { layer, expert } = part else { unreachable!() };
			files.insert(part, file(part, &stream.part(&architecture, part)));
			CandidateSlot { layer, expert, tensor_root: root_of(&files[&part]) }
		});
		let vocabulary = architecture.vocabulary as usize;
		let holdout: Vec<u32> = (0..5 * (POSITIONS + 1)).map(|_| stream.below(vocabulary) as u32).collect();
		let trace = trace_of(&architecture, &files, &sequence(&holdout));
		Self {
			name,
			files,
			parts: part_roots,
			experts: expert_roots,
			candidate,
			holdout,
			sequence: SEQUENCE,
			trace,
		}
	}

	/// Builds the worlds of all families, once.
	fn all() -> &'static [World] {
		static WORLDS: std::sync::OnceLock<Vec<World>> = std::sync::OnceLock::new();
		WORLDS.get_or_init(|| (0..golden::ARCHITECTURES.len()).map(World::new).collect())
	}

	fn prover<'a>(&'a self, trace: &'a Trace) -> Prover<'a> {
		Prover {
			trace,
			files: &self.files,
			parts: &self.parts,
			experts: &self.experts,
			candidate: self.candidate,
			holdout: &self.holdout,
			sequence: self.sequence,
		}
	}

	fn program(&self) -> &Program {
		self.trace.program()
	}
}

fn sequence(holdout: &[u32]) -> Vec<u32> {
	holdout[SEQUENCE as usize * (POSITIONS + 1)..][..POSITIONS + 1].to_vec()
}

/// Runs the model that lies in files.
fn trace_of(
	architecture: &crate::definition2::Architecture,
	files: &BTreeMap<Part, Vec<u8>>,
	ids: &[u32],
) -> Trace {
	let layouts: BTreeMap<Part, Layout> =
		files.keys().map(|part| (*part, Layout::of(architecture, *part).unwrap())).collect();
	let load = |part: Part| {
		let file = &files[&part];
		layouts[&part].check(file).unwrap();
		LoadedPart::new(PartView::new(&layouts[&part], file).unwrap())
	};
	let parts: Vec<LoadedPart<'_>> = architecture.parts().into_iter().map(load).collect();
	let experts: Vec<LoadedPart<'_>> = architecture.expert_parts().map(load).collect();
	let model = Model::new(architecture, tensors_of(&parts), tensors_of(&experts)).unwrap();
	Trace::of(&model, ids).unwrap()
}

fn tensors_of<'a>(loaded: &'a [LoadedPart<'_>]) -> Vec<crate::definition2::PartTensors<'a>> {
	loaded.iter().map(|part| part.tensors().unwrap()).collect()
}

/// Every block of every row of every operator of every family, computed by itself from its witness, is the block of the
/// trace.
#[test]
fn every_block_of_a_trace_follows_from_its_witness() {
	let mut blocks = 0;
	for world in World::all() {
		let (program, prover) = (world.program(), world.prover(&world.trace));
		let commitments = prover.commitments();
		for (operator, listed) in program.operators().iter().enumerate() {
			let agreed = &world.trace.operators()[..operator];
			for row in 0..listed.shape.rows {
				let expected = listed.shape.block_hashes(world.trace.row(operator, row).unwrap());
				for (block, expected) in expected.into_iter().enumerate() {
					// Of the many blocks of logits, those of the first, a middle and the last position.
					if block > 8 && ![0, 9, POSITIONS - 1].contains(&row) {
						continue;
					}
					let place = Place { operator, row, block };
					let witness = prover.record(place).unwrap();
					let hash = execute(program, &commitments, agreed, place, &witness);
					assert_eq!(hash, Ok(expected), "{} {:?} {place:?}", world.name, listed.role);
					blocks += 1;
				}
			}
		}
	}
	assert!(blocks > 8_000, "{blocks}");
}

/// Replaces bytes of an operator's output in a trace, as two liars who agree would.
fn agreed(world: &World, role: Role, at: usize, bytes: &[u8]) -> Trace {
	let mut trace = world.trace.clone();
	let operator = world.program().index_of(role).unwrap();
	for (offset, byte) in bytes.iter().enumerate() {
		trace.plant(operator, at + offset, *byte);
	}
	trace
}

/// Executes the first block of an operator over a trace.
fn execute_first(world: &World, trace: &Trace, role: Role) -> Result<Hash, StepError> {
	let operator = world.program().index_of(role).unwrap();
	let place = Place { operator, row: 0, block: 0 };
	let prover = world.prover(trace);
	let witness = prover.record(place).unwrap();
	execute(world.program(), &prover.commitments(), &trace.operators()[..operator], place, &witness)
}

/// Both parties agree on an operator's output that no honest one has: the next one condemns both.
#[test]
fn agreed_nonsense_condemns_both() {
	use crate::definition2::program::Slot::{Dense, Rank, Shared};
	const HUGE: [u8; 4] = [0xff, 0xff, 0xff, 0x7f];
	let worlds = World::all();
	let by_name = |name: &str| worlds.iter().find(|world| world.name == name).unwrap();
	let (llama, mixtral, shared) = (by_name("llama"), by_name("mixtral"), by_name("shared"));
	let adapters = by_name("adapters");
	let (first, second) = (Rank(0), Rank(1));
	let input = 64 * 2;
	let cases: Vec<(&World, Role, usize, &[u8], Role)> = vec![
		(llama, Role::Embed, 0, &HUGE, Role::AttentionInput(0)),
		(llama, Role::AttentionInput(0), 0, &[0xff, 0x7f], Role::Query(0)),
		(llama, Role::AttentionInput(0), input, &[0, 0, 0, 1], Role::Key(0)),
		(llama, Role::AttentionInput(0), input + 4, &[0xff, 0x7f], Role::Value(0)),
		(llama, Role::Query(0), 0, &HUGE, Role::QueryHeads(0)),
		(llama, Role::Key(0), 0, &HUGE, Role::KeyHeads(0)),
		(llama, Role::Value(0), 0, &HUGE, Role::ValueHeads(0)),
		(llama, Role::QueryHeads(0), 16, &HUGE, Role::Attention(0)),
		(llama, Role::KeyHeads(0), 0, &[0x80], Role::Attention(0)),
		(llama, Role::ValueHeads(0), 16, &HUGE, Role::Attention(0)),
		(llama, Role::Attention(0), 0, &HUGE, Role::AttentionOutput(0)),
		(llama, Role::AttentionOutput(0), 0, &[0, 2], Role::AttentionResidual(0)),
		(llama, Role::AttentionResidual(0), 0, &HUGE, Role::Down(0, Dense)),
		(llama, Role::Gate(1, Dense), 0, &HUGE, Role::Hidden(1, Dense)),
		(llama, Role::Up(1, Dense), 0, &HUGE, Role::Hidden(1, Dense)),
		(llama, Role::Hidden(1, Dense), 0, &[0xff, 0x7f], Role::Down(1, Dense)),
		(mixtral, Role::RouterLogits(0), 0, &HUGE, Role::Route(0)),
		(mixtral, Role::Route(0), 0, &[9], Role::Gate(0, Rank(0))),
		(mixtral, Role::Route(0), 0, &[9], Role::Mix(0)),
		(mixtral, Role::Route(0), 4, &[1], Role::Mix(0)),
		(mixtral, Role::Down(0, Rank(1)), 0, &HUGE, Role::Mix(0)),
		(shared, Role::Down(1, Shared), 0, &HUGE, Role::Mix(1)),
		(shared, Role::Attention(1), 0, &HUGE, Role::AttentionOutput(1)),
		(adapters, Role::FeedForwardInput(0), 0, &[0xff, 0x7f], Role::GateIn(0, first)),
		(adapters, Role::FeedForwardInput(0), 0, &[0xff, 0x7f], Role::Up(0, first)),
		(adapters, Role::Route(0), 0, &[4], Role::GateIn(0, first)),
		(adapters, Role::Route(0), 0, &[4], Role::Gate(0, first)),
		// 2^34 and one; the sign of a sum that says nothing else.
		(adapters, Role::GateIn(0, first), 0, &[1, 0, 0, 0, 4, 0, 0, 0], Role::Gate(0, first)),
		(adapters, Role::UpIn(1, second), 39, &[0x7f], Role::Up(1, second)),
		(adapters, Role::Hidden(1, second), 0, &[0xff, 0x7f], Role::DownIn(1, second)),
		(adapters, Role::Hidden(1, second), 0, &[0xff, 0x7f], Role::Down(1, second)),
		(adapters, Role::DownIn(1, second), 7, &[0x80], Role::Down(1, second)),
		(adapters, Role::Gate(0, first), 0, &HUGE, Role::Hidden(0, first)),
		(adapters, Role::Down(0, second), 0, &HUGE, Role::Mix(0)),
		(llama, Role::Logits, 0, &HUGE, Role::LogitPeaks),
		(llama, Role::Logits, 0, &HUGE, Role::LogitSums),
		(llama, Role::LogitPeaks, 0, &HUGE, Role::LogitSums),
		(llama, Role::LogitSums, 5, &[0xff], Role::Loss),
		(llama, Role::Loss, 4, &[1], Role::Total),
	];
	for (world, role, at, bytes, next) in cases {
		let outcome = execute_first(world, &agreed(world, role, at, bytes), next);
		assert_eq!(outcome, Err(StepError::InputImpossible), "{} {role:?} -> {next:?}", world.name);
	}
}

/// Changes bytes of a part's file, seals it, and judges the first block of an operator that reads it.
fn judged_over(world: &World, part: Part, at: u64, bytes: &[u8], role: Role) -> Result<Hash, StepError> {
	let architecture = world.program().architecture();
	let mut files = world.files.clone();
	let file = files.get_mut(&part).unwrap();
	file[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
	let mut parts = world.parts.clone();
	let index = architecture.parts().iter().position(|other| *other == part).unwrap();
	parts[index] = seal(&Layout::of(architecture, part).unwrap(), file).unwrap();
	let prover = Prover { files: &files, parts: &parts, ..world.prover(&world.trace) };
	let operator = world.program().index_of(role).unwrap();
	let place = Place { operator, row: 0, block: 0 };
	let witness = prover.record(place).unwrap();
	let agreed = &world.trace.operators()[..operator];
	execute(world.program(), &prover.commitments(), agreed, place, &witness)
}

/// A file that is sealed but not valid: its tensor root is what it is, and every score over it is wrong.
#[test]
fn invalid_tensors_condemn_both() {
	let worlds = World::all();
	let invalid = Err(StepError::TensorInvalid);
	let first = Part::Layer(0);
	let cases: [(&str, Name, u64, &[u8], Role); 5] = [
		("bitnet", Name::Query, 0, &[0xff], Role::Query(0)),
		("llama", Name::Key, 34, &[0xff, 0x7f], Role::Key(0)),
		("llama", Name::AttentionGain, 0, &[0, 0, 0, 1], Role::AttentionInput(0)),
		("qwen2", Name::ValueBias, 0, &[0, 0, 0, 5], Role::Value(0)),
		("mixtral", Name::Router, 32, &[0xff, 0x4b], Role::RouterLogits(0)),
	];
	for (name, tensor, at, bytes, role) in cases {
		let world = worlds.iter().find(|world| world.name == name).unwrap();
		let layout = Layout::of(world.program().architecture(), first).unwrap();
		let start = layout.section(tensor).unwrap().range.start;
		assert_eq!(judged_over(world, first, start + at, bytes, role), invalid, "{name} {tensor:?}");
	}
	// Scales in the header: not normalised, a gain with a peak, an int4 matrix whose groups exceed theirs.
	let scale = |section: u64| 448 + 16 * section;
	assert_eq!(judged_over(&worlds[0], first, scale(1) + 3, &[0], Role::Query(0)), invalid);
	assert_eq!(judged_over(&worlds[0], first, scale(0) + 8, &[1], Role::AttentionInput(0)), invalid);
	assert_eq!(judged_over(&worlds[0], first, scale(1) + 8, &[1, 0, 0, 0], Role::Query(0)), invalid);
	assert!(judged_over(&worlds[0], first, scale(1) + 8, &[0xff; 3], Role::Query(0)).is_ok());
}

/// The candidate's root is the statement's, and its weights are proven against that alone; the baseline's model root
/// still has the head of the slot.
#[test]
fn a_candidate_is_proven_by_its_own_root() {
	use crate::definition2::program::Slot::Rank;
	let mut candidates = 0;
	for world in World::all() {
		let Some(slot) = world.candidate else { continue };
		let (program, prover) = (world.program(), world.prover(&world.trace));
		let commitments = prover.commitments();
		let route = program.index_of(Role::Route(slot.layer)).unwrap();
		let choices = |row| world.trace.row(route, row).unwrap().as_chunks::<6>().0;
		let is_slot = |choice: &[u8; 6]| u16::from_le_bytes([choice[0], choice[1]]) == slot.expert;
		let chosen = (0..POSITIONS).find_map(|row| Some((row, choices(row).iter().position(is_slot)?)));
		let (row, rank) = chosen.expect("some token goes to the candidate");
		let operator = program.index_of(Role::Down(slot.layer, Rank(rank as u8))).unwrap();
		let place = Place { operator, row, block: 0 };
		let witness = prover.record(place).unwrap();
		let is_bare =
			|evidence: &Evidence| matches!(evidence, Evidence::Part { path, .. } if path.is_empty());
		assert_eq!(witness.0.iter().filter(|evidence| is_bare(evidence)).count(), 1, "{}", world.name);
		let agreed = &world.trace.operators()[..operator];
		let judged =
			|candidate| execute(program, &Commitments { candidate, ..commitments }, agreed, place, &witness);
		assert!(judged(Some(slot)).is_ok());
		let other = Some(CandidateSlot { tensor_root: [1; 32], ..slot });
		assert_eq!(judged(other), Err(StepError::WitnessUnproven));
		// The model root is asked for, or is proven already where the layer's part was read first.
		let refusal = match world.name {
			"adapters" => StepError::WitnessUnproven,
			_ => StepError::WitnessMalformed,
		};
		assert_eq!(judged(None), Err(refusal));
		let elsewhere = Some(CandidateSlot { expert: slot.expert + 1, ..slot });
		assert_eq!(judged(elsewhere), Err(refusal));
		candidates += 1;
	}
	assert_eq!(candidates, 4);
}

fn evidence_bytes(evidence: &mut Evidence) -> Vec<&mut u8> {
	fn flat(hashes: &mut [Hash]) -> impl Iterator<Item = &mut u8> {
		hashes.as_flattened_mut().iter_mut()
	}
	match evidence {
		Evidence::Blocks { bytes, row, path } => {
			bytes.iter_mut().chain(flat(row)).chain(flat(path)).collect()
		}
		Evidence::Output(bytes) => bytes.iter_mut().collect(),
		Evidence::Model { parts, experts } => parts.iter_mut().chain(experts).collect(),
		Evidence::Part { scales, tiles, path } => scales.iter_mut().chain(tiles).chain(flat(path)).collect(),
		Evidence::Chunks { bytes, others, path } => {
			bytes.iter_mut().chain(flat(others)).chain(flat(path)).collect()
		}
		Evidence::Sequence { bytes, path } => bytes.iter_mut().chain(flat(path)).collect(),
		Evidence::Tile { scales, tiles, bytes, path } => {
			scales.iter_mut().chain(tiles).chain(bytes).chain(flat(path)).collect()
		}
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(256))]

	/// No changed bit, dropped, doubled or swapped piece of a witness goes through.
	#[test]
	fn a_damaged_witness_proves_nothing(
		family in 0..golden::ARCHITECTURES.len(), operator: prop::sample::Index, row: prop::sample::Index,
		damage in 0..6_u8, at: prop::sample::Index, bit in 0..8_u8,
	) {
		let world = &World::all()[family];
		let program = world.program();
		let operator = operator.index(program.operators().len());
		let place = Place { operator, row: row.index(program.operator(operator).unwrap().shape.rows), block: 0 };
		let prover = world.prover(&world.trace);
		let honest = prover.record(place).unwrap();
		let mut witness = honest.clone();
		let piece = at.index(witness.0.len());
		match damage {
			0 => drop(witness.0.remove(piece)),
			1 => witness.0.insert(piece, honest.0[piece].clone()),
			2 => witness.0.push(Evidence::Output(Vec::new())),
			3 if honest.0.len() > 1 => {
				let other = (piece + 1) % honest.0.len();
				prop_assume!(honest.0[piece] != honest.0[other]);
				witness.0.swap(piece, other);
			}
			4 => match &mut witness.0[piece] {
				Evidence::Blocks { path, .. } | Evidence::Part { path, .. } | Evidence::Chunks { path, .. } => {
					path.push([0; 32]);
				}
				_ => drop(witness.0.pop()),
			},
			_ => {
				let mut bytes = evidence_bytes(&mut witness.0[piece]);
				prop_assume!(!bytes.is_empty());
				let at = at.index(bytes.len());
				*bytes[at] ^= 1 << bit;
			}
		}
		let outcome = execute(program, &prover.commitments(), &world.trace.operators()[..operator], place, &witness);
		prop_assert!(matches!(outcome, Err(StepError::WitnessMalformed | StepError::WitnessUnproven)), "{outcome:?}");
	}

	/// Whatever a place says, there is an answer.
	#[test]
	fn places_outside_the_program_are_refused(operator in 0_usize..80, row in 0_usize..60, block in 0_usize..20) {
		let world = &World::all()[0];
		let shape = world.program().operator(operator).map(|operator| operator.shape);
		prop_assume!(shape.is_none_or(|shape| row >= shape.rows || block >= shape.blocks()));
		let commitments = world.prover(&world.trace).commitments();
		let place = Place { operator, row, block };
		let outcome = execute(world.program(), &commitments, &[[0; 32]; 80], place, &Witness::default());
		prop_assert_eq!(outcome, Err(StepError::NoSuchPlace));
	}
}

#[test]
fn a_file_of_another_shape_or_an_unknown_part_is_not_recorded() {
	let world = &World::all()[0];
	let operator = world.program().index_of(Role::Query(0)).unwrap();
	let place = Place { operator, row: 0, block: 0 };
	let mut files = world.files.clone();
	files.insert(Part::Layer(0), world.files[&Part::Head].clone());
	let prover = Prover { files: &files, ..world.prover(&world.trace) };
	assert_eq!(prover.record(place), Err(StepError::NoSuchPlace));
	files.remove(&Part::Layer(0));
	let prover = Prover { files: &files, ..world.prover(&world.trace) };
	assert_eq!(prover.record(place), Err(StepError::NoSuchPlace));
}
