use super::{prover::stored_root, *};
use crate::{
	block::{write_expert, write_trunk},
	config::ModelConfig,
	golden::{random_expert, random_model, OwnedModel},
	Model, Trace,
};
use proptest::prelude::*;
use std::string::String;

/// A model, a candidate for one of its slots, and a holdout.
struct World {
	owned: OwnedModel,
	trunk: Vec<u8>,
	experts: Vec<Vec<u8>>,
	candidate: Vec<u8>,
	slot: (u8, u16),
	holdout: Vec<u8>,
	trace: Trace,
}

const SEQUENCE: u32 = 2;

impl World {
	fn new(config: ModelConfig, len: usize) -> Self {
		let owned = random_model(config, b"step");
		let trunk = write_trunk(&owned.trunk, &config).unwrap();
		let experts = owned.experts.iter().map(|expert| write_expert(expert, &config).unwrap()).collect();
		let candidate = random_expert(&config, b"candidate");
		let slot = (config.layers - 1, 1);
		let holdout: Vec<u8> = (0..5 * len).map(|i| (i * i % 251) as u8).collect();
		let text = &holdout[SEQUENCE as usize * len..][..len];
		let mut changed: Vec<_> = owned.experts.iter().collect();
		changed[config.slot_index(slot.0, slot.1).unwrap() as usize] = &candidate;
		let trace = Trace::of(&Model::new(config, &owned.trunk, changed).unwrap(), text).unwrap();
		let candidate = write_expert(&candidate, &config).unwrap();
		Self { trunk, experts, candidate, slot, holdout, trace, owned }
	}

	/// Hands a prover for the trace with the candidate to `work`.
	fn prove<T>(&self, trace: &Trace, work: impl FnOnce(&Prover<'_>) -> T) -> T {
		let config = &self.owned.config;
		let heads: Vec<Hash> = self.experts.iter().map(|file| stored_root(file).unwrap()).collect();
		let mut experts: Vec<&[u8]> = self.experts.iter().map(Vec::as_slice).collect();
		experts[config.slot_index(self.slot.0, self.slot.1).unwrap() as usize] = &self.candidate;
		work(&Prover {
			trace,
			trunk: &self.trunk,
			heads: &heads,
			experts: &experts,
			candidate: Some(CandidateSlot {
				layer: self.slot.0,
				expert: self.slot.1,
				tensor_root: stored_root(&self.candidate).unwrap(),
			}),
			holdout: &self.holdout,
			sequence: SEQUENCE,
		})
	}
}

fn small(head_size: u16, top_k: u8) -> ModelConfig {
	let d_model = 192;
	let heads = (d_model / head_size) as u8;
	ModelConfig { d_model, d_ff: 128, layers: 2, heads, experts: 3, top_k, context: 40 }
}

/// Every block of every operator, computed by itself from its witness, is the block of the trace. The head size of
/// 48 does not divide a block of 64 columns, and 35 positions do not fill the last block of keys.
#[test]
fn every_block_of_a_trace_follows_from_its_witness() {
	for config in [small(48, 2), small(64, 1), small(2, 2)] {
		let world = World::new(config, 35);
		let program = *world.trace.program();
		world.prove(&world.trace, |prover| {
			let commitments = prover.commitments().unwrap();
			for operator in 0..program.operators() {
				let shape = program.shape_at(operator).unwrap();
				for row in [0, 1, shape.rows / 2, shape.rows - 1] {
					let expected =
						shape.block_hashes(world.trace.row(operator, row.min(shape.rows - 1)).unwrap());
					for (block, expected) in expected.into_iter().enumerate() {
						let place = Place { operator, row: row.min(shape.rows - 1), block };
						let witness = prover.record(place).unwrap();
						let agreed = &world.trace.operators()[..operator];
						let hash = execute(&program, &commitments, agreed, place, &witness);
						assert_eq!(hash, Ok(expected), "{:?} {place:?}", program.operator(operator));
					}
				}
			}
		});
	}
}

/// The largest architecture: no witness exceeds 256 KiB. (Sizes do not depend on values, so a model of zeros does.)
#[test]
fn witnesses_of_the_largest_model_stay_below_256_kib() {
	let config =
		ModelConfig { d_model: 512, d_ff: 2_048, layers: 1, heads: 8, experts: 4, top_k: 2, context: 256 };
	let world = World::new(config, 256);
	let program = *world.trace.program();
	world.prove(&world.trace, |prover| {
		let commitments = prover.commitments().unwrap();
		let mut largest = (0, String::new());
		for operator in 0..program.operators() {
			let shape = program.shape_at(operator).unwrap();
			for block in 0..shape.blocks() {
				let place = Place { operator, row: shape.rows - 1, block };
				let witness = prover.record(place).unwrap();
				let hash =
					execute(&program, &commitments, &world.trace.operators()[..operator], place, &witness);
				let row = world.trace.row(operator, place.row).unwrap();
				assert_eq!(hash, Ok(shape.block_hashes(row)[block]));
				let size = size_of_witness(&witness);
				if size > largest.0 {
					largest = (size, std::format!("{:?}", program.operator(operator).unwrap()));
				}
			}
		}
		assert!(largest.0 <= 256 * 1024, "{largest:?}");
	});
}

/// Bytes of the content, which is the SCALE encoding but for a few bytes of lengths and tags each.
fn size_of_witness(witness: &Witness) -> usize {
	let hashes = |hashes: &[Hash]| 32 * hashes.len();
	let size = |evidence: &Evidence| match evidence {
		Evidence::Blocks { bytes, others, path } => bytes.len() + hashes(others) + hashes(path),
		Evidence::Output(bytes) => bytes.len(),
		Evidence::Model { .. } => 64,
		Evidence::Head { path, .. } => 32 + hashes(path),
		Evidence::Tile { bytes, path, .. } => bytes.len() + 32 + hashes(path),
		Evidence::Sequence { bytes, path } => bytes.len() + hashes(path),
	};
	witness.0.iter().map(|evidence| size(evidence) + 16).sum()
}

/// Both parties agree on an operator's output that no honest one has: the next one still ends in an error or in a
/// value, never in a panic.
#[test]
fn agreed_nonsense_condemns_both() {
	let world = World::new(small(48, 2), 20);
	let program = *world.trace.program();
	let nonsense = [
		(Operator::Embed, 3, 0x7f, Operator::AttentionInput(0)),
		(Operator::AttentionInput(0), 5, 0x80, Operator::Query(0)),
		(Operator::AttentionInput(0), 195, 0xff, Operator::Value(0)),
		(Operator::Key(0), 3, 0x7f, Operator::KeyHeads(0)),
		(Operator::QueryHeads(0), 195, 0x80, Operator::Attention(0)),
		(Operator::KeyHeads(0), 51, 0x7f, Operator::Attention(0)),
		(Operator::ValueHeads(0), 0, 0x80, Operator::Attention(0)),
		(Operator::Attention(0), 3, 0x7f, Operator::AttentionOutput(0)),
		(Operator::RouterLogits(0), 3, 0x7f, Operator::Route(0)),
		(Operator::Route(0), 1, 0xff, Operator::Up(0, 0)),
		(Operator::Route(0), 5, 0xff, Operator::Mix(0)),
		(Operator::Up(1, 1), 3, 0x7f, Operator::Hidden(1, 1)),
		(Operator::Logits, 3, 0x7f, Operator::Loss),
		(Operator::Loss, 7, 0xff, Operator::Total),
	];
	for (operator, at, byte, next) in nonsense {
		let mut trace = world.trace.clone();
		trace.plant(program.index_of(operator), at, byte);
		// The recorder refuses to compute on it as well, so the witness is put together from the honest trace.
		let place = Place { operator: program.index_of(next), row: 0, block: 0 };
		let outcome = world.prove(&trace, |prover| prover.record(place));
		assert_eq!(outcome, Err(StepError::InputImpossible), "{operator:?} -> {next:?}");
	}
}

fn evidence_bytes(evidence: &mut Evidence) -> Vec<&mut u8> {
	fn flat(hash: &mut [Hash]) -> impl Iterator<Item = &mut u8> {
		hash.as_flattened_mut().iter_mut()
	}
	match evidence {
		Evidence::Blocks { bytes, others, path } => {
			bytes.iter_mut().chain(flat(others)).chain(flat(path)).collect()
		}
		Evidence::Output(bytes) => bytes.iter_mut().collect(),
		Evidence::Model { trunk, heads } => trunk.iter_mut().chain(heads).collect(),
		Evidence::Head { tensor_root, path } => tensor_root.iter_mut().chain(flat(path)).collect(),
		Evidence::Tile { bytes, tiles, path } => bytes.iter_mut().chain(tiles).chain(flat(path)).collect(),
		Evidence::Sequence { bytes, path } => bytes.iter_mut().chain(flat(path)).collect(),
	}
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(64))]

	/// No changed bit, dropped, doubled or swapped piece of a witness goes through.
	#[test]
	fn a_damaged_witness_proves_nothing(operator: prop::sample::Index, row: prop::sample::Index, damage in 0..5_u8, at: prop::sample::Index, bit in 0..8_u8) {
		static WORLD: std::sync::OnceLock<World> = std::sync::OnceLock::new();
		let world = WORLD.get_or_init(|| World::new(small(48, 2), 20));
		let program = *world.trace.program();
		let operator = operator.index(program.operators());
		let place = Place { operator, row: row.index(program.shape_at(operator).unwrap().rows), block: 0 };
		let (commitments, honest) =
			world.prove(&world.trace, |prover| (prover.commitments().unwrap(), prover.record(place).unwrap()));
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
			_ => {
				let mut bytes = evidence_bytes(&mut witness.0[piece]);
				let at = at.index(bytes.len());
				*bytes[at] ^= 1 << bit;
			}
		}
		let outcome = execute(&program, &commitments, &world.trace.operators()[..operator], place, &witness);
		prop_assert!(matches!(outcome, Err(StepError::WitnessMalformed | StepError::WitnessUnproven)), "{outcome:?}");
	}

	/// Whatever a place says, there is an answer.
	#[test]
	fn places_outside_the_program_are_refused(operator in 0_usize..60, row in 0_usize..60, block in 0_usize..20) {
		let program = Program::new(small(48, 2), 20).unwrap();
		let shape = program.shape_at(operator);
		prop_assume!(shape.is_none_or(|shape| row >= shape.rows || block >= shape.blocks()));
		let commitments = Commitments {
			model_root: [0; 32], candidate: None, holdout_root: [0; 32], holdout_sequences: 1, sequence: 0,
		};
		let outcome =
			execute(&program, &commitments, &[[0; 32]; 60], Place { operator, row, block }, &Witness::default());
		prop_assert_eq!(outcome, Err(StepError::NoSuchPlace));
	}
}
